"""What one can do with chats; each method is one transaction."""

from kaif.engines.database import AlreadyExists, Database, Transaction
from kaif.interfaces.auth import Auth, Nothing, Person
from kaif.interfaces.messaging import (
    AddMembers,
    Chat,
    ChatId,
    Chats,
    CreateChat,
    Entries,
    Entry,
    GetChat,
    ListChats,
    ListEntries,
    ListMembers,
    Log,
    MarkRead,
    Members,
    Outcome,
    Outcomes,
    Outgoing,
    ReadMark,
    RemoveMember,
    SendBatch,
    SendMessage,
    Standings,
)
from kaif.interfaces.messaging.errors import ChatNotFound, MembersHidden, OwnersOnly
from kaif.interfaces.messaging.naming import NAMING
from kaif.kernel.actor import Actor
from kaif.kernel.clock import Clock
from kaif.kernel.errors import Invalid, KaifError
from kaif.kernel.ids import new_id
from kaif.services.messaging import chat_store, chat_views, entry_store, member_store, model, people_store
from kaif.services.messaging.attachments.attaching import Attaching, Held
from kaif.services.messaging.bots import callbacks_store
from kaif.services.messaging.chats import naming_store
from kaif.services.messaging.chats.finding import MemberFinder
from kaif.services.messaging.chats.membership import Membership, require, require_person
from kaif.services.messaging.chats.reading import Reading
from kaif.services.messaging.entry_rules import Place, StoredEntry
from kaif.services.messaging.invitations import store as invitation_store
from kaif.services.messaging.invitations.telling import tell_staff
from kaif.services.messaging.messages import mention_store, viewing
from kaif.services.messaging.model import OWNER
from kaif.services.messaging.privacy import consent
from kaif.services.messaging.rights import Right, may_act_on
from kaif.services.messaging.sending.announcing import Announcer
from kaif.services.messaging.sending.batches import Sent
from kaif.services.messaging.sending.sender import Sender
from kaif.services.messaging.topics.reading import TopicReading


class MessagingService:
    def __init__(
        self,
        database: Database,
        auth: Auth,
        announcer: Announcer,
        sender: Sender,
        attaching: Attaching,
        clock: Clock,
    ) -> None:
        self._database, self._attaching = database, attaching
        self._announcer, self._sender, self._clock = announcer, sender, clock
        self._membership = Membership(auth, clock)
        self._reading = Reading(database, clock)
        self._topics = TopicReading(database, announcer, clock)
        self._finder = MemberFinder(database)

    # Chats

    async def create_chat(self, actor: Actor, request: CreateChat) -> Chat:
        others = list(dict.fromkeys(user_id for user_id in request.members if user_id != actor.user_id))
        title = ""
        match request.kind:
            case "direct":
                others = [model.only_other(actor.user_id, request.members)]
                once = model.once_direct(actor.user_id, others[0])
            case "saved":
                once, others = model.once_saved(actor.user_id), []
            case _:
                title = model.cleaned_title(request.title)
                once = model.once_made(request.kind, actor.user_id, request.ref or new_id())
        chat_id = await chat_store.find_chat_made_once(self._database, once)
        if chat_id is None:
            people = await self._membership.get_people(self._database, [actor.user_id, *others])
            if request.kind in ("group", "channel"):
                require_person(people[0])
            chat_id = await self._create_once(actor, Place(ChatId(new_id()), request.kind), title, once, people)
        return await self.get_chat(actor, GetChat(chat_id))

    async def _create_once(self, actor: Actor, place: Place, title: str, once: str, people: list[Person]) -> ChatId:
        others = [person.id for person in people if person.id != actor.user_id]
        everyone = [actor.user_id, *others]
        try:
            async with self._database.transaction() as tx:
                unanswered = await self._require_consent(tx, actor, place, people)
                await chat_store.add_chat(tx, place, title, actor.user_id, once, self._clock())
                await member_store.add_members(tx, place, [actor.user_id], OWNER)
                await member_store.add_members(tx, place, others, unanswered=unanswered)
                entry = await self._membership.record(tx, place, "created", actor.user_id, everyone, title)
        except AlreadyExists:
            made = await chat_store.find_chat_made_once(self._database, once)
            assert made, "the row that was in the way is gone"
            return made
        await self._announcer.announce_change(place, entry, joined=everyone)
        return place.chat_id

    async def _require_consent(self, tx: Transaction, actor: Actor, place: Place, people: list[Person]) -> bool:
        """Whether a stranger begins a direct chat. Raises PersonNotReachable, InvitationNeeded."""
        others = [person.id for person in people if person.id != actor.user_id]
        if place.kind != "direct":
            await consent.require_addable(tx, actor.user_id, others)
            await people_store.remember_people(tx, people)
            return False
        # Whoever blocks takes this lock too: one comes after the other.
        await people_store.lock_people(tx, people)
        return not await consent.require_reachable(tx, actor.user_id, others[0])

    async def list_chats(self, actor: Actor, request: ListChats) -> Chats:
        before = chat_views.parse_chat_cursor(request.cursor) if request.cursor else None
        rows = await chat_store.chats_of(self._database, actor.user_id, before, request.limit + 1)
        page = rows[: request.limit]
        next_cursor = chat_views.chat_cursor(page[-1]) if len(rows) > request.limit else None
        return Chats(await self._reading.described(actor.user_id, page), next_cursor)

    async def get_chat(self, actor: Actor, request: GetChat) -> Chat:
        return await self._reading.get_chat(request.chat_id, actor.user_id)

    async def get_standings(self, actor: Actor, request: Nothing) -> Standings:
        # First of all: a press that comes in between is told by itself, for the socket listens already.
        callbacks = await callbacks_store.newest_number(self._database, actor.user_id)
        return Standings(await chat_store.standings_of(self._database, actor.user_id), callbacks)

    # Messages

    async def send_message(self, actor: Actor, request: SendMessage) -> Entry:
        if not request.attachments:
            return await self._send(actor, request, Held())
        async with self._attaching.holding(actor.user_id, request.attachments) as held:
            return await self._send(actor, request, held)

    async def _send(self, actor: Actor, request: SendMessage, held: Held) -> Entry:
        message = Outgoing(
            actor.user_id,
            request.chat_id,
            request.ref,
            request.text,
            request.reply_to,
            request.quote,
            request.silent,
            buttons=request.buttons,
            topic_id=request.topic_id,
            without_preview=request.without_preview,
            attachments=held.attachments,
            hold=held.hold,
            late=request.late,
        )
        return await self._sender.send_one(message)

    async def send_batch(self, actor: Actor, request: SendBatch) -> Outcomes:
        return Outcomes([_outcome(sent) for sent in await self._sender.send(request.messages)])

    async def list_entries(self, actor: Actor, request: ListEntries) -> Entries:
        rows = await self._rows(actor, request)
        return Entries(await viewing.shown_to(self._database, actor.user_id, request.chat_id, rows))

    async def list_log(self, actor: Actor, request: ListEntries) -> Log:
        rows = await self._rows(actor, request)
        entries = await viewing.shown(self._database, request.chat_id, rows)
        naming = any(row.kind in NAMING for row in rows)
        return Log(entries, await naming_store.seers_of(self._database, request.chat_id) if naming else None)

    async def _rows(self, actor: Actor, request: ListEntries) -> list[StoredEntry]:
        if request.after is not None and request.before is not None:
            raise Invalid("Give either after or before.", path="$.before")
        if request.topic_id is not None:
            return await self._topics.list_rows(actor, request, request.topic_id)
        await self._membership.get_member(self._database, request.chat_id, actor.user_id)
        if request.after is not None:
            return await entry_store.entries_after(self._database, request.chat_id, request.after, request.limit)
        before = request.before or 2**53 + 1
        return await entry_store.entries_before(self._database, request.chat_id, before, request.limit)

    async def mark_read(self, actor: Actor, request: MarkRead) -> ReadMark:
        if request.topic_id is not None:
            return await self._topics.mark_read(actor, request, request.topic_id)
        await self._membership.get_member(self._database, request.chat_id, actor.user_id)
        row = await entry_store.find_entry(self._database, request.chat_id, request.seq)
        if row is None:
            raise Invalid("There is no such entry yet.", path="$.seq")
        async with self._database.transaction() as tx:
            mark = (request.chat_id, actor.user_id, row.seq, row.messages)
            await member_store.move_read_marks(tx, [mark])
            await mention_store.mark_read(tx, actor.user_id, request.chat_id, row.seq)
        chat = await chat_store.find_chat(self._database, request.chat_id, actor.user_id)
        if chat is None:
            raise ChatNotFound
        await self._announcer.announce_read(chat.id, actor.user_id, chat.read_seq, to_everyone=bool(chat.marks_shown))
        return ReadMark(chat.read_seq, chat.messages - chat.read_messages)

    # Members

    async def list_members(self, actor: Actor, request: ListMembers) -> Members:
        rights = await self._membership.get_rights(self._database, request.chat_id, actor.user_id)
        if Right.STAFF not in rights and await member_store.are_hidden(self._database, request.chat_id):
            raise MembersHidden
        now_us = self._clock()
        if request.who == "staff":
            staff = await member_store.staff_of(self._database, request.chat_id)
            return Members([chat_views.member_of(row, now_us) for row in staff], None)
        if request.query.strip():
            found = await self._finder.find(request.chat_id, request.query, request.limit, request.cursor)
            return Members([chat_views.member_of(row, now_us) for row in found.members], found.next_cursor)
        rows = await member_store.members_of(self._database, request.chat_id, request.cursor, request.limit + 1)
        page = rows[: request.limit]
        next_cursor = page[-1].id if len(rows) > request.limit else None
        return Members([chat_views.member_of(row, now_us) for row in page], next_cursor)

    async def add_members(self, actor: Actor, request: AddMembers) -> Chat:
        people = await self._membership.get_people(self._database, list(dict.fromkeys(request.user_ids)))
        entry, answered = None, 0
        async with self._database.transaction() as tx:
            place, rights = await self._membership.lock(tx, request.chat_id, actor.user_id)
            require(rights, Right.INVITE)
            await consent.require_addable(tx, actor.user_id, [one.id for one in people if one.id != actor.user_id])
            new = await self._membership.let_in(tx, place, people)
            if new:
                answered = await invitation_store.take_requests(tx, place.chat_id, new)
                entry = await self._membership.record(tx, place, "joined", actor.user_id, new)
        if new:
            await self._announcer.announce_change(place, entry, joined=new)
        if answered:
            await tell_staff(self._database, self._announcer, place.chat_id)
        return await self.get_chat(actor, GetChat(request.chat_id))

    async def remove_member(self, actor: Actor, request: RemoveMember) -> Nothing:
        entry = None
        async with self._database.transaction() as tx:
            place, rights = await self._membership.lock(tx, request.chat_id, actor.user_id)
            if request.user_id != actor.user_id:
                require(rights, Right.BAN)
                target = await member_store.find_member(tx, place.chat_id, request.user_id)
                if target and not may_act_on(rights, target.role):
                    raise OwnersOnly
            removed = await self._membership.take_out(tx, place, request.user_id)
            if removed:
                entry = await self._membership.record(tx, place, "left", actor.user_id, [request.user_id])
        if removed:
            await self._announcer.announce_change(place, entry, left=[request.user_id])
        return Nothing()


def _outcome(sent: Sent | KaifError) -> Outcome:
    if isinstance(sent, KaifError):
        retry_after_ms = int(str(sent.details.get("retry_after_ms", 0)))
        return Outcome(code=sent.code, detail=str(sent), retry_after_ms=retry_after_ms)
    return Outcome(sent.entry.seq, sent.entry if sent.repeated else None)

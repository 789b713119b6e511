"""What one can do with chats; each method is one transaction."""

from collections.abc import Sequence

from kaif.engines.database import AlreadyExists, Database, Transaction
from kaif.interfaces.auth import Auth, GetPeople, Nothing, Person
from kaif.interfaces.messaging import (
    READ_MARKS_SHOWN_MEMBERS_MAX,
    AddMembers,
    Chat,
    ChatId,
    ChatNotFound,
    Chats,
    CreateChat,
    Entries,
    Entry,
    EntryKind,
    GetChat,
    ListChats,
    ListEntries,
    ListMembers,
    MarkRead,
    Members,
    NotAGroup,
    Outcome,
    Outcomes,
    Outgoing,
    OwnersOnly,
    ReadMark,
    RemoveMember,
    SendBatch,
    SendMessage,
    Standings,
    TooManyMembers,
    UnknownMember,
)
from kaif.kernel.actor import Actor, UserId
from kaif.kernel.clock import Clock, as_datetime
from kaif.kernel.errors import Invalid, KaifError
from kaif.kernel.ids import new_id
from kaif.services.messaging import message_store, model, store, viewing
from kaif.services.messaging.announcing import Announcer
from kaif.services.messaging.model import OWNER, Place, StoredChat, StoredEntry
from kaif.services.messaging.sending import Sender, Sent


class MessagingService:
    def __init__(self, database: Database, auth: Auth, announcer: Announcer, sender: Sender, clock: Clock) -> None:
        self._database, self._auth = database, auth
        self._announcer, self._sender, self._clock = announcer, sender, clock

    # Chats

    async def create_chat(self, actor: Actor, request: CreateChat) -> Chat:
        match request.kind:
            case "direct":
                other = model.only_other(actor.user_id, request.members)
                once, title, others = model.once_direct(actor.user_id, other), "", [other]
            case "group":
                title = model.cleaned_title(request.title)
                once = model.once_group(actor.user_id, request.ref or new_id())
                others = list(dict.fromkeys(user_id for user_id in request.members if user_id != actor.user_id))
        chat_id = await store.find_chat_made_once(self._database, once)
        if chat_id is None:
            people = await self._get_people([actor.user_id, *others])
            chat_id = await self._create_once(actor, Place(ChatId(new_id()), request.kind), title, once, people)
        return await self.get_chat(actor, GetChat(chat_id))

    async def _create_once(self, actor: Actor, place: Place, title: str, once: str, people: list[Person]) -> ChatId:
        others = [person.id for person in people if person.id != actor.user_id]
        try:
            async with self._database.transaction() as tx:
                await store.add_chat(tx, place, title, actor.user_id, once, self._clock())
                await store.remember_people(tx, people)
                await store.add_members(tx, place, [actor.user_id], OWNER)
                await store.add_members(tx, place, others)
                entry = await self._append(tx, place, "created", actor.user_id, [actor.user_id, *others], title)
        except AlreadyExists:
            made = await store.find_chat_made_once(self._database, once)
            assert made, "the row that was in the way is gone"
            return made
        await self._announcer.announce_membership(entry, place)
        return place.chat_id

    async def _append(
        self, tx: Transaction, place: Place, kind: EntryKind, by: UserId, whom: list[UserId], title: str = ""
    ) -> Entry:
        """Append an entry that changes who is in the chat."""
        place.seq += 1
        place.members_seq = place.shown_seq = place.seq
        now_us = self._clock()
        entry = Entry(place.chat_id, place.seq, kind, by, as_datetime(now_us), user_ids=whom, title=title)
        await store.append(tx, [entry], [place.messages], now_us)
        await store.advance(tx, [place], now_us)
        return entry

    async def _get_people(self, ids: Sequence[UserId]) -> list[Person]:
        """Whom we know already, and from auth those of whom its news has not come yet. Raises UnknownMember."""
        known = {person.id: person for person in await store.known_people(self._database, ids)}
        missing = [user_id for user_id in ids if user_id not in known]
        if missing:
            found = await self._auth.get_people(Actor(), GetPeople(missing))
            known |= {person.id: person for person in found.people}
        if len(known) < len(ids):
            raise UnknownMember(path="$.members")
        return [known[user_id] for user_id in ids]

    async def list_chats(self, actor: Actor, request: ListChats) -> Chats:
        before = model.parse_chat_cursor(request.cursor) if request.cursor else None
        rows = await store.chats_of(self._database, actor.user_id, before, request.limit + 1)
        page = rows[: request.limit]
        next_cursor = model.chat_cursor(page[-1]) if len(rows) > request.limit else None
        return Chats(await self._described(actor, page), next_cursor)

    async def get_chat(self, actor: Actor, request: GetChat) -> Chat:
        row = await store.find_chat(self._database, request.chat_id, actor.user_id)
        if row is None:
            raise ChatNotFound
        return (await self._described(actor, [row]))[0]

    async def _described(self, actor: Actor, rows: Sequence[StoredChat]) -> list[Chat]:
        ids = [row.id for row in rows]
        people = await store.people_shown(self._database, ids)
        last = {row.chat_id: model.entry_of(row) for row in await store.last_entries(self._database, ids)}
        if hiding := [row.id for row in rows if row.hidden]:
            for chat_id in await message_store.chats_with_last_hidden(self._database, actor.user_id, hiding):
                last[chat_id] = viewing.without_content(last[chat_id])
        return [model.chat_of(row, people.get(row.id, []), last.get(row.id)) for row in rows]

    async def get_standings(self, actor: Actor, request: Nothing) -> Standings:
        return Standings(await store.standings_of(self._database, actor.user_id))

    # Messages

    async def send_message(self, actor: Actor, request: SendMessage) -> Entry:
        message = Outgoing(
            actor.user_id,
            request.chat_id,
            request.ref,
            request.text,
            request.reply_to,
            request.quote,
            request.silent,
        )
        (sent,) = await self._sender.send([message])
        if isinstance(sent, KaifError):
            raise sent
        return sent.entry

    async def send_batch(self, actor: Actor, request: SendBatch) -> Outcomes:
        return Outcomes([_outcome(sent) for sent in await self._sender.send(request.messages)])

    async def list_entries(self, actor: Actor, request: ListEntries) -> Entries:
        rows = await self._rows(actor, request)
        return Entries(await viewing.shown_to(self._database, actor.user_id, request.chat_id, rows))

    async def list_log(self, actor: Actor, request: ListEntries) -> Entries:
        rows = await self._rows(actor, request)
        return Entries(await viewing.shown(self._database, request.chat_id, rows))

    async def _rows(self, actor: Actor, request: ListEntries) -> list[StoredEntry]:
        if request.after is not None and request.before is not None:
            raise Invalid("Give either after or before.", path="$.before")
        await self._must_be_in(request.chat_id, actor.user_id)
        if request.after is not None:
            return await store.entries_after(self._database, request.chat_id, request.after, request.limit)
        before = request.before or 2**53 + 1
        return await store.entries_before(self._database, request.chat_id, before, request.limit)

    async def mark_read(self, actor: Actor, request: MarkRead) -> ReadMark:
        await self._must_be_in(request.chat_id, actor.user_id)
        row = await store.find_entry(self._database, request.chat_id, request.seq)
        if row is None:
            raise Invalid("There is no such entry yet.", path="$.seq")
        async with self._database.transaction() as tx:
            mark = (request.chat_id, actor.user_id, row.seq, row.messages)
            await store.move_read_marks(tx, [mark])
        chat = await store.find_chat(self._database, request.chat_id, actor.user_id)
        if chat is None:
            raise ChatNotFound
        if chat.members <= READ_MARKS_SHOWN_MEMBERS_MAX:
            await self._announcer.announce_read(chat.id, actor.user_id, chat.read_seq)
        return ReadMark(chat.read_seq, chat.messages - chat.read_messages)

    async def _must_be_in(self, chat_id: ChatId, user_id: UserId) -> None:
        if not await store.is_member(self._database, chat_id, user_id):
            raise ChatNotFound

    # Members

    async def list_members(self, actor: Actor, request: ListMembers) -> Members:
        await self._must_be_in(request.chat_id, actor.user_id)
        people = await store.members_of(self._database, request.chat_id, request.cursor, request.limit + 1)
        page = people[: request.limit]
        return Members(page, page[-1].id if len(people) > request.limit else None)

    async def add_members(self, actor: Actor, request: AddMembers) -> Chat:
        people = await self._get_people(list(dict.fromkeys(request.user_ids)))
        async with self._database.transaction() as tx:
            place = await self._lock_group(tx, request.chat_id, actor.user_id)
            there = await store.memberships(tx, [(place.chat_id, person.id) for person in people])
            new = [person.id for person in people if (place.chat_id, person.id) not in there]
            if await store.count_members(tx, place.chat_id) + len(new) > model.GROUP_MEMBERS_MAX:
                raise TooManyMembers
            if new:
                await store.remember_people(tx, people)
                await store.add_members(tx, place, new)
                entry = await self._append(tx, place, "joined", actor.user_id, new)
        if new:
            await self._announcer.announce_membership(entry, place)
        return await self.get_chat(actor, GetChat(request.chat_id))

    async def remove_member(self, actor: Actor, request: RemoveMember) -> Nothing:
        async with self._database.transaction() as tx:
            place = await self._lock_group(tx, request.chat_id, actor.user_id)
            role = await store.role_of(tx, place.chat_id, actor.user_id)
            if request.user_id != actor.user_id and role != OWNER:
                raise OwnersOnly
            removed = await store.remove_member(tx, place.chat_id, request.user_id)
            if removed:
                if request.user_id == actor.user_id and role == OWNER:
                    await store.pass_ownership(tx, place.chat_id)
                entry = await self._append(tx, place, "left", actor.user_id, [request.user_id])
        if removed:
            await self._announcer.announce_membership(entry, place)
        return Nothing()

    async def _lock_group(self, tx: Transaction, chat_id: ChatId, user_id: UserId) -> Place:
        places = await store.lock_places(tx, [chat_id])
        if not places or not await store.is_member(tx, chat_id, user_id):
            raise ChatNotFound
        if places[chat_id].kind != "group":
            raise NotAGroup
        return places[chat_id]


def _outcome(sent: Sent | KaifError) -> Outcome:
    if isinstance(sent, KaifError):
        return Outcome(code=sent.code, detail=str(sent))
    return Outcome(sent.entry.seq, sent.entry if sent.repeated else None)

"""What one can do with messages that stand in a log; each method is one transaction.

Each is a change of the message's own row, with an entry that names it (`changing`).
"""

from collections.abc import Awaitable, Callable, Collection, Iterable, Sequence

import msgspec

from kaif.engines.database import Database, Transaction
from kaif.interfaces.auth import Nothing
from kaif.interfaces.messaging import READ_MARKS_SHOWN_MEMBERS_MAX, ChatId, Entry, Outgoing
from kaif.interfaces.messaging.actions import (
    EDIT_WITHIN_S,
    EDITS_MAX,
    HIDDEN_MAX,
    PINS_MAX,
    REACTIONS_DISTINCT_MAX,
    DeleteMessages,
    EditMessage,
    EditTooLate,
    Forwarded,
    ForwardMessages,
    HiddenEvent,
    ListReactions,
    MayNotPin,
    MessageNotFound,
    NotEditable,
    NotYourMessage,
    OfChat,
    OfMessage,
    Pins,
    React,
    Reacted,
    Reactors,
    Readers,
    ReadersNotShown,
    ReceiptsOff,
    TooManyEdits,
    TooManyHidden,
    TooManyPins,
    TooManyReactions,
    Version,
    Versions,
)
from kaif.interfaces.messaging.cards import Contact, Poll
from kaif.interfaces.messaging.content import Button, Origin
from kaif.interfaces.messaging.errors import ButtonsForBots, ChatNotFound, LinksNotAllowed, MayNotSend, MembersHidden
from kaif.kernel.actor import Actor, UserId
from kaif.kernel.clock import SECOND_US, Clock, as_datetime
from kaif.kernel.errors import KaifError
from kaif.services.messaging import (
    buttons,
    card_rules,
    chat_store,
    chat_views,
    clock_store,
    entry_rules,
    entry_store,
    markup,
    member_store,
    people_store,
)
from kaif.services.messaging.attachments.attaching import Attaching, Held
from kaif.services.messaging.discussions.sending import BatchThreads
from kaif.services.messaging.entry_rules import Body, StoredEntry
from kaif.services.messaging.messages import emojis, mention_store, viewing
from kaif.services.messaging.messages import store as message_store
from kaif.services.messaging.messages.changing import Change, begin, erased, of_chat
from kaif.services.messaging.model import TOPICS_ON
from kaif.services.messaging.previews import links
from kaif.services.messaging.previews.linking import LinkPlan
from kaif.services.messaging.privacy import consent
from kaif.services.messaging.privacy import store as privacy_store
from kaif.services.messaging.rights import Member, Right, rights_of
from kaif.services.messaging.sending.announcing import Announcer
from kaif.services.messaging.sending.batches import Sent
from kaif.services.messaging.sending.sender import OnComments, Sender
from kaif.services.messaging.topics.sending import BatchTopics

_changed = msgspec.structs.replace

# How many messages were deleted, in the transaction that deletes them.
Note = Callable[[Transaction, int], Awaitable[None]]


class MessageActionsService:
    def __init__(
        self,
        database: Database,
        announcer: Announcer,
        sender: Sender,
        attaching: Attaching,
        links: LinkPlan,
        clock: Clock,
        on_comments: OnComments = lambda posts: None,
    ) -> None:
        self._database, self._announcer, self._sender, self._clock = database, announcer, sender, clock
        self._attaching = attaching
        self._links, self._on_comments = links, on_comments

    async def _begin(self, tx: Transaction, actor: Actor, chat_id: ChatId) -> Change:
        return await begin(tx, actor, chat_id, self._clock())

    async def _announce(self, change: Change, entries: Sequence[Entry]) -> None:
        self._on_comments(change.uncommented)
        if entries:
            await self._announcer.announce(entries, {change.place.chat_id: change.place})
        await self._announcer.announce_mentions(change.mentioned)
        await self._announcer.announce_mentions(change.unmentioned, gone=True)

    async def _must_be_in(self, actor: Actor, chat_id: ChatId) -> Member:
        member = await member_store.find_member(self._database, chat_id, actor.user_id)
        if member is None:
            raise ChatNotFound
        return member

    def _must_see_people(self, member: Member) -> None:
        """Who reads a channel sees nobody else who does."""
        if member.kind == "channel" and Right.STAFF not in rights_of(member, self._clock()):
            raise MembersHidden

    async def _find(self, actor: Actor, chat_id: ChatId, seq: int) -> StoredEntry:
        """Raises ChatNotFound, MessageNotFound."""
        await self._must_be_in(actor, chat_id)
        row = await entry_store.find_entry(self._database, chat_id, seq)
        if row is None or row.kind != "message":
            raise MessageNotFound
        return row

    async def get_message(self, actor: Actor, request: OfMessage) -> Entry:
        row = await self._find(actor, request.chat_id, request.seq)
        return await self._shown_to(actor, row)

    async def _shown_to(self, actor: Actor, row: StoredEntry) -> Entry:
        (entry,) = await viewing.shown_to(self._database, actor.user_id, row.chat_id, [row])
        return entry

    # Editing

    async def edit_message(self, actor: Actor, request: EditMessage) -> Entry:
        async with self._database.transaction() as tx:
            change = await self._begin(tx, actor, request.chat_id)
            row, body = await change.message(request.seq)
            if row.sender_id != actor.user_id and not _edits_posts(change):
                raise NotYourMessage
            cleaned = entry_rules.cleaned_caption(request.text, body.attachments)
            people = await people_store.ids_by_username(tx, names) if (names := markup.mentioned(cleaned)) else {}
            text, entities = markup.parse(cleaned, people)
            edited = _changed(body, text=text, entities=entities)
            if request.buttons is not None:
                edited = _changed(edited, buttons=await self._buttons(tx, actor, request.buttons))
            if edited != body:
                await self._must_be_allowed(change, actor, body, edited, cleaned)
            linked = False
            if (text, entities) != (body.text, body.entities):
                linked = await self._edit(change, row, body, edited)
            elif edited != body:
                change.must_reach()
                await change.act("edited", row, edited)
            entries = await change.write()
        if linked:
            self._links.wake()
        await self._announce(change, entries)
        return await self._shown_to(actor, await self._find(actor, request.chat_id, request.seq))

    async def _buttons(self, tx: Transaction, actor: Actor, rows: list[list[Button]]) -> list[list[Button]]:
        """Raises BadButtons, ButtonsForBots."""
        people = await people_store.known_people(tx, [actor.user_id]) if rows else []
        if any(person.kind != "bot" for person in people):
            raise ButtonsForBots
        return buttons.checked(rows)

    async def _must_be_allowed(self, change: Change, actor: Actor, before: Body, after: Body, text: str) -> None:
        """What one may not write here an edit does not say either; `text` is as it was written, with its marks.

        Raises MayNotSend, LinksNotAllowed, TopicClosed, RestrictedInTopic.
        """
        if Right.SEND not in change.rights and not _edits_posts(change):
            raise MayNotSend
        if Right.LINKS not in change.rights:
            words_change = (after.text, after.entities) != (before.text, before.entities)
            buttons_change = after.buttons != before.buttons
            if (words_change and entry_rules.has_link(text)) or (
                buttons_change and buttons.lead_elsewhere(after.buttons)
            ):
                raise LinksNotAllowed
        place = change.place
        if place.topics == TOPICS_ON:
            message = Outgoing(actor.user_id, place.chat_id, "", after.text, before.reply_to, topic_id=before.topic_id)
            topics, threads = BatchTopics({place.chat_id: place}, absent=False), BatchThreads({place.chat_id: place})
            await topics.read(change.tx, [message])
            await threads.read(change.tx, [message])
            topics.must_be_allowed(message, int(change.rights), place, comments=threads.is_comment(message))

    async def _edit(self, change: Change, row: StoredEntry, before: Body, after: Body) -> bool:
        """Whether there is a link to look up."""
        now_us = self._clock()
        change.must_reach()
        if before.forward or before.reminder or before.card:
            raise NotEditable
        if not _edits_posts(change) and now_us > await self._written_by_us(change, row) + EDIT_WITHIN_S * SECOND_US:
            raise EditTooLate
        if before.edits >= EDITS_MAX:
            raise TooManyEdits
        await message_store.add_version(change.tx, row, before)
        after = _changed(after, edited_at_us=now_us, edits=before.edits + 1)
        link = links.first_link(after.text, after.entities)
        if link != links.first_link(before.text, before.entities):
            # What was said of another page is not said of this one, not even for a moment.
            after = _changed(after, preview=None)
        await change.act("edited", row, after)
        if change.place.kind == "group" and after.entities != before.entities:
            entry = entry_rules.entry_with(row, after)
            change.mentioned, change.unmentioned = await mention_store.note_again(change.tx, entry, row.sender_id)
        if after.preview is not None:
            return False
        return await self._links.note(change.tx, [entry_rules.entry_with(row, after)], now_us)

    async def _written_by_us(self, change: Change, row: StoredEntry) -> int:
        if row.at_us <= change.now_us:
            return row.at_us
        jumps = await clock_store.jumps_of(change.tx, row.chat_id, row.seq)
        return clock_store.written_by_us(row, jumps, change.now_us)

    async def list_versions(self, actor: Actor, request: OfMessage) -> Versions:
        entry = await self._shown_to(actor, await self._find(actor, request.chat_id, request.seq))
        if entry.deleted or entry.hidden:
            raise MessageNotFound
        rows = await message_store.versions_of(self._database, request.chat_id, request.seq)
        return Versions([Version(as_datetime(row.at_us), row.text, row.entities) for row in rows])

    # Deleting

    async def delete_messages(self, actor: Actor, request: DeleteMessages) -> Nothing:
        if request.for_everyone:
            await self._delete_for_everyone(actor, request)
        else:
            await self._hide(actor, request)
        return Nothing()

    async def _delete_for_everyone(self, actor: Actor, request: DeleteMessages) -> None:
        async with self._database.transaction() as tx:
            change = await self._begin(tx, actor, request.chat_id)
            rows = await change.messages(request.seqs)
            others = any(row.sender_id != actor.user_id for row in rows)
            if others and Right.DELETE not in change.rights:
                raise NotYourMessage
            entries = await erased(change, rows)
        await self._announce(change, entries)

    async def erase(self, chat_id: ChatId, seqs: Sequence[int], note: Note | None = None) -> None:
        """Delete messages for everyone, as the chat's own deed, which names nobody: upon a report, with a topic, or
        with all that somebody wrote. In the same transaction `note` is told how many were still there.

        Raises ChatNotFound, MessageNotFound.
        """
        async with self._database.transaction() as tx:
            places = await chat_store.lock_places(tx, [chat_id])
            if not places:
                raise ChatNotFound
            change = of_chat(tx, places[chat_id], self._clock())
            entries = await erased(change, await change.messages(seqs))
            if note:
                await note(tx, len(entries))
        await self._announce(change, entries)

    async def _hide(self, actor: Actor, request: DeleteMessages) -> None:
        async with self._database.transaction() as tx:
            change = await self._begin(tx, actor, request.chat_id)
            await change.messages(request.seqs)
            await message_store.hide(tx, actor.user_id, request.chat_id, set(request.seqs))
            await mention_store.forget_for(tx, actor.user_id, request.chat_id, set(request.seqs))
            hidden = await message_store.count_hidden(tx, actor.user_id, request.chat_id)
            if hidden > HIDDEN_MAX:
                raise TooManyHidden
        event = HiddenEvent(request.chat_id, sorted(set(request.seqs)), hidden)
        await self._announcer.tell(actor.user_id, request.chat_id, event)

    # Reactions

    async def add_reaction(self, actor: Actor, request: React) -> Nothing:
        emoji = emojis.normalised(request.emoji)
        async with self._database.transaction() as tx:
            change = await self._begin(tx, actor, request.chat_id)
            row, body = await change.message(request.seq)
            change.must_reach()
            if await message_store.add_reaction(tx, row.chat_id, row.seq, actor.user_id, emoji, self._clock()):
                counts = {**body.reactions, emoji: body.reactions.get(emoji, 0) + 1}
                if len(counts) > REACTIONS_DISTINCT_MAX:
                    raise TooManyReactions
                await change.act("reacted", row, _changed(body, reactions=counts), emoji)
            entries = await change.write()
        await self._announce(change, entries)
        return Nothing()

    async def remove_reaction(self, actor: Actor, request: React) -> Nothing:
        emoji = emojis.normalised(request.emoji)
        async with self._database.transaction() as tx:
            change = await self._begin(tx, actor, request.chat_id)
            row, body = await change.message(request.seq)
            if await message_store.remove_reaction(tx, row.chat_id, row.seq, actor.user_id, emoji):
                counts = {one: count - (one == emoji) for one, count in body.reactions.items()}
                left = {one: count for one, count in counts.items() if count}
                await change.act("unreacted", row, _changed(body, reactions=left), emoji)
            entries = await change.write()
        await self._announce(change, entries)
        return Nothing()

    async def list_reactions(self, actor: Actor, request: ListReactions) -> Reactors:
        self._must_see_people(await self._must_be_in(actor, request.chat_id))
        await self._find(actor, request.chat_id, request.seq)
        before = chat_views.parse_person_cursor(request.cursor) if request.cursor else (2**62, "")
        # One more, to know whether there is another page.
        rows = await message_store.reactions_to(self._database, request.chat_id, request.seq, before, request.limit + 1)
        page = rows[: request.limit]
        more = len(rows) > request.limit
        return Reactors(
            [Reacted(row.person, row.emoji, as_datetime(row.at_us)) for row in page],
            f"{page[-1].at_us}-{page[-1].user_id}" if more else None,
        )

    # Pins

    async def pin_message(self, actor: Actor, request: OfMessage) -> Nothing:
        await self._pin(actor, request, pinned=True)
        return Nothing()

    async def unpin_message(self, actor: Actor, request: OfMessage) -> Nothing:
        await self._pin(actor, request, pinned=False)
        return Nothing()

    async def _pin(self, actor: Actor, request: OfMessage, *, pinned: bool) -> None:
        async with self._database.transaction() as tx:
            change = await self._begin(tx, actor, request.chat_id)
            if Right.PIN not in change.rights:
                raise MayNotPin
            row, body = await change.message(request.seq)
            change.must_reach()
            if body.pinned != pinned:
                await change.act("pinned" if pinned else "unpinned", row, _changed(body, pinned=pinned))
                if pinned:
                    if await message_store.count_pins(tx, row.chat_id) >= PINS_MAX:
                        raise TooManyPins
                    await message_store.add_pin(tx, row.chat_id, row.seq, change.place.seq)
                else:
                    await message_store.remove_pin(tx, row.chat_id, row.seq)
            entries = await change.write()
        await self._announce(change, entries)

    async def list_pins(self, actor: Actor, request: OfChat) -> Pins:
        await self._must_be_in(actor, request.chat_id)
        rows = await message_store.pins_of(self._database, request.chat_id, PINS_MAX)
        entries = await viewing.shown_to(self._database, actor.user_id, request.chat_id, rows)
        return Pins([entry for entry in entries if not entry.hidden])

    # Reading

    async def list_readers(self, actor: Actor, request: OfMessage) -> Readers:
        member = await self._must_be_in(actor, request.chat_id)
        if Right.STAFF not in rights_of(member, self._clock()) and await member_store.are_hidden(
            self._database, request.chat_id
        ):
            raise MembersHidden
        row = await self._find(actor, request.chat_id, request.seq)
        if await member_store.count_members(self._database, request.chat_id) > READ_MARKS_SHOWN_MEMBERS_MAX:
            raise ReadersNotShown
        if not (await privacy_store.settings_of(self._database, actor.user_id)).read_receipts:
            raise ReceiptsOff
        topic_id = entry_rules.body_of(row).topic_id
        readers = await message_store.readers_of(
            self._database, row, topic_id, actor.user_id, READ_MARKS_SHOWN_MEMBERS_MAX
        )
        return Readers(readers)

    # Forwarding

    async def forward_messages(self, actor: Actor, request: ForwardMessages) -> Forwarded:
        await self._must_be_in(actor, request.chat_id)
        await self._must_be_in(actor, request.from_chat_id)
        rows = await entry_store.entries_at(self._database, request.from_chat_id, {one.seq for one in request.messages})
        seen = await viewing.shown_to(self._database, actor.user_id, request.from_chat_id, rows)
        there = {entry.seq: entry for entry in seen if _has_content(entry)}
        if any(one.seq not in there for one in request.messages):
            raise MessageNotFound
        await self._must_be_shareable(actor, there.values())
        origins = await self._origins(there.values())
        held: list[Held] = []
        try:
            for one in request.messages:
                held.append(await self._attaching.copy(actor.user_id, there[one.seq]))
            outgoing = [
                _forward_of(there[one.seq], origins[one.seq], actor, request, one.ref, files)
                for one, files in zip(request.messages, held, strict=True)
            ]
            return Forwarded(_all_sent(await self._sender.send(outgoing)))
        finally:
            await self._attaching.give_up(*held)

    async def _must_be_shareable(self, actor: Actor, entries: Iterable[Entry]) -> None:
        """Raises PersonNotReachable."""
        contacts = {entry.card.user_id for entry in entries if isinstance(entry.card, Contact)}
        for user_id in contacts - {actor.user_id}:
            await consent.require_reachable(self._database, actor.user_id, user_id)

    async def _origins(self, entries: Collection[Entry]) -> dict[int, Origin]:
        """What was forwarded already keeps its first author; who does not want to be named there is not."""
        spoken = next((entry.chat_id for entry in entries if str(entry.sender_id) == entry.chat_id), None)
        title, name = await chat_store.publicly_called(self._database, spoken) if spoken else ("", "")
        origins = {entry.seq: entry.forward or _origin_of(entry, title, name) for entry in entries}
        authors = {origin.sender_id for origin in origins.values()}
        hiding = await privacy_store.hiding_in_forwards(self._database, authors)
        return {
            seq: _changed(origin, sender_id=UserId("")) if origin.sender_id in hiding else origin
            for seq, origin in origins.items()
        }


def _edits_posts(change: Change) -> bool:
    """A channel's posts are its own: whoever has the right edits each of them, however old."""
    return change.place.kind == "channel" and Right.EDIT in change.rights


def _origin_of(entry: Entry, title: str, name: str) -> Origin:
    """A webhook is nobody, and a channel is called as those call it who are not in it."""
    if str(entry.sender_id) == entry.chat_id and not entry.webhook:
        return Origin(entry.sender_id, entry.at, title, entry.seq, name)
    return Origin(UserId("") if entry.webhook else entry.sender_id, entry.at)


def _all_sent(results: Iterable[Sent | KaifError]) -> list[Entry]:
    entries = []
    for result in results:
        if isinstance(result, KaifError):
            raise result
        entries.append(result.entry)
    return entries


def _has_content(entry: Entry) -> bool:
    return entry.kind == "message" and not entry.deleted and not entry.hidden


def _forward_of(entry: Entry, origin: Origin, actor: Actor, request: ForwardMessages, ref: str, held: Held) -> Outgoing:
    return Outgoing(
        actor.user_id,
        request.chat_id,
        ref,
        entry.text,
        silent=request.silent,
        forward=origin,
        entities=entry.entities,
        card=card_rules.as_it_stands(entry.card) if isinstance(entry.card, Poll) else entry.card,
        topic_id=request.topic_id,
        without_preview=entry.without_preview,
        attachments=held.attachments,
        hold=held.hold,
    )

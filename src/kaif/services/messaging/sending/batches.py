"""One transaction's messages on their way into the logs: who may write what, and where it comes to stand."""

from collections.abc import Mapping, Sequence

import msgspec

from kaif.engines.database import Transaction
from kaif.interfaces.messaging import ChatId, Entry, Outgoing
from kaif.interfaces.messaging.attached import AttachmentsLost, MediaNotAllowed
from kaif.interfaces.messaging.cards import NewPoll
from kaif.interfaces.messaging.errors import (
    BadQuote,
    BadReply,
    ButtonsForBots,
    ChatNotFound,
    LinksNotAllowed,
    MayNotSend,
    PersonNotReachable,
    SlowMode,
    TooManyMessages,
)
from kaif.interfaces.messaging.suspension import ChatSuspended
from kaif.interfaces.messaging.topics import RestrictedInTopic, TopicClosed
from kaif.kernel.actor import UserId
from kaif.kernel.clock import as_datetime
from kaif.kernel.errors import KaifError
from kaif.services.messaging import (
    buttons,
    card_rules,
    chat_store,
    covering,
    entry_rules,
    entry_store,
    markup,
    member_store,
    model,
    people_store,
)
from kaif.services.messaging.attachments import model as files
from kaif.services.messaging.attachments import store as attachment_store
from kaif.services.messaging.attachments.store import StoredAttachment
from kaif.services.messaging.cards import poll_store
from kaif.services.messaging.discussions.sending import BatchThreads
from kaif.services.messaging.entry_rules import Body, Place
from kaif.services.messaging.messages import mention_store, viewing
from kaif.services.messaging.messages import store as message_store
from kaif.services.messaging.messages.mention_store import Mention
from kaif.services.messaging.rights import Right, is_restricted, rights_of
from kaif.services.messaging.sending.pacing import Pace, Taken
from kaif.services.messaging.sending.writers import Writers
from kaif.services.messaging.topics.sending import BatchTopics

NOT_ALLOWED = (
    PersonNotReachable,
    MayNotSend,
    LinksNotAllowed,
    SlowMode,
    TooManyMessages,
    TopicClosed,
    RestrictedInTopic,
    MediaNotAllowed,
    ChatSuspended,
)
SEND, MEDIA, LINKS, STAFF = int(Right.SEND), int(Right.MEDIA), int(Right.LINKS), int(Right.STAFF)
# A chat, a person in it, a place in its log, and the messages up to there.
Mark = tuple[ChatId, UserId, int, int]
# Remembered with the rights of whom it is so.
BOT = 1 << 30
_NOBODYS: Mapping[UserId, int] = {}


class Sent:
    """A message that stands in the log; `repeated` when its reference had been used before."""

    __slots__ = ("entry", "repeated")

    def __init__(self, entry: Entry, repeated: bool) -> None:
        self.entry, self.repeated = entry, repeated


Result = Sent | KaifError


class Batch:
    """One transaction's messages on their way into the logs."""

    def __init__(self, places: dict[ChatId, Place], now_us: int, pace: Pace, *, absent: bool = False) -> None:
        self.places, self._pace, self._absent = places, pace, absent
        self._taken: list[Taken] = []
        self.now_us = now_us
        for place in places.values():
            place.come_to(now_us)
        self._at = {place.written_at_us: as_datetime(place.written_at_us) for place in places.values()}
        self.entries: list[Entry] = []
        self.results: list[Result] = []
        # Whether there is a link to look up in what was written.
        self.linked = False
        # Places of messages that are not allowed now.
        self.not_allowed: list[int] = []
        self._senders: list[UserId] = []
        self._counts: list[int] = []
        # What was looked up, and the part of it that holds as long as the chat's members do.
        # As numbers: sets of bits are asked as such, since this is the way of every message.
        self._found: dict[tuple[ChatId, UserId], int] = {}
        self.lasting: dict[tuple[ChatId, UserId], int] = {}
        self._writers: dict[ChatId, dict[UserId, int]] = {}
        self._sent_at_us: dict[tuple[ChatId, UserId], int] = {}
        self._under_ref: dict[tuple[str, str, str], Entry] = {}
        self._people: dict[str, UserId] = {}
        self._quoted: dict[tuple[ChatId, int], Body] = {}
        self._polls: list[tuple[Entry, NewPoll]] = []
        self._bots: set[UserId] = set()
        self._held: dict[str, list[StoredAttachment]] = {}
        self._showing: list[tuple[str, Entry]] = []
        self.mentions: list[Mention] = []
        # Written before their writers could see what stands above: few are.
        self._late: set[tuple[ChatId, int]] = set()
        self.topics = BatchTopics(places, absent=absent)
        self.threads = BatchThreads(places)

    async def read_rights(self, tx: Transaction, messages: Sequence[Outgoing], writers: Writers) -> None:
        """Find out about those senders of whom it is not remembered what they may do."""
        self._writers = {chat_id: writers.of(place) for chat_id, place in self.places.items()}
        unknown = {(message.chat_id, message.sender_id) for message in messages if self._rights(message) is None}
        if unknown:
            for pair, member in (await member_store.members_among(tx, unknown)).items():
                self._found[pair] = int(rights_of(member, self.now_us)) | (BOT if member.is_bot else 0)
                if not (member.taken_until_us and is_restricted(member, self.now_us)):
                    self.lasting[pair] = self._found[pair]
        slow = any(place.slow_mode_s for place in self.places.values())
        if slow and (hurried := [message for message in messages if self._is_slowed(message)]):
            pairs = {(message.chat_id, message.sender_id) for message in hurried}
            self._sent_at_us = await member_store.last_sent_us(tx, pairs)
            # What has been sent already is answered with its entry, not with "wait".
            await self.read_repeated(tx, hurried)

    def _is_slowed(self, message: Outgoing) -> bool:
        place = self.places.get(message.chat_id)
        if place is None or not place.slow_mode_s:
            return False
        rights = self._rights(message)
        return rights is not None and not rights & STAFF

    async def read_repeated(self, tx: Transaction, messages: Sequence[Outgoing]) -> None:
        for row in await entry_store.find_repeated(tx, messages):
            (entry,) = await viewing.shown(tx, row.chat_id, [row])
            self._under_ref[row.chat_id, row.sender_id, row.ref or ""] = entry

    async def read_mentioned(self, tx: Transaction, messages: Sequence[Outgoing]) -> None:
        """The people whom the messages may mention: most mention nobody."""
        names = {name for message in messages if "@" in message.text for name in markup.mentioned(message.text)}
        if names:
            self._people = await people_store.ids_by_username(tx, names)

    async def read_quoted(self, tx: Transaction, messages: Sequence[Outgoing]) -> None:
        """The messages that are answered by a part of them: few are."""
        wanted: dict[ChatId, set[int]] = {}
        for message in messages:
            if message.quote and message.reply_to:
                wanted.setdefault(message.chat_id, set()).add(message.reply_to)
        for chat_id, seqs in wanted.items():
            rows = await entry_store.entries_at(tx, chat_id, seqs)
            self._quoted |= {(chat_id, row.seq): entry_rules.body_of(row) for row in rows if row.kind == "message"}

    async def read_bots(self, tx: Transaction, messages: Sequence[Outgoing]) -> None:
        """Who of those that put buttons under a message is a bot: few messages have any."""
        senders = {message.sender_id for message in messages if message.buttons}
        if senders:
            self._bots = {one.id for one in await people_store.known_people(tx, senders) if one.kind == "bot"}

    async def read_held(self, tx: Transaction, messages: Sequence[Outgoing]) -> None:
        """What media holds for the messages, locked: few have any."""
        holds = {message.hold for message in messages if message.hold}
        if holds:
            for row in await attachment_store.lock(tx, holds):
                self._held.setdefault(row.hold, []).append(row)

    def place(self, message: Outgoing) -> None:
        """Give the message its place, or find out why it has none."""
        try:
            self.results.append(self._placed(message))
        except KaifError as error:
            if isinstance(error, NOT_ALLOWED):
                self.not_allowed.append(len(self.results))
            self.results.append(error)

    async def look_again(self, tx: Transaction, messages: Sequence[Outgoing]) -> None:
        """Whoever may not write any more may have written this before: then that is the answer."""
        await self.read_repeated(tx, [messages[place] for place in self.not_allowed])
        for place in self.not_allowed:
            message = messages[place]
            if repeated := self._under_ref.get((message.chat_id, message.sender_id, message.ref)):
                self.results[place] = Sent(repeated, repeated=True)

    def _placed(self, message: Outgoing) -> Sent:
        rights = self._rights(message)
        if rights is None:
            raise ChatNotFound
        reference = message.chat_id, message.sender_id, message.ref
        if repeated := self._under_ref.get(reference):
            return Sent(repeated, repeated=True)
        place = self.places[message.chat_id]
        self._must_be_allowed(message, rights, place)
        if message.reply_to and message.reply_to > place.seq:
            raise BadReply
        if message.quote:
            message = self._quoting(message)
        if message.attachments:
            message = self._with_files(message)
        taken = self._pace.take(message.chat_id, message.sender_id, is_bot=bool(rights & BOT))
        try:
            entry = entry_rules.message_at(place, message, self._at[place.written_at_us], self._people)
        except KaifError:
            self._pace.give_back(taken)
            raise
        self._taken.append(taken)
        self._under_ref[reference] = entry
        if message.attachments:
            self._showing.append((message.hold, entry))
        if isinstance(message.card, NewPoll):
            self._polls.append((entry, message.card))
        if place.slow_mode_s:
            self._sent_at_us[message.chat_id, message.sender_id] = self.now_us
        self.entries.append(entry)
        self._senders.append(message.sender_id)
        if message.late:
            self._late.add((entry.chat_id, entry.seq))
        if place.topics:
            self.topics.take(entry, message.sender_id, late=message.late)
        if place.threads:
            self.threads.take(entry)
        self._counts.append(place.messages)
        return Sent(entry, repeated=False)

    def give_back(self) -> None:
        """Nothing of it was written."""
        for taken in self._taken:
            self._pace.give_back(taken)
        self._taken = []

    def _quoting(self, message: Outgoing) -> Outgoing:
        """Nobody is made to have said what they have not said, nor openly what they have covered. Raises BadQuote."""
        said = self._quoted.get((message.chat_id, message.reply_to or 0))
        if said is None or message.quote not in said.text:
            raise BadQuote(path="$.quote")
        quote = covering.covered_quote(message.quote, said.text, said.entities)
        return msgspec.structs.replace(message, quote=quote)

    def _with_files(self, message: Outgoing) -> Outgoing:
        """As they are by now. Raises AttachmentsLost where they are not held for this message any more."""
        rows = self._held.pop(message.hold, [])
        if not attachment_store.are_free(rows, [one.media_id for one in message.attachments]):
            raise AttachmentsLost(retry_after_ms=1000)
        ready = {row.media_id: row.ready for row in rows}
        return msgspec.structs.replace(message, attachments=files.renewed_all(message.attachments, ready))

    def _rights(self, message: Outgoing) -> int | None:
        """None for somebody who is not in the chat, or not yet looked up."""
        remembered = self._writers.get(message.chat_id, _NOBODYS).get(message.sender_id)
        return remembered if remembered is not None else self._found.get((message.chat_id, message.sender_id))

    def _must_be_allowed(self, message: Outgoing, rights: int, place: Place) -> None:
        if place.closed:
            raise PersonNotReachable
        if place.suspended:
            raise ChatSuspended
        if not rights & SEND:
            raise MayNotSend
        if message.attachments and not rights & MEDIA:
            raise MediaNotAllowed
        leads = not rights & LINKS and (
            entry_rules.has_link(card_rules.words_of(message.text, message.card))
            or buttons.lead_elsewhere(message.buttons)
            or markup.lead_elsewhere(message.entities)
        )
        if leads:
            raise LinksNotAllowed
        if message.buttons and message.sender_id not in self._bots:
            raise ButtonsForBots
        if place.slow_mode_s and not rights & STAFF:
            last_us = self._sent_at_us.get((message.chat_id, message.sender_id), 0)
            next_at_us = last_us + place.slow_mode_s * 1_000_000
            # A time to come is one of a clock that was wrong, and nobody waits for it.
            if self.now_us < next_at_us and last_us <= self.now_us + entry_rules.CLOCKS_DIFFER_US:
                raise SlowMode(retry_after_ms=(next_at_us - self.now_us) // 1000 + 1)
        if place.topics or message.topic_id:
            comments = bool(place.threads) and self.threads.is_comment(message)
            self.topics.must_be_allowed(message, rights, place, comments=comments)

    async def write(self, tx: Transaction) -> None:
        if not self.entries:
            return
        await entry_store.append(tx, self.places, self.entries, self._senders, self._counts)
        if self._quoted and (quoting := [entry for entry in self.entries if entry.quote]):
            await message_store.add_quotes(tx, quoting)
        if self._polls:
            await poll_store.add(tx, self._polls)
        if self._showing:
            await attachment_store.show(tx, self._showing)
        in_groups = [at for at, entry in enumerate(self.entries) if self.places[entry.chat_id].kind == "group"]
        if in_groups:
            entries, senders = [self.entries[at] for at in in_groups], [self._senders[at] for at in in_groups]
            self.mentions = await mention_store.note(tx, entries, senders)
        changed = {entry.chat_id for entry in self.entries}
        await chat_store.advance(tx, [place for chat_id, place in self.places.items() if chat_id in changed])
        here, away = self._marks()
        if here:
            await member_store.move_senders_marks(tx, here, self.now_us)
        if away:
            await member_store.move_absent_senders_marks(tx, away, self.now_us)
        await self.topics.write(tx, self.now_us)
        await self.threads.write(tx)

    def _marks(self) -> tuple[list[Mark], list[Mark]]:
        """Of those who have read what stands above, for they have just written, and of those who were away from it."""
        here: dict[tuple[ChatId, UserId], Mark] = {}
        away: list[Mark] = []
        for entry, sender_id, count in zip(self.entries, self._senders, self._counts, strict=True):
            # In a group with topics that is so of one topic alone.
            if self.places[entry.chat_id].topics == model.TOPICS_ON:
                continue
            mark = entry.chat_id, sender_id, entry.seq, count
            if not self._absent and (entry.chat_id, entry.seq) not in self._late:
                here[entry.chat_id, sender_id] = mark
            # A reminder is written to be read.
            elif not entry.reminder:
                away.append(mark)
        return [here[key] for key in sorted(here)], away

"""Appends messages: many people's sends share one transaction, one fsync and one announcement.

While a batch is being committed the next one gathers, so the dearer the disk, the larger the batch.
Places in the logs are given inside the transaction that makes the entries durable.
"""

import asyncio
from collections.abc import Iterable, Mapping, Sequence

from kaif.engines.database import AlreadyExists, Database, Transaction
from kaif.interfaces.messaging import BadQuote, BadReply, ChatId, ChatNotFound, Entry, Outgoing
from kaif.kernel.actor import UserId
from kaif.kernel.clock import Clock, as_datetime
from kaif.kernel.errors import Busy, KaifError
from kaif.services.messaging import markup, message_store, model, store, viewing
from kaif.services.messaging.announcing import Announcer
from kaif.services.messaging.model import Place, StoredEntry

# Bounds how long the statements of one transaction keep the loop, and how long its first message waits.
BATCH_MESSAGES_MAX = 1000
# About a second of work; whoever comes later is told to try again.
WAITING_MESSAGES_MAX = 20_000
# Remembered pairs of a chat and a person in it: some tens of megabytes.
WRITERS_MAX = 200_000


class Sent:
    """A message that stands in the log; `repeated` when its reference had been used before."""

    __slots__ = ("entry", "repeated")

    def __init__(self, entry: Entry, repeated: bool) -> None:
        self.entry, self.repeated = entry, repeated


Result = Sent | KaifError


class Waiting:
    """Messages that came together, and the future of what becomes of them."""

    __slots__ = ("messages", "outcomes")

    def __init__(self, messages: Sequence[Outgoing], outcomes: "asyncio.Future[list[Result]]") -> None:
        self.messages, self.outcomes = messages, outcomes


class Writers:
    """Who was found to be in which chat: those who have written there, not all members.

    The entry that last changed a chat's members is read with its place, under the chat's lock: what was found while
    it was the same one still holds.
    """

    def __init__(self) -> None:
        self._found: dict[ChatId, tuple[int, set[UserId]]] = {}
        self._count = 0

    def of(self, place: Place) -> set[UserId]:
        members_seq, user_ids = self._found.get(place.chat_id, (0, set()))
        return user_ids if members_seq == place.members_seq else set()

    def remember(self, places: Mapping[ChatId, Place], found: Iterable[tuple[ChatId, UserId]]) -> None:
        """Only what has been committed: a transaction that is undone may have seen members who never came."""
        for chat_id, user_id in found:
            if self._count >= WRITERS_MAX:
                self._found, self._count = {}, 0
            place = places[chat_id]
            writers = self.of(place)
            writers.add(user_id)
            self._found[chat_id] = place.members_seq, writers
            self._count += 1


class Sender:
    def __init__(self, database: Database, announcer: Announcer, clock: Clock) -> None:
        self._database, self._announcer, self._clock = database, announcer, clock
        self._writers = Writers()
        self._waiting: list[Waiting] = []
        self._waiting_messages = 0
        self._running: asyncio.Task[None] | None = None

    async def send(self, messages: Sequence[Outgoing]) -> list[Result]:
        """What became of each; returns when it is durable. Raises Busy, StorageFull, Unavailable for all of them."""
        if self._waiting_messages + len(messages) > WAITING_MESSAGES_MAX:
            raise Busy(retry_after_ms=1000)
        loop = asyncio.get_running_loop()
        waiting = Waiting(messages, loop.create_future())
        self._waiting.append(waiting)
        self._waiting_messages += len(messages)
        if self._running is None:
            self._running = loop.create_task(self._run())
        return await waiting.outcomes

    async def _run(self) -> None:
        while self._waiting:
            batch = self._take()
            try:
                outcomes = await self._append([message for waiting in batch for message in waiting.messages])
            except Exception as error:
                for waiting in batch:
                    if not waiting.outcomes.done():
                        waiting.outcomes.set_exception(error)
                continue
            start = 0
            for waiting in batch:
                end = start + len(waiting.messages)
                if not waiting.outcomes.done():
                    waiting.outcomes.set_result(outcomes[start:end])
                start = end
        self._running = None

    def _take(self) -> list[Waiting]:
        count = taken = 0
        for waiting in self._waiting:
            if count and taken + len(waiting.messages) > BATCH_MESSAGES_MAX:
                break
            count += 1
            taken += len(waiting.messages)
        batch, self._waiting = self._waiting[:count], self._waiting[count:]
        self._waiting_messages -= taken
        return batch

    async def _append(self, messages: list[Outgoing]) -> list[Result]:
        try:
            batch = await self._write(messages, look_up=False)
        except AlreadyExists:
            # References are seldom repeated, so they are looked up only when the log has refused one.
            batch = await self._write(messages, look_up=True)
        await self._announcer.announce(batch.entries, batch.places)
        for result in batch.results:
            # Whoever repeats a message may do so because its process died between commit and announcement.
            if isinstance(result, Sent) and result.repeated:
                await self._announcer.announce([result.entry], batch.places)
        return batch.results

    async def _write(self, messages: list[Outgoing], *, look_up: bool) -> "Batch":
        async with self._database.transaction() as tx:
            batch = Batch(await store.lock_places(tx, {message.chat_id for message in messages}), self._clock())
            await batch.read_members(tx, messages, self._writers)
            if look_up:
                await batch.read_repeated(tx, messages)
            await batch.read_mentioned(tx, messages)
            await batch.read_quoted(tx, messages)
            for message in messages:
                batch.place(message)
            await batch.write(tx)
        self._writers.remember(batch.places, batch.found)
        return batch


class Batch:
    """One transaction's messages on their way into the logs."""

    def __init__(self, places: dict[ChatId, Place], now_us: int) -> None:
        self.places = places
        self._now_us, self._at = now_us, as_datetime(now_us)
        self.entries: list[Entry] = []
        self.results: list[Result] = []
        self._counts: list[int] = []
        self.found: set[tuple[ChatId, UserId]] = set()
        self._writers: dict[ChatId, set[UserId]] = {}
        self._under_ref: dict[tuple[str, str, str], Entry] = {}
        self._people: dict[str, UserId] = {}
        self._quoted: dict[tuple[ChatId, int], StoredEntry] = {}

    async def read_members(self, tx: Transaction, messages: Sequence[Outgoing], writers: Writers) -> None:
        """Find out about those senders of whom it is not remembered that they are in the chat."""
        self._writers = {chat_id: writers.of(place) for chat_id, place in self.places.items()}
        unknown = {(message.chat_id, message.sender_id) for message in messages if not self._may_write(message)}
        if unknown:
            self.found = await store.memberships(tx, unknown)

    async def read_repeated(self, tx: Transaction, messages: Sequence[Outgoing]) -> None:
        for row in await store.find_repeated(tx, messages):
            (entry,) = await viewing.shown(tx, row.chat_id, [row])
            self._under_ref[entry.chat_id, entry.sender_id, entry.ref] = entry

    async def read_mentioned(self, tx: Transaction, messages: Sequence[Outgoing]) -> None:
        """The people whom the messages may mention: most mention nobody."""
        names = {name for message in messages if "@" in message.text for name in markup.mentioned(message.text)}
        if names:
            self._people = await store.ids_by_username(tx, names)

    async def read_quoted(self, tx: Transaction, messages: Sequence[Outgoing]) -> None:
        """The messages that are answered by a part of them: few are."""
        wanted: dict[ChatId, set[int]] = {}
        for message in messages:
            if message.quote and message.reply_to:
                wanted.setdefault(message.chat_id, set()).add(message.reply_to)
        for chat_id, seqs in wanted.items():
            for row in await store.entries_at(tx, chat_id, seqs):
                self._quoted[chat_id, row.seq] = row

    def place(self, message: Outgoing) -> None:
        """Give the message its place, or find out why it has none."""
        try:
            self.results.append(self._placed(message))
        except KaifError as error:
            self.results.append(error)

    def _placed(self, message: Outgoing) -> Sent:
        if not self._may_write(message):
            raise ChatNotFound
        reference = message.chat_id, message.sender_id, message.ref
        if repeated := self._under_ref.get(reference):
            return Sent(repeated, repeated=True)
        place = self.places[message.chat_id]
        if message.reply_to and message.reply_to > place.seq:
            raise BadReply
        if message.quote:
            self._check_quote(message)
        entry = model.message_at(place, message, self._at, self._people)
        self._under_ref[reference] = entry
        self.entries.append(entry)
        self._counts.append(place.messages)
        return Sent(entry, repeated=False)

    def _check_quote(self, message: Outgoing) -> None:
        """Nobody is made to have said what they have not said. Raises BadQuote."""
        row = self._quoted.get((message.chat_id, message.reply_to or 0))
        if row is None or row.kind != "message" or message.quote not in model.body_of(row).text:
            raise BadQuote(path="$.quote")

    def _may_write(self, message: Outgoing) -> bool:
        writers = self._writers.get(message.chat_id, ())
        return message.sender_id in writers or (message.chat_id, message.sender_id) in self.found

    async def write(self, tx: Transaction) -> None:
        if not self.entries:
            return
        await store.append(tx, self.entries, self._counts, self._now_us)
        if self._quoted and (quoting := [entry for entry in self.entries if entry.quote]):
            await message_store.add_quotes(tx, quoting)
        changed = {entry.chat_id for entry in self.entries}
        await store.advance(tx, [place for chat_id, place in self.places.items() if chat_id in changed], self._now_us)
        # Whoever writes has read what stands above.
        marks = {
            (entry.chat_id, entry.sender_id): (entry.chat_id, entry.sender_id, entry.seq, count)
            for entry, count in zip(self.entries, self._counts, strict=True)
        }
        await store.move_read_marks(tx, [marks[key] for key in sorted(marks)])

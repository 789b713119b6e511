"""Appends messages: many people's sends share one transaction, one fsync and one announcement.

While a batch is being committed the next one gathers, so the dearer the disk, the larger the batch.
Places in the logs are given inside the transaction that makes the entries durable.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from typing import NamedTuple

from kaif.engines.database import AlreadyExists, Database, Transaction
from kaif.interfaces.messaging import ChatId, Entry, Outgoing
from kaif.kernel.clock import Clock
from kaif.kernel.errors import Busy, KaifError
from kaif.services.messaging import chat_store
from kaif.services.messaging.previews.linking import LinkPlan
from kaif.services.messaging.sending.announcing import Announcer
from kaif.services.messaging.sending.batches import Batch, Result, Sent
from kaif.services.messaging.sending.pacing import Pace
from kaif.services.messaging.sending.writers import Writers

# Bounds how long the statements of one transaction keep the loop, and how long its first message waits.
BATCH_MESSAGES_MAX = 1000
# About a second of work; whoever comes later is told to try again.
WAITING_MESSAGES_MAX = 20_000
# Told of posts of channels on which there are more comments, or fewer, once that is so for good.
OnComments = Callable[[Iterable[tuple[ChatId, int]]], None]


class Waiting:
    """Messages that came together, and the future of what becomes of them."""

    __slots__ = ("messages", "outcomes")

    def __init__(self, messages: Sequence[Outgoing], outcomes: "asyncio.Future[list[Result]]") -> None:
        self.messages, self.outcomes = messages, outcomes


class Placing(NamedTuple):
    """A transaction in which messages are placed of people who are not here to write them."""

    tx: Transaction
    place: Callable[[Outgoing], Awaitable[Batch]]


class Sender:
    def __init__(
        self,
        database: Database,
        announcer: Announcer,
        links: LinkPlan,
        pace: Pace,
        clock: Clock,
        on_comments: OnComments = lambda posts: None,
    ) -> None:
        self._database, self._announcer, self._links = database, announcer, links
        self._pace, self._clock, self._on_comments = pace, clock, on_comments
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
        await self.announce(batch)
        return batch.results

    async def send_one(self, message: Outgoing) -> Entry:
        """The message's entry; raises why there is none, Busy too."""
        (sent,) = await self.send([message])
        if isinstance(sent, KaifError):
            raise sent
        return sent.entry

    async def announce(self, batch: Batch) -> None:
        if batch.linked:
            self._links.wake()
        await self._announcer.announce(batch.entries, batch.places)
        await self._announcer.announce_mentions(batch.mentions)
        self._on_comments(batch.threads.commented)
        for result in batch.results:
            # Whoever repeats a message may do so because its process died between commit and announcement.
            if isinstance(result, Sent) and result.repeated:
                await self._announcer.announce([result.entry], batch.places)

    @asynccontextmanager
    async def placing(self) -> AsyncIterator[Placing]:
        """A transaction of the caller's, who announces what was placed. Undone, it has taken nothing of a pace."""
        batches: list[Batch] = []

        async def place(message: Outgoing) -> Batch:
            # Whoever is not here has read nothing by writing.
            batches.append(await self._written(tx, [message], look_up=True, absent=True))
            return batches[-1]

        try:
            async with self._database.transaction() as tx:
                yield Placing(tx, place)
        except BaseException:
            for batch in batches:
                batch.give_back()
            raise

    async def _write(self, messages: list[Outgoing], *, look_up: bool) -> Batch:
        batch: Batch | None = None
        try:
            async with self._database.transaction() as tx:
                batch = await self._written(tx, messages, look_up=look_up)
        except BaseException:
            if batch:
                batch.give_back()
            raise
        self._writers.remember(batch.places, batch.lasting)
        return batch

    async def _written(
        self, tx: Transaction, messages: list[Outgoing], *, look_up: bool, absent: bool = False
    ) -> Batch:
        places = await chat_store.lock_places(tx, {message.chat_id for message in messages})
        batch = Batch(places, self._clock(), self._pace, absent=absent)
        try:
            await self._fill(tx, batch, messages, look_up=look_up)
        except BaseException:
            batch.give_back()
            raise
        return batch

    async def _fill(self, tx: Transaction, batch: Batch, messages: list[Outgoing], *, look_up: bool) -> None:
        await batch.read_rights(tx, messages, self._writers)
        if look_up:
            await batch.read_repeated(tx, messages)
        await batch.read_mentioned(tx, messages)
        await batch.read_quoted(tx, messages)
        await batch.read_bots(tx, messages)
        await batch.read_held(tx, messages)
        await batch.topics.read(tx, messages)
        await batch.threads.read(tx, messages)
        for message in messages:
            batch.place(message)
        if batch.not_allowed and not look_up:
            await batch.look_again(tx, messages)
        await batch.write(tx)
        batch.linked = await self._links.note(tx, batch.entries, batch.now_us)

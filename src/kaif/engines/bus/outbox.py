"""The outbox as the durable log: each consumer reads it from its own saved position.

An event is published by the transaction that caused it, so it can't be lost between the two. A
consumer moves on only after its reaction has succeeded, so a crash repeats an event but never skips
one. One process at a time reads for a consumer, in one order, so the events of a key stay in order.
"""

import asyncio
import contextlib
import logging
from collections.abc import Coroutine
from typing import Any

import msgspec

from kaif.engines.bus import Reaction, Retries, store
from kaif.engines.bus.store import Parked, Stored
from kaif.engines.database import Database
from kaif.kernel.clock import DAY_US, now_us
from kaif.kernel.errors import KaifError, NotFound, Unavailable
from kaif.kernel.events import Event
from kaif.kernel.ids import new_id

log = logging.getLogger("kaif.bus")

BATCH_EVENTS_MAX = 100
PARKED_LISTED_MAX = 200
ERROR_CHARACTERS_MAX = 500
TRIM_ROWS_MAX = 1000
TRIM_EVERY_S = 60


class Timing(msgspec.Struct, frozen=True, kw_only=True):
    """How patient the bus is."""

    poll_min_ms: int = 50  # events of this process arrive at once, those of another at the next look
    poll_max_ms: int = 1000
    # A wait for more when something has come: what comes a thousand times a second is then read a few times a second.
    gather_ms: int = 0
    # The same while it goes on coming: each look costs a commit. Not when more is there than one look takes.
    rest_ms: int = 0
    # A commit per event would be most of the work: a crash repeats what was handled in this time.
    save_ms: int = 50
    retry_parked_ms: int = 1000
    lease_ms: int = 5000  # a process that died is replaced after this long
    reaction_ms_max: int = 30_000
    retries: Retries = Retries()
    close_ms_max: int = 3000
    keep_us: int = 7 * DAY_US


DEFAULT = Timing()


class LeaseLost(Exception):
    """Another process reads for this consumer now; what we were doing is theirs."""


class Consumer:
    """One reader: what it wants, and whether this process reads for it."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.held_until_us = 0
        self.woken = asyncio.Event()
        self._wants: dict[str, tuple[msgspec.json.Decoder[Any], Reaction, Retries]] = {}

    def add(self, kind: type[Event], reaction: Reaction, retries: Retries) -> None:
        assert kind.name not in self._wants, f"{self.name} reacts to {kind.name} already"
        self._wants[kind.name] = (msgspec.json.Decoder(kind), reaction, retries)

    def wants(self, name: str) -> bool:
        return name in self._wants

    def retries_of(self, name: str) -> Retries:
        return self._wants[name][2]

    async def react(self, name: str, body: str) -> None:
        decoder, reaction, _ = self._wants[name]
        await reaction(decoder.decode(body))


class OutboxBus:
    def __init__(self, database: Database, timing: Timing = DEFAULT) -> None:
        self._database = database
        self._timing = timing
        self._holder = new_id()
        self._consumers: dict[str, Consumer] = {}
        self._wanting: dict[str, list[Consumer]] = {}
        self._tasks: list[asyncio.Task[None]] = []
        self._closing = asyncio.Event()

    def subscribe(self, consumer: str, kind: type[Event], reaction: Reaction, retries: Retries | None = None) -> None:
        assert not self._tasks, "subscribe before start"
        reader = self._consumers.setdefault(consumer, Consumer(consumer))
        reader.add(kind, reaction, retries or self._timing.retries)
        self._wanting.setdefault(kind.name, []).append(reader)

    async def start(self) -> None:
        async with self._database.transaction() as tx:
            for name in self._consumers:
                await store.add_consumer(tx, name)
        await self._hold_leases()
        self._database.on_published.append(self._hear)
        self._start_task(self._keep_leases())
        self._start_task(self._trim())
        self._start_task(self._retry())
        for consumer in self._consumers.values():
            self._start_task(self._read(consumer))

    async def close(self) -> None:
        self._closing.set()
        self._wake()
        with contextlib.suppress(ValueError):
            self._database.on_published.remove(self._hear)
        if self._tasks:
            _, late = await asyncio.wait(self._tasks, timeout=self._timing.close_ms_max / 1000)
            for task in late:
                task.cancel()
            await asyncio.wait(self._tasks)
            self._tasks.clear()
        # If the database is gone, the leases lapse by themselves.
        with contextlib.suppress(KaifError):
            async with self._database.transaction() as tx:
                await store.let_go(tx, self._holder)

    def holds(self, consumer: str) -> bool:
        return self._consumers[consumer].held_until_us >= now_us()

    async def parked(self, consumer: str | None = None) -> list[Parked]:
        """Events set aside for the operator, the oldest first, at most PARKED_LISTED_MAX."""
        return await store.list_parked(self._database, consumer, PARKED_LISTED_MAX)

    async def _retry(self) -> None:
        """What an operator wants tried again, be it in another process that they said so."""
        failing = False
        while not self._closing.is_set():
            held = [name for name in self._consumers if self.holds(name)]
            try:
                asked = await store.retries_asked(self._database, held, BATCH_EVENTS_MAX) if held else []
                for parked in asked:
                    await self._try_again(parked)
                failing = False
            except Exception as error:
                if not failing:
                    log.warning("can't retry parked events: %s", _shown(error))
                failing = True
            await self._pause(self._timing.retry_parked_ms)

    async def _try_again(self, parked: Parked) -> None:
        reader = self._consumers[parked.consumer]
        if self._closing.is_set():
            return
        if reader.wants(parked.name):
            failure = await self._attempt(reader, parked.name, parked.body)
        else:
            failure = NotFound("Nobody reacts to such an event any more.")
        async with self._database.transaction() as tx:
            if failure is None:
                await store.unpark(tx, parked)
            else:
                await store.stay_parked(tx, parked, _shown(failure))

    def _start_task(self, work: Coroutine[Any, Any, None]) -> None:
        self._tasks.append(asyncio.get_running_loop().create_task(work))

    def _hear(self, names: frozenset[str]) -> None:
        """Whoever wants none of these passes them over when it next looks, a hundred at a time."""
        for name in names:
            for consumer in self._wanting.get(name, ()):
                consumer.woken.set()

    def _wake(self) -> None:
        for consumer in self._consumers.values():
            consumer.woken.set()

    async def _keep_leases(self) -> None:
        while not self._closing.is_set():
            await self._pause(self._timing.lease_ms / 3)
            try:
                await self._hold_leases()
            except Exception as error:
                log.warning("can't renew the leases: %s", _shown(error))

    async def _hold_leases(self) -> None:
        now = now_us()
        until = now + self._timing.lease_ms * 1000
        async with self._database.transaction() as tx:
            # In one order everywhere, so that two processes never wait for each other's rows.
            held = {name: await store.hold(tx, name, self._holder, now, until) for name in sorted(self._consumers)}
        for name, consumer in self._consumers.items():
            if held[name] and not consumer.held_until_us:
                consumer.woken.set()
            consumer.held_until_us = until if held[name] else 0

    async def _read(self, consumer: Consumer) -> None:
        poll_ms, failing = self._timing.poll_min_ms, False
        while not self._closing.is_set():
            consumer.woken.clear()
            try:
                wanted, read = await self._read_batch(consumer)
                if wanted or read == BATCH_EVENTS_MAX:
                    poll_ms, failing = self._timing.poll_min_ms, False
                    await self._pause(self._pause_ms(read))
                    continue
            except LeaseLost:
                consumer.held_until_us = 0
            except Exception as error:
                # Mostly the database is away. It is said once, not at every look.
                if not failing:
                    log.warning("%s can't read events: %s", consumer.name, _shown(error))
                failing = True
            if await self._woken(consumer, poll_ms):
                poll_ms = self._timing.poll_min_ms
                await self._pause(self._timing.gather_ms)
            else:
                poll_ms = min(poll_ms * 2, self._timing.poll_max_ms)

    def _pause_ms(self, read: int) -> int:
        if read == BATCH_EVENTS_MAX:
            return self._timing.gather_ms
        return max(self._timing.gather_ms, self._timing.rest_ms)

    async def _read_batch(self, consumer: Consumer) -> tuple[bool, int]:
        """Whether there was something for this consumer, and how much there was of anything."""
        if consumer.held_until_us < now_us():
            return False, 0
        events = await store.next_events(self._database, consumer.name, BATCH_EVENTS_MAX)
        unsaved, save_at_us = None, now_us() + self._timing.save_ms * 1000
        wanted = False
        for event in events:
            if consumer.wants(event.name):
                wanted = True
                if not await self._handle(consumer, event):
                    break
            unsaved = event
            if now_us() >= save_at_us:
                await self._move_past(consumer, event)
                unsaved, save_at_us = None, now_us() + self._timing.save_ms * 1000
        if unsaved is not None:
            await self._move_past(consumer, unsaved)
        return wanted, len(events)

    async def _handle(self, consumer: Consumer, event: Stored) -> bool:
        """True once the event needs no more from us; False when the bus closes first."""
        attempts, retries = 0, consumer.retries_of(event.name)
        while True:
            if self._closing.is_set():
                return False
            if consumer.held_until_us < now_us():
                raise LeaseLost
            attempts += 1
            failure = await self._attempt(consumer, event.name, event.body)
            if failure is None:
                return True
            if attempts >= _attempts_max(retries, failure):
                await self._move_past(consumer, event, _parked(consumer, event, failure, attempts))
                return True
            await self._pause(retries.pause_ms(attempts))

    async def _attempt(self, consumer: Consumer, name: str, body: str) -> BaseException | None:
        """What went wrong, if anything did."""
        try:
            async with asyncio.timeout(self._timing.reaction_ms_max / 1000):
                await consumer.react(name, body)
        except asyncio.CancelledError as error:
            # Ours is passed on; one that leaked out of the reaction must not end the reader.
            task = asyncio.current_task()
            if task is None or task.cancelling():
                raise
            return error
        except Exception as error:
            return error
        return None

    async def _move_past(self, consumer: Consumer, event: Stored, parked: Parked | None = None) -> None:
        async with self._database.transaction() as tx:
            if not await store.move_past(tx, consumer.name, self._holder, event):
                raise LeaseLost
            if parked is not None:
                await store.park(tx, parked)
        if parked is not None:
            log.warning("%s parked event %s (%s): %s", consumer.name, event.id, event.name, parked.error)

    async def _trim(self) -> None:
        while not self._closing.is_set():
            removed = 0
            try:
                removed = await store.trim(self._database, now_us() - self._timing.keep_us, TRIM_ROWS_MAX)
            except Exception as error:
                log.warning("can't trim the outbox: %s", _shown(error))
            await self._pause(0 if removed == TRIM_ROWS_MAX else TRIM_EVERY_S * 1000)

    async def _pause(self, ms: float) -> None:
        """Ends early when the bus closes."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._closing.wait(), ms / 1000)

    async def _woken(self, consumer: Consumer, ms: float) -> bool:
        try:
            await asyncio.wait_for(consumer.woken.wait(), ms / 1000)
        except TimeoutError:
            return False
        return True


def _attempts_max(retries: Retries, failure: BaseException) -> int:
    if isinstance(failure, msgspec.DecodeError):
        return 1
    return retries.outage_attempts_max if isinstance(failure, Unavailable) else retries.attempts_max


def _parked(consumer: Consumer, event: Stored, failure: BaseException, attempts: int) -> Parked:
    return Parked(
        consumer.name, event.id, event.name, event.key, event.body, _shown(failure), attempts, parked_at_us=now_us()
    )


def _shown(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}"[:ERROR_CHARACTERS_MAX]

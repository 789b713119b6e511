"""The cache of a single process: plain dictionaries, whose lapsed entries are swept as they grow."""

import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from kaif.engines.cache import Interrupted, Listener
from kaif.engines.cache.channels import Channels
from kaif.kernel.clock import Clock

# Sweeping when the entries have doubled since the last sweep costs O(1) per entry over time.
SWEEP_ENTRIES_MIN = 1024


def monotonic_us() -> int:
    """Does not jump when the machine's clock is set, so nothing lapses early or lives on."""
    return time.monotonic_ns() // 1000


class MemoryCache:
    def __init__(self, clock: Clock = monotonic_us) -> None:
        self._clock = clock
        self._counters: dict[str, tuple[int, int]] = {}  # key → count, lapses_at_us
        self._presence: dict[tuple[str, str], dict[str, int]] = {}  # group, member → holder → lapses_at_us
        self._locks: dict[str, tuple[object, int]] = {}  # name → token, lapses_at_us
        self._channels = Channels()
        self._sweep_at_entries = SWEEP_ENTRIES_MIN

    async def count(self, key: str, ttl_ms: int, amount: int = 1) -> int:
        now = self._clock()
        count, lapses_at_us = self._counters.get(key, (0, 0))
        if lapses_at_us <= now:
            self._sweep_when_grown(now)
            count, lapses_at_us = 0, now + ttl_ms * 1000
        self._counters[key] = (count + amount, lapses_at_us)
        return count + amount

    async def touch(self, group: str, members: Sequence[str], holder: str, ttl_ms: int) -> None:
        now = self._clock()
        self._sweep_when_grown(now)
        for member in members:
            self._presence.setdefault((group, member), {})[holder] = now + ttl_ms * 1000

    async def leave(self, group: str, member: str, holder: str) -> None:
        holders = self._presence.get((group, member), {})
        holders.pop(holder, None)
        if not holders:
            self._presence.pop((group, member), None)

    async def present(self, group: str, members: Sequence[str]) -> set[str]:
        now = self._clock()
        return {
            member
            for member in members
            if any(lapses_at_us > now for lapses_at_us in self._presence.get((group, member), {}).values())
        }

    @asynccontextmanager
    async def lock(self, name: str, ttl_ms: int) -> AsyncIterator[bool]:
        now, token = self._clock(), object()
        if self._locks.get(name, (None, 0))[1] > now:
            yield False
            return
        self._sweep_when_grown(now)
        self._locks[name] = (token, now + ttl_ms * 1000)
        try:
            yield True
        finally:
            # When our time ran out the lock may be another's by now, and then it stays theirs.
            if self._locks.get(name, (None, 0))[0] is token:
                del self._locks[name]

    async def publish(self, channel: str, payload: bytes) -> None:
        self._channels.deliver(channel, payload)

    async def subscribe(self, channel: str, listener: Listener, interrupted: Interrupted = lambda: None) -> None:
        self._channels.add(channel, listener, interrupted)

    async def close(self) -> None:
        """Nothing outlives the process, so there is nothing to let go."""

    def _sweep_when_grown(self, now: int) -> None:
        if self.entries() < self._sweep_at_entries:
            return
        self._counters = {key: entry for key, entry in self._counters.items() if entry[1] > now}
        self._locks = {name: entry for name, entry in self._locks.items() if entry[1] > now}
        self._presence = {
            key: alive
            for key, holders in self._presence.items()
            if (alive := {holder: lapses for holder, lapses in holders.items() if lapses > now})
        }
        self._sweep_at_entries = max(SWEEP_ENTRIES_MIN, 2 * self.entries())

    def entries(self) -> int:
        return len(self._counters) + len(self._presence) + len(self._locks)

"""What processes share for a while and may lose: counters, presence, locks, and news to all."""

from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Protocol

# Called on the event loop with each payload; must not block or raise.
Listener = Callable[[bytes], None]
# Called after news may have been missed (the connection to the engine was lost and is back).
Interrupted = Callable[[], None]


class Cache(Protocol):
    """Raises Unavailable when the engine can't be reached."""

    async def count(self, key: str, ttl_ms: int, amount: int = 1) -> int:
        """Add to a counter and return it; its first increment starts the clock after which it is gone."""
        ...

    async def touch(self, group: str, members: Sequence[str], holder: str, ttl_ms: int) -> None:
        """Note that `holder` (a process) sees these members; without another touch the note lapses after ttl_ms."""
        ...

    async def leave(self, group: str, member: str, holder: str) -> None:
        """Take the holder's note back at once."""
        ...

    async def present(self, group: str, members: Sequence[str]) -> set[str]:
        """Those of the members whom some holder still sees."""
        ...

    def lock(self, name: str, ttl_ms: int) -> AbstractAsyncContextManager[bool]:
        """True inside when the lock was free; it is freed on leaving, or after ttl_ms if its process died."""
        ...

    async def publish(self, channel: str, payload: bytes) -> None:
        """News to every listener of every process, at most once. In one process it is delivered before this returns."""
        ...

    async def subscribe(self, channel: str, listener: Listener, interrupted: Interrupted = lambda: None) -> None: ...

    async def close(self) -> None: ...


async def open_cache(url: str) -> Cache:
    """`memory:` for one process, `redis://host:port/0` for many."""
    match url.partition(":")[0]:
        case "memory":
            from kaif.engines.cache.memory import MemoryCache

            return MemoryCache()
        case "redis" | "rediss":
            from kaif.engines.cache.redis import open_redis

            return await open_redis(url)
        case scheme:
            raise ValueError(f"no cache engine for {scheme!r}")

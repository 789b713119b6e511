"""The cache that many processes share: Redis, or anything that speaks its protocol.

Every wait is bounded: a Redis that is down or hangs costs a caller at most COMMAND_TIMEOUT_S.
"""

import asyncio
import contextlib
import itertools
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as RedisConnectionError

from kaif.engines.cache import Interrupted, Listener
from kaif.engines.cache.redis_news import News, told_as_outages
from kaif.kernel.errors import KaifError, Unavailable
from kaif.kernel.ids import new_id

COMMAND_TIMEOUT_S = 1.0
CONNECT_TIMEOUT_S = 0.5
CONNECTIONS_MAX = 16
SILENCE_MAX_S = 5.0
# A script holds up every other client of Redis, so one call takes a bounded number of members.
MEMBERS_PER_CALL = 500

# Presence is one sorted set per member: its holders, scored by when their note lapses. The scripts
# use the clock of Redis, so the clocks of our machines need not agree.
_TOUCH = """
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
for _, key in ipairs(KEYS) do
  redis.call('ZREMRANGEBYSCORE', key, '-inf', now)
  redis.call('ZADD', key, now + ARGV[2], ARGV[1])
  if redis.call('PTTL', key) < tonumber(ARGV[2]) then redis.call('PEXPIRE', key, ARGV[2]) end
end
"""
_PRESENT = """
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local seen = {}
for i, key in ipairs(KEYS) do seen[i] = redis.call('ZCOUNT', key, '(' .. now, '+inf') end
return seen
"""
# Whoever's time ran out must not take away the lock of the next one.
_UNLOCK = "if redis.call('GET', KEYS[1]) == ARGV[1] then redis.call('DEL', KEYS[1]) end"


async def open_redis(url: str, silence_max_s: float = SILENCE_MAX_S) -> "RedisCache":
    pool = BlockingConnectionPool.from_url(
        url,
        max_connections=CONNECTIONS_MAX,
        timeout=COMMAND_TIMEOUT_S,
        socket_timeout=COMMAND_TIMEOUT_S,
        socket_connect_timeout=CONNECT_TIMEOUT_S,
        # A connection that Redis closed while it idled is replaced once; nothing else is repeated.
        retry=Retry(NoBackoff(), 1, supported_errors=(RedisConnectionError,)),
    )
    cache = RedisCache(Redis.from_pool(pool), News(url, silence_max_s))
    try:
        async with cache.bounded():
            await cache.ping()
    except Unavailable:
        await cache.close()
        raise
    return cache


class RedisCache:
    def __init__(self, client: Redis, news: News) -> None:
        self._client = client
        self._news = news
        self._touch = client.register_script(_TOUCH)
        self._present = client.register_script(_PRESENT)
        self._unlock = client.register_script(_UNLOCK)

    @asynccontextmanager
    async def bounded(self) -> AsyncIterator[None]:
        """Within it the driver's errors are ours, nothing takes longer than a command may, no cancellation is lost."""
        task = asyncio.current_task()
        cancelled = task.cancelling() if task else 0
        with told_as_outages():
            async with asyncio.timeout(COMMAND_TIMEOUT_S):
                yield
        # The driver writes by `asyncio.wait_for`, which before Python 3.12 forgets a cancellation that comes in the
        # moment in which the writing ends: whoever repeats something until it is cancelled would repeat it for ever.
        if task and task.cancelling() > cancelled:
            raise asyncio.CancelledError

    async def ping(self) -> None:
        await self._client.ping()

    async def count(self, key: str, ttl_ms: int, amount: int = 1) -> int:
        async with self.bounded(), self._client.pipeline(transaction=True) as pipe:
            pipe.set(f"count:{key}", 0, px=ttl_ms, nx=True)
            pipe.incrby(f"count:{key}", amount)
            counts: list[int] = await pipe.execute()
            return counts[1]

    async def touch(self, group: str, members: Sequence[str], holder: str, ttl_ms: int) -> None:
        for part in _parts(members):
            async with self.bounded():
                await self._touch(_presence_keys(group, part), [holder, ttl_ms])

    async def leave(self, group: str, member: str, holder: str) -> None:
        async with self.bounded():
            await self._client.zrem(_presence_key(group, member), holder)

    async def present(self, group: str, members: Sequence[str]) -> set[str]:
        found: set[str] = set()
        for part in _parts(members):
            async with self.bounded():
                seen: list[int] = await self._present(_presence_keys(group, part))
            found.update(itertools.compress(part, seen))
        return found

    @asynccontextmanager
    async def lock(self, name: str, ttl_ms: int) -> AsyncIterator[bool]:
        token = new_id()
        async with self.bounded():
            free = bool(await self._client.set(f"lock:{name}", token, px=ttl_ms, nx=True))
        try:
            yield free
        finally:
            if free:
                # When Redis can't be told, the lock frees itself after ttl_ms.
                with contextlib.suppress(KaifError):
                    async with self.bounded():
                        await self._unlock([f"lock:{name}"], [token])

    async def publish(self, channel: str, payload: bytes) -> None:
        async with self.bounded():
            await self._client.publish(channel, payload)

    async def subscribe(self, channel: str, listener: Listener, interrupted: Interrupted = lambda: None) -> None:
        await self._news.subscribe(channel, listener, interrupted)

    async def close(self) -> None:
        await self._news.close()
        await self._client.aclose()
        await self._client.connection_pool.disconnect()


def _presence_key(group: str, member: str) -> str:
    return f"presence:{group}:{member}"


def _presence_keys(group: str, members: Sequence[str]) -> list[Any]:
    return [_presence_key(group, member) for member in members]


def _parts(members: Sequence[str]) -> Iterator[Sequence[str]]:
    return (members[start : start + MEMBERS_PER_CALL] for start in range(0, len(members), MEMBERS_PER_CALL))

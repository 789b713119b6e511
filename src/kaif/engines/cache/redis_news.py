"""A subscription to Redis that outlives Redis: it reconnects, subscribes again, and says that news may be missing."""

import asyncio
import contextlib
import logging
import random
from collections.abc import Iterator
from typing import Any

from redis.asyncio import Redis
from redis.asyncio.client import PubSub
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from kaif.engines.cache import Interrupted, Listener
from kaif.engines.cache.channels import Channels
from kaif.kernel.errors import Unavailable

log = logging.getLogger("kaif.cache")

CONNECT_TIMEOUT_S = 0.5
SUBSCRIBE_TIMEOUT_S = 1.0
PAUSE_MIN_S, PAUSE_MAX_S = 0.05, 2.0


@contextlib.contextmanager
def told_as_outages() -> Iterator[None]:
    """What the driver raises when Redis is away is Unavailable."""
    try:
        yield
    except (RedisError, OSError, TimeoutError) as error:
        raise Unavailable(retry_after_ms=1000) from error
    except RuntimeError as error:
        # So uvloop says that a connection was reset before it was written to, and the driver passes it on.
        if "handler is closed" not in str(error):
            raise
        raise Unavailable(retry_after_ms=1000) from error


class News:
    """A connection that stays silent for `silence_max_s` is asked whether it lives, and has as long again to answer."""

    def __init__(self, url: str, silence_max_s: float) -> None:
        self._silence_max_s = silence_max_s
        self._client = Redis.from_url(
            url,
            socket_connect_timeout=CONNECT_TIMEOUT_S,
            socket_timeout=SUBSCRIBE_TIMEOUT_S,
            retry=Retry(NoBackoff(), 0),
        )
        self._channels = Channels()
        self._confirmed: dict[str, asyncio.Event] = {}
        self._pubsub: PubSub | None = None
        self._reader: asyncio.Task[None] | None = None

    async def subscribe(self, channel: str, listener: Listener, interrupted: Interrupted) -> None:
        """Returns when news arrive; if Redis is down, it returns too and `interrupted` is called once they do."""
        self._channels.add(channel, listener, interrupted)
        confirmed = self._confirmed.setdefault(channel, asyncio.Event())
        if self._reader is None:
            self._reader = asyncio.get_running_loop().create_task(self._read())
        elif self._pubsub is not None and not confirmed.is_set():
            # If it fails, the reader sees the broken connection and subscribes on the next one.
            with contextlib.suppress(Unavailable), told_as_outages():
                await self._pubsub.subscribe(channel)
        try:
            await asyncio.wait_for(confirmed.wait(), SUBSCRIBE_TIMEOUT_S)
        except TimeoutError:
            confirmed.set()

    async def close(self) -> None:
        if self._reader is not None:
            while not self._reader.done():
                self._reader.cancel()
                # The driver may lose a cancellation, as RedisCache.bounded says.
                await asyncio.wait([self._reader], timeout=SUBSCRIBE_TIMEOUT_S)
        await self._client.aclose()

    async def _read(self) -> None:
        pause_s = PAUSE_MIN_S
        while True:
            try:
                async with self._client.pubsub() as pubsub:
                    self._pubsub = pubsub
                    await pubsub.subscribe(*self._channels.names())
                    pause_s = PAUSE_MIN_S
                    await self._listen(pubsub)
            except Exception as error:
                if pause_s == PAUSE_MIN_S:
                    log.warning("no news from Redis, connecting again: %s", error)
            finally:
                self._pubsub = None
            # Spread, so that many processes do not all come back at once.
            await asyncio.sleep(pause_s * random.uniform(0.5, 1))  # noqa: S311
            pause_s = min(pause_s * 2, PAUSE_MAX_S)

    async def _listen(self, pubsub: PubSub) -> None:
        asked = False
        while True:
            message = await pubsub.get_message(timeout=self._silence_max_s)
            if message is not None:
                asked = False
                self._take(message)
            elif asked:
                return
            else:
                asked = True
                await pubsub.ping()

    def _take(self, message: dict[str, Any]) -> None:
        if message["type"] == "message":
            self._channels.deliver(message["channel"].decode(), message["data"])
        elif message["type"] == "subscribe":
            channel = message["channel"].decode()
            confirmed = self._confirmed[channel]
            # The first confirmation starts the news; another one comes over a new connection.
            if confirmed.is_set():
                self._channels.interrupt(channel)
            confirmed.set()

"""Processes of messaging tell each other how fast chats are being filled, so that all of them together keep one pace.

Asking anything before each message would cost every message a round trip. So each process lets pass what it may by
what it knows, and twice a second tells the others what that was, all in one piece of news. Until they hear of it, N
processes let pass up to N bursts; from then on the debt counts everywhere, and whoever made it waits until it is paid.
News that is lost, or a cache that is down, leaves each process with what it has counted itself.
"""

from collections.abc import Sequence

import msgspec

from kaif.engines.cache import Cache
from kaif.kernel.background import Background
from kaif.kernel.errors import Unavailable
from kaif.kernel.ids import new_id
from kaif.services.messaging.sending.pacing import Pace, Taken

CHANNEL = "messaging.paces"
TELL_EVERY_S = 0.5
# Some hundreds of kilobytes, which the others read in a few milliseconds.
TAKEN_PER_NEWS = 5000


class PaceNews(msgspec.Struct, frozen=True, array_like=True):
    """By the process `teller`; `taken` is read by the others alone."""

    teller: str
    taken: msgspec.Raw


_encode = msgspec.msgpack.Encoder().encode
_news = msgspec.msgpack.Decoder(PaceNews)
_taken = msgspec.msgpack.Decoder(list[tuple[Taken, int]])


class PaceSharing:
    def __init__(self, pace: Pace, cache: Cache, tell_every_s: float = TELL_EVERY_S) -> None:
        self._pace, self._cache, self._tell_every_s = pace, cache, tell_every_s
        self._name = new_id()
        self._background = Background()

    async def start(self) -> None:
        await self._cache.subscribe(CHANNEL, self._hear)
        self._background.repeat(self._tell_again, "paces of chats could not be told", self._tell_every_s)

    async def close(self) -> None:
        await self._background.close()

    async def _tell_again(self) -> float:
        await self.tell()
        return self._tell_every_s

    async def tell(self) -> None:
        """What has not been told yet; while nobody can be reached it is not kept for later, when it is history."""
        untold = self._pace.untold()
        for start in range(0, len(untold), TAKEN_PER_NEWS):
            if not await self._publish(untold[start : start + TAKEN_PER_NEWS]):
                return

    async def _publish(self, taken: Sequence[tuple[Taken, int]]) -> bool:
        try:
            await self._cache.publish(CHANNEL, _encode(PaceNews(self._name, msgspec.Raw(_encode(taken)))))
        except Unavailable:
            return False
        return True

    def _hear(self, payload: bytes) -> None:
        news = _news.decode(payload)
        if news.teller == self._name:
            return
        for taken, count in _taken.decode(news.taken):
            self._pace.note(taken, count)

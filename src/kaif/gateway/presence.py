"""Who is here: noted in the cache by every gateway, with an expiry in case the gateway dies."""

import asyncio
from collections.abc import Callable, Iterable, Set

import msgspec

from kaif.engines.cache import Cache
from kaif.gateway.reader import Reader
from kaif.interfaces.messaging import PRESENCE
from kaif.kernel.actor import UserId
from kaif.kernel.background import Background
from kaif.kernel.errors import KaifError
from kaif.kernel.ids import new_id

CHANNEL = "gateway.presence"
NOTE_TTL_MS = 60_000
RENEW_S = 20
# A reload or a change of networks is no departure.
LEAVE_AFTER_S = 3.0

OnChange = Callable[[UserId, bool, Iterable[Reader]], None]


class Change(msgspec.Struct, frozen=True, array_like=True):
    user_id: UserId
    online: bool


class PresenceBoard:
    def __init__(self, cache: Cache) -> None:
        self._cache = cache
        self._gateway = new_id()
        self._here: set[UserId] = set()
        self._watchers: dict[UserId, set[Reader]] = {}
        self._background = Background()
        self._on_change: OnChange = lambda user_id, online, watchers: None
        # Told of everybody whose last connection to this gateway has ended.
        self.on_leave: Callable[[UserId], None] = lambda user_id: None

    async def start(self, on_change: OnChange) -> None:
        self._on_change = on_change
        await self._cache.subscribe(CHANNEL, self._hear)
        self._background.run(self._renew())

    async def close(self) -> None:
        await self._background.close()
        try:
            for user_id in self._here:
                await self._cache.leave(PRESENCE, user_id, self._gateway)
        except KaifError:
            return  # The notes lapse by themselves.

    async def _renew(self) -> None:
        while True:
            await asyncio.sleep(RENEW_S)
            try:
                if self._here:
                    await self._cache.touch(PRESENCE, list(self._here), self._gateway, NOTE_TTL_MS)
            except KaifError:
                continue

    @property
    def here(self) -> Set[UserId]:
        """Those who are connected to this gateway, or were until moments ago."""
        return self._here

    async def arrive(self, user_id: UserId) -> None:
        known = user_id in self._here
        self._here.add(user_id)
        try:
            await self._cache.touch(PRESENCE, [user_id], self._gateway, NOTE_TTL_MS)
            if not known:
                await self._announce(user_id, True)
        except KaifError:
            return  # The next renewal notes it.

    def leave_soon(self, user_id: UserId, is_back: Callable[[UserId], bool]) -> None:
        self.on_leave(user_id)
        self._background.run(self._leave(user_id, is_back))

    async def _leave(self, user_id: UserId, is_back: Callable[[UserId], bool]) -> None:
        await asyncio.sleep(LEAVE_AFTER_S)
        if is_back(user_id):
            return
        self._here.discard(user_id)
        try:
            await self._cache.leave(PRESENCE, user_id, self._gateway)
            if not await self._cache.present(PRESENCE, [user_id]):
                await self._announce(user_id, False)
        except KaifError:
            return

    async def _announce(self, user_id: UserId, online: bool) -> None:
        await self._cache.publish(CHANNEL, msgspec.msgpack.encode(Change(user_id, online)))

    def _hear(self, payload: bytes) -> None:
        change = msgspec.msgpack.decode(payload, type=Change)
        self._on_change(change.user_id, change.online, self._watchers.get(change.user_id, ()))

    async def online(self, user_ids: Iterable[UserId]) -> set[UserId]:
        """Those of the people who are here; nobody while the cache is down."""
        try:
            return {UserId(member) for member in await self._cache.present(PRESENCE, list(set(user_ids)))}
        except KaifError:
            return set()

    def watch(self, reader: Reader, user_id: UserId) -> None:
        self._watchers.setdefault(user_id, set()).add(reader)
        reader.watched.add(user_id)

    def unwatch(self, reader: Reader) -> None:
        for user_id in reader.watched:
            watchers = self._watchers.get(user_id, set())
            watchers.discard(reader)
            if not watchers:
                self._watchers.pop(user_id, None)
        reader.watched.clear()

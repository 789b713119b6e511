"""Who is here: noted in the cache by every gateway, for so short a time that one which dies takes its people along.

Comings and goings are announced at once. What no announcement says, because a gateway died or the cache forgot, is
seen in the notes: each gateway looks again and again whether those of whom it tells somebody are as it has told. The
cache keeps the time of the notes, so what a machine's clock says makes no difference.
"""

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

# The people concerned, whether they are here, and whom to tell.
OnChange = Callable[[UserId, bool, Iterable[Reader]], None]


class Rhythm(msgspec.Struct, frozen=True):
    """A gateway that dies is noticed after `note_ttl_s` and `look_s` at the latest."""

    # A reload or a change of networks is no departure.
    leave_after_s: float = 3.0
    note_ttl_s: float = 15.0
    # Two renewals may fail before anybody seems to be gone.
    renew_s: float = 5.0
    look_s: float = 3.0
    # Those who seem to be away are many more, and only a lost announcement hides that they came.
    everybody_each: int = 10
    # After the cache was away every gateway has noted its people anew by then.
    settle_s: float = 8.0


class Change(msgspec.Struct, frozen=True, array_like=True):
    user_id: UserId
    online: bool


class PresenceBoard:
    def __init__(self, cache: Cache, rhythm: Rhythm | None = None) -> None:
        self._cache = cache
        self._rhythm = rhythm or Rhythm()
        # Each life of a gateway has a name of its own: what the one before it noted is not renewed.
        self._gateway = new_id()
        self._here: set[UserId] = set()
        self._watchers: dict[UserId, set[Reader]] = {}
        # Those of the watched of whom it was told that they are here.
        self._online: set[UserId] = set()
        # For each look that is under way: of whom an announcement came meanwhile, which is newer than its answer.
        self._looks: list[set[UserId]] = []
        # Until then the cache may not know of somebody who is here.
        self._forgetful_until_s = 0.0
        self._background = Background()
        self._on_change: OnChange = lambda user_id, online, watchers: None
        # Told of everybody whose last connection to this gateway has ended.
        self.on_leave: Callable[[UserId], None] = lambda user_id: None

    async def start(self, on_change: OnChange) -> None:
        self._on_change = on_change
        await self._cache.subscribe(CHANNEL, self._hear, self._note_outage)
        await self._note_everybody()
        self._background.run(self._renew())
        self._background.run(self._look_again_and_again())

    async def close(self) -> None:
        """Whoever was here gets as long to come again elsewhere as anybody."""
        await self._background.close()
        try:
            await self._note(list(self._here), self._rhythm.leave_after_s)
        except KaifError:
            return  # The notes lapse by themselves.

    # Those who are here

    async def _note(self, user_ids: list[UserId], ttl_s: float) -> None:
        """And this gateway itself: where it is not found, the cache has forgotten more than that."""
        await self._cache.touch(PRESENCE, [*user_ids, self._gateway], self._gateway, int(ttl_s * 1000))

    async def _renew(self) -> None:
        while True:
            await asyncio.sleep(self._rhythm.renew_s)
            await self._note_everybody()

    async def _note_everybody(self) -> None:
        try:
            await self._note(list(self._here), self._rhythm.note_ttl_s)
        except KaifError:
            self._distrust()

    def _note_outage(self) -> None:
        """The cache is back, and may have lost everything."""
        self._distrust()
        self._background.run(self._note_everybody())

    def _distrust(self) -> None:
        self._forgetful_until_s = asyncio.get_running_loop().time() + self._rhythm.settle_s

    @property
    def here(self) -> Set[UserId]:
        """Those who are connected to this gateway, or were until moments ago."""
        return self._here

    async def arrive(self, user_id: UserId) -> None:
        known = user_id in self._here
        self._here.add(user_id)
        try:
            await self._note([user_id], self._rhythm.note_ttl_s)
            if not known:
                await self._announce(user_id, True)
        except KaifError:
            return  # The next renewal notes it, and those who look see it.

    def leave_soon(self, user_id: UserId, is_back: Callable[[UserId], bool]) -> None:
        self.on_leave(user_id)
        self._background.run(self._leave(user_id, is_back))

    async def _leave(self, user_id: UserId, is_back: Callable[[UserId], bool]) -> None:
        await asyncio.sleep(self._rhythm.leave_after_s)
        if is_back(user_id):
            return
        self._here.discard(user_id)
        try:
            await self._cache.leave(PRESENCE, user_id, self._gateway)
            if user_id in self._here:
                # They came again meanwhile, and their note may just have been taken back.
                await self._note([user_id], self._rhythm.note_ttl_s)
            elif not await self._cache.present(PRESENCE, [user_id]) and user_id not in self._here:
                await self._announce(user_id, False)
        except KaifError:
            return

    async def _announce(self, user_id: UserId, online: bool) -> None:
        await self._cache.publish(CHANNEL, msgspec.msgpack.encode(Change(user_id, online)))

    # Those who are watched

    def _hear(self, payload: bytes) -> None:
        change = msgspec.msgpack.decode(payload, type=Change)
        for changed in self._looks:
            changed.add(change.user_id)
        self._tell(change.user_id, change.online)

    def _tell(self, user_id: UserId, online: bool, but: Reader | None = None) -> None:
        """Let the watchers know, unless they do."""
        watchers = self._watchers.get(user_id)
        if watchers is None or online == (user_id in self._online):
            return
        (self._online.add if online else self._online.discard)(user_id)
        self._on_change(user_id, online, watchers - {but} if but else watchers)

    async def _look_again_and_again(self) -> None:
        number = 0
        while True:
            await asyncio.sleep(self._rhythm.look_s)
            number += 1
            try:
                await self._look(list(self._online if number % self._rhythm.everybody_each else self._watchers))
            except KaifError:
                self._distrust()

    async def _look(self, user_ids: list[UserId], but: Reader | None = None) -> None:
        """See whether all is as it was told; `but` will be told otherwise."""
        changed: set[UserId] = set()
        self._looks.append(changed)
        try:
            present = await self._cache.present(PRESENCE, [*user_ids, self._gateway])
        finally:
            # Lists compare sets by what is in them: another look's may be equal.
            self._looks[:] = [other for other in self._looks if other is not changed]
        if self._gateway not in present:
            self._note_outage()
        is_forgetful = asyncio.get_running_loop().time() < self._forgetful_until_s
        for user_id in user_ids:
            online = user_id in present
            if user_id not in changed and (online or not is_forgetful):
                self._tell(user_id, online, but)

    async def online(self, asker: Reader, user_ids: Iterable[UserId]) -> set[UserId]:
        """Those of the people, whom the asker watches, who are here: as far as is known while the cache is down."""
        those = set(user_ids)
        try:
            await self._look(list(those), asker)
        except KaifError:
            self._distrust()
        return those & self._online & asker.watched

    def watch_only(self, reader: Reader, user_ids: set[UserId]) -> None:
        """From now on the reader is told of these and of nobody else."""
        for user_id in reader.watched - user_ids:
            watchers = self._watchers[user_id]
            watchers.discard(reader)
            if not watchers:
                del self._watchers[user_id]
                self._online.discard(user_id)
        for user_id in user_ids - reader.watched:
            self._watchers.setdefault(user_id, set()).add(reader)
        reader.watched.clear()
        reader.watched.update(user_ids)

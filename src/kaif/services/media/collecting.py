"""Takes away what nothing needs: uploads whose time is over, files that nothing refers to, and their parts; and of
pictures that can be made again those that are too many.

Each goes in a transaction of its own that locks it and looks again, as whoever refers to it or goes on with it does:
of the two one comes first, and the other sees what it did. A part is taken off the disk only after it can't come back
into use, and forgotten only after it is off the disk, so a crash in between leaves nothing behind. Any number of
processes may do this.
"""

from kaif.engines.database import Database
from kaif.kernel.background import Background
from kaif.kernel.clock import Clock
from kaif.services.media import model, store
from kaif.services.media.content.parts import Content
from kaif.services.media.renditions import store as renditions_store

AT_ONCE = 100
LOOK_EVERY_S = 30.0
PASSING_BYTES_MAX = 5 << 30


class Collector:
    def __init__(
        self,
        database: Database,
        content: Content,
        clock: Clock,
        look_every_s: float = LOOK_EVERY_S,
        passing_bytes_max: int = PASSING_BYTES_MAX,
    ) -> None:
        self._database, self._content, self._clock = database, content, clock
        self._look_every_s, self._passing_bytes_max = look_every_s, passing_bytes_max
        self._background = Background()

    def start(self) -> None:
        self._background.repeat(self._look, "garbage waits", self._look_every_s)

    async def close(self) -> None:
        await self._background.close()

    async def _look(self) -> float:
        return 0 if await self.collect() else self._look_every_s

    async def collect(self) -> bool:
        """Whether there may be more. Raises Unavailable and the like when nothing can be done."""
        now_us = self._clock()
        expired = await store.expired_uploads(self._database, now_us, AT_ONCE)
        for upload_id in expired:
            await self._expire(upload_id)
        orphans = await store.orphans(self._database, now_us - model.ORPHAN_LIVES_US, AT_ONCE)
        for media_id in orphans:
            await self._drop_orphan(media_id)
        async with self._database.transaction() as tx:
            await store.forget_refusals(tx, now_us)
        is_too_much = await self._trim()
        # Last: a store may fail, or have to keep something.
        garbage = await store.due_garbage(self._database, now_us, AT_ONCE)
        for part in garbage:
            await self._take_out(part)
        return is_too_much or AT_ONCE in (len(expired), len(orphans), len(garbage))

    async def _trim(self) -> bool:
        """What can be made again stays as long as there is room for it; what was used longest ago goes first."""
        too_much = await renditions_store.passing_bytes(self._database) - self._passing_bytes_max
        if too_much <= 0:
            return False
        for rendition in await renditions_store.least_used(self._database, AT_ONCE):
            async with self._database.transaction() as tx:
                await renditions_store.drop(tx, rendition.id, self._clock() + model.GARBAGE_LIVES_US)
            too_much -= rendition.size
            if too_much <= 0:
                break
        return too_much > 0

    async def _expire(self, upload_id: str) -> None:
        async with self._database.transaction() as tx:
            upload = await store.lock_upload(tx, upload_id)
            if upload is not None and upload.expires_at_us <= self._clock():
                await store.drop_upload(tx, upload, self._clock() + model.GARBAGE_LIVES_US)

    async def _drop_orphan(self, media_id: str) -> None:
        async with self._database.transaction() as tx:
            media = await store.lock_media(tx, media_id)
            if media is None or media.touched_at_us > self._clock() - model.ORPHAN_LIVES_US:
                return
            if not await store.is_referred_to(tx, media_id):
                await store.drop_media(tx, media_id, self._clock() + model.GARBAGE_LIVES_US)

    async def _take_out(self, part: str) -> None:
        async with self._database.transaction() as tx:
            if not await store.take_garbage(tx, part, self._clock()):
                return
        await self._content.delete(part)
        async with self._database.transaction() as tx:
            await store.forget_garbage(tx, part)

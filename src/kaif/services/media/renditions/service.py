"""What is made of files: kept as their content is, made when it is asked for, once for all who ask at that moment."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

from kaif.engines.database import AlreadyExists, Database
from kaif.engines.keys import Keys
from kaif.interfaces.media import MediaNotFound, RenditionNotReady
from kaif.interfaces.media.images import Rendition
from kaif.interfaces.media.uploads import PIECE_BYTES_MAX
from kaif.kernel.clock import SECOND_US, Clock
from kaif.kernel.errors import Invalid
from kaif.kernel.ids import new_id
from kaif.services.media import model, store
from kaif.services.media.cdn.withdrawing import NO_CDN, Withdrawing
from kaif.services.media.content.parts import Content
from kaif.services.media.content.writing import Writing, cut, take
from kaif.services.media.model import StoredMedia
from kaif.services.media.renditions import naming
from kaif.services.media.renditions import store as renditions_store
from kaif.services.media.renditions.claims import Claims
from kaif.services.media.renditions.naming import Wanted
from kaif.services.media.renditions.store import StoredRendition
from kaif.services.media.work.pictures import PictureWorkers
from kaif.services.media.work.scratch import opened
from kaif.services.media.work.turns import Priority

# Longer than it takes to replace a process that died.
WAIT_S_MAX = 12.0
# What could not be made is not tried again so soon, however many ask for it: each try may take a worker's whole time.
REFUSED_FOR_US = 600 * SECOND_US
REFUSALS_MAX = 1000
# What was used is noted so often.
USED_EVERY_US = 3600 * SECOND_US


class Renditions:
    def __init__(
        self,
        database: Database,
        content: Content,
        keys: Keys,
        pictures: PictureWorkers,
        clock: Clock,
        withdrawing: Withdrawing = NO_CDN,
    ) -> None:
        self._database, self._content, self._writing = database, content, Writing(database, content, keys, clock)
        self._pictures, self._clock, self._withdrawing = pictures, clock, withdrawing
        self._making: dict[tuple[str, str], asyncio.Task[StoredRendition]] = {}
        self._refused: dict[tuple[str, str], tuple[int, Invalid]] = {}
        self._claims = Claims(database, clock)

    async def close(self) -> None:
        making = list(self._making.values())
        for task in making:
            task.cancel()
        await asyncio.gather(*making, return_exceptions=True)
        await self._claims.close()

    # Finding and making

    async def get(self, media: StoredMedia, wanted: Wanted, priority: Priority = "urgent") -> StoredRendition:
        """Made now if it is a picture that is not there yet.

        Raises RenditionNotReady for what only work makes, Busy, and what rendering raises.
        """
        found = await renditions_store.find(self._database, media.id, wanted.name)
        if found is not None:
            await self._note_use(found)
            return found
        if wanted.variant is None:
            raise RenditionNotReady
        self._must_not_be_refused(media.id, wanted.name)
        task = self._making.get((media.id, wanted.name))
        if task is None:
            task = self._making[media.id, wanted.name] = asyncio.ensure_future(self._made(media, wanted, priority))
            task.add_done_callback(lambda done: self._note_made((media.id, wanted.name), done))
        # It is made even if who asked first has gone: somebody else may wait for it too.
        return await asyncio.shield(task)

    def _note_made(self, key: tuple[str, str], done: asyncio.Task[StoredRendition]) -> None:
        self._making.pop(key, None)
        if not done.cancelled():
            # Whoever waits has it as well; if nobody does, nobody needs to hear of it.
            error = done.exception()
            if isinstance(error, Invalid):
                if len(self._refused) >= REFUSALS_MAX:
                    del self._refused[next(iter(self._refused))]
                self._refused[key] = self._clock() + REFUSED_FOR_US, error

    def _must_not_be_refused(self, media_id: str, name: str) -> None:
        until_us, error = self._refused.get((media_id, name), (0, None))
        if error and until_us > self._clock():
            raise type(error)(str(error), **error.details)
        self._refused.pop((media_id, name), None)

    async def _made(self, media: StoredMedia, wanted: Wanted, priority: Priority) -> StoredRendition:
        async with self._claims.held(media.id, wanted.name, WAIT_S_MAX):
            # Whoever had it before may have made it.
            found = await renditions_store.find(self._database, media.id, wanted.name)
            return found or await self._make(media, wanted, priority)

    async def _make(self, media: StoredMedia, wanted: Wanted, priority: Priority) -> StoredRendition:
        assert wanted.variant
        # Read when its turn has come: those that wait for theirs would fill the memory.
        (made,) = await self._pictures.render(
            lambda: self._picture_of(media), [wanted.variant], priority, whose=media.owner_id
        )
        await self.keep_picture(media.id, wanted.name, made, lasting=wanted.name == naming.LARGE)
        found = await renditions_store.find(self._database, media.id, wanted.name)
        if found is None:
            raise MediaNotFound
        return found

    async def _picture_of(self, media: StoredMedia) -> bytes:
        """Of a film its poster. Raises RenditionNotReady."""
        if media.kind == "image":
            return await self._content.read(self._database, media.id, 0, media.size)
        poster = await renditions_store.find(self._database, media.id, naming.POSTER)
        if poster is None:
            raise RenditionNotReady
        return await self._content.read(self._database, poster.id, 0, poster.size)

    async def _note_use(self, rendition: StoredRendition) -> None:
        now_us = self._clock()
        if not rendition.lasting and now_us - rendition.used_at_us > USED_EVERY_US:
            async with self._database.transaction() as tx:
                await renditions_store.touch(tx, rendition.id, now_us)

    # Keeping

    async def keep_picture(self, media_id: str, name: str, made: Rendition, *, lasting: bool) -> bool:
        return await self.keep(media_id, name, cut(made.content), made.width, made.height, lasting=lasting)

    async def keep_file(self, media_id: str, name: str, path: Path, width: int = 0, height: int = 0) -> bool:
        """What a worker made, for as long as the file is there."""
        return await self.keep(media_id, name, _pieces_of(path), width, height, lasting=True)

    async def keep(
        self, media_id: str, name: str, pieces: AsyncIterator[bytes], width: int, height: int, *, lasting: bool
    ) -> bool:
        """False when there is one already, or its file is there no more."""
        id = new_id()
        written = await self._writing.write(id, pieces)
        type, size = naming.type_of(name), written.size
        rendition = StoredRendition(id, media_id, name, type, size, width, height, int(lasting), self._clock())
        try:
            async with self._database.transaction() as tx:
                # Under the lock of whoever drops the file: it takes this along, or we see that there is no file.
                if await store.lock_media(tx, media_id) is None:
                    return False
                if not await take(tx, written):
                    return False
                await renditions_store.add(tx, rendition)
        except AlreadyExists:
            return False
        return True

    async def drop_under(self, media_id: str, prefix: str) -> None:
        """What was only begun."""
        names = (await renditions_store.names_of(self._database, [media_id])).get(media_id, [])
        for name in names:
            found = await renditions_store.find(self._database, media_id, name) if name.startswith(prefix) else None
            if found:
                async with self._database.transaction() as tx:
                    await store.lock_media(tx, media_id)
                    await renditions_store.drop(tx, found.id, self._clock() + model.GARBAGE_LIVES_US)
                    # Pieces of two runs don't fit together.
                    await self._withdrawing.withdraw(tx, media_id, self._clock())


async def _pieces_of(path: Path) -> AsyncIterator[bytes]:
    with opened(path) as file:
        while piece := await asyncio.to_thread(file.read, PIECE_BYTES_MAX):
            yield piece

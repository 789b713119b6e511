"""Takes away the originals of those who have left: of what others are still shown only that stays which they are shown.

Cameras write into pictures and films where people live. What is made of them has none of it, so it takes the original's
place, once it is there. What was sent as a file stays as long as it is shown as one: it is what was said.
"""

import hashlib
import logging

from kaif.engines.database import Database
from kaif.interfaces.media import MediaId, RenditionNotReady
from kaif.interfaces.messaging.attachments import AskedFiles
from kaif.kernel.actor import NOBODY
from kaif.kernel.background import Background
from kaif.kernel.clock import DAY_US, MINUTE_US, Clock
from kaif.kernel.errors import Busy, Invalid, KaifError, Unavailable
from kaif.services.media import model, store
from kaif.services.media.content import stripping_store
from kaif.services.media.content.parts import READ_AT_ONCE, Content
from kaif.services.media.delivery.rights import ShowsFiles
from kaif.services.media.model import StoredMedia
from kaif.services.media.queue import steps
from kaif.services.media.renditions import naming
from kaif.services.media.renditions import store as renditions_store
from kaif.services.media.renditions.service import Renditions
from kaif.services.media.renditions.store import StoredRendition

AT_ONCE = 100
LOOK_EVERY_S = 60.0
# Of work that is under way, and of what is shown as a file somewhere or can't be had.
SOON_US, LATER_US = 10 * MINUTE_US, DAY_US

log = logging.getLogger("kaif.media")


class Stripping:
    def __init__(
        self,
        database: Database,
        content: Content,
        renditions: Renditions,
        messages: ShowsFiles | None,
        clock: Clock,
        look_every_s: float = LOOK_EVERY_S,
    ) -> None:
        self._database, self._content, self._renditions = database, content, renditions
        self._messages, self._clock, self._look_every_s = messages, clock, look_every_s
        self._background = Background()

    def start(self) -> None:
        self._background.repeat(self._look, "originals of those who left wait", self._look_every_s)

    async def close(self) -> None:
        await self._background.close()

    async def _look(self) -> float:
        return 0 if await self.strip() else self._look_every_s

    async def strip(self) -> bool:
        """Whether there may be more. Raises Unavailable and the like when nothing can be done."""
        due = await stripping_store.due(self._database, self._clock(), AT_ONCE)
        as_files = await self._as_files([media.id for media in due]) if due else set()
        for media in due:
            # What could not be made may be made one day, when an operator has it tried again.
            waits = media.state == "failed" or (media.id in as_files and _may_go(media))
            again_at_us = self._clock() + LATER_US if waits else await self._try(media)
            if again_at_us is not None:
                async with self._database.transaction() as tx:
                    await stripping_store.plan(tx, media.id, again_at_us)
        return len(due) == AT_ONCE

    async def _as_files(self, media_ids: list[MediaId]) -> set[str]:
        if self._messages is None:
            return set()
        return set((await self._messages.which_are_files(NOBODY, AskedFiles(media_ids))).as_files)

    async def _try(self, media: StoredMedia) -> int | None:
        """When to try it again, 0 for never; None when it is done. Raises Unavailable."""
        try:
            return await self._strip(media)
        except (RenditionNotReady, Busy):
            return self._clock() + SOON_US
        except Invalid:
            return 0
        except Unavailable:
            raise
        except KaifError as error:
            # One whose content is lost or that no worker survives keeps the others from nothing.
            log.warning("the original of %s can't go yet: %s: %s", media.id, type(error).__name__, error)
            return self._clock() + LATER_US

    async def _strip(self, media: StoredMedia) -> int | None:
        """As `_try`, which knows what to do about what this raises."""
        shown = await self._shown(media)
        if shown is None:
            return 0
        sha256 = await self._digest(shown)
        async with self._database.transaction() as tx:
            if await store.lock_media(tx, media.id) is None:
                return None
            # What can be made again may go at any time.
            if not await renditions_store.lock(tx, shown.id):
                return self._clock() + SOON_US
            await stripping_store.become(tx, media.id, shown, sha256, self._clock() + model.GARBAGE_LIVES_US)
        return None

    async def _shown(self, media: StoredMedia) -> StoredRendition | None:
        """None of what is nothing but its file. Raises RenditionNotReady while it is needed to make more."""
        if media.voice and media.state == "working":
            raise RenditionNotReady
        if media.voice and media.state == "ready":
            return await renditions_store.find(self._database, media.id, naming.VOICE)
        if not naming.is_shown_without_its_file(media):
            return None
        made = (await renditions_store.names_of(self._database, [media.id])).get(media.id, [])
        if media.kind == "video" and steps.next_step(media, made):
            raise RenditionNotReady
        return await self._renditions.get(media, naming.as_shown(media, made), "background")

    async def _digest(self, shown: StoredRendition) -> str:
        digest = hashlib.sha256()
        for at in range(0, shown.size, READ_AT_ONCE):
            length = min(READ_AT_ONCE, shown.size - at)
            digest.update(await self._content.read(self._database, shown.id, at, length))
        return digest.hexdigest()


def _may_go(media: StoredMedia) -> bool:
    """Whether anything is shown in the place of the file, now or later."""
    return bool(media.voice) or naming.is_shown_without_its_file(media)

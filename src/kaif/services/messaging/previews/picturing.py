"""Pictures of pages: asked for by us, drawn anew and kept by media, and let go when no preview shows them.

Messaging and media share no transaction, so a picture is noted before media is asked to keep it, under an id that we
choose: a crash at any point leaves none that is kept for nothing.
"""

import asyncio
from typing import Protocol
from urllib.parse import urlsplit

from kaif.engines.database import Database
from kaif.engines.web import Unreachable
from kaif.engines.web.pages import NotAPage, Pages
from kaif.interfaces.auth import Nothing
from kaif.interfaces.media import MediaId
from kaif.interfaces.media.page_pictures import KeepPagePicture, PagePicture
from kaif.interfaces.media.references import ReleaseFiles
from kaif.interfaces.messaging.content import PreviewPicture
from kaif.kernel.actor import NOBODY, Actor
from kaif.kernel.clock import MINUTE_US, Clock
from kaif.kernel.errors import Invalid, Unavailable
from kaif.kernel.ids import new_id
from kaif.kernel.limits import Limit, Limits
from kaif.services.messaging.attachments.attaching import HOLDER, TELL_AGAIN_US
from kaif.services.messaging.due import store as due_store
from kaif.services.messaging.due.model import picture_of
from kaif.services.messaging.previews import picture_store

# For media to draw it; a page is shown without its picture rather than later.
KEPT_WITHIN_S = 5.0
# However slow media is, the page's words are kept by then.
UNUSED_FOR_US = 10 * MINUTE_US
# A page names whom it likes: nobody makes us the tool with which it troubles another site.
OF_ONE_SITE = Limit("pictures_of_one_site", per_minute=30, burst=20)


class NotNow(Exception):
    """There may be a picture later."""


class KeepsPictures(Protocol):
    """Media, as far as previews need it (`interfaces.media.page_pictures`)."""

    async def keep_page_picture(self, actor: Actor, request: KeepPagePicture) -> PagePicture: ...


class ReleasesFiles(Protocol):
    """Media, as far as previews need it (`interfaces.media.references`)."""

    async def release_files(self, actor: Actor, request: ReleaseFiles) -> Nothing: ...


class PictureFinder:
    def __init__(self, database: Database, pages: Pages, media: KeepsPictures, clock: Clock) -> None:
        self._database, self._pages, self._media, self._clock = database, pages, media, clock
        self._limits = Limits()

    async def find(self, url: str, page: str) -> PreviewPicture | None:
        """What stands there, kept for the page of that hash; None for what is no picture. Raises NotNow."""
        try:
            if self._limits.take(OF_ONE_SITE, urlsplit(url).hostname or "").retry_after_s:
                raise NotNow
            content = await self._pages.read_picture(url)
            async with asyncio.timeout(KEPT_WITHIN_S):
                return await self._kept(content, page)
        except (NotAPage, Invalid, ValueError):
            return None
        except (Unreachable, Unavailable, TimeoutError) as error:
            raise NotNow from error

    async def _kept(self, content: bytes, page: str) -> PreviewPicture:
        media_id = MediaId(new_id())
        async with self._database.transaction() as tx:
            await picture_store.add(tx, media_id, page, self._clock() + UNUSED_FOR_US)
        kept = await self._media.keep_page_picture(NOBODY, KeepPagePicture(media_id, HOLDER, content))
        return PreviewPicture(media_id, kept.width, kept.height, kept.thumbhash)


class PictureRelease:
    def __init__(self, database: Database, media: ReleasesFiles, clock: Clock) -> None:
        self._database, self._media, self._clock = database, media, clock

    async def release_due(self, id: str) -> None:
        """Let go of a picture that nothing shows. Raises Unavailable."""
        async with self._database.transaction() as tx:
            due = await due_store.lock(tx, id)
            if due is None or not 0 < due.look_at_us <= self._clock():
                return
            picture = await picture_store.lock(tx, picture_of(due))
            if picture is None or await picture_store.is_shown(tx, picture.media_id):
                await due_store.remove(tx, id)
                return
            await picture_store.leave(tx, picture)
            await due_store.look_again(tx, id, self._clock() + TELL_AGAIN_US)
        await self._media.release_files(NOBODY, ReleaseFiles([picture.media_id], HOLDER, picture.media_id))
        async with self._database.transaction() as tx:
            await picture_store.forget(tx, picture.media_id)
            await due_store.remove(tx, id)

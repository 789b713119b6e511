"""Keeps what pages of other sites show of themselves: never the file that came, but what a worker drew of it."""

import hashlib

import msgspec

from kaif.engines.database import AlreadyExists, Database
from kaif.interfaces.media import MediaId, Shown
from kaif.interfaces.media.images import NotAnImage, Picture, Rendition, Variant
from kaif.interfaces.media.page_pictures import SIDE_MAX, SIDE_MIN, KeepPagePicture, PagePicture
from kaif.kernel.actor import Actor, UserId
from kaif.kernel.clock import Clock
from kaif.kernel.errors import Busy
from kaif.services.media import store
from kaif.services.media.content.writing import Writing, cut, take
from kaif.services.media.delivery.rights import EVERYONE
from kaif.services.media.images.formats import format_of
from kaif.services.media.model import StoredMedia
from kaif.services.media.work.pictures import PictureWorkers

NOBODYS = UserId("")
NAME, TYPE = "picture.webp", "image/webp"
# All of them together are as one person's: they keep nobody's own waiting.
_OF_PAGES = "pages"
_DRAWN = Variant("webp", width=SIDE_MAX, height=SIDE_MAX, quality=82)


class PagePicturesService:
    def __init__(self, database: Database, writing: Writing, pictures: PictureWorkers, clock: Clock) -> None:
        self._database, self._writing, self._pictures, self._clock = database, writing, pictures, clock

    async def keep_page_picture(self, actor: Actor, request: KeepPagePicture) -> PagePicture:
        known = await store.find_media(self._database, request.media_id)
        if known is None:
            drawn, glimpse = await self._draw(request.content)
            known = await self._keep(request, drawn, glimpse)
        return _seen(known)

    async def _draw(self, content: bytes) -> tuple[Rendition, Picture]:
        if format_of(content) == "svg":
            raise NotAnImage
        (drawn,) = await self._pictures.render(content, [_DRAWN], whose=_OF_PAGES)
        if min(drawn.width, drawn.height) < SIDE_MIN:
            raise NotAnImage
        glimpse = await self._pictures.inspect(drawn.content, whose=_OF_PAGES)
        return drawn, glimpse

    async def _keep(self, request: KeepPagePicture, drawn: Rendition, glimpse: Picture) -> StoredMedia:
        """What is there already, when it is asked for twice at once."""
        written = await self._writing.write(request.media_id, cut(drawn.content))
        now_us = self._clock()
        shown = Shown(drawn.width, drawn.height, thumbhash=glimpse.thumbhash, has_holes=glimpse.has_alpha)
        media = StoredMedia(
            id=MediaId(request.media_id),
            owner_id=NOBODYS,
            name=NAME,
            type=TYPE,
            kind="image",
            size=written.size,
            sha256=hashlib.sha256(drawn.content).hexdigest(),
            state="ready",
            created_at_us=now_us,
            touched_at_us=now_us,
            shown=msgspec.json.encode(shown).decode(),
        )
        try:
            async with self._database.transaction() as tx:
                await store.add_media(tx, media)
                if not await take(tx, written):
                    raise Busy(retry_after_ms=1000)
                await store.refer(tx, media.id, request.holder, media.id, EVERYONE, now_us)
        except AlreadyExists:
            media = await store.find_media(self._database, request.media_id) or media
        return media


def _seen(media: StoredMedia) -> PagePicture:
    shown = media.seen().shown or Shown()
    return PagePicture(media.id, shown.width, shown.height, shown.thumbhash)

"""Hands a CDN what it may hold, and remembers that it was handed out."""

from kaif.engines.database import Database, Reads
from kaif.interfaces.media import MediaNotFound, RenditionNotFound
from kaif.interfaces.media.cdn import LookForCdn, ReadForCdn, SightForCdn
from kaif.interfaces.media.delivery import Piece, Sight
from kaif.kernel.actor import Actor
from kaif.kernel.clock import SECOND_US, Clock
from kaif.services.media import store
from kaif.services.media.cdn import store as cdn_store
from kaif.services.media.cdn.links import CdnLinks, Grant
from kaif.services.media.cdn.offering import shared_among
from kaif.services.media.content.parts import Content
from kaif.services.media.model import StoredMedia
from kaif.services.media.renditions import naming
from kaif.services.media.renditions import store as renditions_store
from kaif.services.media.renditions.service import Renditions


class CdnDeliveryService:
    def __init__(
        self, database: Database, content: Content, links: CdnLinks, renditions: Renditions, clock: Clock
    ) -> None:
        self._database, self._content = database, content
        self._links, self._renditions, self._clock = links, renditions, clock

    async def look_for_cdn(self, actor: Actor, request: LookForCdn) -> SightForCdn:
        grant = self._links.read(request.media_id, request.grant, self._clock())
        media = await _granted(self._database, request.media_id, grant)
        found = await self._renditions.get(media, naming.wanted_by_format(media, request.rendition))
        await self._note_given(request.media_id, grant)
        saved_as = found.name.rpartition("/")[2]
        sight = Sight(media.id, saved_as, found.type, found.size, found.id, inline=True, rendition=found.name)
        return SightForCdn(sight, grant.fresh_s(self._clock()))

    async def read_for_cdn(self, actor: Actor, request: ReadForCdn) -> Piece:
        grant = self._links.read(request.media_id, request.grant, self._clock())
        await _granted(self._database, request.media_id, grant)
        found = await renditions_store.find(self._database, request.media_id, request.rendition)
        if found is None:
            raise RenditionNotFound
        length = min(request.length, found.size - request.start)
        if length <= 0:
            return Piece(b"")
        return Piece(await self._content.read(self._database, found.id, request.start, length))

    async def _note_given(self, media_id: str, grant: Grant) -> None:
        """Before a byte of it goes. Raises MediaNotFound when it was withdrawn while a picture was made."""
        until_us = grant.until_s * SECOND_US
        known = (await cdn_store.find_all(self._database, [media_id])).get(media_id)
        if known is not None and known.generation == grant.generation and known.given_until_us >= until_us:
            return
        async with self._database.transaction() as tx:
            # The lock that is taken to withdraw it: either that sees this row, or we see that it has been.
            await store.lock_media(tx, media_id)
            await _granted(tx, media_id, grant)
            await cdn_store.note_given(tx, media_id, until_us)


async def _granted(reads: Reads, media_id: str, grant: Grant) -> StoredMedia:
    """The file, which somebody shows to others at this moment. Raises MediaNotFound."""
    media = await store.find_media(reads, media_id)
    if media is None or not await shared_among(reads, [media]):
        raise MediaNotFound
    known = (await cdn_store.find_all(reads, [media_id])).get(media_id)
    if grant.generation != (known.generation if known else 0):
        raise MediaNotFound
    return media

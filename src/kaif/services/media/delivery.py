"""Hands files out, to those who may see them at that moment."""

from kaif.engines.database import Database
from kaif.interfaces.media import Media
from kaif.interfaces.media.delivery import LookAt, Piece, ReadMedia
from kaif.kernel.actor import Actor
from kaif.kernel.clock import Clock
from kaif.services.media.content import Content
from kaif.services.media.links import Links
from kaif.services.media.model import StoredMedia
from kaif.services.media.rights import Rights


class DeliveryService:
    def __init__(self, database: Database, content: Content, rights: Rights, links: Links, clock: Clock) -> None:
        self._database, self._content = database, content
        self._rights, self._links, self._clock = rights, links, clock

    async def look_at(self, actor: Actor, request: LookAt) -> Media:
        return (await self._visible(actor, request.media_id, request.link)).seen()

    async def read(self, actor: Actor, request: ReadMedia) -> Piece:
        media = await self._visible(actor, request.media_id, request.link)
        length = min(request.length, media.size - request.start)
        if length <= 0:
            return Piece(b"")
        return Piece(await self._content.read(self._database, media.id, request.start, length))

    async def _visible(self, actor: Actor, media_id: str, link: str) -> StoredMedia:
        viewer = self._links.viewer(media_id, link, self._clock()) if link else actor
        return await self._rights.visible(viewer, media_id)

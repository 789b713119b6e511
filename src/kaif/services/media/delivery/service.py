"""Hands files out, and what was made of them, to those who may see the file at that moment."""

from pathlib import PurePosixPath

from kaif.engines.database import Database
from kaif.interfaces.media import INLINE_TYPES, RenditionNotFound
from kaif.interfaces.media.delivery import LookAt, Piece, ReadMedia, Sight
from kaif.interfaces.media.images import AddressNotOurs
from kaif.kernel.actor import Actor
from kaif.kernel.clock import Clock
from kaif.services.media.content.parts import Content
from kaif.services.media.delivery.links import PICTURES, Links
from kaif.services.media.delivery.rights import Rights
from kaif.services.media.delivery.standing import Standing
from kaif.services.media.images.addresses import Addresses
from kaif.services.media.model import StoredMedia
from kaif.services.media.renditions import naming
from kaif.services.media.renditions import store as renditions_store
from kaif.services.media.renditions.naming import Wanted
from kaif.services.media.renditions.service import Renditions
from kaif.services.media.work.turns import Priority


class DeliveryService:
    def __init__(
        self,
        database: Database,
        content: Content,
        rights: Rights,
        links: Links,
        standing: Standing,
        addresses: Addresses,
        renditions: Renditions,
        clock: Clock,
    ) -> None:
        self._database, self._content = database, content
        self._rights, self._links, self._standing = rights, links, standing
        self._addresses, self._renditions, self._clock = addresses, renditions, clock

    async def look_at(self, actor: Actor, request: LookAt) -> Sight:
        viewer = await self._viewer(actor, request.media_id, request.link)
        media, whole = await self._rights.seen(viewer, request.media_id)
        if not request.rendition and not whole:
            return await self._as_shown(media)
        if not request.rendition:
            inline = media.kind != "file" and media.type in INLINE_TYPES
            return Sight(media.id, media.name, media.type, media.size, media.sha256[:32], inline)
        # Of sizes there are more than anybody could ever make: they never take the last worker.
        priority: Priority = "background" if request.rendition.startswith(PICTURES) else "urgent"
        found = await self._renditions.get(media, self._wanted(media, request.rendition, request.accept), priority)
        saved_as = found.name.rpartition("/")[2]
        return Sight(media.id, saved_as, found.type, found.size, found.id, inline=True, rendition=found.name)

    async def read(self, actor: Actor, request: ReadMedia) -> Piece:
        viewer = await self._viewer(actor, request.media_id, request.link)
        media, whole = await self._rights.seen(viewer, request.media_id)
        holder_id, size = str(media.id), media.size
        if not request.rendition and not whole:
            raise RenditionNotFound
        if request.rendition:
            found = await renditions_store.find(self._database, media.id, request.rendition)
            if found is None:
                raise RenditionNotFound
            holder_id, size = found.id, found.size
        length = min(request.length, size - request.start)
        if length <= 0:
            return Piece(b"")
        return Piece(await self._content.read(self._database, holder_id, request.start, length))

    def _wanted(self, media: StoredMedia, name: str, accept: str) -> Wanted:
        """Raises RenditionNotFound, AddressNotOurs."""
        if not name.startswith(PICTURES):
            return naming.wanted(media, name, accept)
        address = self._addresses.read(name.removeprefix(PICTURES), self._clock())
        if address.media_id != media.id:
            raise AddressNotOurs
        return naming.wanted_at(address.variant)

    async def _as_shown(self, media: StoredMedia) -> Sight:
        """What is seen and nothing else that was in its file. Raises RenditionNotReady for a film on its way."""
        made = (await renditions_store.names_of(self._database, [media.id])).get(media.id, [])
        found = await self._renditions.get(media, naming.as_shown(media, made))
        name = f"{PurePosixPath(media.name).stem}.{found.name.rpartition('.')[2]}"
        passing = media.kind == "video" and found.name != naming.FILM
        return Sight(
            media.id, name, found.type, found.size, found.id, inline=True, rendition=found.name, passing=passing
        )

    async def _viewer(self, actor: Actor, media_id: str, link: str) -> Actor:
        if not link:
            return actor
        viewer = self._links.viewer(media_id, link, self._clock())
        await self._standing.require(viewer)
        return viewer

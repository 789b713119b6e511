"""Brings what the demo draws into media, as any client does, and waits until it can be seen and heard."""

import asyncio

from kaif.interfaces.media import Library, Media, OfMedia
from kaif.interfaces.media.uploads import Append, BeginWriting, CreateUpload, OfUpload, Uploads
from kaif.kernel.actor import Actor

READY_WITHIN_S = 60
_LOOK_EVERY_S = 0.1


class NotReady(Exception):
    """The message is the file's name."""


class Uploader:
    def __init__(self, uploads: Uploads, library: Library) -> None:
        self._uploads, self._library = uploads, library

    async def upload(self, actor: Actor, content: bytes, name: str, kind: str = "", *, voice: bool = False) -> Media:
        """Raises NotReady, when that takes READY_WITHIN_S or can't be."""
        wanted = CreateUpload(len(content), name, kind, keep=False, voice=voice)
        upload = await self._uploads.create_upload(actor, wanted)
        begun = await self._uploads.begin_writing(actor, BeginWriting(upload.id, 0))
        await self._uploads.append(actor, Append(upload.id, begun.writer, 0, content))
        finished = await self._uploads.finish_upload(actor, OfUpload(upload.id))
        if finished.media is None:
            raise NotReady(name)
        return await self._made(actor, finished.media)

    async def _made(self, actor: Actor, media: Media) -> Media:
        for _ in range(round(READY_WITHIN_S / _LOOK_EVERY_S)):
            if media.state == "ready":
                return media
            if media.state == "failed":
                break
            await asyncio.sleep(_LOOK_EVERY_S)
            media = await self._library.get_media(actor, OfMedia(media.id))
        raise NotReady(media.name)

"""Looks at what was uploaded before it becomes a file: what it shows, or why it can't be taken.

Workers do the looking. A picture is looked at in memory, as small as those may be; films and sounds as files, in a
folder that goes with the look.
"""

import msgspec

from kaif.engines.database import Database
from kaif.interfaces.media import Kind, Shown
from kaif.interfaces.media.films import AsSent, Film, NotPlayable
from kaif.interfaces.media.images import ImageDamaged, ImageFileTooLarge, Rendition, TooManyFrames
from kaif.kernel.clock import MS_US
from kaif.services.media import model
from kaif.services.media.content.parts import Content
from kaif.services.media.images.formats import CONTENT_TYPES
from kaif.services.media.work.films import FilmWorkers
from kaif.services.media.work.jobs import Probed
from kaif.services.media.work.pictures import PictureWorkers
from kaif.services.media.work.pool import WorkerFailed
from kaif.services.media.work.scratch import Scratch, read_whole

_POSTER_BYTES_MAX = 8 << 20


class Looked(msgspec.Struct, frozen=True):
    """`poster` is that of a film, a JPEG."""

    type: str
    kind: Kind
    shown: Shown | None = None
    poster: Rendition | None = None
    as_sent: AsSent = ""


class Looker:
    def __init__(
        self, database: Database, content: Content, pictures: PictureWorkers, films: FilmWorkers, scratch: Scratch
    ) -> None:
        self._database, self._content = database, content
        self._pictures, self._films, self._scratch = pictures, films, scratch

    async def look(self, holder_id: str, size: int, type: str, whose: str = "") -> Looked:
        """At content of that type. Raises what workers refuse (`interfaces.media.images`, `.films`)."""
        kind = model.kind_of(type)
        try:
            match kind:
                case "image":
                    return await self._look_at_picture_or_long_gif(holder_id, size, type, whose)
                case "video" | "audio":
                    return await self._look_at_film(holder_id, size, type, whose)
                case _:
                    return Looked(type, kind)
        except WorkerFailed as error:
            # Whatever is asked again about the same file ends the same way.
            raise (ImageDamaged if kind == "image" else NotPlayable) from error

    async def _look_at_picture_or_long_gif(self, holder_id: str, size: int, type: str, whose: str) -> Looked:
        try:
            return await self._look_at_picture(holder_id, size, whose)
        except (TooManyFrames, ImageFileTooLarge):
            if type != model.GIF:
                raise
        return await self._look_at_film(holder_id, size, type, whose)

    async def _look_at_picture(self, holder_id: str, size: int, whose: str) -> Looked:
        bytes_max = self._pictures.limits.file_bytes
        if size > bytes_max:
            raise ImageFileTooLarge(bytes_max=bytes_max)
        picture = await self._pictures.inspect(
            lambda: self._content.read(self._database, holder_id, 0, size), whose=whose
        )
        shown = Shown(
            picture.width,
            picture.height,
            picture.duration_ms if picture.animated else 0,
            picture.animated,
            thumbhash=picture.thumbhash,
            has_holes=picture.has_alpha,
        )
        return Looked(CONTENT_TYPES[picture.format], "image", shown)

    async def _look_at_film(self, holder_id: str, size: int, type: str, whose: str) -> Looked:
        self._scratch.must_have_room(size)
        with self._scratch.folder() as folder:
            source, poster = folder / "source", folder / "poster"
            await self._content.copy(self._database, holder_id, size, source)
            probed = await self._films.probe(source, poster, whose=whose)
            if isinstance(probed.found, Film):
                content = await read_whole(poster, _POSTER_BYTES_MAX)
                return await self._seen_film(probed.found, type, content, whose)
        return _heard(probed, type)

    async def _seen_film(self, film: Film, type: str, poster: bytes, whose: str) -> Looked:
        # The thumbhash is that of the poster.
        glimpse = await self._pictures.inspect(poster, whose=whose)
        shown = Shown(
            film.width,
            film.height,
            film.duration_us // MS_US,
            animated=True,
            has_sound=film.has_sound,
            thumbhash=glimpse.thumbhash,
        )
        made = Rendition(poster, "jpeg", glimpse.width, glimpse.height)
        return Looked(model.type_as("video", type), "video", shown, made, film.as_sent)


def _heard(probed: Probed, type: str) -> Looked:
    shown = Shown(duration_ms=probed.found.duration_us // MS_US, has_sound=True, waveform=probed.waveform)
    return Looked(model.type_as("audio", type), "audio", shown)

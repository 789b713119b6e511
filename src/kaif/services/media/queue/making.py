"""Makes what the steps of work end with, in a folder that goes with the work."""

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec

from kaif.engines.database import Database
from kaif.interfaces.media.films import Film, NotPlayable
from kaif.kernel.clock import MS_US, SECOND_US
from kaif.services.media.content.parts import Content
from kaif.services.media.images.variants import FULL
from kaif.services.media.model import StoredMedia
from kaif.services.media.queue import steps
from kaif.services.media.queue import store as jobs_store
from kaif.services.media.queue.steps import Step
from kaif.services.media.renditions import naming
from kaif.services.media.renditions import store as renditions_store
from kaif.services.media.renditions.naming import Wanted
from kaif.services.media.renditions.service import Renditions
from kaif.services.media.video.webvtt import as_webvtt
from kaif.services.media.work.films import FilmWorkers
from kaif.services.media.work.scratch import Scratch

# Told how many of a hundred parts of a step are done.
Percent = Callable[[int], None]


class Site:
    """A folder with what was needed of a file so far."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.source = folder / "source"

    def rung(self, name: str) -> Path:
        return self.folder / name


class Maker:
    def __init__(
        self, database: Database, content: Content, renditions: Renditions, films: FilmWorkers, scratch: Scratch
    ) -> None:
        self._database, self._content, self._renditions = database, content, renditions
        self._films, self._scratch = films, scratch

    @contextlib.contextmanager
    def site(self) -> Iterator[Site]:
        with self._scratch.folder() as folder:
            yield Site(folder)

    async def made(self, media: StoredMedia) -> list[str]:
        return (await renditions_store.names_of(self._database, [media.id])).get(media.id, [])

    async def make(self, site: Site, media: StoredMedia, step: Step, percent: Percent) -> None:
        """Raises what workers refuse, StorageFull, and whatever may go wrong."""
        match step.kind:
            case "large":
                await self._renditions.get(media, Wanted(naming.LARGE, FULL), "background")
            case "poster":
                await self._make_poster(site, media)
            case "voice":
                await self._make_voice(site, media)
            case "copy":
                await self._make_copy(site, media, percent)
            case "film":
                await self._make_rung(site, media, step, percent)
            case "hls":
                await self._make_hls(site, media)
            case "previews":
                await self._make_previews(site, media)

    async def _make_poster(self, site: Site, media: StoredMedia) -> None:
        await self._fetch_source(site, media)
        poster = site.folder / "poster"
        probed = await self._films.probe(site.source, poster, "background")
        if not isinstance(probed.found, Film):
            raise NotPlayable
        await self._renditions.keep_file(media.id, naming.POSTER, poster)

    async def _make_voice(self, site: Site, media: StoredMedia) -> None:
        await self._fetch_source(site, media)
        target = site.folder / naming.VOICE
        voice = await self._films.make_voice(site.source, target)
        shown = media.seen().shown
        assert shown
        shown = msgspec.structs.replace(shown, duration_ms=voice.duration_us // MS_US, waveform=voice.waveform)
        async with self._database.transaction() as tx:
            await jobs_store.set_shown(tx, media.id, msgspec.json.encode(shown).decode())
        await self._renditions.keep_file(media.id, naming.VOICE, target)

    async def _make_copy(self, site: Site, media: StoredMedia, percent: Percent) -> None:
        film, target = steps.film_of(media), site.rung(naming.FILM)
        await self._fetch_source(site, media)
        target.unlink(missing_ok=True)
        try:
            await self._films.copy(site.source, target, film, media.size, _progress(film, percent))
        except NotPlayable:
            # What promised to play as it was and does not is encoded like any other.
            await self._make_rung(site, media, steps.whole_film(media), percent)
            return
        await self._renditions.keep_file(media.id, naming.FILM, target, film.width, film.height)

    async def _make_rung(self, site: Site, media: StoredMedia, step: Step, percent: Percent) -> None:
        assert step.rung
        film, target = steps.film_of(media), site.rung(step.name)
        await self._fetch_source(site, media)
        # A run that was ended in the middle has left what is of no use.
        target.unlink(missing_ok=True)
        await self._films.encode(site.source, target, step.rung, film, _progress(film, percent))
        await self._renditions.keep_file(media.id, step.name, target, step.rung.width, step.rung.height)

    async def _make_hls(self, site: Site, media: StoredMedia) -> None:
        names = [name for name, _ in steps.ladder_of(media)]
        for name in names:
            await self._fetch_rung(site, media, name)
        self._scratch.must_have_room(sum(site.rung(name).stat().st_size for name in names))
        folder = site.folder / "hls"
        folder.mkdir(exist_ok=True)
        await self._films.package([site.rung(name) for name in names], folder)
        # Of a run that was ended in the middle some may be there.
        await self._renditions.drop_under(media.id, naming.HLS)
        files = [f"{number}.{ending}" for number in range(len(names)) for ending in ("m4s", "m3u8")]
        # The last one says that all are there.
        for file in [*files, naming.MASTER.removeprefix(naming.HLS)]:
            await self._renditions.keep_file(media.id, naming.HLS + file, folder / file)

    async def _make_previews(self, site: Site, media: StoredMedia) -> None:
        # The smallest rung shows as much, and is decoded sooner.
        name, _ = steps.ladder_of(media)[0]
        await self._fetch_rung(site, media, name)
        sheet, cues = site.folder / naming.SHEET, site.folder / naming.PREVIEWS
        previews = await self._films.take_previews(site.rung(name), sheet, steps.film_of(media))
        cues.write_text(as_webvtt(previews, naming.SHEET))
        await self._renditions.drop_under(media.id, naming.SHEET)
        await self._renditions.keep_file(media.id, naming.SHEET, sheet)
        await self._renditions.keep_file(media.id, naming.PREVIEWS, cues)

    async def _fetch_source(self, site: Site, media: StoredMedia) -> None:
        if not site.source.exists():
            self._scratch.must_have_room(2 * media.size)
            await self._content.copy(self._database, media.id, media.size, site.source)

    async def _fetch_rung(self, site: Site, media: StoredMedia, name: str) -> None:
        if site.rung(name).exists():
            return
        rendition = await renditions_store.find(self._database, media.id, name)
        assert rendition, "rungs are made before what is made of them"
        self._scratch.must_have_room(rendition.size)
        await self._content.copy(self._database, rendition.id, rendition.size, site.rung(name))


def _progress(film: Film, percent: Percent) -> Callable[[float], None]:
    def progress(seconds: float) -> None:
        percent(min(99, int(seconds * SECOND_US * 100 / film.duration_us)))

    return progress

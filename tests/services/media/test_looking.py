"""What is uploaded is looked at before it is a file: what it shows is known at once, and what is damaged is refused."""

import asyncio
import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from tests.services.media.home import ANNA, Home, at_home, random_bytes
from tests.services.media.images import files
from tests.services.media.images.test_colours import BT2020, PQ, heic
from tests.services.media.video.films import H264, SHORT, TONE, make

from kaif.interfaces.auth import Nothing
from kaif.interfaces.media import OfMedia, Shown, WrongType
from kaif.interfaces.media.films import NotPlayable
from kaif.interfaces.media.images import ImageDamaged, TooManyPixels
from kaif.interfaces.media.uploads import OfUpload, UploadNotFound
from kaif.kernel.clock import DAY_US
from kaif.kernel.errors import Invalid, Unavailable
from kaif.services.media.outlasting import Outlasting
from kaif.services.media.uploads.looking import Looked
from kaif.services.media.uploads.service import UploadsService
from kaif.services.media.work.films import FilmWorkers
from kaif.services.media.work.jobs import Probed
from kaif.services.media.work.scratch import Scratch, opened, read_whole


def shown(home_shown: Shown | None) -> Shown:
    assert home_shown is not None
    return home_shown


async def test_of_a_picture_sides_and_a_glimpse_are_known_at_once(small_home: Home) -> None:
    media = await small_home.put(files.jpeg(), declared_type="image/jpeg")

    assert (media.kind, media.type, media.state) == ("image", "image/jpeg", "ready")
    seen = shown(media.shown)
    assert (seen.width, seen.height, seen.animated) == (files.WIDTH, files.HEIGHT, False)
    assert len(seen.thumbhash) > 20
    assert (await small_home.library.get_media(ANNA, OfMedia(media.id))).shown == seen


async def test_what_has_to_be_decoded_whole_needs_no_file_of_its_own(small_home: Home) -> None:
    media = await small_home.put(files.webp(), declared_type="image/webp")

    assert media.kind == "image" and shown(media.shown).width == files.WIDTH


async def test_a_drawing_is_a_picture_whatever_it_is_said_to_be(small_home: Home) -> None:
    drawing = b'<svg xmlns="http://www.w3.org/2000/svg" width="40" height="20"><script>alert(1)</script></svg>'

    media = await small_home.put(drawing, declared_type="text/plain")

    assert (media.kind, media.type) == ("image", "image/svg+xml")
    assert shown(media.shown).width == 2 * shown(media.shown).height


async def test_films_are_looked_at_by_a_server_whose_folder_is_told_from_where_it_was_started(
    tmp_path: Path, migrated_sqlite_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As in `kaif up --data data`."""
    film = make(tmp_path / "film.mp4", *SHORT, *H264).read_bytes()
    monkeypatch.chdir(tmp_path)
    async with at_home(Path(), migrated_sqlite_url) as home:
        media = await home.put(film, declared_type="video/mp4")

    assert media.kind == "video"


def from_an_editor() -> bytes:
    words = b'<?xml version="1.0"?>\n<!-- Created with Inkscape (https://inkscape.org) -->\n<svg:svg xmlns:svg='
    return words + b'"http://www.w3.org/2000/svg" width="40" height="20"><svg:rect width="9" height="9"/></svg:svg>'


def of_ten_bits() -> bytes:
    return heic((0.5, 0.25, 0.75), BT2020, PQ)


@pytest.mark.parametrize(
    ("make_content", "type"),
    [
        (from_an_editor, "image/svg+xml"),
        (of_ten_bits, "image/heic"),
        *((made, f"image/{format}") for format, made in files.FORMATS.items()),
    ],
)
async def test_what_those_who_draw_can_draw_is_taken(
    small_home: Home, make_content: Callable[[], bytes], type: str
) -> None:
    media = await small_home.put(make_content(), declared_type="image/png")

    assert (media.kind, media.type) == ("image", type)
    assert shown(media.shown).width > 0


@pytest.mark.parametrize(
    ("name", "options", "type"),
    [
        ("a.ts", H264, "video/mp2t"),
        ("a.mp4", (*H264, "-movflags", "+frag_keyframe+empty_moov", "-brand", "iso6"), "video/mp4"),
    ],
)
async def test_films_of_broadcasts_and_streams_are_taken(
    small_home: Home, tmp_path: Path, name: str, options: tuple[str, ...], type: str
) -> None:
    content = make(tmp_path / name, *SHORT, *options).read_bytes()

    media = await small_home.put(content, declared_type="video/mp4")

    assert (media.kind, media.type) == ("video", type)


async def test_what_nobody_here_can_draw_is_no_picture_but_may_be_a_file(small_home: Home) -> None:
    scan = bytes(files.photo().tiffsave_buffer())
    with pytest.raises(WrongType):
        await small_home.put(scan, declared_type="image/tiff")

    media = await small_home.put(scan, declared_type="application/octet-stream")

    assert (media.kind, media.type) == ("file", "image/tiff")


@pytest.mark.parametrize(
    ("content", "declared", "refusal"),
    [
        (files.png()[:200], "image/png", ImageDamaged),
        (files.png_of(15_000, 15_000, files.png_chunk(b"IDAT", b"x")), "image/png", TooManyPixels),
        (b"\0\0\0\x18ftypmp42\0\0\0\0mp42isom" + random_bytes(3000), "video/mp4", NotPlayable),
        (b"ID3\x04" + random_bytes(3000), "audio/mpeg", NotPlayable),
        (files.png(), "video/mp4", WrongType),
    ],
    ids=["cut short", "too many pixels", "no film", "no sound", "something else"],
)
async def test_what_can_not_be_shown_is_refused_and_nothing_is_left_but_a_plain_file_may_be_anything(
    small_home: Home, content: bytes, declared: str, refusal: type[Invalid]
) -> None:
    with pytest.raises(refusal):
        await small_home.put(content, declared_type=declared)

    await small_home.come(DAY_US)
    assert await small_home.stored() == []
    assert [await small_home.rows(f"media_{table}") for table in ("uploads", "objects", "parts")] == [0, 0, 0]
    kept = await small_home.put(content, declared_type="application/octet-stream")
    assert (kept.kind, kept.shown) == (("image", kept.shown) if refusal is WrongType else ("file", None))
    with pytest.raises(refusal):
        await small_home.put(content, declared_type=declared)


@asynccontextmanager
async def worked_on_by(home: Home, films: FilmWorkers) -> AsyncIterator[UploadsService]:
    """Another process, with these workers."""
    uploads = home.process(home.blobs, films)
    try:
        yield uploads
    finally:
        await uploads.close()
        await films.close()


class Stumbling(FilmWorkers):
    """They come upon what nobody had thought of."""

    async def probe(self, source: Path, poster: Path, *more: Any, **named: Any) -> Probed:
        return await super().probe(source, poster.parent, *more, **named)


async def test_a_file_at_which_a_worker_fails_is_refused_and_nothing_is_left_but_a_plain_file_may_be_anything(
    small_home: Home, tmp_path: Path
) -> None:
    content = make(tmp_path / "film.mp4", *SHORT, *H264).read_bytes()
    async with worked_on_by(small_home, Stumbling(2)) as uploads:
        sent = [await small_home.create(len(content), declared_type=said) for said in ("video/mp4", "")]
        for upload in sent:
            await small_home.write(upload, content)

        # Whoever lost the answer is told again.
        for _ in range(2):
            with pytest.raises(NotPlayable):
                await uploads.finish_upload(ANNA, OfUpload(sent[0].id))
        with pytest.raises(UploadNotFound):
            await uploads.get_upload(ANNA, OfUpload(sent[0].id))
        kept = (await uploads.finish_upload(ANNA, OfUpload(sent[1].id))).media

    assert kept and kept.kind == "file"
    assert (await small_home.library.get_usage(ANNA, Nothing())).used == len(content)
    await small_home.library.delete_media(ANNA, OfMedia(kept.id))
    await small_home.come(2 * DAY_US)
    assert await small_home.stored() == []
    assert [await small_home.rows(f"media_{table}") for table in ("uploads", "objects", "parts")] == [0, 0, 0]


class Misled(FilmWorkers):
    """They look where nothing lies, as after a disk was moved."""

    async def probe(self, source: Path, poster: Path, *more: Any, **named: Any) -> Probed:
        return await super().probe(source.parent / "elsewhere" / "source", poster, *more, **named)


async def test_a_film_that_workers_do_not_find_is_not_damaged_and_is_taken_once_they_do(
    small_home: Home, tmp_path: Path
) -> None:
    content = make(tmp_path / "film.mp4", *SHORT, *H264).read_bytes()
    sent = await small_home.write(await small_home.create(len(content), declared_type="video/mp4"), content)
    async with worked_on_by(small_home, Misled(2)) as uploads:
        with pytest.raises(Unavailable):
            await uploads.finish_upload(ANNA, OfUpload(sent.id))

    assert (await small_home.finish(sent)).kind == "video"


async def test_films_and_sounds_are_probed_and_nothing_of_them_stays_on_the_disk(
    small_home: Home, tmp_path: Path
) -> None:
    film = make(tmp_path / "film.mov", *SHORT, *TONE, *H264, "-c:a", "aac").read_bytes()
    recorded = make(tmp_path / "voice.webm", *TONE, "-c:a", "libopus").read_bytes()

    media = await small_home.put(film, declared_type="video/quicktime")
    voice = await small_home.put(recorded, declared_type="audio/webm;codecs=opus")

    seen, heard = shown(media.shown), shown(voice.shown)
    assert (media.kind, seen.width, seen.height, seen.has_sound) == ("video", 160, 120, True)
    assert seen.duration_ms == pytest.approx(2000, abs=100) and len(seen.thumbhash) > 20
    assert (voice.kind, voice.type) == ("audio", "audio/webm")
    assert heard.duration_ms == pytest.approx(2000, abs=100)
    assert len(heard.waveform) == 100 and max(heard.waveform) == 31
    assert {file.name for file in small_home.work.rglob("*") if file.is_file()} == {"lock", "CACHEDIR.TAG"}


async def test_a_long_look_is_gone_on_with_and_a_forgotten_one_ends() -> None:
    looks, done, begun = Outlasting[Looked](0.01, tasks_max=2), asyncio.Event(), 0

    async def look() -> Looked:
        nonlocal begun
        begun += 1
        await done.wait()
        return Looked("text/plain", "file")

    assert await looks.wait("one", look) is None
    assert await looks.wait("one", look) is None
    done.set()
    assert await looks.wait("one", look) == Looked("text/plain", "file")
    assert begun == 1
    done.clear()
    assert await looks.wait("two", look) is None
    await looks.close()
    assert [task for task in asyncio.all_tasks() if task is not asyncio.current_task()] == []


async def test_who_brings_much_ends_nobodys_look_and_leaves_others_room() -> None:
    looks, done, begun = Outlasting[Looked](0.01, 8, of_one_max=2), asyncio.Event(), list[str]()

    async def look(whose: str, number: int) -> Looked | None:
        async def begin() -> Looked:
            begun.append(whose)
            await done.wait()
            return Looked("text/plain", "file")

        return await looks.wait(f"{whose} {number}", begin, whose)

    assert set(await asyncio.gather(*[look("anna", number) for number in range(5)])) == {None}
    assert await look("boris", 0) is None
    assert begun == ["anna", "anna", "boris"]
    asyncio.get_running_loop().call_later(0.005, done.set)
    both = await asyncio.gather(look("anna", 0), look("boris", 0))
    assert list(both) == [Looked("text/plain", "file")] * 2
    assert await look("anna", 3) is not None
    await looks.close()


async def test_of_too_many_looks_none_is_ended_for_another() -> None:
    looks = Outlasting[Looked](0.02, tasks_max=3)

    async def looked(number: int) -> Looked:
        async def begin() -> Looked:
            await asyncio.sleep(0.03)
            return Looked("text/plain", "file")

        for _ in range(50):
            if found := await looks.wait(str(number), begin, whose=str(number)):
                return found
        raise AssertionError("it comes to no end")

    async with asyncio.timeout(10):
        assert len(await asyncio.gather(*[looked(number) for number in range(9)])) == 9
    await looks.close()


def test_a_folder_for_work_goes_with_its_work_or_with_the_next_process(tmp_path: Path) -> None:
    left, living = Scratch(tmp_path), Scratch(tmp_path)
    with left.folder() as folder:
        (folder / "source").write_bytes(b"as it was sent")
        left.let_go()
        next_one = Scratch(tmp_path)

        assert not folder.exists()
    with living.folder() as folder:
        assert folder.is_dir() and folder.stat().st_mode & 0o077 == 0
    living.close()
    next_one.close()
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("umask", [0o022, 0])
async def test_what_lies_unsealed_is_its_owners_alone_and_in_no_backup(
    umask: int, small_home: Home, tmp_path: Path
) -> None:
    """Also in a folder that others may look into."""
    film = make(tmp_path / "film.mp4", *SHORT, *H264).read_bytes()
    media = await small_home.put(film, declared_type="video/mp4")
    (tmp_path / "shared").mkdir(mode=0o755)
    before, scratch, films = os.umask(umask), Scratch(tmp_path / "shared"), FilmWorkers(1)
    try:
        with scratch.folder() as folder:
            await small_home.content.copy(small_home.database, media.id, len(film), folder / "source")
            await films.probe(folder / "source", folder / "poster")

            modes = {path.name: path.stat().st_mode & 0o777 for path in folder.iterdir()}
            assert modes == {"source": 0o600, "poster": 0o600}
            assert {path.stat().st_mode & 0o777 for path in (folder, scratch.own)} == {0o700}
            tag = (scratch.own / "CACHEDIR.TAG").read_bytes()
            assert tag.startswith(b"Signature: 8a477f597d28d172789f06886806bc55")
    finally:
        os.umask(before)
        scratch.close()
        await films.close()
    assert not list((tmp_path / "shared").iterdir())


async def test_what_a_worker_made_is_read_only_where_it_lies(tmp_path: Path) -> None:
    (tmp_path / "secret").write_bytes(b"of the server")
    (tmp_path / "made").symlink_to(tmp_path / "secret")
    (tmp_path / "large").write_bytes(bytes(11))

    with pytest.raises(OSError), opened(tmp_path / "made"):
        pass
    with pytest.raises(OSError):
        await read_whole(tmp_path / "large", 10)

"""What is uploaded is looked at before it is a file: what it shows is known at once, and what is damaged is refused."""

import asyncio
from pathlib import Path

import pytest
from tests.services.media.home import ANNA, Home, random_bytes
from tests.services.media.images import files
from tests.services.media.video.films import H264, SHORT, TONE, make

from kaif.interfaces.media import OfMedia, Shown, WrongType
from kaif.interfaces.media.films import NotPlayable
from kaif.interfaces.media.images import ImageDamaged, TooManyPixels
from kaif.kernel.clock import DAY_US
from kaif.kernel.errors import Invalid
from kaif.services.media.looking import Looked, Looks
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
    assert [file.name for file in small_home.work.rglob("*") if file.is_file()] == ["lock"]


async def test_a_long_look_is_gone_on_with_and_a_forgotten_one_ends() -> None:
    looks, done, begun = Looks(within_s=0.01), asyncio.Event(), 0

    async def look() -> Looked:
        nonlocal begun
        begun += 1
        await done.wait()
        return Looked("text/plain", "file")

    assert await looks.look("one", look) is None
    assert await looks.look("one", look) is None
    done.set()
    assert await looks.look("one", look) == Looked("text/plain", "file")
    assert begun == 1
    done.clear()
    assert await looks.look("two", look) is None
    await looks.close()
    assert [task for task in asyncio.all_tasks() if task is not asyncio.current_task()] == []


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


async def test_what_a_worker_made_is_read_only_where_it_lies(tmp_path: Path) -> None:
    (tmp_path / "secret").write_bytes(b"of the server")
    (tmp_path / "made").symlink_to(tmp_path / "secret")
    (tmp_path / "large").write_bytes(bytes(11))

    with pytest.raises(OSError), opened(tmp_path / "made"):
        pass
    with pytest.raises(OSError):
        await read_whole(tmp_path / "large", 10)

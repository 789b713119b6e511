"""A GIF that is too large to stay a picture is a film that goes round; true bombs are refused."""

from pathlib import Path

import pytest
from tests.services.media.home import ANNA, Home
from tests.services.media.images.test_awkward_files import gif_of
from tests.services.media.video.films import make, stream_of

from kaif.interfaces.media import OfMedia
from kaif.interfaces.media.films import FilmTooLarge
from kaif.interfaces.media.images import ImageDamaged, TooManyPixels
from kaif.kernel.errors import Invalid

GIF = "image/gif"


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """61 megapixels in 200 frames."""
    source = ("-f", "lavfi", "-i", "testsrc2=size=640x480:rate=20:duration=10")
    return make(tmp_path_factory.mktemp("gif") / "large.gif", *source).read_bytes()


def canvas_of(side: int, frames: int) -> bytes:
    """Large frames, of which there is one pixel."""
    sides = side.to_bytes(2, "little") * 2
    screen = sides + b"\x80\0\0" + b"\0\0\0\xff\xff\xff"
    control, place = b"\x21\xf9\x04\x00\x0a\x00\x00\x00", b"\x2c\0\0\0\0" + sides + b"\0"
    return b"GIF89a" + screen + (control + place + b"\x02\x02\x44\x01\x00") * frames + b"\x3b"


async def test_a_large_gif_becomes_a_film_without_sound(home: Home, large: bytes, tmp_path: Path) -> None:
    media = await home.put(large, declared_type=GIF, name="cat.gif")

    assert (media.kind, media.type, media.state) == ("video", GIF, "working")
    assert media.shown and (media.shown.width, media.shown.height) == (640, 480)
    assert (media.shown.duration_ms, media.shown.animated, media.shown.has_sound) == (10_000, True, False)
    async with home.workshop() as work:
        assert await work.through() == 1

    done = await home.library.get_media(ANNA, OfMedia(media.id))
    assert (done.state, done.renditions) == ("ready", ["film.mp4", "poster"])
    film = tmp_path / "film.mp4"
    film.write_bytes(await home.got(media, "film.mp4"))
    made = stream_of(film, "video")
    assert (made["codec_name"], made["width"], made["height"], made["nb_frames"]) == ("h264", 640, 480, "200")
    assert (await home.got(media, "small", accept=""))[:3] == b"\xff\xd8\xff"
    assert await home.read(media, 0, len(large)) == large


async def test_a_gif_of_many_small_frames_is_a_film_too_whatever_it_is_said_to_be(small_home: Home) -> None:
    media = await small_home.put(gif_of(1001), declared_type="application/octet-stream")

    assert (media.kind, media.type) == ("video", GIF)


@pytest.mark.parametrize(
    ("content", "refusal"),
    [
        (canvas_of(60_000, 2), TooManyPixels),
        (canvas_of(7000, 2), FilmTooLarge),
        (gif_of(1001)[:-200], ImageDamaged),
    ],
    ids=["3,600 megapixels", "frames beyond the memory of a worker", "cut short"],
)
async def test_bombs_and_damaged_ones_are_refused_or_plain_files(
    small_home: Home, content: bytes, refusal: type[Invalid]
) -> None:
    with pytest.raises(refusal):
        await small_home.put(content, declared_type=GIF)

    kept = await small_home.put(content, declared_type="application/octet-stream")
    assert (kept.kind, await small_home.rows("media_jobs")) == ("file", 0)

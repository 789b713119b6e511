"""However awkward a file is, the worker that it comes to stays within 400 MB, also one that it ends."""

import asyncio
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import psutil
import pytest
import pyvips
from tests.services.media.images import files
from tests.services.media.images.test_awkward_files import BOMBS
from tests.services.media.test_polyglots import POLYGLOTS
from tests.services.media.video.films import H264, SHORT, TONE, make

from kaif.interfaces.media import Polyglot
from kaif.interfaces.media.films import Film, FilmDamaged, NotPlayable
from kaif.interfaces.media.images import ImageDamaged
from kaif.kernel.errors import Invalid
from kaif.services.media.images.limits import MB
from kaif.services.media.images.variants import FULL, MEDIUM, THUMBNAIL
from kaif.services.media.video.ladder import rungs
from kaif.services.media.work.films import FilmWorkers
from kaif.services.media.work.pictures import PictureWorkers

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")

WORKER = "kaif.services.media.work.worker"
LOOK_EVERY_S = 0.01


class Peak:
    """The most that any worker of this process has held, those that were ended included."""

    def __init__(self) -> None:
        self.bytes, self.seen = 0, set[int]()

    def look(self) -> None:
        for child in psutil.Process().children():
            try:
                if WORKER in child.cmdline():
                    status = Path("/proc", str(child.pid), "status").read_text()
                    self.bytes = max(self.bytes, int(status.split("VmHWM:")[1].split()[0]) << 10)
                    self.seen.add(child.pid)
            except (psutil.Error, OSError, IndexError):
                # It has just come to its end.
                continue

    async def go_on_looking(self) -> None:
        while True:
            self.look()
            await asyncio.sleep(LOOK_EVERY_S)


@asynccontextmanager
async def watched() -> AsyncIterator[Peak]:
    peak = Peak()
    looking = asyncio.create_task(peak.go_on_looking())
    try:
        yield peak
        peak.look()
    finally:
        looking.cancel()
    assert 0 < peak.bytes < 400 * MB


def large() -> pyvips.Image:
    return files.photo(5400, 3600)


def printed(image: pyvips.Image) -> bytes:
    return bytes(image.icc_transform("cmyk", input_profile="srgb").jpegsave_buffer(Q=80))


# None of a picture that is shown.
PICTURES: dict[str, tuple[Callable[[], bytes], type[Invalid] | None]] = {
    **{format: (make, None) for format, make in files.FORMATS.items()},
    **{f"held as {side}": (lambda side=side: files.turned(side), None) for side in range(1, 9)},  # type: ignore[misc]
    "of print": (lambda: printed(files.photo()), None),
    "of print, large": (lambda: printed(large()), None),
    "of sixteen bits, large": (lambda: files.png(large().colourspace("rgb16")), None),
    "large and held sideways": (lambda: files.jpeg(large(), Q=75), None),
    "that moves for long": (lambda: files.webp(files.film(24, 800, 600)), None),
    "that moves as GIF": (lambda: files.gif(files.film(24, 800, 600)), None),
    "with a script": (lambda: files.svg("<script>alert(1)</script><rect width='2' height='2'/>"), None),
    **{f"{format}, cut short": (lambda make=make: make()[:-400], ImageDamaged)  # type: ignore[misc]
       for format, make in files.FORMATS.items()},
    **BOMBS,
    **{name: (make, Polyglot) for name, make in POLYGLOTS.items()},
}  # fmt: skip


@pytest.mark.asvs("5.2.1")
async def test_every_awkward_picture_leaves_a_worker_within_400_mb() -> None:
    workers = PictureWorkers(1)
    try:
        async with watched() as peak:
            for name, (made, refusal) in PICTURES.items():
                content = await asyncio.to_thread(made)
                try:
                    await workers.inspect(content)
                    # One by one, as they are asked for.
                    for variant in (THUMBNAIL, MEDIUM, FULL):
                        assert len(await workers.render(content, [variant])) == 1
                    assert refusal is None, name
                except Invalid as error:
                    assert isinstance(error, refusal or ()), (name, error.code)
        assert len(peak.seen) == 1, "a worker has died of one"
    finally:
        await workers.close()


async def test_every_awkward_film_leaves_a_worker_within_400_mb(tmp_path: Path) -> None:
    def made(name: str, *arguments: str) -> Path:
        return make(tmp_path / name, *arguments)

    def spoilt(name: str, content: bytes) -> Path:
        (tmp_path / name).write_bytes(content)
        return tmp_path / name

    upright = await asyncio.to_thread(made, "upright.mp4", *SHORT, *TONE, *H264, "-c:a", "aac")
    content = upright.read_bytes()
    lies = content.replace(content[content.index(b"mvhd") + 20 :][:4], b"\x7f\xff\xff\xff", 1)
    large = ("-f", "lavfi", "-i", "testsrc2=size=1920x1080:rate=10:duration=0.5", *H264)
    awkward = {
        made("turned.mp4", "-i", str(upright), "-c", "copy", "-metadata:s:v:0", "rotate=90"): None,
        made("silent.mp4", *SHORT, *H264): None,
        made("uneven.mkv", *SHORT, "-vf", "select='not(between(n,4,13))'", "-vsync", "vfr", *H264): None,
        made("odd.webm", *SHORT, "-vf", "scale=161:121", "-c:v", "libvpx-vp9", "-cpu-used", "8"): None,
        made("heard.ogg", *TONE, "-c:a", "libopus"): None,
        made("large.mp4", *large): None,
        spoilt("lying.mp4", lies): None,
        spoilt("cut.mp4", content[:-400]): FilmDamaged,
        spoilt("noise.mp4", content[:40] + bytes(range(256)) * 4000): NotPlayable,
        spoilt("archive.mp4", content + POLYGLOTS["an archive"]()): Polyglot,
    }
    workers = FilmWorkers(1)
    try:
        async with watched() as peak:
            for path, refusal in awkward.items():
                try:
                    found = (await workers.probe(path, tmp_path / "poster.jpg")).found
                    if isinstance(found, Film):
                        await workers.encode(path, tmp_path / "made.mp4", rungs(found)[-1], found, lambda seconds: None)
                        (tmp_path / "made.mp4").unlink()
                    assert refusal is None, path
                except Invalid as error:
                    assert isinstance(error, refusal or ()), (path, error.code)
        assert len(peak.seen) == 1, "a worker has died of one"
    finally:
        await workers.close()

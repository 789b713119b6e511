"""No film takes more of the machine than a worker may have."""

import sys
from pathlib import Path

import msgspec
import psutil
import pytest
from tests.services.media.video.films import make, stream_of

from kaif.interfaces.media.films import Film, FilmTooDemanding, FilmTooLarge
from kaif.services.media.images.limits import MB
from kaif.services.media.video.ladder import rungs
from kaif.services.media.video.probing import probe
from kaif.services.media.work.films import BOUNDS, FilmWorkers


@pytest.fixture(scope="module")
def largest(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return hdr(tmp_path_factory.mktemp("largest") / "largest.mp4", 2160, 26)


def hdr(path: Path, lines: int, frames: int) -> Path:
    """At 60 frames a second, in ten bits and HDR, of a kind whose decoders keep most frames."""
    scaled = f"scale={lines * 16 // 9}:{lines}:flags=neighbor,format=yuv420p10le"
    return make(
        path,
        *("-f", "lavfi", "-i", f"testsrc2=size=480x270:rate=60,{scaled}"),
        *("-frames:v", str(frames), "-c:v", "libsvtav1", "-preset", "12", "-crf", "45"),
        *("-bsf:v", "av1_metadata=color_primaries=9:transfer_characteristics=16:matrix_coefficients=9"),
    )


def peak_bytes_of_only_worker() -> int:
    [worker] = [child for child in psutil.Process().children() if "kaif.services.media.work.worker" in child.cmdline()]
    return int(Path(f"/proc/{worker.pid}/status").read_text().split("VmHWM:")[1].split()[0]) << 10


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
@pytest.mark.parametrize(("lines", "frames"), [(1080, 60), (2160, 26)])
async def test_a_film_in_ten_bits_and_hdr_fits_into_400_mb(
    lines: int, frames: int, largest: Path, tmp_path: Path
) -> None:
    film = largest if lines == 2160 else hdr(tmp_path / "film_of_hdr.mp4", lines, frames)
    workers = FilmWorkers(1)
    try:
        found = (await workers.probe(film, tmp_path / "poster.jpg")).found
        assert isinstance(found, Film) and found.is_hdr

        await workers.encode(film, tmp_path / "film.mp4", rungs(found)[-1], found, lambda seconds: None)

        assert peak_bytes_of_only_worker() < 400 * MB
    finally:
        await workers.close()
    made = stream_of(tmp_path / "film.mp4", "video")
    assert (made["height"], made["nb_frames"], made["color_transfer"]) == (1080, str(frames), "bt709")


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
async def test_the_largest_gif_fits_into_400_mb(tmp_path: Path) -> None:
    pattern = ("-f", "lavfi", "-i", "testsrc2=size=900x900:rate=10:duration=1.5,scale=3640:3640:flags=neighbor")
    gif, workers = make(tmp_path / "largest.gif", *pattern), FilmWorkers(1)
    try:
        found = (await workers.probe(gif, tmp_path / "poster.jpg")).found
        assert isinstance(found, Film)

        await workers.encode(gif, tmp_path / "film.mp4", rungs(found)[-1], found, lambda seconds: None)

        assert peak_bytes_of_only_worker() < 400 * MB
    finally:
        await workers.close()
    made = stream_of(tmp_path / "film.mp4", "video")
    assert (made["height"], made["nb_frames"]) == (1080, "15")


@pytest.mark.parametrize("size", ["7680x4320", "5312x2988"])
def test_what_would_take_more_later_is_refused_at_once(size: str, tmp_path: Path) -> None:
    kind = "yuv420p10le" if size == "5312x2988" else "yuv420p"
    blank = ("-f", "lavfi", "-i", f"color=size={size}:rate=5,format={kind}", "-frames:v", "2")
    film = make(tmp_path / "film.mp4", *blank, "-c:v", "libx264", "-preset", "ultrafast")

    with pytest.raises(FilmTooLarge) as refused:
        probe(film)

    pixels_max = refused.value.details["pixels_max"]
    assert isinstance(pixels_max, int) and 8_000_000 < pixels_max < 18_000_000


async def test_what_takes_more_is_too_demanding_and_not_damaged(largest: Path, tmp_path: Path) -> None:
    workers = FilmWorkers(1, msgspec.structs.replace(BOUNDS, memory_bytes=64 * MB))
    try:
        with pytest.raises(FilmTooDemanding):
            await workers.probe(largest, tmp_path / "poster.jpg")
    finally:
        await workers.close()

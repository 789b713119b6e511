"""What variants of pictures cost beside sharp: `python -m bench.pictures variants|thumbs SECONDS`.

Both make the three variants that the first draft of this system asks for, of the same 12-megapixel JPEGs, with as many
pictures at once as there are cores: sharp by the code of that draft, ours by the workers of media. They take turns, so
that whatever else the machine does meets both. One picture is full of detail, as of leaves or sand, the other one is
soft, as of a face or the sky. Printed is the worse of both: medians of ratios, and how far a result is from theirs.

With `thumbs` ours alone make the two small variants.
"""

import asyncio
import json
import math
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from statistics import median
from typing import IO, NamedTuple

import psutil
import pyvips

from bench.node import PEERS, install_peers
from bench.processes import BenchError
from kaif.services.media.images.variants import FULL, MEDIUM, THUMBNAIL
from kaif.services.media.work.pictures import PictureWorkers

WIDTH, HEIGHT = 4000, 3000
# Shades of so many pixels, and how strong they are: the finest are those of a camera's sensor.
SHADES: dict[str, dict[int, float]] = {
    "detailed": {128: 30, 32: 22, 8: 14, 3: 6, 1: 4},
    "soft": {128: 40, 32: 12, 8: 4, 1: 1.5},
}
VARIANTS = {"original.webp": FULL, "thumb.webp": THUMBNAIL, "medium.webp": MEDIUM}
TURNS_MIN = 3
CORES = len(os.sched_getaffinity(0))


class Cost(NamedTuple):
    wall_s: float
    cpu_s: float


class Turn(NamedTuple):
    """The same number of pictures."""

    theirs: Cost
    ours: Cost


def picture(shades: dict[int, float]) -> bytes:
    """Like a photograph to an encoder: shades of all sizes, the smaller the weaker."""
    across, down = pyvips.Image.xyz(WIDTH, HEIGHT).bandsplit()
    bands = []
    for number, (x, y) in enumerate(((700, 310), (900, 500), (500, 1300))):
        band = 128 + (across * (57.3 / x)).sin() * 60 + (down * (57.3 / y)).cos() * 40
        for size, sigma in shades.items():
            # Sensors are as noisy in all colours at once.
            seed = 7 if size == 1 else 100 * number + size
            noise = pyvips.Image.gaussnoise(WIDTH // size + 3, HEIGHT // size + 3, mean=0, sigma=sigma, seed=seed)
            band += noise.resize(size, kernel="cubic").crop(0, 0, WIDTH, HEIGHT)
        bands.append(band)
    image = bands[0].bandjoin(bands[1:]).cast("uchar").gaussblur(0.7).copy(interpretation="srgb")
    # Phones and most cameras keep colours at half of the resolution.
    return bytes(image.jpegsave_buffer(Q=90, subsample_mode="on", keep="none"))


class Sharp:
    def __init__(self) -> None:
        self._process = subprocess.Popen(
            ["node", PEERS / "sharp.js"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def make(self, file: Path, count: int, at_once: int) -> Cost:
        return Cost(**self._asked(f"{file} {count} {at_once}"))

    def write(self, file: Path, directory: Path) -> None:
        self._asked(f"{file} 0 {directory}")

    def close(self) -> None:
        _pipe(self._process.stdin).close()
        self._process.wait()

    def _asked(self, line: str) -> dict[str, float]:
        requests, answers = _pipe(self._process.stdin), _pipe(self._process.stdout)
        requests.write(line + "\n")
        requests.flush()
        if not (answer := answers.readline()):
            raise BenchError("sharp did not answer")
        found: dict[str, float] = json.loads(answer)
        return found


def _pipe(pipe: IO[str] | None) -> IO[str]:
    assert pipe
    return pipe


async def _measured(make: Callable[[], Awaitable[object]], count: int) -> Cost:
    left = count

    async def lane() -> None:
        nonlocal left
        while left > 0:
            left -= 1
            await make()

    cpu, started = _cpu_s(), time.perf_counter()
    await asyncio.gather(*[lane() for _ in range(CORES)])
    return Cost(time.perf_counter() - started, _cpu_s() - cpu)


def _cpu_s() -> float:
    """Of this process and the workers that it has."""
    here = psutil.Process()
    return sum(sum(process.cpu_times()[:2]) for process in (here, *here.children()) if process.name() != "node")


async def variants(directory: Path, seconds: float) -> dict[str, float]:
    sharp, workers = Sharp(), PictureWorkers(CORES)
    try:
        found = []
        for name, shades in SHADES.items():
            file = directory / f"{name}.jpg"
            content = picture(shades)
            await asyncio.to_thread(file.write_bytes, content)
            turns = await _turns(sharp, workers, file, content, seconds / len(SHADES))
            found.append(_ratios(turns) | await _differences(sharp, workers, file, content))
    finally:
        sharp.close()
        await workers.close()
    lowest = {name: min(figures[name] for figures in found) for name in ("times", "cpu_times", "psnr_db")}
    return lowest | {"size_percent": max((figures["size_percent"] for figures in found), key=abs)}


async def thumbs(seconds: float) -> dict[str, float]:
    workers, content, count = PictureWorkers(CORES), picture(SHADES["detailed"]), 5 * CORES

    async def two() -> object:
        return await workers.render(content, [MEDIUM, THUMBNAIL])

    try:
        await _measured(two, CORES)
        costs, started = list[Cost](), time.perf_counter()
        while len(costs) < TURNS_MIN or time.perf_counter() < started + seconds:
            costs.append(await _measured(two, count))
    finally:
        await workers.close()
    return {
        "thumbs_per_s": median(count / cost.wall_s for cost in costs),
        "thumbs_per_cpu_s": median(count / cost.cpu_s for cost in costs),
    }


async def _turns(sharp: Sharp, workers: PictureWorkers, file: Path, content: bytes, seconds: float) -> list[Turn]:
    async def three() -> object:
        return await workers.render(content, [FULL, THUMBNAIL, MEDIUM])

    count, turns, started = 2 * CORES, list[Turn](), time.perf_counter()
    sharp.make(file, CORES, CORES)
    await _measured(three, CORES)
    while len(turns) < TURNS_MIN or time.perf_counter() < started + seconds:
        theirs = await asyncio.to_thread(sharp.make, file, count, CORES)
        turns.append(Turn(theirs, await _measured(three, count)))
    return turns


def _ratios(turns: list[Turn]) -> dict[str, float]:
    return {
        "times": median(turn.theirs.wall_s / turn.ours.wall_s for turn in turns),
        "cpu_times": median(turn.theirs.cpu_s / turn.ours.cpu_s for turn in turns),
    }


async def _differences(sharp: Sharp, workers: PictureWorkers, file: Path, content: bytes) -> dict[str, float]:
    """The largest: percent of bytes, and decibels of likeness to what it is a variant of."""
    sharp.write(file, file.parent)
    original = pyvips.Image.new_from_buffer(content, "").copy_memory()
    sizes, likenesses = [], []
    for name, rendition in zip(VARIANTS, await workers.render(content, list(VARIANTS.values())), strict=True):
        theirs = await asyncio.to_thread((file.parent / name).read_bytes)
        sizes.append(100 * (len(rendition.content) / len(theirs) - 1))
        likenesses.append(_likeness(original, rendition.content) - _likeness(original, theirs))
    return {"size_percent": max(sizes, key=abs), "psnr_db": min(likenesses)}


def _likeness(original: pyvips.Image, content: bytes) -> float:
    shown = pyvips.Image.new_from_buffer(content, "")
    scale = max(shown.width / original.width, shown.height / original.height)
    whole = original.resize(scale) if scale < 1 else original
    left, top = (whole.width - shown.width) // 2, (whole.height - shown.height) // 2
    error = whole.crop(left, top, shown.width, shown.height).cast("float") - shown.cast("float")
    return 10 * math.log10(255**2 / (error * error).avg())


def main() -> None:
    what, seconds = sys.argv[1], float(sys.argv[2])
    if what == "thumbs":
        figures = asyncio.run(thumbs(seconds))
    else:
        install_peers()
        with tempfile.TemporaryDirectory() as folder:
            figures = asyncio.run(variants(Path(folder), seconds))
    print(json.dumps(figures))


if __name__ == "__main__":
    main()

"""What a film costs beside Debian's ffmpeg: `python -m bench.films DIRECTORY SECONDS`.

Both make the same film of 1080p into the MP4 that the first draft of this system asks for (preset fast, crf 22, AAC of
128 kbit/s, index in front): ffmpeg by its command, ours by the encoding of media, each in a process of its own whose
start counts, with as many threads. They take turns, so that whatever else the machine does meets both. The film moves
everywhere and has the grain of a camera, but stays below the peaks that ours would cut off, so both have the same
work. Printed are medians of ratios, and how far ours is from theirs in size and in likeness to the film.
"""

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import NamedTuple

from bench.processes import BenchError
from kaif.interfaces.media.films import Film
from kaif.services.media.video.encoding import encode
from kaif.services.media.video.ladder import rungs
from kaif.services.media.video.probing import probe

THREADS = "2"
FRAMES_PER_S = 30
TURNS = 2
_QUIET = ("ffmpeg", "-nostdin", "-y", "-v", "error")
_PICTURE = f"testsrc2=s=1920x1080:r={FRAMES_PER_S},noise=alls=4:allf=t"
_SOUND = "anoisesrc=color=pink:amplitude=0.2:sample_rate=48000,aformat=channel_layouts=stereo"
# Both are measured against the film in one pass.
_LIKENESS = "[0:v]split[a][b];[1:v]split[c][d];[a][c]psnr;[b][d]ssim"


class Cost(NamedTuple):
    wall_s: float
    cpu_s: float


def main() -> None:
    if sys.argv[1] == "ours":
        _encode(Path(sys.argv[2]), Path(sys.argv[3]))
    else:
        print(json.dumps(compared(Path(sys.argv[1]), float(sys.argv[2]))))


def _encode(source: Path, target: Path) -> None:
    film = probe(source)
    assert isinstance(film, Film)
    encode(source, target, rungs(film)[-1])


def compared(directory: Path, seconds: float) -> dict[str, float]:
    film, theirs, ours = (directory / name for name in ("film.mp4", "theirs.mp4", "ours.mp4"))
    if not film.exists():
        _make_film(film, seconds)
    costs = []
    for turn in range(TURNS):
        one, other = (_ffmpeg, _kaif) if turn % 2 == 0 else (_kaif, _ffmpeg)
        found = {one: one(film, theirs if one is _ffmpeg else ours)}
        found[other] = other(film, theirs if other is _ffmpeg else ours)
        costs.append((found[_ffmpeg], found[_kaif]))
    (psnr, ssim), (our_psnr, our_ssim) = _likeness(theirs, film), _likeness(ours, film)
    return {
        "times": median(their.wall_s / our.wall_s for their, our in costs),
        "cpu_times": median(their.cpu_s / our.cpu_s for their, our in costs),
        "size_percent": 100 * (ours.stat().st_size / theirs.stat().st_size - 1),
        "psnr_db": our_psnr - psnr,
        "ssim": our_ssim - ssim,
        "our_frames_per_s": median(seconds * FRAMES_PER_S / our.wall_s for _, our in costs),
    }


def _make_film(film: Path, seconds: float) -> None:
    inputs = ["-f", "lavfi", "-i", _PICTURE, "-f", "lavfi", "-i", _SOUND, "-t", str(seconds)]
    picture = ["-c:v", "libx264", "-preset", "veryfast", "-crf", "16", "-pix_fmt", "yuv420p"]
    _cost([*_QUIET, *inputs, *picture, "-c:a", "aac", "-b:a", "192k", str(film)])


def _ffmpeg(film: Path, target: Path) -> Cost:
    picture = ["-c:v", "libx264", "-preset", "fast", "-crf", "22", "-threads", THREADS]
    sound = ["-c:a", "aac", "-b:a", "128k"]
    return _cost(
        [*_QUIET, "-threads", THREADS, "-i", str(film), *picture, *sound, "-movflags", "+faststart", str(target)]
    )


def _kaif(film: Path, target: Path) -> Cost:
    return _cost([sys.executable, "-m", "bench.films", "ours", str(film), str(target)])


def _cost(command: Sequence[str]) -> Cost:
    started = time.perf_counter()
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL)
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise BenchError(f"{command[0]} ended with {process.returncode}")
    return Cost(time.perf_counter() - started, used.ru_utime + used.ru_stime)


def _likeness(made: Path, film: Path) -> tuple[float, float]:
    """Of its pictures to the film's: PSNR in decibels, and SSIM."""
    inputs = ["-i", str(made), "-i", str(film)]
    command = ["ffmpeg", "-nostdin", "-hide_banner", *inputs, "-lavfi", _LIKENESS, "-f", "null", "-"]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stderr
    psnr, ssim = re.search(r"PSNR .*average:([\d.]+)", said), re.search(r"SSIM .*All:([\d.]+)", said)
    if not psnr or not ssim:
        raise BenchError("ffmpeg does not say how alike the films are")
    return float(psnr[1]), float(ssim[1])


if __name__ == "__main__":
    main()

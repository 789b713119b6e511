"""Films made and looked at by Debian's ffmpeg, which is another build of libav than ours."""

import json
import subprocess
from pathlib import Path
from typing import Any

SHORT = ("-f", "lavfi", "-i", "testsrc2=size=160x120:rate=10:duration=2")
TONE = ("-f", "lavfi", "-i", "sine=frequency=440:sample_rate=44100:duration=2")
H264 = ("-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p")


def make(path: Path, *arguments: str) -> Path:
    """What the ffmpeg command makes of these arguments."""
    subprocess.run(["ffmpeg", "-v", "error", "-nostdin", "-y", *arguments, str(path)], check=True)
    return path


def looked_at(path: Path) -> dict[str, Any]:
    """`streams` and `format` as ffprobe has them; it must have no complaint."""
    asked = ["ffprobe", "-v", "error", "-of", "json", "-show_streams", "-show_format", str(path)]
    done = subprocess.run(asked, check=True, capture_output=True, text=True)
    assert not done.stderr, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def stream_of(path: Path, kind: str) -> dict[str, Any]:
    """The only stream of this kind."""
    found: dict[str, Any]
    (found,) = (stream for stream in looked_at(path)["streams"] if stream["codec_type"] == kind)
    return found


def frame_times(path: Path) -> list[float]:
    asked = ["ffprobe", "-v", "error", "-select_streams", "v", "-show_entries", "frame=pts_time", "-of", "csv=p=0"]
    done = subprocess.run([*asked, str(path)], check=True, capture_output=True, text=True)
    return [float(line.strip(",")) for line in done.stdout.split()]


def pixels(path: Path) -> list[tuple[int, int, int]]:
    """Of the first frame, red, green and blue, row by row."""
    asked = ["ffmpeg", "-v", "error", "-nostdin", "-i", str(path), "-frames:v", "1"]
    raw = subprocess.run([*asked, "-f", "rawvideo", "-pix_fmt", "rgb24", "-"], check=True, capture_output=True).stdout
    return list(zip(raw[::3], raw[1::3], raw[2::3], strict=True))


def is_near(one: tuple[int, int, int], other: tuple[int, int, int], by: int = 40) -> bool:
    return all(abs(a - b) <= by for a, b in zip(one, other, strict=True))

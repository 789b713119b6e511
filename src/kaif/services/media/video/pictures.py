"""Still pictures of a film: its poster, and the previews that a player shows above its time line."""

import math
from collections.abc import Iterator, Sequence
from fractions import Fraction
from itertools import islice
from pathlib import Path

import av
from av.container import InputContainer
from av.filter import Graph
from av.video.format import VideoFormat
from av.video.frame import VideoFrame

from kaif.interfaces.media.films import Film, NotPlayable, Previews
from kaif.kernel.clock import SECOND_US
from kaif.services.media.video.reading import decoded, film_of, opened, time_of
from kaif.services.media.video.upright import Upright

POSTER_SIDE_MAX = 1280
# Of so many keyframes the one is taken that is most like all of them: neither black nor a title.
_POSTER_FRAMES = 12
PREVIEW_SIDE_MAX = 160
PREVIEWS_MAX = 100
PREVIEW_COLUMNS = 10
_PREVIEW_EVERY_S_MIN = Fraction(1)
_JPEG_QUALITY = "4"


def take_poster(source: Path, target: Path, film: Film) -> None:
    """A JPEG of at most POSTER_SIDE_MAX. Raises NotPlayable."""
    width, height = _within(film, POSTER_SIDE_MAX)
    with opened(source) as container:
        upright, best = Upright(width, height), _linked(width, height, "thumbnail", f"n={_POSTER_FRAMES}")
        frames = list(map(upright, islice(_keyframes(container), _POSTER_FRAMES)))
        _write_jpeg(_through(best, frames), target)


def take_previews(source: Path, target: Path, film: Film) -> Previews:
    """One sheet as a JPEG, of the keyframes nearest before each moment. Raises NotPlayable."""
    width, height = _within(film, PREVIEW_SIDE_MAX)
    seconds = Fraction(film.duration_us, SECOND_US)
    every_s = max(_PREVIEW_EVERY_S_MIN, seconds / PREVIEWS_MAX)
    count = min(PREVIEWS_MAX, math.ceil(seconds / every_s))
    rows = -(-count // PREVIEW_COLUMNS)
    with opened(source) as container:
        upright, sheet = Upright(width, height), _linked(width, height, "tile", f"layout={PREVIEW_COLUMNS}x{rows}")
        frames = list(map(upright, _at_moments(_keyframes(container), every_s, count)))
        _write_jpeg(_through(sheet, frames), target)
    return Previews(width, height, PREVIEW_COLUMNS, count, int(every_s * SECOND_US))


def _within(film: Film, side_max: int) -> tuple[int, int]:
    scale = min(1.0, side_max / max(film.width, film.height))
    return max(2, round(film.width * scale / 2) * 2), max(2, round(film.height * scale / 2) * 2)


def _keyframes(container: InputContainer) -> Iterator[VideoFrame]:
    stream = film_of(container)
    if stream is None:
        raise NotPlayable
    stream.codec_context.skip_frame = "NONKEY"
    # Threads that work on whole frames would keep some back.
    stream.thread_type = "SLICE"
    return (frame for frame in decoded(container, [stream]) if isinstance(frame, VideoFrame))


def _at_moments(frames: Iterator[VideoFrame], every_s: Fraction, count: int) -> Iterator[VideoFrame]:
    """The last frame that is there at 0, every_s, 2 every_s and so on, `count` of them if there are any."""
    before: VideoFrame | None = None
    begin_s: Fraction | None = None
    moment = 0
    for frame in frames:
        at_s = time_of(frame)
        begin_s = at_s if begin_s is None else begin_s
        while before is not None and moment < count and moment * every_s < at_s - begin_s:
            yield before
            moment += 1
        before = frame
    while before is not None and moment < count:
        yield before
        moment += 1


def _linked(width: int, height: int, filter_name: str, settings: str) -> Graph:
    graph = Graph()
    graph.threads = 1
    graph.link_nodes(
        graph.add_buffer(width=width, height=height, format=VideoFormat("yuv420p"), time_base=Fraction(1)),
        graph.add(filter_name, settings),
        graph.add("scale", "out_range=full"),
        graph.add("format", "yuvj420p"),
        graph.add("buffersink"),
    ).configure()
    return graph


def _through(graph: Graph, frames: Sequence[VideoFrame]) -> VideoFrame:
    """What the graph makes of all of them."""
    if not frames:
        raise NotPlayable
    for number, frame in enumerate(frames):
        frame.pts, frame.time_base = number, Fraction(1)
        graph.push(frame)
    graph.push(None)
    made = graph.pull()
    assert isinstance(made, VideoFrame)
    return made


def _write_jpeg(frame: VideoFrame, target: Path) -> None:
    encoder = av.CodecContext.create("mjpeg", "w")
    encoder.width, encoder.height, encoder.pix_fmt = frame.width, frame.height, "yuvj420p"
    encoder.time_base = Fraction(1)
    encoder.options = {"qmin": _JPEG_QUALITY, "qmax": _JPEG_QUALITY, "color_range": "pc"}
    frame.pts = 0
    target.write_bytes(b"".join(bytes(packet) for packet in (*encoder.encode(frame), *encoder.encode(None))))

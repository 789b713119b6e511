"""Frames as screens show them: turned, mirrored, scaled, of square pixels, in BT.709; brighter ones are mapped into it.

Colours are converted in sixteen bits each, with which a frame of 4K takes 66 MB, so it is scaled before.
"""

from fractions import Fraction

from av.filter import Graph
from av.filter.context import FilterContext
from av.video.frame import VideoFrame

from kaif.services.media.video.turning import Turn, turn_of

# Of ITU-T H.273.
_BT709, _UNSPECIFIED = 1, 2


class Upright:
    """Gives every frame this width and height in yuv420p."""

    def __init__(self, width: int, height: int) -> None:
        self._width, self._height = width, height
        self._graph: Graph | None = None
        self._shape: tuple[object, ...] = ()

    def __call__(self, frame: VideoFrame) -> VideoFrame:
        # Films of calls and screens change their size on the way.
        colours = (frame.color_primaries, frame.color_trc, frame.colorspace, frame.color_range)
        # Its angle rather than its whole matrix, of which PyAV makes something that keeps the frame in memory.
        shape = (frame.format.name, frame.width, frame.height, frame.rotation, *colours)
        if self._graph is None or shape != self._shape:
            self._graph, self._shape = self._for_frames_like(frame, turn_of(frame)), shape
        self._graph.push(frame)
        made = self._graph.pull()
        assert isinstance(made, VideoFrame)
        return made

    def _for_frames_like(self, frame: VideoFrame, turn: Turn) -> Graph:
        graph = Graph()
        # Of as many as the machine has cores each would have a stack and buffers of its own.
        graph.threads = 1
        width, height = (self._height, self._width) if turn.swaps_sides else (self._width, self._height)
        steps = [
            graph.add_buffer(
                width=frame.width,
                height=frame.height,
                format=frame.format,
                time_base=frame.time_base or Fraction(1, 90_000),
            ),
            *_scaled(graph, frame, width, height),
            graph.add("format", "pix_fmts=yuv420p"),
        ]
        steps += [graph.add(name, settings) for name, settings in turn.filters]
        steps += [graph.add("setsar", "1"), graph.add("buffersink")]
        graph.link_nodes(*steps).configure()
        return graph


def _scaled(graph: Graph, frame: VideoFrame, width: int, height: int) -> list[FilterContext]:
    size, matrix = f"w={width}:h={height}:flags=bicubic", _matrix_of(frame)
    into = "out_primaries=bt709:out_transfer=bt709:out_color_matrix=bt709:out_range=limited"
    is_converted = not {frame.color_primaries, frame.color_trc} <= {_BT709, _UNSPECIFIED}
    if is_converted and width * height < frame.width * frame.height:
        # What libav converts by itself, so that it needs no copy.
        wide = graph.add("format", "pix_fmts=rgba64le")
        return [graph.add("scale", size + matrix), wide, graph.add("scale", f"{size}:{into}")]
    return [graph.add("scale", f"{size}{matrix}:{into}")]


def _matrix_of(frame: VideoFrame) -> str:
    """Of a film that does not say it, what all players take it for; libav would take any for one of old television."""
    if frame.colorspace != _UNSPECIFIED or frame.format.is_rgb:
        return ""
    is_hd = frame.width >= 1280 or frame.height > 576
    return f":in_color_matrix={'bt709' if is_hd else 'smpte170m'}"

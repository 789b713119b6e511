"""Sound of one rate and layout; its gaps are silence, so that it stays with the picture."""

from collections.abc import Iterator
from fractions import Fraction

import av
from av.audio.frame import AudioFrame
from av.filter import Graph

RATE = 48_000


class EvenSound:
    """Floats at RATE, one plane for each channel of the layout ("mono", "stereo"), from the time 0 on."""

    def __init__(self, layout: str) -> None:
        self._layout = layout
        self._graph: Graph | None = None
        self._shape: tuple[object, ...] = ()

    def take(self, frame: AudioFrame, at_s: Fraction) -> Iterator[AudioFrame]:
        """`at_s` is where it belongs; what is ready by now."""
        frame.pts, frame.time_base = int(at_s * frame.sample_rate), Fraction(1, frame.sample_rate)
        shape = (frame.format.name, frame.layout.name, frame.sample_rate)
        if self._graph is None or shape != self._shape:
            yield from self.finish()
            self._graph, self._shape = self._for_frames_like(frame), shape
        self._graph.push(frame)
        yield from self._ready()

    def finish(self) -> Iterator[AudioFrame]:
        if self._graph:
            self._graph.push(None)
            yield from self._ready()

    def _ready(self) -> Iterator[AudioFrame]:
        assert self._graph
        while True:
            try:
                frame = self._graph.pull()
            except (av.BlockingIOError, av.EOFError):
                return
            assert isinstance(frame, AudioFrame)
            yield frame

    def _for_frames_like(self, frame: AudioFrame) -> Graph:
        is_first = self._graph is None
        graph = Graph()
        graph.threads = 1
        source = graph.add_abuffer(
            format=frame.format.name,
            sample_rate=frame.sample_rate,
            layout=frame.layout.name,
            time_base=Fraction(1, frame.sample_rate),
        )
        # Up to a second of difference is stretched or cut, more is filled with silence.
        begin = ":first_pts=0" if is_first else ""
        graph.link_nodes(
            source,
            graph.add("aresample", f"{RATE}:async={RATE}{begin}"),
            graph.add("aformat", f"sample_fmts=fltp:sample_rates={RATE}:channel_layouts={self._layout}"),
            graph.add("abuffersink"),
        ).configure()
        return graph

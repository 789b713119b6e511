"""Voice messages: Opus in Ogg as all messengers make them, and the waveform that is drawn beside them."""

from array import array
from collections.abc import Iterator, Sequence
from fractions import Fraction
from pathlib import Path

import av
from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream
from av.container import InputContainer

from kaif.interfaces.media.films import FilmTooLong, NotPlayable, Voice
from kaif.kernel.clock import SECOND_US
from kaif.services.media.video.even_sound import RATE, EvenSound
from kaif.services.media.video.reading import decoded, opened, sound_of, time_of

SECONDS_MAX = 3600
PEAKS = 100
PEAK_MAX = 31
_BITS_PER_S = 32_000
_PEAKS_PER_S = 20


def make_voice(source: Path, target: Path) -> Voice:
    """An `.ogg` file of one channel. Raises NotPlayable, and FilmTooLong beyond SECONDS_MAX."""
    with opened(source) as container, av.open(str(target), "w", format="ogg", options={"fflags": "+bitexact"}) as made:
        spoken = sound_of(container)
        if spoken is None:
            raise NotPlayable
        stream = made.add_stream("libopus", rate=RATE, layout="mono", options={"application": "voip"})
        stream.bit_rate = _BITS_PER_S
        loudness = Loudness()
        for frame in _one_channel(container, spoken):
            loudness.hear(frame)
            made.mux(stream.encode(frame))
        if not loudness.samples:
            raise NotPlayable
        made.mux(stream.encode(None))
    return _voice(loudness)


def hear(source: Path) -> Voice:
    """As `make_voice`, without making one."""
    loudness = Loudness()
    with opened(source) as container:
        spoken = sound_of(container)
        if spoken is None:
            raise NotPlayable
        for frame in _one_channel(container, spoken):
            loudness.hear(frame)
    if not loudness.samples:
        raise NotPlayable
    return _voice(loudness)


def _voice(loudness: "Loudness") -> Voice:
    return Voice(loudness.samples * SECOND_US // RATE, loudness.waveform())


class Loudness:
    """The highest swing of each twentieth of a second."""

    def __init__(self) -> None:
        self.samples = 0
        self._peaks: list[float] = []
        self._rest = array("f")

    def hear(self, frame: AudioFrame) -> None:
        self.samples += frame.samples
        if self.samples > SECONDS_MAX * RATE:
            raise FilmTooLong(seconds_max=SECONDS_MAX)
        self._rest.frombytes(bytes(frame.planes[0])[: frame.samples * 4])
        step = RATE // _PEAKS_PER_S
        while len(self._rest) >= step:
            self._peaks.append(_swing(self._rest[:step]))
            self._rest = self._rest[step:]

    def waveform(self) -> list[int]:
        peaks = [*self._peaks, _swing(self._rest)] if self._rest or not self._peaks else self._peaks
        loudest = max(peaks)
        return [round(max(part) / loudest * PEAK_MAX) if loudest else 0 for part in _parts(peaks)]


def _swing(samples: "array[float]") -> float:
    return max(max(samples), -min(samples)) if samples else 0.0


def _parts(peaks: Sequence[float]) -> list[Sequence[float]]:
    """PEAKS pieces of it, each with at least one: of few, neighbours share one."""
    count = len(peaks)
    return [peaks[i * count // PEAKS : max(i * count // PEAKS + 1, (i + 1) * count // PEAKS)] for i in range(PEAKS)]


def _one_channel(container: InputContainer, spoken: AudioStream) -> Iterator[AudioFrame]:
    even = EvenSound("mono")
    begin_s: Fraction | None = None
    for frame in decoded(container, [spoken]):
        assert isinstance(frame, AudioFrame)
        begin_s = time_of(frame) if begin_s is None else begin_s
        yield from even.take(frame, max(time_of(frame) - begin_s, Fraction(0)))
    yield from even.finish()

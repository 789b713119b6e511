"""A film in one size: H.264 and AAC in MP4 that begins to play before all of it is there."""

from collections.abc import Callable, Sequence
from fractions import Fraction
from pathlib import Path

import av
from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream
from av.container import InputContainer, OutputContainer
from av.video.frame import PictureType, VideoFrame
from av.video.stream import VideoStream

from kaif.interfaces.media.films import FilmTooLong, NotPlayable
from kaif.services.media.video.even_sound import RATE, EvenSound
from kaif.services.media.video.ladder import Rung
from kaif.services.media.video.probing import SECONDS_MAX
from kaif.services.media.video.reading import decoded, film_of, frame_bytes, opened, sound_of, time_of
from kaif.services.media.video.upright import Upright

# Told how many seconds of the film are done; what it raises ends the work.
Progress = Callable[[float], None]

# Players change the rung at these, and streams are cut there.
KEYFRAME_S = 4
FRAMES_PER_S_MAX = 60
# Of ITU-T H.273.
_BT709 = 1
_TIME_BASE = Fraction(1, 90_000)
_X264 = {"preset": "fast", "crf": "22", "forced-idr": "1"}
# A worker may use 400 MB. Of 1080 lines each frame that waits takes 7 MB, and each that others refer to takes 12;
# so x264 looks ahead less far than `fast` does by itself, but in a thread of its own, which keeps both cores busy.
# What the bound on peaks costs, 3 % of the time, is saved where it takes 1 % more bytes: the four parts of a block are
# found in one frame.
_AMPLE = {"threads": "2", "rc-lookahead": "8", "mixed-refs": "0"}
# Beside what a decoder keeps of larger ones there is room for few.
_SCANT = {"threads": "1", "rc-lookahead": "4", "bf": "2", "b-pyramid": "none"}
_AMPLE_FRAME_BYTES_MAX = 8 << 20
_SOUND_BITS_PER_S = 128_000
# The index in front, so that it plays while it comes; no names of programs in it.
MP4 = {"movflags": "+faststart", "fflags": "+bitexact"}


def encode(source: Path, target: Path, rung: Rung, progress: Progress = lambda seconds: None) -> None:
    """The target is whole when this returns, and otherwise to be thrown away. Raises NotPlayable and FilmTooLong.

    Nothing that describes the film (places, cameras, names) comes along.
    """
    with opened(source) as container, av.open(str(target), "w", format="mp4", options=MP4) as made:
        video, sound = film_of(container), sound_of(container)
        if video is None:
            raise NotPlayable
        _run(container, [video, sound] if sound else [video], made, rung, progress)


def _run(
    source: InputContainer,
    streams: Sequence[VideoStream | AudioStream],
    made: OutputContainer,
    rung: Rung,
    progress: Progress,
) -> None:
    film = streams[0]
    assert isinstance(film, VideoStream)
    picture = PictureTrack(
        made, film.average_rate, rung, _SCANT if frame_bytes(film) > _AMPLE_FRAME_BYTES_MAX else _AMPLE
    )
    sound = SoundTrack(made) if len(streams) > 1 else None
    # Both begin at the film's own zero: what was late against the other stays so.
    begin_s: Fraction | None = None
    told_s = Fraction(0)
    for frame in decoded(source, streams):
        begin_s = time_of(frame) if begin_s is None else begin_s
        at_s = max(time_of(frame) - begin_s, Fraction(0))
        if at_s > SECONDS_MAX:
            raise FilmTooLong(seconds_max=SECONDS_MAX)
        if isinstance(frame, VideoFrame):
            picture.take(frame, at_s)
        elif sound:
            sound.take(frame, at_s)
        # The decoder has use for its memory.
        del frame
        if at_s >= told_s + 1:
            told_s = at_s
            progress(float(at_s))
    picture.finish()
    if sound:
        sound.finish()


class PictureTrack:
    """Each frame keeps its own time."""

    def __init__(self, made: OutputContainer, frames_per_s: Fraction | None, rung: Rung, means: dict[str, str]) -> None:
        self._made = made
        self._upright = Upright(rung.width, rung.height)
        peaks = {"maxrate": str(rung.bits_per_s_max), "bufsize": str(rung.bits_per_s_max * 2)}
        self._stream = made.add_stream(
            "libx264", rate=min(frames_per_s or Fraction(25), Fraction(FRAMES_PER_S_MAX)), options=_X264 | means | peaks
        )
        self._stream.width, self._stream.height, self._stream.pix_fmt = rung.width, rung.height, "yuv420p"
        context = self._stream.codec_context
        # Each thread has frames of its own: PyAV would have them share each one in slices, which are larger and wait.
        context.thread_type = "FRAME"
        context.color_primaries = context.color_trc = context.colorspace = _BT709
        self._stream.time_base = context.time_base = _TIME_BASE
        self._last_s: Fraction | None = None
        self._next_key_s = 0

    def take(self, frame: VideoFrame, at_s: Fraction) -> None:
        # Faster than screens are, or out of order.
        if self._last_s is not None and (at_s - self._last_s) * (FRAMES_PER_S_MAX + 1) < 1:
            return
        self._last_s = at_s
        upright = self._upright(frame)
        upright.pts, upright.time_base = int(at_s / _TIME_BASE), _TIME_BASE
        upright.pict_type = PictureType.NONE
        if at_s >= self._next_key_s:
            upright.pict_type = PictureType.I
            self._next_key_s = (int(at_s) // KEYFRAME_S + 1) * KEYFRAME_S
        self._made.mux(self._stream.encode(upright))

    def finish(self) -> None:
        if self._last_s is None:
            raise NotPlayable
        self._made.mux(self._stream.encode(None))


class SoundTrack:
    def __init__(self, made: OutputContainer) -> None:
        self._made, self._even = made, EvenSound("stereo")
        self._stream = made.add_stream("aac", rate=RATE, layout="stereo")
        self._stream.bit_rate = _SOUND_BITS_PER_S

    def take(self, frame: AudioFrame, at_s: Fraction) -> None:
        for even in self._even.take(frame, at_s):
            self._made.mux(self._stream.encode(even))

    def finish(self) -> None:
        for even in self._even.finish():
            self._made.mux(self._stream.encode(even))
        self._made.mux(self._stream.encode(None))

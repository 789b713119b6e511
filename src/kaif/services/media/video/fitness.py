"""Which films browsers play as they are: those need no encoding to be watched."""

from fractions import Fraction
from typing import Any

from av.audio.stream import AudioStream
from av.packet import Packet
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from kaif.interfaces.media.films import AsSent
from kaif.kernel.clock import SECOND_US
from kaif.services.media.video import ladder
from kaif.services.media.video.parameter_sets import ParameterSets
from kaif.services.media.video.turning import UPRIGHT, turn_of

_CONTAINERS = ("mov", "matroska")
_PROFILES = ("Constrained Baseline", "Baseline", "Main", "High")
# 5.2, and the size that belongs to it: beyond that devices decode nothing by themselves.
_LEVEL_MAX = 52
_PIXELS_MAX = 4096 * 2304
_FRAMES_PER_S_MAX = 61
_SOUND_PROFILES = ("LC", "HE-AAC", "HE-AACv2")
_SOUND_RATES = range(8_000, 48_001)
# Of ITU-T H.273: perceptual quantisation and hybrid log-gamma.
HDR_TRANSFERS = (16, 18)
# What precedes the first sound of AAC, to be passed over.
_HIDDEN_SOUNDS_MAX = 4
# Players of a ladder begin and change rungs at keyframes alone.
_KEYFRAME_S_MAX = 10


class Run:
    """What was seen of a film's packets, from the first to the last."""

    def __init__(self, film: VideoStream, sound: AudioStream | None) -> None:
        self._film, self._sound = film, sound
        self.frames = self.bytes = self._hidden_sounds = 0
        self.keyframe_s_max = Fraction(0)
        self._key_s: Fraction | None = None
        self._last_dts: dict[int, int] = {}
        self.is_plain = True
        self._sets = ParameterSets(film.codec_context.extradata or b"") if film.codec_context.name == "h264" else None

    def note(self, packet: "Packet[Any]") -> None:
        if packet.size == 0 or packet.stream not in (self._film, self._sound):
            return
        last = self._last_dts.get(packet.stream.index)
        # What has no order can't be put into another container, and a change on the way no browser follows.
        in_order = packet.dts is not None and (last is None or packet.dts > last)
        if packet.pts is None or not in_order or packet.is_corrupt or packet.has_sidedata("new_extradata"):
            self.is_plain = False
            return
        assert packet.dts is not None and packet.time_base is not None
        self._last_dts[packet.stream.index] = packet.dts
        if packet.stream is self._sound:
            self._hidden_sounds += packet.is_discard
            # A phone that cut its film only hides what was before: that must not come along.
            self.is_plain &= self._hidden_sounds <= _HIDDEN_SOUNDS_MAX
            return
        self.is_plain &= not packet.is_discard
        if self.is_plain and self._sets:
            self.is_plain = self._sets.are_kept_by(memoryview(packet))
        self._note_frame(packet, packet.pts * packet.time_base)

    def _note_frame(self, packet: "Packet[Any]", at_s: Fraction) -> None:
        self.frames += 1
        self.bytes += packet.size
        if self._key_s is None:
            # Before the first keyframe nothing can be seen.
            self.is_plain &= packet.is_keyframe
            self._key_s = at_s
        self.keyframe_s_max = max(self.keyframe_s_max, at_s - self._key_s)
        if packet.is_keyframe:
            self._key_s = at_s


def as_sent(
    container: str, film: VideoStream, sound: AudioStream | None, first: VideoFrame, run: Run, duration_us: int
) -> AsSent:
    if not (_is_played(container, film, first) and (sound is None or _is_heard(sound)) and run.is_plain):
        return ""
    if run.frames * SECOND_US > _FRAMES_PER_S_MAX * duration_us:
        return ""
    return "ladder" if _is_rung(film, sound, first, run, duration_us) else "film"


def _is_played(container: str, film: VideoStream, first: VideoFrame) -> bool:
    return (
        any(name in _CONTAINERS for name in container.split(","))
        and film.codec_context.name == "h264"
        and film.profile in _PROFILES
        and 0 < film.codec_context.level <= _LEVEL_MAX
        and first.format.name in ("yuv420p", "yuvj420p")
        and (first.width, first.height) == (film.width, film.height)
        and film.width * film.height <= _PIXELS_MAX
        and film.width % 2 == film.height % 2 == 0
        and not first.interlaced_frame
        and first.color_trc not in HDR_TRANSFERS
    )


def _is_heard(sound: AudioStream) -> bool:
    context = sound.codec_context
    return (
        context.name == "aac"
        and sound.profile in _SOUND_PROFILES
        and context.channels in (1, 2)
        and context.sample_rate in _SOUND_RATES
    )


def _is_rung(film: VideoStream, sound: AudioStream | None, first: VideoFrame, run: Run, duration_us: int) -> bool:
    """Whether players may choose it among others that were encoded for them."""
    side = min(film.width, film.height)
    return (
        turn_of(first) == UPRIGHT
        and (film.sample_aspect_ratio or 1) == 1
        and side <= ladder.SIDE_MAX
        and run.bytes * 8 * SECOND_US <= ladder.bits_per_s_max(side) * duration_us
        and run.keyframe_s_max <= _KEYFRAME_S_MAX
        and (sound is None or (sound.profile == "LC" and sound.codec_context.sample_rate in (44_100, 48_000)))
    )

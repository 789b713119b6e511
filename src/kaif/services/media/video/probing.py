"""What a file is: read to its end packet by packet, because headers lie; nothing but its first frame is decoded."""

from fractions import Fraction
from pathlib import Path

import av
from av.container import InputContainer
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from kaif.interfaces.media.films import Film, FilmDamaged, FilmTooLarge, FilmTooLong, NotPlayable, Sound
from kaif.kernel.clock import SECOND_US
from kaif.services.media.video.fitness import HDR_TRANSFERS, Run, as_sent
from kaif.services.media.video.reading import bytes_in, film_of, opened, sound_of
from kaif.services.media.video.turning import turn_of

SECONDS_MAX = 4 * 3600
PIXELS_MAX = 7680 * 4320
# 4K as cinemas have it in ten bits, or 5.3K in eight: decoders keep up to nine frames, and what is beyond would come to
# its end in the middle of the work.
FRAME_BYTES_MAX = 4096 * 2160 * 3
# Of these each frame stands by itself, so that they keep none; or they keep the one on which the next is drawn.
_ALONE = ("prores", "mjpeg", "gif")
# A damaged frame or two at the beginning is common in what phones cut out of longer films.
_PACKETS_TO_FIRST_FRAME_MAX = 300
_TOLD_PERCENT_MIN = 99


def probe(path: Path) -> Film | Sound:
    """Raises NotPlayable, FilmDamaged, FilmTooLong and FilmTooLarge."""
    with opened(path) as container:
        stream, sound = film_of(container), sound_of(container)
        if stream is None:
            if sound is None:
                raise NotPlayable
            return Sound(_sounding_us(container))
        if stream.width * stream.height > PIXELS_MAX:
            raise FilmTooLarge(pixels_max=PIXELS_MAX)
        frame = _first_frame(container, stream)
        _must_fit(frame, stream)
        width, height = _shown_size(frame, stream)
        container.seek(0)
        run = Run(stream, sound)
        duration_us = _duration_us(container, run)
        return Film(
            duration_us=duration_us,
            width=width,
            height=height,
            has_sound=sound is not None,
            is_hdr=frame.color_trc in HDR_TRANSFERS,
            as_sent=as_sent(container.format.name, stream, sound, frame, run, duration_us),
        )


def _must_fit(frame: VideoFrame, stream: VideoStream) -> None:
    bytes_max = FRAME_BYTES_MAX * (2 if stream.codec_context.name in _ALONE else 1)
    size = bytes_in(frame.format)
    if size > bytes_max:
        raise FilmTooLarge(pixels_max=bytes_max * frame.width * frame.height // size)


def _sounding_us(container: InputContainer) -> int:
    duration_us = _duration_us(container)
    told_us = (container.duration or 0) * SECOND_US // av.time_base
    # FLAC says how long it plays, and not how many bytes it has.
    if container.format.name == "flac" and duration_us * 100 < told_us * _TOLD_PERCENT_MIN:
        raise FilmDamaged
    return duration_us


def _shown_size(frame: VideoFrame, stream: VideoStream) -> tuple[int, int]:
    """Width and height, turned upright and with square pixels."""
    aspect = stream.sample_aspect_ratio or Fraction(1)
    width, height = max(1, round(frame.width * aspect)), frame.height
    return (height, width) if turn_of(frame).swaps_sides else (width, height)


def _first_frame(container: InputContainer, stream: VideoStream) -> VideoFrame:
    for number, packet in enumerate(container.demux(stream)):
        if number > _PACKETS_TO_FIRST_FRAME_MAX:
            break
        try:
            frames = packet.decode()
        except av.InvalidDataError:
            continue
        if frames:
            frame = frames[0]
            assert isinstance(frame, VideoFrame)
            return frame
    raise NotPlayable


def _duration_us(container: InputContainer, run: Run | None = None) -> int:
    """From the first packet's beginning to the last one's end; the run takes note of each."""
    begin_us: int | None = None
    end_us = 0
    for packet in container.demux(*container.streams.video, *container.streams.audio):
        if run:
            run.note(packet)
        if packet.pts is None or packet.time_base is None:
            continue
        at_us = int(packet.pts * packet.time_base * SECOND_US)
        begin_us = at_us if begin_us is None else min(begin_us, at_us)
        end_us = max(end_us, at_us + int((packet.duration or 0) * packet.time_base * SECOND_US))
        if end_us - begin_us > SECONDS_MAX * SECOND_US:
            raise FilmTooLong(seconds_max=SECONDS_MAX)
    if begin_us is None or end_us <= begin_us:
        raise NotPlayable
    return end_us - begin_us

"""Opening what anybody sent: only formats that hold their own content, no network, no other file."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path
from typing import TypeGuard

import av
from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream
from av.container import InputContainer
from av.video.format import VideoFormat
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from kaif.interfaces.media.films import NotPlayable

# Playlists and scripts of libav name other files, which it would read: none of those is here.
_FORMATS = "mov,matroska,avi,mpegts,mpeg,ogg,wav,mp3,flac,aac,asf,amr,caf,aiff,gif"
_DECODERS = (
    *("h264", "hevc", "vp8", "vp9", "libdav1d", "av1", "mpeg4", "mpeg2video", "mpeg1video", "h263", "mjpeg", "prores"),
    *("theora", "wmv1", "wmv2", "wmv3", "vc1", "msmpeg4v2", "msmpeg4", "gif"),
    *("aac", "aac_latm", "mp3", "mp3float", "mp2", "mp2float", "opus", "libopus", "vorbis", "flac", "alac", "ac3"),
    *("eac3", "amrnb", "amrwb", "wmav1", "wmav2", "pcm_s16le", "pcm_s16be", "pcm_s24le", "pcm_s24be", "pcm_s32le"),
    *("pcm_f32le", "pcm_u8", "pcm_alaw", "pcm_mulaw", "adpcm_ms", "adpcm_ima_wav"),
)
_OPTIONS = {"protocol_whitelist": "file", "format_whitelist": _FORMATS, "codec_whitelist": ",".join(_DECODERS)}
# Decoders keep up to nine frames, of 4K in ten bits 225 MB, and each of their threads some of its own: two threads are
# for 1080 lines in eight bits.
_TWO_THREADS_FRAME_BYTES_MAX = 4 << 20


@contextmanager
def opened(path: Path) -> Iterator[InputContainer]:
    """Raises NotPlayable, also for what libav finds wrong while it is open."""
    try:
        with av.open(f"file:{path}", metadata_errors="replace", options=_OPTIONS) as container:
            for stream in container.streams.video:
                stream.thread_type = "AUTO"
                stream.codec_context.thread_count = 2 if frame_bytes(stream) <= _TWO_THREADS_FRAME_BYTES_MAX else 1
            yield container
    except MemoryError:
        # One of libav's own, too: the film may be sound.
        raise
    except (av.FFmpegError, EOFError) as error:
        raise NotPlayable from error


def frame_bytes(film: VideoStream) -> int:
    """Of one that is decoded; where the container does not say its kind, as of the largest that is common."""
    pixels = film.width * film.height
    if film.format is None:
        return 4 * pixels
    return bytes_in(VideoFormat(film.format.name, film.width, film.height))


def bytes_in(frame: VideoFormat) -> int:
    planes = frame.components
    return sum(plane.width * plane.height * (2 if plane.bits > 8 else 1) for plane in planes)


def film_of(container: InputContainer) -> VideoStream | None:
    """The first that is no cover of an album. Raises NotPlayable when it is of a kind that is not taken."""
    cover = av.stream.Disposition.attached_pic
    film = next((stream for stream in container.streams.video if not stream.disposition & cover), None)
    if film and not _is_taken(film):
        raise NotPlayable
    return film


def sound_of(container: InputContainer) -> AudioStream | None:
    """The first of a kind that is taken: a film is seen without its sound rather than not at all."""
    return next((stream for stream in container.streams.audio if _is_taken(stream)), None)


def _is_taken(stream: VideoStream | AudioStream) -> bool:
    # The container asks libav for that only when it must look into the stream by itself.
    return stream.codec_context is not None and stream.codec_context.name in _DECODERS


def decoded(
    container: InputContainer, streams: Sequence[VideoStream | AudioStream]
) -> Iterator[VideoFrame | AudioFrame]:
    """What can be decoded, in the file's order; damaged pieces are passed over. A frame without a time is dropped."""
    for packet in container.demux(*streams):
        try:
            frames = packet.decode()
        except av.InvalidDataError:
            continue
        frames.reverse()
        # None is kept while the next one is decoded: one of 4K has 25 MB.
        while frames:
            frame = frames.pop()
            if _is_timed(frame):
                yield frame
            del frame


def _is_timed(frame: object) -> TypeGuard[VideoFrame | AudioFrame]:
    return isinstance(frame, VideoFrame | AudioFrame) and frame.pts is not None and frame.time_base is not None


def time_of(frame: VideoFrame | AudioFrame) -> Fraction:
    """Seconds, from wherever the file begins to count."""
    assert frame.pts is not None and frame.time_base is not None, "decoded() leaves none without"
    return frame.pts * frame.time_base

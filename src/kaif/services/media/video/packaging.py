"""What players stream: HLS of fragmented MP4 (RFC 8216), cut out of finished films without encoding them again."""

import heapq
from collections.abc import Iterator, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
from av.container import InputContainer
from av.packet import Packet

from kaif.interfaces.media.films import NotPlayable
from kaif.services.media.video.encoding import KEYFRAME_S

MASTER = "master.m3u8"


def package(films: Sequence[Path], folder: Path) -> None:
    """Into an empty folder: MASTER, and for each film, in their order, `N.m3u8` and `N.m4s`, of which players ask for
    ranges (RFC 8216, 4.3.2.2).

    The films are rungs of one film, so their keyframes lie at the same times.
    """
    sources = [av.open(f"file:{film}") for film in films]
    try:
        _mux(sources, folder)
    except av.FFmpegError as error:
        raise NotPlayable from error
    finally:
        for source in sources:
            source.close()


def _mux(sources: list[InputContainer], folder: Path) -> None:
    options = {
        "hls_time": str(KEYFRAME_S),
        "hls_playlist_type": "vod",
        "hls_segment_type": "fmp4",
        "hls_flags": "independent_segments+single_file",
        "hls_segment_filename": str(folder / "%v.m4s"),
        "master_pl_name": MASTER,
        "var_stream_map": " ".join(_variants(sources)),
    }
    with av.open(str(folder / "%v.m3u8"), "w", format="hls", options=options) as made:
        routes = [
            {
                stream.index: made.add_stream_from_template(stream)
                for stream in (*source.streams.video, *source.streams.audio)
            }
            for source in sources
        ]
        for number, packet in _by_time(sources):
            packet.stream = routes[number][packet.stream.index]
            made.mux(packet)


def _variants(sources: list[InputContainer]) -> list[str]:
    return [
        f"v:{number},a:{number}" if source.streams.audio else f"v:{number}" for number, source in enumerate(sources)
    ]


def _by_time(sources: list[InputContainer]) -> "Iterator[tuple[int, Packet[Any]]]":
    """All packets with the number of their source, as they are to be played, so that the muxer keeps few of them."""
    return heapq.merge(*(_numbered(number, source) for number, source in enumerate(sources)), key=_begins)


def _numbered(number: int, source: InputContainer) -> "Iterator[tuple[int, Packet[Any]]]":
    # The last packet of each stream is an empty one.
    return ((number, packet) for packet in source.demux() if packet.dts is not None)


def _begins(numbered: "tuple[int, Packet[Any]]") -> Fraction:
    packet = numbered[1]
    assert packet.dts is not None and packet.time_base is not None
    return packet.dts * packet.time_base

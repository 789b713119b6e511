"""Whether a film or sound has all the bytes that it speaks of: players go on with what is there, and so would we.

Only what a file says of its own length counts. Recorders that write as they go say nothing, and what they wrote is
whole wherever it ends; so are streams without any length (MPEG, ADTS, MP3 without a header of its own).
"""

import os
from collections.abc import Iterator
from mmap import ACCESS_READ, mmap
from pathlib import Path
from typing import BinaryIO

from kaif.services.media.gif_blocks import gif_is_whole

# Of millions of boxes nobody needs to look at the last one.
_PARTS_MAX = 1_000_000
# ISO/IEC 14496-12: those without which something is missing. What follows them may be anything.
_BOXES = (b"ftyp", b"moov", b"mdat", b"moof", b"mfra", b"sidx", b"styp", b"free", b"skip", b"wide", b"pnot", b"uuid")
_NEEDED_BOXES = (b"moov", b"mdat", b"moof", b"mfra")
# RFC 9559, 5.1: EBML's own header, and the segment that holds all else.
_EBML, _SEGMENT = 0x1A45DFA3, 0x18538067
# Writers that don't know the length yet put something near the largest number.
_RIFF_BYTES_MAX = 0x7FFF_0000
_ASF = bytes.fromhex("3026b2758e66cf11a6d900aa0062ce6c")
_OGG_PAGE_BYTES_MAX = 27 + 255 + 255 * 255
# An MP3 that was cut out of another by its frames keeps a header that is off by a few.
_MP3_PERCENT_MIN = 98
_MP3_HEADER_WITHIN = 200
_ID3_HEADER_BYTES = 10
# To the number of bytes.
_XING_BYTES = 16


def is_cut_short(path: Path) -> bool:
    with path.open("rb") as file:
        size = file.seek(0, os.SEEK_END)
        head = _at(file, 0, 16)
        if head[:4] == b"GIF8":
            with mmap(file.fileno(), 0, access=ACCESS_READ) as content:
                return not gif_is_whole(content)
        if head[4:8] in _BOXES:
            return _runs_out(_boxes(file, size), size)
        if head[:4] == _EBML.to_bytes(4, "big"):
            return _runs_out(_elements(file, size), size)
        if head[:4] == b"RIFF":
            # Each may be followed by a byte that makes its length even, which is not always there.
            return _runs_out(_riffs(file, size), size)
        if head[:4] == b"FORM":
            return int.from_bytes(head[4:8], "big") + 8 > size + 1
        if head[:4] == b"caff":
            return _runs_out(_chunks_of_caf(file, size), size)
        if head == _ASF:
            return _runs_out(_objects_of_asf(file, size), size)
        if head[:4] == b"OggS":
            return _ogg_runs_out(file, size)
        return _mp3_runs_out(file, size, head)


def _at(file: BinaryIO, offset: int, length: int) -> bytes:
    file.seek(offset)
    return file.read(length)


def _runs_out(ends: Iterator[int], size: int) -> bool:
    """Whether one of the parts ends where there is nothing any more."""
    return any(end > size for _, end in zip(range(_PARTS_MAX), ends, strict=False))


def _boxes(file: BinaryIO, size: int) -> Iterator[int]:
    at = 0
    while at + 8 <= size:
        head = _at(file, at, 16)
        length, kind = int.from_bytes(head[:4], "big"), head[4:8]
        length = int.from_bytes(head[8:16], "big") if length == 1 else length
        # The last one may go on to the end; what is smaller than its own head is none.
        if length < 8 or (kind not in _NEEDED_BOXES and at + length > size):
            return
        at += length
        yield at


def _elements(file: BinaryIO, size: int) -> Iterator[int]:
    """Of Matroska: the segment, or what is in it if that was begun without knowing how long it would be."""
    at = 0
    while at < size:
        head = _at(file, at, 12)
        id_bytes = 9 - head[0].bit_length()
        if id_bytes > 4 or len(head) <= id_bytes or not head[id_bytes]:
            return
        id, length_bytes = int.from_bytes(head[:id_bytes], "big"), 9 - head[id_bytes].bit_length()
        bits = 7 * length_bytes
        length = int.from_bytes(head[id_bytes : id_bytes + length_bytes], "big") & ((1 << bits) - 1)
        at += id_bytes + length_bytes
        if length == (1 << bits) - 1:
            if id != _SEGMENT:
                return
            continue
        at += length
        yield at
        if id == _SEGMENT:
            return


def _riffs(file: BinaryIO, size: int) -> Iterator[int]:
    """Large AVI files have several."""
    at = 0
    while (head := _at(file, at, 8))[:4] == b"RIFF":
        length = int.from_bytes(head[4:8], "little")
        if not 0 < length < _RIFF_BYTES_MAX:
            return
        at += 8 + length
        yield at - length % 2
        at += length % 2


def _chunks_of_caf(file: BinaryIO, size: int) -> Iterator[int]:
    at = 8
    while at + 12 <= size:
        length = int.from_bytes(_at(file, at + 4, 8), "big", signed=True)
        if length < 0:
            return
        at += 12 + length
        yield at


def _objects_of_asf(file: BinaryIO, size: int) -> Iterator[int]:
    at = 0
    while at + 24 <= size:
        length = int.from_bytes(_at(file, at + 16, 8), "little")
        # Of what is sent while it is recorded nobody knows it.
        if not 24 <= length < 1 << 62:
            return
        at += length
        yield at


def _ogg_runs_out(file: BinaryIO, size: int) -> bool:
    """RFC 3533, 6: the last page is as long as its table of segments says."""
    begin = max(0, size - _OGG_PAGE_BYTES_MAX)
    end = _at(file, begin, _OGG_PAGE_BYTES_MAX)
    page = end[end.rfind(b"OggS\0") :] if b"OggS\0" in end else b"OggS"
    table = page[27 : 27 + page[26]] if len(page) > 26 else b""
    return len(page) < 27 or len(table) < page[26] or len(page) < 27 + len(table) + sum(table)


def _mp3_runs_out(file: BinaryIO, size: int, head: bytes) -> bool:
    """Encoders write into the first frame how many bytes there are, beginning with it."""
    begin = 0
    if head[:3] == b"ID3" and len(head) >= _ID3_HEADER_BYTES:
        length = sum((byte & 0x7F) << shift for byte, shift in zip(head[6:10], (21, 14, 7, 0), strict=True))
        begin = _ID3_HEADER_BYTES + length
    frame = _at(file, begin, _MP3_HEADER_WITHIN)
    marks = [frame.find(mark) for mark in (b"Xing", b"Info") if mark in frame]
    if frame[:1] != b"\xff" or not marks or len(frame) < marks[0] + _XING_BYTES:
        return False
    flags, at = frame[marks[0] + 7], marks[0] + 8
    if not flags & 2:
        return False
    at += 4 * (flags & 1)
    told = int.from_bytes(frame[at : at + 4], "big")
    return size - begin < told * _MP3_PERCENT_MIN // 100

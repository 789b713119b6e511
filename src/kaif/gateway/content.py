"""Content as HTTP gives it: whole, in a range, or not again (RFC 9110, 13 and 14)."""

import re
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from http import HTTPStatus
from typing import NamedTuple
from urllib.parse import quote

from kaif.gateway.answers import Answer, Headers, Stream, lines
from kaif.gateway.requests import Request
from kaif.interfaces.media.delivery import READ_BYTES_MAX, Sight
from kaif.kernel.errors import Busy, Invalid

# Each holds a piece in memory for as long as whoever reads it takes. What is smaller than this does not count.
STREAMS_OF_ONE_MAX = 32
_STREAM_BYTES_MIN = 1 << 20
_BUSY_MS = 5000

_RANGE = re.compile(rb"bytes=(\d{0,15})-(\d{0,15})")
_ACCEPT_RANGES = lines((b"accept-ranges", b"bytes"))


class RangeNotSatisfiable(Invalid):
    code, status, detail = "range_not_satisfiable", 416, "The file does not reach so far."


class Range(NamedTuple):
    start: int
    length: int


# So much from there, at most READ_BYTES_MAX.
Read = Callable[[int, int], Awaitable[bytes]]


class Readers:
    """How many large answers somebody reads at this moment."""

    def __init__(self) -> None:
        self._reading: Counter[str] = Counter()

    def stream(self, whose: str, wanted: Range, read: Read) -> Stream:
        """Raises Busy."""
        if wanted.length < _STREAM_BYTES_MIN:
            return Stream(wanted.length, _pieces(wanted, read))
        if self._reading[whose] >= STREAMS_OF_ONE_MAX:
            raise Busy(retry_after_ms=_BUSY_MS)
        return Stream(wanted.length, self._counted(whose, _pieces(wanted, read)))

    async def _counted(self, whose: str, pieces: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        self._reading[whose] += 1
        try:
            async for piece in pieces:
                yield piece
        finally:
            self._reading[whose] -= 1
            if not self._reading[whose]:
                del self._reading[whose]


async def _pieces(wanted: Range, read: Read) -> AsyncIterator[bytes]:
    at, end = wanted.start, wanted.start + wanted.length
    while at < end:
        piece = await read(at, min(READ_BYTES_MAX, end - at))
        if not piece:
            return
        yield piece
        at += len(piece)


def content_answer(request: Request, seen: Sight, headers: Headers, stream: Callable[[Range], Stream]) -> Answer:
    """Raises RangeNotSatisfiable, and what `stream` does."""
    etag = f'"{seen.etag}"'.encode()
    headers += _ACCEPT_RANGES + lines((b"etag", etag))
    if _matches(request.headers.get(b"if-none-match", b""), etag):
        return Answer(HTTPStatus.NOT_MODIFIED, headers, b"")
    headers += _describing(seen)
    wanted = _range_of(request, seen.size, etag)
    if wanted is None:
        return Answer(HTTPStatus.OK, headers, b"", stream(Range(0, seen.size)))
    if wanted.length == 0:
        request.more_headers += lines((b"content-range", b"bytes */%d" % seen.size))
        raise RangeNotSatisfiable
    last = wanted.start + wanted.length - 1
    headers += lines((b"content-range", b"bytes %d-%d/%d" % (wanted.start, last, seen.size)))
    return Answer(HTTPStatus.PARTIAL_CONTENT, headers, b"", stream(wanted))


def _describing(seen: Sight) -> bytes:
    disposition = "inline" if seen.inline else "attachment"
    ascii_name = re.sub(r"[^A-Za-z0-9 ._()+-]", "_", seen.name)
    name = quote(seen.name, safe="!#$&+-.^_`|~")
    return lines(
        (b"content-type", (seen.type if seen.inline else "application/octet-stream").encode()),
        # RFC 6266 with RFC 8187: the first is for those who do not know the second.
        (b"content-disposition", f"{disposition}; filename=\"{ascii_name}\"; filename*=UTF-8''{name}".encode()),
    )


def _matches(given: bytes, etag: bytes) -> bool:
    """RFC 9110, 13.1.2: weakly."""
    tags = [tag.strip().removeprefix(b"W/") for tag in given.split(b",")]
    return etag in tags or tags == [b"*"]


def _range_of(request: Request, size: int, etag: bytes) -> Range | None:
    """None is all of it: what is no single range of bytes is passed over (RFC 9110, 14.2). One without a length begins
    beyond the end.
    """
    given = _RANGE.fullmatch(request.headers.get(b"range", b"").strip().lower())
    if not given or request.headers.get(b"if-range", etag) != etag or request.method != "GET":
        return None
    first, last = given.groups()
    if not first:
        if not last:
            return None
        length = min(int(last), size)
        return Range(size - length, length)
    start = int(first)
    end = min(int(last) + 1, size) if last else size
    if last and int(last) < start:
        return None
    return Range(start, max(end - start, 0))

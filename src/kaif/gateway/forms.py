"""A form with files while it comes (multipart/form-data, RFC 7578): part by part, held nowhere.

Whoever reads a part to its end or not, the next one is found; what stands after the last is passed over.
"""

from collections.abc import Iterator
from typing import Any, TypeAlias

from multipart import (  # type: ignore[import-untyped]
    MultipartError,
    MultipartSegment,
    PushMultipartParser,
    parse_options_header,
)

from kaif.gateway.bodies import STALLED_S, Body, BodyCut
from kaif.gateway.dispositions import form_file_name, parameters_of
from kaif.gateway.tus import BodyBrokeOff
from kaif.kernel.errors import Invalid
from kaif.kernel.http.problems import TimedOut

FORM = b"multipart/form-data"
# RFC 2046, 5.1.1.
BOUNDARY_CHARACTERS_MAX = 70
PARTS_MAX = 1000
# Parsed in one go, so that others have their turn in between.
PARSED_AT_ONCE = 64 * 1024

# A part's head, a piece of it, or None at its end.
_Event: TypeAlias = Any


class BadForm(Invalid):
    code, status, detail = "bad_form", 400, "The body is no form that can be read."


class Part:
    """`file_name` is None of a field, and empty where somebody chose no file."""

    def __init__(self, segment: MultipartSegment) -> None:
        disposition = segment.header("Content-Disposition", "")
        self.name = parameters_of(disposition).get("name", "")
        self.file_name = form_file_name(disposition)
        self.type: str = segment.header("Content-Type", "")


class Form:
    def __init__(self, body: Body, content_type: bytes) -> None:
        """Raises BadForm."""
        _, options = parse_options_header(content_type.decode("latin-1"))
        boundary = options.get("boundary", "")
        if not 0 < len(boundary) <= BOUNDARY_CHARACTERS_MAX:
            raise BadForm
        self._body = body
        try:
            self._parser = PushMultipartParser(
                boundary.encode("latin-1"), max_segment_count=PARTS_MAX, header_charset="latin-1"
            )
        except MultipartError:
            raise BadForm from None
        self._events: Iterator[_Event] = iter(())
        self._unread = b""
        self._rest = bytearray()
        self._in_part = False

    async def next_part(self) -> Part | None:
        """Raises BadForm, BodyBrokeOff, TimedOut, as `read` does."""
        while self._in_part:
            await self.read(PARSED_AT_ONCE)
        event = await self._event()
        if not isinstance(event, MultipartSegment):
            return None
        self._in_part = True
        return Part(event)

    async def read(self, size: int) -> bytes:
        """So much of the part, less at its end, and nothing after it."""
        while len(self._rest) < size and self._in_part:
            event = await self._event()
            if event is None:
                self._in_part = False
            else:
                assert not isinstance(event, MultipartSegment)
                self._rest += event
        taken = bytes(self._rest[:size])
        del self._rest[:size]
        return taken

    async def _event(self) -> _Event:
        """None is the end of a part, and of the form."""
        while True:
            try:
                return next(self._events)
            except StopIteration:
                pass
            except MultipartError:
                raise BadForm from None
            if self._parser.closed:
                return None
            self._events = iter(self._parser.parse(await self._piece()))

    async def _piece(self) -> bytes:
        if not self._unread:
            try:
                self._unread = await self._body.read(STALLED_S)
            except TimeoutError:
                raise TimedOut from None
            except BodyCut:
                raise BodyBrokeOff from None
        piece, self._unread = self._unread[:PARSED_AT_ONCE], self._unread[PARSED_AT_ONCE:]
        return piece

"""What goes back to the caller. Headers are kept as the lines that are sent, so that constant ones cost nothing."""

from collections.abc import AsyncIterator
from http import HTTPStatus
from typing import NamedTuple

Headers = bytes


class Stream(NamedTuple):
    """A body of so many bytes that is made while it is sent."""

    length: int
    pieces: AsyncIterator[bytes]


class Answer(NamedTuple):
    """`stream` takes the place of the body. What is `embeddable` may stand in pages of another origin than its own."""

    status: int
    headers: Headers
    body: bytes
    stream: Stream | None = None
    embeddable: bool = False


def lines(*headers: tuple[bytes, bytes]) -> Headers:
    """Header lines. A line break within would be a header of somebody else's making."""
    made = b"".join([b"%b: %b\r\n" % header for header in headers])
    assert made.count(b"\n") == len(headers), "a header holds a line break"
    return made


NO_STORE = lines((b"cache-control", b"no-store"))
# Should a browser show something that is not a page, it can do nothing.
INERT = lines((b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'; sandbox"))
JSON = lines((b"content-type", b"application/json")) + NO_STORE + INERT
# On pages, which link to other sites.
NO_REFERRER = lines((b"referrer-policy", b"no-referrer"))


def _security(resource_policy: bytes) -> Headers:
    return lines(
        (b"x-content-type-options", b"nosniff"),
        (b"cross-origin-resource-policy", resource_policy),
        (b"strict-transport-security", b"max-age=31536000; includeSubDomains"),
    )


# On every answer, whatever else it says.
_SECURITY, _SECURITY_OF_EMBEDDABLE = _security(b"same-origin"), _security(b"cross-origin")
_STATUS = {status.value: b"HTTP/1.1 %d %b\r\n" % (status, status.phrase.encode()) for status in HTTPStatus}
# Of tus 1.0, its checksum extension.
_STATUS[460] = b"HTTP/1.1 460 Checksum Mismatch\r\n"
_BODILESS = (204, 304)


def on_the_wire(
    answer: Answer, date: bytes, more: Headers, request_id: str, *, keep_alive: bool, head_only: bool
) -> bytes:
    """The whole answer as it is sent (RFC 9112), but for a stream. `date` and `more` are header lines."""
    body_bytes = answer.stream.length if answer.stream else len(answer.body)
    length = b"" if answer.status in _BODILESS else b"content-length: %d\r\n" % body_bytes
    return b"%b%b%b%b%bx-request-id: %b\r\n%b%b\r\n%b" % (
        _STATUS[answer.status],
        date,
        _SECURITY_OF_EMBEDDABLE if answer.embeddable else _SECURITY,
        more,
        answer.headers,
        request_id.encode(),
        length,
        b"" if keep_alive else b"connection: close\r\n",
        b"" if head_only else answer.body,
    )

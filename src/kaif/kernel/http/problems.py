"""Errors as RFC 9457 problem details with a stable `code`."""

import logging
from http import HTTPStatus
from typing import Any

import msgspec

from kaif.kernel.errors import InsufficientScope, Invalid, KaifError, Limited, Unavailable

log = logging.getLogger("kaif.http")


class MalformedJson(Invalid):
    code, status, detail = "malformed_json", 400, "The body is not valid JSON."


class UnsupportedMediaType(Invalid):
    code, status, detail = "unsupported_media_type", 415, "Send the body as application/json."


class TooLarge(Invalid):
    code, status, detail = "too_large", 413, "The body is too large."


class MethodNotAllowed(Invalid):
    """Details carry allow, the methods that the path takes."""

    code, status, detail = "method_not_allowed", 405, "This path does not take that method."


class TimedOut(KaifError):
    code, status, detail = "timed_out", 408, "The request took too long to arrive."


class HeadTooLarge(Invalid):
    code, status, detail = "head_too_large", 431, "The request's headers are too large."


class MalformedRequest(Invalid):
    code, status, detail = "malformed_request", 400, "This is not an HTTP request that can be read."


def unreadable(status: int) -> KaifError:
    """Why a request could not be taken from the wire."""
    kinds: list[type[KaifError]] = [TooLarge, HeadTooLarge, TimedOut]
    return next((kind() for kind in kinds if kind.status == status), MalformedRequest())


class Problem(msgspec.Struct, frozen=True):
    """An answer that is an error."""

    status: int
    body: bytes
    headers: list[tuple[bytes, bytes]]


def problem_of(error: Exception, instance: str) -> Problem:
    """What the caller is told. `instance` is the request's id; an unforeseen error reaches the log, not the caller."""
    known = error if isinstance(error, KaifError) else _foreseen(error)
    if known is None:
        log.error("request %s failed", instance, exc_info=error)
        known = KaifError()
    body: dict[str, Any] = {
        **known.details,
        "type": "about:blank",
        "title": _phrase(known.status),
        "status": known.status,
        "code": known.code,
        "detail": str(known),
        "instance": instance,
    }
    headers = [(b"content-type", b"application/problem+json")]
    if isinstance(known, Limited | Unavailable):
        after_s = -(-int(str(known.details.get("retry_after_ms", 1000))) // 1000)
        headers.append((b"retry-after", str(max(after_s, 1)).encode()))
    if isinstance(known, MethodNotAllowed):
        headers.append((b"allow", str(known.details["allow"]).encode()))
    if known.status == 401:
        headers.append((b"www-authenticate", b"Bearer"))
    if isinstance(known, InsufficientScope):
        headers.append((b"www-authenticate", _scope_challenge(known)))
    return Problem(known.status, msgspec.json.encode(body), headers)


def _phrase(status: int) -> str:
    """Protocols of others have statuses of their own (RFC 9110, 15): those have no name here."""
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return str(status)


def _scope_challenge(error: InsufficientScope) -> bytes:
    """RFC 6750, 3: what was wrong, and what would have been right."""
    scope = error.details.get("scope")
    return b'Bearer error="insufficient_scope"' + (f', scope="{scope}"'.encode() if scope else b"")


def _foreseen(error: Exception) -> KaifError | None:
    match error:
        case msgspec.ValidationError():
            # msgspec ends its message with "- at `$.field`": the path is for programs, the rest for people.
            text, _, place = str(error).partition(" - at `")
            return Invalid(text, path=place.rstrip("`") or "$")
        case msgspec.DecodeError() | UnicodeDecodeError() | RecursionError():
            return MalformedJson()
        case TimeoutError():
            return Unavailable(retry_after_ms=1000)
    return None

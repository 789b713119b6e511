"""Errors that a caller can cause or must handle, each with a stable code and the status it answers.

KaifError                     500 internal
├── Invalid                   422 invalid            what was asked makes no sense
├── Unauthenticated           401 unauthenticated    who is asking is not known
├── Forbidden                 403 forbidden          known, but may not
├── NotFound                  404 not_found          there is none, or it is not theirs to see
├── Conflict                  409 conflict           the state of things does not allow it
├── Limited                   429 too_many_requests  later
└── Unavailable               503 unavailable        our fault, later
    ├── Busy                  503 busy               a queue is full
    └── StorageFull           503 storage_full       the disk is full
"""

from typing import ClassVar


class KaifError(Exception):
    """Keyword details travel to the caller; they must never hold secrets."""

    code: ClassVar[str] = "internal"
    status: ClassVar[int] = 500
    detail: ClassVar[str] = "Something went wrong on the server."

    def __init__(self, detail: str = "", **details: object) -> None:
        super().__init__(detail or self.detail)
        self.details = details


class Invalid(KaifError):
    code, status, detail = "invalid", 422, "The request does not have the form that this call takes."


class Unauthenticated(KaifError):
    code, status, detail = "unauthenticated", 401, "Sign in first."


class Forbidden(KaifError):
    code, status, detail = "forbidden", 403, "You may not do this."


class MissingPermission(Forbidden):
    """Details carry permission, the one that is missing."""

    code, detail = "missing_permission", "Your roles do not allow this."


class InsufficientScope(Forbidden):
    """Details carry scope, the one that would do; none does where it is missing (RFC 6750, 3.1)."""

    code, detail = "insufficient_scope", "This API key was not made for that."


class NotFound(KaifError):
    code, status, detail = "not_found", 404, "There is no such thing here."


class Conflict(KaifError):
    code, status, detail = "conflict", 409, "This contradicts what already is."


class Limited(KaifError):
    """Details carry retry_after_ms."""

    code, status, detail = "too_many_requests", 429, "Too many requests: slow down."


class Unavailable(KaifError):
    """Details carry retry_after_ms."""

    code, status, detail = "unavailable", 503, "This part of the server is not answering: try again shortly."


class Busy(Unavailable):
    code, detail = "busy", "Too many people are waiting for this: try again shortly."


class StorageFull(Unavailable):
    code, detail = "storage_full", "The server's disk is full: nothing was stored. Try again later."


def error_named(code: str) -> type[KaifError]:
    """The class of a code that came from another process; an unknown code is an internal error."""
    pending = [KaifError]
    while pending:
        kind = pending.pop()
        if kind.code == code:
            return kind
        pending += kind.__subclasses__()
    return KaifError

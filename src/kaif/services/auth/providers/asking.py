"""Asking a sign-in service: every way in which it may not answer is one of three errors."""

import base64
import logging
from collections.abc import Awaitable, Mapping
from typing import Any, Protocol
from urllib.parse import quote_plus

import msgspec

from kaif.engines.web import Oversized, Unreachable, WebAnswer
from kaif.interfaces.auth.identities import ServiceAnswerInvalid, ServiceUnavailable
from kaif.services.auth.providers.authorization import Asked, Profile, Returned, StoredProvider, refused

RETRY_AFTER_MS = 5000

log = logging.getLogger("kaif.auth")


class SignInClient(Protocol):
    """How one kind of service is spoken to. Raises ServiceUnavailable, ServiceAnswerInvalid, ServiceRefused."""

    async def authorization_url(self, provider: StoredProvider, asked: Asked) -> str: ...

    async def redeem(self, provider: StoredProvider, secret: str, asked: Asked, returned: Returned) -> Profile:
        """Exchange the code, and learn who it was given to."""
        ...


async def answered(asking: Awaitable[WebAnswer]) -> WebAnswer:
    """Raises ServiceUnavailable, also when the other side says that it is at fault, and ServiceAnswerInvalid."""
    try:
        answer = await asking
    except Unreachable as error:
        log.warning("a sign-in service does not answer: %s", error)
        raise ServiceUnavailable(retry_after_ms=RETRY_AFTER_MS) from None
    except Oversized:
        raise ServiceAnswerInvalid(reason="too_large") from None
    if answer.status >= 500 or answer.status == 429:
        raise ServiceUnavailable(retry_after_ms=RETRY_AFTER_MS)
    return answer


async def document(asking: Awaitable[WebAnswer], what: str) -> dict[str, Any]:
    """The JSON object that was answered with 200. Raises as `answered` does, with that reason."""
    answer = await answered(asking)
    if answer.status != 200:
        raise ServiceAnswerInvalid(reason=what)
    return object_of(answer, what)


async def tokens(asking: Awaitable[WebAnswer]) -> tuple[str, dict[str, Any]]:
    """The access token, and all that came with it (RFC 6749, 5). Raises ServiceRefused too.

    Some services say an error with status 200.
    """
    answer = await answered(asking)
    given = object_of(answer, "token_answer")
    if "error" in given:
        error = refused(given["error"])
        # A secret that was mistyped is the operator's to mend.
        log.warning("a sign-in service gives no token: %s", error.details["reason"])
        raise error
    access_token = given.get("access_token")
    # It goes into a header: RFC 6750, 2.1, allows less.
    if answer.status != 200 or not isinstance(access_token, str) or not _is_visible(access_token):
        raise ServiceAnswerInvalid(reason="token_answer")
    return access_token, given


def object_of(answer: WebAnswer, what: str) -> dict[str, Any]:
    try:
        return msgspec.json.decode(answer.body, type=dict[str, Any])
    except (msgspec.DecodeError, RecursionError):
        raise ServiceAnswerInvalid(reason=what) from None


def bearer(access_token: str) -> Mapping[str, str]:
    return {"authorization": f"Bearer {access_token}"}


def basic(client_id: str, secret: str) -> Mapping[str, str]:
    """RFC 6749, 2.3.1: both are form-encoded first."""
    pair = f"{quote_plus(client_id)}:{quote_plus(secret)}"
    return {"authorization": f"Basic {base64.b64encode(pair.encode()).decode()}"}


def code_grant(provider: StoredProvider, asked: Asked, returned: Returned) -> dict[str, str]:
    """RFC 6749, 4.1.3, with the code verifier of RFC 7636."""
    return {
        "grant_type": "authorization_code",
        "code": returned.code,
        "redirect_uri": asked.redirect_uri,
        "client_id": provider.client_id,
        "code_verifier": asked.verifier,
    }


def _is_visible(token: str) -> bool:
    return bool(token) and token.isascii() and token.isprintable() and " " not in token

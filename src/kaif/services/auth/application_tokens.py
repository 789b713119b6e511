"""Codes and tokens of applications: random texts of which the database keeps hashes."""

import hashlib
import hmac
import secrets
from base64 import urlsafe_b64encode

RANDOM_BYTES = 32


def new_secret() -> str:
    """A client secret, a code or an access token."""
    return secrets.token_urlsafe(RANDOM_BYTES)


class RefreshTokens:
    """Sealed, so that one that was good once is told from one that never was."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    def new(self, grant_id: str) -> str:
        token = f"{grant_id}.{new_secret()}"
        return f"{token}.{self._seal(token)}"

    def grant_of(self, refresh_token: str) -> str | None:
        """The grant for which we made it; None for any other text."""
        token, _, seal = refresh_token.rpartition(".")
        if not hmac.compare_digest(seal.encode(), self._seal(token).encode()):
            return None
        return token.partition(".")[0]

    def _seal(self, token: str) -> str:
        return hmac.digest(self._key, token.encode(), "sha256").hex()


class Stamps:
    """When a request was first considered, sealed together with it, so that nothing has to be kept meanwhile."""

    def __init__(self, key: bytes, good_for_us: int) -> None:
        self._key, self._good_for_us = key, good_for_us

    def new(self, query: str, now_us: int) -> str:
        return f"{now_us}.{self._seal(query, str(now_us))}"

    def begun_at_us(self, stamp: str, query: str, now_us: int) -> int | None:
        """None for one that is too old, of another request or not ours."""
        at_us, _, seal = stamp.partition(".")
        if not hmac.compare_digest(seal.encode(), self._seal(query, at_us).encode()):
            return None
        return int(at_us) if now_us - self._good_for_us < int(at_us) <= now_us else None

    def _seal(self, query: str, at_us: str) -> str:
        return hmac.digest(self._key, f"{at_us} {query}".encode(), "sha256").hex()


def at_hash(access_token: str) -> str:
    """Ties an ID token to the access token beside it (OpenID Connect Core 1.0, 3.1.3.6)."""
    left_half = hashlib.sha256(access_token.encode()).digest()[:16]
    return urlsafe_b64encode(left_half).rstrip(b"=").decode()

"""Refresh tokens, of sessions and of applications: each names what it renews, and bears our seal."""

import base64
import hmac

from kaif.services.auth.model import new_secret


class RefreshTokens:
    """Sealed, so that one that was good once is told from one that never was.

    What a token renews is no secret: access tokens tell it, so its id alone is not enough to make one.
    """

    def __init__(self, key: bytes) -> None:
        self._key = key

    def new(self, renews: str) -> str:
        """For a session or a grant of that id."""
        return self._sealed(renews, new_secret())

    def after(self, spent: str, renews: str, attempt: str) -> str:
        """The next one: another each time without an attempt, the same whenever that token is spent by that attempt.

        As unguessable as a random one, for it takes our key; and nothing of it need be kept to give it twice.
        """
        if not attempt:
            return self.new(renews)
        secret = hmac.digest(self._key, f"after {attempt} {spent}".encode(), "sha256")
        return self._sealed(renews, base64.urlsafe_b64encode(secret).decode().rstrip("="))

    def _sealed(self, renews: str, secret: str) -> str:
        token = f"{renews}.{secret}"
        return f"{token}.{self._seal(token)}"

    def renewed_by(self, refresh_token: str) -> str | None:
        """The id for which we made it; None for any other text."""
        token, _, seal = refresh_token.rpartition(".")
        if not hmac.compare_digest(seal.encode(), self._seal(token).encode()):
            return None
        return token.partition(".")[0]

    def _seal(self, token: str) -> str:
        return hmac.digest(self._key, token.encode(), "sha256").hex()

"""Refresh tokens, of sessions and of applications: each names what it renews, and bears our seal."""

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
        token = f"{renews}.{new_secret()}"
        return f"{token}.{self._seal(token)}"

    def renewed_by(self, refresh_token: str) -> str | None:
        """The id for which we made it; None for any other text."""
        token, _, seal = refresh_token.rpartition(".")
        if not hmac.compare_digest(seal.encode(), self._seal(token).encode()):
            return None
        return token.partition(".")[0]

    def _seal(self, token: str) -> str:
        return hmac.digest(self._key, token.encode(), "sha256").hex()

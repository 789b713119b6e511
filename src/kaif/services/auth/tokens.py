"""Access tokens: JWTs in the profile of RFC 9068, signed with Ed25519 (RFC 8037)."""

import json

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import OKPKey

from kaif.interfaces.auth import ACCESS_TOKEN_SECONDS, Jwks
from kaif.kernel.actor import SessionId, UserId
from kaif.kernel.clock import SECOND_US
from kaif.kernel.ids import new_id
from kaif.kernel.tokens import ALGORITHM, AUDIENCE, ISSUER, TYPE


def new_signing_key() -> str:
    """A private key as a JWK document, for the operator's key file."""
    key = OKPKey.generate_key("Ed25519", {"use": "sig", "alg": ALGORITHM}, auto_kid=True)
    return json.dumps(key.as_dict(private=True))


class Signer:
    def __init__(self, signing_key: str) -> None:
        """Raises ValueError when that is not a key that `new_signing_key` makes."""
        try:
            self._key = OKPKey.import_key(json.loads(signing_key))
        except JoseError as error:
            raise ValueError(str(error)) from error

    def sign(self, user_id: UserId, session_id: SessionId, role: str, now_us: int) -> str:
        now_s = now_us // SECOND_US
        claims = {
            "iss": ISSUER,
            "aud": AUDIENCE,
            "client_id": "kaif",
            "sub": user_id,
            "sid": session_id,
            "role": role,
            "iat": now_s,
            "exp": now_s + ACCESS_TOKEN_SECONDS,
            "jti": new_id(),
        }
        header = {"typ": TYPE, "alg": ALGORITHM, "kid": self._key.kid}
        return jwt.encode(header, claims, self._key, algorithms=[ALGORITHM])

    @property
    def public_keys(self) -> Jwks:
        return Jwks([{name: str(value) for name, value in self._key.as_dict(private=False).items()}])

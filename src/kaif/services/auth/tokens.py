"""The key of this server: it signs access tokens (JWTs in the profile of RFC 9068, by Ed25519, RFC 8037), and all other
keys follow from it."""

import hashlib
import hmac
import json

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import OKPKey

from kaif.interfaces.auth import ACCESS_TOKEN_SECONDS, Jwks
from kaif.kernel.actor import Actor
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
        self._link_key = self.key_for("links")

    def key_for(self, purpose: str) -> bytes:
        """A key of 256 bits that is good for this purpose alone and tells nothing of the others."""
        private = str(self._key.as_dict(private=True)["d"])
        return hashlib.sha256(f"{purpose} of {private}".encode()).digest()

    def sign(self, actor: Actor, permitted_at_us: int, now_us: int, until_us: int | None = None) -> str:
        """`until_us` is when it must have run out, should that be earlier than usual."""
        now_s = now_us // SECOND_US
        expires_at_s = now_s + ACCESS_TOKEN_SECONDS
        claims = {
            "iss": ISSUER,
            "aud": AUDIENCE,
            "client_id": "kaif",
            "sub": actor.user_id,
            "sid": actor.session_id,
            "perms": sorted(actor.permissions),
            "perms_at": permitted_at_us,
            "iat": now_s,
            "exp": expires_at_s if until_us is None else min(expires_at_s, until_us // SECOND_US),
            "jti": new_id(),
        }
        if actor.scopes is not None:
            claims["scope"] = " ".join(sorted(actor.scopes))
        if actor.must_enrol:
            claims["enrol"] = True
        header = {"typ": TYPE, "alg": ALGORITHM, "kid": self._key.kid}
        return jwt.encode(header, claims, self._key, algorithms=[ALGORITHM])

    def link_token(self, link_id: str) -> str:
        """What stands in a letter: neither the database nor the outbox holds the key of its seal."""
        return f"{link_id}.{hmac.digest(self._link_key, link_id.encode(), 'sha256').hex()}"

    def link_of(self, token: str) -> str | None:
        """The link's id, if we have sealed it."""
        link_id = token.partition(".")[0]
        if not token.isascii():
            return None
        return link_id if hmac.compare_digest(token, self.link_token(link_id)) else None

    @property
    def public_keys(self) -> Jwks:
        return Jwks([{name: str(value) for name, value in self._key.as_dict(private=False).items()}])

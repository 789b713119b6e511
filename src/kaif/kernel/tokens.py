"""What an access token must look like (RFC 9068), checked with nothing but the public keys."""

from typing import NamedTuple

import msgspec
from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from kaif.kernel.actor import Actor, Permission, Scope, SessionId, UserId
from kaif.kernel.errors import Unauthenticated

ALGORITHM = "Ed25519"
TYPE = "at+jwt"
ISSUER = "kaif"
AUDIENCE = "kaif"

TOKEN_BYTES_MAX = 4096


class TokenExpired(Unauthenticated):
    code, detail = "token_expired", "The access token has run out: refresh it."


class Claims(msgspec.Struct, frozen=True):
    iss: str
    aud: str
    sub: UserId
    sid: SessionId
    perms: frozenset[Permission]
    # When the person's permissions last changed (microseconds): a token of before that says too much or too little.
    perms_at: int
    exp: int
    # Of a token that an API key was exchanged for: separated by spaces (RFC 9068, 2.2.3).
    scope: str | None = None
    # Of a person who has to set up a second factor before anything else.
    enrol: bool = False

    @property
    def actor(self) -> Actor:
        scopes = None if self.scope is None else frozenset(map(Scope, self.scope.split()))
        return Actor(self.sub, self.sid, self.perms, scopes=scopes, must_enrol=self.enrol)


class Verified(NamedTuple):
    """Who a token speaks for, until when (seconds since 1970), and the age of what it says of permissions."""

    actor: Actor
    expires_at_s: int
    permitted_at_us: int


class Verifier:
    """Verifies signatures, which costs about 0.1 ms; callers remember the outcome until `exp`."""

    def __init__(self, keys: list[dict[str, str]]) -> None:
        self._keys = KeySet.import_key_set({"keys": keys})  # type: ignore[typeddict-item]

    def verify(self, token: bytes, now_s: float) -> Verified:
        """Raises Unauthenticated, TokenExpired."""
        if len(token) > TOKEN_BYTES_MAX:
            raise Unauthenticated
        try:
            # The key comes from our own set by its kid: jku, x5u and an embedded jwk are never followed.
            signed = jws.deserialize_compact(token, self._keys, algorithms=[ALGORITHM])
            claims = msgspec.json.decode(signed.payload, type=Claims)
        except (JoseError, ValueError, msgspec.MsgspecError) as error:
            raise Unauthenticated from error
        if signed.headers().get("typ") != TYPE or claims.iss != ISSUER or claims.aud != AUDIENCE:
            raise Unauthenticated
        if claims.exp <= now_s:
            raise TokenExpired
        return Verified(claims.actor, claims.exp, claims.perms_at)

"""When an ID token says who somebody is (OpenID Connect Core 1.0, 3.1.3.7), judged without I/O."""

import hashlib
import hmac
import warnings
from typing import Any

import msgspec
from joserfc import jws
from joserfc.errors import JoseError, SecurityWarning
from joserfc.jwk import ECKey, JWKRegistry, OKPKey, RSAKey

from kaif.interfaces.auth.identities import ServiceAnswerInvalid
from kaif.kernel.base64url import base64url

Key = RSAKey | ECKey | OKPKey

# Signatures of a key that only the issuer has. "none" proves nothing, and with HS256 whoever checks could have signed.
ALGORITHMS = {
    "RS256": "RSA", "RS384": "RSA", "RS512": "RSA", "PS256": "RSA", "PS384": "RSA", "PS512": "RSA",
    "ES256": "EC", "ES384": "EC", "ES512": "EC", "EdDSA": "OKP", "Ed25519": "OKP",
}  # fmt: skip
# Clocks differ by so much.
LEEWAY_S = 60
# We ask for the token at once when it is made.
AGE_S_MAX = 10 * 60
TOKEN_CHARS_MAX = 16 * 1024
KEYS_MAX = 50
RSA_BITS_MIN = 2048


class Head(msgspec.Struct, frozen=True):
    alg: str
    kid: str | None


class Expected(msgspec.Struct, frozen=True):
    issuer: str
    client_id: str
    nonce: str
    access_token: str
    now_s: int


class Claims(msgspec.Struct, frozen=True):
    iss: str
    sub: str
    aud: str | list[str]
    exp: float
    iat: float
    nonce: str = ""
    azp: str | None = None
    nbf: float | None = None
    at_hash: str | None = None


def head_of(token: object) -> Head:
    """Raises ServiceAnswerInvalid, for an algorithm that we do not take too."""
    if not isinstance(token, str) or not token.isascii() or len(token) > TOKEN_CHARS_MAX:
        raise ServiceAnswerInvalid(reason="id_token")
    try:
        headers = jws.extract_compact(token.encode()).headers()
    except (JoseError, ValueError):
        raise ServiceAnswerInvalid(reason="id_token") from None
    alg, kid = headers.get("alg"), headers.get("kid")
    # What must be understood is not (RFC 7515, 4.1.11).
    if "crit" in headers or not isinstance(alg, str) or not isinstance(kid, str | None):
        raise ServiceAnswerInvalid(reason="id_token")
    if alg not in ALGORITHMS:
        raise ServiceAnswerInvalid(reason="algorithm")
    return Head(alg, kid)


def usable_keys(key_set: object) -> list[Key]:
    """Those of a JWK set (RFC 7517) that could sign an ID token; others are none of our business."""
    given = key_set.get("keys") if isinstance(key_set, dict) else None
    if not isinstance(given, list):
        return []
    return [key for each in given[:KEYS_MAX] if (key := _key(each)) is not None]


def _key(given: Any) -> Key | None:
    if not isinstance(given, dict) or given.get("use", "sig") != "sig":
        return None
    try:
        key = JWKRegistry.import_key(given)
        if isinstance(key, RSAKey) and key.public_key.key_size < RSA_BITS_MIN:
            return None
        return key if isinstance(key, RSAKey | ECKey | OKPKey) else None
    except (JoseError, ValueError, TypeError):
        return None


def keys_for(head: Head, keys: list[Key]) -> list[Key]:
    """The one that the head names; all of its kind where it names none."""
    return [
        key
        for key in keys
        if key.key_type == ALGORITHMS[head.alg]
        and (head.kid is None or key.kid == head.kid)
        and (key.alg is None or key.alg == head.alg)
    ]


def verified(token: str, head: Head, keys: list[Key], expected: Expected) -> dict[str, Any]:
    """All claims of a token that one of the keys has signed for us, just now. Raises ServiceAnswerInvalid."""
    payload = next((read for key in keys if (read := _signed(token, head, key)) is not None), None)
    if payload is None:
        raise ServiceAnswerInvalid(reason="signature")
    try:
        claims = msgspec.json.decode(payload, type=Claims)
        everything: dict[str, Any] = msgspec.json.decode(payload)
    except (msgspec.DecodeError, msgspec.ValidationError):
        raise ServiceAnswerInvalid(reason="claims") from None
    if reason := _fault(claims, head, expected):
        raise ServiceAnswerInvalid(reason=reason)
    return everything


def _signed(token: str, head: Head, key: Key) -> bytes | None:
    try:
        with warnings.catch_warnings():
            # RFC 9864 gives EdDSA another name; issuers use the one that they have.
            warnings.simplefilter("ignore", SecurityWarning)
            return jws.deserialize_compact(token, key, algorithms=[head.alg]).payload
    except (JoseError, ValueError):
        return None


def _fault(claims: Claims, head: Head, expected: Expected) -> str:
    """What is wrong with the claims; nothing when they are good."""
    audience = [claims.aud] if isinstance(claims.aud, str) else claims.aud
    faults = {
        "issuer": claims.iss != expected.issuer,
        "audience": expected.client_id not in audience,
        # Whom it was given to must be us, and must be said when others may read it.
        "authorized_party": claims.azp != expected.client_id and (claims.azp is not None or len(audience) > 1),
        "expired": claims.exp <= expected.now_s - LEEWAY_S,
        "issued_at": not expected.now_s - AGE_S_MAX <= claims.iat <= expected.now_s + LEEWAY_S,
        "not_before": claims.nbf is not None and claims.nbf > expected.now_s + LEEWAY_S,
        "nonce": not hmac.compare_digest(claims.nonce.encode(), expected.nonce.encode()),
        "at_hash": claims.at_hash is not None and claims.at_hash != half_hash(head.alg, expected.access_token),
    }
    return next((name for name, found in faults.items() if found), "")


def half_hash(alg: str, access_token: str) -> str:
    """Ties an ID token to the access token beside it: `at_hash` (OpenID Connect Core 1.0, 3.1.3.6)."""
    # The hash is that of the signature; Ed25519 hashes with SHA-512.
    by = {"256": hashlib.sha256, "384": hashlib.sha384}.get(alg[-3:], hashlib.sha512)
    digest = by(access_token.encode()).digest()
    return base64url(digest[: len(digest) // 2])

"""Proof Key for Code Exchange (RFC 7636) by S256, for both sides of it."""

import hashlib
import hmac
import re

from kaif.kernel.base64url import base64url

CHALLENGE = re.compile(r"[A-Za-z0-9_-]{43}")
_VERIFIER = re.compile(r"[A-Za-z0-9._~-]{43,128}")


def challenge_of(verifier: str) -> str:
    """RFC 7636, 4.2."""
    return base64url(hashlib.sha256(verifier.encode()).digest())


def proves(verifier: str, challenge: str) -> bool:
    """RFC 7636, 4.6."""
    return bool(_VERIFIER.fullmatch(verifier)) and hmac.compare_digest(challenge_of(verifier), challenge)

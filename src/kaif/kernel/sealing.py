"""Secrets that must be read again, sealed at rest: AES-256-GCM under a key that the database does not hold."""

import base64
import secrets

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

# What NIST SP 800-38D wants; random, for far fewer than 2^32 secrets.
NONCE_BYTES = 12


class Sealer:
    def __init__(self, key: bytes) -> None:
        self._cipher = AESGCM(key)

    def seal(self, secret: str, owner: str) -> str:
        nonce = secrets.token_bytes(NONCE_BYTES)
        return base64.b64encode(nonce + self._cipher.encrypt(nonce, secret.encode(), owner.encode())).decode()

    def unseal(self, sealed: str, owner: str) -> str:
        """Raises InvalidTag for what was sealed for another owner, under another key, or changed since."""
        raw = base64.b64decode(sealed)
        return self._cipher.decrypt(raw[:NONCE_BYTES], raw[NONCE_BYTES:], owner.encode()).decode()

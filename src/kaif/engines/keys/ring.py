"""Master keys as text: `1:HEX`, one on a line or between commas, each 32 random bytes. The highest number wraps."""

import os
import secrets
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from kaif.engines.keys import KeyMissing, Wrapped

KEY_BYTES = 32
# What NIST SP 800-38D wants; random, for far fewer than 2^32 keys.
NONCE_BYTES = 12


class KeyRing:
    def __init__(self, keys: dict[int, bytes]) -> None:
        self._keys = keys

    async def newest(self) -> int:
        return max(self._keys)

    async def wrap(self, key: bytes, context: str) -> Wrapped:
        version = max(self._keys)
        nonce = secrets.token_bytes(NONCE_BYTES)
        return Wrapped(version, nonce + AESGCM(self._keys[version]).encrypt(nonce, key, _bound(version, context)))

    async def unwrap(self, wrapped: Wrapped, context: str) -> bytes:
        key = self._keys.get(wrapped.version)
        if key is None:
            raise KeyMissing
        nonce, sealed = wrapped.sealed[:NONCE_BYTES], wrapped.sealed[NONCE_BYTES:]
        try:
            return AESGCM(key).decrypt(nonce, sealed, _bound(wrapped.version, context))
        except (InvalidTag, ValueError):
            raise KeyMissing from None


class FileKeys:
    """A file that is read again when it changes: keys are rotated beside a running server."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._seen = (0, 0)
        self._ring = self._read()

    async def newest(self) -> int:
        return await self._read().newest()

    async def wrap(self, key: bytes, context: str) -> Wrapped:
        return await self._read().wrap(key, context)

    async def unwrap(self, wrapped: Wrapped, context: str) -> bytes:
        return await self._read().unwrap(wrapped, context)

    def _read(self) -> KeyRing:
        found = self._path.stat()
        seen = (found.st_ino, found.st_mtime_ns)
        if seen != self._seen:
            self._ring = KeyRing(parse(self._path.read_text(encoding="ascii")))
            self._seen = seen
        return self._ring


def parse(text: str) -> dict[int, bytes]:
    """Raises ValueError, which says what is wrong and repeats nothing of a key."""
    keys: dict[int, bytes] = {}
    for line in text.replace(",", "\n").split():
        number, _, written = line.partition(":")
        try:
            version, key = int(number), bytes.fromhex(written)
        except ValueError:
            raise ValueError("a key is written as NUMBER:HEX") from None
        if version < 1 or version in keys or len(key) != KEY_BYTES:
            raise ValueError(f"each key has a number of its own from 1 on, and {KEY_BYTES} bytes")
        keys[version] = key
    if not keys:
        raise ValueError("there is no key")
    return keys


def new_key(version: int) -> str:
    return f"{version}:{secrets.token_hex(KEY_BYTES)}\n"


def add_version(path: Path) -> int:
    """A new key, from now on the one that wraps; the older ones stay. Returns its number."""
    text = path.read_text(encoding="ascii")
    version = max(parse(text)) + 1
    # Beside and renamed: a crash or a full disk leaves the keys as they were.
    unfinished = path.with_suffix(".part")
    descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        file.write(text.rstrip() + "\n" + new_key(version))
        file.flush()
        os.fsync(file.fileno())
    unfinished.rename(path)
    return version


def _bound(version: int, context: str) -> bytes:
    return f"{version}:{context}".encode()

"""Content at rest: AES-256-GCM in chunks of 64 KiB, so that a range is read without the rest.

Each part of a file has a key of its own, by HKDF-SHA256 from the file's data key and the part's random name (as in
Tink's AES-GCM-HKDF streaming), so no nonce is ever used twice, whatever is written again after a crash. A chunk's nonce
is its place, and the part's length is bound to every chunk: none can be moved, left out or added, nor the part be cut
short.
"""

import math
from typing import NamedTuple

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from kaif.kernel.errors import KaifError

CHUNK_BYTES = 64 * 1024
TAG_BYTES = 16
DATA_KEY_BYTES = 32
NONCE_BYTES = 12

_SEALED_CHUNK_BYTES = CHUNK_BYTES + TAG_BYTES
_PURPOSE = b"kaif media part v1"


class ContentDamaged(KaifError):
    code, detail = "content_damaged", "What is stored is not what was put there."


class Window(NamedTuple):
    """What of a sealed part has to be read for a range of its content."""

    first_chunk: int
    start: int
    length: int
    # Bytes of the first chunk that come before the range.
    skip: int


def part_key(data_key: bytes, part: str) -> bytes:
    """Whoever has it can read and write that part, and nothing else of the file."""
    return HKDF(SHA256(), 32, bytes.fromhex(part), _PURPOSE).derive(data_key)


class PartCipher:
    def __init__(self, data_key: bytes, part: str, length: int) -> None:
        """`part` is its random name in hexadecimal, `length` that of its content."""
        self._cipher = AESGCM(part_key(data_key, part))
        self._length = length
        self._bound = length.to_bytes(8, "big")
        self.sealed_bytes = self.sealed_bytes_of(length)
        self._chunks = math.ceil(length / CHUNK_BYTES)

    @staticmethod
    def sealed_bytes_of(length: int) -> int:
        return length + math.ceil(length / CHUNK_BYTES) * TAG_BYTES

    def seal(self, content: bytes | memoryview) -> bytearray:
        sealed = bytearray(self.sealed_bytes)
        self.seal_into(memoryview(sealed), content)
        return sealed

    def seal_into(self, made: memoryview, content: bytes | memoryview) -> None:
        """Where there is room for `sealed_bytes`."""
        assert len(content) == self._length > 0
        # Made in its place: memory that is taken and given back for each chunk costs many times the cipher.
        given = memoryview(content)
        for chunk in range(self._chunks):
            plain = given[chunk * CHUNK_BYTES : (chunk + 1) * CHUNK_BYTES]
            at = chunk * _SEALED_CHUNK_BYTES
            place = made[at : at + len(plain) + TAG_BYTES]
            self._cipher.encrypt_into(self._nonce(chunk), plain, self._bound, place)

    def window(self, start: int, length: int) -> Window:
        first, last = start // CHUNK_BYTES, (start + length - 1) // CHUNK_BYTES
        end = min((last + 1) * _SEALED_CHUNK_BYTES, self.sealed_bytes)
        at = first * _SEALED_CHUNK_BYTES
        return Window(first, at, end - at, start - first * CHUNK_BYTES)

    def open(self, sealed: bytes, window: Window, length: int) -> bytes:
        """The range for which the window was made. Raises ContentDamaged."""
        if len(sealed) != window.length:
            raise ContentDamaged
        view = memoryview(sealed)
        try:
            chunks = [
                self._cipher.decrypt(
                    self._nonce(window.first_chunk + place), view[at : at + _SEALED_CHUNK_BYTES], self._bound
                )
                for place, at in enumerate(range(0, len(sealed), _SEALED_CHUNK_BYTES))
            ]
        except (InvalidTag, ValueError):
            raise ContentDamaged from None
        return b"".join(chunks)[window.skip : window.skip + length]

    def _nonce(self, chunk: int) -> bytes:
        return chunk.to_bytes(NONCE_BYTES, "big")

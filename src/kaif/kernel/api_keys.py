"""What an API key looks like: a prefix by which secret scanners find it, 256 random bits, and a checksum."""

import secrets
import zlib

PREFIX = b"kaif_"

_DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
# As many digits as 256 bits, and as 32 bits, need in base 62.
_SECRET_CHARS = 43
_CHECKSUM_CHARS = 6
LENGTH = len(PREFIX) + _SECRET_CHARS + _CHECKSUM_CHARS


def new_api_key() -> str:
    secret = _base62(secrets.randbits(256), _SECRET_CHARS)
    return f"{PREFIX.decode()}{secret}{_checksum(secret.encode())}"


def is_well_formed(key: bytes) -> bool:
    """Whether its checksum fits: a typing error or a guess is known for one without a look at what is stored."""
    if len(key) != LENGTH or not key.startswith(PREFIX):
        return False
    return _checksum(key[len(PREFIX) : -_CHECKSUM_CHARS]).encode() == key[-_CHECKSUM_CHARS:]


def _checksum(secret: bytes) -> str:
    return _base62(zlib.crc32(secret), _CHECKSUM_CHARS)


def _base62(number: int, chars: int) -> str:
    digits = []
    for _ in range(chars):
        number, digit = divmod(number, 62)
        digits.append(_DIGITS[digit])
    return "".join(reversed(digits))

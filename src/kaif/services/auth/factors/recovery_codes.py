"""Recovery codes: for people whose app is gone."""

import base64
import hmac
import secrets

from kaif.interfaces.auth.factors import RECOVERY_CODES
from kaif.kernel.actor import UserId

BYTES = 10
GROUP_CHARS = 4
# Base32 has no 0 and 1, so who reads them means the letters.
_MISREAD = str.maketrans({"0": "o", "1": "l", "-": "", "–": "", "—": ""})


def new_codes() -> list[str]:
    return [_grouped(base64.b32encode(secrets.token_bytes(BYTES)).decode().lower()) for _ in range(RECOVERY_CODES)]


def _grouped(code: str) -> str:
    return "-".join(code[at : at + GROUP_CHARS] for at in range(0, len(code), GROUP_CHARS))


def hash_of(key: bytes, user_id: UserId, code: str) -> str:
    """A slow hash makes guesses dear; 80 random bits can't be guessed at any price, so a fast one with a key does.

    The key lies outside the database, and the account's id makes a stolen row useless in another account.
    """
    return hmac.digest(key, f"{user_id} {normal(code)}".encode(), "sha256").hex()


def normal(code: str) -> str:
    """As the code was made, however people type it."""
    return "".join(code.lower().translate(_MISREAD).split())

"""Identifiers that sort by the time of their making and cannot be guessed (the ULID layout)."""

import os
import re
from datetime import datetime

from kaif.kernel.clock import as_datetime, now_us

ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
LENGTH = 26
# What an id that someone sends may look like, so that no other text reaches a database. In Python `$` alone
# would let a line end through.
PATTERN = r"^[0-9a-z]{1,26}$(?!\n)"
ID_FORM = re.compile(PATTERN)

_PAIRS = [a + b for a in ALPHABET for b in ALPHABET]

# A clock that is set back by more than this was wrong before, and its ids should not be followed for ever.
SETBACK_MS_MAX = 60_000
# The id before this one, as a number: what makes the next one greater.
_newest = 0


def new_id() -> str:
    """26 characters: 48 bits of milliseconds, then 80 random bits, in lower-case Crockford base 32.

    Those made on one thread rise, also within a millisecond and when the machine's clock is set back a little: then
    an id is the one before it plus 64 random bits.
    """
    global _newest
    number = (now_us() // 1000) << 80 | int.from_bytes(os.urandom(10), "big")
    if 0 <= _newest - number < SETBACK_MS_MAX << 80:
        number = _newest + 1 + int.from_bytes(os.urandom(8), "big")
    _newest = number
    return _written(number)


def made_at(made: str) -> datetime:
    """When an id of ours was made, to the millisecond."""
    number = 0
    for letter in made:
        number = number << 5 | ALPHABET.index(letter)
    return as_datetime((number >> 80) * 1000)


def _written(number: int) -> str:
    return "".join([_PAIRS[number >> shift & 1023] for shift in range(120, -1, -10)])

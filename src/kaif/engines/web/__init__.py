"""Asks other people's servers, on terms that they can't change: in time, of a size, and from nowhere else."""

from collections.abc import Mapping
from typing import Protocol

import msgspec

# The longest honest answers, key sets of large issuers, are a tenth of it.
ANSWER_BYTES_MAX = 256 * 1024
# For one answer, from the first packet to the last: somebody waits for it.
ANSWER_WITHIN_S = 5
# A server may ask us to come back so much later, and no later.
RETRY_AFTER_S_MAX = 24 * 3600


class Unreachable(Exception):
    """Nobody answered, not in time, or not by the rules of HTTP."""


class TooSlow(Unreachable):
    """Not in time."""


class Oversized(Exception):
    """The answer has more than ANSWER_BYTES_MAX bytes; the rest was not read."""


class WebAnswer(msgspec.Struct, frozen=True):
    """A redirect is an answer like any other: it is not followed."""

    status: int
    body: bytes


class Web(Protocol):
    """Raises Unreachable and Oversized."""

    async def get(self, url: str, headers: Mapping[str, str]) -> WebAnswer: ...

    async def post_form(self, url: str, fields: Mapping[str, str], headers: Mapping[str, str]) -> WebAnswer: ...

    async def close(self) -> None: ...


class PostAnswer(msgspec.Struct, frozen=True):
    """A redirect is an answer like any other: it is not followed. Header names are in small letters."""

    status: int
    headers: Mapping[str, str]


class PostingWeb(Protocol):
    """Of addresses that strangers have named: none within is ever asked."""

    async def post(self, url: str, headers: Mapping[str, str], body: bytes, *, answer_bytes_max: int = 0) -> PostAnswer:
        """With `answer_bytes_max` the answer is waited for to its end; without, no more than its head.

        Raises ForbiddenAddress (in `addresses`), Unreachable, TooSlow, Oversized.
        """
        ...

    async def close(self) -> None: ...


def retry_after_s(said: str) -> int:
    """Of a Retry-After in seconds (RFC 9110, 10.2.3); 0 where it says none."""
    return min(int(said), RETRY_AFTER_S_MAX) if said.isascii() and said.isdigit() and len(said) < 10 else 0

"""Tells a content delivery network to forget what it holds."""

from collections.abc import Sequence
from typing import Protocol

# What the most modest plan of any of them takes in one call.
PREFIXES_AT_ONCE_MAX = 30


class PurgeRefused(Exception):
    """It was not done, or nobody knows whether it was; the CDN may say after how many seconds to ask again."""

    def __init__(self, why: str, retry_after_s: int = 0) -> None:
        super().__init__(why)
        self.retry_after_s = retry_after_s


class Purger(Protocol):
    async def purge(self, prefixes: Sequence[str]) -> None:
        """Forget all whose address begins with one of these, `cdn.ozero.example/cdn/ID`: at most PREFIXES_AT_ONCE_MAX.

        Raises PurgeRefused.
        """
        ...

    async def close(self) -> None: ...


class NoPurger:
    """Where a CDN forgets by itself alone, when what it holds is stale."""

    async def purge(self, prefixes: Sequence[str]) -> None:
        return

    async def close(self) -> None:
        return


def open_purger(place: str, token: str) -> Purger:
    """`cloudflare:ZONE`, or nothing. Raises ValueError."""
    match place.partition(":"):
        case ("", "", ""):
            return NoPurger()
        case ("cloudflare", _, zone):
            from kaif.engines.cdn.cloudflare import Cloudflare

            return Cloudflare(zone, token)
        case (kind, _, _):
            raise ValueError(f"no CDN of the kind {kind!r} is known")

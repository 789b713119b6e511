"""Delivers events, at least once and in the order of each key, to everyone who asked for their type."""

from collections.abc import Awaitable, Callable
from typing import Any, Protocol

import msgspec

from kaif.kernel.events import Event

# Must be safe to repeat: an event may come twice. Any exception means "again, later"; an event that
# fails again and again is parked for the operator, and the ones after it go on.
Reaction = Callable[[Any], Awaitable[None]]


class Retries(msgspec.Struct, frozen=True, kw_only=True):
    """How long a reaction is tried again before its event is parked."""

    retry_min_ms: int = 100  # doubles with each attempt
    retry_max_ms: int = 3000
    attempts_max: int = 6
    # When a reaction's own needs are down no event is to blame, and parking them all would help nobody.
    outage_attempts_max: int = 200

    def pause_ms(self, attempts: int) -> int:
        """How long to wait after so many attempts."""
        # An outage of days has thousands of attempts: the growth is bounded before it is taken.
        return min(self.retry_min_ms << min(attempts - 1, 30), self.retry_max_ms)


class Bus(Protocol):
    def subscribe(self, consumer: str, kind: type[Event], reaction: Reaction, retries: Retries | None = None) -> None:
        """Before start: have `reaction` called with each event of this kind.

        A consumer ("messaging.people") is one reader with one offset, however many processes carry
        it; it may subscribe to several kinds. Without `retries` of its own it has the bus's.
        """
        ...

    async def start(self) -> None: ...

    def holds(self, consumer: str) -> bool:
        """Whether it is this process that reads for the consumer now; another one takes over when it dies."""
        ...

    async def close(self) -> None:
        """Let running reactions finish (within a bound), then stop."""
        ...

"""Delivers events, at least once and in the order of each key, to everyone who asked for their type."""

from collections.abc import Awaitable, Callable
from typing import Any, Protocol

from kaif.kernel.events import Event

# Must be safe to repeat: an event may come twice. Any exception means "again, later"; an event that
# fails again and again is parked for the operator, and the ones after it go on.
Reaction = Callable[[Any], Awaitable[None]]


class Bus(Protocol):
    def subscribe(self, consumer: str, kind: type[Event], reaction: Reaction) -> None:
        """Before start: have `reaction` called with each event of this kind.

        A consumer ("messaging.people") is one reader with one offset, however many processes carry
        it; it may subscribe to several kinds.
        """
        ...

    async def start(self) -> None: ...

    async def close(self) -> None:
        """Let running reactions finish (within a bound), then stop."""
        ...

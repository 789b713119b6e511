"""What the hub needs of a connected device."""

from typing import Any, Protocol

from kaif.kernel.actor import Actor, UserId


class Reader(Protocol):
    actor: Actor
    # The rooms it is in, and the people whose coming and going it is told of.
    rooms: set[Any]
    watched: set[UserId]

    def write(self, frame: bytes) -> None:
        """Send a whole frame, or keep it until `greet`."""
        ...

    def greet(self, hello: bytes) -> None:
        """Send the hello, then whatever was kept; from now on frames go out at once."""
        ...

    def expire(self) -> None:
        """As its token does by itself: it is closed within seconds, when its turn comes of however many there are."""
        ...

    def close(self, code: int) -> None: ...

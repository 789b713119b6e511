"""Brings a short message to a device of somebody who is not here, by the service that its maker runs for that."""

from typing import Literal, Protocol, TypeVar

import msgspec

# What push services take at the least (RFC 8030, 7.2) is 4096 bytes of ciphertext: 103 are not ours (RFC 8291, 4).
MESSAGE_BYTES_MAX = 3993

Urgency = Literal["very-low", "low", "normal", "high"]

# Where a device is reached: each adapter has its own kind.
Address_contra = TypeVar("Address_contra", contravariant=True)


class Refused(Exception):
    """The push service took it not; `again` when it may take it later, after `retry_after_s` if it said so."""

    def __init__(self, status: int, *, again: bool, retry_after_s: int = 0) -> None:
        super().__init__(f"the push service answered {status}")
        self.status, self.again, self.retry_after_s = status, again, retry_after_s


class Gone(Exception):
    """Nobody listens there any more: the subscription can be forgotten."""


class Subscription(msgspec.Struct, frozen=True):
    """Where a browser listens, and the keys that it made for us: a point on P-256, and a secret of 16 bytes."""

    endpoint: str
    public_key: bytes
    auth: bytes


class Alert(msgspec.Struct, frozen=True):
    """`content` is for our client alone. The rest is for phones whose system shows it without asking the client, and
    says no more than their maker may read; nothing is shown of an alert without words."""

    content: bytes
    title: str = ""
    text: str = ""
    badge: int = 0
    silent: bool = False
    # Alerts of one thread are shown together.
    thread: str = ""


class Push(Protocol[Address_contra]):
    async def send(
        self, address: Address_contra, alert: Alert, *, ttl_s: int, urgency: Urgency = "normal", topic: str = ""
    ) -> None:
        """Hand it over; a later one of the same topic takes its place. Nobody keeps it longer than `ttl_s`.

        Raises Gone, Refused, Unreachable (of engines.web), ForbiddenAddress, ValueError for keys that are none.
        """
        ...

    async def close(self) -> None: ...

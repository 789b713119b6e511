"""What every service that holds something about people promises: to hand it out, and to forget it for good.

A person asks each service for their data by its route `GET /v1/SERVICE/own-data`, whose answer says by its fields what
is held. When a person leaves, auth publishes `PersonErased`; each other holder then erases what it holds and publishes,
in the same transaction, `DataErased` with what that was. Auth keeps these as the receipt.
"""

from typing import ClassVar

from kaif.interfaces.auth import Person
from kaif.kernel.events import Event

# The receipt of an erasure is complete when each of these has answered.
HOLDERS = ("auth", "media", "messaging")


class PersonErased(Event, frozen=True, kw_only=True):
    """Whoever holds something about this person erases it, and says so. May come again.

    `remains` is how what they left behind is signed from now on.
    """

    name: ClassVar[str] = "auth.person_erased.v1"
    erasure_id: str
    remains: Person

    @property
    def key(self) -> str:
        return self.remains.id


class DataErased(Event, frozen=True, kw_only=True):
    """A holder has erased: how many of which things, by their names."""

    name: ClassVar[str] = "personal_data.erased.v1"
    erasure_id: str
    holder: str
    erased: dict[str, int]

    @property
    def key(self) -> str:
        return self.erasure_id

"""What auth promises of events that a service could not digest: an operator sees them, and decides."""

from datetime import datetime
from typing import Annotated, Protocol

import msgspec
from msgspec import Meta

from kaif.interfaces.auth import Nothing
from kaif.kernel.actor import Actor
from kaif.kernel.errors import NotFound
from kaif.kernel.remote import repeatable

LISTED_MAX = 200


class ParkedEvent(msgspec.Struct, frozen=True):
    """What it says stays out of sight: it may be somebody's own. `consumer` is who could not digest it, such as
    "auth.letters"; `retrying` holds while it waits to be tried again."""

    consumer: str
    event_id: int
    name: str
    error: str
    attempts: int
    parked_at: datetime
    retrying: bool


class ParkedEventList(msgspec.Struct, frozen=True):
    """The oldest first; `more` when there are others behind these."""

    events: list[ParkedEvent]
    more: bool


class ThatEvent(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    consumer: Annotated[str, Meta(max_length=100, pattern=r"^[a-z_.]+$(?!\n)")]
    event_id: Annotated[int, Meta(ge=1, le=2**53)]


class EventNotParked(NotFound):
    code, detail = "event_not_parked", "This event is not parked any more."


class ParkedEvents(Protocol):
    """Those of every service that keeps its events in auth's database. All of it needs MANAGE_EVENTS."""

    @repeatable
    async def list_parked_events(self, actor: Actor, request: Nothing) -> ParkedEventList:
        """What waits for a decision, at most 200 of them."""
        ...

    @repeatable
    async def retry_parked_event(self, actor: Actor, request: ThatEvent) -> Nothing:
        """Have it tried once more, by the process that reads for its consumer, within a second or two; an event that
        fails again stays parked, with the new error. Raises EventNotParked."""
        ...

    async def drop_parked_event(self, actor: Actor, request: ThatEvent) -> Nothing:
        """Forget it: what it asked for will not happen. Raises EventNotParked, StepUpRequired (in `factors`)."""
        ...

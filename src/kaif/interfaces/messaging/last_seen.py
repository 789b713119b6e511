"""What is promised about when people were here: exactly to those who see each other, to others only about when."""

from datetime import datetime
from typing import Annotated, Literal, Protocol

import msgspec
from msgspec import Meta

from kaif.interfaces.auth import GivenUserId, Nothing
from kaif.interfaces.messaging.privacy import OfPerson
from kaif.kernel.actor import Actor, UserId
from kaif.kernel.limits import Limit
from kaif.kernel.remote import repeatable

# One chat after the other is looked at; whoever asks more often follows people.
LOOK_FOR = Limit("last_seen", per_minute=120, burst=60)
NOTED_MAX = 1000

# Within 3 days, 7 days, 30 days, or longer ago.
About = Literal["recently", "week", "month", "long"]


class Seen(msgspec.Struct, frozen=True):
    """`at` is in whole minutes, and null where the two do not show each other that they are here.

    `about` is null for bots, and for whoever there is no longer.
    """

    user_id: UserId
    online: bool
    at: datetime | None
    about: About | None


class NoteSeen(msgspec.Struct, frozen=True):
    user_ids: Annotated[list[GivenUserId], Meta(max_length=NOTED_MAX)]


class LastSeen(Protocol):
    @repeatable
    async def get_last_seen(self, actor: Actor, request: OfPerson) -> Seen:
        """When somebody was here last, by what the two have chosen for `online` (interfaces/messaging/privacy.py).

        It takes both: whoever shows it to nobody sees nobody's. Where a block stands between the two it is long ago.
        Raises PersonNotFound, also for somebody who has never been in a chat.
        """
        ...

    @repeatable
    async def note_seen(self, actor: Actor, request: NoteSeen) -> Nothing:
        """For gateways: these people are here, or have left within the last seconds."""
        ...

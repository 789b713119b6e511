"""What is said of people who look like others: like the server's staff, or like somebody one has a chat with."""

from typing import Annotated, Protocol

import msgspec
from msgspec import Meta

from kaif.interfaces.auth import GivenUserId, Person
from kaif.kernel.actor import Actor, UserId
from kaif.kernel.limits import Limit
from kaif.kernel.remote import repeatable

# Each looks through the actor's people.
LOOK_ALIKE = Limit("look_alike", per_minute=120, burst=60)
# With whom the actor has talked last: so many are compared.
COMPANIONS_MAX = 1000


class FindLookalikes(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    user_ids: Annotated[list[GivenUserId], Meta(min_length=1, max_length=100)]


class Lookalike(msgspec.Struct, frozen=True):
    """`like` is whom the actor talks with; null for the staff, whose names are not told here."""

    user_id: UserId
    like: Person | None


class Lookalikes(msgspec.Struct, frozen=True):
    lookalikes: list[Lookalike]


class LookalikesFinder(Protocol):
    @repeatable
    async def find_lookalikes(self, actor: Actor, request: FindLookalikes) -> Lookalikes:
        """Those of the people whose name or username reads like another's (Unicode TS 39): like one of the staff's, or
        of somebody with whom the actor has a direct chat and whose account is older. Unknown ids are left out.
        """
        ...

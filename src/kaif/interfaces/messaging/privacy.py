"""What people's privacy promises: who reaches them, what others learn of them, and whom they have blocked."""

from typing import Annotated, Literal, Protocol

import msgspec
from msgspec import Meta

from kaif.interfaces.auth import GivenUserId, Nothing, Person
from kaif.interfaces.messaging import Cursor
from kaif.kernel.actor import Actor
from kaif.kernel.errors import Conflict, Invalid
from kaif.kernel.limits import Limit
from kaif.kernel.remote import repeatable

BLOCKED_MAX = 5000
# Each makes gateways look up anew who sees whom.
CHANGE_PRIVACY = Limit("change_privacy", per_minute=20, burst=20)

# A larger group makes nobody acquainted.
ACQUAINTING_MEMBERS_MAX = 100

# Acquaintances of a person are those whom they have written to, answered or accepted in a direct chat, and those with
# whom they share a small group that shows its members and has no public name, where they have written or own it: into
# a group anybody may put them, and whoever likes comes into a public one.
Audience = Literal["everybody", "acquaintances", "nobody"]


class PrivacySettings(msgspec.Struct, frozen=True):
    """As everybody begins.

    `write_first`: who may open a direct chat. `add_to_groups`: who may add the person; others send an invitation.
    `online`: who sees that they are here, and whom they see so. `read_receipts`: whether others see what they have
    read, and they what others have. `named_in_forwards`: whether what is forwarded names them as its author.
    """

    write_first: Audience = "everybody"
    add_to_groups: Audience = "everybody"
    online: Audience = "everybody"
    read_receipts: bool = True
    named_in_forwards: bool = True


class ChangePrivacy(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is null stays as it is."""

    write_first: Audience | None = None
    add_to_groups: Audience | None = None
    online: Audience | None = None
    read_receipts: bool | None = None
    named_in_forwards: bool | None = None


class OfPerson(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    user_id: GivenUserId


class ListBlocked(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    limit: Annotated[int, Meta(ge=1, le=200)] = 100
    cursor: Cursor = ""


class Blocked(msgspec.Struct, frozen=True):
    """The oldest accounts first; `next_cursor` is null on the last page."""

    people: list[Person]
    next_cursor: str | None


class Block(msgspec.Struct, frozen=True):
    """Whether the actor has blocked somebody."""

    blocked: bool


class NotOneself(Invalid):
    code, detail = "not_oneself", "This is not for oneself."


class TooManyBlocked(Conflict):
    code, detail = "too_many_blocked", "You have blocked as many people as one can."


class Privacy(Protocol):
    """All of it is the actor's own; nobody else learns what they have chosen, nor whom they have blocked."""

    @repeatable
    async def get_privacy(self, actor: Actor, request: Nothing) -> PrivacySettings:
        """What the actor has chosen."""
        ...

    @repeatable
    async def change_privacy(self, actor: Actor, request: ChangePrivacy) -> PrivacySettings:
        """Choose otherwise; chats that there are go on."""
        ...

    @repeatable
    async def block_person(self, actor: Actor, request: OfPerson) -> Nothing:
        """Close the direct chat between the two, for both, and be neither here nor seen reading for the other one.

        The chat's log decides what was said before. Blocking twice is no error.
        Raises UnknownMember, NotOneself, TooManyBlocked.
        """
        ...

    @repeatable
    async def unblock_person(self, actor: Actor, request: OfPerson) -> Nothing:
        """Take it back; the chat stays closed as long as the other one blocks too. Raises PersonNotFound."""
        ...

    @repeatable
    async def get_block(self, actor: Actor, request: OfPerson) -> Block:
        """Whether the actor has blocked them. Raises UnknownMember."""
        ...

    @repeatable
    async def list_blocked(self, actor: Actor, request: ListBlocked) -> Blocked:
        """Whom the actor has blocked."""
        ...

"""What auth promises of who may join: everybody, whoever is invited, or nobody."""

from datetime import datetime
from typing import Annotated, Literal, Protocol

import msgspec
from msgspec import Meta

from kaif.interfaces.auth import NO_NUL, Email, GivenInvitation, Language, Nothing, Person, RoleName
from kaif.kernel.actor import Actor
from kaif.kernel.errors import Conflict, Forbidden, Invalid, NotFound
from kaif.kernel.ids import PATTERN
from kaif.kernel.remote import repeatable

USES_MAX = 1000
DAYS_MAX = 365

RegistrationMode = Literal["open", "invitation", "closed"]
# `void`: whoever made it could not make it any more.
InvitationState = Literal["good", "used_up", "expired", "revoked", "void"]
GivenInvitationId = Annotated[str, Meta(pattern=PATTERN)]


class Registration(msgspec.Struct, frozen=True):
    """Who may make an account."""

    mode: RegistrationMode


class SetRegistration(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    mode: RegistrationMode


class Invite(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """With `email` the link goes there by letter, in `language`, and only that address may register, once.

    `role` is what those who come hold beside that of a member. `note` is for operators alone.
    """

    note: Annotated[str, Meta(max_length=200, pattern=NO_NUL)] = ""
    uses: Annotated[int, Meta(ge=1, le=USES_MAX)] = 1
    days: Annotated[int, Meta(ge=1, le=DAYS_MAX)] = 7
    email: Email | None = None
    role: RoleName | None = None
    language: Language = "en"


class Invitation(msgspec.Struct, frozen=True):
    """As operators see it: its token is not told again."""

    id: str
    note: str
    email: str | None
    role: str | None
    uses: int
    uses_max: int
    state: InvitationState
    made_by: Person
    made_at: datetime
    expires_at: datetime


class Invited(msgspec.Struct, frozen=True):
    """`token` stands after the # of /sign-up. It is missing when it went by letter: whoever comes with it has
    proved to read that address, which holds only while nobody else knows it."""

    invitation: Invitation
    token: str | None


class ListInvitations(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Newest first, those made before the one called `before`."""

    before: GivenInvitationId | None = None
    limit: Annotated[int, Meta(ge=1, le=100)] = 50


class InvitationPage(msgspec.Struct, frozen=True):
    invitations: list[Invitation]
    next_before: str | None


class RevokeInvitation(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    invitation_id: GivenInvitationId


class LookAtInvitation(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    token: GivenInvitation


class InvitationOffer(msgspec.Struct, frozen=True):
    """What a guest may know of it: the one address that may register by it, if it is for one."""

    email: str | None


class RegistrationClosed(Forbidden):
    code, detail = "registration_closed", "This server takes no new accounts."


class InvitationRequired(Forbidden):
    code, detail = "invitation_required", "An account here needs an invitation."


class InvitationUnknown(Forbidden):
    code, detail = "invitation_unknown", "This link is no invitation: perhaps a part of it is missing."


class InvitationExpired(Forbidden):
    code, detail = "invitation_expired", "This invitation has expired."


class InvitationUsedUp(Forbidden):
    code, detail = "invitation_used_up", "This invitation has been used up."


class InvitationRevoked(Forbidden):
    code, detail = "invitation_revoked", "This invitation has been revoked."


class InvitationForAnother(Invalid):
    code, detail = "invitation_for_another", "This invitation is for another e-mail address."


class InvitationNotFound(NotFound):
    code, detail = "invitation_not_found", "There is no such invitation."


class OneAddressOneUse(Conflict):
    code, detail = "one_address_one_use", "An invitation for one address is good once."


class Invitations(Protocol):
    """In whatever way somebody registers, this admits them or not; only the set-up needs no admission.

    An invitation is good only while whoever made it could make it again: it admits nobody once they have left,
    are suspended, or lost what it takes.
    """

    @repeatable
    async def get_registration(self, actor: Actor, request: Nothing) -> Registration:
        """For everybody: a page that offers to sign up must know."""
        ...

    @repeatable
    async def set_registration(self, actor: Actor, request: SetRegistration) -> Registration:
        """For whoever registers from now on. Needs MANAGE_INVITATIONS."""
        ...

    @repeatable
    async def look_at_invitation(self, actor: Actor, request: LookAtInvitation) -> InvitationOffer:
        """Whether somebody could register by it now. Raises InvitationUnknown, InvitationExpired, InvitationUsedUp,
        InvitationRevoked, RegistrationClosed."""
        ...

    async def invite(self, actor: Actor, request: Invite) -> Invited:
        """Make an invitation. Needs MANAGE_INVITATIONS; with a role MANAGE_ROLES and all that it permits as well.

        Raises MissingPermission, BeyondYourOwn and RoleNotFound (in `roles`), OneAddressOneUse, EmailTaken, and
        StepUpRequired (in `factors`).
        """
        ...

    @repeatable
    async def list_invitations(self, actor: Actor, request: ListInvitations) -> InvitationPage:
        """Everybody's. Needs MANAGE_INVITATIONS."""
        ...

    @repeatable
    async def revoke_invitation(self, actor: Actor, request: RevokeInvitation) -> Nothing:
        """Nobody comes by it any more; who has come stays. Revoking twice is no error.

        Needs MANAGE_INVITATIONS, and all that its role permits. Raises InvitationNotFound, BeyondYourOwn.
        """
        ...

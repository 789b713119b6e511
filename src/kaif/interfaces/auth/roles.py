"""What roles promise: who holds one may do what it permits at once, and no longer when it is taken away."""

from typing import Annotated, ClassVar, Protocol

import msgspec
from msgspec import Meta

from kaif.interfaces.auth import GivenUserId, Nothing, RoleName
from kaif.kernel.actor import Actor, Permission, UserId
from kaif.kernel.errors import Conflict, Forbidden, Invalid, NotFound
from kaif.kernel.events import Event
from kaif.kernel.remote import repeatable

MANAGE_ROLES = Permission("auth.manage_roles")
MANAGE_PEOPLE = Permission("auth.manage_people")
READ_AUDIT = Permission("auth.read_audit")
READ_MAILBOX = Permission("auth.read_mailbox")
MANAGE_PROVIDERS = Permission("auth.manage_providers")
MANAGE_INVITATIONS = Permission("auth.manage_invitations")
MANAGE_APPLICATIONS = Permission("auth.manage_applications")
# Of what people report in chats: to see it as it was, and to decide.
HANDLE_REPORTS = Permission("messaging.handle_reports")
# Larger files, and more of them, than everybody may upload.
UPLOAD_MORE = Permission("media.upload_more")
# Of the whole system: what a service could not digest waits for whoever holds this.
MANAGE_EVENTS = Permission("auth.manage_events")

PERMISSIONS = frozenset(
    {
        MANAGE_ROLES,
        MANAGE_PEOPLE,
        READ_AUDIT,
        READ_MAILBOX,
        MANAGE_INVITATIONS,
        MANAGE_APPLICATIONS,
        MANAGE_PROVIDERS,
        MANAGE_EVENTS,
        HANDLE_REPORTS,
        UPLOAD_MORE,
    }
)


class RoleOf(msgspec.Struct, frozen=True):
    """A role and what it permits; a built-in one can't be changed."""

    name: str
    permissions: list[Permission]
    built_in: bool


class RoleList(msgspec.Struct, frozen=True):
    roles: list[RoleOf]


class DefineRole(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    name: RoleName
    permissions: Annotated[list[Permission], Meta(max_length=100)]


class DropRole(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    name: RoleName


class Grant(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    user_id: GivenUserId
    role: RoleName


class Granted(msgspec.Struct, frozen=True):
    """The roles that the person holds now."""

    roles: list[str]


class HeldBy(msgspec.Struct, frozen=True):
    user_id: UserId


class RoleDropped(Event, frozen=True, kw_only=True):
    """There is no role of this name any more: who has kept something about it forgets it."""

    name: ClassVar[str] = "auth.role_dropped.v1"
    role: str

    @property
    def key(self) -> str:
        return self.role


class RoleNotFound(NotFound):
    code, detail = "role_not_found", "There is no such role."


class RoleBuiltIn(Conflict):
    code, detail = "role_built_in", "This role is built in: it can't be changed or dropped."


class UnknownPermission(Invalid):
    """Details carry permission."""

    code, detail = "unknown_permission", "There is no such permission."


class BeyondYourOwn(Forbidden):
    """Details carry permission, one that the role has and the actor lacks."""

    code, detail = "beyond_your_own", "This role permits more than yours do."


class LastOwner(Conflict):
    code, detail = "last_owner", "The server must keep an owner who is not suspended."


class Roles(Protocol):
    """All that the world reaches of it needs MANAGE_ROLES. Nobody gives, takes or defines a role that permits what they
    may not do.

    Raises MissingPermission.
    """

    @repeatable
    async def list_roles(self, actor: Actor, request: Nothing) -> RoleList:
        """Built-in ones first, then the server's own by name."""
        ...

    @repeatable
    async def define_role(self, actor: Actor, request: DefineRole) -> RoleOf:
        """Make a role of the server's own, or change what it permits: for everyone who holds it, at once.

        Raises RoleBuiltIn, UnknownPermission, BeyondYourOwn, StepUpRequired (in `factors`).
        """
        ...

    async def drop_role(self, actor: Actor, request: DropRole) -> Nothing:
        """Take it from everyone, and from invitations.

        Raises RoleBuiltIn, RoleNotFound, BeyondYourOwn, StepUpRequired (in `factors`).
        """
        ...

    @repeatable
    async def grant_role(self, actor: Actor, request: Grant) -> Granted:
        """Let somebody hold the role; granting twice is no error.

        Raises RoleNotFound, PersonNotFound, BeyondYourOwn, StepUpRequired (in `factors`).
        """
        ...

    @repeatable
    async def revoke_role(self, actor: Actor, request: Grant) -> Granted:
        """Take the role from somebody; revoking twice is no error.

        Raises PersonNotFound, BeyondYourOwn, LastOwner, StepUpRequired (in `factors`).
        """
        ...

    @repeatable
    async def list_held_roles(self, actor: Actor, request: HeldBy) -> RoleList:
        """For services alone: what somebody holds, a member's role first, and what each permits now.

        Raises PersonNotFound.
        """
        ...

"""What media promises about how much people may keep: by their roles, and of single people as an operator says."""

from typing import Annotated, ClassVar, Protocol

import msgspec
from msgspec import Meta

from kaif.interfaces.auth import GivenUserId, Nothing, RoleName
from kaif.kernel.actor import Actor, UserId
from kaif.kernel.events import Event
from kaif.kernel.remote import repeatable

PEOPLE_LISTED_MAX = 200
# A petabyte, as far as an upload's length may go.
_BYTES_MAX = 1 << 50
# Nothing at all may be kept by whoever has a total of none; a file always holds something.
FileMax = Annotated[int, Meta(ge=1, le=_BYTES_MAX)]
TotalMax = Annotated[int, Meta(ge=0, le=_BYTES_MAX)]


class Quota(msgspec.Struct, frozen=True):
    """In bytes: of one file, and of all that somebody has."""

    file_max: int
    total_max: int


class RoleQuota(msgspec.Struct, frozen=True):
    """What is set for a role; where that is null, `default` counts."""

    role: str
    built_in: bool
    file_max: int | None
    total_max: int | None
    default: Quota


class SetForPerson(msgspec.Struct, frozen=True):
    """What is set for one person; where that is null, it goes by their roles."""

    user_id: UserId
    file_max: int | None
    total_max: int | None


class PersonQuota(msgspec.Struct, frozen=True):
    """What is set for one person; where that is null, `by_roles` counts. `used` as in one's own usage."""

    user_id: UserId
    file_max: int | None
    total_max: int | None
    by_roles: Quota
    used: int


class QuotaList(msgspec.Struct, frozen=True):
    """All roles, built-in ones first, and the people for whom something is set: `more` when there are others."""

    roles: list[RoleQuota]
    people: list[SetForPerson]
    more: bool


class SetRoleQuota(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    role: RoleName
    file_max: FileMax | None = None
    total_max: TotalMax | None = None


class QuotaOf(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    user_id: GivenUserId


class SetPersonQuota(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    user_id: GivenUserId
    file_max: FileMax | None = None
    total_max: TotalMax | None = None


class QuotaChanged(Event, frozen=True, kw_only=True):
    """For the audit log: who set what, for a role or for a person; the other of the two is empty."""

    name: ClassVar[str] = "media.quota_changed.v1"
    decision_id: str
    decided_by: UserId
    role: str
    user_id: UserId
    file_max: int | None
    total_max: int | None

    @property
    def key(self) -> str:
        return self.role or self.user_id


class Quotas(Protocol):
    """All of it needs MANAGE_ROLES. Who holds several roles, and everybody is a member, has the most that one of them
    gives: of the size of a file and of the total, each by itself. What is set for a person counts instead, be it more
    or less. A quota below what somebody has already takes nothing from them; it lets nothing new in.

    Raises MissingPermission.
    """

    @repeatable
    async def list_quotas(self, actor: Actor, request: Nothing) -> QuotaList:
        """All roles, and at most 200 of the people for whom something is set."""
        ...

    @repeatable
    async def set_role_quota(self, actor: Actor, request: SetRoleQuota) -> RoleQuota:
        """Counts at once, for everyone who holds the role; null is as by default.

        Raises RoleNotFound, BeyondYourOwn (in auth's `roles`), StepUpRequired (in auth's `factors`).
        """
        ...

    @repeatable
    async def get_person_quota(self, actor: Actor, request: QuotaOf) -> PersonQuota:
        """Raises PersonNotFound."""
        ...

    @repeatable
    async def set_person_quota(self, actor: Actor, request: SetPersonQuota) -> PersonQuota:
        """Counts at once; null is as by the person's roles.

        Raises PersonNotFound, BeyondYourOwn (in auth's `roles`), StepUpRequired (in auth's `factors`).
        """
        ...

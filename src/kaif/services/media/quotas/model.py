"""Which quota counts, free of storage."""

from collections.abc import Iterable, Sequence
from typing import Literal, NamedTuple

import msgspec

from kaif.interfaces.auth.roles import UPLOAD_MORE, RoleOf
from kaif.interfaces.media.quotas import Quota

HolderKind = Literal["role", "person"]


class StoredQuota(msgspec.Struct, frozen=True):
    """A row of media_quotas."""

    kind: HolderKind
    holder: str
    file_max: int | None = None
    total_max: int | None = None

    def over(self, other: Quota) -> Quota:
        return Quota(
            other.file_max if self.file_max is None else self.file_max,
            other.total_max if self.total_max is None else self.total_max,
        )


class Defaults(NamedTuple):
    """Of roles for which nothing is set: `more` is of those that permit to upload more."""

    usual: Quota
    more: Quota

    def of(self, role: RoleOf) -> Quota:
        return self.more if UPLOAD_MORE in role.permissions else self.usual


def set_for(kind: HolderKind, holder: str, stored: Iterable[StoredQuota]) -> StoredQuota:
    """Of one for whom nothing is set there is no row."""
    return next((row for row in stored if (row.kind, row.holder) == (kind, holder)), StoredQuota(kind, holder))


def by_roles(held: Iterable[RoleOf], stored: Sequence[StoredQuota], defaults: Defaults) -> Quota:
    """The most that one of them gives."""
    given = [set_for("role", role.name, stored).over(defaults.of(role)) for role in held]
    return Quota(max(quota.file_max for quota in given), max(quota.total_max for quota in given))

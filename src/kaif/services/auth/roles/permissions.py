"""The built-in roles and what they permit, free of storage.

What a later service permits joins the roles that are meant to do it.
"""

from collections.abc import Iterable, Mapping

from kaif.interfaces.auth.roles import (
    HANDLE_REPORTS,
    MANAGE_APPLICATIONS,
    MANAGE_EVENTS,
    MANAGE_INVITATIONS,
    MANAGE_PEOPLE,
    MANAGE_PROVIDERS,
    MANAGE_ROLES,
    PERMISSIONS,
    READ_AUDIT,
    UPLOAD_MORE,
    BeyondYourOwn,
)
from kaif.kernel.actor import Permission

# What everybody is.
MEMBER = "member"
OWNER = "owner"

Permissions = frozenset[Permission]

BUILT_IN: dict[str, Permissions] = {
    MEMBER: frozenset(),
    "seller": frozenset(),
    "moderator": frozenset({HANDLE_REPORTS}),
    "support": frozenset({HANDLE_REPORTS, MANAGE_PEOPLE}),
    "compliance": frozenset({READ_AUDIT}),
    "admin": frozenset(
        {
            HANDLE_REPORTS,
            MANAGE_APPLICATIONS,
            MANAGE_EVENTS,
            MANAGE_INVITATIONS,
            MANAGE_PEOPLE,
            MANAGE_PROVIDERS,
            MANAGE_ROLES,
            READ_AUDIT,
            UPLOAD_MORE,
        }
    ),
    OWNER: PERMISSIONS,
}


def permitted(roles: Iterable[str], own: Mapping[str, Permissions]) -> Permissions:
    """What the roles permit together; `own` are the server's own ones. A role that was dropped permits nothing."""
    return frozenset().union(*(BUILT_IN.get(role) or own.get(role, frozenset()) for role in roles))


def must_hold(held: Permissions, wanted: Iterable[Permission]) -> None:
    """Raises BeyondYourOwn."""
    missing = sorted(set(wanted) - held)
    if missing:
        raise BeyondYourOwn(permission=missing[0])


def with_role(roles: str, role: str) -> str:
    return " ".join(sorted({*roles.split(), role}))


def without_role(roles: str, role: str) -> str:
    return " ".join(sorted({*roles.split()} - {role}))

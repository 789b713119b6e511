"""Who is asking, and what they may do."""

from typing import NewType

import msgspec

from kaif.kernel.errors import MissingPermission

UserId = NewType("UserId", str)
SessionId = NewType("SessionId", str)
# "service.do_something": a constant beside the interface whose use cases need it.
Permission = NewType("Permission", str)
# What an API key may be used for: "service.do_something", named by the routes that it opens. A permission is one too.
Scope = NewType("Scope", str)


class Actor(msgspec.Struct, frozen=True, omit_defaults=True):
    """A person with a verified session, or nobody: then the ids are empty.

    `address` and `agent` say where the request came from, and are empty but for use cases that ask for it.
    `must_enrol` is of a person who has to set up a second factor before anything else.
    `scopes` limit a program that acts by a person's API key, whose id stands for the session's; None is the person.
    """

    user_id: UserId = UserId("")
    session_id: SessionId = SessionId("")
    permissions: frozenset[Permission] = frozenset()
    address: str = ""
    agent: str = ""
    scopes: frozenset[Scope] | None = None
    must_enrol: bool = False


NOBODY = Actor()


def require_permission(actor: Actor, permission: Permission) -> None:
    """Raises MissingPermission."""
    if permission not in actor.permissions:
        raise MissingPermission(permission=permission)

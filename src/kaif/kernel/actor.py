"""Who is asking, and what they may do."""

from typing import NewType

import msgspec

UserId = NewType("UserId", str)
SessionId = NewType("SessionId", str)
# "service.do_something": a constant beside the interface whose use cases need it.
Permission = NewType("Permission", str)


class Actor(msgspec.Struct, frozen=True, omit_defaults=True):
    """A person with a verified session, or nobody: then the ids are empty.

    `address` and `agent` say where the request came from, and are empty but for use cases that ask for it.
    """

    user_id: UserId = UserId("")
    session_id: SessionId = SessionId("")
    permissions: frozenset[Permission] = frozenset()
    address: str = ""
    agent: str = ""


NOBODY = Actor()

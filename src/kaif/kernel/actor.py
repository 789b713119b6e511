"""Who is asking."""

from typing import NewType

import msgspec

UserId = NewType("UserId", str)
SessionId = NewType("SessionId", str)


class Actor(msgspec.Struct, frozen=True):
    """A person with a verified session, or nobody: then the ids are empty."""

    user_id: UserId = UserId("")
    session_id: SessionId = SessionId("")
    role: str = ""


NOBODY = Actor()

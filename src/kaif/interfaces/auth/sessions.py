"""What auth promises about sessions: people see and end their own, and whoever manages people takes access away."""

from datetime import datetime
from typing import Annotated, Literal, Protocol

import msgspec
from msgspec import Meta

from kaif.interfaces.auth import GivenUserId, Nothing
from kaif.kernel.actor import Actor, SessionId
from kaif.kernel.errors import Conflict, Forbidden, NotFound
from kaif.kernel.ids import PATTERN
from kaif.kernel.remote import repeatable

GivenSessionId = Annotated[SessionId, Meta(pattern=PATTERN)]
DeviceKind = Literal["laptop", "mobile", "tablet", "other"]


class SessionPlace(msgspec.Struct, frozen=True):
    """ "Kazan, Russia", in each of our languages."""

    ru: str
    en: str


class Session(msgspec.Struct, frozen=True):
    """A sign-in on a device. `device` is such as "Firefox, Linux", and empty when it can't be told.

    `address` is the one it was opened from, `used_at` the time of its last refresh. It is `is_new` for a
    week when the account had not been seen on such a device in that network before. `place` is where the operator's
    database of places has the address now; null where it does not, or there is no database.
    """

    id: SessionId
    device: str
    kind: DeviceKind
    address: str
    opened_at: datetime
    used_at: datetime
    current: bool
    is_new: bool
    place: SessionPlace | None = None


class SessionList(msgspec.Struct, frozen=True):
    sessions: list[Session]


class EndSession(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    session_id: GivenSessionId


class Suspend(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    user_id: GivenUserId


class Restore(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    user_id: GivenUserId


class SessionNotFound(NotFound):
    code, detail = "session_not_found", "You have no such session."


class AccountSuspended(Forbidden):
    code, detail = "account_suspended", "This account is suspended: ask the server's owner."


class OwnAccount(Conflict):
    code, detail = "own_account", "Nobody does this to their own account."


class Sessions(Protocol):
    @repeatable
    async def list_sessions(self, actor: Actor, request: Nothing) -> SessionList:
        """The actor's sessions: the one that asks, then the others, newest use first; at most 100."""
        ...

    async def end_session(self, actor: Actor, request: EndSession) -> Nothing:
        """End one of the actor's sessions, for its sockets and access tokens too. Raises SessionNotFound."""
        ...

    @repeatable
    async def end_other_sessions(self, actor: Actor, request: Nothing) -> Nothing:
        """End all of the actor's sessions but the one that asks; no error when there is none."""
        ...

    @repeatable
    async def suspend(self, actor: Actor, request: Suspend) -> Nothing:
        """Take an account's access away: its sessions end and it opens no more. Doing it twice is no error.

        Needs MANAGE_PEOPLE, and every permission that the account has; nobody suspends themselves, so that an owner
        always remains. Raises MissingPermission, BeyondYourOwn (in `roles`), OwnAccount, PersonNotFound,
        StepUpRequired (in `factors`; not of API keys), and Forbidden when the actor has been suspended meanwhile.
        """
        ...

    @repeatable
    async def restore(self, actor: Actor, request: Restore) -> Nothing:
        """Give a suspended account its access back; doing it twice is no error.

        Needs what `suspend` needs. Raises MissingPermission, BeyondYourOwn, PersonNotFound, StepUpRequired, Forbidden.
        """
        ...

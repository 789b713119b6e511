"""What auth promises: it knows who people are, proves it with short tokens, and takes the proof back at once."""

from datetime import datetime
from typing import Annotated, ClassVar, Literal, Protocol

import msgspec
from msgspec import Meta

from kaif.kernel.actor import Actor, Permission, SessionId, UserId
from kaif.kernel.errors import Conflict, Forbidden, Invalid, NotFound, Unauthenticated
from kaif.kernel.events import Event
from kaif.kernel.ids import PATTERN
from kaif.kernel.limits import Limit
from kaif.kernel.remote import repeatable

# A session that ended is named on this channel of the cache, so that every gateway forgets it at once.
SESSIONS_ENDED = "auth.sessions_ended"
# Whose permissions changed is named on this one, so that their tokens of before are refreshed.
PERMISSIONS_CHANGED = "auth.permissions_changed"
# In the place of whose: everybody's tokens are to be refreshed.
EVERYBODY = UserId("")

ACCESS_TOKEN_SECONDS = 600

# Guessing passwords, codes and keys, from one address, by whichever way.
SIGN_IN = Limit("sign_in", per_minute=10, burst=10)

# As a request gives it: of the form of an id, whether or not there is one.
GivenUserId = Annotated[UserId, Meta(pattern=PATTERN)]
# In Python `$` alone would let a line end through.
Username = Annotated[str, Meta(min_length=3, max_length=32, pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$(?!\n)")]
Email = Annotated[
    str,
    Meta(
        min_length=3, max_length=254, pattern=r"^[^@\s\x00-\x1f\x7f]+@[^@\s\x00-\x1f\x7f]+\.[^@\s\x00-\x1f\x7f]+$(?!\n)"
    ),
]
# 15 characters at least, or 8 where a second factor is on: auth checks which.
Password = Annotated[str, Meta(min_length=8, max_length=1024)]
# PostgreSQL stores no NUL.
NO_NUL = r"^[^\x00]*$"
# Printable ASCII without spaces: what programs give each other.
VISIBLE = r"^[\x21-\x7e]*$(?!\n)"
DisplayName = Annotated[str, Meta(min_length=1, max_length=64)]
# Everybody is a member; further roles add permissions.
RoleName = Annotated[str, Meta(pattern=r"^[a-z][a-z0-9_]{1,31}$(?!\n)")]
# What was after the # of an invitation's link; empty for whoever comes without one.
GivenInvitation = Annotated[str, Meta(max_length=256, pattern=NO_NUL)]
# Of letters; the client has its own choice for what it shows.
Language = Literal["ru", "en"]


class Nothing(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A request without fields, or an answer without content."""


# One of the palette's; what it looks like is a client's to say.
AvatarColour = Annotated[int, Meta(ge=1, le=8)]


# A bot is a program with an account of its own (`bots`).
PersonKind = Literal["person", "bot"]


class Person(msgspec.Struct, frozen=True):
    """What anyone here may know of someone. Without an `avatar_colour` of their choice clients take one by the id.

    `avatar` is the id of a picture that media shows to everyone who is signed in, and null for none.
    """

    id: UserId
    username: str
    display_name: str
    avatar_colour: int | None = None
    kind: PersonKind = "person"
    avatar: str | None = None


class User(msgspec.Struct, frozen=True):
    """What people may know of themselves; with `must_enrol` they have to set up a second factor before all else."""

    id: UserId
    username: str
    email: str
    display_name: str
    roles: list[str]
    permissions: list[Permission]
    created_at: datetime
    email_confirmed: bool
    language: Language
    password_changed_at: datetime
    has_password: bool
    avatar_colour: int | None
    avatar: str | None = None
    must_enrol: bool = False


class Tokens(msgspec.Struct, frozen=True):
    """A session's proof. In a browser's session both tokens are empty here and travel in cookies."""

    user: User
    access_token: str
    refresh_token: str
    expires_in: int
    token_type: Literal["Bearer"] = "Bearer"  # noqa: S105


class SetupState(msgspec.Struct, frozen=True):
    needed: bool


# A solved puzzle of `captcha`: the base64 of ALTCHA's payload.
CaptchaAnswer = Annotated[str, Meta(max_length=4096, pattern=r"^[A-Za-z0-9+/=]*$(?!\n)")]


class NewAccount(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Without `display_name` people are shown by their username."""

    username: Username
    email: Email
    password: Password
    display_name: DisplayName | None = None
    language: Language = "en"
    captcha: CaptchaAnswer = ""


class Register(NewAccount, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`invitation` is what was after the # of its link, for whoever has one."""

    invitation: GivenInvitation = ""


class SetUp(NewAccount, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The first account, with the code of the one-time link."""

    code: Annotated[str, Meta(max_length=128)]


class LogIn(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`login` is a username, or an e-mail address that is confirmed."""

    login: Annotated[str, Meta(min_length=1, max_length=254, pattern=NO_NUL)]
    password: Annotated[str, Meta(min_length=1, max_length=1024)]
    captcha: CaptchaAnswer = ""


# Random, of 128 bits or more: what a client has written down before it asks, so that it can ask again.
Attempt = Annotated[str, Meta(pattern=r"^(|[A-Za-z0-9_-]{22,64})$(?!\n)")]


class Refresh(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Browsers leave the token out: their cookie has it."""

    refresh_token: Annotated[str, Meta(max_length=256, pattern=NO_NUL)] = ""
    attempt: Attempt = ""


class FindPeople(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    query: Annotated[str, Meta(max_length=64, pattern=NO_NUL)] = ""
    limit: Annotated[int, Meta(ge=1, le=50)] = 20


class GetPerson(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    user_id: GivenUserId


class GetPeople(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    ids: Annotated[list[UserId], Meta(max_length=1000)]


class People(msgspec.Struct, frozen=True):
    people: list[Person]


class Jwks(msgspec.Struct, frozen=True):
    """RFC 7517: the public keys that verify access tokens."""

    keys: list[dict[str, str]]


class PermissionChange(msgspec.Struct, frozen=True, array_like=True):
    """Tokens of this person, or of everybody where none is named, are outdated if they were made before.

    Those of API keys are where their owner is named.
    """

    user_id: UserId
    at_us: int


class Withdrawn(msgspec.Struct, frozen=True):
    """What unexpired access tokens may still claim: sessions that have ended, permissions that have changed."""

    session_ids: list[SessionId]
    permissions: list[PermissionChange]


class GetOpenSessions(msgspec.Struct, frozen=True):
    session_ids: Annotated[list[SessionId], Meta(max_length=1000)]


class OpenSessions(msgspec.Struct, frozen=True):
    session_ids: list[SessionId]


class OpenAccounts(msgspec.Struct, frozen=True):
    user_ids: list[UserId]


class PersonChanged(Event, frozen=True, kw_only=True):
    """Someone registered, or what others know of them changed."""

    name: ClassVar[str] = "auth.person_changed.v1"
    person: Person

    @property
    def key(self) -> str:
        return self.person.id


class SetupRequired(Forbidden):
    code, detail = "setup_required", "The operator has not set this server up yet."


class SetupCodeWrong(Forbidden):
    code, detail = "setup_code_wrong", "This set-up link is not valid, or has been used."


class UsernameTaken(Conflict):
    code, detail = "username_taken", "This username is taken."


class UsernameImitates(Conflict):
    code, detail = "username_imitates", "This username looks like somebody else's."


class EmailTaken(Conflict):
    code, detail = "email_taken", "There is an account with this e-mail address."


class BadDisplayName(Invalid):
    code, detail = "bad_display_name", "The name needs a letter or digit and no invisible characters."


class PersonNotFound(NotFound):
    code, detail = "person_not_found", "There is no such person here."


class InvalidCredentials(Unauthenticated):
    code, detail = "invalid_credentials", "The name or the password is wrong."


class WrongPassword(Forbidden):
    """Of somebody who is signed in: a 401 would have their client refresh its tokens and send the password again."""

    code, detail = "wrong_password", "The password is wrong."


class PasswordResetRequired(Forbidden):
    """An operator wants a new password first: the link for it is in a letter."""

    code, detail = "password_reset_required", "This account needs a new password: open the link in our letter."


class SessionEnded(Unauthenticated):
    code, detail = "session_ended", "This session has ended: sign in again."


class Auth(Protocol):
    @repeatable
    async def get_setup(self, actor: Actor, request: Nothing) -> SetupState:
        """Whether the first account is still to be made."""
        ...

    async def set_up(self, actor: Actor, request: SetUp) -> Tokens:
        """Make the first account, the owner's; otherwise as `register`. Raises SetupCodeWrong, BadDisplayName, Busy."""
        ...

    async def register(self, actor: Actor, request: Register) -> Tokens:
        """Make an account and its first session; a letter with a link that confirms the address follows, unless an
        invitation went to that address. Whether somebody has the address already is told to them alone, by letter;
        EmailTaken is for whoever comes by an invitation that went there.

        Raises SetupRequired, UsernameTaken, UsernameImitates, EmailTaken, BadDisplayName, CaptchaRequired (in
        `captcha`), Busy, as `Accounts` does for a weak password, and as `Invitations` (in `invitations`) for whoever is
        not admitted: RegistrationClosed, InvitationRequired, InvitationUnknown, InvitationExpired, InvitationUsedUp,
        InvitationRevoked, InvitationForAnother. An invitation counts as used only once the account is there.
        """
        ...

    async def log_in(self, actor: Actor, request: LogIn) -> Tokens:
        """Open a session on the device from which the actor asks. Of more than 100 the least recently used one ends.

        Raises InvalidCredentials, after the same time whether or not the account exists; AccountSuspended,
        only to who knows the password; Busy; TooManyTries (in `factors`) after many failures, see docs/sessions.md, or
        CaptchaRequired instead where strangers have made them.
        Raises SecondFactorRequired (in `factors`) instead of opening one when the account has a second factor.
        However somebody signs in, AccountSuspended and PasswordResetRequired stand before the session.
        """
        ...

    async def refresh(self, actor: Actor, request: Refresh) -> Tokens:
        """Exchange a refresh token, once. Raises SessionEnded; a second use ends the session for whoever holds it.

        Whoever named an `attempt` and has lost the answer asks again with the same token and the same attempt: for a
        minute, and until the new token is used, they get the same refresh token again.

        A session that is not refreshed for 30 days ends, and so does one that was opened 180 days ago.
        """
        ...

    async def log_out(self, actor: Actor, request: Refresh) -> Nothing:
        """End the session that the actor or the refresh token belongs to; ending it twice is no error."""
        ...

    @repeatable
    async def get_me(self, actor: Actor, request: Nothing) -> User:
        """What the actor may know of themselves."""
        ...

    @repeatable
    async def find_people(self, actor: Actor, request: FindPeople) -> People:
        """People whose username or a word of whose name begins with the query; the newest for an empty one."""
        ...

    @repeatable
    async def get_person(self, actor: Actor, request: GetPerson) -> Person:
        """What anyone here may know of someone; of whoever has left, the name that stands for them.

        Raises PersonNotFound.
        """
        ...

    @repeatable
    async def get_people(self, actor: Actor, request: GetPeople) -> People:
        """Those of the people who exist."""
        ...

    @repeatable
    async def get_keys(self, actor: Actor, request: Nothing) -> Jwks:
        """The public keys with which anyone can verify access tokens."""
        ...

    @repeatable
    async def get_withdrawn(self, actor: Actor, request: Nothing) -> Withdrawn:
        """For gateways that start or missed news."""
        ...

    @repeatable
    async def get_open_sessions(self, actor: Actor, request: GetOpenSessions) -> OpenSessions:
        """For services that keep something as long as a session lasts: those of them that have not ended.

        An API key is a session as well: until it is revoked or expires, and while its account may be used.
        """
        ...

    @repeatable
    async def require_recent_sign_in(self, actor: Actor, request: Nothing) -> Nothing:
        """For dangerous acts in other services: the person was here just now, not only their session.

        Raises StepUpRequired (in `factors`), SessionEnded.
        """
        ...

    @repeatable
    async def get_open_accounts(self, actor: Actor, request: GetPeople) -> OpenAccounts:
        """For services that act for people who are not here: those of them who are neither suspended nor gone."""
        ...

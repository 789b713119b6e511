"""The rules of accounts and sessions, free of storage."""

import hashlib
import hmac
import secrets

import msgspec

from kaif.interfaces.auth import BadDisplayName, Language, Person, PersonKind, User
from kaif.interfaces.auth.accounts import LetterDue, LetterKind
from kaif.interfaces.auth.sessions import DeviceKind, Session, SessionPlace
from kaif.kernel.actor import Actor, Permission, SessionId, UserId
from kaif.kernel.clock import DAY_US, SECOND_US, as_datetime
from kaif.kernel.errors import Unauthenticated
from kaif.kernel.text import clean_name
from kaif.services.auth.devices import device_of, network_of

# Whoever does not come for a month signs in again: a device that was lost or sold is not a way in for ever.
SESSION_IDLE_US = 30 * DAY_US
# However often it is used: a session that was stolen unnoticed ends too (ASVS 7.3.2).
SESSION_LIFETIME_US = 180 * DAY_US
# Long enough for a page that comes back, or for a phone that leaves a lift.
REFRESH_REPEATED_US = 60 * SECOND_US
# More than anyone has devices; programs that sign in for each call would fill the table.
SESSIONS_MAX = 100
# Long enough that whoever looks once a week sees it.
NEW_DEVICE_SHOWN_US = 7 * DAY_US
# An account that is used from more places than these is told of some of them again.
KNOWN_DEVICES_MAX = 100
WORD_CHARS_MAX = 32
# The hash of none: an account without a password has none that is right.
NO_PASSWORD = ""


class Account(msgspec.Struct, frozen=True):
    """A row of auth_users."""

    id: UserId
    username: str
    email: str
    display_name: str
    password_hash: str
    created_at_us: int
    # Names, separated by spaces.
    roles: str = ""
    permitted_at_us: int = 0
    email_confirmed_at_us: int | None = None
    language: Language = "en"
    password_changed_at_us: int | None = None
    deleted_at_us: int | None = None
    suspended_at_us: int | None = None
    reset_required_at_us: int | None = None
    short_password: int = 0
    avatar_colour: int | None = None
    kind: PersonKind = "person"
    avatar: str | None = None

    def user(self, permissions: frozenset[Permission], *, must_enrol: bool = False) -> User:
        """As the person sees themselves."""
        return User(
            self.id,
            self.username,
            self.email,
            self.display_name,
            self.roles.split(),
            sorted(permissions),
            as_datetime(self.created_at_us),
            email_confirmed=self.email_confirmed_at_us is not None,
            language=self.language,
            password_changed_at=as_datetime(self.password_changed_at_us or self.created_at_us),
            has_password=bool(self.password_hash),
            avatar_colour=self.avatar_colour,
            avatar=self.avatar,
            must_enrol=must_enrol,
        )

    @property
    def person(self) -> Person:
        return Person(self.id, self.username, self.display_name, self.avatar_colour, self.kind, self.avatar)

    @property
    def opens_by_letter(self) -> bool:
        """Whether a letter to its address may give it a new password. Not to one that nobody has proved where the
        account has a role: a slip of the keyboard would hand a stranger the server."""
        return self.email_confirmed_at_us is not None or not self.roles


class NewPassword(msgspec.Struct, frozen=True):
    """`is_short` when it is good only beside a second factor."""

    hash: str
    is_short: bool


class NewSession(msgspec.Struct, frozen=True):
    """A session as it is opened."""

    id: SessionId
    user_id: UserId
    refresh_hash: str
    device: str
    device_kind: DeviceKind
    address: str
    opened_at_us: int

    @property
    def network(self) -> str:
        return network_of(self.address)

    @property
    def expires_at_us(self) -> int:
        return self.opened_at_us + SESSION_IDLE_US

    def details(self, place: str) -> dict[str, str]:
        """For a letter about it."""
        opened_at = as_datetime(self.opened_at_us)
        address = f"{self.address} ({place})" if place else self.address
        return {"device": self.device, "address": address, "time": f"{opened_at:%Y-%m-%d %H:%M} UTC"}


class OpenSession(msgspec.Struct, frozen=True):
    """A row of auth_sessions, without its secret."""

    id: SessionId
    device: str
    device_kind: DeviceKind
    address: str
    device_was_new: int
    opened_at_us: int
    refreshed_at_us: int

    def seen_from(self, current: SessionId, now_us: int, place: SessionPlace | None = None) -> Session:
        return Session(
            id=self.id,
            device=self.device,
            kind=self.device_kind,
            address=self.address,
            opened_at=as_datetime(self.opened_at_us),
            used_at=as_datetime(self.refreshed_at_us),
            current=self.id == current,
            is_new=bool(self.device_was_new) and now_us < self.opened_at_us + NEW_DEVICE_SHOWN_US,
            place=place,
        )


def new_session(actor: Actor, user_id: UserId, refresh_token: str, now_us: int) -> NewSession:
    """Of the device from which the actor asks."""
    device, session_id = device_of(actor.agent), session_of(refresh_token)
    return NewSession(session_id, user_id, hash_of(refresh_token), device.name, device.kind, actor.address, now_us)


def nameless(account: Account) -> Account:
    """What remains of an account that was deleted. Nobody can register this name, nor this for an address."""
    gone = f"deleted-{account.id}"
    return Account(account.id, gone, gone, "Удалённый аккаунт", "deleted", account.created_at_us, kind=account.kind)


def renamed(account: Account, display_name: str) -> Account:
    return msgspec.structs.replace(account, display_name=display_name)


def present(account: Account | None) -> Account:
    """Raises Unauthenticated for nobody, and for whoever has left."""
    if account is None or account.deleted_at_us is not None:
        raise Unauthenticated
    return account


def letter_due(
    account: Account, kind: LetterKind, link_id: str = "", *, address: str = "", details: dict[str, str] | None = None
) -> LetterDue:
    """To the account's own address unless another one is named."""
    return LetterDue(
        kind=kind,
        user_id=account.id,
        address=address or account.email,
        language=account.language,
        link_id=link_id,
        details=details or {},
    )


def display_name_of(display_name: str | None, username: str) -> str:
    name = clean_name(username if display_name is None else display_name)
    if name is None:
        raise BadDisplayName(path="$.display_name")
    return name


def search_words(person: Person) -> set[str]:
    words = [person.username, *person.display_name.split()]
    return {word.casefold()[:WORD_CHARS_MAX] for word in words}


def session_of(refresh_token: str) -> SessionId:
    return SessionId(refresh_token.partition(".")[0])


def new_secret() -> str:
    """A text of 256 random bits: whoever has it was given it."""
    return secrets.token_urlsafe(32)


def hash_of(secret: str) -> str:
    """All that the database keeps of such a text: what can't be guessed needs no slow hash."""
    return hashlib.sha256(secret.encode()).hexdigest()


def same_code(given: str, expected: str) -> bool:
    return bool(expected) and hmac.compare_digest(given.encode(), expected.encode())

"""The rules of accounts and sessions, free of storage."""

import hashlib
import hmac

import msgspec

from kaif.interfaces.auth import BadDisplayName, Person, User
from kaif.kernel.actor import Permission, SessionId, UserId
from kaif.kernel.clock import DAY_US, as_datetime
from kaif.kernel.text import clean_name

SESSION_IDLE_US = 30 * DAY_US
WORD_CHARS_MAX = 32


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

    def user(self, permissions: frozenset[Permission]) -> User:
        """As the person sees themselves."""
        created_at = as_datetime(self.created_at_us)
        roles = self.roles.split()
        return User(self.id, self.username, self.email, self.display_name, roles, sorted(permissions), created_at)

    @property
    def person(self) -> Person:
        return Person(self.id, self.username, self.display_name)


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


def hash_of(token: str) -> str:
    """Of a refresh token or a challenge: 256 random bits need no slow hash."""
    return hashlib.sha256(token.encode()).hexdigest()


def same_code(given: str, expected: str) -> bool:
    return bool(expected) and hmac.compare_digest(given.encode(), expected.encode())

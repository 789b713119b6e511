"""The rules of accounts and sessions, free of storage."""

import hashlib
import hmac
from datetime import datetime

import msgspec

from kaif.interfaces.auth import BadDisplayName, Language, Person, Role, User
from kaif.interfaces.auth.accounts import LetterDue, LetterKind
from kaif.kernel.actor import SessionId, UserId
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
    role: Role
    password_hash: str
    created_at_us: int
    email_confirmed_at_us: int | None = None
    language: Language = "en"
    password_changed_at_us: int | None = None
    deleted_at_us: int | None = None

    @property
    def user(self) -> User:
        created_at: datetime = as_datetime(self.created_at_us)
        return User(
            self.id,
            self.username,
            self.email,
            self.display_name,
            self.role,
            created_at,
            email_confirmed=self.email_confirmed_at_us is not None,
            language=self.language,
            password_changed_at=as_datetime(self.password_changed_at_us or self.created_at_us),
        )

    @property
    def person(self) -> Person:
        return Person(self.id, self.username, self.display_name)


def nameless(account: Account) -> Account:
    """What remains of an account that was deleted. Nobody can register this name, nor this for an address."""
    gone = f"deleted-{account.id}"
    return Account(account.id, gone, gone, "Удалённый аккаунт", "member", "deleted", account.created_at_us)


def letter_due(account: Account, kind: LetterKind, link_id: str = "", *, address: str = "") -> LetterDue:
    """To the account's own address unless another one is named."""
    return LetterDue(
        kind=kind, user_id=account.id, address=address or account.email, language=account.language, link_id=link_id
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


def hash_of(refresh_token: str) -> str:
    """256 random bits need no slow hash."""
    return hashlib.sha256(refresh_token.encode()).hexdigest()


def same_code(given: str, expected: str) -> bool:
    return bool(expected) and hmac.compare_digest(given.encode(), expected.encode())

"""Every question that auth asks its database."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol

import msgspec

from kaif.engines.database import Database, Lookup, Row, Transaction
from kaif.interfaces.auth import Person
from kaif.kernel.actor import SessionId, UserId
from kaif.kernel.errors import KaifError
from kaif.services.auth.model import Account, NewSession, search_words

ACCOUNT = (
    "id, username, email, display_name, password_hash, created_at_us, roles, permitted_at_us,"
    " email_confirmed_at_us, language, password_changed_at_us, deleted_at_us, suspended_at_us, reset_required_at_us,"
    " short_password, avatar_colour"
)
_PERSON = "id, username, display_name, avatar_colour"
LAST_LETTER = "\U0010ffff"
# For pages that have no cursor yet: greater than every id.
AFTER_ALL_IDS = "z" * 27


class Reads(Protocol):
    """A database, or a transaction of it: both read alike."""

    async def fetch(self, shape: type[Row], sql: str, **params: object) -> list[Row]: ...


class Claim(msgspec.Struct, frozen=True):
    """On what an account without a password is made: `link` adds its way in, in the transaction, or raises.

    `by` is told in the audit log; `taken` is raised when somebody else was faster.
    """

    link: Callable[[Transaction, UserId], Awaitable[None]]
    by: dict[str, str]
    taken: type[KaifError]
    email_confirmed: bool = False


def accounts(database: Database) -> Lookup[Account]:
    return database.lookup(Account, f"SELECT {ACCOUNT} FROM auth_users WHERE id IN :keys")


async def find_by_login(database: Database, login: str) -> Account | None:
    sql = f"SELECT {ACCOUNT} FROM auth_users WHERE (username = :login OR email = :login) AND deleted_at_us IS NULL"
    found = await database.fetch(Account, sql, login=login)
    return found[0] if found else None


async def find_account(reads: Reads, user_id: UserId) -> Account | None:
    found = await accounts_of(reads, [user_id])
    return found[0] if found else None


async def accounts_of(reads: Reads, ids: Sequence[UserId]) -> list[Account]:
    return await reads.fetch(Account, f"SELECT {ACCOUNT} FROM auth_users WHERE id IN :ids", ids=ids)


async def locked_account(tx: Transaction, user_id: UserId) -> Account | None:
    """As it is until the transaction ends; None when it was deleted."""
    sql = f"SELECT {ACCOUNT} FROM auth_users WHERE id = :user_id AND deleted_at_us IS NULL FOR UPDATE"
    found = await tx.fetch(Account, sql, user_id=user_id)
    return found[0] if found else None


async def has_password(reads: Reads, user_id: UserId) -> bool:
    sql = "SELECT 1 FROM auth_users WHERE id = :user_id AND password_hash <> ''"
    return bool(await reads.fetch(tuple, sql, user_id=user_id))


async def is_set_up(database: Database) -> bool:
    return bool(await database.fetch(tuple, "SELECT 1 FROM auth_setup"))


async def claim_setup(tx: Transaction, user_id: UserId) -> None:
    """Raises AlreadyExists when someone was first."""
    await tx.execute("INSERT INTO auth_setup (id, user_id) VALUES (1, :user_id)", user_id=user_id)


async def taken(database: Database, username: str, email: str) -> tuple[bool, bool]:
    """Whether the username is taken, and whether the address is."""
    sql = "SELECT username, email FROM auth_users WHERE username = :username OR email = :email"
    rows: list[tuple[str, str]] = await database.fetch(tuple, sql, username=username, email=email)
    return any(row[0] == username for row in rows), any(row[1] == email for row in rows)


async def add_account(tx: Transaction, account: Account) -> None:
    """Raises AlreadyExists when the username or the address was taken meanwhile."""
    await tx.execute(
        """
        INSERT INTO auth_users
          (id, username, email, display_name, password_hash, created_at_us, roles, language, email_confirmed_at_us)
        VALUES
          (:id, :username, :email, :display_name, :password_hash, :created_at_us, :roles, :language,
           :email_confirmed_at_us)
        """,
        id=account.id,
        username=account.username,
        email=account.email,
        display_name=account.display_name,
        password_hash=account.password_hash,
        created_at_us=account.created_at_us,
        roles=account.roles,
        language=account.language,
        email_confirmed_at_us=account.email_confirmed_at_us,
    )
    words = sorted(search_words(account.person))
    await tx.insert("auth_words", ("word", "user_id"), [(word, account.id) for word in words])


async def set_password_hash(tx: Transaction, user_id: UserId, password_hash: str, instead_of: str) -> bool:
    """Of the same password; False when it was changed meanwhile."""
    changed = await tx.execute(
        "UPDATE auth_users SET password_hash = :password_hash WHERE id = :user_id AND password_hash = :instead_of",
        user_id=user_id,
        password_hash=password_hash,
        instead_of=instead_of,
    )
    return changed == 1


async def people(database: Database, ids: Sequence[UserId]) -> list[Person]:
    return await database.fetch(Person, f"SELECT {_PERSON} FROM auth_users WHERE id IN :ids", ids=ids)


async def people_with_word(database: Database, prefix: str, limit: int) -> list[Person]:
    return await database.fetch(
        Person,
        f"""
        SELECT {_PERSON} FROM auth_users
        WHERE id IN (SELECT user_id FROM auth_words WHERE word >= :prefix AND word < :beyond)
        ORDER BY username LIMIT :limit
        """,
        prefix=prefix,
        beyond=prefix + LAST_LETTER,
        limit=limit,
    )


async def newest_people(database: Database, limit: int) -> list[Person]:
    # Ids are in the order of their making.
    return await database.fetch(
        Person,
        f"""
        SELECT {_PERSON} FROM auth_users WHERE deleted_at_us IS NULL ORDER BY id DESC LIMIT :limit
        """,
        limit=limit,
    )


async def lock_account(tx: Transaction, user_id: UserId) -> bool:
    """Until the transaction ends, nobody else opens a session of the account or suspends it; False when it is."""
    sql = "SELECT id FROM auth_users WHERE id = :user_id AND suspended_at_us IS NULL FOR UPDATE"
    return bool(await tx.fetch(tuple, sql, user_id=user_id))


async def suspend_account(tx: Transaction, user_id: UserId, now_us: int) -> bool:
    """False when there is no such account; one that is suspended keeps the time at which that began."""
    sql = "UPDATE auth_users SET suspended_at_us = COALESCE(suspended_at_us, :now_us) WHERE id = :user_id"
    return bool(await tx.execute(sql, user_id=user_id, now_us=now_us))


async def restore_account(tx: Transaction, user_id: UserId) -> bool:
    """False when there is no such account."""
    return bool(await tx.execute("UPDATE auth_users SET suspended_at_us = NULL WHERE id = :user_id", user_id=user_id))


async def add_session(tx: Transaction, session: NewSession, *, device_was_new: bool) -> None:
    await tx.execute(
        """
        INSERT INTO auth_sessions (
          id, user_id, refresh_hash, device, device_kind, address, device_was_new,
          created_at_us, refreshed_at_us, authenticated_at_us, expires_at_us
        )
        VALUES (
          :id, :user_id, :refresh_hash, :device, :device_kind, :address, :device_was_new,
          :now_us, :now_us, :now_us, :expires_at_us
        )
        """,
        id=session.id,
        user_id=session.user_id,
        refresh_hash=session.refresh_hash,
        device=session.device,
        device_kind=session.device_kind,
        address=session.address,
        device_was_new=int(device_was_new),
        now_us=session.opened_at_us,
        expires_at_us=session.expires_at_us,
    )


async def rotate_session(
    tx: Transaction,
    session_id: SessionId,
    old_hash: str,
    new_hash: str,
    now_us: int,
    idle_until_us: int,
    lifetime_us: int,
) -> UserId | None:
    """Consume the old token and put the new one in its place, in one statement; None when it was not current."""
    found: list[tuple[UserId]] = await tx.fetch(
        tuple,
        """
        UPDATE auth_sessions
        SET refresh_hash = :new_hash, refreshed_at_us = :now_us, expires_at_us =
          CASE WHEN created_at_us + :lifetime_us < :idle_until_us
          THEN created_at_us + :lifetime_us ELSE :idle_until_us END
        WHERE id = :session_id AND refresh_hash = :old_hash AND expires_at_us > :now_us
        RETURNING user_id
        """,
        session_id=session_id,
        old_hash=old_hash,
        new_hash=new_hash,
        now_us=now_us,
        idle_until_us=idle_until_us,
        lifetime_us=lifetime_us,
    )
    return found[0][0] if found else None


async def find_session(database: Database, refresh_hash: str) -> SessionId | None:
    rows: list[tuple[SessionId]] = await database.fetch(
        tuple, "SELECT id FROM auth_sessions WHERE refresh_hash = :refresh_hash", refresh_hash=refresh_hash
    )
    return rows[0][0] if rows else None


async def find_authentication(readable: Reads, user_id: UserId, session_id: SessionId) -> int | None:
    """When the person was last seen in this session; None when it has ended."""
    rows: list[tuple[int]] = await readable.fetch(
        tuple,
        "SELECT authenticated_at_us FROM auth_sessions WHERE id = :session_id AND user_id = :user_id",
        session_id=session_id,
        user_id=user_id,
    )
    return rows[0][0] if rows else None


async def renew_authentication(tx: Transaction, user_id: UserId, session_id: SessionId, now_us: int) -> bool:
    """False when there is no such session."""
    sql = "UPDATE auth_sessions SET authenticated_at_us = :now_us WHERE id = :session_id AND user_id = :user_id"
    return await tx.execute(sql, now_us=now_us, session_id=session_id, user_id=user_id) == 1


async def age_other_authentications(tx: Transaction, user_id: UserId, session_id: SessionId) -> None:
    sql = "UPDATE auth_sessions SET authenticated_at_us = 0 WHERE user_id = :user_id AND id <> :session_id"
    await tx.execute(sql, user_id=user_id, session_id=session_id)


async def end_session(tx: Transaction, session_id: SessionId, now_us: int) -> UserId | None:
    """Whose it was; None when there was no such session."""
    rows: list[tuple[UserId]] = await tx.fetch(
        tuple, "DELETE FROM auth_sessions WHERE id = :session_id RETURNING user_id", session_id=session_id
    )
    if not rows:
        return None
    await tx.execute(
        "INSERT INTO auth_ended_sessions (session_id, ended_at_us) VALUES (:session_id, :now_us)",
        session_id=session_id,
        now_us=now_us,
    )
    return rows[0][0]


async def forget_expired(tx: Transaction, now_us: int, ended_before_us: int) -> None:
    await tx.execute("DELETE FROM auth_sessions WHERE expires_at_us <= :now_us", now_us=now_us)
    await tx.execute("DELETE FROM auth_ended_sessions WHERE ended_at_us < :before_us", before_us=ended_before_us)


async def ended_since(database: Database, since_us: int) -> list[SessionId]:
    rows: list[tuple[SessionId]] = await database.fetch(
        tuple, "SELECT session_id FROM auth_ended_sessions WHERE ended_at_us >= :since_us", since_us=since_us
    )
    return [row[0] for row in rows]

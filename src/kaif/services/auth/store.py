"""What auth's database keeps of accounts, and of who set the server up."""

from collections.abc import Sequence

import msgspec

from kaif.engines.database import Database, Lookup, Reads, Transaction
from kaif.interfaces.auth import Person
from kaif.kernel.actor import UserId
from kaif.kernel.lookalikes import skeleton_of_username
from kaif.services.auth.model import Account, search_words

LAST_LETTER = "\U0010ffff"
# For pages that have no cursor yet: greater than every id.
AFTER_ALL_IDS = "z" * 27


def columns_of(row: type[msgspec.Struct]) -> str:
    """Of a struct whose fields are called as the columns of its table, in their order: for a SELECT."""
    return ", ".join(row.__struct_fields__)


async def insert(tx: Transaction, table: str, row: msgspec.Struct) -> None:
    """A row whose fields are called as its columns. Raises AlreadyExists."""
    await tx.insert(table, row.__struct_fields__, [msgspec.structs.astuple(row)])


ACCOUNT, _PERSON = columns_of(Account), columns_of(Person)


def accounts(database: Database) -> Lookup[Account]:
    return database.lookup(Account, f"SELECT {ACCOUNT} FROM auth_users WHERE id IN :keys")


async def find_by_login(database: Database, login: str) -> Account | None:
    """By a username, or by an address that is confirmed: others may be anybody's."""
    found = await database.fetch(
        Account,
        f"""
        SELECT {ACCOUNT} FROM auth_users
        WHERE (username = :login OR (email = :login AND email_confirmed_at_us IS NOT NULL)) AND deleted_at_us IS NULL
        """,
        login=login,
    )
    return found[0] if found else None


async def find_by_username(reads: Reads, username: str) -> UserId | None:
    rows: list[tuple[UserId]] = await reads.fetch(
        tuple, "SELECT id FROM auth_users WHERE username = :username", username=username
    )
    return rows[0][0] if rows else None


async def owner_of_address(reads: Reads, email: str) -> Account | None:
    """Who has confirmed it: one at most."""
    sql = f"SELECT {ACCOUNT} FROM auth_users WHERE email = :email AND email_confirmed_at_us IS NOT NULL"
    found = await reads.fetch(Account, sql, email=email)
    return found[0] if found else None


async def claimants_of_address(reads: Reads, email: str, limit: int) -> list[Account]:
    """Who names it and has not confirmed it, the oldest first: who comes later pushes nobody out."""
    sql = f"""
        SELECT {ACCOUNT} FROM auth_users WHERE email = :email AND email_confirmed_at_us IS NULL ORDER BY id LIMIT :limit
    """
    return await reads.fetch(Account, sql, email=email, limit=limit)


async def find_account(reads: Reads, user_id: UserId) -> Account | None:
    found = await accounts_of(reads, [user_id])
    return found[0] if found else None


async def accounts_of(reads: Reads, ids: Sequence[UserId]) -> list[Account]:
    return await reads.fetch(Account, f"SELECT {ACCOUNT} FROM auth_users WHERE id IN :ids", ids=ids)


async def locked_account(tx: Transaction, user_id: UserId) -> Account | None:
    """As it is until the transaction ends: nobody else opens a session of it, suspends or deletes it. None when it was
    deleted."""
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


async def is_username_taken(database: Database, username: str) -> bool:
    return bool(await database.fetch(tuple, "SELECT 1 FROM auth_users WHERE username = :username", username=username))


async def is_username_imitated(database: Database, username: str) -> bool:
    """Whether somebody has one that looks like it."""
    look = skeleton_of_username(username)
    return bool(await database.fetch(tuple, "SELECT 1 FROM auth_looks WHERE skeleton = :look", look=look))


async def people_with_roles(database: Database, limit: int) -> list[Person]:
    """The oldest accounts first."""
    sql = f"""
        SELECT {_PERSON} FROM auth_users WHERE roles <> '' AND deleted_at_us IS NULL ORDER BY id LIMIT :limit
    """
    return await database.fetch(Person, sql, limit=limit)


async def add_account(tx: Transaction, account: Account) -> None:
    """Raises AlreadyExists when the username, or one that looks like it, was taken meanwhile, or a confirmed address is
    somebody else's."""
    await insert(tx, "auth_users", account)
    await tx.insert("auth_looks", ("skeleton", "user_id"), [(skeleton_of_username(account.username), account.id)])
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


async def open_accounts_among(database: Database, ids: Sequence[UserId]) -> list[UserId]:
    rows: list[tuple[UserId]] = await database.fetch(
        tuple,
        "SELECT id FROM auth_users WHERE id IN :ids AND suspended_at_us IS NULL AND deleted_at_us IS NULL",
        ids=list(ids),
    )
    return [user_id for (user_id,) in rows]


async def suspend_account(tx: Transaction, user_id: UserId, now_us: int) -> bool:
    """False when there is no such account; one that is suspended keeps the time at which that began."""
    sql = "UPDATE auth_users SET suspended_at_us = COALESCE(suspended_at_us, :now_us) WHERE id = :user_id"
    return bool(await tx.execute(sql, user_id=user_id, now_us=now_us))


async def restore_account(tx: Transaction, user_id: UserId) -> bool:
    """False when there is no such account."""
    return bool(await tx.execute("UPDATE auth_users SET suspended_at_us = NULL WHERE id = :user_id", user_id=user_id))

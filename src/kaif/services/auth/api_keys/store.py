"""Every question about API keys."""

from collections.abc import Iterable

import msgspec

from kaif.engines.database import Reads, Transaction
from kaif.interfaces.auth.api_keys import ApiKey
from kaif.kernel.actor import Scope, SessionId, UserId
from kaif.kernel.api_keys import new_api_key
from kaif.kernel.clock import DAY_US, as_datetime
from kaif.kernel.ids import new_id
from kaif.services.auth.sessions.store import note_ends

ENDING_CHARS = 4

# A person's bots are as good as the person is: their keys end with the person's.
_THEIRS = "(user_id = :user_id OR user_id IN (SELECT b.user_id FROM auth_bots b WHERE b.owner_id = :user_id))"

_COLUMNS = "id, user_id, ending, name, scopes, created_at_us, expires_at_us, used_at_us, used_from, networks"


class StoredKey(msgspec.Struct, frozen=True):
    """A row of auth_api_keys, without its secret."""

    id: SessionId
    user_id: UserId
    ending: str
    name: str
    scopes: str
    created_at_us: int
    expires_at_us: int
    used_at_us: int | None = None
    used_from: str = ""
    networks: str = ""

    @property
    def api_key(self) -> ApiKey:
        return ApiKey(
            id=self.id,
            name=self.name,
            ending=self.ending,
            scopes=[Scope(scope) for scope in self.scopes.split()],
            created_at=as_datetime(self.created_at_us),
            expires_at=as_datetime(self.expires_at_us),
            last_used_at=as_datetime(self.used_at_us),
            last_used_from=self.used_from,
        )


def new_key(user_id: UserId, name: str, scopes: Iterable[Scope], now_us: int, days: int) -> tuple[StoredKey, str]:
    """With its secret, of which only the hash is kept."""
    secret = new_api_key()
    key = StoredKey(
        id=SessionId(new_id()),
        user_id=user_id,
        ending=secret[-ENDING_CHARS:],
        name=name,
        scopes=" ".join(scopes),
        created_at_us=now_us,
        expires_at_us=now_us + days * DAY_US,
    )
    return key, secret


async def of_account(reads: Reads, user_id: UserId, expired_after_us: int) -> list[StoredKey]:
    """The oldest first, and of those that have expired only the ones that did so later than that."""
    sql = f"""
        SELECT {_COLUMNS} FROM auth_api_keys
        WHERE user_id = :user_id AND expires_at_us > :expired_after_us ORDER BY id
        """
    return await reads.fetch(StoredKey, sql, user_id=user_id, expired_after_us=expired_after_us)


async def add(tx: Transaction, key: StoredKey, key_hash: str) -> None:
    await tx.execute(
        """
        INSERT INTO auth_api_keys (id, user_id, key_hash, ending, name, scopes, created_at_us, expires_at_us)
        VALUES (:id, :user_id, :key_hash, :ending, :name, :scopes, :created_at_us, :expires_at_us)
        """,
        id=key.id,
        user_id=key.user_id,
        key_hash=key_hash,
        ending=key.ending,
        name=key.name,
        scopes=key.scopes,
        created_at_us=key.created_at_us,
        expires_at_us=key.expires_at_us,
    )


async def find(reads: Reads, key_hash: str, now_us: int) -> StoredKey | None:
    """None when there is none or it has expired."""
    sql = f"SELECT {_COLUMNS} FROM auth_api_keys WHERE key_hash = :key_hash AND expires_at_us > :now_us"
    found = await reads.fetch(StoredKey, sql, key_hash=key_hash, now_us=now_us)
    return found[0] if found else None


async def open_among(reads: Reads, key_ids: Iterable[SessionId], now_us: int) -> list[SessionId]:
    """Those that are neither revoked nor expired, of accounts that are neither suspended nor gone.

    A bot's while its owner's is not, either.
    """
    rows: list[tuple[SessionId]] = await reads.fetch(
        tuple,
        """
        SELECT k.id FROM auth_api_keys k
        JOIN auth_users u ON u.id = k.user_id AND u.suspended_at_us IS NULL AND u.deleted_at_us IS NULL
        LEFT JOIN auth_bots b ON b.user_id = k.user_id
        LEFT JOIN auth_users o ON o.id = b.owner_id
        WHERE k.id IN :ids AND k.expires_at_us > :now_us AND o.suspended_at_us IS NULL AND o.deleted_at_us IS NULL
        """,
        ids=list(key_ids),
        now_us=now_us,
    )
    return [row[0] for row in rows]


async def note_use(tx: Transaction, key_id: SessionId, now_us: int, address: str, networks: str) -> bool:
    """False when it was revoked meanwhile."""
    sql = "UPDATE auth_api_keys SET used_at_us = :now_us, used_from = :address, networks = :networks WHERE id = :id"
    return await tx.execute(sql, id=key_id, now_us=now_us, address=address, networks=networks) == 1


async def forget_expired(tx: Transaction, user_id: UserId, expired_before_us: int) -> None:
    sql = "DELETE FROM auth_api_keys WHERE user_id = :user_id AND expires_at_us <= :expired_before_us"
    await tx.execute(sql, user_id=user_id, expired_before_us=expired_before_us)


async def revoke(tx: Transaction, user_id: UserId, key_id: SessionId, now_us: int) -> StoredKey | None:
    """What it was; None when the person has no such key."""
    sql = f"DELETE FROM auth_api_keys WHERE id = :id AND user_id = :user_id RETURNING {_COLUMNS}"
    found = await tx.fetch(StoredKey, sql, id=key_id, user_id=user_id)
    await note_ends(tx, [key.id for key in found], now_us)
    return found[0] if found else None


async def revoke_all(tx: Transaction, user_id: UserId, now_us: int) -> list[SessionId]:
    """Those that ended, the person's bots' as well."""
    rows: list[tuple[SessionId]] = await tx.fetch(
        tuple, f"DELETE FROM auth_api_keys WHERE {_THEIRS} RETURNING id", user_id=user_id
    )
    return await note_ends(tx, [row[0] for row in rows], now_us)


async def interrupt_all(tx: Transaction, user_id: UserId, now_us: int) -> list[SessionId]:
    """Those whose access tokens are good no more, though the keys are; the person's bots' as well."""
    sql = f"SELECT id FROM auth_api_keys WHERE {_THEIRS} AND expires_at_us > :now_us"
    rows: list[tuple[SessionId]] = await tx.fetch(tuple, sql, user_id=user_id, now_us=now_us)
    return await note_ends(tx, [row[0] for row in rows], now_us)

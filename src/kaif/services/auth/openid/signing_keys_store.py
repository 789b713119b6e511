"""What auth's database keeps of the keys that sign ID tokens: sealed, and in the order of their making."""

import msgspec

from kaif.engines.database import Reads, Transaction
from kaif.interfaces.auth.applications import IdTokenAlgorithm
from kaif.services.auth.store import columns_of, insert


class StoredKey(msgspec.Struct, frozen=True):
    """A row of auth_id_token_keys."""

    algorithm: IdTokenAlgorithm
    number: int
    kid: str
    public_key: str
    sealed_key: str
    created_at_us: int
    signs_from_us: int


_COLUMNS = columns_of(StoredKey)


async def all_keys(reads: Reads) -> list[StoredKey]:
    """The oldest first."""
    return await reads.fetch(StoredKey, f"SELECT {_COLUMNS} FROM auth_id_token_keys ORDER BY number, algorithm")


async def add(tx: Transaction, key: StoredKey) -> None:
    """Raises AlreadyExists when another process has made the next one."""
    await insert(tx, "auth_id_token_keys", key)


async def forget(tx: Transaction, kids: list[str]) -> None:
    await tx.execute("DELETE FROM auth_id_token_keys WHERE kid IN :kids", kids=kids)

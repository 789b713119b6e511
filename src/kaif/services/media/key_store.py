"""What media asks its database of keys of content, each wrapped by a master key."""

import base64

from kaif.engines.database import Reads, Transaction
from kaif.engines.keys import Wrapped


async def add(tx: Transaction, id: str, wrapped: Wrapped) -> None:
    await tx.insert(
        "media_keys", ("id", "version", "sealed"), [(id, wrapped.version, base64.b64encode(wrapped.sealed).decode())]
    )


async def find(reads: Reads, id: str) -> Wrapped | None:
    rows: list[tuple[int, str]] = await reads.fetch(
        tuple, "SELECT version, sealed FROM media_keys WHERE id = :id", id=id
    )
    return Wrapped(rows[0][0], base64.b64decode(rows[0][1])) if rows else None


async def older_than(reads: Reads, version: int, limit: int) -> list[tuple[str, Wrapped]]:
    rows: list[tuple[str, int, str]] = await reads.fetch(
        tuple,
        "SELECT id, version, sealed FROM media_keys WHERE version < :version ORDER BY version, id LIMIT :limit",
        version=version,
        limit=limit,
    )
    return [(id, Wrapped(old, base64.b64decode(sealed))) for id, old, sealed in rows]


async def one_of_each_version(reads: Reads) -> list[tuple[str, Wrapped]]:
    """One that is wrapped by each master key that is still needed."""
    rows: list[tuple[str, int, str]] = await reads.fetch(
        tuple,
        """
        SELECT id, version, sealed FROM media_keys
        WHERE id IN (SELECT MIN(id) FROM media_keys GROUP BY version) ORDER BY version
        """,
    )
    return [(id, Wrapped(version, base64.b64decode(sealed))) for id, version, sealed in rows]


async def rewrap(tx: Transaction, id: str, before: Wrapped, wrapped: Wrapped) -> bool:
    """False when it is another one by now, or gone."""
    changed = await tx.execute(
        "UPDATE media_keys SET version = :version, sealed = :sealed WHERE id = :id AND version = :before",
        id=id,
        before=before.version,
        version=wrapped.version,
        sealed=base64.b64encode(wrapped.sealed).decode(),
    )
    return changed == 1


async def forget(tx: Transaction, id: str) -> None:
    await tx.execute("DELETE FROM media_keys WHERE id = :id", id=id)

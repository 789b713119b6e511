"""What media asks its database about what was made of files."""

from collections.abc import Sequence

import msgspec

from kaif.engines.database import Reads, Transaction
from kaif.services.media import store


class StoredRendition(msgspec.Struct, frozen=True):
    """A row of media_renditions."""

    id: str
    media_id: str
    name: str
    type: str
    size: int
    width: int
    height: int
    lasting: int
    used_at_us: int


_RENDITION = ", ".join(StoredRendition.__struct_fields__)


async def find(reads: Reads, media_id: str, name: str) -> StoredRendition | None:
    found = await reads.fetch(
        StoredRendition,
        f"SELECT {_RENDITION} FROM media_renditions WHERE media_id = :media_id AND name = :name",
        media_id=media_id,
        name=name,
    )
    return found[0] if found else None


async def names_of(reads: Reads, media_ids: Sequence[str]) -> dict[str, list[str]]:
    rows: list[tuple[str, str]] = await reads.fetch(
        tuple,
        "SELECT media_id, name FROM media_renditions WHERE media_id IN :media_ids ORDER BY media_id, name",
        media_ids=list(media_ids),
    )
    found: dict[str, list[str]] = {}
    for media_id, name in rows:
        found.setdefault(media_id, []).append(name)
    return found


async def lock(tx: Transaction, id: str) -> bool:
    """Whether it is there; it stays so until the transaction ends."""
    return bool(await tx.fetch(tuple, "SELECT id FROM media_renditions WHERE id = :id FOR UPDATE", id=id))


async def lasting_of(reads: Reads, media_id: str) -> list[StoredRendition]:
    sql = f"SELECT {_RENDITION} FROM media_renditions WHERE media_id = :media_id AND lasting = 1 ORDER BY name"
    return await reads.fetch(StoredRendition, sql, media_id=media_id)


async def add(tx: Transaction, rendition: StoredRendition) -> None:
    await tx.insert("media_renditions", StoredRendition.__struct_fields__, [msgspec.structs.astuple(rendition)])


async def touch(tx: Transaction, id: str, now_us: int) -> None:
    await tx.execute("UPDATE media_renditions SET used_at_us = :now_us WHERE id = :id", id=id, now_us=now_us)


async def passing_bytes(reads: Reads) -> int:
    """Of all that can be made again."""
    rows: list[tuple[int]] = await reads.fetch(
        tuple, "SELECT CAST(COALESCE(SUM(size), 0) AS BIGINT) FROM media_renditions WHERE lasting = 0"
    )
    return rows[0][0]


async def least_used(reads: Reads, limit: int) -> list[StoredRendition]:
    """Of what can be made again."""
    sql = f"SELECT {_RENDITION} FROM media_renditions WHERE lasting = 0 ORDER BY used_at_us LIMIT :limit"
    return await reads.fetch(StoredRendition, sql, limit=limit)


async def drop(tx: Transaction, id: str, due_at_us: int) -> None:
    if await tx.execute("DELETE FROM media_renditions WHERE id = :id", id=id):
        await store.discard_content(tx, id, due_at_us)


# Makers


async def become_maker(tx: Transaction, media_id: str, name: str, maker: str, now_us: int, until_us: int) -> bool:
    """False while somebody else is making it. Its maker may say so again, to stay that for longer."""
    changed = await tx.execute(
        """
        INSERT INTO media_makers (media_id, name, maker, until_us) VALUES (:media_id, :name, :maker, :until_us)
        ON CONFLICT (media_id, name) DO UPDATE SET maker = excluded.maker, until_us = excluded.until_us
        WHERE media_makers.until_us <= :now_us OR media_makers.maker = excluded.maker
        """,
        media_id=media_id,
        name=name,
        maker=maker,
        now_us=now_us,
        until_us=until_us,
    )
    return changed == 1


async def stop_making(tx: Transaction, media_id: str, name: str, maker: str) -> None:
    await tx.execute(
        "DELETE FROM media_makers WHERE media_id = :media_id AND name = :name AND maker = :maker",
        media_id=media_id,
        name=name,
        maker=maker,
    )

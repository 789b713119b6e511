"""What media asks its database about what a CDN holds (migrations/0020_cdn.sql)."""

from collections.abc import Sequence

import msgspec

from kaif.engines.database import Reads, Transaction
from kaif.interfaces.media.storage import CdnPurges


class StoredGiven(msgspec.Struct, frozen=True):
    """A row of media_cdn."""

    media_id: str
    generation: int
    given_until_us: int
    until_us: int
    purge_at_us: int
    asked_at_us: int
    told: int
    attempts: int


_COLUMNS = ", ".join(StoredGiven.__struct_fields__)


async def find_all(reads: Reads, media_ids: Sequence[str]) -> dict[str, StoredGiven]:
    sql = f"SELECT {_COLUMNS} FROM media_cdn WHERE media_id IN :ids"
    return {row.media_id: row for row in await reads.fetch(StoredGiven, sql, ids=list(media_ids))}


async def note_given(tx: Transaction, media_id: str, until_us: int) -> None:
    """A CDN may hold it until then. Under the lock of the file: whoever withdraws it comes before or after."""
    await tx.execute(
        """
        INSERT INTO media_cdn
          (media_id, generation, given_until_us, until_us, purge_at_us, asked_at_us, told, attempts)
        VALUES (:media_id, 0, :until_us, :until_us, 0, 0, 0, 0)
        ON CONFLICT (media_id) DO UPDATE SET
          given_until_us = CASE WHEN media_cdn.given_until_us < excluded.given_until_us
            THEN excluded.given_until_us ELSE media_cdn.given_until_us END,
          until_us = CASE WHEN media_cdn.until_us < excluded.until_us
            THEN excluded.until_us ELSE media_cdn.until_us END
        """,
        media_id=media_id,
        until_us=until_us,
    )


async def keep_until(tx: Transaction, media_ids: Sequence[str], until_us: int) -> None:
    """Links of these generations are about until then; of what is forgotten by now none is."""
    # In one order, so that no two wait for each other.
    await tx.fetch(
        tuple,
        "SELECT media_id FROM media_cdn WHERE media_id IN :ids ORDER BY media_id FOR UPDATE",
        ids=list(media_ids),
    )
    await tx.execute(
        "UPDATE media_cdn SET until_us = :until_us WHERE media_id IN :ids AND until_us < :until_us",
        ids=list(media_ids),
        until_us=until_us,
    )


async def withdraw(tx: Transaction, media_id: str, now_us: int, until_us: int) -> None:
    """Links that were given out are good no more; they would have been until `until_us`. What was never given to a CDN
    needs no purge. Under the lock of the file."""
    await tx.execute(
        """
        INSERT INTO media_cdn
          (media_id, generation, given_until_us, until_us, purge_at_us, asked_at_us, told, attempts)
        VALUES (:media_id, 1, 0, :until_us, 0, 0, 0, 0)
        ON CONFLICT (media_id) DO UPDATE SET
          generation = media_cdn.generation + 1,
          until_us = CASE WHEN media_cdn.until_us < excluded.until_us
            THEN excluded.until_us ELSE media_cdn.until_us END,
          asked_at_us = CASE WHEN media_cdn.purge_at_us > 0 THEN media_cdn.asked_at_us ELSE :now_us END,
          purge_at_us = CASE WHEN media_cdn.purge_at_us > 0 OR media_cdn.given_until_us > :now_us
            THEN CAST(:now_us AS BIGINT) ELSE 0 END,
          told = 0,
          attempts = 0
        """,
        media_id=media_id,
        now_us=now_us,
        until_us=until_us,
    )


async def due(reads: Reads, now_us: int, limit: int) -> list[StoredGiven]:
    """What the CDN is to be told now: first of what it may still show."""
    sql = f"""
        SELECT {_COLUMNS} FROM media_cdn WHERE purge_at_us > 0 AND purge_at_us <= :now_us
        ORDER BY CASE WHEN given_until_us > :now_us THEN 0 ELSE 1 END, purge_at_us, media_id LIMIT :limit
    """
    return await reads.fetch(StoredGiven, sql, now_us=now_us, limit=limit)


async def put_off(tx: Transaction, row: StoredGiven, until_us: int) -> bool:
    """For whoever tells the CDN: nobody else does meanwhile. False when somebody was sooner."""
    changed = await tx.execute(
        """
        UPDATE media_cdn SET purge_at_us = :until_us, attempts = attempts + 1
        WHERE media_id = :media_id AND generation = :generation AND purge_at_us = :before_us
        """,
        media_id=row.media_id,
        generation=row.generation,
        before_us=row.purge_at_us,
        until_us=until_us,
    )
    return changed == 1


async def note_told(tx: Transaction, row: StoredGiven, again_at_us: int) -> None:
    """Unless it was withdrawn anew meanwhile. 0: not again."""
    await tx.execute(
        """
        UPDATE media_cdn SET purge_at_us = :again_at_us, told = told + 1, attempts = 0
        WHERE media_id = :media_id AND generation = :generation
        """,
        media_id=row.media_id,
        generation=row.generation,
        again_at_us=again_at_us,
    )


async def tell_at(tx: Transaction, row: StoredGiven, at_us: int) -> None:
    await tx.execute(
        "UPDATE media_cdn SET purge_at_us = :at_us WHERE media_id = :media_id AND generation = :generation",
        media_id=row.media_id,
        generation=row.generation,
        at_us=at_us,
    )


async def forget(tx: Transaction, now_us: int, asked_before_us: int) -> None:
    """Of which no link is good any more and nothing is to be told; and what could not be told for too long."""
    await tx.execute(
        """
        DELETE FROM media_cdn WHERE until_us <= :now_us
          AND (purge_at_us = 0 OR asked_at_us <= :asked_before_us)
        """,
        now_us=now_us,
        asked_before_us=asked_before_us,
    )


async def forget_all(tx: Transaction) -> None:
    await tx.execute("DELETE FROM media_cdn")


async def is_made(reads: Reads) -> bool:
    """Whether there is such a table."""
    sql = "SELECT 1 FROM migrations WHERE service = 'media' AND number = 20 LIMIT 1"
    return bool(await reads.fetch(tuple, sql))


async def count(reads: Reads, now_us: int) -> CdnPurges:
    """What has not been told once."""
    sql = """
        SELECT COUNT(*), CAST(COALESCE(:now_us - MIN(asked_at_us), 0) / 1000000 AS BIGINT)
        FROM media_cdn WHERE purge_at_us > 0 AND told = 0
    """
    return (await reads.fetch(CdnPurges, sql, now_us=now_us))[0]

"""What an operator asks media's database about what is stored."""

import msgspec

from kaif.engines.database import Reads
from kaif.interfaces.media import Kind
from kaif.interfaces.media.storage import Amount, JobCounts, UnderWay
from kaif.kernel.actor import UserId


class Size(msgspec.Struct, frozen=True):
    id: str
    owner_id: UserId
    kind: Kind
    size: int


async def sizes_after(reads: Reads, after: str, limit: int) -> list[Size]:
    """Of content that somebody has under several names the first one takes the room."""
    sql = """
        SELECT id, owner_id, kind, CASE WHEN EXISTS (
            SELECT 1 FROM media_objects e WHERE e.owner_id = o.owner_id AND e.sha256 = o.sha256 AND e.id < o.id
          ) THEN CAST(0 AS BIGINT) ELSE size END
        FROM media_objects o WHERE id > :after ORDER BY id LIMIT :limit
    """
    return await reads.fetch(Size, sql, after=after, limit=limit)


async def made(reads: Reads) -> Amount:
    sql = "SELECT COUNT(*), CAST(COALESCE(SUM(size), 0) AS BIGINT) FROM media_renditions"
    return (await reads.fetch(Amount, sql))[0]


async def under_way(reads: Reads, now_us: int) -> UnderWay:
    sql = """
        SELECT COUNT(*), CAST(COALESCE(SUM(received), 0) AS BIGINT),
          CAST(COALESCE(SUM(length - received), 0) AS BIGINT)
        FROM media_uploads WHERE media_id IS NULL AND joined_into = '' AND expires_at_us > :now_us
    """
    return (await reads.fetch(UnderWay, sql, now_us=now_us))[0]


async def garbage(reads: Reads) -> int:
    rows: list[tuple[int]] = await reads.fetch(tuple, "SELECT COUNT(*) FROM media_garbage")
    return rows[0][0]


async def wrapped_by_older(reads: Reads, version: int) -> int:
    sql = "SELECT COUNT(*) FROM media_keys WHERE version < :version"
    rows: list[tuple[int]] = await reads.fetch(tuple, sql, version=version)
    return rows[0][0]


async def job_counts(reads: Reads, now_us: int) -> JobCounts:
    sql = """
        SELECT
          CAST(COALESCE(SUM(CASE WHEN parked_at_us = 0 AND until_us <= :now_us THEN 1 ELSE 0 END), 0) AS BIGINT),
          CAST(COALESCE(SUM(CASE WHEN parked_at_us = 0 AND until_us > :now_us THEN 1 ELSE 0 END), 0) AS BIGINT),
          CAST(COALESCE(SUM(CASE WHEN parked_at_us > 0 THEN 1 ELSE 0 END), 0) AS BIGINT)
        FROM media_jobs
    """
    return (await reads.fetch(JobCounts, sql, now_us=now_us))[0]

"""What media asks its database about the work that is to be done."""

import msgspec

from kaif.engines.database import Reads, Transaction
from kaif.interfaces.media import Kind, MediaId, State
from kaif.kernel.actor import UserId


class StoredJob(msgspec.Struct, frozen=True):
    """A row of media_jobs."""

    media_id: str
    priority: int
    attempts: int
    due_at_us: int
    worker: str
    until_us: int
    error: str
    parked_at_us: int
    created_at_us: int


class ListedJob(msgspec.Struct, frozen=True):
    media_id: MediaId
    owner_id: UserId
    kind: Kind
    size: int
    attempts: int
    until_us: int
    error: str
    parked_at_us: int
    created_at_us: int
    progress: int


_JOB = ", ".join(StoredJob.__struct_fields__)


async def add(tx: Transaction, media_id: str, priority: int, now_us: int) -> None:
    """Nothing when there is one already, unless it is parked: then it is tried anew.

    Its turn is after those of its owner, but not before those whose turn it is now: who brings a hundred films keeps
    nobody with one waiting for more than one of them, and nobody saves turns up.
    """
    await tx.execute(
        """
        INSERT INTO media_jobs
          (media_id, priority, attempts, due_at_us, worker, until_us, error, parked_at_us, created_at_us,
           owner_id, turn)
        SELECT o.id, :priority, 0, :now_us, '', 0, '', 0, :now_us, o.owner_id, (
          SELECT COALESCE(MAX(after.turn), 0) FROM (
            SELECT MAX(j.turn) + 1 AS turn FROM media_jobs j WHERE j.owner_id = o.owner_id AND j.priority = :priority
            UNION ALL
            SELECT MIN(j.turn) AS turn FROM media_jobs j WHERE j.parked_at_us = 0 AND j.priority = :priority
          ) after)
        FROM media_objects o WHERE o.id = :media_id
        ON CONFLICT (media_id) DO UPDATE SET priority = excluded.priority, attempts = 0, due_at_us = excluded.due_at_us,
          parked_at_us = 0
        WHERE media_jobs.parked_at_us > 0
        """,
        media_id=media_id,
        priority=priority,
        now_us=now_us,
    )


async def waiting(reads: Reads, now_us: int, least: int, below: int, limit: int) -> list[StoredJob]:
    """Those that nobody is at, of these priorities, by their turns; read off an index, however many there are."""
    sql = f"""
        SELECT {_JOB} FROM media_jobs
        WHERE parked_at_us = 0 AND priority >= :least AND priority < :below AND due_at_us <= :now_us
          AND until_us <= :now_us
        ORDER BY priority, turn, due_at_us LIMIT :limit
    """
    return await reads.fetch(StoredJob, sql, now_us=now_us, least=least, below=below, limit=limit)


async def claim(tx: Transaction, job: StoredJob, worker: str, now_us: int, until_us: int) -> bool:
    """False when somebody else was sooner. The attempt counts even if whoever makes it dies."""
    changed = await tx.execute(
        """
        UPDATE media_jobs SET worker = :worker, until_us = :until_us, attempts = attempts + 1, progress = 0
        WHERE media_id = :media_id AND parked_at_us = 0 AND until_us <= :now_us
        """,
        media_id=job.media_id,
        worker=worker,
        now_us=now_us,
        until_us=until_us,
    )
    return changed == 1


async def stay(tx: Transaction, media_id: str, worker: str, until_us: int, progress: int) -> bool:
    """False when it is somebody else's by now, or nobody's."""
    changed = await tx.execute(
        """
        UPDATE media_jobs SET until_us = :until_us, progress = :progress
        WHERE media_id = :media_id AND worker = :worker AND until_us > 0
        """,
        media_id=media_id,
        worker=worker,
        until_us=until_us,
        progress=progress,
    )
    return changed == 1


async def find(reads: Reads, media_id: str) -> StoredJob | None:
    found = await reads.fetch(StoredJob, f"SELECT {_JOB} FROM media_jobs WHERE media_id = :media_id", media_id=media_id)
    return found[0] if found else None


async def note_step(tx: Transaction, media_id: str, worker: str) -> bool:
    """A step is done: what failed before it counts no more. False when the job is somebody else's by now."""
    changed = await tx.execute(
        """
        UPDATE media_jobs SET attempts = 1, error = ''
        WHERE media_id = :media_id AND worker = :worker AND until_us > 0
        """,
        media_id=media_id,
        worker=worker,
    )
    return changed == 1


async def release(
    tx: Transaction,
    media_id: str,
    worker: str,
    *,
    priority: int,
    attempts: int,
    due_at_us: int,
    error: str = "",
    parked_at_us: int = 0,
) -> bool:
    """For anybody, from then on. False when it is somebody else's by now."""
    changed = await tx.execute(
        """
        UPDATE media_jobs SET worker = '', until_us = 0, priority = :priority, attempts = :attempts,
          due_at_us = :due_at_us, error = :error, parked_at_us = :parked_at_us
        WHERE media_id = :media_id AND worker = :worker AND until_us > 0
        """,
        media_id=media_id,
        worker=worker,
        priority=priority,
        attempts=attempts,
        due_at_us=due_at_us,
        error=error,
        parked_at_us=parked_at_us,
    )
    return changed == 1


async def end(tx: Transaction, media_id: str, worker: str) -> bool:
    """False when it is somebody else's by now."""
    changed = await tx.execute(
        "DELETE FROM media_jobs WHERE media_id = :media_id AND worker = :worker AND until_us > 0",
        media_id=media_id,
        worker=worker,
    )
    return changed == 1


async def listed(reads: Reads, limit: int) -> list[ListedJob]:
    return await reads.fetch(
        ListedJob,
        """
        SELECT o.id, o.owner_id, o.kind, o.size, j.attempts, j.until_us, j.error, j.parked_at_us, j.created_at_us,
          j.progress
        FROM media_jobs j JOIN media_objects o ON o.id = j.media_id
        ORDER BY CASE WHEN j.parked_at_us > 0 THEN 0 ELSE 1 END, j.priority, j.due_at_us, o.id LIMIT :limit
        """,
        limit=limit,
    )


async def stop(tx: Transaction, media_id: str, error: str, now_us: int) -> bool:
    """Whoever is at it sees that it is theirs no more. False when nobody is."""
    changed = await tx.execute(
        """
        UPDATE media_jobs SET worker = '', until_us = 0, error = :error, parked_at_us = :now_us
        WHERE media_id = :media_id AND parked_at_us = 0 AND until_us > :now_us
        """,
        media_id=media_id,
        error=error,
        now_us=now_us,
    )
    return changed == 1


async def retry(tx: Transaction, media_id: str, now_us: int) -> bool:
    changed = await tx.execute(
        """
        UPDATE media_jobs SET parked_at_us = 0, attempts = 0, due_at_us = :now_us
        WHERE media_id = :media_id AND parked_at_us > 0
        """,
        media_id=media_id,
        now_us=now_us,
    )
    return changed == 1


async def discard(tx: Transaction, media_id: str) -> bool:
    sql = "DELETE FROM media_jobs WHERE media_id = :media_id AND parked_at_us > 0"
    return await tx.execute(sql, media_id=media_id) == 1


async def set_state(tx: Transaction, media_id: str, state: State, problem: str, progress: int) -> None:
    await tx.execute(
        "UPDATE media_objects SET state = :state, problem = :problem, progress = :progress WHERE id = :media_id",
        media_id=media_id,
        state=state,
        problem=problem,
        progress=progress,
    )


async def set_progress(tx: Transaction, media_id: str, progress: int) -> None:
    await tx.execute(
        "UPDATE media_objects SET progress = :progress WHERE id = :media_id", media_id=media_id, progress=progress
    )


async def set_shown(tx: Transaction, media_id: str, shown: str) -> None:
    await tx.execute("UPDATE media_objects SET shown = :shown WHERE id = :media_id", media_id=media_id, shown=shown)


async def ask_for_voice(tx: Transaction, media_id: str) -> None:
    await tx.execute("UPDATE media_objects SET voice = 1, state = 'working' WHERE id = :media_id", media_id=media_id)


async def end_leases(tx: Transaction) -> None:
    """Of processes that are there no more."""
    await tx.execute("UPDATE media_jobs SET worker = '', until_us = 0 WHERE until_us > 0")
    await tx.execute("DELETE FROM media_makers")

"""What auth's database keeps of sign-ins that failed, for each subject that they count against."""

from collections.abc import Sequence

from kaif.engines.database import Transaction
from kaif.services.auth.defences.pacing import MEMORY_US

# A sign-in leaves up to three, and every hundredth clears up: more than what came since, so that none are left over.
_FORGOTTEN_AT_ONCE = 1000

Failures = dict[str, tuple[int, int]]


async def count_first(tx: Transaction, subject: str, now_us: int) -> bool:
    """Count one of a subject that has none; False when it has."""
    sql = """
        INSERT INTO auth_attempts (subject, failures, last_us) VALUES (:subject, 1, :now_us)
        ON CONFLICT (subject) DO NOTHING
    """
    return await tx.execute(sql, subject=subject, now_us=now_us) == 1


async def lock(tx: Transaction, subjects: Sequence[str], now_us: int) -> Failures:
    """How many failures of each, and when the last was. Nobody else counts them until the transaction ends."""
    found: Failures = {}
    # All lock in the same order, so that no two wait for each other.
    for subject in sorted(subjects):
        rows: list[tuple[int, int]] = await tx.fetch(
            tuple,
            """
            INSERT INTO auth_attempts (subject, failures, last_us) VALUES (:subject, 0, :now_us)
            ON CONFLICT (subject) DO UPDATE SET
              failures = CASE WHEN auth_attempts.last_us <= :lapsed_us THEN 0 ELSE auth_attempts.failures END
            RETURNING failures, last_us
            """,
            subject=subject,
            now_us=now_us,
            lapsed_us=now_us - MEMORY_US,
        )
        found[subject] = rows[0]
    return found


async def count(tx: Transaction, subjects: Sequence[str], now_us: int) -> None:
    sql = "UPDATE auth_attempts SET failures = failures + 1, last_us = :now_us WHERE subject IN :subjects"
    await tx.execute(sql, subjects=list(subjects), now_us=now_us)


async def take_back(tx: Transaction, subject: str, failures: int) -> None:
    await tx.execute(
        """
        UPDATE auth_attempts SET failures = CASE WHEN failures > :failures THEN failures - :failures ELSE 0 END
        WHERE subject = :subject
        """,
        subject=subject,
        failures=failures,
    )


async def forget(tx: Transaction, subject: str) -> None:
    await tx.execute("DELETE FROM auth_attempts WHERE subject = :subject", subject=subject)


async def forget_lapsed(tx: Transaction, now_us: int) -> None:
    """Some of those that count no more; a transaction of its own, for they are locked in the order of subjects."""
    await tx.execute(
        """
        DELETE FROM auth_attempts WHERE subject IN (
          SELECT subject FROM auth_attempts WHERE last_us <= :lapsed_us ORDER BY subject LIMIT :most FOR UPDATE
        )
        """,
        lapsed_us=now_us - MEMORY_US,
        most=_FORGOTTEN_AT_ONCE,
    )

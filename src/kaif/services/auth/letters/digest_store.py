"""Which digest went to whom: the last one of each person, and one that is under way."""

from kaif.engines.database import Reads, Transaction
from kaif.interfaces.auth.own_data import LastDigest
from kaif.kernel.actor import UserId
from kaif.kernel.clock import as_datetime


async def claim(tx: Transaction, user_id: UserId, digest_id: str, now_us: int, until_us: int) -> bool:
    """Whether it is ours to send until then: it has not been sent, and nobody is sending one."""
    claimed = await tx.execute(
        """
        INSERT INTO auth_digests (user_id, sent_id, claimed_until_us) VALUES (:user_id, '', :until_us)
        ON CONFLICT (user_id) DO UPDATE SET claimed_until_us = excluded.claimed_until_us
        WHERE auth_digests.sent_id <> :digest_id AND auth_digests.claimed_until_us <= :now_us
        """,
        user_id=user_id,
        digest_id=digest_id,
        now_us=now_us,
        until_us=until_us,
    )
    return claimed == 1


async def was_sent(reads: Reads, user_id: UserId, digest_id: str) -> bool:
    rows = await reads.fetch(
        tuple,
        "SELECT 1 FROM auth_digests WHERE user_id = :user_id AND sent_id = :digest_id",
        user_id=user_id,
        digest_id=digest_id,
    )
    return bool(rows)


async def last(reads: Reads, user_id: UserId) -> LastDigest | None:
    """None for who was never written to."""
    rows: list[tuple[str, int]] = await reads.fetch(
        tuple, "SELECT sent_id, claimed_until_us FROM auth_digests WHERE user_id = :user_id", user_id=user_id
    )
    return LastDigest(rows[0][0] or None, as_datetime(rows[0][1] or None)) if rows else None


async def note_sent(tx: Transaction, user_id: UserId, digest_id: str) -> None:
    await tx.execute(
        "UPDATE auth_digests SET sent_id = :digest_id, claimed_until_us = 0 WHERE user_id = :user_id",
        user_id=user_id,
        digest_id=digest_id,
    )


async def release(tx: Transaction, user_id: UserId) -> None:
    """It was not sent after all."""
    await tx.execute("UPDATE auth_digests SET claimed_until_us = 0 WHERE user_id = :user_id", user_id=user_id)

"""What is stored of when people were here."""

from collections.abc import Iterable

from kaif.engines.database import Reads, Transaction
from kaif.kernel.actor import UserId
from kaif.services.messaging.model import erased_name


async def note(tx: Transaction, user_ids: Iterable[UserId], at_us: int) -> None:
    """Never earlier than it was, and nobody who has been erased: gateways tell of them moments later.

    In one order, so that two gateways never wait in a circle.
    """
    await tx.execute_many(
        """
        INSERT INTO messaging_last_seen (user_id, at_us)
        SELECT CAST(:user_id AS TEXT), CAST(:at_us AS BIGINT) WHERE NOT EXISTS
          (SELECT 1 FROM messaging_people WHERE id = :user_id AND username = :erased)
        ON CONFLICT (user_id) DO UPDATE SET at_us = excluded.at_us WHERE messaging_last_seen.at_us < excluded.at_us
        """,
        [(user_id, at_us, erased_name(user_id)) for user_id in sorted(set(user_ids))],
    )


async def seen_at_us(reads: Reads, user_id: UserId) -> int:
    """0 for never."""
    rows: list[tuple[int]] = await reads.fetch(
        tuple, "SELECT at_us FROM messaging_last_seen WHERE user_id = :user_id", user_id=user_id
    )
    return rows[0][0] if rows else 0


async def forget(tx: Transaction, user_id: UserId) -> int:
    return await tx.execute("DELETE FROM messaging_last_seen WHERE user_id = :user_id", user_id=user_id)

"""All SQL of the outbox bus."""

from collections.abc import Sequence

import msgspec

from kaif.engines.database import Database, Transaction

# Ids are taken before the commit: on PostgreSQL a transaction with smaller ids may commit later. Whoever
# read by id would skip its events, so the order is (tx, id), and no row is read while a transaction with
# a smaller number is still open. On SQLite one writer commits at a time, and ids are in order.
_NEXT = {
    "sqlite": """
        SELECT id, tx, name, key, body FROM outbox
        WHERE id > (SELECT id FROM outbox_consumers WHERE consumer = :consumer)
        ORDER BY id LIMIT :limit
    """,
    "postgres": """
        SELECT id, tx, name, key, body FROM outbox
        WHERE (tx, id) > (SELECT tx, id FROM outbox_consumers WHERE consumer = :consumer)
          AND tx < pg_snapshot_xmin(pg_current_snapshot())::text::bigint
        ORDER BY tx, id LIMIT :limit
    """,
}

# The oldest rows first, so that the statement looks at no more than `limit` rows.
_TRIM = {
    "sqlite": """
        DELETE FROM outbox WHERE at_us < :before_us AND id IN (
          SELECT id FROM outbox WHERE id <= (SELECT min(id) FROM outbox_consumers) ORDER BY id LIMIT :limit)
    """,
    "postgres": """
        DELETE FROM outbox WHERE at_us < :before_us AND id IN (
          SELECT id FROM outbox
          WHERE (tx, id) <= (SELECT tx, id FROM outbox_consumers ORDER BY tx, id LIMIT 1)
          ORDER BY tx, id LIMIT :limit)
    """,
}


class Stored(msgspec.Struct, frozen=True):
    """An event as it lies in the outbox."""

    id: int
    tx: int
    name: str
    key: str
    body: str


class Parked(msgspec.Struct, frozen=True):
    """An event that a consumer could not digest."""

    consumer: str
    id: int
    name: str
    key: str
    body: str
    error: str
    attempts: int
    parked_at_us: int
    # 1 while it waits to be tried again.
    retry_asked: int = 0


async def add_consumer(tx: Transaction, consumer: str) -> None:
    """A new consumer starts with the oldest event that is still kept."""
    await tx.execute(
        "INSERT INTO outbox_consumers (consumer) VALUES (:consumer) ON CONFLICT DO NOTHING", consumer=consumer
    )


async def hold(tx: Transaction, consumer: str, holder: str, now_us: int, until_us: int) -> bool:
    """Take or renew the lease; False while another process has it."""
    changed = await tx.execute(
        "UPDATE outbox_consumers SET holder = :holder, held_until_us = :until_us"
        " WHERE consumer = :consumer AND (holder = :holder OR held_until_us < :now_us)",
        consumer=consumer,
        holder=holder,
        now_us=now_us,
        until_us=until_us,
    )
    return changed == 1


async def let_go(tx: Transaction, holder: str) -> None:
    await tx.execute(
        "UPDATE outbox_consumers SET holder = '', held_until_us = 0 WHERE holder = :holder",
        holder=holder,
    )


async def end_leases(database: Database) -> None:
    """Whoever held them has died."""
    async with database.transaction() as tx:
        await tx.execute("UPDATE outbox_consumers SET holder = '', held_until_us = 0")


async def next_events(database: Database, consumer: str, limit: int) -> list[Stored]:
    """What comes after the consumer's position, in order."""
    return await database.fetch(Stored, _NEXT[database.dialect], consumer=consumer, limit=limit)


async def move_past(tx: Transaction, consumer: str, holder: str, event: Stored) -> bool:
    """Save the consumer's position; False when the lease went to another process."""
    changed = await tx.execute(
        "UPDATE outbox_consumers SET tx = :tx, id = :id WHERE consumer = :consumer AND holder = :holder",
        tx=event.tx,
        id=event.id,
        consumer=consumer,
        holder=holder,
    )
    return changed == 1


async def park(tx: Transaction, parked: Parked) -> None:
    await tx.execute(
        "INSERT INTO outbox_parked (consumer, id, name, key, body, error, attempts, parked_at_us, retry_asked)"
        " VALUES (:consumer, :id, :name, :key, :body, :error, :attempts, :parked_at_us, :retry_asked)"
        " ON CONFLICT (consumer, id) DO UPDATE"
        " SET error = excluded.error, attempts = excluded.attempts, parked_at_us = excluded.parked_at_us",
        **msgspec.structs.asdict(parked),
    )


async def stay_parked(tx: Transaction, parked: Parked, error: str) -> None:
    """It was tried again, in vain; what an operator dropped meanwhile does not come back."""
    await tx.execute(
        "UPDATE outbox_parked SET error = :error, attempts = attempts + 1, retry_asked = 0"
        " WHERE consumer = :consumer AND id = :id",
        error=error,
        consumer=parked.consumer,
        id=parked.id,
    )


async def ask_retry(tx: Transaction, consumer: str, id: int) -> str | None:
    """The event's name; None when it is not parked."""
    sql = "UPDATE outbox_parked SET retry_asked = 1 WHERE consumer = :consumer AND id = :id RETURNING name"
    rows: list[tuple[str]] = await tx.fetch(tuple, sql, consumer=consumer, id=id)
    return rows[0][0] if rows else None


async def drop_parked(tx: Transaction, consumer: str, id: int) -> str | None:
    """The event's name; None when it is not parked."""
    sql = "DELETE FROM outbox_parked WHERE consumer = :consumer AND id = :id RETURNING name"
    rows: list[tuple[str]] = await tx.fetch(tuple, sql, consumer=consumer, id=id)
    return rows[0][0] if rows else None


async def retries_asked(database: Database, consumers: Sequence[str], limit: int) -> list[Parked]:
    """Of these consumers, the oldest first."""
    return await database.fetch(
        Parked,
        "SELECT consumer, id, name, key, body, error, attempts, parked_at_us, retry_asked FROM outbox_parked"
        " WHERE retry_asked = 1 AND consumer IN :consumers ORDER BY parked_at_us, id LIMIT :limit",
        consumers=consumers,
        limit=limit,
    )


async def unpark(tx: Transaction, parked: Parked) -> None:
    await tx.execute(
        "DELETE FROM outbox_parked WHERE consumer = :consumer AND id = :id", consumer=parked.consumer, id=parked.id
    )


async def list_parked(database: Database, consumer: str | None, limit: int) -> list[Parked]:
    """The oldest first, of one consumer or of all."""
    return await database.fetch(
        Parked,
        "SELECT consumer, id, name, key, body, error, attempts, parked_at_us, retry_asked FROM outbox_parked"
        " WHERE consumer = :consumer OR :everyone = 1 ORDER BY parked_at_us, id LIMIT :limit",
        consumer=consumer or "",
        everyone=int(consumer is None),
        limit=limit,
    )


async def trim(database: Database, before_us: int, limit: int) -> int:
    """Delete old events that every consumer has passed; how many rows went."""
    async with database.transaction() as tx:
        return await tx.execute(_TRIM[database.dialect], before_us=before_us, limit=limit)

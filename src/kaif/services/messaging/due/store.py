"""What is stored of what is to be done at a time."""

from typing import Any

import msgspec

from kaif.engines.database import Reads, Transaction
from kaif.interfaces.messaging import ChatId
from kaif.kernel.actor import UserId
from kaif.kernel.clock import MINUTE_US
from kaif.services.messaging.due.model import DueKind, StoredDue

_COLUMNS = ("id", "kind", "user_id", "chat_id", "once", "due_at_us", "look_at_us", "failure", "body", "set_at_us")
# A clock that is ahead by more was wrong.
AHEAD_US = 60 * MINUTE_US

_SELECT = f"SELECT {', '.join(_COLUMNS)} FROM messaging_due"


class Waiting(msgspec.Struct, frozen=True):
    id: str
    kind: DueKind


async def add(tx: Transaction, row: StoredDue) -> None:
    """Raises AlreadyExists when the person has asked for it under the same `once`."""
    await tx.insert("messaging_due", _COLUMNS, [msgspec.structs.astuple(row)])


async def due(reads: Reads, now_us: int, limit: int) -> list[Waiting]:
    """What the queue is to look at now, the longest due first."""
    return await reads.fetch(
        Waiting,
        """
        SELECT id, kind FROM messaging_due WHERE look_at_us > 0 AND look_at_us <= :now_us
        ORDER BY look_at_us LIMIT :limit
        """,
        now_us=now_us,
        limit=limit,
    ) or await _set_by_another_clock(reads, now_us, limit)


async def _set_by_another_clock(reads: Reads, now_us: int, limit: int) -> list[Waiting]:
    """What would vanish late, since a clock that was ahead has said when."""
    return await reads.fetch(
        Waiting,
        """
        SELECT id, kind FROM messaging_due WHERE kind = 'vanish' AND set_at_us > :ahead_us
        ORDER BY set_at_us LIMIT :limit
        """,
        ahead_us=now_us + AHEAD_US,
        limit=limit,
    )


async def find(reads: Reads, id: str) -> StoredDue | None:
    rows = await reads.fetch(StoredDue, f"{_SELECT} WHERE id = :id", id=id)
    return rows[0] if rows else None


async def lock(tx: Transaction, id: str) -> StoredDue | None:
    """Held until the commit: whoever else wants it sees what became of it."""
    rows = await tx.fetch(StoredDue, f"{_SELECT} WHERE id = :id FOR UPDATE", id=id)
    return rows[0] if rows else None


async def find_once(reads: Reads, user_id: UserId, once: str) -> StoredDue | None:
    rows = await reads.fetch(
        StoredDue, f"{_SELECT} WHERE user_id = :user_id AND once = :once", user_id=user_id, once=once
    )
    return rows[0] if rows else None


async def of_person(
    reads: Reads, user_id: UserId, kind: DueKind, limit: int, chat_id: ChatId | None = None
) -> list[StoredDue]:
    """The earliest first, in one chat or in all."""
    here = "AND chat_id = :chat_id" if chat_id else ""
    return await reads.fetch(
        StoredDue,
        f"{_SELECT} WHERE user_id = :user_id AND kind = :kind {here} ORDER BY due_at_us, id LIMIT :limit",
        user_id=user_id,
        kind=kind,
        limit=limit,
        **({"chat_id": chat_id} if chat_id else {}),
    )


async def periods(tx: Transaction, chat_id: ChatId) -> list[StoredDue]:
    """The times during which the chat's messages were to vanish, as long as some may be left."""
    return await tx.fetch(
        StoredDue, f"{_SELECT} WHERE chat_id = :chat_id AND user_id = '' AND kind = 'vanish'", chat_id=chat_id
    )


async def lock_member(tx: Transaction, chat_id: ChatId, user_id: UserId) -> None:
    """What this person asks for in this chat comes one after another: their number is bounded."""
    await tx.fetch(
        tuple,
        "SELECT user_id FROM messaging_members WHERE chat_id = :chat_id AND user_id = :user_id FOR UPDATE",
        chat_id=chat_id,
        user_id=user_id,
    )


async def count(reads: Reads, chat_id: ChatId, user_id: UserId, kind: DueKind) -> int:
    rows: list[tuple[int]] = await reads.fetch(
        tuple,
        "SELECT COUNT(*) FROM messaging_due WHERE chat_id = :chat_id AND user_id = :user_id AND kind = :kind",
        chat_id=chat_id,
        user_id=user_id,
        kind=kind,
    )
    return rows[0][0]


async def change(tx: Transaction, row: StoredDue) -> None:
    await tx.execute(
        """
        UPDATE messaging_due SET due_at_us = :due_at_us, look_at_us = :look_at_us, failure = :failure, body = :body,
          set_at_us = :set_at_us
        WHERE id = :id
        """,
        id=row.id,
        due_at_us=row.due_at_us,
        look_at_us=row.look_at_us,
        failure=row.failure,
        body=row.body,
        set_at_us=row.set_at_us,
    )


async def look_again(tx: Transaction, id: str, look_at_us: int) -> None:
    await tx.execute(
        "UPDATE messaging_due SET look_at_us = :look_at_us WHERE id = :id AND look_at_us > 0",
        id=id,
        look_at_us=look_at_us,
    )


async def remove(tx: Transaction, id: str) -> None:
    await tx.execute("DELETE FROM messaging_due WHERE id = :id", id=id)


async def forget(tx: Transaction, user_id: UserId) -> int:
    """The messages and reminders of a person's that wait; how many there were."""
    return await tx.execute("DELETE FROM messaging_due WHERE user_id = :user_id", user_id=user_id)


async def has_entry(reads: Reads, chat_id: ChatId, user_id: UserId, ref: str) -> bool:
    """Whether a message of this person stands in the log under the reference."""
    rows: list[tuple[Any, ...]] = await reads.fetch(
        tuple,
        "SELECT 1 FROM messaging_entries WHERE ref = :ref AND sender_id = :user_id AND chat_id = :chat_id",
        ref=ref,
        user_id=user_id,
        chat_id=chat_id,
    )
    return bool(rows)

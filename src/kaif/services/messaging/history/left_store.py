"""What people take along of chats that they are no longer in: their own words, and nobody else's."""

import msgspec

from kaif.engines.database import Reads, Transaction
from kaif.interfaces.messaging import ChatId, ChatKind
from kaif.kernel.actor import UserId
from kaif.services.messaging.entry_rules import StoredEntry


class LeftChat(msgspec.Struct, frozen=True):
    """What it was called when they went, and how far its log had come."""

    id: ChatId
    kind: ChatKind
    title: str
    seq: int


_LEFT = """
SELECT f.chat_id, c.kind, f.title, f.seq FROM messaging_former_members f
JOIN messaging_chats c ON c.id = f.chat_id AND c.deleted_at_us = 0
WHERE f.user_id = :user_id AND NOT EXISTS (
  SELECT 1 FROM messaging_members m WHERE m.chat_id = f.chat_id AND m.user_id = f.user_id)
"""


async def next_left_of(reads: Reads, user_id: UserId, after: str) -> LeftChat | None:
    """In the order of their ids."""
    rows = await reads.fetch(
        LeftChat, f"{_LEFT} AND f.chat_id > :after ORDER BY f.chat_id LIMIT 1", user_id=user_id, after=after
    )
    return rows[0] if rows else None


async def find_left(reads: Reads, user_id: UserId, chat_id: ChatId) -> LeftChat | None:
    rows = await reads.fetch(LeftChat, f"{_LEFT} AND f.chat_id = :chat_id", user_id=user_id, chat_id=chat_id)
    return rows[0] if rows else None


async def own_messages(
    reads: Reads, user_id: UserId, chat_id: ChatId, after: int, until: int, limit: int
) -> list[StoredEntry]:
    columns = ", ".join(StoredEntry.__struct_fields__)
    return await reads.fetch(
        StoredEntry,
        f"""
        SELECT {columns} FROM messaging_entries
        WHERE chat_id = :chat_id AND seq > :after AND seq <= :until AND sender_id = :user_id AND kind = 'message'
        ORDER BY seq LIMIT :limit
        """,
        chat_id=chat_id,
        after=after,
        until=until,
        user_id=user_id,
        limit=limit,
    )


async def forget(tx: Transaction, user_id: UserId) -> int:
    """How many there were."""
    return await tx.execute("DELETE FROM messaging_former_members WHERE user_id = :user_id", user_id=user_id)

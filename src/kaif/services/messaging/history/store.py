"""The questions of whoever takes their history along."""

from collections.abc import Collection

from kaif.engines.database import Database, Reads
from kaif.interfaces.messaging import ChatId
from kaif.kernel.actor import UserId
from kaif.services.messaging.entry_rules import StoredEntry


async def next_chat_of(reads: Reads, user_id: UserId, after: str) -> ChatId | None:
    """The person's chats in the order of their ids."""
    rows: list[tuple[ChatId]] = await reads.fetch(
        tuple,
        """
        SELECT m.chat_id FROM messaging_members m
        JOIN messaging_chats c ON c.id = m.chat_id AND c.deleted_at_us = 0
        WHERE m.user_id = :user_id AND m.chat_id > :after ORDER BY m.chat_id LIMIT 1
        """,
        user_id=user_id,
        after=after,
    )
    return rows[0][0] if rows else None


async def readable_entries_after(
    database: Database, user_id: UserId, chat_id: ChatId, after: int, limit: int
) -> list[StoredEntry]:
    """The next ones that the person may read at this moment."""
    return await database.fetch(
        StoredEntry,
        """
        SELECT e.chat_id, e.seq, e.kind, e.sender_id, e.at_us, e.messages, e.ref, e.body
        FROM messaging_members m JOIN messaging_chats c ON c.id = m.chat_id AND c.deleted_at_us = 0
        JOIN messaging_entries e ON e.chat_id = m.chat_id
        WHERE m.chat_id = :chat_id AND m.user_id = :user_id AND e.seq > :after ORDER BY e.seq LIMIT :limit
        """,
        chat_id=chat_id,
        user_id=user_id,
        after=after,
        limit=limit,
    )


async def titles_of_channels(reads: Reads, user_id: UserId, ids: Collection[str]) -> dict[str, str]:
    """Of those among the ids that are channels which the person may know: what is not signed is said in their name."""
    rows: list[tuple[str, str]] = await reads.fetch(
        tuple,
        """
        SELECT c.id, c.title FROM messaging_chats c
        WHERE c.id IN :ids AND c.kind = 'channel' AND c.deleted_at_us = 0 AND (c.name IS NOT NULL AND c.suspended = ''
          OR EXISTS (SELECT 1 FROM messaging_members m WHERE m.chat_id = c.id AND m.user_id = :user_id))
        """,
        ids=list(ids),
        user_id=user_id,
    )
    return dict(rows)

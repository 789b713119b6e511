"""The questions of search: what indexes there are and how far they are, and what of their answers somebody may read."""

from collections.abc import Collection, Mapping, Sequence

import msgspec

from kaif.engines.database import Database, Reads, Transaction
from kaif.interfaces.messaging import ChatId
from kaif.kernel.actor import UserId
from kaif.services.messaging.entry_rules import StoredEntry
from kaif.services.messaging.search.found import Source

CURRENT, BUILDING = "current", "building"


class Progress(msgspec.Struct, frozen=True):
    """A log and how far an index has come in it."""

    chat_id: ChatId
    indexed_seq: int
    seq: int


# Indexes


async def indexes(reads: Reads) -> dict[str, str]:
    """The name of the index in each state that there is one in."""
    rows: list[tuple[str, str]] = await reads.fetch(tuple, "SELECT state, name FROM messaging_indexes")
    return dict(rows)


async def add_index(tx: Transaction, name: str, now_us: int) -> bool:
    """Have one built; False when one is being built already."""
    added = await tx.execute(
        """
        INSERT INTO messaging_indexes (name, state, made_at_us) VALUES (:name, 'building', :now_us)
        ON CONFLICT DO NOTHING
        """,
        name=name,
        now_us=now_us,
    )
    return added == 1


async def forget_index(tx: Transaction, name: str) -> None:
    await tx.execute("DELETE FROM messaging_indexes WHERE name = :name", name=name)
    await tx.execute("DELETE FROM messaging_index_marks WHERE name = :name", name=name)


async def make_current(tx: Transaction, name: str) -> None:
    """In the place of the one that was, which is to be forgotten before."""
    await tx.execute("UPDATE messaging_indexes SET state = 'current' WHERE name = :name", name=name)


async def not_indexed(
    reads: Reads, name: str, chat_ids: Sequence[ChatId], after: tuple[ChatId, int], limit: int
) -> list[Source]:
    """A page of what these logs have beyond the index's marks, log by log, after the last page's end."""
    return await reads.fetch(
        Source,
        """
        SELECT e.chat_id, e.seq, e.kind, e.sender_id, e.at_us, e.body FROM messaging_chats c
        LEFT JOIN messaging_index_marks m ON m.name = :name AND m.chat_id = c.id
        JOIN messaging_entries e ON e.chat_id = c.id
          AND e.seq > CASE WHEN c.id = :after_chat THEN :after_seq ELSE COALESCE(m.seq, 0) END
        WHERE c.id IN :ids AND c.id >= :after_chat
        ORDER BY c.id, e.seq LIMIT :limit
        """,
        name=name,
        ids=list(chat_ids),
        after_chat=after[0],
        after_seq=after[1],
        limit=limit,
    )


async def sources_at(reads: Reads, chat_id: ChatId, seqs: Collection[int]) -> list[Source]:
    return await reads.fetch(
        Source,
        """
        SELECT chat_id, seq, kind, sender_id, at_us, body FROM messaging_entries
        WHERE chat_id = :chat_id AND seq IN :seqs
        """,
        chat_id=chat_id,
        seqs=list(seqs),
    )


async def sources_indexed(reads: Reads, name: str, chat_id: ChatId, seqs: Collection[int]) -> list[Source]:
    """Those of them that the index's mark has passed."""
    return await reads.fetch(
        Source,
        """
        SELECT e.chat_id, e.seq, e.kind, e.sender_id, e.at_us, e.body FROM messaging_index_marks m
        JOIN messaging_entries e ON e.chat_id = m.chat_id AND e.seq <= m.seq
        WHERE m.name = :name AND m.chat_id = :chat_id AND e.seq IN :seqs
        """,
        name=name,
        chat_id=chat_id,
        seqs=list(seqs),
    )


async def all_progress(reads: Reads, name: str, after: str, limit: int) -> list[Progress]:
    """A page of all logs, by their ids."""
    return await reads.fetch(
        Progress, f"{_PROGRESS} WHERE c.id > :after ORDER BY c.id LIMIT :limit", name=name, after=after, limit=limit
    )


_PROGRESS = """
SELECT c.id, COALESCE(m.seq, 0), c.seq FROM messaging_chats c
LEFT JOIN messaging_index_marks m ON m.name = :name AND m.chat_id = c.id
"""


async def mark(tx: Transaction, name: str, marks: Mapping[ChatId, int]) -> None:
    await tx.execute_many(
        """
        INSERT INTO messaging_index_marks (name, chat_id, seq) VALUES (:name, :chat_id, :seq)
        ON CONFLICT (name, chat_id) DO UPDATE SET seq = excluded.seq
        """,
        [(name, chat_id, seq) for chat_id, seq in sorted(marks.items())],
    )


# People


async def newest_chats_of(reads: Reads, user_id: UserId, limit: int) -> list[ChatId]:
    """The chats that the person is in, those with the newest entries first."""
    rows: list[tuple[ChatId]] = await reads.fetch(
        tuple,
        """
        SELECT c.id FROM messaging_members m JOIN messaging_chats c ON c.id = m.chat_id AND c.deleted_at_us = 0
        WHERE m.user_id = :user_id ORDER BY c.active_at_us DESC LIMIT :limit
        """,
        user_id=user_id,
        limit=limit,
    )
    return [chat_id for (chat_id,) in rows]


async def readable_entries(
    database: Database, user_id: UserId, chat_id: ChatId, seqs: Sequence[int]
) -> list[StoredEntry]:
    """Those of the entries that the person may read, as they are now, but for what they have deleted for themselves.

    This, and never an index, decides what a search shows.
    """
    return await database.fetch(
        StoredEntry,
        """
        SELECT e.chat_id, e.seq, e.kind, e.sender_id, e.at_us, e.messages, e.ref, e.body
        FROM messaging_members m JOIN messaging_chats c ON c.id = m.chat_id AND c.deleted_at_us = 0
        JOIN messaging_entries e ON e.chat_id = m.chat_id
        WHERE m.chat_id = :chat_id AND m.user_id = :user_id AND e.seq IN :seqs
          AND NOT EXISTS (SELECT 1 FROM messaging_hidden h
            WHERE h.user_id = m.user_id AND h.chat_id = e.chat_id AND h.seq = e.seq)
        """,
        chat_id=chat_id,
        user_id=user_id,
        seqs=list(seqs),
    )

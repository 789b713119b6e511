"""What messaging asks its database about discussions of channels, and the threads in them."""

from collections.abc import Collection, Iterable, Mapping

import msgspec

from kaif.engines.database import Reads, Transaction
from kaif.interfaces.messaging import ChatId
from kaif.services.messaging.entry_rules import StoredEntry


class Link(msgspec.Struct, frozen=True):
    """A channel's discussion."""

    channel_id: ChatId
    group_id: ChatId
    open: int
    # Empty where moderators have closed the group: `suspended` says why.
    title: str
    suspended: str
    # What is left to all members of the group.
    default_rights: int


class StoredThread(msgspec.Struct, frozen=True):
    """A row of messaging_threads."""

    chat_id: ChatId
    root_seq: int
    channel_id: ChatId
    post_seq: int
    comments: int


class Answered(msgspec.Struct, frozen=True):
    """A message of a thread, and the post on which it is."""

    chat_id: ChatId
    seq: int
    root_seq: int
    channel_id: ChatId
    post_seq: int
    # Whether the group still is the channel's discussion.
    linked: int


_LINK = """
SELECT d.channel_id, d.group_id, d.open, CASE WHEN g.suspended = '' THEN g.title ELSE '' END, g.suspended,
  g.default_rights
FROM messaging_discussions d
JOIN messaging_chats g ON g.id = d.group_id AND g.deleted_at_us = 0
"""


async def find_link(reads: Reads, channel_id: ChatId) -> Link | None:
    rows = await reads.fetch(Link, _LINK + "WHERE d.channel_id = :channel_id", channel_id=channel_id)
    return rows[0] if rows else None


async def find_link_of_group(reads: Reads, group_id: ChatId) -> Link | None:
    rows = await reads.fetch(Link, _LINK + "WHERE d.group_id = :group_id", group_id=group_id)
    return rows[0] if rows else None


async def link(tx: Transaction, channel_id: ChatId, group_id: ChatId, *, is_open: bool) -> None:
    """Both are locked, and the group is no other channel's."""
    await tx.execute(
        """
        INSERT INTO messaging_discussions (channel_id, group_id, open) VALUES (:channel_id, :group_id, :open)
        ON CONFLICT (channel_id) DO UPDATE SET group_id = excluded.group_id, open = excluded.open
        """,
        channel_id=channel_id,
        group_id=group_id,
        open=int(is_open),
    )
    await tx.execute("UPDATE messaging_chats SET threads = 1 WHERE id = :id", id=group_id)


async def unlink(tx: Transaction, chat_id: ChatId) -> None:
    """Whichever of the two it is."""
    await tx.execute("DELETE FROM messaging_discussions WHERE channel_id = :id OR group_id = :id", id=chat_id)


async def find_thread(reads: Reads, link: Link, post_seq: int) -> StoredThread | None:
    rows = await reads.fetch(
        StoredThread,
        """
        SELECT chat_id, root_seq, channel_id, post_seq, comments FROM messaging_threads
        WHERE channel_id = :channel_id AND post_seq = :post_seq AND chat_id = :group_id
        """,
        channel_id=link.channel_id,
        post_seq=post_seq,
        group_id=link.group_id,
    )
    return rows[0] if rows else None


async def add_thread(tx: Transaction, thread: StoredThread) -> None:
    """The group is locked."""
    await tx.insert("messaging_threads", StoredThread.__struct_fields__, [msgspec.structs.astuple(thread)])
    await add_entries(tx, [(thread.chat_id, thread.root_seq, thread.root_seq)])


async def answered(reads: Reads, messages: Collection[tuple[ChatId, int]]) -> dict[tuple[ChatId, int], Answered]:
    """Those of the messages that are in a thread."""
    rows = await reads.fetch(
        Answered,
        """
        SELECT e.chat_id, e.seq, e.root_seq, t.channel_id, t.post_seq,
          CASE WHEN d.group_id IS NULL THEN 0 ELSE 1 END
        FROM messaging_thread_entries e
        JOIN messaging_threads t ON t.chat_id = e.chat_id AND t.root_seq = e.root_seq
        LEFT JOIN messaging_discussions d ON d.channel_id = t.channel_id AND d.group_id = t.chat_id
        WHERE e.chat_id IN :chat_ids AND e.seq IN :seqs
        """,
        chat_ids=sorted({chat_id for chat_id, _ in messages}),
        seqs=sorted({seq for _, seq in messages}),
    )
    return {key: row for row in rows if (key := (row.chat_id, row.seq)) in messages}


async def add_entries(tx: Transaction, entries: Iterable[tuple[ChatId, int, int]]) -> None:
    """Each in its chat, at its place, of that root."""
    await tx.insert("messaging_thread_entries", ("chat_id", "seq", "root_seq"), list(entries))


async def count(tx: Transaction, counts: Mapping[tuple[ChatId, int], int]) -> None:
    """So many comments more, or fewer, in the thread of each root."""
    await tx.execute_many(
        "UPDATE messaging_threads SET comments = comments + :more WHERE chat_id = :chat_id AND root_seq = :root_seq",
        [(more, *root) for root, more in sorted(counts.items())],
    )


async def remove(tx: Transaction, chat_id: ChatId, seqs: Collection[int]) -> list[tuple[ChatId, int]]:
    """These messages are comments no more; what was the post stays the root of what is left. The posts with fewer."""
    rows: list[tuple[int, int, ChatId, int]] = await tx.fetch(
        tuple,
        """
        SELECT e.seq, e.root_seq, t.channel_id, t.post_seq FROM messaging_thread_entries e
        JOIN messaging_threads t ON t.chat_id = e.chat_id AND t.root_seq = e.root_seq
        WHERE e.chat_id = :chat_id AND e.seq IN :seqs AND e.seq <> e.root_seq
        """,
        chat_id=chat_id,
        seqs=list(seqs),
    )
    if not rows:
        return []
    await tx.execute(
        "DELETE FROM messaging_thread_entries WHERE chat_id = :chat_id AND seq IN :seqs",
        chat_id=chat_id,
        seqs=[seq for seq, *_ in rows],
    )
    fewer: dict[tuple[ChatId, int], int] = {}
    for _, root_seq, *_ in rows:
        fewer[chat_id, root_seq] = fewer.get((chat_id, root_seq), 0) - 1
    await count(tx, fewer)
    return [(channel_id, post_seq) for _, _, channel_id, post_seq in rows]


async def comments_on(reads: Reads, channel_id: ChatId, seqs: Collection[int]) -> dict[int, int] | None:
    """How many there are on each of these posts that has some; None where posts take none."""
    rows: list[tuple[int | None, int | None]] = await reads.fetch(
        tuple,
        """
        SELECT t.post_seq, t.comments FROM messaging_discussions d
        JOIN messaging_chats g ON g.id = d.group_id AND g.deleted_at_us = 0
        LEFT JOIN messaging_threads t ON t.channel_id = d.channel_id AND t.chat_id = d.group_id AND t.post_seq IN :seqs
        WHERE d.channel_id = :channel_id
        """,
        channel_id=channel_id,
        seqs=list(seqs),
    )
    return {seq: comments for seq, comments in rows if seq is not None and comments is not None} if rows else None


_ENTRIES = """
SELECT e.chat_id, e.seq, e.kind, e.sender_id, e.at_us, e.messages, e.ref, e.body
FROM messaging_thread_entries t JOIN messaging_entries e ON e.chat_id = t.chat_id AND e.seq = t.seq
WHERE t.chat_id = :chat_id AND t.root_seq = :root_seq AND t.seq <> t.root_seq
"""


async def entries_after(reads: Reads, thread: StoredThread, after: int, limit: int) -> list[StoredEntry]:
    return await reads.fetch(
        StoredEntry,
        _ENTRIES + "AND t.seq > :after ORDER BY t.seq LIMIT :limit",
        chat_id=thread.chat_id,
        root_seq=thread.root_seq,
        after=after,
        limit=limit,
    )


async def entries_before(reads: Reads, thread: StoredThread, before: int, limit: int) -> list[StoredEntry]:
    rows = await reads.fetch(
        StoredEntry,
        _ENTRIES + "AND t.seq < :before ORDER BY t.seq DESC LIMIT :limit",
        chat_id=thread.chat_id,
        root_seq=thread.root_seq,
        before=before,
        limit=limit,
    )
    return rows[::-1]

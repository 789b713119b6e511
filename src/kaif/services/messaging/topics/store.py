"""What is stored of topics."""

from collections.abc import Collection, Iterable, Sequence
from typing import Any

import msgspec

from kaif.engines.database import Reads, Transaction
from kaif.interfaces.messaging import READ_MARKS_SHOWN_MEMBERS_MAX, ChatId
from kaif.interfaces.messaging.topics import GENERAL
from kaif.kernel.actor import UserId
from kaif.services.messaging.entry_rules import StoredEntry
from kaif.services.messaging.model import TOPICS_ON

# A topic is read as far as its own mark or the chat's, whichever is further: what was said before somebody joined, or
# marked as a whole. How many of its messages that are says its last entry up to there, since messages come and go above
# a mark (topics/moving.py). Before there were topics all were of GENERAL, and marks knew their number.
_READ_SEQ = "CASE WHEN COALESCE(k.read_seq, 0) > m.read_seq THEN k.read_seq ELSE m.read_seq END"
_READ = f"""COALESCE(
    (SELECT e.messages FROM messaging_topic_entries e
     WHERE e.chat_id = t.chat_id AND e.topic_id = t.id AND e.seq <= {_READ_SEQ} ORDER BY e.seq DESC LIMIT 1),
    CASE WHEN t.id <> {GENERAL} THEN 0
      WHEN COALESCE(k.read_messages, 0) > m.read_messages THEN k.read_messages ELSE m.read_messages END)"""

_OF_MEMBER = """
FROM messaging_members m JOIN messaging_chats c ON c.id = m.chat_id
JOIN messaging_topics t ON t.chat_id = m.chat_id
LEFT JOIN messaging_topic_members k ON k.chat_id = t.chat_id AND k.topic_id = t.id AND k.user_id = m.user_id
"""

# As far as others show what they have read, and the person themselves does.
_READ_BY_OTHERS = f"""CASE WHEN c.members_hidden = 1 OR c.members > {READ_MARKS_SHOWN_MEMBERS_MAX}
    OR EXISTS (SELECT 1 FROM messaging_privacy p WHERE p.user_id = m.user_id AND p.read_receipts = 0) THEN 0
  ELSE COALESCE((
    SELECT MAX(CASE WHEN COALESCE(ok.read_seq, 0) > o.read_seq THEN ok.read_seq ELSE o.read_seq END)
    FROM messaging_members o
    LEFT JOIN messaging_topic_members ok ON ok.chat_id = t.chat_id AND ok.topic_id = t.id AND ok.user_id = o.user_id
    LEFT JOIN messaging_privacy q ON q.user_id = o.user_id
    WHERE o.chat_id = t.chat_id AND o.user_id <> m.user_id AND COALESCE(q.read_receipts, 1) = 1), 0) END"""

_SEEN = f"""
SELECT t.chat_id, t.id, t.title, t.icon, t.colour, t.creator_id, t.made_at_us, t.closed, t.hidden, t.pinned_at_us,
  t.messages, t.last_seq, {_READ},
  {_READ_SEQ},
  {_READ_BY_OTHERS}, COALESCE(k.muted_until_us, 0), COALESCE(k.restricted, 0), t.chosen_only, COALESCE(k.chosen, 0)
{_OF_MEMBER}
"""


class StoredTopic(msgspec.Struct, frozen=True):
    """A topic with one member's marks."""

    chat_id: ChatId
    id: int
    title: str
    icon: str
    colour: int
    creator_id: UserId
    made_at_us: int
    closed: int = 0
    hidden: int = 0
    pinned_at_us: int = 0
    messages: int = 0
    last_seq: int = 0
    read_messages: int = 0
    read_seq: int = 0
    others_read_seq: int = 0
    muted_until_us: int = 0
    restricted: int = 0
    chosen_only: int = 0
    chosen: int = 0


class TopicPlace(msgspec.Struct):
    """Where a topic ends, advanced while a batch is appended."""

    chat_id: ChatId
    id: int
    closed: int
    hidden: int
    messages: int
    last_seq: int
    chosen_only: int = 0


# Topics


async def switch(tx: Transaction, chat_id: ChatId, state: int) -> None:
    await tx.execute("UPDATE messaging_chats SET topics = :state WHERE id = :id", state=state, id=chat_id)


async def add_topic(tx: Transaction, topic: StoredTopic, once: str) -> None:
    """With its first entry. Raises AlreadyExists when one was made with the same `once`."""
    await tx.insert(
        "messaging_topics",
        ("chat_id", "id", "title", "icon", "colour", "creator_id", "once", "made_at_us", "closed", "hidden",
         "pinned_at_us", "messages", "last_seq"),
        [(topic.chat_id, topic.id, topic.title, topic.icon, topic.colour, topic.creator_id, once, topic.made_at_us,
          topic.closed, topic.hidden, topic.pinned_at_us, topic.messages, topic.last_seq)],
    )  # fmt: skip
    await add_entries(tx, [(topic.chat_id, topic.id, topic.last_seq, topic.messages)])


async def find_made_once(reads: Reads, once: str) -> int | None:
    rows: list[tuple[int]] = await reads.fetch(tuple, "SELECT id FROM messaging_topics WHERE once = :once", once=once)
    return rows[0][0] if rows else None


async def change_topic(tx: Transaction, chat_id: ChatId, topic_id: int, changes: dict[str, str | int]) -> None:
    """`changes` are columns of ours, never of a request's."""
    columns = ", ".join(f"{column} = :{column}" for column in changes)
    await tx.execute(
        f"UPDATE messaging_topics SET {columns} WHERE chat_id = :chat_id AND id = :topic_id",
        chat_id=chat_id,
        topic_id=topic_id,
        **changes,
    )


async def count_topics(reads: Reads, chat_id: ChatId) -> int:
    rows: list[tuple[int]] = await reads.fetch(
        tuple, "SELECT COUNT(*) FROM messaging_topics WHERE chat_id = :chat_id", chat_id=chat_id
    )
    return rows[0][0]


async def topics_seen(reads: Reads, chat_id: ChatId, user_id: UserId) -> list[StoredTopic]:
    return await reads.fetch(
        StoredTopic,
        f"""
        {_SEEN} WHERE m.chat_id = :chat_id AND m.user_id = :user_id
        ORDER BY t.pinned_at_us DESC, t.last_seq DESC, t.id DESC
        """,
        chat_id=chat_id,
        user_id=user_id,
    )


async def find_seen(reads: Reads, chat_id: ChatId, topic_id: int, user_id: UserId) -> StoredTopic | None:
    rows = await reads.fetch(
        StoredTopic,
        f"{_SEEN} WHERE m.chat_id = :chat_id AND m.user_id = :user_id AND t.id = :topic_id",
        chat_id=chat_id,
        user_id=user_id,
        topic_id=topic_id,
    )
    return rows[0] if rows else None


async def titles_of(reads: Reads, chat_id: ChatId, topic_ids: Collection[int]) -> dict[int, str]:
    """Those that are there; the one without a name is called nothing."""
    rows: list[tuple[int, str]] = await reads.fetch(
        tuple,
        "SELECT id, title FROM messaging_topics WHERE chat_id = :chat_id AND id IN :topic_ids",
        chat_id=chat_id,
        topic_ids=list(topic_ids),
    )
    return dict(rows)


async def unread_in(reads: Reads, user_id: UserId, chat_ids: Sequence[ChatId]) -> dict[ChatId, int]:
    """What is unread in all topics of each chat."""
    rows: list[tuple[ChatId, int]] = await reads.fetch(
        tuple,
        f"""
        SELECT chat_id, CAST(SUM(unread) AS BIGINT) FROM (
          SELECT t.chat_id AS chat_id, t.messages - {_READ} AS unread {_OF_MEMBER}
          WHERE m.user_id = :user_id AND m.chat_id IN :ids
        ) of_topics GROUP BY chat_id
        """,
        user_id=user_id,
        ids=list(chat_ids),
    )
    return dict(rows)


async def unread_heard(reads: Reads, user_id: UserId, now_us: int) -> int:
    """What is unread in topics that may be heard, of all chats that have them."""
    rows: list[tuple[Any]] = await reads.fetch(
        tuple,
        f"""
        SELECT CAST(COALESCE(SUM(t.messages - {_READ}), 0) AS BIGINT) {_OF_MEMBER}
        WHERE m.user_id = :user_id AND c.topics = {TOPICS_ON} AND c.deleted_at_us = 0
          AND m.muted_until_us <= :now_us AND COALESCE(k.muted_until_us, 0) <= :now_us
        """,
        user_id=user_id,
        now_us=now_us,
    )
    return int(rows[0][0])


# The entries of topics


async def places_of(reads: Reads, topics: Collection[tuple[ChatId, int]]) -> dict[tuple[ChatId, int], TopicPlace]:
    """They stay as they are while the chats are locked."""
    rows = await reads.fetch(
        TopicPlace,
        """
        SELECT chat_id, id, closed, hidden, messages, last_seq, chosen_only FROM messaging_topics
        WHERE chat_id IN :chat_ids AND id IN :ids
        """,
        chat_ids=sorted({chat_id for chat_id, _ in topics}),
        ids=sorted({topic_id for _, topic_id in topics}),
    )
    return {key: place for place in rows if (key := (place.chat_id, place.id)) in topics}


async def advance(tx: Transaction, places: Iterable[TopicPlace]) -> None:
    await tx.execute_many(
        "UPDATE messaging_topics SET messages = :messages, last_seq = :last_seq WHERE chat_id = :chat_id AND id = :id",
        [(place.messages, place.last_seq, place.chat_id, place.id) for place in places],
    )


async def add_entries(tx: Transaction, entries: Sequence[tuple[ChatId, int, int, int]]) -> None:
    """Each is (chat, topic, seq, the topic's messages up to and with it)."""
    await tx.insert("messaging_topic_entries", ("chat_id", "topic_id", "seq", "messages"), entries)


async def add_to_general(tx: Transaction, chat_id: ChatId, seq: int) -> None:
    """An entry that is no message and of no topic."""
    await tx.execute(
        """
        INSERT INTO messaging_topic_entries (chat_id, topic_id, seq, messages)
        SELECT chat_id, id, :seq, messages FROM messaging_topics WHERE chat_id = :chat_id AND id = :general
        """,
        chat_id=chat_id,
        seq=seq,
        general=GENERAL,
    )


async def first_seq(reads: Reads, chat_id: ChatId, topic_id: int) -> int:
    """The place of the first entry that is counted in the topic."""
    rows: list[tuple[int | None]] = await reads.fetch(
        tuple,
        "SELECT MIN(seq) FROM messaging_topic_entries WHERE chat_id = :chat_id AND topic_id = :topic_id",
        chat_id=chat_id,
        topic_id=topic_id,
    )
    return rows[0][0] or 0


_ENTRIES = """
SELECT e.chat_id, e.seq, e.kind, e.sender_id, e.at_us, e.messages, e.ref, e.body
FROM messaging_topic_entries t JOIN messaging_entries e ON e.chat_id = t.chat_id AND e.seq = t.seq
WHERE t.chat_id = :chat_id AND t.topic_id = :topic_id
"""


async def entries_after(reads: Reads, chat_id: ChatId, topic_id: int, after: int, limit: int) -> list[StoredEntry]:
    return await reads.fetch(
        StoredEntry,
        f"{_ENTRIES} AND t.seq > :after ORDER BY t.seq LIMIT :limit",
        chat_id=chat_id,
        topic_id=topic_id,
        after=after,
        limit=limit,
    )


async def entries_before(reads: Reads, chat_id: ChatId, topic_id: int, before: int, limit: int) -> list[StoredEntry]:
    """The last ones before it, in ascending order."""
    rows = await reads.fetch(
        StoredEntry,
        f"{_ENTRIES} AND t.seq < :before ORDER BY t.seq DESC LIMIT :limit",
        chat_id=chat_id,
        topic_id=topic_id,
        before=before,
        limit=limit,
    )
    return rows[::-1]


async def messages_up_to(reads: Reads, chat_id: ChatId, topic_id: int, seq: int) -> int | None:
    """How many messages of the topic stand up to there; None when none of its entries does."""
    rows: list[tuple[int]] = await reads.fetch(
        tuple,
        """
        SELECT messages FROM messaging_topic_entries WHERE chat_id = :chat_id AND topic_id = :topic_id AND seq <= :seq
        ORDER BY seq DESC LIMIT 1
        """,
        chat_id=chat_id,
        topic_id=topic_id,
        seq=seq,
    )
    return rows[0][0] if rows else None


async def next_message_for(
    reads: Reads, chat_id: ChatId, topic_id: int, first_seq: int, last_seq: int, user_id: UserId
) -> tuple[int, int] | None:
    """The place and the time of the topic's first message between these places which the person has not deleted for
    themselves."""
    rows: list[tuple[int, int]] = await reads.fetch(
        tuple,
        """
        SELECT t.seq, e.at_us FROM messaging_topic_entries t
        JOIN messaging_entries e ON e.chat_id = t.chat_id AND e.seq = t.seq AND e.kind = 'message'
        WHERE t.chat_id = :chat_id AND t.topic_id = :topic_id AND t.seq >= :first_seq AND t.seq <= :last_seq
          AND NOT EXISTS (
          SELECT 1 FROM messaging_hidden h WHERE h.user_id = :user_id AND h.chat_id = t.chat_id AND h.seq = t.seq)
        ORDER BY t.seq LIMIT 1
        """,
        chat_id=chat_id,
        topic_id=topic_id,
        first_seq=first_seq,
        last_seq=last_seq,
        user_id=user_id,
    )
    return rows[0] if rows else None


# The end of a topic


async def remove_topic(tx: Transaction, chat_id: ChatId, topic_id: int) -> None:
    """Nobody writes in it or sees it any more; what was in it still has to go."""
    await tx.execute(
        "DELETE FROM messaging_topics WHERE chat_id = :chat_id AND id = :topic_id", chat_id=chat_id, topic_id=topic_id
    )


async def some_left(reads: Reads, chat_id: ChatId, topic_id: int, limit: int) -> list[tuple[int, str]]:
    """The place and kind of some entries of a topic."""
    return await reads.fetch(
        tuple,
        """
        SELECT t.seq, e.kind FROM messaging_topic_entries t
        JOIN messaging_entries e ON e.chat_id = t.chat_id AND e.seq = t.seq
        WHERE t.chat_id = :chat_id AND t.topic_id = :topic_id ORDER BY t.seq LIMIT :limit
        """,
        chat_id=chat_id,
        topic_id=topic_id,
        limit=limit,
    )


async def remove_entries(tx: Transaction, chat_id: ChatId, topic_id: int, last_seq: int) -> None:
    """Those up to and with that place."""
    await tx.execute(
        """
        DELETE FROM messaging_topic_entries
        WHERE chat_id = :chat_id AND topic_id = :topic_id AND seq <= :last_seq
        """,
        chat_id=chat_id,
        topic_id=topic_id,
        last_seq=last_seq,
    )


async def touch_senders(tx: Transaction, pairs: Iterable[tuple[ChatId, UserId]], now_us: int) -> None:
    """They have written just now; what they have read stands with the topic."""
    await tx.execute_many(
        "UPDATE messaging_members SET sent_at_us = :now_us WHERE chat_id = :chat_id AND user_id = :user_id",
        [(now_us, chat_id, user_id) for chat_id, user_id in sorted(pairs)],
    )

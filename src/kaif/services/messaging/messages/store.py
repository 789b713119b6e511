"""What messaging asks its database about what is done with messages."""

from collections.abc import Collection, Iterable, Sequence

import msgspec

from kaif.engines.database import Database, Reads, Transaction
from kaif.interfaces.auth import Person
from kaif.interfaces.messaging import ChatId, Entry
from kaif.interfaces.messaging.content import TextEntity
from kaif.kernel.actor import UserId
from kaif.services.messaging.chat_views import StoredPerson
from kaif.services.messaging.entry_rules import Body, Place, StoredEntry, encoded

_entities = msgspec.json.Decoder(list[TextEntity])


class StoredReaction(StoredPerson, frozen=True):
    """Somebody's reaction."""

    emoji: str
    at_us: int


class StoredVersion(msgspec.Struct, frozen=True):
    at_us: int
    text: str
    entities_json: str

    @property
    def entities(self) -> list[TextEntity]:
        return _entities.decode(self.entities_json)


async def advance_by_actions(tx: Transaction, place: Place) -> None:
    """The log went on, but nothing in it is new to see: the chat keeps its place in lists."""
    await tx.execute(
        "UPDATE messaging_chats SET seq = :seq, written_at_us = :written_at_us WHERE id = :id",
        seq=place.seq,
        written_at_us=place.written_at_us,
        id=place.chat_id,
    )


async def change_body(tx: Transaction, row: StoredEntry, body: Body) -> None:
    await tx.execute(
        "UPDATE messaging_entries SET body = :body WHERE chat_id = :chat_id AND seq = :seq",
        body=encoded(body),
        chat_id=row.chat_id,
        seq=row.seq,
    )


# Quotes


async def add_quotes(tx: Transaction, entries: Iterable[Entry]) -> None:
    await tx.insert(
        "messaging_quotes",
        ("chat_id", "seq", "target", "text"),
        [(entry.chat_id, entry.seq, entry.reply_to, entry.quote) for entry in entries],
    )


async def quotes_at(reads: Reads, chat_id: ChatId, seqs: Collection[int]) -> dict[int, str]:
    rows: list[tuple[int, str]] = await reads.fetch(
        tuple,
        "SELECT seq, text FROM messaging_quotes WHERE chat_id = :chat_id AND seq IN :seqs",
        chat_id=chat_id,
        seqs=list(seqs),
    )
    return dict(rows)


# Earlier versions


async def add_version(tx: Transaction, row: StoredEntry, body: Body) -> None:
    """Keep what the message says until now."""
    await tx.insert(
        "messaging_versions",
        ("chat_id", "seq", "number", "at_us", "text", "entities"),
        [
            (
                row.chat_id,
                row.seq,
                body.edits,
                body.edited_at_us or row.at_us,
                body.text,
                msgspec.json.encode(body.entities).decode(),
            )
        ],
    )


async def versions_of(database: Database, chat_id: ChatId, seq: int) -> list[StoredVersion]:
    """Newest first."""
    return await database.fetch(
        StoredVersion,
        """
        SELECT at_us, text, entities FROM messaging_versions WHERE chat_id = :chat_id AND seq = :seq
        ORDER BY number DESC
        """,
        chat_id=chat_id,
        seq=seq,
    )


# Erasing


async def erase_traces(tx: Transaction, chat_id: ChatId, seqs: Collection[int]) -> None:
    """All that hangs on messages: earlier versions, reactions, pins, votes, and what was quoted of them."""
    for sql in (
        "DELETE FROM messaging_versions WHERE chat_id = :chat_id AND seq IN :seqs",
        "DELETE FROM messaging_reactions WHERE chat_id = :chat_id AND seq IN :seqs",
        "DELETE FROM messaging_pins WHERE chat_id = :chat_id AND seq IN :seqs",
        "DELETE FROM messaging_quotes WHERE chat_id = :chat_id AND target IN :seqs",
        # What a deleted answer quoted goes as well.
        "DELETE FROM messaging_quotes WHERE chat_id = :chat_id AND seq IN :seqs",
        "DELETE FROM messaging_polls WHERE chat_id = :chat_id AND seq IN :seqs",
        "DELETE FROM messaging_votes WHERE chat_id = :chat_id AND seq IN :seqs",
        "DELETE FROM messaging_post_views WHERE chat_id = :chat_id AND seq IN :seqs",
        "DELETE FROM messaging_mentions WHERE chat_id = :chat_id AND seq IN :seqs",
    ):
        await tx.execute(sql, chat_id=chat_id, seqs=list(seqs))


# Hidden from one person


async def hide(tx: Transaction, user_id: UserId, chat_id: ChatId, seqs: Iterable[int]) -> None:
    await tx.execute_many(
        """
        INSERT INTO messaging_hidden (user_id, chat_id, seq) VALUES (:user_id, :chat_id, :seq)
        ON CONFLICT (user_id, chat_id, seq) DO NOTHING
        """,
        [(user_id, chat_id, seq) for seq in sorted(seqs)],
    )


async def count_hidden(reads: Reads, user_id: UserId, chat_id: ChatId) -> int:
    rows: list[tuple[int]] = await reads.fetch(
        tuple,
        "SELECT COUNT(*) FROM messaging_hidden WHERE user_id = :user_id AND chat_id = :chat_id",
        user_id=user_id,
        chat_id=chat_id,
    )
    return rows[0][0]


async def hidden_at(reads: Reads, user_id: UserId, chat_id: ChatId, seqs: Collection[int]) -> set[int]:
    rows: list[tuple[int]] = await reads.fetch(
        tuple,
        "SELECT seq FROM messaging_hidden WHERE user_id = :user_id AND chat_id = :chat_id AND seq IN :seqs",
        user_id=user_id,
        chat_id=chat_id,
        seqs=list(seqs),
    )
    return {seq for (seq,) in rows}


async def chats_with_last_hidden(reads: Reads, user_id: UserId, chat_ids: Sequence[ChatId]) -> set[ChatId]:
    """Those whose newest entry to see is hidden from the person."""
    rows: list[tuple[ChatId]] = await reads.fetch(
        tuple,
        """
        SELECT c.id FROM messaging_chats c JOIN messaging_hidden h ON h.chat_id = c.id AND h.seq = c.shown_seq
        WHERE h.user_id = :user_id AND c.id IN :ids
        """,
        user_id=user_id,
        ids=chat_ids,
    )
    return {chat_id for (chat_id,) in rows}


async def forget_hidden(tx: Transaction, user_id: UserId) -> int:
    """How many there were."""
    return await tx.execute("DELETE FROM messaging_hidden WHERE user_id = :user_id", user_id=user_id)


# Reactions


async def add_reaction(tx: Transaction, chat_id: ChatId, seq: int, user_id: UserId, emoji: str, now_us: int) -> bool:
    """Whether it is new."""
    added = await tx.execute(
        """
        INSERT INTO messaging_reactions (chat_id, seq, user_id, emoji, at_us)
        VALUES (:chat_id, :seq, :user_id, :emoji, :now_us)
        ON CONFLICT (chat_id, seq, user_id, emoji) DO NOTHING
        """,
        chat_id=chat_id,
        seq=seq,
        user_id=user_id,
        emoji=emoji,
        now_us=now_us,
    )
    return added == 1


async def remove_reaction(tx: Transaction, chat_id: ChatId, seq: int, user_id: UserId, emoji: str) -> bool:
    """Whether there was one."""
    removed = await tx.execute(
        """
        DELETE FROM messaging_reactions
        WHERE chat_id = :chat_id AND seq = :seq AND user_id = :user_id AND emoji = :emoji
        """,
        chat_id=chat_id,
        seq=seq,
        user_id=user_id,
        emoji=emoji,
    )
    return removed == 1


async def reactions_by(reads: Reads, user_id: UserId, chat_id: ChatId, seqs: Collection[int]) -> set[tuple[int, str]]:
    """One person's reactions to these messages."""
    rows: list[tuple[int, str]] = await reads.fetch(
        tuple,
        """
        SELECT seq, emoji FROM messaging_reactions
        WHERE user_id = :user_id AND chat_id = :chat_id AND seq IN :seqs
        """,
        user_id=user_id,
        chat_id=chat_id,
        seqs=list(seqs),
    )
    return set(rows)


async def reactions_to(
    database: Database, chat_id: ChatId, seq: int, before: tuple[int, str], limit: int
) -> list[StoredReaction]:
    """Newest first, after the page that ended with `before`: when, and whose."""
    at_us, user_id = before
    return await database.fetch(
        StoredReaction,
        """
        SELECT r.user_id, p.username, p.display_name, p.avatar_colour, p.kind, p.avatar, r.emoji, r.at_us
        FROM messaging_reactions r JOIN messaging_people p ON p.id = r.user_id
        WHERE r.chat_id = :chat_id AND r.seq = :seq
          AND (r.at_us < :at_us OR r.at_us = :at_us AND r.user_id < :user_id)
        ORDER BY r.at_us DESC, r.user_id DESC, r.emoji LIMIT :limit
        """,
        chat_id=chat_id,
        seq=seq,
        at_us=at_us,
        user_id=user_id,
        limit=limit,
    )


# Pins


async def add_pin(tx: Transaction, chat_id: ChatId, seq: int, pinned_seq: int) -> None:
    """`pinned_seq` is the entry that says so."""
    await tx.execute(
        "INSERT INTO messaging_pins (chat_id, seq, pinned_seq) VALUES (:chat_id, :seq, :pinned_seq)",
        chat_id=chat_id,
        seq=seq,
        pinned_seq=pinned_seq,
    )


async def remove_pin(tx: Transaction, chat_id: ChatId, seq: int) -> None:
    await tx.execute("DELETE FROM messaging_pins WHERE chat_id = :chat_id AND seq = :seq", chat_id=chat_id, seq=seq)


async def count_pins(reads: Reads, chat_id: ChatId) -> int:
    rows: list[tuple[int]] = await reads.fetch(
        tuple, "SELECT COUNT(*) FROM messaging_pins WHERE chat_id = :chat_id", chat_id=chat_id
    )
    return rows[0][0]


async def pins_of(database: Database, chat_id: ChatId, limit: int) -> list[StoredEntry]:
    """The pinned messages, the last one pinned first."""
    return await database.fetch(
        StoredEntry,
        """
        SELECT e.chat_id, e.seq, e.kind, e.sender_id, e.at_us, e.messages, e.ref, e.body
        FROM messaging_pins p JOIN messaging_entries e ON e.chat_id = p.chat_id AND e.seq = p.seq
        WHERE p.chat_id = :chat_id ORDER BY p.pinned_seq DESC LIMIT :limit
        """,
        chat_id=chat_id,
        limit=limit,
    )


# Readers


async def readers_of(database: Database, row: StoredEntry, topic_id: int, asked_by: UserId, limit: int) -> list[Person]:
    """Without those who show nobody what they have read, and those between whom and the asker a block stands."""
    return await database.fetch(
        Person,
        """
        SELECT p.id, p.username, p.display_name, p.avatar_colour, p.kind, p.avatar
        FROM messaging_members m JOIN messaging_people p ON p.id = m.user_id
        WHERE m.chat_id = :chat_id AND m.user_id <> :sender_id AND (m.read_seq >= :seq OR EXISTS (
            SELECT 1 FROM messaging_topic_members k WHERE k.chat_id = m.chat_id AND k.topic_id = :topic_id
              AND k.user_id = m.user_id AND k.read_seq >= :seq))
          AND NOT EXISTS (SELECT 1 FROM messaging_privacy q WHERE q.user_id = m.user_id AND q.read_receipts = 0)
          AND NOT EXISTS (
            SELECT 1 FROM messaging_blocks b WHERE b.user_id = m.user_id AND b.blocked_id = :asked_by
              OR b.user_id = :asked_by AND b.blocked_id = m.user_id)
        ORDER BY p.display_name, p.id LIMIT :limit
        """,
        chat_id=row.chat_id,
        seq=row.seq,
        topic_id=topic_id,
        sender_id=row.sender_id,
        asked_by=asked_by,
        limit=limit,
    )

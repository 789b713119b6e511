"""What is stored of messages that mention somebody or answer them, as long as they have not been read.

The marks decide what is unread: rows that a mark has passed are taken away when there is occasion to, and count nothing
until then.
"""

from collections.abc import Collection, Iterable, Sequence

import msgspec

from kaif.engines.database import Reads, Transaction
from kaif.interfaces.messaging import MENTIONS_SHOWN_MAX, ChatId, Entry
from kaif.kernel.actor import UserId
from kaif.services.messaging.entry_store import entries_at
from kaif.services.messaging.model import TOPICS_ON


class Mention(msgspec.Struct, frozen=True, order=True):
    """Of somebody, or an answer to them."""

    user_id: UserId
    chat_id: ChatId
    seq: int
    topic_id: int


async def note(tx: Transaction, entries: Sequence[Entry], senders: Sequence[UserId]) -> list[Mention]:
    """Of these messages of groups, each by its sender; most mention nobody and answer nothing."""
    speaking = [(e, by) for e, by in zip(entries, senders, strict=True) if e.reply_to or e.entities]
    if not speaking:
        return []
    answered: dict[ChatId, set[int]] = {}
    for entry, _ in speaking:
        if entry.reply_to:
            answered.setdefault(entry.chat_id, set()).add(entry.reply_to)
    authors = {
        (chat_id, row.seq): row.sender_id
        for chat_id, seqs in answered.items()
        for row in await entries_at(tx, chat_id, seqs)
        if row.kind == "message"
    }
    wanted = {
        Mention(user_id, entry.chat_id, entry.seq, entry.topic_id)
        for entry, by in speaking
        for user_id in {*_mentioned(entry), authors.get((entry.chat_id, entry.reply_to), by)} - {by}
    }
    return await _add(tx, wanted)


async def note_again(tx: Transaction, entry: Entry, by: UserId) -> tuple[list[Mention], list[Mention]]:
    """The message says something else now: whom it mentions that it did not, and whom it no longer does."""
    before = await tx.fetch(
        Mention,
        "SELECT user_id, chat_id, seq, topic_id FROM messaging_mentions WHERE chat_id = :chat_id AND seq = :seq",
        chat_id=entry.chat_id,
        seq=entry.seq,
    )
    await tx.execute(
        "DELETE FROM messaging_mentions WHERE chat_id = :chat_id AND seq = :seq", chat_id=entry.chat_id, seq=entry.seq
    )
    after = await note(tx, [entry], [by])
    return [one for one in after if one not in before], [one for one in before if one not in after]


def _mentioned(entry: Entry) -> set[UserId]:
    return {UserId(part.user_id) for part in entry.entities if part.kind == "mention"}


async def _add(tx: Transaction, wanted: Collection[Mention]) -> list[Mention]:
    """Only of people who are there, so that nobody fills the table by naming others."""
    pairs = {(one.chat_id, one.user_id) for one in wanted}
    if not pairs:
        return []
    rows: list[tuple[ChatId, UserId]] = await tx.fetch(
        tuple,
        "SELECT chat_id, user_id FROM messaging_members WHERE (chat_id, user_id) IN :pairs AND bot = 0",
        pairs=sorted(pairs),
    )
    there = set(rows)
    mentions = sorted(one for one in wanted if (one.chat_id, one.user_id) in there)
    await tx.insert(
        "messaging_mentions", Mention.__struct_fields__, [msgspec.structs.astuple(mention) for mention in mentions]
    )
    return mentions


async def unread(reads: Reads, user_id: UserId, chat_ids: Collection[ChatId]) -> dict[ChatId, list[Mention]]:
    """The first ones of each chat, in order."""
    if not chat_ids:
        return {}
    rows = await reads.fetch(
        Mention,
        f"""
        SELECT user_id, chat_id, seq, topic_id FROM (
          SELECT n.user_id, n.chat_id, n.seq, n.topic_id,
            ROW_NUMBER() OVER (PARTITION BY n.chat_id ORDER BY n.seq) AS place
          FROM messaging_mentions n
          JOIN messaging_members m ON m.chat_id = n.chat_id AND m.user_id = n.user_id AND n.seq > m.read_seq
          JOIN messaging_chats c ON c.id = n.chat_id
          LEFT JOIN messaging_topic_members k
            ON c.topics = {TOPICS_ON} AND k.chat_id = n.chat_id AND k.topic_id = n.topic_id AND k.user_id = n.user_id
          WHERE n.user_id = :user_id AND n.chat_id IN :ids AND n.seq > COALESCE(k.read_seq, 0)
        ) numbered WHERE place <= :most ORDER BY chat_id, seq
        """,
        user_id=user_id,
        ids=list(chat_ids),
        most=MENTIONS_SHOWN_MAX,
    )
    found: dict[ChatId, list[Mention]] = {}
    for row in rows:
        found.setdefault(row.chat_id, []).append(row)
    return found


async def mark_read(tx: Transaction, user_id: UserId, chat_id: ChatId, seq: int, topic_id: int | None = None) -> None:
    """All up to there, or those of a topic."""
    await tx.execute(
        "DELETE FROM messaging_mentions WHERE user_id = :user_id AND chat_id = :chat_id AND seq <= :seq"
        + ("" if topic_id is None else " AND topic_id = :topic_id"),
        user_id=user_id,
        chat_id=chat_id,
        seq=seq,
        **({} if topic_id is None else {"topic_id": topic_id}),
    )


async def forget_for(tx: Transaction, user_id: UserId, chat_id: ChatId, seqs: Iterable[int]) -> None:
    """One has deleted these for oneself."""
    await tx.execute(
        "DELETE FROM messaging_mentions WHERE user_id = :user_id AND chat_id = :chat_id AND seq IN :seqs",
        user_id=user_id,
        chat_id=chat_id,
        seqs=sorted(seqs),
    )


async def forget_person(tx: Transaction, user_id: UserId) -> int:
    """How many there were."""
    return await tx.execute("DELETE FROM messaging_mentions WHERE user_id = :user_id", user_id=user_id)


async def count_after(reads: Reads, user_id: UserId, chat_id: ChatId, rows: int) -> list[tuple[UserId, ChatId, int]]:
    """Of so many rows, those after this person's in this chat: how many are whose and where, in that order."""
    counted: list[tuple[UserId, ChatId, int]] = await reads.fetch(
        tuple,
        """
        SELECT user_id, chat_id, COUNT(*) FROM (
          SELECT user_id, chat_id FROM messaging_mentions
          WHERE user_id > :user_id OR user_id = :user_id AND chat_id > :chat_id
          ORDER BY user_id, chat_id LIMIT :rows
        ) looked_at GROUP BY user_id, chat_id ORDER BY user_id, chat_id
        """,
        user_id=user_id,
        chat_id=chat_id,
        rows=rows,
    )
    return counted


async def keep_newest(tx: Transaction, user_id: UserId, chat_id: ChatId, kept: int, limit: int) -> int:
    """Take away the oldest that are more, at most so many; how many those were."""
    return await tx.execute(
        """
        DELETE FROM messaging_mentions WHERE user_id = :user_id AND chat_id = :chat_id AND seq IN (
          SELECT seq FROM messaging_mentions WHERE user_id = :user_id AND chat_id = :chat_id
          ORDER BY seq DESC LIMIT :limit OFFSET :kept)
        """,
        user_id=user_id,
        chat_id=chat_id,
        kept=kept,
        limit=limit,
    )

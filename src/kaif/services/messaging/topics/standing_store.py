"""What is stored of people in topics: how far they have read, for how long they are muted, and who may write."""

from collections.abc import Collection, Iterable

import msgspec

from kaif.engines.database import Reads, Transaction
from kaif.interfaces.auth import Person
from kaif.interfaces.messaging import ChatId
from kaif.kernel.actor import UserId


class Standing(msgspec.Struct, frozen=True):
    """How far somebody has read in a topic, and until when they hear nothing of it."""

    user_id: UserId
    topic_id: int
    read_seq: int
    muted_until_us: int


async def move_marks(tx: Transaction, marks: Iterable[tuple[ChatId, int, UserId, int, int]]) -> None:
    """Each is (chat, topic, person, seq, messages so far); marks only move forward."""
    await tx.execute_many(
        """
        INSERT INTO messaging_topic_members (chat_id, topic_id, user_id, read_seq, read_messages)
        VALUES (:chat_id, :topic_id, :user_id, :read_seq, :read_messages)
        ON CONFLICT (chat_id, topic_id, user_id) DO UPDATE
        SET read_seq = excluded.read_seq, read_messages = excluded.read_messages
        WHERE messaging_topic_members.read_seq < excluded.read_seq
        """,
        sorted(marks),
    )


async def move_absent_marks(tx: Transaction, marks: Iterable[tuple[ChatId, int, UserId, int, int]]) -> None:
    """As `move_marks`, of those whose messages were sent without them: what they had not read they still have not.

    Whether they had read all above is counted by the topic's entries, since messages come and go there.
    """
    await tx.execute_many(
        """
        UPDATE messaging_topic_members SET read_seq = :read_seq, read_messages = :read_messages
        WHERE chat_id = :chat_id AND topic_id = :topic_id AND user_id = :user_id
          AND COALESCE(
            (SELECT e.messages FROM messaging_topic_entries e
             WHERE e.chat_id = messaging_topic_members.chat_id AND e.topic_id = messaging_topic_members.topic_id
               AND e.seq <= messaging_topic_members.read_seq ORDER BY e.seq DESC LIMIT 1),
            read_messages) = :read_messages - 1
        """,
        [(seq, messages, chat_id, topic_id, user_id) for chat_id, topic_id, user_id, seq, messages in sorted(marks)],
    )


async def mute(tx: Transaction, chat_id: ChatId, topic_id: int, user_id: UserId, until_us: int) -> None:
    await _set(tx, "muted_until_us", chat_id, topic_id, user_id, until_us)


async def restrict(tx: Transaction, chat_id: ChatId, topic_id: int, user_id: UserId, restricted: bool) -> None:
    await _set(tx, "restricted", chat_id, topic_id, user_id, int(restricted))


async def restricted_among(
    reads: Reads, triples: Collection[tuple[ChatId, int, UserId]]
) -> set[tuple[ChatId, int, UserId]]:
    return await _marked_among(reads, "restricted", triples)


async def restricted_in(reads: Reads, chat_id: ChatId, topic_id: int, limit: int) -> list[Person]:
    return await _marked_in(reads, "restricted", chat_id, topic_id, limit)


async def choose(tx: Transaction, chat_id: ChatId, topic_id: int, user_id: UserId, chosen: bool) -> None:
    await _set(tx, "chosen", chat_id, topic_id, user_id, int(chosen))


async def chosen_among(
    reads: Reads, triples: Collection[tuple[ChatId, int, UserId]]
) -> set[tuple[ChatId, int, UserId]]:
    return await _marked_among(reads, "chosen", triples)


async def chosen_in(reads: Reads, chat_id: ChatId, topic_id: int, limit: int) -> list[Person]:
    return await _marked_in(reads, "chosen", chat_id, topic_id, limit)


async def standings(
    reads: Reads, chat_id: ChatId, topic_ids: Collection[int], user_ids: Collection[UserId]
) -> list[Standing]:
    """Of those who have one in these topics."""
    return await reads.fetch(
        Standing,
        """
        SELECT user_id, topic_id, read_seq, muted_until_us FROM messaging_topic_members
        WHERE chat_id = :chat_id AND topic_id IN :topic_ids AND user_id IN :user_ids
        """,
        chat_id=chat_id,
        topic_ids=sorted(topic_ids),
        user_ids=sorted(user_ids),
    )


async def remove_members(tx: Transaction, chat_id: ChatId, topic_id: int) -> None:
    """What differed in it from person to person: none of so many but those for whom something did."""
    await tx.execute(
        "DELETE FROM messaging_topic_members WHERE chat_id = :chat_id AND topic_id = :topic_id",
        chat_id=chat_id,
        topic_id=topic_id,
    )


async def forget(tx: Transaction, user_id: UserId) -> int:
    """How many topics one had marks in."""
    return await tx.execute("DELETE FROM messaging_topic_members WHERE user_id = :user_id", user_id=user_id)


async def _set(tx: Transaction, column: str, chat_id: ChatId, topic_id: int, user_id: UserId, value: int) -> None:
    """`column` is ours, never a request's."""
    await tx.execute(
        f"""
        INSERT INTO messaging_topic_members (chat_id, topic_id, user_id, {column})
        VALUES (:chat_id, :topic_id, :user_id, :value)
        ON CONFLICT (chat_id, topic_id, user_id) DO UPDATE SET {column} = excluded.{column}
        """,
        chat_id=chat_id,
        topic_id=topic_id,
        user_id=user_id,
        value=value,
    )


async def _marked_among(
    reads: Reads, column: str, triples: Collection[tuple[ChatId, int, UserId]]
) -> set[tuple[ChatId, int, UserId]]:
    """`column` is ours, never a request's."""
    rows: list[tuple[ChatId, int, UserId]] = await reads.fetch(
        tuple,
        f"""
        SELECT chat_id, topic_id, user_id FROM messaging_topic_members
        WHERE chat_id IN :chat_ids AND topic_id IN :topic_ids AND user_id IN :user_ids AND {column} = 1
        """,
        chat_ids=sorted({chat_id for chat_id, _, _ in triples}),
        topic_ids=sorted({topic_id for _, topic_id, _ in triples}),
        user_ids=sorted({user_id for _, _, user_id in triples}),
    )
    return {triple for chat_id, topic_id, user_id in rows if (triple := (chat_id, topic_id, user_id)) in triples}


async def _marked_in(reads: Reads, column: str, chat_id: ChatId, topic_id: int, limit: int) -> list[Person]:
    """`column` is ours, never a request's."""
    return await reads.fetch(
        Person,
        f"""
        SELECT p.id, p.username, p.display_name, p.avatar_colour, p.kind, p.avatar
        FROM messaging_topic_members k JOIN messaging_people p ON p.id = k.user_id
        WHERE k.chat_id = :chat_id AND k.topic_id = :topic_id AND k.{column} = 1
        ORDER BY p.display_name, p.id LIMIT :limit
        """,
        chat_id=chat_id,
        topic_id=topic_id,
        limit=limit,
    )

"""How the counts of topics stay exact when messages move: what follows them is counted anew."""

from collections.abc import Collection, Sequence
from itertools import pairwise

from kaif.engines.database import Reads, Transaction
from kaif.interfaces.messaging import ChatId
from kaif.interfaces.messaging.topics import GENERAL
from kaif.services.messaging.topics import store as topic_store


async def count_from(reads: Reads, chat_id: ChatId, topic_ids: Collection[int], seq: int, limit: int) -> int:
    """How many entries these topics have from that place on; no more than the limit are looked at."""
    rows: list[tuple[int]] = await reads.fetch(
        tuple,
        """
        SELECT COUNT(*) FROM (
          SELECT 1 FROM messaging_topic_entries
          WHERE chat_id = :chat_id AND topic_id IN :topic_ids AND seq >= :seq LIMIT :limit) following
        """,
        chat_id=chat_id,
        topic_ids=sorted(topic_ids),
        seq=seq,
        limit=limit,
    )
    return rows[0][0]


async def begin_general_before(tx: Transaction, chat_id: ChatId, seq: int, first_seq: int) -> None:
    """Before `first_seq` all is of the topic without a name. From here on that begins right before `seq`, so that what
    stands there can leave it."""
    await tx.execute(
        """
        INSERT INTO messaging_topic_entries (chat_id, topic_id, seq, messages)
        SELECT chat_id, :general, seq, messages FROM messaging_entries
        WHERE chat_id = :chat_id AND seq >= :seq - 1 AND seq < :first_seq
        """,
        general=GENERAL,
        chat_id=chat_id,
        seq=seq,
        first_seq=first_seq,
    )


async def take_out(tx: Transaction, chat_id: ChatId, topic_id: int, seqs: Sequence[int]) -> None:
    """These messages, in order, are no longer of the topic."""
    await tx.execute(
        "DELETE FROM messaging_topic_entries WHERE chat_id = :chat_id AND topic_id = :topic_id AND seq IN :seqs",
        chat_id=chat_id,
        topic_id=topic_id,
        seqs=list(seqs),
    )
    await _count_on(tx, chat_id, topic_id, seqs, -1)


async def put_in(tx: Transaction, chat_id: ChatId, topic_id: int, seqs: Sequence[int]) -> None:
    """These messages, in order, are of the topic from now on."""
    before = [await topic_store.messages_up_to(tx, chat_id, topic_id, seq) or 0 for seq in seqs]
    await _count_on(tx, chat_id, topic_id, seqs, 1)
    counted = enumerate(zip(seqs, before, strict=True), start=1)
    await topic_store.add_entries(tx, [(chat_id, topic_id, seq, count + place) for place, (seq, count) in counted])


async def _count_on(tx: Transaction, chat_id: ChatId, topic_id: int, seqs: Sequence[int], step: int) -> None:
    """What stands after the first of these places counts one step, after the second two, and so on."""
    await tx.execute_many(
        """
        UPDATE messaging_topic_entries SET messages = messages + :change
        WHERE chat_id = :chat_id AND topic_id = :topic_id AND seq > :after AND seq < :before
        """,
        [
            (step * place, chat_id, topic_id, after, before)
            for place, (after, before) in enumerate(pairwise([*seqs, 2**62]), start=1)
        ],
    )


async def add_line(tx: Transaction, chat_id: ChatId, topic_id: int, seq: int) -> None:
    """The newest entry, which is no message, stands in the topic."""
    await tx.execute(
        """
        INSERT INTO messaging_topic_entries (chat_id, topic_id, seq, messages)
        SELECT chat_id, topic_id, :seq, messages FROM messaging_topic_entries
        WHERE chat_id = :chat_id AND topic_id = :topic_id ORDER BY seq DESC LIMIT 1
        """,
        chat_id=chat_id,
        topic_id=topic_id,
        seq=seq,
    )


async def settle(tx: Transaction, chat_id: ChatId, topic_ids: Collection[int]) -> None:
    """A topic holds as many messages as its last entry counts."""
    last = "FROM messaging_topic_entries e WHERE e.chat_id = :chat_id AND e.topic_id = messaging_topics.id"
    await tx.execute(
        f"""
        UPDATE messaging_topics SET
          messages = (SELECT e.messages {last} ORDER BY e.seq DESC LIMIT 1),
          last_seq = (SELECT e.seq {last} ORDER BY e.seq DESC LIMIT 1)
        WHERE chat_id = :chat_id AND id IN :topic_ids
        """,
        chat_id=chat_id,
        topic_ids=sorted(topic_ids),
    )


async def move_mentions(tx: Transaction, chat_id: ChatId, seqs: Collection[int], topic_id: int) -> None:
    await tx.execute(
        "UPDATE messaging_mentions SET topic_id = :topic_id WHERE chat_id = :chat_id AND seq IN :seqs",
        chat_id=chat_id,
        seqs=sorted(seqs),
        topic_id=topic_id,
    )

"""What messaging asks its database about polls and votes."""

from collections.abc import Collection, Iterable, Sequence

import msgspec

from kaif.engines.database import Database, Reads, Transaction
from kaif.interfaces.messaging import ChatId, Entry
from kaif.interfaces.messaging.cards import NewPoll, Poll
from kaif.kernel.actor import UserId
from kaif.kernel.clock import as_us
from kaif.services.messaging.chat_views import StoredPerson

_POLL = """
chat_id, seq, anonymous, correct, explanation, counts, voters, closed, closes_at_us, told_at_us, due_at_us
"""
NO_ANSWER = -1

_counts = msgspec.json.Decoder(list[int]).decode
_encode = msgspec.json.Encoder().encode


class StoredPoll(msgspec.Struct, frozen=True):
    """A row of messaging_polls."""

    chat_id: ChatId
    seq: int
    anonymous: int
    correct: int
    explanation: str
    counts_json: str
    voters: int
    closed: int
    closes_at_us: int
    told_at_us: int
    due_at_us: int

    @property
    def counts(self) -> list[int]:
        return _counts(self.counts_json)

    @property
    def answer(self) -> int | None:
        return None if self.correct == NO_ANSWER else self.correct

    def takes_votes(self, now_us: int) -> bool:
        return not self.closed and not self.is_over(now_us)

    def is_over(self, now_us: int) -> bool:
        return 0 < self.closes_at_us <= now_us


class StoredVote(StoredPerson, frozen=True):
    """Somebody's vote."""

    at_us: int


class Due(msgspec.Struct, frozen=True):
    chat_id: ChatId
    seq: int
    due_at_us: int


async def add(tx: Transaction, polls: Iterable[tuple[Entry, NewPoll]]) -> None:
    rows = []
    for entry, poll in polls:
        card = entry.card
        assert isinstance(card, Poll)
        correct = NO_ANSWER if poll.correct is None else poll.correct
        closes_at_us = as_us(card.closes_at) if card.closes_at else 0
        counts = _encode([0] * len(poll.options)).decode()
        start = entry.chat_id, entry.seq, int(poll.anonymous), correct, poll.explanation
        rows.append((*start, counts, 0, 0, closes_at_us, 0, closes_at_us))
    await tx.insert("messaging_polls", tuple(_POLL.replace("\n", "").split(", ")), rows)


async def polls_at(reads: Reads, chat_id: ChatId, seqs: Collection[int]) -> dict[int, StoredPoll]:
    rows = await reads.fetch(
        StoredPoll,
        f"SELECT {_POLL} FROM messaging_polls WHERE chat_id = :chat_id AND seq IN :seqs",
        chat_id=chat_id,
        seqs=list(seqs),
    )
    return {row.seq: row for row in rows}


async def lock(tx: Transaction, chat_id: ChatId, seq: int) -> StoredPoll | None:
    """Held until the commit. Whoever holds the chat's lock too has taken that first."""
    rows = await tx.fetch(
        StoredPoll,
        f"SELECT {_POLL} FROM messaging_polls WHERE chat_id = :chat_id AND seq = :seq FOR UPDATE",
        chat_id=chat_id,
        seq=seq,
    )
    return rows[0] if rows else None


async def keep_counts(tx: Transaction, poll: StoredPoll, counts: Sequence[int], voters: int, due_at_us: int) -> None:
    await tx.execute(
        """
        UPDATE messaging_polls SET counts = :counts, voters = :voters, due_at_us = :due_at_us
        WHERE chat_id = :chat_id AND seq = :seq
        """,
        counts=_encode(counts).decode(),
        voters=voters,
        due_at_us=due_at_us,
        chat_id=poll.chat_id,
        seq=poll.seq,
    )


async def mark_told(tx: Transaction, poll: StoredPoll, now_us: int, *, closed: bool) -> None:
    """Nothing is to be said any more, until somebody votes or the poll's time is over."""
    await tx.execute(
        """
        UPDATE messaging_polls SET closed = :closed, told_at_us = :now_us, due_at_us = :due_at_us
        WHERE chat_id = :chat_id AND seq = :seq
        """,
        closed=int(closed),
        now_us=now_us,
        due_at_us=0 if closed else poll.closes_at_us,
        chat_id=poll.chat_id,
        seq=poll.seq,
    )


async def earliest_due(database: Database, limit: int) -> list[Due]:
    return await database.fetch(
        Due,
        "SELECT chat_id, seq, due_at_us FROM messaging_polls WHERE due_at_us > 0 ORDER BY due_at_us LIMIT :limit",
        limit=limit,
    )


async def leave_unsaid(tx: Transaction, due: Due) -> None:
    await tx.execute(
        "UPDATE messaging_polls SET due_at_us = 0 WHERE chat_id = :chat_id AND seq = :seq",
        chat_id=due.chat_id,
        seq=due.seq,
    )


# Votes


async def votes_by(reads: Reads, user_id: UserId, chat_id: ChatId, seqs: Collection[int]) -> dict[int, set[int]]:
    """One person's choices in these polls, without those in which they have made none."""
    rows: list[tuple[int, int]] = await reads.fetch(
        tuple,
        "SELECT seq, option FROM messaging_votes WHERE chat_id = :chat_id AND seq IN :seqs AND user_id = :user_id",
        chat_id=chat_id,
        seqs=list(seqs),
        user_id=user_id,
    )
    votes: dict[int, set[int]] = {}
    for seq, option in rows:
        votes.setdefault(seq, set()).add(option)
    return votes


async def replace_vote(
    tx: Transaction, poll: StoredPoll, user_id: UserId, options: Collection[int], now_us: int
) -> None:
    await tx.execute(
        "DELETE FROM messaging_votes WHERE chat_id = :chat_id AND seq = :seq AND user_id = :user_id",
        chat_id=poll.chat_id,
        seq=poll.seq,
        user_id=user_id,
    )
    columns = ("chat_id", "seq", "user_id", "option", "at_us")
    rows = [(poll.chat_id, poll.seq, user_id, option, now_us) for option in sorted(options)]
    await tx.insert("messaging_votes", columns, rows)


async def voters_of(
    database: Database, chat_id: ChatId, seq: int, option: int, before: tuple[int, str], limit: int
) -> list[StoredVote]:
    """Newest first, after the page that ended with `before`: when, and whose."""
    at_us, user_id = before
    return await database.fetch(
        StoredVote,
        """
        SELECT v.user_id, p.username, p.display_name, p.avatar_colour, p.kind, p.avatar, v.at_us
        FROM messaging_votes v JOIN messaging_people p ON p.id = v.user_id
        WHERE v.chat_id = :chat_id AND v.seq = :seq AND v.option = :option
          AND (v.at_us < :at_us OR v.at_us = :at_us AND v.user_id < :user_id)
        ORDER BY v.at_us DESC, v.user_id DESC LIMIT :limit
        """,
        chat_id=chat_id,
        seq=seq,
        option=option,
        at_us=at_us,
        user_id=user_id,
        limit=limit,
    )


async def forget(tx: Transaction, user_id: UserId) -> int:
    """Who it was that voted in anonymous polls; the counts stay. How many votes there were."""
    return await tx.execute(
        """
        DELETE FROM messaging_votes WHERE user_id = :user_id AND EXISTS (
          SELECT 1 FROM messaging_polls p
          WHERE p.chat_id = messaging_votes.chat_id AND p.seq = messaging_votes.seq AND p.anonymous = 1)
        """,
        user_id=user_id,
    )

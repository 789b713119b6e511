"""The questions of letters about missed messages: who wants them, of what, and how far they have got."""

import msgspec

from kaif.engines.database import Reads, Transaction
from kaif.interfaces.messaging import ChatId
from kaif.kernel.actor import UserId
from kaif.kernel.clock import DAY_US
from kaif.services.messaging.digests.missed import Missed, StoredDigest
from kaif.services.messaging.entry_rules import StoredEntry

_COLUMNS = ", ".join(StoredDigest.__struct_fields__)


async def find(reads: Reads, user_id: UserId) -> StoredDigest | None:
    rows = await reads.fetch(
        StoredDigest, f"SELECT {_COLUMNS} FROM messaging_digests WHERE user_id = :user_id", user_id=user_id
    )
    return rows[0] if rows else None


async def keep(tx: Transaction, digest: StoredDigest) -> None:
    """Whoever chose before goes on with what was under way, and with what there was since then."""
    await tx.execute(
        f"""
        INSERT INTO messaging_digests ({_COLUMNS})
        VALUES (:user_id, :every, :at_minute, :time_zone, :language, :since_us, :due_at_us, 0, '', '{{}}')
        ON CONFLICT (user_id) DO UPDATE SET every = excluded.every, at_minute = excluded.at_minute,
          time_zone = excluded.time_zone, language = excluded.language, due_at_us = excluded.due_at_us
        """,
        user_id=digest.user_id,
        every=digest.every,
        at_minute=digest.at_minute,
        time_zone=digest.time_zone,
        language=digest.language,
        since_us=digest.since_us,
        due_at_us=digest.due_at_us,
    )


async def forget(tx: Transaction, user_id: UserId) -> int:
    """How many there were."""
    return await tx.execute("DELETE FROM messaging_digests WHERE user_id = :user_id", user_id=user_id)


async def due(reads: Reads, now_us: int, limit: int) -> list[StoredDigest]:
    return await reads.fetch(
        StoredDigest,
        f"SELECT {_COLUMNS} FROM messaging_digests WHERE due_at_us <= :now_us ORDER BY due_at_us LIMIT :limit",
        now_us=now_us,
        limit=limit,
    ) or await reads.fetch(
        StoredDigest,
        f"SELECT {_COLUMNS} FROM messaging_digests WHERE due_at_us > :never_us ORDER BY due_at_us LIMIT :limit",
        # No letter waits longer than for its hour of the next day: a clock that was ahead has said so.
        never_us=now_us + 2 * DAY_US,
        limit=limit,
    )


async def missed_by(reads: Reads, user_id: UserId, after_us: int, now_us: int, limit: int) -> list[Missed]:
    """Chats in which something is unread and untold, the liveliest first; without those that are not to be heard."""
    return await reads.fetch(
        Missed,
        """
        SELECT m.user_id, c.kind, c.title, c.members, m.read_seq, m.muted_until_us, m.notify, COALESCE(p.preview, 1),
          COALESCE(p.mentions_only, 0), c.topics, c.id, c.seq, m.digest_seq, m.unanswered,
          CASE WHEN c.kind <> 'direct' THEN '' ELSE COALESCE((
            SELECT w.display_name FROM messaging_members o JOIN messaging_people w ON w.id = o.user_id
            WHERE o.chat_id = c.id AND o.user_id <> m.user_id), '') END
        FROM messaging_members m JOIN messaging_chats c ON c.id = m.chat_id AND c.deleted_at_us = 0
        LEFT JOIN messaging_push_settings p ON p.user_id = m.user_id
        WHERE m.user_id = :user_id AND c.messages > m.read_messages AND c.seq > m.digest_seq AND c.kind <> 'saved'
          AND m.muted_until_us <= :now_us AND m.notify <> 'none' AND c.active_at_us >= :after_us
        ORDER BY c.active_at_us DESC LIMIT :limit
        """,
        user_id=user_id,
        after_us=after_us,
        now_us=now_us,
        limit=limit,
    )


async def untold(reads: Reads, row: Missed, last_seq: int, limit: int) -> list[StoredEntry]:
    """The newest messages up to there of which no letter has told, in order, and those that mention or answer them.

    In a busy group a mention stands far above the newest ones; and what was done with messages is none.
    """
    entries = [f"e.{column}" for column in StoredEntry.__struct_fields__]
    bounds = {"chat_id": row.chat_id, "told_seq": row.told_seq, "last_seq": last_seq, "limit": limit}
    newest = await reads.fetch(
        StoredEntry,
        f"""
        SELECT {", ".join(entries)} FROM messaging_entries e
        WHERE e.chat_id = :chat_id AND e.seq > :told_seq AND e.seq <= :last_seq AND e.kind = 'message'
        ORDER BY e.seq DESC LIMIT :limit
        """,
        **bounds,
    )
    addressed = await reads.fetch(
        StoredEntry,
        f"""
        SELECT {", ".join(entries)} FROM messaging_mentions n
        JOIN messaging_entries e ON e.chat_id = n.chat_id AND e.seq = n.seq
        WHERE n.user_id = :user_id AND n.chat_id = :chat_id AND n.seq > :told_seq AND n.seq <= :last_seq
        ORDER BY n.seq DESC LIMIT :limit
        """,
        user_id=row.user_id,
        **bounds,
    )
    return [each for _, each in sorted({each.seq: each for each in (*newest, *addressed)}.items())]


async def begin(tx: Transaction, user_id: UserId, pending_id: str, marks: dict[ChatId, int]) -> None:
    """Note what a letter is to tell of, before it goes."""
    await tx.execute(
        "UPDATE messaging_digests SET pending_id = :pending_id, pending = :pending WHERE user_id = :user_id",
        pending_id=pending_id,
        pending=msgspec.json.encode(marks).decode(),
        user_id=user_id,
    )


async def settle(tx: Transaction, digest: StoredDigest, marks: dict[ChatId, int], due_at_us: int) -> None:
    """The letter that was under way has gone, or there was nothing left to tell: none of it is told again."""
    await tx.execute_many(
        """
        UPDATE messaging_members SET digest_seq = :seq
        WHERE chat_id = :chat_id AND user_id = :user_id AND digest_seq < :seq
        """,
        [(seq, chat_id, digest.user_id) for chat_id, seq in sorted(marks.items())],
    )
    await tx.execute(
        """
        UPDATE messaging_digests SET pending_id = '', pending = '{}', attempts = 0,
          due_at_us = CASE WHEN due_at_us = :was_due_us THEN :due_at_us ELSE due_at_us END
        WHERE user_id = :user_id
        """,
        was_due_us=digest.due_at_us,
        due_at_us=due_at_us,
        user_id=digest.user_id,
    )


async def postpone(tx: Transaction, digest: StoredDigest, until_us: int) -> None:
    await tx.execute(
        "UPDATE messaging_digests SET attempts = attempts + 1, due_at_us = :until_us WHERE user_id = :user_id",
        until_us=until_us,
        user_id=digest.user_id,
    )

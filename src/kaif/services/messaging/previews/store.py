"""What messaging asks its database about links that are looked up, and about what pages said."""

from collections.abc import Iterable

import msgspec

from kaif.engines.database import Reads, Transaction
from kaif.interfaces.messaging import ChatId, ChatKind


class Task(msgspec.Struct, frozen=True):
    """A message whose link is to be looked up. Whoever has moved `look_at_us` ahead has it until then."""

    chat_id: ChatId
    seq: int
    look_at_us: int
    attempts: int


class StoredPage(msgspec.Struct, frozen=True):
    """Nobody is to ask for it until `reading_until_us`: it is `silent`, or somebody is reading it."""

    reading_until_us: int
    expires_at_us: int
    summary: str
    silent: int


# Tasks


async def plan(tx: Transaction, messages: Iterable[tuple[ChatId, int]], now_us: int) -> None:
    """As new, whatever became of it before."""
    await tx.execute_many(
        """
        INSERT INTO messaging_preview_tasks (chat_id, seq, look_at_us, attempts)
        VALUES (:chat_id, :seq, :now_us, 0)
        ON CONFLICT (chat_id, seq) DO UPDATE SET look_at_us = excluded.look_at_us, attempts = 0
        """,
        [(chat_id, seq, now_us) for chat_id, seq in messages],
    )


async def due(reads: Reads, now_us: int, limit: int) -> list[Task]:
    return await reads.fetch(
        Task,
        """
        SELECT chat_id, seq, look_at_us, attempts FROM messaging_preview_tasks
        WHERE look_at_us <= :now_us ORDER BY look_at_us LIMIT :limit
        """,
        now_us=now_us,
        limit=limit,
    )


async def take(tx: Transaction, task: Task, until_us: int) -> Task | None:
    """The task as one's own until then; None when somebody else has it, or it has been planned anew."""
    taken = await tx.execute(
        """
        UPDATE messaging_preview_tasks SET look_at_us = :until_us, attempts = :attempts
        WHERE chat_id = :chat_id AND seq = :seq AND look_at_us = :look_at_us
        """,
        until_us=until_us,
        attempts=task.attempts + 1,
        chat_id=task.chat_id,
        seq=task.seq,
        look_at_us=task.look_at_us,
    )
    return Task(task.chat_id, task.seq, until_us, task.attempts + 1) if taken else None


async def postpone(tx: Transaction, task: Task, until_us: int, attempts: int) -> None:
    await tx.execute(
        """
        UPDATE messaging_preview_tasks SET look_at_us = :until_us, attempts = :attempts
        WHERE chat_id = :chat_id AND seq = :seq AND look_at_us = :look_at_us
        """,
        until_us=until_us,
        attempts=attempts,
        chat_id=task.chat_id,
        seq=task.seq,
        look_at_us=task.look_at_us,
    )


async def settle(tx: Transaction, task: Task) -> bool:
    """It is done. False when it is no longer one's own."""
    done = await tx.execute(
        """
        DELETE FROM messaging_preview_tasks
        WHERE chat_id = :chat_id AND seq = :seq AND look_at_us = :look_at_us
        """,
        chat_id=task.chat_id,
        seq=task.seq,
        look_at_us=task.look_at_us,
    )
    return done == 1


# Pages


async def find_page(reads: Reads, hash: str) -> StoredPage | None:
    rows = await reads.fetch(
        StoredPage,
        "SELECT reading_until_us, expires_at_us, summary, silent FROM messaging_pages WHERE hash = :hash",
        hash=hash,
    )
    return rows[0] if rows else None


async def begin_reading(tx: Transaction, hash: str, now_us: int, until_us: int) -> bool:
    """Whether it is oneself who reads the page: of those who ask at once one, until it has, or its time is over."""
    begun = await tx.execute(
        """
        INSERT INTO messaging_pages (hash, reading_until_us, expires_at_us, summary)
        VALUES (:hash, :until_us, 0, '')
        ON CONFLICT (hash) DO UPDATE SET reading_until_us = excluded.reading_until_us, silent = 0
        WHERE messaging_pages.reading_until_us <= :now_us AND messaging_pages.expires_at_us <= :now_us
        """,
        hash=hash,
        now_us=now_us,
        until_us=until_us,
    )
    return begun == 1


async def keep_page(tx: Transaction, hash: str, summary: str, expires_at_us: int) -> None:
    await tx.execute(
        """
        UPDATE messaging_pages SET reading_until_us = 0, expires_at_us = :expires_at_us, summary = :summary
        WHERE hash = :hash
        """,
        hash=hash,
        summary=summary,
        expires_at_us=expires_at_us,
    )


async def leave_alone(tx: Transaction, hash: str, until_us: int) -> None:
    await tx.execute(
        "UPDATE messaging_pages SET reading_until_us = :until_us, silent = 1 WHERE hash = :hash",
        hash=hash,
        until_us=until_us,
    )


async def sweep_pages(tx: Transaction, now_us: int, kept_max: int) -> None:
    """Forget what has expired, and of the rest all but those that will do so last."""
    await tx.execute(
        "DELETE FROM messaging_pages WHERE expires_at_us <= :now_us AND reading_until_us <= :now_us", now_us=now_us
    )
    await tx.execute(
        """
        DELETE FROM messaging_pages WHERE expires_at_us <
          (SELECT expires_at_us FROM messaging_pages ORDER BY expires_at_us DESC LIMIT 1 OFFSET :kept_max)
        """,
        kept_max=kept_max - 1,
    )


# Chats


async def kind_and_choice(reads: Reads, chat_id: ChatId) -> tuple[ChatKind, bool] | None:
    """Of what kind the chat is, and whether its links are looked up; None for one that has been deleted."""
    rows: list[tuple[ChatKind, int]] = await reads.fetch(
        tuple, "SELECT kind, previews FROM messaging_chats WHERE id = :id AND deleted_at_us = 0", id=chat_id
    )
    return (rows[0][0], bool(rows[0][1])) if rows else None


async def choose(tx: Transaction, chat_id: ChatId, *, on: bool) -> None:
    await tx.execute("UPDATE messaging_chats SET previews = :previews WHERE id = :id", id=chat_id, previews=int(on))

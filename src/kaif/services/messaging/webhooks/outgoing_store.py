"""What is stored of bots' addresses, and how far each has been told."""

from collections.abc import Sequence
from typing import Literal

import msgspec

from kaif.engines.database import Reads, Transaction
from kaif.interfaces.messaging import ChatId
from kaif.interfaces.messaging.outgoing_webhooks import DeliveryProblem, OutgoingWebhook, ProblemKind
from kaif.kernel.actor import UserId
from kaif.kernel.clock import as_datetime

_COLUMNS = """
bot_id, id, url, sealed, set_at_us, callbacks, attempts, failing_since_us, retry_at_us, stopped_at_us, problem, status
"""


class StoredOutgoingWebhook(msgspec.Struct, frozen=True):
    """A row of messaging_outgoing_webhooks."""

    bot_id: UserId
    id: str
    url: str
    sealed: str
    set_at_us: int
    callbacks: int
    attempts: int = 0
    failing_since_us: int = 0
    retry_at_us: int = 0
    stopped_at_us: int = 0
    problem: ProblemKind | Literal[""] = ""
    status: int = 0

    def is_due(self, now_us: int) -> bool:
        return not self.stopped_at_us and self.retry_at_us <= now_us

    @property
    def webhook(self) -> OutgoingWebhook:
        return OutgoingWebhook(self.url, as_datetime(self.set_at_us), self._problem())

    def _problem(self) -> DeliveryProblem | None:
        if not self.problem:
            return None
        stopped, since = self.stopped_at_us > 0, as_datetime(self.failing_since_us)
        again_at = None if stopped else as_datetime(self.retry_at_us)
        return DeliveryProblem(self.problem, self.status, since, again_at, stopped)


# Addresses


async def find(reads: Reads, bot_id: UserId) -> StoredOutgoingWebhook | None:
    sql = f"SELECT {_COLUMNS} FROM messaging_outgoing_webhooks WHERE bot_id = :bot_id"
    found = await reads.fetch(StoredOutgoingWebhook, sql, bot_id=bot_id)
    return found[0] if found else None


async def add(tx: Transaction, webhook: StoredOutgoingWebhook) -> None:
    """From what its chats have now. The bot is to be locked: so no chat comes in between that nobody marks."""
    row = msgspec.structs.astuple(webhook)
    await tx.insert("messaging_outgoing_webhooks", StoredOutgoingWebhook.__struct_fields__, [row])
    await tx.execute(
        """
        INSERT INTO messaging_outgoing_webhook_marks (bot_id, chat_id, seq)
        SELECT m.user_id, c.id, c.seq FROM messaging_members m
        JOIN messaging_chats c ON c.id = m.chat_id AND c.deleted_at_us = 0 WHERE m.user_id = :bot_id
        """,
        bot_id=webhook.bot_id,
    )


async def change(tx: Transaction, webhook: StoredOutgoingWebhook) -> None:
    """Another address and secret, at the place where the one before is."""
    await tx.execute(
        """
        UPDATE messaging_outgoing_webhooks SET id = :id, url = :url, sealed = :sealed, set_at_us = :set_at_us,
          attempts = 0, failing_since_us = 0, retry_at_us = 0, stopped_at_us = 0, problem = '', status = 0
        WHERE bot_id = :bot_id
        """,
        bot_id=webhook.bot_id,
        id=webhook.id,
        url=webhook.url,
        sealed=webhook.sealed,
        set_at_us=webhook.set_at_us,
    )


async def resume(tx: Transaction, bot_id: UserId) -> StoredOutgoingWebhook | None:
    sql = f"""
        UPDATE messaging_outgoing_webhooks SET attempts = 0, failing_since_us = 0, retry_at_us = 0, stopped_at_us = 0,
          problem = '', status = 0
        WHERE bot_id = :bot_id RETURNING {_COLUMNS}
    """
    found = await tx.fetch(StoredOutgoingWebhook, sql, bot_id=bot_id)
    return found[0] if found else None


async def forget(tx: Transaction, bot_id: UserId) -> int:
    await tx.execute("DELETE FROM messaging_outgoing_webhook_marks WHERE bot_id = :bot_id", bot_id=bot_id)
    return await tx.execute("DELETE FROM messaging_outgoing_webhooks WHERE bot_id = :bot_id", bot_id=bot_id)


# Whose turn it is


async def all_at_work(reads: Reads) -> list[UserId]:
    rows: list[tuple[UserId]] = await reads.fetch(
        tuple, "SELECT bot_id FROM messaging_outgoing_webhooks WHERE stopped_at_us = 0 ORDER BY bot_id"
    )
    return [bot_id for (bot_id,) in rows]


async def due(reads: Reads, now_us: int, limit: int) -> list[UserId]:
    """Those whose pause is over, the one that waits longest first."""
    rows: list[tuple[UserId]] = await reads.fetch(
        tuple,
        """
        SELECT bot_id FROM messaging_outgoing_webhooks
        WHERE retry_at_us > 0 AND retry_at_us <= :now_us AND stopped_at_us = 0 ORDER BY retry_at_us LIMIT :limit
        """,
        now_us=now_us,
        limit=limit,
    )
    return [bot_id for (bot_id,) in rows]


async def marked_in(reads: Reads, chat_ids: Sequence[ChatId]) -> list[tuple[UserId, ChatId]]:
    """Bots that are told of these chats, and of which."""
    return await reads.fetch(
        tuple,
        "SELECT bot_id, chat_id FROM messaging_outgoing_webhook_marks WHERE chat_id IN :ids ORDER BY bot_id, chat_id",
        ids=list(chat_ids),
    )


# How far it is


class Mark(msgspec.Struct, frozen=True):
    """Of a chat; `behind` when its log goes on after it."""

    chat_id: ChatId
    behind: int


async def marks_after(reads: Reads, bot_id: UserId, after: str, limit: int) -> list[Mark]:
    return await reads.fetch(
        Mark,
        """
        SELECT k.chat_id, CASE WHEN c.seq > k.seq THEN 1 ELSE 0 END
        FROM messaging_outgoing_webhook_marks k LEFT JOIN messaging_chats c ON c.id = k.chat_id
        WHERE k.bot_id = :bot_id AND k.chat_id > :after ORDER BY k.chat_id LIMIT :limit
        """,
        bot_id=bot_id,
        after=after,
        limit=limit,
    )


async def told_up_to(reads: Reads, bot_id: UserId, chat_id: ChatId) -> int | None:
    """None when nothing of the chat is to be told: a mark alone says nothing, its bot must be in the chat."""
    rows: list[tuple[int]] = await reads.fetch(
        tuple,
        """
        SELECT k.seq FROM messaging_outgoing_webhook_marks k
        JOIN messaging_members m ON m.chat_id = k.chat_id AND m.user_id = k.bot_id
        JOIN messaging_chats c ON c.id = k.chat_id AND c.deleted_at_us = 0
        WHERE k.bot_id = :bot_id AND k.chat_id = :chat_id
        """,
        bot_id=bot_id,
        chat_id=chat_id,
    )
    return rows[0][0] if rows else None


async def mark_entry(tx: Transaction, bot_id: UserId, chat_id: ChatId, seq: int) -> None:
    """Never back, and nothing where the bot has left meanwhile."""
    await tx.execute(
        """
        UPDATE messaging_outgoing_webhook_marks SET seq = :seq
        WHERE bot_id = :bot_id AND chat_id = :chat_id AND seq < :seq
        """,
        bot_id=bot_id,
        chat_id=chat_id,
        seq=seq,
    )


async def mark_callback(tx: Transaction, bot_id: UserId, number: int) -> None:
    await tx.execute(
        "UPDATE messaging_outgoing_webhooks SET callbacks = :number WHERE bot_id = :bot_id AND callbacks < :number",
        bot_id=bot_id,
        number=number,
    )


async def note_success(tx: Transaction, webhook: StoredOutgoingWebhook) -> None:
    await tx.execute(
        """
        UPDATE messaging_outgoing_webhooks SET attempts = 0, failing_since_us = 0, retry_at_us = 0,
          problem = '', status = 0
        WHERE bot_id = :bot_id AND id = :id AND stopped_at_us = 0
        """,
        bot_id=webhook.bot_id,
        id=webhook.id,
    )


async def note_failure(tx: Transaction, failed: StoredOutgoingWebhook) -> None:
    """Nothing when the address is another one by now."""
    await tx.execute(
        """
        UPDATE messaging_outgoing_webhooks SET attempts = :attempts, failing_since_us = :failing_since_us,
          retry_at_us = :retry_at_us, stopped_at_us = :stopped_at_us, problem = :problem, status = :status
        WHERE bot_id = :bot_id AND id = :id
        """,
        bot_id=failed.bot_id,
        id=failed.id,
        attempts=failed.attempts,
        failing_since_us=failed.failing_since_us,
        retry_at_us=failed.retry_at_us,
        stopped_at_us=failed.stopped_at_us,
        problem=failed.problem,
        status=failed.status,
    )

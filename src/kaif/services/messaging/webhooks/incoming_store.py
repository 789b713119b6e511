"""What is stored of webhooks."""

import msgspec

from kaif.engines.database import Reads, Transaction
from kaif.interfaces.messaging import ChatId
from kaif.interfaces.messaging.webhooks import Webhook
from kaif.kernel.actor import UserId
from kaif.kernel.clock import as_datetime

_COLUMNS = "id, chat_id, secret_hash, name, made_by, made_at_us, used_at_us, topic_id"


class StoredWebhook(msgspec.Struct, frozen=True):
    """A row of messaging_webhooks, without its counts."""

    id: str
    chat_id: ChatId
    secret_hash: str
    name: str
    made_by: UserId
    made_at_us: int
    used_at_us: int | None = None
    topic_id: int = 0

    @property
    def webhook(self) -> Webhook:
        made_at, used_at = as_datetime(self.made_at_us), as_datetime(self.used_at_us)
        return Webhook(self.id, self.name, self.made_by, made_at, used_at, self.topic_id)


async def add(tx: Transaction, webhook: StoredWebhook) -> None:
    await tx.insert("messaging_webhooks", StoredWebhook.__struct_fields__, [msgspec.structs.astuple(webhook)])


async def of_chat(reads: Reads, chat_id: ChatId) -> list[StoredWebhook]:
    """The oldest first."""
    sql = f"SELECT {_COLUMNS} FROM messaging_webhooks WHERE chat_id = :chat_id ORDER BY id"
    return await reads.fetch(StoredWebhook, sql, chat_id=chat_id)


async def find_by_secret(reads: Reads, secret_hash: str) -> StoredWebhook | None:
    sql = f"SELECT {_COLUMNS} FROM messaging_webhooks WHERE secret_hash = :secret_hash"
    found = await reads.fetch(StoredWebhook, sql, secret_hash=secret_hash)
    return found[0] if found else None


async def renew(tx: Transaction, chat_id: ChatId, webhook_id: str, secret_hash: str) -> StoredWebhook | None:
    """None when the chat has no such webhook."""
    sql = f"""
        UPDATE messaging_webhooks SET secret_hash = :secret_hash WHERE id = :id AND chat_id = :chat_id
        RETURNING {_COLUMNS}
    """
    found = await tx.fetch(StoredWebhook, sql, id=webhook_id, chat_id=chat_id, secret_hash=secret_hash)
    return found[0] if found else None


async def revoke(tx: Transaction, chat_id: ChatId, webhook_id: str) -> bool:
    sql = "DELETE FROM messaging_webhooks WHERE id = :id AND chat_id = :chat_id"
    return await tx.execute(sql, id=webhook_id, chat_id=chat_id) == 1


async def revoke_made_by(tx: Transaction, chat_id: ChatId, user_id: UserId) -> None:
    sql = "DELETE FROM messaging_webhooks WHERE chat_id = :chat_id AND made_by = :user_id"
    await tx.execute(sql, chat_id=chat_id, user_id=user_id)


async def note_post(tx: Transaction, webhook: StoredWebhook, now_us: int, window_us: int) -> tuple[int, int] | None:
    """How many it has posted, with this one, since when; None when it was revoked or renewed meanwhile."""
    rows: list[tuple[int, int]] = await tx.fetch(
        tuple,
        """
        UPDATE messaging_webhooks SET
          posts = CASE WHEN window_at_us > :since_us AND window_at_us <= :until_us THEN posts + 1 ELSE 1 END,
          window_at_us = CASE WHEN window_at_us > :since_us AND window_at_us <= :until_us
            THEN window_at_us ELSE :now_us END,
          used_at_us = :now_us
        WHERE id = :id AND secret_hash = :secret_hash RETURNING posts, window_at_us
        """,
        id=webhook.id,
        secret_hash=webhook.secret_hash,
        now_us=now_us,
        since_us=now_us - window_us,
        # One that begins later was begun by a clock that was wrong.
        until_us=now_us + window_us,
    )
    return rows[0] if rows else None


async def forget_chat(tx: Transaction, chat_id: ChatId) -> None:
    await tx.execute("DELETE FROM messaging_webhooks WHERE chat_id = :chat_id", chat_id=chat_id)


async def made_by(reads: Reads, user_id: UserId, limit: int) -> list[StoredWebhook]:
    """The newest first."""
    sql = f"SELECT {_COLUMNS} FROM messaging_webhooks WHERE made_by = :user_id ORDER BY id DESC LIMIT :limit"
    return await reads.fetch(StoredWebhook, sql, user_id=user_id, limit=limit)


async def forget_maker(tx: Transaction, user_id: UserId) -> int:
    """Whoever has left may still have the addresses."""
    return await tx.execute("DELETE FROM messaging_webhooks WHERE made_by = :user_id", user_id=user_id)

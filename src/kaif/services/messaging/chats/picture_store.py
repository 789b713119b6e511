"""What messaging asks its database about pictures of chats (migrations/0120_avatars.sql).

Media holds them as it holds files of messages: at the chat's place 0, where no message is.
"""

from collections.abc import Collection

from kaif.engines.database import Reads, Transaction
from kaif.interfaces.media import MediaId
from kaif.interfaces.messaging import ChatId
from kaif.services.messaging.attachments import store as attachment_store
from kaif.services.messaging.due import store as due_store

PLACE = 0


async def picture_of(reads: Reads, chat_id: ChatId) -> MediaId | None:
    rows: list[tuple[MediaId | None]] = await reads.fetch(
        tuple, "SELECT avatar FROM messaging_chats WHERE id = :id", id=chat_id
    )
    return rows[0][0] if rows else None


async def change(tx: Transaction, chat_id: ChatId, media_id: MediaId | None, now_us: int) -> None:
    """What was shown before is let go."""
    await attachment_store.take_off(tx, chat_id, [PLACE], now_us)
    await tx.execute("UPDATE messaging_chats SET avatar = :media_id WHERE id = :id", id=chat_id, media_id=media_id)


async def show(tx: Transaction, hold: str, chat_id: ChatId) -> None:
    """Of a hold that nothing uses, and that is locked."""
    await tx.execute(
        "UPDATE messaging_attachments SET chat_id = :chat_id, seq = :seq WHERE hold = :hold",
        chat_id=chat_id,
        seq=PLACE,
        hold=hold,
    )
    await due_store.remove(tx, hold)


async def public_among(reads: Reads, media_ids: Collection[MediaId]) -> set[MediaId]:
    """Pictures of chats with a public name: whoever looks such a chat up sees them."""
    rows: list[tuple[MediaId]] = await reads.fetch(
        tuple,
        """
        SELECT a.media_id FROM messaging_attachments a
        JOIN messaging_chats c ON c.id = a.chat_id AND c.deleted_at_us = 0 AND c.name IS NOT NULL AND c.suspended = ''
        WHERE a.media_id IN :ids AND a.chat_id <> '' AND a.seq = :seq
        """,
        ids=list(media_ids),
        seq=PLACE,
    )
    return {media_id for (media_id,) in rows}

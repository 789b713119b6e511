"""What is stored of how people keep their own chats."""

import msgspec

from kaif.engines.database import Reads, Transaction
from kaif.interfaces.messaging import ChatId
from kaif.interfaces.messaging.order import Draft, Folder
from kaif.kernel.actor import UserId
from kaif.kernel.clock import as_datetime
from kaif.services.messaging.attachments import model as files

_folders = msgspec.json.Decoder(list[Folder]).decode


# Of a draft that is the chat's own.
NO_TOPIC, NO_POST = -1, 0


class StoredDraft(msgspec.Struct, frozen=True):
    chat_id: ChatId
    topic_id: int
    post: int
    text: str
    reply_to: int
    quote: str
    written_at_us: int
    # As OfDraft.
    files: str = "{}"
    hold: str = ""

    @property
    def place(self) -> tuple[ChatId, int, int]:
        return self.chat_id, self.topic_id, self.post

    @property
    def draft(self) -> Draft:
        return Draft(
            self.chat_id,
            self.text,
            as_datetime(self.written_at_us),
            self.reply_to,
            files.of_draft(self.files).attachments,
            self.quote,
            None if self.topic_id == NO_TOPIC else self.topic_id,
            self.post or None,
        )


_DRAFT = "chat_id, topic_id, post, text, reply_to, quote, written_at_us, files, hold"
# An empty one stays as long as something was written there, so that what was sent does not come back.
_HOLDS_SOMETHING = "(text <> '' OR hold <> '' OR reply_to > 0)"


async def arrange(tx: Transaction, chat_id: ChatId, user_id: UserId, changes: dict[str, int]) -> bool:
    """`changes` are columns of ours, never of a request's. False when the person is not in the chat."""
    columns = ", ".join(f"{column} = :{column}" for column in changes)
    changed = await tx.execute(
        f"UPDATE messaging_members SET {columns} WHERE chat_id = :chat_id AND user_id = :user_id",
        chat_id=chat_id,
        user_id=user_id,
        **changes,
    )
    return changed == 1


async def count_pinned(reads: Reads, user_id: UserId) -> int:
    rows: list[tuple[int]] = await reads.fetch(
        tuple, "SELECT COUNT(*) FROM messaging_members WHERE user_id = :user_id AND pinned_at_us > 0", user_id=user_id
    )
    return rows[0][0]


async def keep_draft(tx: Transaction, user_id: UserId, draft: StoredDraft) -> None:
    """In one statement: of those who write at once, the one who wrote last stays."""
    await tx.execute(
        """
        INSERT INTO messaging_drafts
          (user_id, chat_id, topic_id, post, text, reply_to, quote, written_at_us, files, hold)
        VALUES (:user_id, :chat_id, :topic_id, :post, :text, :reply_to, :quote, :written_at_us, :files, :hold)
        ON CONFLICT (user_id, chat_id, topic_id, post) DO UPDATE
        SET text = excluded.text, reply_to = excluded.reply_to, quote = excluded.quote,
          written_at_us = excluded.written_at_us, files = excluded.files, hold = excluded.hold
        WHERE messaging_drafts.written_at_us < excluded.written_at_us
        """,
        user_id=user_id,
        **msgspec.structs.asdict(draft),
    )


async def find_draft(reads: Reads, user_id: UserId, place: tuple[ChatId, int, int]) -> StoredDraft | None:
    chat_id, topic_id, post = place
    rows = await reads.fetch(
        StoredDraft,
        f"""
        SELECT {_DRAFT} FROM messaging_drafts
        WHERE user_id = :user_id AND chat_id = :chat_id AND topic_id = :topic_id AND post = :post
        """,
        user_id=user_id,
        chat_id=chat_id,
        topic_id=topic_id,
        post=post,
    )
    return rows[0] if rows else None


async def holds_of_drafts(reads: Reads, user_id: UserId) -> set[str]:
    """What keeps the files of a person's drafts."""
    rows: list[tuple[str]] = await reads.fetch(
        tuple, "SELECT hold FROM messaging_drafts WHERE user_id = :user_id AND hold <> ''", user_id=user_id
    )
    return {hold for (hold,) in rows}


async def drafts_of(reads: Reads, user_id: UserId, limit: int) -> list[StoredDraft]:
    return await reads.fetch(
        StoredDraft,
        f"""
        SELECT {_DRAFT} FROM messaging_drafts d WHERE user_id = :user_id AND {_HOLDS_SOMETHING} AND EXISTS (
          SELECT 1 FROM messaging_members m WHERE m.chat_id = d.chat_id AND m.user_id = d.user_id)
        ORDER BY written_at_us DESC LIMIT :limit
        """,
        user_id=user_id,
        limit=limit,
    )


async def all_drafts_of(reads: Reads, user_id: UserId, limit: int) -> list[StoredDraft]:
    """In chats that the person has left, too."""
    return await reads.fetch(
        StoredDraft,
        f"""
        SELECT {_DRAFT} FROM messaging_drafts WHERE user_id = :user_id AND {_HOLDS_SOMETHING}
        ORDER BY written_at_us DESC, chat_id LIMIT :limit
        """,
        user_id=user_id,
        limit=limit,
    )


async def folders_of(reads: Reads, user_id: UserId) -> list[Folder]:
    rows: list[tuple[str]] = await reads.fetch(
        tuple, "SELECT folders FROM messaging_folders WHERE user_id = :user_id", user_id=user_id
    )
    return _folders(rows[0][0]) if rows else []


async def keep_folders(tx: Transaction, user_id: UserId, folders: list[Folder]) -> None:
    await tx.execute(
        """
        INSERT INTO messaging_folders (user_id, folders) VALUES (:user_id, :folders)
        ON CONFLICT (user_id) DO UPDATE SET folders = excluded.folders
        """,
        user_id=user_id,
        folders=msgspec.json.encode(folders).decode(),
    )


async def forget(tx: Transaction, user_id: UserId) -> dict[str, int]:
    """All that a person kept for themselves, and what waits for them; how many of each."""
    await tx.execute(
        """
        UPDATE messaging_members
        SET archived = 0, muted_until_us = 0, pinned_at_us = 0, marked_unread = 0, notify = 'all'
        WHERE user_id = :user_id
        """,
        user_id=user_id,
    )
    erased = {}
    for name, table in (
        ("drafts", "messaging_drafts"),
        ("folders", "messaging_folders"),
        ("join_requests", "messaging_join_requests"),
        ("bans", "messaging_bans"),
    ):
        erased[name] = await tx.execute(f"DELETE FROM {table} WHERE user_id = :user_id", user_id=user_id)
    return erased

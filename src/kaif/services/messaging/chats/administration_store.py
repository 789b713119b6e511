"""What is stored of how chats are looked after: their settings, their admins, restrictions and bans."""

from collections.abc import Sequence
from typing import Any

import msgspec

from kaif.engines.database import Reads, Transaction
from kaif.interfaces.messaging import ChatId, Role
from kaif.kernel.actor import UserId
from kaif.services.messaging.chat_views import StoredMember, StoredPerson


class Settings(msgspec.Struct, frozen=True):
    title: str
    description: str
    name: str | None
    default_rights: int
    slow_mode_s: int
    members_hidden: int
    signed: int


class StoredBan(StoredPerson, frozen=True):
    banned_by: UserId
    at_us: int


async def settings(reads: Reads, chat_id: ChatId) -> Settings:
    rows = await reads.fetch(
        Settings,
        """
        SELECT title, description, name, default_rights, slow_mode_s, members_hidden, signed
        FROM messaging_chats WHERE id = :id
        """,
        id=chat_id,
    )
    return rows[0]


async def change(tx: Transaction, chat_id: ChatId, new: Settings) -> None:
    """Raises AlreadyExists when another chat has the name."""
    await tx.execute(
        """
        UPDATE messaging_chats SET title = :title, description = :description, name = :name,
          default_rights = :default_rights, slow_mode_s = :slow_mode_s, members_hidden = :members_hidden,
          signed = :signed
        WHERE id = :id
        """,
        id=chat_id,
        **msgspec.structs.asdict(new),
    )


async def suspend(tx: Transaction, chat_id: ChatId, reason: str) -> None:
    """Empty: it is open again."""
    await tx.execute("UPDATE messaging_chats SET suspended = :reason WHERE id = :id", id=chat_id, reason=reason)


async def set_role(tx: Transaction, chat_id: ChatId, user_id: UserId, role: Role, rights: int) -> None:
    """A role ends any restriction."""
    await tx.execute(
        """
        UPDATE messaging_members SET role = :role, rights = :rights, taken = 0, taken_until_us = 0
        WHERE chat_id = :chat_id AND user_id = :user_id
        """,
        chat_id=chat_id,
        user_id=user_id,
        role=role,
        rights=rights,
    )


async def restrict(tx: Transaction, chat_id: ChatId, user_id: UserId, taken: int, until_us: int) -> None:
    await tx.execute(
        """
        UPDATE messaging_members SET taken = :taken, taken_until_us = :until_us
        WHERE chat_id = :chat_id AND user_id = :user_id
        """,
        chat_id=chat_id,
        user_id=user_id,
        taken=taken,
        until_us=until_us,
    )


async def find_listed(reads: Reads, chat_id: ChatId, user_id: UserId) -> StoredMember | None:
    rows = await reads.fetch(
        StoredMember,
        """
        SELECT p.id, p.username, p.display_name, p.avatar_colour, p.kind, p.avatar, m.role, m.rights, m.taken,
          m.taken_until_us
        FROM messaging_members m JOIN messaging_people p ON p.id = m.user_id
        WHERE m.chat_id = :chat_id AND m.user_id = :user_id
        """,
        chat_id=chat_id,
        user_id=user_id,
    )
    return rows[0] if rows else None


async def ban(tx: Transaction, chat_id: ChatId, user_id: UserId, by: UserId, now_us: int) -> bool:
    """False when they are banned already."""
    added = await tx.execute(
        """
        INSERT INTO messaging_bans (chat_id, user_id, banned_by, at_us) VALUES (:chat_id, :user_id, :banned_by, :at_us)
        ON CONFLICT (chat_id, user_id) DO NOTHING
        """,
        chat_id=chat_id,
        user_id=user_id,
        banned_by=by,
        at_us=now_us,
    )
    return added == 1


async def unban(tx: Transaction, chat_id: ChatId, user_id: UserId) -> None:
    sql = "DELETE FROM messaging_bans WHERE chat_id = :chat_id AND user_id = :user_id"
    await tx.execute(sql, chat_id=chat_id, user_id=user_id)


async def banned_among(reads: Reads, chat_id: ChatId, user_ids: Sequence[UserId]) -> set[UserId]:
    rows: list[tuple[UserId]] = await reads.fetch(
        tuple,
        "SELECT user_id FROM messaging_bans WHERE chat_id = :chat_id AND user_id IN :ids",
        chat_id=chat_id,
        ids=list(user_ids),
    )
    return {user_id for (user_id,) in rows}


async def bans_of(reads: Reads, chat_id: ChatId, after: str, limit: int) -> list[StoredBan]:
    return await reads.fetch(
        StoredBan,
        """
        SELECT b.user_id, COALESCE(p.username, ''), COALESCE(p.display_name, ''), p.avatar_colour,
          COALESCE(p.kind, 'person'), p.avatar, b.banned_by, b.at_us
        FROM messaging_bans b LEFT JOIN messaging_people p ON p.id = b.user_id
        WHERE b.chat_id = :chat_id AND b.user_id > :after ORDER BY b.user_id LIMIT :limit
        """,
        chat_id=chat_id,
        after=after,
        limit=limit,
    )


async def mark_deleted(tx: Transaction, chat_id: ChatId, now_us: int) -> None:
    """Nobody finds it any more, its public name is free, and neither its title nor its description stays."""
    await tx.execute(
        """
        UPDATE messaging_chats SET deleted_at_us = :now_us, name = NULL, title = '', description = '', once = id
        WHERE id = :id
        """,
        id=chat_id,
        now_us=now_us,
    )


# Each of these tables has rows of a chat, and a key with which a bounded part of them can be named.
_SWEPT = {
    "messaging_members": "user_id",
    "messaging_bans": "user_id",
    "messaging_join_requests": "user_id",
    "messaging_links": "id",
    "messaging_drafts": "user_id",
    "messaging_due": "id",
    "messaging_outgoing_webhook_marks": "bot_id",
    "messaging_entries": "seq",
    "messaging_topics": "id",
    "messaging_topic_entries": "seq",
    "messaging_topic_members": "user_id",
    # What is kept beside messages.
    "messaging_hidden": "seq",
    "messaging_mentions": "seq",
    "messaging_quotes": "seq",
    "messaging_versions": "seq",
    "messaging_reactions": "seq",
    "messaging_pins": "seq",
    "messaging_polls": "seq",
    "messaging_votes": "seq",
    "messaging_callbacks": "id",
    "messaging_threads": "root_seq",
    "messaging_thread_entries": "seq",
    "messaging_views": "user_id",
    "messaging_post_views": "seq",
    "messaging_preview_tasks": "seq",
    "messaging_previews_shown": "seq",
    "messaging_clock_jumps": "seq",
    "messaging_former_members": "user_id",
    "messaging_purges": "user_id",
}


async def sweep(tx: Transaction, chat_id: ChatId, limit: int) -> int:
    """Delete some of what was in a deleted chat; how many rows."""
    for table, key in _SWEPT.items():
        deleted = await tx.execute(
            f"""
            DELETE FROM {table} WHERE chat_id = :chat_id AND {key} IN
              (SELECT {key} FROM {table} WHERE chat_id = :chat_id ORDER BY {key} LIMIT :limit)
            """,
            chat_id=chat_id,
            limit=limit,
        )
        if deleted:
            return deleted
    return 0


async def is_deleted(reads: Reads, chat_id: ChatId) -> bool:
    rows: list[tuple[Any, ...]] = await reads.fetch(
        tuple, "SELECT 1 FROM messaging_chats WHERE id = :id AND deleted_at_us > 0", id=chat_id
    )
    return bool(rows)


async def forget_chat(tx: Transaction, chat_id: ChatId) -> None:
    await tx.execute("DELETE FROM messaging_chats WHERE id = :id AND deleted_at_us > 0", id=chat_id)

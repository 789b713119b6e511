"""What is stored of people's privacy: blocks, choices, and who is acquainted with whom."""

from collections.abc import Collection

import msgspec

from kaif.engines.database import Reads, Transaction
from kaif.interfaces.auth import Person
from kaif.interfaces.messaging import ChatId
from kaif.interfaces.messaging.privacy import ACQUAINTING_MEMBERS_MAX, Audience, PrivacySettings
from kaif.kernel.actor import UserId
from kaif.services.messaging.chat_store import HIDES_MEMBERS
from kaif.services.messaging.model import MEMBERS_HIDDEN

_SETTINGS = ", ".join(PrivacySettings.__struct_fields__)


class Choice(msgspec.Struct, frozen=True):
    """What somebody has chosen about being reached."""

    user_id: UserId
    write_first: str
    add_to_groups: str


# Choices


async def settings_of(reads: Reads, user_id: UserId) -> PrivacySettings:
    rows: list[tuple[Audience, Audience, Audience, int, int]] = await reads.fetch(
        tuple, f"SELECT {_SETTINGS} FROM messaging_privacy WHERE user_id = :user_id", user_id=user_id
    )
    if not rows:
        return PrivacySettings()
    write_first, add_to_groups, online, read_receipts, named_in_forwards = rows[0]
    return PrivacySettings(write_first, add_to_groups, online, bool(read_receipts), bool(named_in_forwards))


async def keep_settings(tx: Transaction, user_id: UserId, settings: PrivacySettings) -> None:
    values = ", ".join(f":{field}" for field in PrivacySettings.__struct_fields__)
    changes = ", ".join(f"{field} = excluded.{field}" for field in PrivacySettings.__struct_fields__)
    kept = msgspec.structs.asdict(settings)
    flags = {"read_receipts": int(settings.read_receipts), "named_in_forwards": int(settings.named_in_forwards)}
    await tx.execute(
        f"""
        INSERT INTO messaging_privacy (user_id, {_SETTINGS}) VALUES (:user_id, {values})
        ON CONFLICT (user_id) DO UPDATE SET {changes}
        """,
        user_id=user_id,
        **(kept | flags),
    )


async def choices_of(reads: Reads, user_ids: Collection[UserId]) -> list[Choice]:
    """Of those who have made some."""
    return await reads.fetch(
        Choice,
        "SELECT user_id, write_first, add_to_groups FROM messaging_privacy WHERE user_id IN :ids",
        ids=list(user_ids),
    )


async def hiding_in_forwards(reads: Reads, user_ids: Collection[UserId]) -> set[UserId]:
    rows: list[tuple[UserId]] = await reads.fetch(
        tuple,
        "SELECT user_id FROM messaging_privacy WHERE user_id IN :ids AND named_in_forwards = 0",
        ids=list(user_ids),
    )
    return {user_id for (user_id,) in rows}


async def acquaintances_among(reads: Reads, user_id: UserId, others: Collection[UserId]) -> set[UserId]:
    """Those of the others who are acquaintances of the person (interfaces/messaging/privacy.py)."""
    rows: list[tuple[UserId]] = await reads.fetch(
        tuple,
        """
        SELECT DISTINCT o.user_id FROM messaging_members m
        JOIN messaging_chats c ON c.id = m.chat_id AND c.deleted_at_us = 0
        JOIN messaging_members o ON o.chat_id = c.id AND o.user_id IN :others
        WHERE m.user_id = :user_id
          AND (c.kind = 'direct' AND c.closed = 0 AND m.unanswered = 0
            OR c.kind = 'group' AND c.name IS NULL AND c.members <= :members_max AND c.members_hidden <> :hidden
              AND (m.sent_at_us > 0 OR m.role = 'owner'))
        """,
        user_id=user_id,
        members_max=ACQUAINTING_MEMBERS_MAX,
        hidden=MEMBERS_HIDDEN,
        others=list(others),
    )
    return {other for (other,) in rows}


async def groups_in_common(reads: Reads, one: UserId, other: UserId) -> list[str]:
    """Titles of the groups, which show their members, that both are in; the most lively ones, at most a hundred."""
    rows: list[tuple[str]] = await reads.fetch(
        tuple,
        f"""
        SELECT c.title FROM messaging_members m
        JOIN messaging_chats c ON c.id = m.chat_id AND c.deleted_at_us = 0 AND NOT {HIDES_MEMBERS}
        JOIN messaging_members o ON o.chat_id = c.id AND o.user_id = :other
        WHERE m.user_id = :one AND c.kind = 'group' ORDER BY c.active_at_us DESC LIMIT 100
        """,
        one=one,
        other=other,
    )
    return [title for (title,) in rows]


async def accept(tx: Transaction, chat_id: ChatId, user_id: UserId) -> bool:
    """False when no stranger waited for an answer."""
    accepted = await tx.execute(
        """
        UPDATE messaging_members SET unanswered = 0
        WHERE chat_id = :chat_id AND user_id = :user_id AND unanswered = 1
        """,
        chat_id=chat_id,
        user_id=user_id,
    )
    return accepted == 1


# Blocks


async def add_block(tx: Transaction, user_id: UserId, blocked_id: UserId, now_us: int) -> bool:
    """False when it stood already."""
    added = await tx.execute(
        """
        INSERT INTO messaging_blocks (user_id, blocked_id, at_us) VALUES (:user_id, :blocked_id, :now_us)
        ON CONFLICT (user_id, blocked_id) DO NOTHING
        """,
        user_id=user_id,
        blocked_id=blocked_id,
        now_us=now_us,
    )
    return added == 1


async def remove_block(tx: Transaction, user_id: UserId, blocked_id: UserId) -> bool:
    removed = await tx.execute(
        "DELETE FROM messaging_blocks WHERE user_id = :user_id AND blocked_id = :blocked_id",
        user_id=user_id,
        blocked_id=blocked_id,
    )
    return removed == 1


async def count_blocked(reads: Reads, user_id: UserId) -> int:
    rows: list[tuple[int]] = await reads.fetch(
        tuple, "SELECT COUNT(*) FROM messaging_blocks WHERE user_id = :user_id", user_id=user_id
    )
    return rows[0][0]


async def count_between(reads: Reads, one: UserId, other: UserId) -> int:
    rows: list[tuple[int]] = await reads.fetch(
        tuple,
        """
        SELECT COUNT(*) FROM messaging_blocks
        WHERE user_id = :one AND blocked_id = :other OR user_id = :other AND blocked_id = :one
        """,
        one=one,
        other=other,
    )
    return rows[0][0]


async def blocking(reads: Reads, user_id: UserId, by: Collection[UserId]) -> set[UserId]:
    """Those of the people who have blocked this one."""
    rows: list[tuple[UserId]] = await reads.fetch(
        tuple,
        "SELECT user_id FROM messaging_blocks WHERE blocked_id = :user_id AND user_id IN :by",
        user_id=user_id,
        by=list(by),
    )
    return {one for (one,) in rows}


async def blocked_by(reads: Reads, user_id: UserId, after: str, limit: int) -> list[Person]:
    return await reads.fetch(
        Person,
        """
        SELECT p.id, p.username, p.display_name, p.avatar_colour, p.kind, p.avatar
        FROM messaging_blocks b JOIN messaging_people p ON p.id = b.blocked_id
        WHERE b.user_id = :user_id AND b.blocked_id > :after ORDER BY b.blocked_id LIMIT :limit
        """,
        user_id=user_id,
        after=after,
        limit=limit,
    )


async def close_chat(tx: Transaction, chat_id: ChatId, blocks: int) -> None:
    """As many of the two as have blocked the other one; others see the marks of before until there is none."""
    await tx.execute("UPDATE messaging_chats SET closed = :blocks WHERE id = :id", id=chat_id, blocks=blocks)
    kept = "COALESCE(frozen_read_seq, read_seq)" if blocks else "NULL"
    await tx.execute(f"UPDATE messaging_members SET frozen_read_seq = {kept} WHERE chat_id = :id", id=chat_id)


async def direct_chats_of(reads: Reads, user_id: UserId, limit: int) -> list[ChatId]:
    """The most lively ones."""
    rows: list[tuple[ChatId]] = await reads.fetch(
        tuple,
        """
        SELECT c.id FROM messaging_members m JOIN messaging_chats c ON c.id = m.chat_id AND c.kind = 'direct'
        WHERE m.user_id = :user_id ORDER BY c.active_at_us DESC LIMIT :limit
        """,
        user_id=user_id,
        limit=limit,
    )
    return [chat_id for (chat_id,) in rows]


async def forget(tx: Transaction, user_id: UserId) -> dict[str, int]:
    """What a person chose, whom they blocked, and who blocked them."""
    return {
        "privacy": await tx.execute("DELETE FROM messaging_privacy WHERE user_id = :user_id", user_id=user_id),
        "blocks": await tx.execute(
            "DELETE FROM messaging_blocks WHERE user_id = :user_id OR blocked_id = :user_id", user_id=user_id
        ),
    }

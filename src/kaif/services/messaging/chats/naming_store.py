"""Who sees the names of those who come and go: in a group that hides its members those who look after it alone."""

from kaif.engines.database import Reads
from kaif.interfaces.messaging import ChatId
from kaif.kernel.actor import UserId
from kaif.services.messaging.chat_store import HIDES_MEMBERS


async def seers_of(reads: Reads, chat_id: ChatId) -> list[UserId] | None:
    """None where everybody does."""
    # In one question, by the index of those few: in a group of any size it costs the same.
    rows: list[tuple[UserId | None]] = await reads.fetch(
        tuple,
        f"""
        SELECT m.user_id FROM messaging_chats c LEFT JOIN messaging_members m
          ON m.chat_id = c.id AND m.role IN ('owner', 'admin') AND m.role <> 'member'
        WHERE c.id = :id AND c.kind = 'group' AND {HIDES_MEMBERS}
        """,
        id=chat_id,
    )
    return [user_id for (user_id,) in rows if user_id] if rows else None


async def are_hidden_from(reads: Reads, chat_id: ChatId, user_id: UserId) -> bool:
    """Whether the group hides its members, and this person is none of those who look after it."""
    return bool(
        await reads.fetch(
            tuple,
            f"""
            SELECT 1 FROM messaging_chats c
            LEFT JOIN messaging_members m ON m.chat_id = c.id AND m.user_id = :user_id
            WHERE c.id = :id AND c.kind = 'group' AND {HIDES_MEMBERS} AND COALESCE(m.role, 'member') = 'member'
            """,
            id=chat_id,
            user_id=user_id,
        )
    )

"""Who sees the names of those who come and go: in a group that hides its members those who look after it alone."""

from kaif.interfaces.messaging import ChatId
from kaif.kernel.actor import UserId
from kaif.services.messaging import store
from kaif.services.messaging.store import HIDES_MEMBERS, Reads


async def seers_of(reads: Reads, chat_id: ChatId) -> list[UserId] | None:
    """None where everybody does."""
    hides = await reads.fetch(
        tuple,
        f"SELECT 1 FROM messaging_chats c WHERE c.id = :id AND c.kind = 'group' AND {HIDES_MEMBERS}",
        id=chat_id,
    )
    return [one.id for one in await store.staff_of(reads, chat_id)] if hides else None


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

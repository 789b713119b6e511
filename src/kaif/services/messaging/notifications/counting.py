"""How much is unread of what one may hear of: the one number that every device shows at its icon."""

from kaif.engines.database import Reads
from kaif.kernel.actor import UserId
from kaif.services.messaging.notifications import store as stored
from kaif.services.messaging.topics import store as topic_store


async def unread_heard(reads: Reads, user_id: UserId, now_us: int) -> int:
    """Nothing of chats and topics that are muted."""
    in_topics = await topic_store.unread_heard(reads, user_id, now_us)
    return in_topics + await stored.unread_of(reads, user_id, now_us)

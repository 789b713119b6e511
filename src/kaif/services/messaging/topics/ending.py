"""Deletes what was in a topic that is no longer there, message by message, as admins delete them."""

from collections.abc import Awaitable, Callable

from kaif.engines.database import Database
from kaif.interfaces.messaging import ChatId
from kaif.interfaces.messaging.errors import ChatNotFound
from kaif.kernel.clock import Clock
from kaif.services.messaging.attachments import store as attachment_store
from kaif.services.messaging.events import TopicDeleted
from kaif.services.messaging.topics import standing_store
from kaif.services.messaging.topics import store as topic_store

# One transaction's, so that it keeps no sender waiting.
DELETED_AT_ONCE = 100

Erase = Callable[[ChatId, list[int]], Awaitable[None]]


class TopicEnding:
    def __init__(self, database: Database, erase: Erase, clock: Clock) -> None:
        self._database, self._erase, self._clock = database, erase, clock

    async def delete_messages(self, event: TopicDeleted) -> None:
        """A stretch of it, and what follows is asked for anew: the bus gives up what takes long, and others wait behind
        it. Safe to repeat: what has been deleted is not deleted again, and what is left is looked for."""
        left = await topic_store.some_left(self._database, event.chat_id, event.topic_id, DELETED_AT_ONCE)
        if not left:
            await self._give_up(event)
            return
        try:
            if messages := [seq for seq, kind in left if kind == "message"]:
                await self._erase(event.chat_id, messages)
        except ChatNotFound:
            # The whole chat has been deleted meanwhile, and is swept with all that is in it.
            return
        async with self._database.transaction() as tx:
            await topic_store.remove_entries(tx, event.chat_id, event.topic_id, left[-1][0])
            await tx.publish(event)

    async def _give_up(self, event: TopicDeleted) -> None:
        """What people had in it."""
        chat_id, topic_id = event.chat_id, event.topic_id
        async with self._database.transaction() as tx:
            await standing_store.remove_members(tx, chat_id, topic_id)
            if await attachment_store.give_up_drafts(tx, chat_id, topic_id, DELETED_AT_ONCE, self._clock()):
                await tx.publish(event)

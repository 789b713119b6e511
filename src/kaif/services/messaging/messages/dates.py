"""Finds a moment in a log by halving it: places are gapless and follow time, so no index of times is needed."""

from kaif.engines.database import Database
from kaif.interfaces.messaging import ChatId, ChatNotFound
from kaif.interfaces.messaging.dates import FindDate, FoundDate
from kaif.interfaces.messaging.topics import GENERAL, TopicNotFound, TopicsOff
from kaif.kernel.actor import Actor, UserId
from kaif.kernel.clock import as_us
from kaif.services.messaging import store
from kaif.services.messaging.model import TOPICS_ON, StoredChat
from kaif.services.messaging.topics import store as topic_store


class DatesService:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def find_date(self, actor: Actor, request: FindDate) -> FoundDate:
        chat = await store.find_chat(self._database, request.chat_id, actor.user_id)
        if chat is None:
            raise ChatNotFound
        at_us = as_us(request.at)
        first_seq = await self._first_from(request.chat_id, chat.seq, at_us)
        if request.topic_id is None:
            return FoundDate(await store.next_message_for(self._database, chat.id, first_seq, actor.user_id))
        return FoundDate(await self._next_in(chat, request.topic_id, first_seq, actor.user_id))

    async def _next_in(self, chat: StoredChat, topic_id: int, first_seq: int, user_id: UserId) -> int | None:
        if chat.topics != TOPICS_ON:
            raise TopicsOff
        if not await topic_store.places_of(self._database, {(chat.id, topic_id)}):
            raise TopicNotFound
        # Before its first entry there were no topics, and all was of the one without a name.
        earlier = await topic_store.first_seq(self._database, chat.id, topic_id) if topic_id == GENERAL else 0
        if first_seq < earlier:
            seq = await store.next_message_for(self._database, chat.id, first_seq, user_id)
            if seq is not None and seq < earlier:
                return seq
        return await topic_store.next_message_for(self._database, chat.id, topic_id, first_seq, user_id)

    async def _first_from(self, chat_id: ChatId, last_seq: int, at_us: int) -> int:
        """The first place whose entry is not before the moment; the one after the last if all are.

        The clocks of several processes may differ by a little, and so may what is found.
        """
        low, high = 1, last_seq + 1
        while low < high:
            middle = (low + high) // 2
            if await store.written_at_us(self._database, chat_id, middle) < at_us:
                low = middle + 1
            else:
                high = middle
        return low

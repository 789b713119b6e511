"""Finds a moment in a log by halving it: places are gapless and follow time, so no index of times is needed."""

from kaif.engines.database import Database
from kaif.interfaces.messaging import ChatId, ChatNotFound
from kaif.interfaces.messaging.dates import FindDate, FoundDate
from kaif.kernel.actor import Actor
from kaif.kernel.clock import as_us
from kaif.services.messaging import store


class DatesService:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def find_date(self, actor: Actor, request: FindDate) -> FoundDate:
        chat = await store.find_chat(self._database, request.chat_id, actor.user_id)
        if chat is None:
            raise ChatNotFound
        at_us = as_us(request.at)
        first_seq = await self._first_from(request.chat_id, chat.seq, at_us)
        return FoundDate(await store.next_message_for(self._database, request.chat_id, first_seq, actor.user_id))

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

"""Finds a moment in a log by halving it: places are gapless and follow time, so no index of times is needed.

Where a clock was set back they do not; such places are known (`clock_store`), and each part of the log between two of
them is looked through by itself. The message that is nearest to the moment is the one that was meant: one that bears a
time far ahead of its neighbours' is in nobody's way.
"""

from collections.abc import Iterator

import msgspec

from kaif.engines.database import Database
from kaif.interfaces.messaging import ChatId
from kaif.interfaces.messaging.dates import FindDate, FoundDate
from kaif.interfaces.messaging.errors import ChatNotFound
from kaif.interfaces.messaging.topics import GENERAL, TopicNotFound, TopicsOff
from kaif.kernel.actor import Actor, UserId
from kaif.kernel.clock import as_us
from kaif.services.messaging import chat_store, clock_store, entry_store
from kaif.services.messaging.chat_views import StoredChat
from kaif.services.messaging.clock_store import Jump
from kaif.services.messaging.model import TOPICS_ON
from kaif.services.messaging.topics import store as topic_store


class Part(msgspec.Struct, frozen=True):
    """Of a log, in which times follow places."""

    first_seq: int
    last_seq: int
    # None for the end of the log.
    last_us: int | None = None


class DatesService:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def find_date(self, actor: Actor, request: FindDate) -> FoundDate:
        chat = await chat_store.find_chat(self._database, request.chat_id, actor.user_id)
        if chat is None:
            raise ChatNotFound
        if request.topic_id is not None:
            await self._must_have(chat, request.topic_id)
        at_us = as_us(request.at)
        found = []
        for part in _parts(await clock_store.jumps_of(self._database, chat.id), chat.seq):
            if part.last_us is not None and part.last_us < at_us:
                continue
            first_seq = await self._first_from(chat.id, part, at_us)
            message = await self._next(chat, request.topic_id, first_seq, part.last_seq, actor.user_id)
            if message:
                seq, written_at_us = message
                found.append((written_at_us, seq))
        return FoundDate(min(found)[1] if found else None)

    async def _must_have(self, chat: StoredChat, topic_id: int) -> None:
        if chat.topics != TOPICS_ON:
            raise TopicsOff
        if not await topic_store.places_of(self._database, {(chat.id, topic_id)}):
            raise TopicNotFound

    async def _next(
        self, chat: StoredChat, topic_id: int | None, first_seq: int, last_seq: int, user_id: UserId
    ) -> tuple[int, int] | None:
        """The place and the time of the first message there, of the whole log or of a topic."""
        if topic_id is None:
            return await entry_store.next_message_for(self._database, chat.id, first_seq, last_seq, user_id)
        # Before its first entry there were no topics, and all was of the one without a name.
        earlier = await topic_store.first_seq(self._database, chat.id, topic_id) if topic_id == GENERAL else 0
        if first_seq < earlier:
            end = min(last_seq, earlier - 1)
            if message := await entry_store.next_message_for(self._database, chat.id, first_seq, end, user_id):
                return message
        return await topic_store.next_message_for(self._database, chat.id, topic_id, first_seq, last_seq, user_id)

    async def _first_from(self, chat_id: ChatId, part: Part, at_us: int) -> int:
        """The first place of the part whose entry is not before the moment; the one after its last if all are."""
        low, high = part.first_seq, part.last_seq + 1
        while low < high:
            middle = (low + high) // 2
            if await entry_store.written_at_us(self._database, chat_id, middle) < at_us:
                low = middle + 1
            else:
                high = middle
        return low


def _parts(jumps: list[Jump], last_seq: int) -> Iterator[Part]:
    first_seq = 1
    for jump in jumps:
        yield Part(first_seq, jump.seq - 1, jump.before_us)
        first_seq = jump.seq
    yield Part(first_seq, last_seq)

"""A batch's messages in groups with topics: where each belongs, whether its sender may write there, what is counted.

Chats that never had topics ask and write nothing here.
"""

from collections.abc import Mapping, Sequence

from kaif.engines.database import Transaction
from kaif.interfaces.messaging import ChatId, Entry, Outgoing
from kaif.interfaces.messaging.topics import GENERAL, RestrictedInTopic, TopicClosed, TopicNotFound
from kaif.kernel.actor import UserId
from kaif.services.messaging import topic_store
from kaif.services.messaging.model import TOPICS_ON, Place
from kaif.services.messaging.rights import Right
from kaif.services.messaging.topic_store import TopicPlace

STAFF = int(Right.STAFF)


async def count_nobodys(tx: Transaction, entry: Entry) -> None:
    """A message of no member's in a chat that has or had topics: it is of the one without a name, and moves no mark."""
    key = entry.chat_id, GENERAL
    general = (await topic_store.places_of(tx, {key}))[key]
    general.messages += 1
    general.last_seq = entry.seq
    await topic_store.add_entries(tx, [(*key, entry.seq, general.messages)])
    await topic_store.advance(tx, [general])


class BatchTopics:
    """The topics that one transaction's messages go to; their chats are locked."""

    def __init__(self, places: Mapping[ChatId, Place], *, absent: bool) -> None:
        self._places, self._absent = places, absent
        self._topics: dict[tuple[ChatId, int], TopicPlace] = {}
        self._restricted: set[tuple[ChatId, int, UserId]] = set()
        self._chosen: set[tuple[ChatId, int, UserId]] = set()
        self._entries: list[tuple[ChatId, int, int, int]] = []
        self._marks: dict[tuple[ChatId, int, UserId], tuple[int, int]] = {}

    async def read(self, tx: Transaction, messages: Sequence[Outgoing]) -> None:
        there = [message for message in messages if (place := self._places.get(message.chat_id)) and place.topics]
        if there:
            self._topics = await topic_store.places_of(tx, {(each.chat_id, each.topic_id) for each in there})
            triples = {(each.chat_id, each.topic_id, each.sender_id) for each in there}
            self._restricted = await topic_store.restricted_among(tx, triples)
            if any(topic.chosen_only for topic in self._topics.values()):
                self._chosen = await topic_store.chosen_among(tx, triples)

    def must_be_allowed(self, message: Outgoing, rights: int, place: Place) -> None:
        """Raises TopicNotFound, TopicClosed, RestrictedInTopic."""
        topic = self._topics.get((message.chat_id, message.topic_id))
        if topic is None or (message.topic_id and place.topics != TOPICS_ON):
            raise TopicNotFound
        if place.topics != TOPICS_ON or rights & STAFF:
            return
        if topic.closed or topic.hidden:
            raise TopicClosed
        who = message.chat_id, message.topic_id, message.sender_id
        if who in self._restricted or (topic.chosen_only and who not in self._chosen):
            raise RestrictedInTopic

    def take(self, entry: Entry, sender_id: UserId) -> None:
        """The message has its place in the log."""
        topic = self._topics[entry.chat_id, entry.topic_id]
        topic.messages += 1
        topic.last_seq = entry.seq
        self._entries.append((entry.chat_id, entry.topic_id, entry.seq, topic.messages))
        if self._places[entry.chat_id].topics == TOPICS_ON:
            self._marks[entry.chat_id, entry.topic_id, sender_id] = entry.seq, topic.messages

    async def write(self, tx: Transaction, now_us: int) -> None:
        if not self._entries:
            return
        await topic_store.add_entries(tx, self._entries)
        changed = {(chat_id, topic_id) for chat_id, topic_id, _, _ in self._entries}
        await topic_store.advance(tx, [self._topics[key] for key in sorted(changed)])
        if self._marks:
            # Whoever writes has read what stands above in this topic, and in no other.
            move = topic_store.move_absent_marks if self._absent else topic_store.move_marks
            await move(tx, [(*key, *mark) for key, mark in self._marks.items()])
            await topic_store.touch_senders(tx, {(chat_id, user_id) for chat_id, _, user_id in self._marks}, now_us)

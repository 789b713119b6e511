"""A batch's messages in groups with topics: where each belongs, whether its sender may write there, what is counted.

Chats that never had topics ask and write nothing here.
"""

from collections.abc import Mapping, Sequence

from kaif.engines.database import Transaction
from kaif.interfaces.messaging import ChatId, Entry, Outgoing
from kaif.interfaces.messaging.topics import GENERAL, RestrictedInTopic, TopicClosed, TopicNotFound
from kaif.kernel.actor import UserId
from kaif.services.messaging.entry_rules import Place
from kaif.services.messaging.model import TOPICS_ON
from kaif.services.messaging.rights import Right
from kaif.services.messaging.topics import standing_store
from kaif.services.messaging.topics import store as topic_store
from kaif.services.messaging.topics.store import TopicPlace

STAFF = int(Right.STAFF)


async def count_nobodys(tx: Transaction, entry: Entry) -> None:
    """A message of no member's in a chat that has or had topics: it is counted in its own, and moves no mark."""
    key = entry.chat_id, entry.topic_id
    topic = (await topic_store.places_of(tx, {key}))[key]
    topic.messages += 1
    topic.last_seq = entry.seq
    await topic_store.add_entries(tx, [(*key, entry.seq, topic.messages)])
    await topic_store.advance(tx, [topic])


async def has_topic(tx: Transaction, place: Place, topic_id: int) -> bool:
    """Whether the chat, which is locked, has it now; the one without a name it always has."""
    if topic_id == GENERAL:
        return True
    key = place.chat_id, topic_id
    return place.topics == TOPICS_ON and key in await topic_store.places_of(tx, {key})


class BatchTopics:
    """The topics that one transaction's messages go to; their chats are locked."""

    def __init__(self, places: Mapping[ChatId, Place], *, absent: bool) -> None:
        self._places, self._absent = places, absent
        self._topics: dict[tuple[ChatId, int], TopicPlace] = {}
        self._restricted: set[tuple[ChatId, int, UserId]] = set()
        self._chosen: set[tuple[ChatId, int, UserId]] = set()
        self._entries: list[tuple[ChatId, int, int, int]] = []
        self._marks: dict[tuple[ChatId, int, UserId], tuple[int, int]] = {}
        self._away: list[tuple[ChatId, int, UserId, int, int]] = []

    async def read(self, tx: Transaction, messages: Sequence[Outgoing]) -> None:
        there = [message for message in messages if (place := self._places.get(message.chat_id)) and place.topics]
        if there:
            self._topics = await topic_store.places_of(tx, {(each.chat_id, each.topic_id) for each in there})
            triples = {(each.chat_id, each.topic_id, each.sender_id) for each in there}
            self._restricted = await standing_store.restricted_among(tx, triples)
            if any(topic.chosen_only for topic in self._topics.values()):
                self._chosen = await standing_store.chosen_among(tx, triples)

    def must_be_allowed(self, message: Outgoing, rights: int, place: Place, *, comments: bool) -> None:
        """A comment stands in the topic without a name, and who may write there is no matter of its post's: but whom
        an admin has restricted there comments no more.

        Raises TopicNotFound, TopicClosed, RestrictedInTopic.
        """
        topic = self._topics.get((message.chat_id, message.topic_id))
        if topic is None or (message.topic_id and place.topics != TOPICS_ON):
            raise TopicNotFound
        if place.topics != TOPICS_ON or rights & STAFF:
            return
        if (topic.closed or topic.hidden) and not comments:
            raise TopicClosed
        who = message.chat_id, message.topic_id, message.sender_id
        if who in self._restricted or (topic.chosen_only and who not in self._chosen and not comments):
            raise RestrictedInTopic

    def take(self, entry: Entry, sender_id: UserId, *, late: bool) -> None:
        """The message has its place in the log."""
        topic = self._topics[entry.chat_id, entry.topic_id]
        topic.messages += 1
        topic.last_seq = entry.seq
        self._entries.append((entry.chat_id, entry.topic_id, entry.seq, topic.messages))
        if self._places[entry.chat_id].topics != TOPICS_ON:
            return
        if self._absent or late:
            self._away.append((entry.chat_id, entry.topic_id, sender_id, entry.seq, topic.messages))
        else:
            self._marks[entry.chat_id, entry.topic_id, sender_id] = entry.seq, topic.messages

    async def write(self, tx: Transaction, now_us: int) -> None:
        if not self._entries:
            return
        await topic_store.add_entries(tx, self._entries)
        changed = {(chat_id, topic_id) for chat_id, topic_id, _, _ in self._entries}
        await topic_store.advance(tx, [self._topics[key] for key in sorted(changed)])
        # Whoever writes has read what stands above in this topic, and in no other; who is not here has not.
        if self._marks:
            await standing_store.move_marks(tx, [(*key, *mark) for key, mark in self._marks.items()])
        if self._away:
            await standing_store.move_absent_marks(tx, self._away)
        senders = {(chat_id, user_id) for chat_id, _, user_id in self._marks}
        senders |= {(chat_id, user_id) for chat_id, _, user_id, _, _ in self._away}
        if senders:
            await topic_store.touch_senders(tx, senders, now_us)

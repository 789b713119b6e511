"""Topics as one of the group's members sees them: their entries, their marks, and how many messages are unread."""

from collections.abc import Sequence

from kaif.engines.database import Database
from kaif.interfaces.messaging import ChatId, Entry, ListEntries, MarkRead, ReadMark
from kaif.interfaces.messaging.errors import ChatNotFound
from kaif.interfaces.messaging.topics import GENERAL, Topic, TopicNotFound, TopicsOff
from kaif.kernel.actor import Actor, UserId
from kaif.kernel.clock import Clock, as_datetime
from kaif.kernel.errors import Invalid
from kaif.services.messaging import chat_store, entry_store, member_store
from kaif.services.messaging.chat_views import StoredChat
from kaif.services.messaging.entry_rules import StoredEntry
from kaif.services.messaging.messages import mention_store, viewing
from kaif.services.messaging.model import TOPICS_ON
from kaif.services.messaging.notifications.telling import InTopics, Message, Recipient
from kaif.services.messaging.rights import Right, rights_of
from kaif.services.messaging.sending.announcing import Announcer
from kaif.services.messaging.topics import standing_store
from kaif.services.messaging.topics import store as topic_store
from kaif.services.messaging.topics.store import StoredTopic


class TopicReading:
    def __init__(self, database: Database, announcer: Announcer, clock: Clock) -> None:
        self._database, self._announcer, self._clock = database, announcer, clock

    async def get_chat(self, chat_id: ChatId, user_id: UserId) -> StoredChat:
        """Raises ChatNotFound, TopicsOff."""
        chat = await chat_store.find_chat(self._database, chat_id, user_id)
        if chat is None:
            raise ChatNotFound
        if chat.topics != TOPICS_ON:
            raise TopicsOff
        return chat

    async def get_topic(self, actor: Actor, chat_id: ChatId, topic_id: int) -> Topic:
        """Raises ChatNotFound, TopicsOff, TopicNotFound."""
        chat = await self.get_chat(chat_id, actor.user_id)
        row = await self._find(actor, chat_id, topic_id)
        return (await self.described(actor.user_id, chat, [row]))[0]

    async def _find(self, actor: Actor, chat_id: ChatId, topic_id: int) -> StoredTopic:
        row = await topic_store.find_seen(self._database, chat_id, topic_id, actor.user_id)
        if row is None:
            raise TopicNotFound
        return row

    async def described(self, user_id: UserId, chat: StoredChat, rows: Sequence[StoredTopic]) -> list[Topic]:
        last_rows = await entry_store.entries_at(self._database, chat.id, {row.last_seq for row in rows})
        shown = await viewing.shown_to(self._database, user_id, chat.id, last_rows)
        last = {entry.seq: entry for entry in shown}
        now_us = self._clock()
        rights = rights_of(chat.member, now_us)
        mentions: dict[int, list[int]] = {}
        if any(row.messages > row.read_messages for row in rows):
            for one in (await mention_store.unread(self._database, user_id, [chat.id])).get(chat.id, []):
                mentions.setdefault(one.topic_id, []).append(one.seq)
        return [_topic_of(row, last.get(row.last_seq), rights, now_us, mentions.get(row.id, [])) for row in rows]

    async def list_rows(self, actor: Actor, request: ListEntries, topic_id: int) -> list[StoredEntry]:
        """A page of a topic. Raises ChatNotFound, TopicsOff, TopicNotFound."""
        await self.get_chat(request.chat_id, actor.user_id)
        if (request.chat_id, topic_id) not in await topic_store.places_of(
            self._database, {(request.chat_id, topic_id)}
        ):
            raise TopicNotFound
        if request.after is not None:
            return await self._after(request.chat_id, topic_id, request.after, request.limit)
        return await self._before(request.chat_id, topic_id, request.before or 2**53 + 1, request.limit)

    async def _after(self, chat_id: ChatId, topic_id: int, after: int, limit: int) -> list[StoredEntry]:
        earlier = await self._older(chat_id, topic_id)
        rows: list[StoredEntry] = []
        if after < earlier:
            rows = await entry_store.entries_after(self._database, chat_id, after, limit)
            rows = [row for row in rows if row.seq < earlier]
        if len(rows) < limit:
            rows += await topic_store.entries_after(self._database, chat_id, topic_id, after, limit - len(rows))
        return rows

    async def _before(self, chat_id: ChatId, topic_id: int, before: int, limit: int) -> list[StoredEntry]:
        rows = await topic_store.entries_before(self._database, chat_id, topic_id, before, limit)
        if len(rows) < limit and (earlier := await self._older(chat_id, topic_id)):
            end = min(before, earlier)
            rows = await entry_store.entries_before(self._database, chat_id, end, limit - len(rows)) + rows
        return rows

    async def _older(self, chat_id: ChatId, topic_id: int) -> int:
        """Before this place there were no topics, and all was of the one without a name."""
        return await topic_store.first_seq(self._database, chat_id, topic_id) if topic_id == GENERAL else 0

    async def mark_read(self, actor: Actor, request: MarkRead, topic_id: int) -> ReadMark:
        """Raises ChatNotFound, TopicsOff, TopicNotFound; Invalid when there is no such entry."""
        chat = await self.get_chat(request.chat_id, actor.user_id)
        topic = await self._find(actor, chat.id, topic_id)
        if request.seq > chat.seq:
            raise Invalid("There is no such entry yet.", path="$.seq")
        messages = await self._messages_up_to(chat.id, topic_id, request.seq)
        if messages is not None and request.seq > topic.read_seq:
            await self._move(chat, actor.user_id, topic_id, request.seq, messages)
            await self._announcer.announce_read(
                chat.id, actor.user_id, request.seq, to_everyone=bool(chat.marks_shown), topic_id=topic_id
            )
        row = await self._find(actor, chat.id, topic_id)
        return ReadMark(row.read_seq, row.messages - row.read_messages)

    async def _messages_up_to(self, chat_id: ChatId, topic_id: int, seq: int) -> int | None:
        messages = await topic_store.messages_up_to(self._database, chat_id, topic_id, seq)
        if messages is None and topic_id == GENERAL:
            row = await entry_store.find_entry(self._database, chat_id, seq)
            return row.messages if row else None
        return messages

    async def _move(self, chat: StoredChat, user_id: UserId, topic_id: int, seq: int, messages: int) -> None:
        async with self._database.transaction() as tx:
            await standing_store.move_marks(tx, [(chat.id, topic_id, user_id, seq, messages)])
            await mention_store.mark_read(tx, user_id, chat.id, seq, topic_id)
        # Where nothing is left in any topic, the chat is read as a whole, as far as it was known before this question.
        left = await topic_store.unread_in(self._database, user_id, [chat.id])
        if not left.get(chat.id):
            async with self._database.transaction() as tx:
                await member_store.move_read_marks(tx, [(chat.id, user_id, chat.seq, chat.messages)])


def _topic_of(row: StoredTopic, last_entry: Entry | None, rights: Right, now_us: int, mentions: list[int]) -> Topic:
    staff = Right.STAFF in rights
    return Topic(
        row.chat_id,
        row.id,
        row.title,
        row.icon,
        row.colour,
        row.creator_id,
        as_datetime(row.made_at_us),
        bool(row.closed),
        bool(row.hidden),
        as_datetime(row.pinned_at_us) if row.pinned_at_us else None,
        row.messages - row.read_messages,
        row.read_seq,
        row.others_read_seq,
        last_entry,
        as_datetime(row.muted_until_us) if row.muted_until_us > now_us else None,
        bool(row.restricted),
        staff or (Right.SEND in rights and _is_open_to(row)),
        bool(row.chosen_only),
        bool(row.chosen),
        mentions,
    )


def _is_open_to(row: StoredTopic) -> bool:
    """To this member, if members write at all."""
    return not (row.closed or row.hidden or row.restricted) and bool(row.chosen or not row.chosen_only)


async def standings(
    database: Database, chat_id: ChatId, messages: Sequence[Message], recipients: Sequence[Recipient]
) -> InTopics:
    """Marks and mutes of these people in the topics of these messages; none where the group has no topics."""
    if not messages or recipients[0].topics != TOPICS_ON:
        return {}
    topic_ids, user_ids = {message.topic_id for message in messages}, {each.user_id for each in recipients}
    found = await standing_store.standings(database, chat_id, topic_ids, user_ids)
    return {(each.user_id, each.topic_id): (each.read_seq, each.muted_until_us) for each in found}

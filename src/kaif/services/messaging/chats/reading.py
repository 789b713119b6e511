"""Chats as one of their members sees them, for every use case that answers with one."""

from collections.abc import Sequence

from kaif.engines.database import Database
from kaif.interfaces.messaging import Chat, ChatId
from kaif.interfaces.messaging.errors import ChatNotFound
from kaif.interfaces.messaging.naming import nameless
from kaif.kernel.actor import UserId
from kaif.kernel.clock import Clock
from kaif.services.messaging import chat_store, chat_views, entry_rules, entry_store, member_store, model
from kaif.services.messaging.chat_views import StoredChat
from kaif.services.messaging.invitations import store as invitation_store
from kaif.services.messaging.messages import mention_store, viewing
from kaif.services.messaging.messages import store as message_store
from kaif.services.messaging.rights import INVITER, rights_of
from kaif.services.messaging.topics import store as topic_store


class Reading:
    def __init__(self, database: Database, clock: Clock) -> None:
        self._database, self._clock = database, clock

    async def get_chat(self, chat_id: ChatId, user_id: UserId) -> Chat:
        """Raises ChatNotFound."""
        row = await chat_store.find_chat(self._database, chat_id, user_id)
        if row is None:
            raise ChatNotFound
        return (await self.described(user_id, [row]))[0]

    async def described(self, user_id: UserId, rows: Sequence[StoredChat]) -> list[Chat]:
        ids = [row.id for row in rows]
        people = await member_store.people_shown(self._database, ids)
        last = {row.chat_id: entry_rules.entry_of(row) for row in await entry_store.last_entries(self._database, ids)}
        if hiding := [row.id for row in rows if row.hidden]:
            for chat_id in await message_store.chats_with_last_hidden(self._database, user_id, hiding):
                last[chat_id] = viewing.without_content(last[chat_id])
        for row in rows:
            if row.kind == "group" and row.members_hidden and row.role == model.MEMBER and row.id in last:
                last[row.id] = nameless(last[row.id], user_id)
        unread = {}
        if by_topics := [row.id for row in rows if row.topics == model.TOPICS_ON]:
            unread = await topic_store.unread_in(self._database, user_id, by_topics)
        # Where nothing is unread nothing of it mentions anybody.
        speaking = [
            row.id for row in rows if row.kind == "group" and unread.get(row.id, row.messages - row.read_messages)
        ]
        mentions = await mention_store.unread(self._database, user_id, speaking)
        now_us = self._clock()
        answering = [row.id for row in rows if INVITER in rights_of(row.member, now_us)]
        asking = await invitation_store.counts_of_requests(self._database, answering) if answering else {}
        return [
            chat_views.chat_of(
                row,
                people.get(row.id, []),
                last.get(row.id),
                now_us,
                unread.get(row.id),
                [one.seq for one in mentions.get(row.id, [])],
                asking.get(row.id, 0),
            )
            for row in rows
        ]

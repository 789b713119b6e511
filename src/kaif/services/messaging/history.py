"""Gives people their history along, a bounded part at a time."""

from typing import Protocol

from kaif.engines.database import Database
from kaif.interfaces.auth import Nothing
from kaif.interfaces.messaging import BadCursor, Chat, ChatId, ChatNotFound, Chats, GetChat, ListChats
from kaif.interfaces.messaging.cards import Contact
from kaif.interfaces.messaging.history import (
    ExportHistory,
    HistoryPart,
    Membership,
    OwnMessagingData,
    PressedButton,
    ViewedPosts,
)
from kaif.interfaces.messaging.reminders import REMINDERS_LISTED_MAX
from kaif.interfaces.messaging.scheduled import SCHEDULED_LISTED_MAX
from kaif.kernel.actor import Actor, UserId
from kaif.kernel.clock import Clock, as_datetime
from kaif.services.messaging import (
    callbacks_store,
    due_store,
    history_store,
    last_seen_store,
    store,
    viewing,
    views_store,
    webhooks_store,
)
from kaif.services.messaging.due_model import reminder_of, scheduled_of
from kaif.services.messaging.history_pages import Pages, People, pages_of

# A part is at most some megabyte: so many messages of 4096 characters each.
ENTRIES_MAX = 200
CHATS_PAGE = 200


class DescribesChats(Protocol):
    async def get_chat(self, actor: Actor, request: GetChat) -> Chat: ...

    async def list_chats(self, actor: Actor, request: ListChats) -> Chats: ...


class HistoryService:
    def __init__(self, database: Database, chats: DescribesChats, clock: Clock) -> None:
        self._database, self._chats, self._clock = database, chats, clock

    async def export_history(self, actor: Actor, request: ExportHistory) -> HistoryPart:
        pages = pages_of(request.format, request.language)
        if request.cursor:
            chat_id, after = _parse(request.cursor, request.chat_id)
            return await self._go_on(actor, request, pages, "", chat_id, after)
        start = pages.begin(actor.user_id, as_datetime(self._clock()).isoformat())
        if request.chat_id and await store.find_member(self._database, request.chat_id, actor.user_id) is None:
            raise ChatNotFound
        first = request.chat_id or await history_store.next_chat_of(self._database, actor.user_id, "")
        if first is None:
            return HistoryPart(start + pages.end(), None)
        start += await self._begin_chat(actor, pages, first, is_first=True)
        return await self._go_on(actor, request, pages, start, first, 0)

    async def _go_on(
        self, actor: Actor, request: ExportHistory, pages: Pages, content: str, chat_id: ChatId, after: int
    ) -> HistoryPart:
        """As much of the chat as goes into a part; and with its end, the beginning of the next chat."""
        rows = await history_store.readable_entries_after(
            self._database, actor.user_id, chat_id, after, ENTRIES_MAX + 1
        )
        entries = await viewing.shown_to(self._database, actor.user_id, chat_id, rows[:ENTRIES_MAX])
        concerned = {user_id for entry in entries for user_id in (entry.sender_id, *entry.user_ids)}
        concerned |= {entry.card.user_id for entry in entries if isinstance(entry.card, Contact)}
        content += pages.entries(entries, await self._people(concerned), first=after == 0)
        if len(rows) > ENTRIES_MAX:
            return HistoryPart(content, f"{chat_id}-{entries[-1].seq}")
        content += pages.end_chat()
        following = None
        if request.chat_id is None:
            following = await history_store.next_chat_of(self._database, actor.user_id, chat_id)
        if following is None:
            return HistoryPart(content + pages.end(), None)
        content += await self._begin_chat(actor, pages, following, is_first=False)
        return HistoryPart(content, f"{following}-0")

    async def _begin_chat(self, actor: Actor, pages: Pages, chat_id: ChatId, *, is_first: bool) -> str:
        chat = await self._chats.get_chat(actor, GetChat(chat_id))
        others = [person.display_name for person in chat.people if person.id != actor.user_id]
        return pages.begin_chat(chat, chat.title or ", ".join(others), first=is_first)

    async def _people(self, ids: set[UserId]) -> People:
        return {person.id: person for person in await store.known_people(self._database, sorted(ids))}

    async def export_own_messaging_data(self, actor: Actor, request: Nothing) -> OwnMessagingData:
        chats: list[Chat] = []
        cursor: str | None = ""
        while cursor is not None:
            page = await self._chats.list_chats(actor, ListChats(CHATS_PAGE, cursor))
            chats += page.chats
            cursor = page.next_cursor
        roles = await history_store.roles_of(self._database, actor.user_id, [chat.id for chat in chats])
        waiting = await due_store.of_person(self._database, actor.user_id, "message", SCHEDULED_LISTED_MAX)
        reminders = await due_store.of_person(self._database, actor.user_id, "reminder", REMINDERS_LISTED_MAX)
        person = next(iter(await store.known_people(self._database, [actor.user_id])), None)
        seen_at_us = await last_seen_store.seen_at_us(self._database, actor.user_id)
        return OwnMessagingData(
            exported_at=as_datetime(self._clock()),
            username=person.username if person else "",
            display_name=person.display_name if person else "",
            memberships=[Membership(chat, roles.get(chat.id, "")) for chat in chats],
            pressed=[
                PressedButton(one.chat_id, one.seq, one.data, as_datetime(one.at_us))
                for one in await callbacks_store.pressed_by(self._database, actor.user_id)
            ],
            webhooks=[one.webhook for one in await webhooks_store.made_by(self._database, actor.user_id)],
            scheduled=[scheduled_of(row) for row in waiting],
            reminders=[reminder_of(row) for row in reminders],
            viewed=[
                ViewedPosts(one.chat_id, views_store.seqs_of(one.block, one.bits))
                for one in await views_store.seen_by(self._database, actor.user_id)
            ],
            last_seen_at=as_datetime(seen_at_us) if seen_at_us else None,
        )


def _parse(cursor: str, chat_id: ChatId | None) -> tuple[ChatId, int]:
    id, _, after = cursor.rpartition("-")
    if not (id and after.isascii() and after.isdigit() and len(after) <= 16) or (chat_id and id != chat_id):
        raise BadCursor(path="$.cursor")
    return ChatId(id), int(after)

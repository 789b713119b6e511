"""Gives people their history along, a bounded part at a time."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Protocol

import msgspec

from kaif.engines.database import Database
from kaif.interfaces.messaging import Chat, ChatId, Entry, GetChat
from kaif.interfaces.messaging.attached import Attachment
from kaif.interfaces.messaging.cards import Contact
from kaif.interfaces.messaging.errors import BadCursor, ChatNotFound
from kaif.interfaces.messaging.history import ExportHistory, HistoryFile, HistoryPart
from kaif.interfaces.messaging.notifications import UnknownTimeZone
from kaif.interfaces.messaging.own_data import Membership, OwnMessagingData
from kaif.kernel.actor import Actor, UserId
from kaif.kernel.clock import Clock, as_datetime
from kaif.services.messaging import entry_store, member_store, people_store
from kaif.services.messaging.attachments import model as files
from kaif.services.messaging.history import left_store
from kaif.services.messaging.history import store as history_store
from kaif.services.messaging.history.html_pages import Beside
from kaif.services.messaging.history.left_store import LeftChat
from kaif.services.messaging.history.pages import Pages, pages_of
from kaif.services.messaging.messages import store as message_store
from kaif.services.messaging.messages import viewing
from kaif.services.messaging.notifications.telling import zone_of
from kaif.services.messaging.own_data.pages import own_section
from kaif.services.messaging.topics import store as topic_store

# A part is at most some megabyte: so many messages of 4096 characters each.
ENTRIES_MAX = 200
# Of each kind of what else is held, on the page for people; the whole of it is in the file for programs.
OWN_EACH_MAX = 100
# Of the log of a chat that one has left, for what one wrote oneself.
LOOKED_THROUGH = 20_000
# What a cursor of such a chat begins with, and when some of it is written already.
LEFT, LEFT_BEGUN = "~", "~~"

_changed = msgspec.structs.replace


class DescribesChats(Protocol):
    async def get_chat(self, actor: Actor, request: GetChat) -> Chat: ...


class TellsWhatIsHeld(Protocol):
    async def held_about(self, actor: Actor, each_max: int, memberships: list[Membership]) -> OwnMessagingData: ...


class HistoryService:
    def __init__(self, database: Database, chats: DescribesChats, own: TellsWhatIsHeld, clock: Clock) -> None:
        self._database, self._chats, self._own, self._clock = database, chats, own, clock

    async def export_history(self, actor: Actor, request: ExportHistory) -> HistoryPart:
        zone = zone_of(request.time_zone)
        if zone is None:
            raise UnknownTimeZone(path="$.time_zone")
        pages = pages_of(request.format, request.language, request.with_files, zone)
        if request.cursor.startswith(LEFT):
            return await self._go_on_left(actor, request, pages)
        if request.cursor:
            chat_id, after = _parse(request.cursor, request.chat_id)
            return await self._go_on(actor, request, pages, "", chat_id, after)
        start = pages.begin(actor.user_id, as_datetime(self._clock()))
        if request.chat_id and await member_store.find_member(self._database, request.chat_id, actor.user_id) is None:
            raise ChatNotFound
        if request.format == "html" and request.chat_id is None:
            start += own_section(await self._own.held_about(actor, OWN_EACH_MAX, []), request.language, zone)
        first = request.chat_id or await history_store.next_chat_of(self._database, actor.user_id, "")
        if first is None:
            return await self._begin_left(actor, pages, HistoryPart(start, None), "", is_first=True)
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
        beside = await self._beside(actor, chat_id, entries)
        content += pages.entries(entries, beside, first=after == 0)
        taken = [one for entry in entries for one in entry.attachments] if request.with_files else []
        part = HistoryPart(content, None, len(entries), [_beside_of(one) for one in taken])
        if len(rows) > ENTRIES_MAX:
            return _changed(part, next_cursor=f"{chat_id}-{entries[-1].seq}")
        content += pages.end_chat()
        if request.chat_id is not None:
            return _changed(part, content=content + pages.end())
        following = await history_store.next_chat_of(self._database, actor.user_id, chat_id)
        if following is None:
            return await self._begin_left(actor, pages, _changed(part, content=content), "", is_first=False)
        content += await self._begin_chat(actor, pages, following, is_first=False)
        return _changed(part, content=content, next_cursor=f"{following}-0")

    async def _begin_left(
        self, actor: Actor, pages: Pages, part: HistoryPart, after: str, *, is_first: bool
    ) -> HistoryPart:
        """The next of the chats that they are no longer in, or the end."""
        left = await left_store.next_left_of(self._database, actor.user_id, after)
        if left is None:
            return _changed(part, content=part.content + pages.end(), next_cursor=None)
        begun = pages.begin_left(left.id, left.kind, left.title, first=is_first)
        return _changed(part, content=part.content + begun, next_cursor=f"{LEFT}{left.id}-0")

    async def _go_on_left(self, actor: Actor, request: ExportHistory, pages: Pages) -> HistoryPart:
        """What they wrote there, a stretch of the log at a time: others may have said a million things between."""
        is_first = not request.cursor.startswith(LEFT_BEGUN)
        chat_id, after = _parse(request.cursor.lstrip(LEFT), request.chat_id)
        left = await left_store.find_left(self._database, actor.user_id, chat_id)
        last_seq = left.seq if left else 0
        until = after + LOOKED_THROUGH
        rows = await entry_store.messages_by(self._database, actor.user_id, chat_id, after, until, ENTRIES_MAX + 1)
        rows = [row for row in rows if row.seq <= last_seq]
        entries = await viewing.shown_to(self._database, actor.user_id, chat_id, rows[:ENTRIES_MAX])
        if left:
            entries = await self._as_they_were(left, entries)
        people = await people_store.known_people(self._database, [actor.user_id])
        content = pages.entries(entries, Beside({one.id: one for one in people}), first=is_first)
        taken = [one for entry in entries for one in entry.attachments] if request.with_files else []
        part = HistoryPart(content, None, len(entries), [_beside_of(one) for one in taken])
        if len(rows) > ENTRIES_MAX or until < last_seq:
            reached = entries[-1].seq if len(rows) > ENTRIES_MAX else until
            begins = LEFT if is_first and not entries else LEFT_BEGUN
            return _changed(part, next_cursor=f"{begins}{chat_id}-{reached}")
        part = _changed(part, content=content + pages.end_chat())
        return await self._begin_left(actor, pages, part, chat_id, is_first=False)

    async def _as_they_were(self, left: LeftChat, entries: Sequence[Entry]) -> list[Entry]:
        """In a channel others may have edited one's posts since: that is no longer one's own to read."""
        following = await entry_store.entries_after(self._database, left.id, left.seq, 1)
        if not following:
            return [*entries]
        since = as_datetime(following[0].at_us)
        return [
            await self._before(since, entry) if entry.edited_at and entry.edited_at >= since else entry
            for entry in entries
        ]

    async def _before(self, moment: datetime, entry: Entry) -> Entry:
        versions = await message_store.versions_of(self._database, entry.chat_id, entry.seq)
        if not versions:
            return entry
        then = next((one for one in versions if as_datetime(one.at_us) < moment), versions[-1])
        edited_at = None if then is versions[-1] else as_datetime(then.at_us)
        return _changed(entry, text=then.text, entities=then.entities, edited_at=edited_at, preview=None)

    async def _begin_chat(self, actor: Actor, pages: Pages, chat_id: ChatId, *, is_first: bool) -> str:
        chat = await self._chats.get_chat(actor, GetChat(chat_id))
        others = [person.display_name for person in chat.people if person.id != actor.user_id]
        return pages.begin_chat(chat, chat.title or ", ".join(others), first=is_first)

    async def _beside(self, actor: Actor, chat_id: ChatId, entries: Sequence[Entry]) -> Beside:
        """What pages tell of entries that is not in them."""
        answered = await self._answered(actor, chat_id, entries)
        concerned = {user_id for entry in entries for user_id in _named_in(entry)}
        concerned |= {entry.sender_id for entry in answered.values()}
        people = await people_store.known_people(self._database, sorted(concerned))
        known = {person.id: person for person in people}
        strange = concerned - known.keys()
        channels = await history_store.titles_of_channels(self._database, actor.user_id, strange) if strange else {}
        topic_ids = {entry.topic_id for entry in entries if entry.topic_id}
        topics = await topic_store.titles_of(self._database, chat_id, topic_ids) if topic_ids else {}
        return Beside(known, channels, topics, answered)

    async def _answered(self, actor: Actor, chat_id: ChatId, entries: Sequence[Entry]) -> dict[int, Entry]:
        here = {entry.seq: entry for entry in entries}
        wanted = {entry.reply_to for entry in entries if entry.reply_to}
        absent = await entry_store.entries_at(self._database, chat_id, wanted - here.keys())
        seen = await viewing.shown_to(self._database, actor.user_id, chat_id, absent) if absent else []
        return {seq: here[seq] for seq in wanted & here.keys()} | {entry.seq: entry for entry in seen}


def _named_in(entry: Entry) -> Iterator[UserId]:
    yield entry.sender_id
    yield from entry.user_ids
    if entry.forward and entry.forward.sender_id:
        yield entry.forward.sender_id
    if isinstance(entry.card, Contact):
        yield entry.card.user_id


def _beside_of(attachment: Attachment) -> HistoryFile:
    return HistoryFile(attachment.media_id, files.kept_at(attachment), attachment.size)


def _parse(cursor: str, chat_id: ChatId | None) -> tuple[ChatId, int]:
    id, _, after = cursor.rpartition("-")
    if not (id and after.isascii() and after.isdigit() and len(after) <= 16) or (chat_id and id != chat_id):
        raise BadCursor(path="$.cursor")
    return ChatId(id), int(after)

"""Finds the files of messages: those of a chat, and which of them somebody sees."""

from kaif.engines.database import Database
from kaif.interfaces.auth.roles import HANDLE_REPORTS
from kaif.interfaces.messaging import ChatId
from kaif.interfaces.messaging.attachments import AskedFiles, AttachmentPage, ListAttachments, ShownFiles
from kaif.interfaces.messaging.errors import BadCursor, ChatNotFound
from kaif.interfaces.messaging.reports import TAKEN_FOR_S
from kaif.interfaces.messaging.topics import GENERAL, TopicNotFound
from kaif.kernel.actor import Actor
from kaif.kernel.clock import SECOND_US, Clock
from kaif.services.messaging import member_store
from kaif.services.messaging.attachments import store as attachment_store
from kaif.services.messaging.chats import picture_store
from kaif.services.messaging.messages import viewing
from kaif.services.messaging.topics import store as topic_store

_NEWEST = 2**53 + 1


class AttachmentsService:
    def __init__(self, database: Database, clock: Clock) -> None:
        self._database, self._clock = database, clock

    async def list_attachments(self, actor: Actor, request: ListAttachments) -> AttachmentPage:
        before = _parse(request.cursor) if request.cursor else _NEWEST
        if await member_store.find_member(self._database, request.chat_id, actor.user_id) is None:
            raise ChatNotFound
        part = await self._part(request.chat_id, request.topic_id)
        kinds = ("image", "video") if request.kind == "media" else (request.kind,)
        # One more, to know whether there is another page.
        rows = await attachment_store.entries_with(
            self._database, actor.user_id, request.chat_id, kinds, before, request.limit + 1, part
        )
        page = rows[: request.limit]
        entries = await viewing.shown_to(self._database, actor.user_id, request.chat_id, page)
        return AttachmentPage(entries, str(page[-1].seq) if len(rows) > request.limit else None)

    async def _part(self, chat_id: ChatId, topic_id: int | None) -> attachment_store.Part | None:
        if topic_id is None:
            return None
        if (chat_id, topic_id) not in await topic_store.places_of(self._database, {(chat_id, topic_id)}):
            raise TopicNotFound
        # Before its first entry there were no topics, and all was of the one without a name.
        earlier = await topic_store.first_seq(self._database, chat_id, topic_id) if topic_id == GENERAL else 0
        return attachment_store.Part(topic_id, earlier)

    async def which_are_shown(self, actor: Actor, request: AskedFiles) -> ShownFiles:
        asked = set(request.media_ids)
        found = await attachment_store.shown_to(self._database, actor.user_id, asked)
        shown = set(found)
        if left := asked - shown:
            shown |= await picture_store.public_among(self._database, left)
            taken_after_us = self._clock() - TAKEN_FOR_S * SECOND_US
            shown |= await attachment_store.evidence_seen_by(
                self._database, actor.user_id, left, taken_after_us, handles=HANDLE_REPORTS in actor.permissions
            )
        return ShownFiles(sorted(shown), sorted(media_id for media_id, as_file in found.items() if as_file))

    async def which_are_files(self, actor: Actor, request: AskedFiles) -> ShownFiles:
        found = await attachment_store.sent_as_files(self._database, request.media_ids)
        return ShownFiles(found, found)


def _parse(cursor: str) -> int:
    if not (cursor.isascii() and cursor.isdigit() and len(cursor) <= 16):
        raise BadCursor(path="$.cursor")
    return int(cursor)

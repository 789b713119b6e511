"""Finds the files of messages: those of a chat, and which of them somebody sees."""

from kaif.engines.database import Database
from kaif.interfaces.auth.roles import HANDLE_REPORTS
from kaif.interfaces.messaging import BadCursor, ChatNotFound
from kaif.interfaces.messaging.attachments import AskedFiles, AttachmentPage, ListAttachments, ShownFiles
from kaif.interfaces.messaging.reports import TAKEN_FOR_S
from kaif.kernel.actor import Actor
from kaif.kernel.clock import SECOND_US, Clock
from kaif.services.messaging import attachment_store, picture_store, store, viewing

_NEWEST = 2**53 + 1


class AttachmentsService:
    def __init__(self, database: Database, clock: Clock) -> None:
        self._database, self._clock = database, clock

    async def list_attachments(self, actor: Actor, request: ListAttachments) -> AttachmentPage:
        before = _parse(request.cursor) if request.cursor else _NEWEST
        if await store.find_member(self._database, request.chat_id, actor.user_id) is None:
            raise ChatNotFound
        kinds = ("image", "video") if request.kind == "media" else (request.kind,)
        # One more, to know whether there is another page.
        rows = await attachment_store.entries_with(
            self._database, actor.user_id, request.chat_id, kinds, before, request.limit + 1
        )
        page = rows[: request.limit]
        entries = await viewing.shown_to(self._database, actor.user_id, request.chat_id, page)
        return AttachmentPage(entries, str(page[-1].seq) if len(rows) > request.limit else None)

    async def which_are_shown(self, actor: Actor, request: AskedFiles) -> ShownFiles:
        asked = set(request.media_ids)
        shown = await attachment_store.shown_to(self._database, actor.user_id, asked)
        if left := asked - shown:
            shown |= await picture_store.public_among(self._database, left)
            taken_after_us = self._clock() - TAKEN_FOR_S * SECOND_US
            shown |= await attachment_store.evidence_seen_by(
                self._database, actor.user_id, left, taken_after_us, handles=HANDLE_REPORTS in actor.permissions
            )
        return ShownFiles(sorted(shown))


def _parse(cursor: str) -> int:
    if not (cursor.isascii() and cursor.isdigit() and len(cursor) <= 16):
        raise BadCursor(path="$.cursor")
    return int(cursor)

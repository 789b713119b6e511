"""How people keep their own chats; each method is one transaction."""

import msgspec

from kaif.engines.database import Database, Transaction
from kaif.interfaces.auth import Nothing
from kaif.interfaces.messaging import Chat, ChatId
from kaif.interfaces.messaging.actions import MessageNotFound
from kaif.interfaces.messaging.errors import BadText, ChatNotFound
from kaif.interfaces.messaging.order import (
    DRAFTS_MAX,
    PINNED_MAX,
    ArrangeChat,
    BadFolder,
    Draft,
    Drafts,
    Folder,
    Folders,
    KeepDraft,
    TooManyPinned,
)
from kaif.interfaces.messaging.topics import TopicNotFound
from kaif.kernel.actor import Actor
from kaif.kernel.clock import Clock, as_us
from kaif.kernel.text import clean_name, clean_text
from kaif.services.messaging import entry_store, member_store
from kaif.services.messaging.attachments import model as files
from kaif.services.messaging.attachments import store as attachment_store
from kaif.services.messaging.attachments.attaching import Attaching
from kaif.services.messaging.chats import order_store
from kaif.services.messaging.chats.order_store import NO_POST, NO_TOPIC, StoredDraft
from kaif.services.messaging.chats.reading import Reading
from kaif.services.messaging.due import store as due_store
from kaif.services.messaging.sending.announcing import Announcer, ChatEvent
from kaif.services.messaging.topics import store as topic_store

_changed = msgspec.structs.replace


class DraftEvent(Draft, frozen=True, tag_field="type", tag="draft"):
    pass


class FoldersEvent(msgspec.Struct, frozen=True, tag_field="type", tag="folders"):
    folders: list[Folder]


class OwnOrderService:
    def __init__(self, database: Database, announcer: Announcer, attaching: Attaching, clock: Clock) -> None:
        self._database, self._announcer, self._attaching, self._clock = database, announcer, attaching, clock
        self._reading = Reading(database, clock)

    async def arrange_chat(self, actor: Actor, request: ArrangeChat) -> Chat:
        now_us = self._clock()
        given = {
            "archived": None if request.archived is None else int(request.archived),
            "pinned_at_us": None if request.pinned is None else now_us if request.pinned else 0,
            "marked_unread": None if request.marked_unread is None else int(request.marked_unread),
            "muted_until_us": None if request.muted_until is None else max(as_us(request.muted_until), 0),
        }
        changes = {column: value for column, value in given.items() if value is not None}
        async with self._database.transaction() as tx:
            if changes and not await order_store.arrange(tx, request.chat_id, actor.user_id, changes):
                raise ChatNotFound
            if request.pinned and await order_store.count_pinned(tx, actor.user_id) > PINNED_MAX:
                raise TooManyPinned
        chat = await self._reading.get_chat(request.chat_id, actor.user_id)
        if changes:
            await self._announcer.tell(actor.user_id, chat.id, ChatEvent(chat.id))
        return chat

    async def list_folders(self, actor: Actor, request: Nothing) -> Folders:
        return Folders(await order_store.folders_of(self._database, actor.user_id))

    async def arrange_folders(self, actor: Actor, request: Folders) -> Folders:
        folders = [msgspec.structs.replace(folder, name=_cleaned_name(folder.name)) for folder in request.folders]
        async with self._database.transaction() as tx:
            await order_store.keep_folders(tx, actor.user_id, folders)
        await self._announcer.tell(actor.user_id, ChatId(""), FoldersEvent(folders))
        return Folders(folders)

    async def keep_draft(self, actor: Actor, request: KeepDraft) -> Draft:
        text = request.text
        if text.strip() and clean_text(text) is None:
            raise BadText(path="$.text")
        written_at_us = min(as_us(request.written_at), self._clock())
        wanted = StoredDraft(
            request.chat_id,
            NO_TOPIC if request.topic_id is None else request.topic_id,
            request.post or NO_POST,
            text if text.strip() else "",
            request.reply_to,
            request.quote if request.reply_to else "",
            written_at_us,
        )
        if not request.attachments:
            return await self._keep(actor, wanted)
        # While one types the files stay the same: media is asked for them once.
        before = await order_store.find_draft(self._database, actor.user_id, wanted.place)
        if before and before.hold and files.of_draft(before.files).given == request.attachments:
            return await self._keep(actor, _changed(wanted, files=before.files, hold=before.hold))
        async with self._attaching.holding(actor.user_id, request.attachments) as held:
            of_draft = files.OfDraft(request.attachments, held.attachments)
            return await self._keep(actor, _changed(wanted, files=files.encoded_draft(of_draft), hold=held.hold))

    async def _keep(self, actor: Actor, wanted: StoredDraft) -> Draft:
        async with self._database.transaction() as tx:
            # Of those who write at once one comes after the other, and lets go of what the one before kept.
            await due_store.lock_member(tx, wanted.chat_id, actor.user_id)
            await self._must_be_there(tx, actor, wanted)
            before = await order_store.find_draft(tx, actor.user_id, wanted.place)
            await order_store.keep_draft(tx, actor.user_id, wanted)
            kept = await order_store.find_draft(tx, actor.user_id, wanted.place)
            assert kept
            if kept == wanted:
                await self._take_over(tx, before.hold if before else "", wanted)
        draft = kept.draft
        if kept == wanted:
            event = DraftEvent(*msgspec.structs.astuple(draft))
            await self._announcer.tell(actor.user_id, draft.chat_id, event)
        return draft

    async def _must_be_there(self, tx: Transaction, actor: Actor, wanted: StoredDraft) -> None:
        """Drafts are kept of what there is, so that nobody keeps any number. Raises ChatNotFound, TopicNotFound,
        MessageNotFound.
        """
        member = await member_store.find_member(tx, wanted.chat_id, actor.user_id)
        if member is None:
            raise ChatNotFound
        topic = wanted.chat_id, wanted.topic_id
        if wanted.topic_id != NO_TOPIC and topic not in await topic_store.places_of(tx, {topic}):
            raise TopicNotFound
        if wanted.post:
            post = await entry_store.find_entry(tx, wanted.chat_id, wanted.post)
            if member.kind != "channel" or post is None or post.kind != "message":
                raise MessageNotFound

    async def _take_over(self, tx: Transaction, hold_before: str, draft: StoredDraft) -> None:
        """Raises AttachmentsLost."""
        if draft.hold == hold_before:
            return
        if draft.hold:
            media_ids = [one.media_id for one in files.of_draft(draft.files).attachments]
            await attachment_store.use(tx, draft.hold, media_ids)
        if hold_before:
            await attachment_store.plan(tx, [hold_before], self._clock())

    async def list_drafts(self, actor: Actor, request: Nothing) -> Drafts:
        rows = await order_store.drafts_of(self._database, actor.user_id, DRAFTS_MAX)
        return Drafts([row.draft for row in rows])


def _cleaned_name(name: str) -> str:
    cleaned = clean_name(name)
    if cleaned is None:
        raise BadFolder(path="$.folders")
    return cleaned

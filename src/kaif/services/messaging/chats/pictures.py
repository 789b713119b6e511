"""How groups and channels get their pictures, which media keeps."""

from kaif.engines.database import Database, Transaction
from kaif.interfaces.auth import Auth, Nothing
from kaif.interfaces.auth.roles import HANDLE_REPORTS
from kaif.interfaces.media import MediaId
from kaif.interfaces.messaging import Chat, ChatId, Entry, GetChat
from kaif.interfaces.messaging.attached import AttachmentsLost, GivenAttachment
from kaif.interfaces.messaging.errors import ChatNotFound, NotAGroup
from kaif.interfaces.messaging.pictures import ChatPictureTaken, NoPicture, NotAPicture, SetChatPicture
from kaif.kernel.actor import Actor, UserId, require_permission
from kaif.kernel.clock import Clock
from kaif.kernel.ids import new_id
from kaif.services.messaging import chat_store
from kaif.services.messaging.attachments import store as attachment_store
from kaif.services.messaging.attachments.attaching import Attaching, Held
from kaif.services.messaging.chats import picture_store
from kaif.services.messaging.chats.membership import Membership, require
from kaif.services.messaging.chats.reading import Reading
from kaif.services.messaging.entry_rules import Place
from kaif.services.messaging.rights import Right, rights_of
from kaif.services.messaging.sending.announcing import Announcer


class ChatPicturesService:
    def __init__(
        self, database: Database, auth: Auth, announcer: Announcer, attaching: Attaching, clock: Clock
    ) -> None:
        self._database, self._announcer, self._attaching, self._clock = database, announcer, attaching, clock
        self._membership, self._reading = Membership(auth, clock), Reading(database, clock)

    # Of chats that one looks after

    async def set_chat_picture(self, actor: Actor, request: SetChatPicture) -> Chat:
        # Before media is asked: whoever may not do it learns nothing of files.
        member = await self._membership.get_member(self._database, request.chat_id, actor.user_id)
        if member.kind not in ("group", "channel"):
            raise NotAGroup
        require(rights_of(member, self._clock()), Right.INFO)
        async with self._attaching.holding(actor.user_id, [GivenAttachment(request.media_id)]) as held:
            if held.attachments[0].kind != "image":
                raise NotAPicture(path="$.media_id")
            await self._change(actor, request.chat_id, request.media_id, held)
        return await self._reading.get_chat(request.chat_id, actor.user_id)

    async def remove_chat_picture(self, actor: Actor, request: GetChat) -> Nothing:
        await self._change(actor, request.chat_id, None, Held())
        return Nothing()

    # For operators

    async def take_chat_picture(self, actor: Actor, request: GetChat) -> Nothing:
        require_permission(actor, HANDLE_REPORTS)
        if not await self.take_down(request.chat_id, actor.user_id):
            raise NoPicture
        return Nothing()

    async def take_down(self, chat_id: ChatId, by: UserId, reported: MediaId | None = None) -> bool:
        """Whatever it is, or only the one that was reported; False when it is not shown. Raises ChatNotFound."""
        async with self._database.transaction() as tx:
            places = await chat_store.lock_places(tx, [chat_id])
            if not places:
                raise ChatNotFound
            shown = await picture_store.picture_of(tx, chat_id)
            if shown is None or reported not in (None, shown):
                return False
            await picture_store.change(tx, chat_id, None, self._clock())
            entry = await self._membership.record(tx, places[chat_id], "changed", UserId(chat_id))
            await tx.publish(ChatPictureTaken(taking_id=new_id(), taken_by=by, chat_id=chat_id, media_id=shown))
        await self._announcer.announce_change(places[chat_id], entry)
        return True

    # What is shown

    async def _change(self, actor: Actor, chat_id: ChatId, media_id: MediaId | None, held: Held) -> None:
        async with self._database.transaction() as tx:
            place, entry = await self._change_in(tx, actor, chat_id, media_id, held)
        if entry:
            await self._announcer.announce_change(place, entry)

    async def _change_in(
        self, tx: Transaction, actor: Actor, chat_id: ChatId, media_id: MediaId | None, held: Held
    ) -> tuple[Place, Entry | None]:
        place, rights = await self._membership.lock(tx, chat_id, actor.user_id)
        require(rights, Right.INFO)
        if await picture_store.picture_of(tx, chat_id) == media_id:
            return place, None
        if held.hold:
            await self._lock(tx, held)
        await picture_store.change(tx, chat_id, media_id, self._clock())
        if held.hold:
            await picture_store.show(tx, held.hold, chat_id)
        return place, await self._membership.record(tx, place, "changed", actor.user_id)

    async def _lock(self, tx: Transaction, held: Held) -> None:
        """Raises AttachmentsLost."""
        rows = await attachment_store.lock(tx, [held.hold])
        if not attachment_store.are_free(rows, [one.media_id for one in held.attachments]):
            raise AttachmentsLost(retry_after_ms=1000)

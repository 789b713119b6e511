"""Closing a group or channel to everybody, and opening it again: the chat's own deed, which names nobody."""

from kaif.engines.database import Database
from kaif.interfaces.messaging import ChatId, EntryKind
from kaif.interfaces.messaging.reports import Reason
from kaif.interfaces.messaging.suspension import ChatRestored
from kaif.kernel.actor import UserId
from kaif.kernel.ids import new_id
from kaif.services.messaging.chats import administration_store
from kaif.services.messaging.chats.membership import Membership
from kaif.services.messaging.sending.announcing import Announcer


class Suspension:
    def __init__(self, database: Database, membership: Membership, announcer: Announcer) -> None:
        self._database, self._membership, self._announcer = database, membership, announcer

    async def suspend(self, chat_id: ChatId, reason: Reason) -> None:
        """Suspending what is suspended changes nothing. Raises ChatNotFound, NotAGroup."""
        await self._change(chat_id, reason, "suspended")

    async def restore(self, chat_id: ChatId, by: UserId, report_id: str) -> bool:
        """False where it is not suspended. Raises ChatNotFound, NotAGroup."""
        restored = ChatRestored(restoring_id=new_id(), restored_by=by, chat_id=chat_id, report_id=report_id)
        return await self._change(chat_id, "", "restored", restored)

    async def _change(
        self, chat_id: ChatId, suspended: Reason | str, kind: EntryKind, event: ChatRestored | None = None
    ) -> bool:
        async with self._database.transaction() as tx:
            place = await self._membership.lock_any(tx, chat_id)
            if bool(place.suspended) == bool(suspended):
                return False
            await administration_store.suspend(tx, chat_id, suspended)
            place.suspended = suspended
            entry = await self._membership.record(tx, place, kind, UserId(chat_id))
            if event:
                await tx.publish(event)
        await self._announcer.announce_change(place, entry)
        return True

"""Deletes all that somebody wrote in a chat, a stretch of its log at a time."""

from collections.abc import Awaitable, Callable, Sequence

from kaif.engines.database import Database, Transaction
from kaif.interfaces.auth import Auth, Nothing
from kaif.interfaces.messaging import ChatId
from kaif.interfaces.messaging.administration import BeyondYourRights, OfMember
from kaif.interfaces.messaging.errors import ChatNotFound
from kaif.interfaces.messaging.purging import PersonPurged, PurgedEvent
from kaif.kernel.actor import Actor, UserId
from kaif.kernel.clock import Clock
from kaif.kernel.ids import new_id
from kaif.services.messaging import entry_store, member_store
from kaif.services.messaging.chats import purge_store
from kaif.services.messaging.chats.membership import Membership, require
from kaif.services.messaging.chats.purge_store import StoredPurge
from kaif.services.messaging.entry_rules import Place
from kaif.services.messaging.events import PurgeAsked
from kaif.services.messaging.rights import Right, may_act_on
from kaif.services.messaging.sending.announcing import Announcer

# One transaction's, so that it keeps no sender waiting.
DELETED_AT_ONCE = 100
# Of the log, for what one person wrote: it is kept in no order of theirs.
LOOKED_THROUGH = 20_000


# Deletes messages for everyone, and in the same transaction has it noted how many there were.
Erase = Callable[[ChatId, Sequence[int], Callable[[Transaction, int], Awaitable[None]]], Awaitable[None]]


class PurgingService:
    def __init__(self, database: Database, auth: Auth, announcer: Announcer, erase: Erase, clock: Clock) -> None:
        self._database, self._announcer, self._erase = database, announcer, erase
        self._membership = Membership(auth, clock)

    async def purge_person(self, actor: Actor, request: OfMember) -> Nothing:
        await self._membership.get_people(self._database, [request.user_id])
        async with self._database.transaction() as tx:
            place, rights = await self._membership.lock(tx, request.chat_id, actor.user_id)
            require(rights, Right.DELETE)
            target = await member_store.find_member(tx, place.chat_id, request.user_id)
            if request.user_id == actor.user_id or (target and not may_act_on(rights, target.role)):
                raise BeyondYourRights
            await self._begin(tx, place, request.user_id, actor.user_id)
        return Nothing()

    async def purge(self, chat_id: ChatId, user_id: UserId, by: UserId, report_id: str) -> None:
        """For those who handle reports: whoever it is. Raises ChatNotFound, NotAGroup."""
        async with self._database.transaction() as tx:
            place = await self._membership.lock_any(tx, chat_id)
            await self._begin(tx, place, user_id, by, report_id)

    async def _begin(self, tx: Transaction, place: Place, user_id: UserId, by: UserId, report_id: str = "") -> None:
        await purge_store.begin(tx, StoredPurge(place.chat_id, user_id, new_id(), by, report_id, place.seq))
        await tx.publish(PurgeAsked(chat_id=place.chat_id, user_id=user_id))

    async def delete_messages(self, event: PurgeAsked) -> None:
        """A stretch of it: the bus gives up what takes long, and others wait behind it. Safe to repeat: it goes on
        where it stands."""
        purge = await purge_store.find(self._database, event.chat_id, event.user_id)
        if purge is None:
            return
        try:
            reached = await self._delete_some(purge)
        except ChatNotFound:
            # The whole chat has been deleted meanwhile, and is swept with all that is in it.
            return
        if reached >= purge.until_seq:
            await self._end(purge)

    async def _end(self, purge: StoredPurge) -> None:
        async with self._database.transaction() as tx:
            ended = await purge_store.end(tx, purge)
            if ended is None:
                return
            await tx.publish(
                PersonPurged(
                    purge_id=ended.purge_id,
                    asked_by=ended.asked_by,
                    chat_id=ended.chat_id,
                    user_id=ended.user_id,
                    messages=ended.deleted,
                    report_id=ended.report_id,
                )
            )
        told = PurgedEvent(ended.chat_id, ended.user_id, ended.deleted)
        await self._announcer.tell(ended.asked_by, ended.chat_id, told)

    async def _delete_some(self, purge: StoredPurge) -> int:
        """How far the log has been gone through now; what follows is asked for in the same transaction."""
        after, until = purge.reached_seq, min(purge.reached_seq + LOOKED_THROUGH, purge.until_seq)
        rows = await entry_store.messages_by(
            self._database, purge.user_id, purge.chat_id, after, until, limit=DELETED_AT_ONCE
        )
        reached = rows[-1].seq if len(rows) == DELETED_AT_ONCE else until

        async def note(tx: Transaction, deleted: int) -> None:
            await purge_store.advance(tx, purge, reached, deleted)
            if reached < purge.until_seq:
                await tx.publish(PurgeAsked(chat_id=purge.chat_id, user_id=purge.user_id))

        if rows:
            await self._erase(purge.chat_id, [row.seq for row in rows], note)
        else:
            async with self._database.transaction() as tx:
                await note(tx, 0)
        return reached

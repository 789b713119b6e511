"""What people choose about their privacy; each method is one transaction."""

import msgspec

from kaif.engines.database import Database, Transaction
from kaif.interfaces.auth import Auth, Nothing, PersonNotFound
from kaif.interfaces.messaging import ChatId
from kaif.interfaces.messaging.privacy import (
    BLOCKED_MAX,
    Block,
    Blocked,
    ChangePrivacy,
    ListBlocked,
    NotOneself,
    OfPerson,
    PrivacySettings,
    TooManyBlocked,
)
from kaif.kernel.actor import Actor, UserId
from kaif.kernel.clock import Clock
from kaif.services.messaging import chat_store, model, people_store
from kaif.services.messaging.chats.membership import Membership
from kaif.services.messaging.privacy import store as privacy_store
from kaif.services.messaging.sending.announcing import Announcer, ChatEvent

# Of the chats in which others look anew whether somebody is here; in quieter ones they see it when they come back.
CHATS_TOLD_MAX = 1000


class PrivacyService:
    def __init__(self, database: Database, auth: Auth, announcer: Announcer, clock: Clock) -> None:
        self._database, self._announcer, self._clock = database, announcer, clock
        self._membership = Membership(auth, clock)

    # Choices

    async def get_privacy(self, actor: Actor, request: Nothing) -> PrivacySettings:
        return await privacy_store.settings_of(self._database, actor.user_id)

    async def change_privacy(self, actor: Actor, request: ChangePrivacy) -> PrivacySettings:
        changes = {field: value for field, value in msgspec.structs.asdict(request).items() if value is not None}
        async with self._database.transaction() as tx:
            before = await privacy_store.settings_of(tx, actor.user_id)
            settings = msgspec.structs.replace(before, **changes)
            await privacy_store.keep_settings(tx, actor.user_id, settings)
        if settings.online != before.online:
            chats = await privacy_store.direct_chats_of(self._database, actor.user_id, CHATS_TOLD_MAX)
            await self._announcer.announce_reach(chats)
        return settings

    # Blocks

    async def block_person(self, actor: Actor, request: OfPerson) -> Nothing:
        if request.user_id == actor.user_id:
            raise NotOneself(path="$.user_id")
        people = await self._membership.get_people(self._database, [actor.user_id, request.user_id])
        async with self._database.transaction() as tx:
            # Whoever opens a chat between the two takes this lock too: one comes after the other.
            await people_store.lock_people(tx, people)
            if await privacy_store.count_blocked(tx, actor.user_id) >= BLOCKED_MAX:
                raise TooManyBlocked
            added = await privacy_store.add_block(tx, actor.user_id, request.user_id, self._clock())
            chat_id = await self._close(tx, actor.user_id, request.user_id) if added else None
        await self._announce(actor, chat_id)
        return Nothing()

    async def unblock_person(self, actor: Actor, request: OfPerson) -> Nothing:
        async with self._database.transaction() as tx:
            people = await people_store.known_people(tx, [actor.user_id, request.user_id])
            await people_store.lock_people(tx, people)
            removed = await privacy_store.remove_block(tx, actor.user_id, request.user_id)
            if not removed and request.user_id not in {person.id for person in people}:
                raise PersonNotFound
            chat_id = await self._close(tx, actor.user_id, request.user_id) if removed else None
        await self._announce(actor, chat_id)
        return Nothing()

    async def _close(self, tx: Transaction, one: UserId, other: UserId) -> ChatId | None:
        """Close or open the chat between the two, under its lock: what was sent before stands before it in the log."""
        chat_id = await chat_store.find_chat_made_once(tx, model.once_direct(one, other))
        if chat_id:
            await chat_store.lock_places(tx, [chat_id])
            await privacy_store.close_chat(tx, chat_id, await privacy_store.count_between(tx, one, other))
        return chat_id

    async def _announce(self, actor: Actor, chat_id: ChatId | None) -> None:
        """To one's own devices in words; the other one only stops, or begins, to be seen."""
        if chat_id:
            await self._announcer.announce_reach([chat_id])
            await self._announcer.tell(actor.user_id, chat_id, ChatEvent(chat_id))

    async def get_block(self, actor: Actor, request: OfPerson) -> Block:
        await self._membership.get_people(self._database, [request.user_id])
        return Block(bool(await privacy_store.blocking(self._database, request.user_id, [actor.user_id])))

    async def list_blocked(self, actor: Actor, request: ListBlocked) -> Blocked:
        people = await privacy_store.blocked_by(self._database, actor.user_id, request.cursor, request.limit + 1)
        page = people[: request.limit]
        return Blocked(page, page[-1].id if len(people) > request.limit else None)

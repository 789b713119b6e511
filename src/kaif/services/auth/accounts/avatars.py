"""How people and bots get their pictures, which media keeps.

Auth and media share no transaction. What media is asked to hold stands in our own table first, under a name of its own:
a crash at any point leaves a row that the person's next change, or the end of their account, takes with it. What is
shown is always held; what is let go is told to media by an event, as often as it takes.
"""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Protocol

import msgspec

from kaif.engines.database import Database, Transaction
from kaif.interfaces.auth import Nothing, PersonChanged, PersonNotFound, User
from kaif.interfaces.auth.avatars import (
    AvatarLeft,
    AvatarLost,
    AvatarsOff,
    NoAvatar,
    NotAPicture,
    SetAvatar,
    SetBotAvatar,
)
from kaif.interfaces.auth.bots import Bot, BotNotFound, OfBot
from kaif.interfaces.auth.directory import OfAccount
from kaif.interfaces.auth.sessions import AccountSuspended
from kaif.interfaces.media import Media, MediaId
from kaif.interfaces.media.references import LetGo, Refer
from kaif.kernel.actor import NOBODY, Actor, UserId
from kaif.kernel.clock import SECOND_US, Clock
from kaif.kernel.ids import new_id
from kaif.services.auth import store
from kaif.services.auth.accounts import avatar_store
from kaif.services.auth.accounts.avatar_store import Hold
from kaif.services.auth.audit.log import AuditLog
from kaif.services.auth.bots import store as bots_store
from kaif.services.auth.letters.telling import tell
from kaif.services.auth.model import Account, present
from kaif.services.auth.roles.authority import require_authority

HOLDER = "auth"
EVERYONE = "everyone"
# However slow media is, a picture is set or refused by then.
AWAITED_FOR_US = 600 * SECOND_US
NONE = ""


class HoldsPictures(Protocol):
    """Media, as far as auth needs it (`interfaces.media.references`)."""

    async def refer(self, actor: Actor, request: Refer) -> Media: ...

    async def let_go(self, actor: Actor, request: LetGo) -> Nothing: ...


class NoPictures:
    """Stands where auth is not told where media is."""

    async def refer(self, actor: Actor, request: Refer) -> Media:
        raise AvatarsOff

    async def let_go(self, actor: Actor, request: LetGo) -> Nothing:
        raise AvatarsOff


class AvatarsService:
    def __init__(self, database: Database, media: HoldsPictures, audit: AuditLog, clock: Clock) -> None:
        self._database, self._media, self._audit, self._clock = database, media, audit, clock

    # One's own

    async def set_avatar(self, actor: Actor, request: SetAvatar) -> User:
        async with self._holding(actor, actor.user_id, request.media_id) as hold, self._database.transaction() as tx:
            account = await self._change(tx, await _active(tx, actor.user_id), request.media_id, hold)
        return account.user(actor.permissions, must_enrol=actor.must_enrol)

    async def remove_avatar(self, actor: Actor, request: Nothing) -> Nothing:
        async with self._database.transaction() as tx:
            await self._change(tx, await _active(tx, actor.user_id), None)
        return Nothing()

    # One's bots'

    async def set_bot_avatar(self, actor: Actor, request: SetBotAvatar) -> Bot:
        if await bots_store.find(self._database, actor.user_id, request.bot_id) is None:
            raise BotNotFound
        async with self._holding(actor, request.bot_id, request.media_id) as hold, self._database.transaction() as tx:
            return await self._change_bot(tx, actor, request.bot_id, request.media_id, hold)

    async def remove_bot_avatar(self, actor: Actor, request: OfBot) -> Nothing:
        async with self._database.transaction() as tx:
            await self._change_bot(tx, actor, request.bot_id, None)
        return Nothing()

    async def _change_bot(
        self, tx: Transaction, actor: Actor, bot_id: UserId, media_id: MediaId | None, hold: str = NONE
    ) -> Bot:
        # The owner before the bot, as whoever ends both does.
        await _active(tx, actor.user_id)
        account = await store.locked_account(tx, bot_id)
        if account is None or await bots_store.find(tx, actor.user_id, bot_id) is None:
            raise BotNotFound
        await self._change(tx, account, media_id, hold)
        bot = await bots_store.find(tx, actor.user_id, bot_id)
        assert bot, "its row is locked"
        return await bots_store.seen(tx, bot)

    # Somebody else's

    async def take_avatar(self, actor: Actor, request: OfAccount) -> Nothing:
        async with self._database.transaction() as tx:
            await require_authority(tx, actor, request.user_id)
            account = await store.locked_account(tx, request.user_id)
            if account is None:
                raise PersonNotFound
            if account.avatar is None:
                raise NoAvatar
            await self._change(tx, account, None)
            told = await bots_store.owner_of(tx, account.id) if account.kind == "bot" else account.id
            if told:
                await tell(tx, told, "avatar_taken", {"whose": f"@{account.username}"})
            await self._audit.record(tx, actor, "avatar_taken", account.id, media=account.avatar)
        return Nothing()

    # What media holds

    @asynccontextmanager
    async def _holding(self, actor: Actor, whose: UserId, media_id: MediaId) -> AsyncIterator[str]:
        """The name under which media holds the file, which is let go afterwards unless it is shown."""
        hold = new_id()
        async with self._database.transaction() as tx:
            await avatar_store.add(tx, Hold(hold, whose, media_id, self._clock()))
        try:
            media = await self._media.refer(actor, Refer(media_id, HOLDER, hold, EVERYONE))
            if media.kind != "image":
                raise NotAPicture(path="$.media_id")
            yield hold
        finally:
            # Refused or not: an answer may be lost after it was carried out.
            async with self._database.transaction() as tx:
                await _let_go_of(tx, await avatar_store.take_unused(tx, hold))

    async def _change(self, tx: Transaction, account: Account, media_id: MediaId | None, hold: str = NONE) -> Account:
        """Of an account that is locked; whatever else was shown of it is let go. Raises AvatarLost."""
        if hold and not await avatar_store.show(tx, hold):
            raise AvatarLost(retry_after_ms=1000)
        not_awaited_us = self._clock() - AWAITED_FOR_US
        await _let_go_of(tx, await avatar_store.take_others(tx, account.id, hold, not_awaited_us))
        if media_id == account.avatar:
            return account
        await avatar_store.change(tx, account.id, media_id)
        changed = msgspec.structs.replace(account, avatar=media_id)
        await tx.publish(PersonChanged(person=changed.person))
        return changed

    async def let_go(self, event: AvatarLeft) -> None:
        """Safe to repeat. Raises Unavailable."""
        await self._media.let_go(NOBODY, LetGo(event.media_id, HOLDER, event.hold))


async def _active(tx: Transaction, user_id: UserId) -> Account:
    """The account, locked: nobody suspends or ends it meanwhile. Raises AccountSuspended."""
    account = present(await store.locked_account(tx, user_id))
    if account.suspended_at_us is not None:
        raise AccountSuspended
    return account


async def _let_go_of(tx: Transaction, holds: Sequence[Hold]) -> None:
    for one in holds:
        await tx.publish(AvatarLeft(hold=one.hold, media_id=one.media_id))

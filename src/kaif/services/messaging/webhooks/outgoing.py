"""Where bots want to be called; each method is one transaction. `delivering` is who calls them."""

import secrets

from kaif.engines.database import Database
from kaif.engines.web.addresses import ForbiddenAddress, host_of
from kaif.interfaces.auth import Auth, Nothing
from kaif.interfaces.auth.bots import BotNotFound, Bots, OfBot
from kaif.interfaces.messaging.bots import OnlyBots
from kaif.interfaces.messaging.outgoing_webhooks import (
    BadWebhookUrl,
    OutgoingWebhookNotFound,
    OutgoingWebhookOf,
    OutgoingWebhooksOff,
    OutgoingWebhookState,
    OutgoingWebhookWithSecret,
    SetOutgoingWebhook,
)
from kaif.kernel.actor import Actor, UserId
from kaif.kernel.clock import Clock
from kaif.kernel.ids import new_id
from kaif.kernel.sealing import Sealer
from kaif.services.messaging import people_store
from kaif.services.messaging.bots import callbacks_store
from kaif.services.messaging.chats.membership import Membership
from kaif.services.messaging.events import OutgoingWebhookSet
from kaif.services.messaging.model import erased_name
from kaif.services.messaging.webhooks import outgoing_store
from kaif.services.messaging.webhooks.outgoing_store import StoredOutgoingWebhook

SECRET_BYTES = 32


class OutgoingWebhooksService:
    def __init__(
        self, database: Database, auth: Auth, bots: Bots, sealer: Sealer | None, clock: Clock, *, private_too: bool
    ) -> None:
        """Without a sealer nothing can be set, and nobody is called."""
        self._database, self._bots, self._sealer, self._clock = database, bots, sealer, clock
        self._private_too = private_too
        self._membership = Membership(auth, clock)

    async def get_outgoing_webhook(self, actor: Actor, request: OutgoingWebhookOf) -> OutgoingWebhookState:
        bot_id = await self._bot_of(actor, request.bot_id)
        found = await outgoing_store.find(self._database, bot_id)
        return OutgoingWebhookState(found.webhook if found else None)

    async def set_outgoing_webhook(self, actor: Actor, request: SetOutgoingWebhook) -> OutgoingWebhookWithSecret:
        bot_id = await self._bot_of(actor, request.bot_id)
        if self._sealer is None:
            raise OutgoingWebhooksOff
        try:
            host_of(request.url, private_too=self._private_too)
        except ForbiddenAddress:
            raise BadWebhookUrl(path="$.url") from None
        await self._bots.allow_webhook(actor, OfBot(bot_id))
        people = await self._membership.get_people(self._database, [bot_id])
        secret = secrets.token_urlsafe(SECRET_BYTES)
        async with self._database.transaction() as tx:
            # Of two that are set at once the second takes the place of the first; and who lets the bot into a chat
            # holds this row, and so sees that the chat is to be marked.
            await people_store.lock_people(tx, people)
            if any(
                person.username == erased_name(person.id) for person in await people_store.known_people(tx, [bot_id])
            ):
                raise BotNotFound
            known = await outgoing_store.find(tx, bot_id)
            callbacks = known.callbacks if known else await callbacks_store.newest_number(tx, bot_id)
            sealed = self._sealer.seal(secret, bot_id)
            made = StoredOutgoingWebhook(bot_id, new_id(), request.url, sealed, self._clock(), callbacks)
            await (outgoing_store.change(tx, made) if known else outgoing_store.add(tx, made))
            await tx.publish(OutgoingWebhookSet(bot_id=bot_id))
        return OutgoingWebhookWithSecret(made.webhook, secret)

    async def resume_outgoing_webhook(self, actor: Actor, request: OutgoingWebhookOf) -> OutgoingWebhookState:
        bot_id = await self._bot_of(actor, request.bot_id)
        async with self._database.transaction() as tx:
            resumed = await outgoing_store.resume(tx, bot_id)
            if resumed is None:
                raise OutgoingWebhookNotFound
            await tx.publish(OutgoingWebhookSet(bot_id=bot_id))
        return OutgoingWebhookState(resumed.webhook)

    async def remove_outgoing_webhook(self, actor: Actor, request: OutgoingWebhookOf) -> Nothing:
        bot_id = await self._bot_of(actor, request.bot_id)
        if await outgoing_store.find(self._database, bot_id):
            await self._bots.note_webhook_removed(actor, OfBot(bot_id))
        async with self._database.transaction() as tx:
            await outgoing_store.forget(tx, bot_id)
        return Nothing()

    async def _bot_of(self, actor: Actor, named: str) -> UserId:
        """The actor itself, or a bot of theirs. Raises OnlyBots, BotNotFound."""
        if named in ("me", actor.user_id):
            people = await self._membership.get_people(self._database, [actor.user_id])
            if people[0].kind != "bot":
                raise OnlyBots
            return actor.user_id
        # What a key of the owner's opens is the owner's account: not all that their bots may see.
        if actor.scopes is not None:
            raise BotNotFound
        own = (await self._bots.list_bots(actor, Nothing())).bots
        if named not in {bot.person.id for bot in own}:
            raise BotNotFound
        return UserId(named)

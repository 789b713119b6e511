"""Webhooks that post into a chat; each method is one transaction."""

import hashlib
import secrets

import msgspec

from kaif.engines.database import AlreadyExists, Database, Transaction
from kaif.interfaces.auth import Auth, GetPeople, Nothing
from kaif.interfaces.messaging import ChatId, Entry, GetChat, Outgoing
from kaif.interfaces.messaging.errors import BadButtons, NotAGroup
from kaif.interfaces.messaging.suspension import ChatSuspended
from kaif.interfaces.messaging.topics import GENERAL, TopicNotFound
from kaif.interfaces.messaging.webhooks import (
    POSTS_PER_MINUTE_MAX,
    WEBHOOKS_MAX,
    BadWebhookName,
    MakeWebhook,
    OfWebhook,
    PostByWebhook,
    Posted,
    TooManyWebhooks,
    WebhookGone,
    WebhookList,
    WebhookNotFound,
    WebhookTooFast,
    WebhookWithPath,
)
from kaif.kernel.actor import NOBODY, Actor, UserId
from kaif.kernel.clock import MINUTE_US, Clock, as_datetime
from kaif.kernel.ids import new_id
from kaif.kernel.text import name_of
from kaif.services.messaging import chat_store, entry_rules, entry_store, markup, people_store
from kaif.services.messaging.chats.membership import Membership, require
from kaif.services.messaging.entry_rules import Place
from kaif.services.messaging.messages import mention_store
from kaif.services.messaging.messages.mention_store import Mention
from kaif.services.messaging.previews.linking import LinkPlan
from kaif.services.messaging.rights import Right
from kaif.services.messaging.sending.announcing import Announcer
from kaif.services.messaging.sending.pacing import Pace
from kaif.services.messaging.topics import sending as topic_sending
from kaif.services.messaging.webhooks import incoming_store
from kaif.services.messaging.webhooks.incoming_store import StoredWebhook

# Of those who look after the chat: what members may change is no concern of programs elsewhere.
MANAGER = Right.INFO | Right.STAFF
PATH = "/v1/messaging/incoming/"


class WebhooksService:
    def __init__(
        self, database: Database, auth: Auth, announcer: Announcer, links: LinkPlan, pace: Pace, clock: Clock
    ) -> None:
        self._database, self._auth, self._announcer, self._clock = database, auth, announcer, clock
        self._links, self._pace = links, pace
        self._membership = Membership(auth, clock)

    # Looking after them

    async def list_webhooks(self, actor: Actor, request: GetChat) -> WebhookList:
        member = await self._membership.get_member(self._database, request.chat_id, actor.user_id)
        if member.kind not in ("group", "channel"):
            raise NotAGroup
        require(await self._membership.get_rights(self._database, request.chat_id, actor.user_id), MANAGER)
        found = await incoming_store.of_chat(self._database, request.chat_id)
        return WebhookList([one.webhook for one in found])

    async def make_webhook(self, actor: Actor, request: MakeWebhook) -> WebhookWithPath:
        name, secret = name_of(request.name, BadWebhookName), _new_secret()
        async with self._database.transaction() as tx:
            place = await self._lock(tx, actor, request.chat_id)
            chat_id = place.chat_id
            if not await topic_sending.has_topic(tx, place, request.topic_id):
                raise TopicNotFound
            if len(await incoming_store.of_chat(tx, chat_id)) >= WEBHOOKS_MAX:
                raise TooManyWebhooks
            made = StoredWebhook(new_id(), chat_id, _hash_of(secret), name, actor.user_id, self._clock())
            made = msgspec.structs.replace(made, topic_id=request.topic_id)
            await incoming_store.add(tx, made)
        return WebhookWithPath(made.webhook, PATH + secret)

    async def renew_webhook(self, actor: Actor, request: OfWebhook) -> WebhookWithPath:
        secret = _new_secret()
        async with self._database.transaction() as tx:
            chat_id = (await self._lock(tx, actor, request.chat_id)).chat_id
            renewed = await incoming_store.renew(tx, chat_id, request.webhook_id, _hash_of(secret))
            if renewed is None:
                raise WebhookNotFound
        return WebhookWithPath(renewed.webhook, PATH + secret)

    async def revoke_webhook(self, actor: Actor, request: OfWebhook) -> Nothing:
        async with self._database.transaction() as tx:
            chat_id = (await self._lock(tx, actor, request.chat_id)).chat_id
            if not await incoming_store.revoke(tx, chat_id, request.webhook_id):
                raise WebhookNotFound
        return Nothing()

    async def _lock(self, tx: Transaction, actor: Actor, chat_id: ChatId) -> Place:
        """Of two made at once the second sees the first."""
        place, rights = await self._membership.lock(tx, chat_id, actor.user_id)
        require(rights, MANAGER)
        return place

    # Posting

    async def post_by_webhook(self, actor: Actor, request: PostByWebhook) -> Posted:
        webhook = await incoming_store.find_by_secret(self._database, _hash_of(request.secret))
        if webhook is None or not await self._acts(webhook.made_by):
            raise WebhookGone
        if any(button.data for row in request.buttons for button in row):
            raise BadButtons(path="$.buttons")
        message = Outgoing(
            UserId(webhook.id),
            webhook.chat_id,
            request.ref or new_id(),
            request.text,
            silent=request.silent,
            buttons=request.buttons,
        )
        taken = self._pace.take(message.chat_id, message.sender_id, is_bot=True)
        try:
            place, entry, mentions, linked = await self._append(webhook, message, request.topic_id)
        except AlreadyExists:
            self._pace.give_back(taken)
            # It had been posted: the answer was lost, or it comes twice.
            return Posted(await self._repeated(message))
        except BaseException:
            self._pace.give_back(taken)
            raise
        if linked:
            self._links.wake()
        await self._announcer.announce([entry], {place.chat_id: place})
        await self._announcer.announce_mentions(mentions)
        return Posted(entry.seq)

    async def _acts(self, user_id: UserId) -> bool:
        """Whoever may not use the server does not go on using it by what they made."""
        return bool((await self._auth.get_open_accounts(NOBODY, GetPeople([user_id]))).user_ids)

    async def _repeated(self, message: Outgoing) -> int:
        async with self._database.transaction() as tx:
            (row,) = await entry_store.find_repeated(tx, [message])
        return row.seq

    async def _append(
        self, webhook: StoredWebhook, message: Outgoing, topic_id: int | None
    ) -> tuple[Place, Entry, list[Mention], bool]:
        """With whom it mentions, and whether there is a link to look up.

        Raises WebhookGone, WebhookTooFast, ChatSuspended, BadText, BadButtons, TopicNotFound, and AlreadyExists for a
        reference that has been used.
        """
        now_us = self._clock()
        async with self._database.transaction() as tx:
            places = await chat_store.lock_places(tx, [webhook.chat_id])
            counted = await incoming_store.note_post(tx, webhook, now_us, MINUTE_US)
            if not places or counted is None:
                raise WebhookGone
            posts, since_us = counted
            if posts > POSTS_PER_MINUTE_MAX:
                raise WebhookTooFast(retry_after_ms=(since_us + MINUTE_US - now_us) // 1000 + 1)
            place = places[webhook.chat_id]
            if place.suspended:
                raise ChatSuspended
            message = msgspec.structs.replace(message, topic_id=await _topic_of(tx, place, webhook, topic_id))
            names = markup.mentioned(message.text)
            people = await people_store.ids_by_username(tx, names) if names else {}
            place.come_to(now_us)
            entry = entry_rules.message_at(place, message, as_datetime(place.written_at_us), people)
            entry = msgspec.structs.replace(entry, webhook=webhook.name)
            await entry_store.append(tx, places, [entry], [message.sender_id], [place.messages])
            await chat_store.advance(tx, [place])
            in_group = place.kind == "group"
            mentions = await mention_store.note(tx, [entry], [message.sender_id]) if in_group else []
            linked = await self._links.note(tx, [entry], now_us)
            if place.topics:
                await topic_sending.count_nobodys(tx, entry)
        return place, entry, mentions, linked


async def _topic_of(tx: Transaction, place: Place, webhook: StoredWebhook, wanted: int | None) -> int:
    """What was chosen once is gone when the group has no topics any more; what a post itself asks for must be there."""
    if await topic_sending.has_topic(tx, place, webhook.topic_id if wanted is None else wanted):
        return webhook.topic_id if wanted is None else wanted
    if wanted is not None:
        raise TopicNotFound
    return GENERAL


def _new_secret() -> str:
    """256 random bits: whoever has it was given it."""
    return secrets.token_urlsafe(32)


def _hash_of(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()

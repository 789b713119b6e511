"""What people do about notifications; each method is one transaction."""

import base64
import binascii
import hashlib

import msgspec

from kaif.engines.database import Database
from kaif.engines.push import Subscription
from kaif.engines.push.encryption import encrypt
from kaif.engines.web.addresses import ForbiddenAddress, host_of
from kaif.interfaces.auth import Nothing
from kaif.interfaces.messaging import GetChat
from kaif.interfaces.messaging.errors import ChatNotFound
from kaif.interfaces.messaging.notifications import (
    BadSubscription,
    ChatNotifications,
    ChooseNotifications,
    ForbiddenPushAddress,
    NoteShown,
    NotificationSettings,
    PushKey,
    PushUnavailable,
    Subscribe,
    UnknownTimeZone,
    Unread,
)
from kaif.kernel.actor import Actor
from kaif.kernel.clock import Clock, now_us
from kaif.kernel.ids import new_id
from kaif.services.messaging.notifications import counting, store
from kaif.services.messaging.notifications.listening import Devices
from kaif.services.messaging.notifications.store import WEB, StoredSettings
from kaif.services.messaging.notifications.telling import day_bits, zone_of


class NotificationsService:
    """Without a public key there is no push here; what people choose is kept all the same."""

    def __init__(
        self,
        database: Database,
        devices: Devices | None,
        public_key: str,
        clock: Clock = now_us,
        *,
        private_too: bool,
    ) -> None:
        self._database, self._devices, self._public_key = database, devices, public_key
        self._clock, self._private_too = clock, private_too

    async def get_push_key(self, actor: Actor, request: Nothing) -> PushKey:
        return PushKey(self._public_key)

    async def subscribe(self, actor: Actor, request: Subscribe) -> Nothing:
        if self._devices is None:
            raise PushUnavailable
        try:
            host_of(request.endpoint, private_too=self._private_too)
        except ForbiddenAddress:
            raise ForbiddenPushAddress from None
        subscription = _checked(request)
        endpoint_hash = hashlib.sha256(request.endpoint.encode()).hexdigest()
        place = msgspec.json.encode(subscription).decode()
        # What goes to a browser, nobody reads on its way.
        await self._devices.add(actor, new_id(), endpoint_hash, place, request.language, service=WEB, previews=True)
        return Nothing()

    async def unsubscribe(self, actor: Actor, request: Nothing) -> Nothing:
        async with self._database.transaction() as tx:
            await store.forget_sessions(tx, [actor.session_id])
        return Nothing()

    async def note_shown(self, actor: Actor, request: NoteShown) -> Nothing:
        async with self._database.transaction() as tx:
            if await store.choice_of(tx, actor.user_id, request.chat_id) is None:
                raise ChatNotFound
            await store.note_shown(tx, actor.session_id, request.chat_id, request.seq)
        return Nothing()

    async def count_unread(self, actor: Actor, request: Nothing) -> Unread:
        return Unread(await counting.unread_heard(self._database, actor.user_id, self._clock()))

    async def get_settings(self, actor: Actor, request: Nothing) -> NotificationSettings:
        kept = await store.settings_of(self._database, actor.user_id)
        return kept.settings if kept else NotificationSettings()

    async def keep_settings(self, actor: Actor, request: NotificationSettings) -> NotificationSettings:
        if zone_of(request.time_zone) is None:
            raise UnknownTimeZone(path="$.time_zone")
        settings = StoredSettings(
            int(request.preview),
            int(request.mentions_only),
            request.quiet_from,
            request.quiet_until,
            request.time_zone,
            day_bits(request.quiet_days),
        )
        async with self._database.transaction() as tx:
            await store.keep_settings(tx, actor.user_id, settings)
        return settings.settings

    async def get_chat_notifications(self, actor: Actor, request: GetChat) -> ChatNotifications:
        notify = await store.choice_of(self._database, actor.user_id, request.chat_id)
        if notify is None:
            raise ChatNotFound
        return ChatNotifications(notify)

    async def choose_notifications(self, actor: Actor, request: ChooseNotifications) -> ChatNotifications:
        async with self._database.transaction() as tx:
            if await store.choice_of(tx, actor.user_id, request.chat_id) is None:
                raise ChatNotFound
            await store.choose(tx, actor.user_id, request.chat_id, request.notify)
        return ChatNotifications(request.notify)


def _checked(request: Subscribe) -> Subscription:
    """Raises BadSubscription for keys by which nothing can be encrypted."""
    try:
        subscription = Subscription(request.endpoint, _decoded(request.p256dh), _decoded(request.auth))
        encrypt(b"", subscription.public_key, subscription.auth)
    except (ValueError, binascii.Error):
        raise BadSubscription from None
    return subscription


def _decoded(text: str) -> bytes:
    text = text.rstrip("=")
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))

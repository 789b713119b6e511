"""Notifications, wired: the key, what people do about them, and who tells their devices."""

import hashlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

from kaif.app.settings import Misconfigured, Settings
from kaif.app.surface import Services
from kaif.engines.bus.outbox import OutboxBus, Timing
from kaif.engines.cache import Cache
from kaif.engines.database import Database
from kaif.engines.push import Push
from kaif.engines.push.apns import URLS, ApnsAccount, ApnsPush
from kaif.engines.push.fcm import FcmPush, read_account
from kaif.engines.push.web import WebPush
from kaif.interfaces.auth import Auth
from kaif.interfaces.messaging.notifications import Notifications
from kaif.interfaces.messaging.phones import PhoneNotifications, PhoneService
from kaif.kernel.clock import Clock, now_us
from kaif.kernel.sealing import Sealer
from kaif.services.messaging.notifications import notifying
from kaif.services.messaging.notifications.listening import Devices
from kaif.services.messaging.notifications.notifying import Notifier
from kaif.services.messaging.notifications.phones import PhoneNotificationsService
from kaif.services.messaging.notifications.service import NotificationsService

# A person waits no longer than that for the first word; the log is read a few times a second, however much is said.
FOLLOWING = Timing(poll_max_ms=250, gather_ms=100)

Phones = dict[PhoneService, Push[str]]


@asynccontextmanager
async def notifications(
    settings: Settings,
    database: Database,
    cache: Cache,
    auth: Auth,
    clock: Clock = now_us,
    timing: notifying.Timing = notifying.USUAL,
    phones: Phones | None = None,
) -> AsyncIterator[Services]:
    """After messaging's migrations. Without a key nothing is pushed: only what people choose is kept.

    `phones` stand in the place of those that the settings name.
    """
    anywhere = settings.push_anywhere
    if not settings.push_key:
        yield {
            Notifications: NotificationsService(database, None, "", clock, private_too=anywhere),
            PhoneNotifications: PhoneNotificationsService(None, []),
        }
        return
    if len(settings.push_key) < 32:
        raise Misconfigured("KAIF_PUSH_KEY or KAIF_PUSH_KEY_FILE must hold 32 or more characters that never change.")
    push = WebPush(_key(settings, "signatures"), _contact(settings), private_too=anywhere)
    sealer = Sealer(_key(settings, "subscriptions"))
    bus = OutboxBus(database, FOLLOWING)
    phones = phones_of(settings) if phones is None else phones
    notifier = Notifier(database, cache, auth, push, phones, sealer, bus, clock, timing)
    devices = Devices(database, sealer, clock)
    await notifier.start()
    try:
        yield {
            Notifications: NotificationsService(database, devices, push.public_key, clock, private_too=anywhere),
            PhoneNotifications: PhoneNotificationsService(devices, phones.keys()),
        }
    finally:
        await notifier.close()
        await push.close()
        for each in phones.values():
            await each.close()


def phones_of(settings: Settings) -> Phones:
    """The services of phones' makers that the operator has accounts with. Raises Misconfigured."""
    phones: Phones = {}
    if settings.fcm_account:
        try:
            phones["fcm"] = FcmPush(read_account(settings.fcm_account.encode()))
        except ValueError as error:
            raise Misconfigured(f"KAIF_FCM_ACCOUNT or KAIF_FCM_ACCOUNT_FILE can't be used: {error}.") from None
    if settings.apns_key:
        account = ApnsAccount(settings.apns_key, settings.apns_key_id, settings.apns_team_id, settings.apns_topic)
        if not (account.key_id and account.team_id and account.topic):
            raise Misconfigured("With KAIF_APNS_KEY come KAIF_APNS_KEY_ID, KAIF_APNS_TEAM_ID and KAIF_APNS_TOPIC.")
        try:
            phones["apns"] = ApnsPush(account, URLS[settings.apns_environment])
        except ValueError as error:
            raise Misconfigured(f"KAIF_APNS_KEY or KAIF_APNS_KEY_FILE can't be used: {error}.") from None
    return phones


def _key(settings: Settings, purpose: str) -> bytes:
    return hashlib.sha256(f"{purpose} of {settings.push_key}".encode()).digest()


def _contact(settings: Settings) -> str:
    """The makers of push services want one; a server without a public name has none to give but its own."""
    url = settings.public_url
    own = url if url.startswith("https://") else f"mailto:postmaster@{urlsplit(url).hostname}"
    return settings.push_contact or own

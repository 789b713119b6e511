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
from kaif.engines.push.web import WebPush
from kaif.interfaces.auth import Auth
from kaif.interfaces.messaging.notifications import Notifications
from kaif.kernel.clock import Clock, now_us
from kaif.kernel.sealing import Sealer
from kaif.services.messaging import notifying
from kaif.services.messaging.notifications import NotificationsService
from kaif.services.messaging.notifying import Notifier

# A person waits no longer than that for the first word; the log is read a few times a second, however much is said.
FOLLOWING = Timing(poll_max_ms=250, gather_ms=100)


@asynccontextmanager
async def notifications(
    settings: Settings,
    database: Database,
    cache: Cache,
    auth: Auth,
    clock: Clock = now_us,
    timing: notifying.Timing = notifying.USUAL,
) -> AsyncIterator[Services]:
    """After messaging's migrations. Without a key nothing is pushed: only what people choose is kept."""
    anywhere = settings.push_anywhere
    if not settings.push_key:
        yield {Notifications: NotificationsService(database, None, "", clock, private_too=anywhere)}
        return
    if len(settings.push_key) < 32:
        raise Misconfigured("KAIF_PUSH_KEY or KAIF_PUSH_KEY_FILE must hold 32 or more characters that never change.")
    push = WebPush(_key(settings, "signatures"), _contact(settings), private_too=anywhere)
    sealer = Sealer(_key(settings, "subscriptions"))
    bus = OutboxBus(database, FOLLOWING)
    notifier = Notifier(database, cache, auth, push, sealer, bus, clock, timing)
    await notifier.start()
    try:
        yield {Notifications: NotificationsService(database, sealer, push.public_key, clock, private_too=anywhere)}
    finally:
        await notifier.close()
        await push.close()


def _key(settings: Settings, purpose: str) -> bytes:
    return hashlib.sha256(f"{purpose} of {settings.push_key}".encode()).digest()


def _contact(settings: Settings) -> str:
    """The makers of push services want one; a server without a public name has none to give but its own."""
    url = settings.public_url
    own = url if url.startswith("https://") else f"mailto:postmaster@{urlsplit(url).hostname}"
    return settings.push_contact or own

"""Calls to bots, wired: where they want to be called, and who calls them."""

import hashlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from kaif.app.notifying import FOLLOWING
from kaif.app.settings import Settings
from kaif.app.surface import Services
from kaif.engines.bus.outbox import OutboxBus
from kaif.engines.database import Database
from kaif.engines.web.guarded import GuardedWeb
from kaif.interfaces.auth import Auth
from kaif.interfaces.auth.bots import Bots
from kaif.interfaces.messaging.outgoing_webhooks import OutgoingWebhooks
from kaif.kernel.clock import Clock, now_us
from kaif.kernel.sealing import Sealer
from kaif.services.messaging.notifications.deliveries import USUAL, Timing
from kaif.services.messaging.webhooks.calling import Caller
from kaif.services.messaging.webhooks.delivering import BOTS_AT_ONCE_MAX, Deliverer
from kaif.services.messaging.webhooks.outgoing import OutgoingWebhooksService


@asynccontextmanager
async def outgoing_webhooks(
    settings: Settings,
    database: Database,
    auth: Auth,
    bots: Bots,
    clock: Clock = now_us,
    timing: Timing = USUAL,
) -> AsyncIterator[Services]:
    """After messaging's migrations. Without a key nobody is called: bots' secrets could not be sealed."""
    anywhere = settings.webhooks_anywhere
    if not settings.push_key:
        yield {OutgoingWebhooks: OutgoingWebhooksService(database, auth, bots, None, clock, private_too=anywhere)}
        return
    sealer = Sealer(hashlib.sha256(f"outgoing webhooks of {settings.push_key}".encode()).digest())
    web = GuardedWeb(private_too=anywhere, within_s=timing.within_s, connections_max=BOTS_AT_ONCE_MAX)
    caller = Caller(database, bots, web, sealer, clock, timing)
    deliverer = Deliverer(database, caller, OutboxBus(database, FOLLOWING), clock, timing)
    await deliverer.start()
    try:
        yield {OutgoingWebhooks: OutgoingWebhooksService(database, auth, bots, sealer, clock, private_too=anywhere)}
    finally:
        await deliverer.close()
        await web.close()

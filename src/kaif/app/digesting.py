"""Letters about missed messages, wired: what people choose, and who writes them."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from kaif.app.surface import Services
from kaif.engines.bus.outbox import OutboxBus
from kaif.engines.database import Database
from kaif.interfaces.auth.digest_letters import DigestLetters
from kaif.interfaces.messaging.digests import Digests
from kaif.kernel.clock import Clock, now_us
from kaif.services.messaging.digests import digesting
from kaif.services.messaging.digests.digesting import Digester
from kaif.services.messaging.digests.service import DigestsService


@asynccontextmanager
async def digests(
    database: Database, letters: DigestLetters, clock: Clock = now_us, timing: digesting.Timing = digesting.USUAL
) -> AsyncIterator[Services]:
    """After messaging's migrations."""
    digester = Digester(database, letters, OutboxBus(database), clock, timing)
    await digester.start()
    try:
        yield {Digests: DigestsService(database, clock)}
    finally:
        await digester.close()

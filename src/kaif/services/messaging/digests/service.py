"""What people choose about letters; each method is one transaction."""

import msgspec

from kaif.engines.database import Database
from kaif.interfaces.auth import Nothing
from kaif.interfaces.messaging.digests import DigestSettings
from kaif.interfaces.messaging.notifications import UnknownTimeZone
from kaif.kernel.actor import Actor
from kaif.kernel.clock import Clock
from kaif.services.messaging.digests import store as digest_store
from kaif.services.messaging.digests.missed import StoredDigest
from kaif.services.messaging.notifications.telling import zone_of


class DigestsService:
    def __init__(self, database: Database, clock: Clock) -> None:
        self._database, self._clock = database, clock

    async def get_digest(self, actor: Actor, request: Nothing) -> DigestSettings:
        kept = await digest_store.find(self._database, actor.user_id)
        return kept.settings if kept else DigestSettings()

    async def choose_digest(self, actor: Actor, request: DigestSettings) -> DigestSettings:
        if zone_of(request.time_zone) is None:
            raise UnknownTimeZone(path="$.time_zone")
        now_us = self._clock()
        chosen = StoredDigest(actor.user_id, request.every, request.at, request.time_zone, request.language, now_us)
        async with self._database.transaction() as tx:
            if request.every == "never":
                await digest_store.forget(tx, actor.user_id)
            else:
                # An hourly one looks at once, what is old enough may wait already; a daily one waits for its time.
                due_at_us = now_us if request.every == "hour" else chosen.next_us(now_us)
                await digest_store.keep(tx, msgspec.structs.replace(chosen, due_at_us=due_at_us))
        return request

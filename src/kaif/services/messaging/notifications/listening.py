"""Keeps where devices are told: one for each session, sealed, of each person no more than SUBSCRIPTIONS_MAX."""

from kaif.engines.database import AlreadyExists, Database
from kaif.interfaces.messaging.notifications import SUBSCRIPTIONS_MAX
from kaif.kernel.actor import Actor
from kaif.kernel.clock import Clock
from kaif.kernel.errors import Busy
from kaif.kernel.sealing import Sealer
from kaif.services.messaging.notifications import store
from kaif.services.messaging.notifications.store import Service, StoredSubscription

TRIES_MAX = 3


class Devices:
    def __init__(self, database: Database, sealer: Sealer, clock: Clock) -> None:
        self._database, self._sealer, self._clock = database, sealer, clock

    async def add(
        self, actor: Actor, id: str, place_hash: str, place: str, language: str, *, service: Service, previews: bool
    ) -> None:
        """`place` is where the device is reached, and a secret; whoever had it before has it no more. Raises Busy."""
        stored = StoredSubscription(
            id,
            actor.user_id,
            actor.session_id,
            place_hash,
            self._sealer.seal(place, id),
            language,
            self._clock(),
            service,
            int(previews),
        )
        for _ in range(TRIES_MAX):
            try:
                async with self._database.transaction() as tx:
                    await store.lock_person(tx, actor.user_id)
                    await store.add_subscription(tx, stored)
                    await store.forget_beyond(tx, actor.user_id, SUBSCRIPTIONS_MAX)
                return
            except AlreadyExists:
                # Somebody else subscribes with this device at the same moment: the last one has it.
                continue
        raise Busy

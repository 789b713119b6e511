"""What operators do about events that were set aside; each method is one transaction."""

from kaif.engines.bus import store as bus_store
from kaif.engines.bus.store import Parked
from kaif.engines.database import Database, Transaction
from kaif.interfaces.auth import Nothing
from kaif.interfaces.auth.audit import Action
from kaif.interfaces.auth.parked_events import (
    LISTED_MAX,
    EventNotParked,
    ParkedEvent,
    ParkedEventList,
    ThatEvent,
)
from kaif.interfaces.auth.roles import MANAGE_EVENTS
from kaif.kernel.actor import Actor, require_permission
from kaif.kernel.clock import Clock, as_datetime
from kaif.services.auth.audit.log import NO_ONE, AuditLog
from kaif.services.auth.factors.stepping_up import require_recent_authentication


class ParkedEventsService:
    def __init__(self, database: Database, audit: AuditLog, clock: Clock) -> None:
        self._database, self._audit, self._clock = database, audit, clock

    async def list_parked_events(self, actor: Actor, request: Nothing) -> ParkedEventList:
        require_permission(actor, MANAGE_EVENTS)
        found = await bus_store.list_parked(self._database, None, LISTED_MAX + 1)
        return ParkedEventList([_shown(one) for one in found[:LISTED_MAX]], len(found) > LISTED_MAX)

    async def retry_parked_event(self, actor: Actor, request: ThatEvent) -> Nothing:
        require_permission(actor, MANAGE_EVENTS)
        async with self._database.transaction() as tx:
            name = await bus_store.ask_retry(tx, request.consumer, request.event_id)
            await self._record(tx, actor, "event_retried", request, name)
        return Nothing()

    async def drop_parked_event(self, actor: Actor, request: ThatEvent) -> Nothing:
        require_permission(actor, MANAGE_EVENTS)
        async with self._database.transaction() as tx:
            # What the event asked for never happens then.
            await require_recent_authentication(tx, actor, self._clock())
            name = await bus_store.drop_parked(tx, request.consumer, request.event_id)
            await self._record(tx, actor, "event_dropped", request, name)
        return Nothing()

    async def _record(self, tx: Transaction, actor: Actor, action: Action, that: ThatEvent, name: str | None) -> None:
        if name is None:
            raise EventNotParked
        await self._audit.record(tx, actor, action, NO_ONE, consumer=that.consumer, event=name, id=that.event_id)


def _shown(parked: Parked) -> ParkedEvent:
    return ParkedEvent(
        consumer=parked.consumer,
        event_id=parked.id,
        name=parked.name,
        error=parked.error,
        attempts=parked.attempts,
        parked_at=as_datetime(parked.parked_at_us),
        retrying=bool(parked.retry_asked),
    )

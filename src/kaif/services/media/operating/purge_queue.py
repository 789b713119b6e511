"""What operators see of what a CDN is to forget, and when it is told again."""

from kaif.engines.database import Database
from kaif.interfaces.auth import Nothing
from kaif.interfaces.auth.roles import MANAGE_EVENTS
from kaif.interfaces.media.purges import CdnPurge, CdnPurgeList, CdnPurgesRetried, NoPurgeFailed
from kaif.interfaces.media.work import LISTED_MAX
from kaif.kernel.actor import Actor, require_permission
from kaif.kernel.clock import Clock, as_datetime
from kaif.kernel.ids import new_id
from kaif.services.media.cdn import store as cdn_store
from kaif.services.media.cdn.store import ListedPurge


class PurgeQueueService:
    def __init__(self, database: Database, clock: Clock, *, on: bool) -> None:
        self._database, self._clock, self._on = database, clock, on

    async def list_cdn_purges(self, actor: Actor, request: Nothing) -> CdnPurgeList:
        require_permission(actor, MANAGE_EVENTS)
        found = await cdn_store.listed(self._database, LISTED_MAX + 1)
        return CdnPurgeList([_shown(row) for row in found[:LISTED_MAX]], len(found) > LISTED_MAX, not self._on)

    async def retry_cdn_purges(self, actor: Actor, request: Nothing) -> Nothing:
        require_permission(actor, MANAGE_EVENTS)
        async with self._database.transaction() as tx:
            count = await cdn_store.hurry(tx, self._clock())
            if not count:
                raise NoPurgeFailed
            await tx.publish(CdnPurgesRetried(decision_id=new_id(), decided_by=actor.user_id, count=count))
        return Nothing()


def _shown(row: ListedPurge) -> CdnPurge:
    return CdnPurge(
        media_id=row.media_id,
        owner_id=row.owner_id,
        kind=row.kind,
        asked_at=as_datetime(row.asked_at_us),
        next_at=as_datetime(row.purge_at_us),
        attempts=row.attempts,
        error=row.error,
    )

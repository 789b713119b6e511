"""What operators see of the store."""

import heapq

from kaif.engines.blobs import Blobs
from kaif.engines.database import Database
from kaif.engines.keys import Keys
from kaif.interfaces.auth import Nothing
from kaif.interfaces.auth.roles import MANAGE_EVENTS
from kaif.interfaces.media.storage import (
    OWNERS_SHOWN_MAX,
    KindStored,
    MasterKeys,
    MediaCounts,
    OwnerStored,
    Room,
    StorageReport,
)
from kaif.kernel.actor import Actor, require_permission
from kaif.kernel.clock import Clock, as_datetime
from kaif.services.media.cdn import store as cdn_store
from kaif.services.media.operating import storage_store
from kaif.services.media.operating.census import Census


class MediaStorageService:
    def __init__(self, database: Database, blobs: Blobs, keys: Keys, clock: Clock) -> None:
        self._database, self._blobs, self._keys, self._clock = database, blobs, keys, clock
        self._census = Census(database, clock)

    async def report_storage(self, actor: Actor, request: Nothing) -> StorageReport:
        require_permission(actor, MANAGE_EVENTS)
        counted, version = await self._census.counted(), await self._keys.newest()
        largest = heapq.nlargest(OWNERS_SHOWN_MAX, counted.owners.items(), key=lambda one: one[1].bytes)
        return StorageReport(
            kinds=[KindStored(kind, stored) for kind, stored in sorted(counted.kinds.items())],
            made=await storage_store.made(self._database),
            owners=[OwnerStored(owner_id, stored) for owner_id, stored in largest],
            owners_count=len(counted.owners),
            counted_at=as_datetime(counted.at_us),
            now=await self.count_media(actor, request),
            keys=MasterKeys(version, await storage_store.wrapped_by_older(self._database, version)),
        )

    async def count_media(self, actor: Actor, request: Nothing) -> MediaCounts:
        now_us, room = self._clock(), await self._blobs.room()
        return MediaCounts(
            uploads=await storage_store.under_way(self._database, now_us),
            garbage=await storage_store.garbage(self._database),
            room=Room(*room) if room else None,
            jobs=await storage_store.job_counts(self._database, now_us),
            purges=await cdn_store.count(self._database, now_us),
        )

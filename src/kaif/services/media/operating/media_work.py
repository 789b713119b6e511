"""What operators see of the work on media, and decide about what failed or takes too much."""

from typing import Literal

from kaif.engines.database import Database
from kaif.interfaces.auth import Nothing
from kaif.interfaces.auth.roles import MANAGE_EVENTS
from kaif.interfaces.media import OfMedia
from kaif.interfaces.media.work import (
    LISTED_MAX,
    JobNotParked,
    JobNotUnderWay,
    MediaJob,
    MediaJobDecided,
    MediaJobList,
    WorkStopped,
)
from kaif.kernel.actor import Actor, require_permission
from kaif.kernel.clock import Clock, as_datetime
from kaif.kernel.ids import new_id
from kaif.services.media import store
from kaif.services.media.delivery.standing import FindsOpen
from kaif.services.media.model import StoredMedia
from kaif.services.media.queue import failing
from kaif.services.media.queue import store as jobs_store
from kaif.services.media.queue.store import ListedJob
from kaif.services.media.queue.telling import OwnerNews


class MediaWorkService:
    def __init__(self, database: Database, doors: FindsOpen, news: OwnerNews, clock: Clock) -> None:
        self._database, self._doors, self._news, self._clock = database, doors, news, clock

    async def list_media_jobs(self, actor: Actor, request: Nothing) -> MediaJobList:
        require_permission(actor, MANAGE_EVENTS)
        found = await jobs_store.listed(self._database, LISTED_MAX + 1)
        now_us = self._clock()
        return MediaJobList([_shown(job, now_us) for job in found[:LISTED_MAX]], len(found) > LISTED_MAX)

    async def stop_media_job(self, actor: Actor, request: OfMedia) -> Nothing:
        require_permission(actor, MANAGE_EVENTS)
        error = f"{WorkStopped.code}: {WorkStopped.detail}"
        async with self._database.transaction() as tx:
            media = await store.lock_media(tx, request.media_id)
            if media is None or not await jobs_store.stop(tx, media.id, error, self._clock()):
                raise JobNotUnderWay
            await tx.publish(_decided(actor, media, "stop"))
            fails = await failing.fail(tx, media, WorkStopped.code)
        if fails:
            await self._news.tell(media.owner_id, media.id, "failed", 0)
        return Nothing()

    async def retry_media_job(self, actor: Actor, request: OfMedia) -> Nothing:
        require_permission(actor, MANAGE_EVENTS)
        async with self._database.transaction() as tx:
            media = await store.lock_media(tx, request.media_id)
            if media is None or not await jobs_store.retry(tx, request.media_id, self._clock()):
                raise JobNotParked
            await tx.publish(_decided(actor, media, "retry"))
            if media.state == "failed":
                await jobs_store.set_state(tx, media.id, "working", "", 0)
        return Nothing()

    async def discard_media_job(self, actor: Actor, request: OfMedia) -> Nothing:
        require_permission(actor, MANAGE_EVENTS)
        # What it would have made is never made then.
        await self._doors.require_recent_sign_in(actor, Nothing())
        async with self._database.transaction() as tx:
            media = await store.lock_media(tx, request.media_id)
            if media is None or not await jobs_store.discard(tx, request.media_id):
                raise JobNotParked
            await tx.publish(_decided(actor, media, "discard"))
        return Nothing()


def _decided(actor: Actor, media: StoredMedia, decision: Literal["retry", "discard", "stop"]) -> MediaJobDecided:
    return MediaJobDecided(
        decision_id=new_id(),
        decided_by=actor.user_id,
        owner_id=media.owner_id,
        media_id=media.id,
        decision=decision,
    )


def _shown(job: ListedJob, now_us: int) -> MediaJob:
    return MediaJob(
        media_id=job.media_id,
        owner_id=job.owner_id,
        kind=job.kind,
        size=job.size,
        state="parked" if job.parked_at_us else "working" if job.until_us > now_us else "waiting",
        attempts=job.attempts,
        error=job.error,
        created_at=as_datetime(job.created_at_us),
        progress=job.progress if job.until_us > now_us else 0,
    )

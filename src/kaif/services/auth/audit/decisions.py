"""What operators decide in other services goes into the one audit log, once for each."""

from kaif.engines.database import Database, Transaction
from kaif.interfaces.auth.audit import Action
from kaif.interfaces.media.purges import CdnPurgesRetried
from kaif.interfaces.media.quotas import QuotaChanged
from kaif.interfaces.media.work import MediaJobDecided
from kaif.interfaces.messaging.pictures import ChatPictureTaken
from kaif.interfaces.messaging.purging import PersonPurged
from kaif.interfaces.messaging.reports import ReportDecided
from kaif.interfaces.messaging.suspension import ChatRestored
from kaif.kernel.actor import Actor
from kaif.services.auth.audit.log import NO_ONE, AuditLog

_OF_MEDIA_JOBS: dict[str, Action] = {
    "retry": "media_job_retried",
    "discard": "media_job_discarded",
    "stop": "media_job_stopped",
}


class AuditedDecisions:
    def __init__(self, database: Database, audit: AuditLog) -> None:
        self._database, self._audit = database, audit

    async def record_report(self, event: ReportDecided) -> None:
        async with self._database.transaction() as tx:
            if await _is_new(tx, event.report_id):
                await self._audit.record(
                    tx,
                    Actor(event.decided_by),
                    "report_decided",
                    event.subject_id,
                    report=event.report_id,
                    decision=event.decision,
                    reason=event.reason,
                )

    async def record_chat_picture(self, event: ChatPictureTaken) -> None:
        async with self._database.transaction() as tx:
            if await _is_new(tx, event.taking_id):
                await self._audit.record(
                    tx,
                    Actor(event.taken_by),
                    "chat_picture_taken",
                    NO_ONE,
                    chat=event.chat_id,
                    media=event.media_id,
                )

    async def record_chat_restored(self, event: ChatRestored) -> None:
        async with self._database.transaction() as tx:
            if await _is_new(tx, event.restoring_id):
                await self._audit.record(
                    tx,
                    Actor(event.restored_by),
                    "chat_restored",
                    NO_ONE,
                    chat=event.chat_id,
                    report=event.report_id,
                )

    async def record_purge(self, event: PersonPurged) -> None:
        report = {"report": event.report_id} if event.report_id else {}
        async with self._database.transaction() as tx:
            if await _is_new(tx, event.purge_id):
                await self._audit.record(
                    tx,
                    Actor(event.asked_by),
                    "person_purged",
                    event.user_id,
                    chat=event.chat_id,
                    messages=event.messages,
                    **report,
                )

    async def record_media_job(self, event: MediaJobDecided) -> None:
        action = _OF_MEDIA_JOBS[event.decision]
        async with self._database.transaction() as tx:
            if await _is_new(tx, event.decision_id):
                await self._audit.record(tx, Actor(event.decided_by), action, event.owner_id, media=event.media_id)

    async def record_cdn_purges(self, event: CdnPurgesRetried) -> None:
        async with self._database.transaction() as tx:
            if await _is_new(tx, event.decision_id):
                await self._audit.record(tx, Actor(event.decided_by), "cdn_purges_retried", NO_ONE, count=event.count)

    async def record_quota(self, event: QuotaChanged) -> None:
        role = {"role": event.role} if event.role else {}
        async with self._database.transaction() as tx:
            if await _is_new(tx, event.decision_id):
                await self._audit.record(
                    tx,
                    Actor(event.decided_by),
                    "quota_set",
                    event.user_id or NO_ONE,
                    **role,
                    file_max=event.file_max,
                    total_max=event.total_max,
                )


async def _is_new(tx: Transaction, decision_id: str) -> bool:
    """The news may come again: the log takes it once."""
    changed = await tx.execute(
        "INSERT INTO auth_audited_reports (report_id) VALUES (:id) ON CONFLICT (report_id) DO NOTHING", id=decision_id
    )
    return changed == 1

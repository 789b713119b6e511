"""What messaging decides about reports goes into the one audit log, once for each."""

from kaif.engines.database import Database
from kaif.interfaces.messaging.reports import ReportDecided
from kaif.kernel.actor import Actor
from kaif.services.auth.audit.log import AuditLog


class AuditedReports:
    def __init__(self, database: Database, audit: AuditLog) -> None:
        self._database, self._audit = database, audit

    async def record(self, event: ReportDecided) -> None:
        async with self._database.transaction() as tx:
            # The news may come again: the log takes it once.
            new = await tx.execute(
                "INSERT INTO auth_audited_reports (report_id) VALUES (:id) ON CONFLICT (report_id) DO NOTHING",
                id=event.report_id,
            )
            if new:
                await self._audit.record(
                    tx,
                    Actor(event.decided_by),
                    "report_decided",
                    event.subject_id,
                    report=event.report_id,
                    decision=event.decision,
                    reason=event.reason,
                )

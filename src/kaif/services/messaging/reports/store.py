"""What is stored of reports and their evidence."""

from collections.abc import Sequence

import msgspec

from kaif.engines.database import Reads, Transaction
from kaif.interfaces.media import MediaId
from kaif.interfaces.messaging import ChatId
from kaif.interfaces.messaging.reports import Decision, Outcome, Reason, State
from kaif.kernel.actor import UserId
from kaif.services.messaging.entry_rules import StoredEntry


class StoredReport(msgspec.Struct, frozen=True):
    """A row of messaging_reports."""

    id: str
    reporter_id: UserId
    once: str
    chat_id: ChatId
    user_id: UserId
    reason: Reason
    text: str
    at_us: int
    state: State = "open"
    taken_by: UserId = UserId("")
    taken_at_us: int = 0
    # Empty until there is one.
    decision: str = ""
    note: str = ""
    decided_at_us: int = 0
    # Of the chat, when it was reported itself.
    picture: MediaId = MediaId("")

    @property
    def outcome(self) -> Outcome:
        """What its reporter is told."""
        if self.state != "decided":
            return "waiting"
        return "dismissed" if self.decision == "dismiss" else "acted"


class StoredEvidence(msgspec.Struct, frozen=True):
    report_id: str
    seq: int
    reported: int
    sha256: str
    entry: str


_REPORT = ", ".join(StoredReport.__struct_fields__)
# Greater than every id.
AFTER_ALL = "z" * 27


async def add(tx: Transaction, report: StoredReport, evidence: Sequence[StoredEvidence]) -> None:
    """Raises AlreadyExists when the reporter has used the reference."""
    await tx.insert("messaging_reports", StoredReport.__struct_fields__, [msgspec.structs.astuple(report)])
    rows = [msgspec.structs.astuple(one) for one in evidence]
    await tx.insert("messaging_evidence", StoredEvidence.__struct_fields__, rows)


async def find(reads: Reads, report_id: str) -> StoredReport | None:
    rows = await reads.fetch(StoredReport, f"SELECT {_REPORT} FROM messaging_reports WHERE id = :id", id=report_id)
    return rows[0] if rows else None


async def find_filed(reads: Reads, reporter_id: UserId, once: str) -> StoredReport | None:
    sql = f"SELECT {_REPORT} FROM messaging_reports WHERE reporter_id = :reporter_id AND once = :once"
    rows = await reads.fetch(StoredReport, sql, reporter_id=reporter_id, once=once)
    return rows[0] if rows else None


async def filed_by(reads: Reads, reporter_id: UserId, limit: int) -> list[StoredReport]:
    """The newest first."""
    sql = f"SELECT {_REPORT} FROM messaging_reports WHERE reporter_id = :reporter_id ORDER BY id DESC LIMIT :limit"
    return await reads.fetch(StoredReport, sql, reporter_id=reporter_id, limit=limit)


async def count_waiting(reads: Reads, reporter_id: UserId) -> int:
    rows: list[tuple[int]] = await reads.fetch(
        tuple,
        "SELECT COUNT(*) FROM messaging_reports WHERE reporter_id = :reporter_id AND state <> 'decided'",
        reporter_id=reporter_id,
    )
    return rows[0][0]


async def queue(reads: Reads, state: State, cursor: str, limit: int) -> list[StoredReport]:
    newest_first = state == "decided"
    beyond, order = ("<", "DESC") if newest_first else (">", "ASC")
    return await reads.fetch(
        StoredReport,
        f"""
        SELECT {_REPORT} FROM messaging_reports WHERE state = :state AND id {beyond} :cursor
        ORDER BY id {order} LIMIT :limit
        """,
        state=state,
        cursor=cursor or (AFTER_ALL if newest_first else ""),
        limit=limit,
    )


async def count_open(reads: Reads, limit: int) -> int:
    """As far as `limit`."""
    rows: list[tuple[int]] = await reads.fetch(
        tuple,
        "SELECT COUNT(*) FROM (SELECT 1 FROM messaging_reports WHERE state = 'open' LIMIT :limit) AS some_reports",
        limit=limit,
    )
    return rows[0][0]


async def evidence_of(reads: Reads, report_id: str) -> list[StoredEvidence]:
    return await reads.fetch(
        StoredEvidence,
        "SELECT report_id, seq, reported, sha256, entry FROM messaging_evidence WHERE report_id = :id ORDER BY seq",
        id=report_id,
    )


async def take(tx: Transaction, report_id: str, by: UserId, now_us: int, lapsed_us: int) -> bool:
    """In one statement: of those who take it at once, one has it. False when somebody else has it, or it is decided."""
    taken = await tx.execute(
        """
        UPDATE messaging_reports SET state = 'taken', taken_by = :by, taken_at_us = :now_us
        WHERE id = :id AND (state = 'open' OR state = 'taken' AND (taken_by = :by OR taken_at_us < :lapsed_us))
        """,
        id=report_id,
        by=by,
        now_us=now_us,
        lapsed_us=lapsed_us,
    )
    return taken == 1


async def decide(tx: Transaction, report_id: str, by: UserId, decision: Decision, note: str, now_us: int) -> bool:
    """In one statement: of two decisions at once, one counts."""
    decided = await tx.execute(
        """
        UPDATE messaging_reports SET state = 'decided', decision = :decision, note = :note, decided_at_us = :now_us
        WHERE id = :id AND state = 'taken' AND taken_by = :by
        """,
        id=report_id,
        by=by,
        decision=decision,
        note=note,
        now_us=now_us,
    )
    return decided == 1


async def newest_messages(reads: Reads, chat_id: ChatId, by: UserId | None, limit: int) -> list[StoredEntry]:
    """The last ones of a chat, of one person or of all; looked for among the newest thousand entries."""
    whose = "AND sender_id = :by" if by else ""
    return await reads.fetch(
        StoredEntry,
        f"""
        SELECT chat_id, seq, kind, sender_id, at_us, messages, ref, body FROM messaging_entries
        WHERE chat_id = :chat_id AND kind = 'message' {whose}
          AND seq > (SELECT seq FROM messaging_chats WHERE id = :chat_id) - 1000
        ORDER BY seq DESC LIMIT :limit
        """,
        chat_id=chat_id,
        limit=limit,
        **({"by": by} if by else {}),
    )


async def chats_named(reads: Reads, chat_ids: Sequence[ChatId]) -> dict[ChatId, tuple[str, str]]:
    """The kind and title of each that is still there."""
    rows: list[tuple[ChatId, str, str]] = await reads.fetch(
        tuple,
        "SELECT id, kind, title FROM messaging_chats WHERE id IN :ids AND deleted_at_us = 0",
        ids=list(chat_ids),
    )
    return {chat_id: (kind, title) for chat_id, kind, title in rows}


async def is_suspended(reads: Reads, chat_id: ChatId) -> bool:
    sql = "SELECT 1 FROM messaging_chats WHERE id = :id AND suspended <> '' AND deleted_at_us = 0"
    return bool(await reads.fetch(tuple, sql, id=chat_id))

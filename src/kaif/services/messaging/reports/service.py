"""What is reported, and what is decided about it; each method is one transaction, with what a decision does before it.

What a decision does is safe to repeat. So it is done first: should the process die in between, the report is still
taken, and whoever took it decides again.
"""

import hashlib
from collections.abc import Awaitable, Callable, Sequence

import msgspec

from kaif.engines.database import AlreadyExists, Database, Transaction
from kaif.interfaces.auth import Auth, Nothing, Person
from kaif.interfaces.auth.roles import HANDLE_REPORTS
from kaif.interfaces.auth.sessions import Sessions, Suspend
from kaif.interfaces.auth.staff import Staff
from kaif.interfaces.media import MediaId
from kaif.interfaces.messaging import ChatId, Entry
from kaif.interfaces.messaging.cards import Contact
from kaif.interfaces.messaging.privacy import NotOneself
from kaif.interfaces.messaging.reports import (
    EVIDENCE_MAX,
    OPEN_MAX,
    OPEN_SHOWN_MAX,
    OWN_MAX,
    TAKEN_FOR_S,
    DecideReport,
    Decision,
    Evidence,
    FileReport,
    ListReports,
    NotForThisReport,
    NothingReported,
    OfReport,
    OpenReports,
    OwnReport,
    OwnReports,
    Reason,
    Report,
    ReportAnswered,
    ReportDecided,
    ReportDecidedAlready,
    ReportedPicture,
    ReportNotFound,
    ReportNotTaken,
    ReportPage,
    ReportsChanged,
    ReportSummary,
    ReportTaken,
    TooManyReports,
)
from kaif.kernel.actor import NOBODY, Actor, UserId, require_permission
from kaif.kernel.clock import SECOND_US, Clock, as_datetime
from kaif.kernel.errors import Unavailable
from kaif.kernel.ids import new_id
from kaif.services.messaging import entry_store, people_store
from kaif.services.messaging.attachments import store as attachment_store
from kaif.services.messaging.attachments.store import StoredAttachment
from kaif.services.messaging.chats import picture_store
from kaif.services.messaging.chats.membership import Membership
from kaif.services.messaging.entry_rules import StoredEntry
from kaif.services.messaging.messages import viewing
from kaif.services.messaging.reports import store as report_store
from kaif.services.messaging.reports.store import StoredEvidence, StoredReport
from kaif.services.messaging.sending.announcing import Announcer

Erase = Callable[[ChatId, Sequence[int]], Awaitable[None]]
Ban = Callable[[ChatId, UserId, UserId], Awaitable[None]]
SuspendChat = Callable[[ChatId, Reason], Awaitable[None]]
RestoreChat = Callable[[ChatId, UserId, str], Awaitable[bool]]
TakePicture = Callable[[ChatId, UserId, MediaId], Awaitable[bool]]

_encode = msgspec.json.Encoder().encode
_entry = msgspec.json.Decoder(Entry).decode


class ReportsService:
    def __init__(
        self,
        database: Database,
        auth: Auth,
        sessions: Sessions,
        staff: Staff,
        announcer: Announcer,
        clock: Clock,
        erase: Erase,
        ban: Ban,
        take_picture: TakePicture,
        suspend_chat: SuspendChat,
        restore_chat: RestoreChat,
    ) -> None:
        self._database, self._sessions, self._announcer, self._clock = database, sessions, announcer, clock
        self._staff, self._membership = staff, Membership(auth, clock)
        self._erase, self._ban, self._take_picture = erase, ban, take_picture
        self._suspend_chat, self._restore_chat = suspend_chat, restore_chat

    # For everybody

    async def file_report(self, actor: Actor, request: FileReport) -> OwnReport:
        if request.user_id == actor.user_id:
            raise NotOneself(path="$.user_id")
        filed = await report_store.find_filed(self._database, actor.user_id, request.ref)
        if filed is None:
            ids = [actor.user_id, *([request.user_id] if request.user_id else [])]
            people = await self._membership.get_people(self._database, ids)
            filed = await self._file(actor, request, people)
            await self._tell_handlers()
        return (await self._own([filed]))[0]

    async def _file(self, actor: Actor, request: FileReport, people: list[Person]) -> StoredReport:
        try:
            async with self._database.transaction() as tx:
                # Of those who report very often at once, one comes after the other.
                await people_store.lock_people(tx, people)
                rows = await self._reported(tx, actor, request)
                subject = request.user_id or _only_author(rows) or UserId("")
                if not (rows or request.chat_id or subject) or subject == actor.user_id:
                    raise NothingReported
                if await report_store.count_waiting(tx, actor.user_id) >= OPEN_MAX:
                    raise TooManyReports
                chat_id = request.chat_id or ChatId("")
                pictures = await _reported_pictures(tx, request)
                report = StoredReport(
                    new_id(),
                    actor.user_id,
                    request.ref,
                    chat_id,
                    subject,
                    request.reason,
                    request.text.strip(),
                    self._clock(),
                    picture=pictures[0].media_id if pictures else MediaId(""),
                )
                shown = await viewing.shown(tx, chat_id, rows) if rows else []
                evidence = [_kept(report.id, entry, request.seqs) for entry in shown]
                await report_store.add(tx, report, evidence)
                showing = [entry.seq for entry in shown if entry.attachments]
                files = await attachment_store.at(tx, chat_id, showing, locked=True) if showing else []
                await attachment_store.add_evidence(tx, report.id, [*pictures, *files])
        except AlreadyExists:
            first = await report_store.find_filed(self._database, actor.user_id, request.ref)
            assert first, "the row that was in the way is gone"
            return first
        return report

    async def _reported(self, tx: Transaction, actor: Actor, request: FileReport) -> list[StoredEntry]:
        """What is kept as evidence. Raises ChatNotFound, NothingReported."""
        if request.chat_id is None:
            if request.seqs:
                raise NothingReported(path="$.chat_id")
            return []
        await self._membership.get_member(tx, request.chat_id, actor.user_id)
        if request.seqs:
            rows = await entry_store.entries_at(tx, request.chat_id, set(request.seqs))
            if len(rows) < len(set(request.seqs)) or any(row.kind != "message" for row in rows):
                raise NothingReported(path="$.seqs")
        else:
            rows = await report_store.newest_messages(tx, request.chat_id, request.user_id, EVIDENCE_MAX)
        return sorted(rows, key=lambda row: row.seq)

    async def list_own_reports(self, actor: Actor, request: Nothing) -> OwnReports:
        return OwnReports(await self._own(await report_store.filed_by(self._database, actor.user_id, OWN_MAX)))

    async def _own(self, rows: Sequence[StoredReport]) -> list[OwnReport]:
        people, chats = await self._named(rows)
        return [
            OwnReport(
                row.id,
                row.reason,
                as_datetime(row.at_us),
                row.outcome,
                people.get(row.user_id),
                chats.get(row.chat_id, ("", ""))[1],
            )
            for row in rows
        ]

    async def _named(self, rows: Sequence[StoredReport]) -> tuple[dict[UserId, Person], dict[ChatId, tuple[str, str]]]:
        ids = {one for row in rows for one in (row.reporter_id, row.user_id, row.taken_by) if one}
        people = {person.id: person for person in await people_store.known_people(self._database, sorted(ids))}
        chats = await report_store.chats_named(self._database, sorted({row.chat_id for row in rows if row.chat_id}))
        return people, chats

    async def _tell_handlers(self) -> None:
        """Which of those with a role handle reports is auth's business: all of them hear that something is different.

        The report stands, whether or not anybody hears of it.
        """
        try:
            staff = (await self._staff.list_staff(NOBODY, Nothing())).people
        except Unavailable:
            return
        for person in staff:
            await self._announcer.tell(person.id, ChatId(""), ReportsChanged())

    # For who handles them

    async def count_reports(self, actor: Actor, request: Nothing) -> OpenReports:
        require_permission(actor, HANDLE_REPORTS)
        return OpenReports(await report_store.count_open(self._database, OPEN_SHOWN_MAX))

    async def list_reports(self, actor: Actor, request: ListReports) -> ReportPage:
        require_permission(actor, HANDLE_REPORTS)
        rows = await report_store.queue(self._database, request.state, request.cursor, request.limit + 1)
        page = rows[: request.limit]
        return ReportPage(await self._summaries(page), page[-1].id if len(rows) > request.limit else None)

    async def _summaries(self, rows: Sequence[StoredReport]) -> list[ReportSummary]:
        people, chats = await self._named(rows)
        return [
            ReportSummary(
                row.id,
                row.reason,
                row.text,
                as_datetime(row.at_us),
                row.state,
                people[row.reporter_id],
                people.get(row.user_id),
                row.chat_id,
                *chats.get(row.chat_id, ("", "")),
                people.get(row.taken_by),
                _decision(row),
            )
            for row in rows
        ]

    async def get_report(self, actor: Actor, request: OfReport) -> Report:
        require_permission(actor, HANDLE_REPORTS)
        row = await report_store.find(self._database, request.report_id)
        if row is None:
            raise ReportNotFound
        (summary,) = await self._summaries([row])
        evidence = [_shown(one) for one in await report_store.evidence_of(self._database, row.id)]
        picture = await self._picture(row)
        suspended = await report_store.is_suspended(self._database, row.chat_id)
        return Report(
            summary,
            evidence,
            await people_store.known_people(self._database, sorted(_people_in(evidence))),
            row.note,
            as_datetime(row.decided_at_us) if row.decided_at_us else None,
            _possible(summary, evidence, picture, suspended=suspended),
            picture,
            suspended,
        )

    async def _picture(self, row: StoredReport) -> ReportedPicture | None:
        if not row.picture or row.state == "decided":
            return None
        return ReportedPicture(row.picture, await picture_store.picture_of(self._database, row.chat_id) == row.picture)

    async def take_report(self, actor: Actor, request: OfReport) -> Report:
        require_permission(actor, HANDLE_REPORTS)
        now_us = self._clock()
        person = await self._membership.get_people(self._database, [actor.user_id])
        async with self._database.transaction() as tx:
            await people_store.lock_people(tx, person)
            lapsed_us = now_us - TAKEN_FOR_S * SECOND_US
            if not await report_store.take(tx, request.report_id, actor.user_id, now_us, lapsed_us):
                await self._refuse(tx, actor, request.report_id)
        await self._tell_handlers()
        return await self.get_report(actor, request)

    async def _refuse(self, tx: Transaction, actor: Actor, report_id: str) -> None:
        """Say why a report can't be taken, or decided, by the actor."""
        row = await report_store.find(tx, report_id)
        if row is None:
            raise ReportNotFound
        if row.state == "decided":
            raise ReportDecidedAlready
        raise ReportTaken if row.state == "taken" else ReportNotTaken

    async def decide_report(self, actor: Actor, request: DecideReport) -> Report:
        report = (await self.get_report(actor, OfReport(request.report_id))).report
        taken_by = report.taken_by
        if report.state != "taken" or taken_by is None or taken_by.id != actor.user_id:
            await self._refuse_read(actor, request.report_id)
        await self._carry_out(actor, request)
        async with self._database.transaction() as tx:
            decided = await report_store.decide(
                tx, request.report_id, actor.user_id, request.decision, request.note.strip(), self._clock()
            )
            if not decided:
                await self._refuse(tx, actor, request.report_id)
            await attachment_store.drop_evidence(tx, request.report_id, self._clock())
            await tx.publish(
                ReportDecided(
                    report_id=report.id,
                    decided_by=actor.user_id,
                    subject_id=report.person.id if report.person else UserId(""),
                    decision=request.decision,
                    reason=report.reason,
                )
            )
        answer = ReportAnswered(report.id, request.decision != "dismiss")
        await self._announcer.tell(report.reporter.id, ChatId(report.chat_id), answer)
        return await self.get_report(actor, OfReport(request.report_id))

    async def _refuse_read(self, actor: Actor, report_id: str) -> None:
        async with self._database.transaction() as tx:
            await self._refuse(tx, actor, report_id)

    async def _carry_out(self, actor: Actor, request: DecideReport) -> None:
        report = await self.get_report(actor, OfReport(request.report_id))
        if request.decision not in report.possible:
            raise NotForThisReport
        chat_id, person = ChatId(report.report.chat_id), report.report.person
        match request.decision:
            case "delete_messages":
                await self._erase(chat_id, [one.entry.seq for one in report.evidence if one.reported])
            case "remove_picture" if report.picture:
                # Where it has been changed meanwhile, nobody has seen the new one yet: it stays.
                await self._take_picture(chat_id, actor.user_id, report.picture.media_id)
            case "ban_from_chat" if person:
                await self._ban(chat_id, person.id, actor.user_id)
            case "suspend_chat":
                await self._suspend_chat(chat_id, report.report.reason)
            case "suspend_account" if person:
                await self._sessions.suspend(actor, Suspend(person.id))

    async def restore_chat(self, actor: Actor, request: OfReport) -> Report:
        report = (await self.get_report(actor, request)).report
        if not report.chat_kind or not await self._restore_chat(ChatId(report.chat_id), actor.user_id, report.id):
            raise NotForThisReport
        return await self.get_report(actor, request)


async def _reported_pictures(tx: Transaction, request: FileReport) -> list[StoredAttachment]:
    """That of a chat which is reported itself, locked, so that it stays."""
    if request.chat_id is None or request.seqs or request.user_id:
        return []
    return await attachment_store.at(tx, request.chat_id, [picture_store.PLACE], locked=True)


def _only_author(rows: Sequence[StoredEntry]) -> UserId | None:
    """Whom messages are about: their author, where it is one."""
    authors = {row.sender_id for row in rows}
    return authors.pop() if len(authors) == 1 else None


def _kept(report_id: str, entry: Entry, seqs: Sequence[int]) -> StoredEvidence:
    text = _encode(entry)
    sha256 = hashlib.sha256(text).hexdigest()
    return StoredEvidence(report_id, entry.seq, int(entry.seq in seqs), sha256, text.decode())


def _shown(row: StoredEvidence) -> Evidence:
    intact = hashlib.sha256(row.entry.encode()).hexdigest() == row.sha256
    return Evidence(_entry(row.entry), row.sha256, bool(row.reported), intact)


def _people_in(evidence: Sequence[Evidence]) -> set[UserId]:
    """Who wrote it, and whom it shows."""
    authors = {one.entry.sender_id for one in evidence}
    return authors | {one.entry.card.user_id for one in evidence if isinstance(one.entry.card, Contact)}


def _decision(row: StoredReport) -> Decision | None:
    return msgspec.convert(row.decision, Decision) if row.decision else None


def _possible(
    report: ReportSummary, evidence: Sequence[Evidence], picture: ReportedPicture | None, *, suspended: bool
) -> list[Decision]:
    """What can be decided about it."""
    possible: list[Decision] = ["dismiss"]
    if report.chat_kind and any(one.reported for one in evidence):
        possible.append("delete_messages")
    if report.chat_kind and picture:
        possible.append("remove_picture")
    if report.person and report.chat_kind in ("group", "channel"):
        possible.append("ban_from_chat")
    if report.chat_kind in ("group", "channel") and not suspended:
        possible.append("suspend_chat")
    if report.person:
        possible.append("suspend_account")
    return possible

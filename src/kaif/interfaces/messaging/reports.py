"""What reports promise: what is reported is kept as it was, somebody looks at it, and whoever reported it is told."""

from datetime import datetime
from typing import Annotated, ClassVar, Literal, Protocol

import msgspec
from msgspec import Meta

from kaif.interfaces.auth import NO_NUL, GivenUserId, Nothing, Person
from kaif.interfaces.media import MediaId
from kaif.interfaces.messaging import Cursor, Entry, GivenChatId, Ref, Seq
from kaif.kernel.actor import Actor, UserId
from kaif.kernel.errors import Conflict, Invalid, NotFound
from kaif.kernel.events import Event
from kaif.kernel.ids import PATTERN
from kaif.kernel.limits import Limit
from kaif.kernel.remote import repeatable

# By one person.
REPORT = Limit("report", per_minute=5, burst=10)
OPEN_MAX = 50
EVIDENCE_MAX = 20
OWN_MAX = 50
OPEN_SHOWN_MAX = 1000
# Whoever has taken a report and does nothing about it leaves it to others.
TAKEN_FOR_S = 24 * 60 * 60

Reason = Literal["spam", "fraud", "abuse", "violence", "sexual", "illegal", "impersonation", "other"]
State = Literal["open", "taken", "decided"]
# As far as its reporter is told.
Outcome = Literal["waiting", "acted", "dismissed"]
Decision = Literal["dismiss", "delete_messages", "remove_picture", "ban_from_chat", "suspend_account", "suspend_chat"]
GivenReportId = Annotated[str, Meta(pattern=PATTERN)]
Words = Annotated[str, Meta(max_length=1000, pattern=NO_NUL)]


class FileReport(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Messages of a chat, a person (perhaps in a chat), or a chat; `ref` makes it safe to repeat."""

    ref: Ref
    reason: Reason
    chat_id: GivenChatId | None = None
    seqs: Annotated[list[Seq], Meta(max_length=EVIDENCE_MAX)] = []
    user_id: GivenUserId | None = None
    text: Words = ""


class OwnReport(msgspec.Struct, frozen=True):
    """As its reporter sees it: whether something was done, not what, nor by whom."""

    id: str
    reason: Reason
    at: datetime
    state: Outcome
    person: Person | None
    title: str


class OwnReports(msgspec.Struct, frozen=True):
    """The newest OWN_MAX."""

    reports: list[OwnReport]


class ReportSummary(msgspec.Struct, frozen=True):
    """A line of the queue; `title` is of the chat, empty where there is none or it has gone."""

    id: str
    reason: Reason
    text: str
    at: datetime
    state: State
    reporter: Person
    person: Person | None
    chat_id: str
    chat_kind: str
    title: str
    taken_by: Person | None
    decision: Decision | None


class ListReports(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Those that wait the oldest first, those that are decided the newest first."""

    state: State = "open"
    limit: Annotated[int, Meta(ge=1, le=100)] = 50
    cursor: Cursor = ""


class ReportPage(msgspec.Struct, frozen=True):
    reports: list[ReportSummary]
    next_cursor: str | None


class OpenReports(msgspec.Struct, frozen=True):
    """How many wait for somebody to take them, as far as OPEN_SHOWN_MAX."""

    open: int


class OfReport(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    report_id: GivenReportId


class Evidence(msgspec.Struct, frozen=True):
    """An entry as it was. `reported` are those that were named, others stand around them. `intact` is false where what
    is kept is no longer what was kept at first."""

    entry: Entry
    sha256: str
    reported: bool
    intact: bool


class ReportedPicture(msgspec.Struct, frozen=True):
    """Of a chat that was reported, as it was then; `shown` while the chat still has it."""

    media_id: MediaId
    shown: bool


class Report(msgspec.Struct, frozen=True):
    """`picture` is null once the report is decided: nothing holds the file then. `suspended` while the chat is;
    `purgeable` where all that the person wrote in the chat can be deleted."""

    report: ReportSummary
    evidence: list[Evidence]
    people: list[Person]
    note: str
    decided_at: datetime | None
    possible: list[Decision]
    picture: ReportedPicture | None = None
    suspended: bool = False
    purgeable: bool = False


class DecideReport(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """With `purge`, `delete_messages` and `ban_from_chat` delete all that the person wrote in the chat as well."""

    report_id: GivenReportId
    decision: Decision
    note: Words = ""
    purge: bool = False


class ReportDecided(Event, frozen=True, kw_only=True):
    """For the audit log: who decided what about whom."""

    name: ClassVar[str] = "messaging.report_decided.v1"
    report_id: str
    decided_by: UserId
    subject_id: UserId
    decision: Decision
    reason: Reason

    @property
    def key(self) -> str:
        return self.report_id


class ReportAnswered(msgspec.Struct, frozen=True, tag_field="type", tag="report"):
    """To the reporter's devices: it was looked at."""

    id: str
    acted: bool


class ReportsChanged(msgspec.Struct, frozen=True, tag_field="type", tag="reports"):
    """To the devices of everybody with a role: who handles reports counts anew. It says nothing of any report."""


class NothingReported(Invalid):
    code, detail = "nothing_reported", "Say what is reported: messages of others, a person, or a chat."


class TooManyReports(Conflict):
    code, detail = "too_many_reports", "So many of your reports are waiting that there is no room for another."


class ReportNotFound(NotFound):
    code, detail = "report_not_found", "There is no such report."


class ReportTaken(Conflict):
    code, detail = "report_taken", "Somebody else is looking at this report."


class ReportDecidedAlready(Conflict):
    code, detail = "report_decided", "This report has been decided."


class ReportNotTaken(Conflict):
    code, detail = "report_not_taken", "Take the report before you decide it."


class NotForThisReport(Conflict):
    code, detail = "not_for_this_report", "This can't be decided about what was reported here."


class Reports(Protocol):
    @repeatable
    async def file_report(self, actor: Actor, request: FileReport) -> OwnReport:
        """Report, with what is there now as evidence. Repeating a ref returns the first one.

        Raises ChatNotFound, UnknownMember, NotOneself (in `privacy`), NothingReported, TooManyReports.
        """
        ...

    @repeatable
    async def list_own_reports(self, actor: Actor, request: Nothing) -> OwnReports:
        """What the actor has reported, and what became of it."""
        ...

    @repeatable
    async def list_reports(self, actor: Actor, request: ListReports) -> ReportPage:
        """A page of the queue. Needs HANDLE_REPORTS, as all that follows. Raises MissingPermission."""
        ...

    @repeatable
    async def count_reports(self, actor: Actor, request: Nothing) -> OpenReports: ...

    @repeatable
    async def get_report(self, actor: Actor, request: OfReport) -> Report:
        """One report with its evidence. Raises ReportNotFound."""
        ...

    @repeatable
    async def take_report(self, actor: Actor, request: OfReport) -> Report:
        """Let others know that one looks at it. Raises ReportNotFound, ReportTaken, ReportDecidedAlready."""
        ...

    @repeatable
    async def decide_report(self, actor: Actor, request: DecideReport) -> Report:
        """Do it, write it into the audit log, and answer the reporter.

        Raises ReportNotFound, ReportNotTaken, ReportTaken, ReportDecidedAlready, NotForThisReport, OwnerMustStay; what
        `suspend` (auth's `sessions`) raises.
        """
        ...

    @repeatable
    async def restore_chat(self, actor: Actor, request: OfReport) -> Report:
        """Open the chat of a report again, whichever report it was suspended by.

        Written into the audit log. Raises ReportNotFound, NotForThisReport where it is not suspended.
        """
        ...

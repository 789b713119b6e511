"""Reports: evidence that stays, one who looks at it, and a decision that is carried out once and told."""

import asyncio
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from tests.harness import Services
from tests.services.auth.accounts import actor_of, log_in, register, set_up
from tests.services.messaging.chats import direct, group, log_of, message_of, say
from tests.waiting import eventually

from kaif.interfaces.auth import InvalidCredentials, Nothing
from kaif.interfaces.auth.audit import Audited, ListAudit
from kaif.interfaces.auth.roles import HANDLE_REPORTS, MANAGE_PEOPLE, READ_AUDIT
from kaif.interfaces.auth.sessions import AccountSuspended
from kaif.interfaces.messaging import AddMembers
from kaif.interfaces.messaging.actions import DeleteMessages, EditMessage
from kaif.interfaces.messaging.errors import ChatNotFound, MemberBanned, UnknownMember
from kaif.interfaces.messaging.news import SIGNALS, Signal
from kaif.interfaces.messaging.privacy import NotOneself
from kaif.interfaces.messaging.reports import (
    EVIDENCE_MAX,
    OPEN_MAX,
    TAKEN_FOR_S,
    DecideReport,
    Decision,
    FileReport,
    ListReports,
    NotForThisReport,
    NothingReported,
    OfReport,
    Report,
    ReportDecided,
    ReportDecidedAlready,
    ReportNotFound,
    ReportNotTaken,
    ReportTaken,
    TooManyReports,
)
from kaif.kernel.actor import Actor, UserId
from kaif.kernel.clock import now_us
from kaif.kernel.errors import KaifError, MissingPermission
from kaif.kernel.ids import new_id
from kaif.services.auth.audit.decisions import AuditedDecisions
from kaif.services.auth.audit.log import AuditLog


async def operator(services: Services, name: str = "moderator") -> Actor:
    person = await services.newcomer(name)
    return msgspec.structs.replace(person, permissions=frozenset({HANDLE_REPORTS}))


async def file(services: Services, actor: Actor, **fields: Any) -> str:
    fields = {"ref": new_id(), "reason": "spam", **fields}
    return (await services.reports.file_report(actor, FileReport(**fields))).id


async def decide(services: Services, by: Actor, report_id: str, decision: Decision) -> Report:
    await services.reports.take_report(by, OfReport(report_id))
    return await services.reports.decide_report(by, DecideReport(report_id, decision, "ясно"))


async def audited(services: Services) -> list[Audited]:
    reader = Actor(UserId("reader"), permissions=frozenset({READ_AUDIT}))
    return (await services.audit.list_audit(reader, ListAudit(action="report_decided"))).entries


async def test_evidence_stays_as_it_was_whatever_its_author_does(services: Services) -> None:
    anna, boris = await services.newcomers("anna", "boris")
    moderator = await operator(services)
    chat_id = await direct(services, boris, anna)
    first, second = await say(services, boris, chat_id, "Угроза"), await say(services, boris, chat_id, "Ещё одна")

    report_id = await file(services, anna, chat_id=chat_id, seqs=[first.seq, second.seq], reason="abuse", text=" Вот ")
    await services.actions.edit_message(boris, EditMessage(chat_id, first.seq, "Шутка"))
    await services.actions.delete_messages(boris, DeleteMessages(chat_id, [second.seq], for_everyone=True))

    seen = await services.reports.get_report(moderator, OfReport(report_id))
    assert [(one.entry.text, one.reported, one.intact) for one in seen.evidence] == [
        ("Угроза", True, True),
        ("Ещё одна", True, True),
    ]
    assert seen.report.person and seen.report.person.id == boris.user_id
    assert (seen.report.reason, seen.report.text, seen.report.reporter.id) == ("abuse", "Вот", anna.user_id)


async def test_evidence_that_was_tampered_with_says_so(services: Services) -> None:
    anna, boris = await services.newcomers("anna", "boris")
    chat_id = await direct(services, boris, anna)
    entry = await say(services, boris, chat_id, "Угроза")
    report_id = await file(services, anna, chat_id=chat_id, seqs=[entry.seq])

    async with services.database.transaction() as tx:
        await tx.execute("UPDATE messaging_evidence SET entry = REPLACE(entry, 'Угроза', 'Привет')")

    (evidence,) = (await services.reports.get_report(await operator(services), OfReport(report_id))).evidence
    assert (evidence.entry.text, evidence.intact) == ("Привет", False)


async def test_a_person_is_reported_with_what_they_last_said_there_and_a_chat_with_what_was_said(
    services: Services,
) -> None:
    anna, boris, clara = await services.newcomers("anna", "boris", "clara")
    moderator = await operator(services)
    chat_id = await group(services, anna, boris, clara)
    for number in range(EVIDENCE_MAX + 3):
        await say(services, boris, chat_id, f"Реклама {number}")
        await say(services, clara, chat_id, f"Хватит {number}")

    person, chat = (
        await file(services, anna, chat_id=chat_id, user_id=boris.user_id),
        await file(services, anna, chat_id=chat_id),
    )

    about_person = await services.reports.get_report(moderator, OfReport(person))
    assert {one.entry.sender_id for one in about_person.evidence} == {boris.user_id}
    assert (len(about_person.evidence), about_person.evidence[-1].entry.text) == (EVIDENCE_MAX, "Реклама 22")
    about_chat = await services.reports.get_report(moderator, OfReport(chat))
    assert (len(about_chat.evidence), about_chat.report.person) == (EVIDENCE_MAX, None)


async def test_nobody_reports_what_they_cannot_see_nor_themselves_nor_nothing(services: Services) -> None:
    anna, boris, stranger = await services.newcomers("anna", "boris", "stranger")
    chat_id = await direct(services, boris, anna)
    entry = await say(services, anna, chat_id)

    wrong: list[tuple[dict[str, Any], type[KaifError]]] = [
        ({"chat_id": chat_id, "seqs": [entry.seq]}, NothingReported),
        ({"chat_id": chat_id, "seqs": [1]}, NothingReported),
        ({"chat_id": chat_id, "seqs": [77]}, NothingReported),
        ({"seqs": [entry.seq]}, NothingReported),
        ({}, NothingReported),
        ({"user_id": anna.user_id}, NotOneself),
        ({"user_id": UserId(new_id())}, UnknownMember),
    ]
    for fields, error in wrong:
        with pytest.raises(error):
            await file(services, anna, **fields)
    with pytest.raises(ChatNotFound):
        await file(services, stranger, chat_id=chat_id, seqs=[entry.seq])
    assert (await services.reports.list_own_reports(anna, Nothing())).reports == []


async def test_reporting_again_by_the_same_ref_ten_times_at_once_is_one_report(services: Services) -> None:
    anna, boris = await services.newcomers("anna", "boris")

    ids = await asyncio.gather(*[file(services, anna, ref="once", user_id=boris.user_id) for _ in range(10)])

    assert len(set(ids)) == 1
    page = await services.reports.list_reports(await operator(services), ListReports())
    assert [report.id for report in page.reports] == [ids[0]]


async def test_one_person_fills_no_queue(services: Services) -> None:
    anna, boris = await services.newcomers("anna", "boris")
    for _ in range(OPEN_MAX - 2):
        await file(services, anna, user_id=boris.user_id)

    answers = await asyncio.gather(
        *[file(services, anna, user_id=boris.user_id) for _ in range(6)], return_exceptions=True
    )

    assert sum(isinstance(answer, TooManyReports) for answer in answers) == 4


async def test_of_ten_who_take_a_report_at_once_one_has_it(services: Services) -> None:
    anna, boris = await services.newcomers("anna", "boris")
    operators = [await operator(services, f"operator{number}") for number in range(10)]
    report_id = await file(services, anna, user_id=boris.user_id)

    answers = await asyncio.gather(
        *[services.reports.take_report(one, OfReport(report_id)) for one in operators], return_exceptions=True
    )

    (taken,) = [answer for answer in answers if isinstance(answer, Report)]
    assert sum(isinstance(answer, ReportTaken) for answer in answers) == 9
    owner = next(one for one in operators if taken.report.taken_by and one.user_id == taken.report.taken_by.id)
    other = next(one for one in operators if one is not owner)
    with pytest.raises(ReportTaken):
        await services.reports.decide_report(other, DecideReport(report_id, "dismiss"))
    async with services.database.transaction() as tx:
        await tx.execute("UPDATE messaging_reports SET taken_at_us = taken_at_us - :us", us=(TAKEN_FOR_S + 1) * 10**6)
    assert (await services.reports.take_report(other, OfReport(report_id))).report.state == "taken"


async def test_a_decision_needs_the_report_in_hand_and_comes_once(services: Services) -> None:
    anna, boris = await services.newcomers("anna", "boris")
    moderator = await operator(services)
    report_id = await file(services, anna, user_id=boris.user_id)

    async def refused(error: type[KaifError], report_id: str = report_id, decision: Decision = "dismiss") -> None:
        with pytest.raises(error):
            await services.reports.decide_report(moderator, DecideReport(report_id, decision))

    await refused(ReportNotTaken)
    await refused(ReportNotFound, "nowhere")
    await services.reports.take_report(moderator, OfReport(report_id))
    await refused(NotForThisReport, decision="delete_messages")
    await refused(NotForThisReport, decision="ban_from_chat")
    answers = await asyncio.gather(
        *[services.reports.decide_report(moderator, DecideReport(report_id, "dismiss")) for _ in range(5)],
        return_exceptions=True,
    )
    assert sum(isinstance(answer, Report) for answer in answers) == 1
    await refused(ReportDecidedAlready)
    with pytest.raises(ReportDecidedAlready):
        await services.reports.take_report(moderator, OfReport(report_id))


async def test_messages_are_deleted_for_everyone_and_nobody_is_named_for_it(services: Services) -> None:
    anna, boris = await services.newcomers("anna", "boris")
    moderator = await operator(services)
    chat_id = await direct(services, boris, anna)
    bad, good = await say(services, boris, chat_id, "Угроза"), await say(services, boris, chat_id, "Привет")
    report_id = await file(services, anna, chat_id=chat_id, seqs=[bad.seq])

    decided = await decide(services, moderator, report_id, "delete_messages")

    assert (decided.report.decision, decided.note) == ("delete_messages", "ясно")
    assert (await message_of(services, boris, bad)).deleted
    assert not (await message_of(services, boris, good)).deleted
    assert {entry.sender_id for entry in await log_of(services, anna, chat_id)} == {boris.user_id, chat_id}
    assert decided.evidence[0].entry.text == "Угроза"


async def test_who_is_banned_from_the_chat_does_not_come_back(services: Services) -> None:
    anna, boris = await services.newcomers("anna", "boris")
    moderator = await operator(services)
    chat_id = await group(services, anna, boris)
    bad = await say(services, boris, chat_id, "Реклама")
    report_id = await file(services, anna, chat_id=chat_id, seqs=[bad.seq])

    await decide(services, moderator, report_id, "ban_from_chat")

    with pytest.raises(ChatNotFound):
        await say(services, boris, chat_id)
    with pytest.raises(MemberBanned):
        await services.messaging.add_members(anna, AddMembers(chat_id, [boris.user_id]))


async def test_an_account_is_suspended_by_who_may_do_that_too(services: Services) -> None:
    owner, boris = await set_up(services.auth), await register(services.auth, "boris")
    anna, moderator = await services.newcomer("anna"), await operator(services)
    report_id = await file(services, anna, user_id=boris.user.id)
    await services.reports.take_report(moderator, OfReport(report_id))

    with pytest.raises(MissingPermission) as refusal:
        await services.reports.decide_report(moderator, DecideReport(report_id, "suspend_account"))
    assert refusal.value.details == {"permission": MANAGE_PEOPLE}
    assert (await services.reports.get_report(moderator, OfReport(report_id))).report.state == "taken"
    await services.reports.decide_report(moderator, DecideReport(report_id, "dismiss"))

    await decide(services, actor_of(owner), await file(services, anna, user_id=boris.user.id), "suspend_account")
    with pytest.raises((AccountSuspended, InvalidCredentials)):
        await log_in(services.auth, "boris")


async def test_each_decision_stands_in_the_audit_log_once(services: Services) -> None:
    anna, boris = await services.newcomers("anna", "boris")
    moderator = await operator(services)
    report_id = await file(services, anna, user_id=boris.user_id, reason="fraud")

    await decide(services, moderator, report_id, "dismiss")

    async def told() -> bool:
        return bool(await audited(services))

    await eventually(told)
    (entry,) = await audited(services)
    assert (entry.actor_id, entry.subject_id) == (moderator.user_id, boris.user_id)
    assert entry.details == {"report": report_id, "decision": "dismiss", "reason": "fraud"}


async def test_news_of_a_decision_that_comes_again_is_written_once(services: Services) -> None:
    audit = AuditedDecisions(services.database, AuditLog("a key of the audit log", now_us))
    event = ReportDecided(
        report_id=new_id(),
        decided_by=UserId("moderator"),
        subject_id=UserId("boris"),
        decision="dismiss",
        reason="spam",
    )

    for _ in range(2):
        await audit.record_report(event)

    assert len(await audited(services)) == 1


async def test_the_reporter_is_told_whether_something_was_done_and_not_what(services: Services) -> None:
    anna, boris = await services.newcomers("anna", "boris")
    moderator = await operator(services)
    chat_id = await group(services, anna, boris, title="Рыбаки")
    bad = await say(services, boris, chat_id)
    acted, dismissed = (
        await file(services, anna, chat_id=chat_id, seqs=[bad.seq]),
        await file(services, anna, user_id=boris.user_id),
    )
    heard: list[dict[str, Any]] = []

    def hear(payload: bytes) -> None:
        signal = msgspec.msgpack.decode(payload, type=Signal)
        event = msgspec.json.decode(signal.event)
        if event["type"] == "report":
            heard.append({"to": signal.user_id, **event})

    await services.cache.subscribe(SIGNALS, hear)
    await decide(services, moderator, acted, "delete_messages")
    await decide(services, moderator, dismissed, "dismiss")

    own = {report.id: report for report in (await services.reports.list_own_reports(anna, Nothing())).reports}
    assert (own[acted].state, own[dismissed].state, own[acted].title) == ("acted", "dismissed", "Рыбаки")
    assert own[acted].at < datetime.now(UTC)
    assert [(event["to"], event["id"], event["acted"]) for event in heard] == [
        (anna.user_id, acted, True),
        (anna.user_id, dismissed, False),
    ]


async def test_the_queue_is_for_those_who_handle_it_page_by_page(services: Services) -> None:
    anna, boris = await services.newcomers("anna", "boris")
    moderator = await operator(services)
    ids = [await file(services, anna, user_id=boris.user_id) for _ in range(5)]

    first = await services.reports.list_reports(moderator, ListReports(limit=3))
    rest = await services.reports.list_reports(moderator, ListReports(limit=3, cursor=first.next_cursor or ""))
    assert [report.id for report in first.reports + rest.reports] == ids
    assert rest.next_cursor is None

    for use_case, request in [
        (services.reports.list_reports, ListReports()),
        (services.reports.get_report, OfReport(ids[0])),
        (services.reports.take_report, OfReport(ids[0])),
        (services.reports.decide_report, DecideReport(ids[0], "dismiss")),
    ]:
        with pytest.raises(MissingPermission):
            await use_case(anna, request)  # type: ignore[operator]

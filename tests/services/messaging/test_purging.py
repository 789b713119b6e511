"""All that somebody wrote in a group is deleted for everybody, in portions, and nothing else is."""

from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

import msgspec
import pytest
from tests.harness import Services
from tests.services.messaging.attached import FilesHome
from tests.services.messaging.chats import channel, direct, group, log_of, message_of, say
from tests.services.messaging.searches import finds, searching
from tests.services.messaging.test_reports import file, operator
from tests.waiting import eventually

from kaif.engines.database import Transaction
from kaif.interfaces.auth.audit import Audited, ListAudit
from kaif.interfaces.auth.roles import READ_AUDIT
from kaif.interfaces.messaging import ChatId, Entry
from kaif.interfaces.messaging.actions import OfMessage
from kaif.interfaces.messaging.administration import Appoint, BeyondYourRights, OfMember
from kaif.interfaces.messaging.errors import NotAGroup, RightMissing, UnknownMember
from kaif.interfaces.messaging.news import SIGNALS, Signal
from kaif.interfaces.messaging.reports import DecideReport, NotForThisReport, OfReport, Report
from kaif.kernel.actor import Actor, UserId
from kaif.kernel.clock import now_us
from kaif.kernel.ids import new_id
from kaif.services.messaging.chats import purge_store
from kaif.services.messaging.chats.purge_store import StoredPurge
from kaif.services.messaging.chats.purging import DELETED_AT_ONCE, PurgingService
from kaif.services.messaging.events import PurgeAsked
from kaif.services.messaging.messages.actions import MessageActionsService
from kaif.services.messaging.sending.announcing import Announcer


async def purge(services: Services, actor: Actor, chat_id: ChatId, person: Actor) -> None:
    await services.purging.purge_person(actor, OfMember(chat_id, person.user_id))


async def texts_in(services: Services, actor: Actor, chat_id: ChatId) -> list[str]:
    return [entry.text for entry in await log_of(services, actor, chat_id) if entry.text]


async def audited(services: Services) -> list[Audited]:
    reader = Actor(UserId("reader"), permissions=frozenset({READ_AUDIT}))
    return (await services.audit.list_audit(reader, ListAudit(action="person_purged"))).entries


async def deleted_in(services: Services, actor: Actor, chat_id: ChatId) -> list[Entry]:
    return [entry for entry in await log_of(services, actor, chat_id) if entry.kind == "deleted"]


async def purged(services: Services) -> Audited:
    """The one that has come to its end."""

    async def ended() -> bool:
        return bool(await audited(services))

    await eventually(ended, 20)
    (entry,) = await audited(services)
    return entry


async def test_all_that_somebody_wrote_goes_and_the_log_has_no_gap(services: Services) -> None:
    anna, boris, clara = await services.newcomers("anna", "boris", "clara")
    chat_id, elsewhere = await group(services, anna, boris, clara), await group(services, boris, clara)
    written: list[Entry] = []
    for number in range(DELETED_AT_ONCE + 5):
        written.append(await say(services, boris, chat_id, f"Реклама {number}"))
        if number % 50 == 0:
            await say(services, clara, chat_id, f"Разговор {number}")
    await say(services, boris, elsewhere, "Там, где можно")
    await services.actions.pin_message(anna, OfMessage(chat_id, written[0].seq))
    told: list[bytes] = []
    await services.cache.subscribe(SIGNALS, lambda payload: told.append(payload))

    await purge(services, anna, chat_id, boris)

    entry = await purged(services)
    assert (entry.actor_id, entry.subject_id) == (anna.user_id, boris.user_id)
    assert entry.details == {"chat": chat_id, "messages": len(written)}
    assert await texts_in(services, clara, chat_id) == ["Разговор 0", "Разговор 50", "Разговор 100"]
    log = await log_of(services, clara, chat_id)
    assert [each.seq for each in log] == list(range(1, len(log) + 1))
    deleted = await deleted_in(services, clara, chat_id)
    assert [each.target for each in deleted] == [each.seq for each in written]
    # It is the chat's own deed, as what moderators delete is.
    assert {str(each.sender_id) for each in deleted} == {str(chat_id)}
    assert (await message_of(services, clara, written[0])).pinned is False
    assert "Там, где можно" in await texts_in(services, clara, elsewhere)
    signals = [msgspec.msgpack.decode(payload, type=Signal) for payload in told]
    mine = [msgspec.json.decode(one.event) for one in signals if one.user_id == anna.user_id]
    wanted = {"type": "purged", "chat_id": chat_id, "user_id": boris.user_id, "messages": len(written)}
    assert [event for event in mine if event["type"] == "purged"] == [wanted]


async def test_what_is_written_after_it_stays_and_it_may_be_asked_for_again(services: Services) -> None:
    anna, boris = await services.newcomers("anna", "boris")
    chat_id = await group(services, anna, boris)
    await say(services, boris, chat_id, "Раньше")
    await purge(services, anna, chat_id, boris)
    await purged(services)
    await say(services, boris, chat_id, "Потом")
    assert "Потом" in await texts_in(services, anna, chat_id)
    await services.administration.ban_person(anna, OfMember(chat_id, boris.user_id))

    # Whoever is no longer there is somebody all the same.
    await purge(services, anna, chat_id, boris)

    async def gone() -> bool:
        return "Потом" not in await texts_in(services, anna, chat_id)

    await eventually(gone)


async def test_what_is_written_while_it_goes_on_stays(services: Services) -> None:
    anna, boris = await services.newcomers("anna", "boris")
    chat_id = await group(services, anna, boris)
    said = await say(services, boris, chat_id, "Раньше")
    async with services.database.transaction() as tx:
        await purge_store.begin(tx, StoredPurge(chat_id, boris.user_id, new_id(), anna.user_id, "", said.seq))
    await say(services, boris, chat_id, "Тем временем")

    async with services.database.transaction() as tx:
        await tx.publish(PurgeAsked(chat_id=chat_id, user_id=boris.user_id))

    assert (await purged(services)).details["messages"] == 1
    assert await texts_in(services, anna, chat_id) == ["Тем временем"]


async def test_a_process_that_dies_in_between_goes_on_where_it_was_and_counts_right(services: Services) -> None:
    anna, boris = await services.newcomers("anna", "boris")
    chat_id = await group(services, anna, boris)
    count = 2 * DELETED_AT_ONCE + 7
    for number in range(count):
        await say(services, boris, chat_id, f"Реклама {number}")
    actions = services.actions
    assert isinstance(actions, MessageActionsService)
    steps: list[int] = []

    class Dead(Exception): ...

    async def erase(chat_id: ChatId, seqs: Sequence[int], note: Callable[[Transaction, int], Awaitable[None]]) -> None:
        """Once the process dies before the commit, once after it."""
        steps.append(len(seqs))

        async def dying(tx: Transaction, deleted: int) -> None:
            await note(tx, deleted)
            if len(steps) == 1:
                raise Dead

        await actions.erase(chat_id, seqs, dying)
        if len(steps) == 2:
            raise Dead

    announcer = Announcer(services.cache)
    dying = PurgingService(services.database, services.auth, announcer, erase, now_us)
    # Noted without any news of it, so that nobody but the test goes on with it.
    async with services.database.transaction() as tx:
        await purge_store.begin(tx, StoredPurge(chat_id, boris.user_id, new_id(), anna.user_id, "", count + 1))
    event = PurgeAsked(chat_id=chat_id, user_id=boris.user_id)
    with pytest.raises(Dead):
        await dying.delete_messages(event)
    assert len(await deleted_in(services, anna, chat_id)) == 0
    # Another process goes on with what this one has committed, and asked for by that.
    with pytest.raises(Dead):
        await dying.delete_messages(event)

    entry = await purged(services)
    # The news may come once more.
    await dying.delete_messages(event)
    assert entry.details["messages"] == count
    assert steps == [DELETED_AT_ONCE, DELETED_AT_ONCE]
    assert not [text for text in await texts_in(services, anna, chat_id) if "Реклама" in text]


async def test_what_is_done_at_once_is_bounded_however_much_there_is(services: Services) -> None:
    """The bus gives up what takes long and parks it in the end, and whoever comes next waits behind it."""
    anna, boris = await services.newcomers("anna", "boris")
    chat_id = await group(services, anna, boris)
    count = 2 * DELETED_AT_ONCE + 7
    for number in range(count):
        await say(services, boris, chat_id, f"Реклама {number}")
    actions = services.actions
    assert isinstance(actions, MessageActionsService)
    steps: list[int] = []

    async def erase(chat_id: ChatId, seqs: Sequence[int], note: Callable[[Transaction, int], Awaitable[None]]) -> None:
        steps.append(len(seqs))
        await actions.erase(chat_id, seqs, note)

    step = PurgingService(services.database, services.auth, Announcer(services.cache), erase, now_us)
    async with services.database.transaction() as tx:
        await purge_store.begin(tx, StoredPurge(chat_id, boris.user_id, new_id(), anna.user_id, "", count + 1))

    await step.delete_messages(PurgeAsked(chat_id=chat_id, user_id=boris.user_id))

    assert steps == [DELETED_AT_ONCE]
    # By the news that each step leaves behind.
    assert (await purged(services)).details["messages"] == count


async def test_of_two_who_ask_at_the_same_time_each_is_told_and_stands_in_the_audit_log(services: Services) -> None:
    anna, boris, clara = await services.newcomers("anna", "boris", "clara")
    chat_id = await group(services, anna, boris, clara)
    await services.administration.appoint_admin(anna, Appoint(chat_id, clara.user_id, ["delete"]))
    said = await say(services, boris, chat_id, "Реклама")
    event = PurgeAsked(chat_id=chat_id, user_id=boris.user_id)
    # Clara's is under way, and led to by a report.
    async with services.database.transaction() as tx:
        begun = StoredPurge(chat_id, boris.user_id, new_id(), clara.user_id, "report", said.seq)
        await purge_store.begin(tx, begun)

    await purge(services, anna, chat_id, boris)
    async with services.database.transaction() as tx:
        await tx.publish(event)

    async def both_ended() -> bool:
        return len(await audited(services)) == 2

    await eventually(both_ended)
    found = {entry.actor_id: entry.details for entry in await audited(services)}
    assert {asked_by: details.get("report") for asked_by, details in found.items()} == {
        clara.user_id: "report",
        anna.user_id: None,
    }
    assert sum(int(details["messages"]) for details in found.values()) == 1


async def test_nobody_unknown_is_looked_for_in_the_log(services: Services) -> None:
    anna, boris, clara = await services.newcomers("anna", "boris", "clara")
    chat_id = await group(services, anna, boris)

    with pytest.raises(UnknownMember):
        await purge(services, anna, chat_id, Actor(UserId("nobody" * 1000)))
    # Whoever was never there may have been, for all that the chat knows.
    await purge(services, anna, chat_id, clara)

    assert (await purged(services)).details["messages"] == 0


async def test_it_takes_the_right_to_delete_and_is_done_to_nobody_above(services: Services) -> None:
    anna, boris, clara, vera = await services.newcomers("anna", "boris", "clara", "vera")
    chat_id, alone = await group(services, anna, boris, clara, vera), await direct(services, anna, boris)
    await services.administration.appoint_admin(anna, Appoint(chat_id, boris.user_id, ["delete"]))
    await services.administration.appoint_admin(anna, Appoint(chat_id, vera.user_id, ["ban"]))

    refused: list[tuple[type[Exception], Actor, ChatId, Actor]] = [
        (RightMissing, clara, chat_id, boris),
        (RightMissing, vera, chat_id, clara),
        (BeyondYourRights, boris, chat_id, anna),
        (BeyondYourRights, boris, chat_id, vera),
        (BeyondYourRights, boris, chat_id, boris),
        (NotAGroup, anna, alone, boris),
    ]
    for error, actor, where, person in refused:
        with pytest.raises(error):
            await purge(services, actor, where, person)
    await purge(services, boris, chat_id, clara)
    assert (await purged(services)).details["messages"] == 0


async def test_what_an_admin_posted_in_a_channel_goes_too(services: Services) -> None:
    anna, boris, clara = await services.newcomers("anna", "boris", "clara")
    chat_id = await channel(services, anna, boris, clara)
    await services.administration.appoint_admin(anna, Appoint(chat_id, boris.user_id, ["send"]))
    await say(services, boris, chat_id, "Чужое")
    await say(services, anna, chat_id, "Своё")

    await purge(services, anna, chat_id, boris)

    await purged(services)
    texts = await texts_in(services, clara, chat_id)
    assert "Своё" in texts and "Чужое" not in texts


async def test_search_finds_nothing_of_it(embedded: Services, tmp_path: Path) -> None:
    anna, boris = await embedded.newcomers("anna", "boris")
    chat_id = await group(embedded, anna, boris)
    async with searching(tmp_path, embedded) as search:
        await say(embedded, boris, chat_id, "Выгодное предложение")
        await finds(search, anna, "предложение", "Выгодное предложение")

        await purge(embedded, anna, chat_id, boris)

        await finds(search, anna, "предложение")


async def test_its_files_are_let_go(files_home: FilesHome) -> None:
    home, services = files_home, files_home.services
    anna, boris = await services.newcomers("anna", "boris")
    chat_id = await group(services, anna, boris)
    mine = await home.put(anna)
    await home.attach(anna, chat_id, mine)
    await home.attach(boris, chat_id, await home.put(boris))

    await purge(services, anna, chat_id, boris)

    await purged(services)

    async def gone() -> bool:
        await home.do_due()
        return await home.held() == [mine.id]

    await eventually(gone)


async def test_who_decides_about_a_report_may_delete_all_of_it(services: Services) -> None:
    anna, boris, clara = await services.newcomers("anna", "boris", "clara")
    moderator = await operator(services)
    chat_id, alone = await group(services, anna, boris, clara), await direct(services, boris, anna)
    reported, other = await say(services, boris, chat_id, "Раз"), await say(services, boris, chat_id, "Два")
    private = await say(services, boris, alone, "Лично")

    async def decide(report_id: str, decision: str) -> Report:
        await services.reports.take_report(moderator, OfReport(report_id))
        wanted = msgspec.convert({"report_id": report_id, "decision": decision, "purge": True}, DecideReport)
        return await services.reports.decide_report(moderator, wanted)

    of_direct = await file(services, anna, chat_id=alone, seqs=[private.seq])
    assert not (await services.reports.get_report(moderator, OfReport(of_direct))).purgeable
    with pytest.raises(NotForThisReport):
        await decide(of_direct, "delete_messages")
    with pytest.raises(NotForThisReport):
        await decide(await file(services, clara, chat_id=chat_id, seqs=[reported.seq]), "dismiss")
    report_id = await file(services, anna, chat_id=chat_id, seqs=[reported.seq])
    assert (await services.reports.get_report(moderator, OfReport(report_id))).purgeable

    await decide(report_id, "ban_from_chat")

    entry = await purged(services)
    assert (entry.actor_id, entry.subject_id) == (moderator.user_id, boris.user_id)
    assert entry.details == {"chat": chat_id, "messages": 2, "report": report_id}
    assert (await message_of(services, clara, other)).deleted
    assert (await message_of(services, anna, private)).text == "Лично"

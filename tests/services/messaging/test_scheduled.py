"""Messages that wait: sent once when their time comes, whoever is here by then, or kept with the reason."""

import asyncio
from pathlib import Path
from typing import Any

import msgspec
import pytest
from tests.services.messaging.chats import chat_of, direct, group, say
from tests.services.messaging.dues import HOUR, Home, at_home
from tests.waiting import eventually

from kaif.interfaces.auth import Nothing, Person
from kaif.interfaces.messaging import ChatId, Entry, RemoveMember
from kaif.interfaces.messaging.actions import DeleteMessages, EditMessage
from kaif.interfaces.messaging.administration import ChangeChat, Restrict
from kaif.interfaces.messaging.errors import BadQuote, ChatNotFound, MayNotSend
from kaif.interfaces.messaging.news import SIGNALS, Signal
from kaif.interfaces.messaging.privacy import OfPerson
from kaif.interfaces.messaging.scheduled import (
    AHEAD_DAYS_MAX,
    SCHEDULED_MAX,
    AlreadySent,
    BadSendTime,
    ChangeScheduled,
    OfScheduled,
    ScheduledNotFound,
    TooManyScheduled,
)
from kaif.interfaces.personal_data import PersonErased
from kaif.kernel.actor import Actor
from kaif.kernel.clock import DAY_US, SECOND_US, now_us
from kaif.kernel.errors import KaifError
from kaif.services.auth import store as auth_store
from kaif.services.messaging.reactions import Reactions


async def failures(home: Home) -> list[dict[str, Any]]:
    """The events by which an author's devices hear from now on that something could not be sent."""
    heard: list[dict[str, Any]] = []

    def hear(payload: bytes) -> None:
        signal = msgspec.msgpack.decode(payload, type=Signal)
        event = msgspec.json.decode(signal.event)
        if event["type"] == "scheduled" and event["failed"]:
            heard.append({"user_id": signal.user_id, **event})

    await home.services.cache.subscribe(SIGNALS, hear)
    return heard


async def test_it_is_sent_when_its_time_comes_as_its_author_wrote_it(home: Home) -> None:
    anna, boris = await home.services.newcomers("anna", "boris")
    chat_id = await direct(home.services, anna, boris)
    first = await say(home.services, boris, chat_id, "Когда?")
    scheduled = await home.schedule(anna, chat_id, "**Завтра**", ref="s-1", reply_to=first.seq, silent=True)
    assert await home.waiting(anna) == await home.waiting(anna, chat_id) == [scheduled]
    assert await home.waiting(boris) == []

    await home.come(HOUR - 1)
    assert len(await home.said(boris, chat_id)) == 1, "not a moment before"
    await home.come(1)

    sent = (await home.said(boris, chat_id))[-1]
    assert (sent.sender_id, sent.ref, sent.text, sent.reply_to, sent.silent) == (
        anna.user_id, "s-1", "Завтра", first.seq, True,
    )  # fmt: skip
    assert [entity.kind for entity in sent.entities] == ["bold"]
    assert sent.at == home.at(0), "as of when it was sent"
    assert await home.waiting(anna) == []


async def test_it_goes_with_its_quote_where_that_still_stands_and_as_its_link_was_wanted(small_home: Home) -> None:
    home = small_home
    anna, boris = await home.services.newcomers("anna", "boris")
    chat_id = await direct(home.services, anna, boris)
    kept, edited, deleted = [await say(home.services, boris, chat_id, "в ||восемь|| у причала") for _ in range(3)]
    more: dict[str, Any] = {"quote": "восемь у", "without_preview": True}
    with pytest.raises(BadQuote):
        await home.schedule(anna, chat_id, reply_to=kept.seq, quote="в девять")
    for answered in (kept, edited, deleted):
        waiting = await home.schedule(anna, chat_id, "https://ozero.example", reply_to=answered.seq, **more)
    assert (waiting.quote, waiting.without_preview) == ("восемь у", True)
    await home.services.actions.edit_message(boris, EditMessage(chat_id, edited.seq, "в девять"))
    await home.services.actions.delete_messages(boris, DeleteMessages(chat_id, [deleted.seq], True))

    await home.come(HOUR)

    sent = (await home.said(boris, chat_id))[-3:]
    assert [(one.reply_to, one.quote) for one in sent] == [(kept.seq, "▒▒▒▒▒▒ у"), (edited.seq, ""), (deleted.seq, "")]
    assert all(one.without_preview for one in sent)
    assert await home.waiting(anna) == []


async def test_who_looked_before_it_was_put_off_does_not_send_it(small_home: Home) -> None:
    home = small_home
    anna, boris = await home.services.newcomers("anna", "boris")
    chat_id = await direct(home.services, anna, boris)
    scheduled = await home.schedule(anna, chat_id)
    send_due = home.deeds()["message"]
    home.moment[0] += HOUR - 1
    await home.services.scheduled.change_scheduled(anna, ChangeScheduled(scheduled.id, send_at=home.at(HOUR)))
    home.moment[0] += 1

    await send_due(scheduled.id)

    assert await home.said(boris, chat_id) == []


async def test_a_clock_set_back_delays_it_and_one_set_forward_sends_it(small_home: Home) -> None:
    home = small_home
    anna, boris = await home.services.newcomers("anna", "boris")
    chat_id = await direct(home.services, anna, boris)
    await home.schedule(anna, chat_id)

    await home.come(-DAY_US)
    assert await home.said(boris, chat_id) == []
    await home.come(40 * DAY_US)

    assert len(await home.said(boris, chat_id)) == 1


async def test_ten_workers_at_once_send_each_of_thirty_once(home: Home) -> None:
    anna, boris = await home.services.newcomers("anna", "boris")
    chat_id = await direct(home.services, anna, boris)
    refs = sorted([(await home.schedule(anna, chat_id, later_us=number + 1)).ref for number in range(30)])
    home.moment[0] += HOUR

    await asyncio.gather(*(home.do_due() for _ in range(10)))

    assert sorted(entry.ref for entry in await home.said(boris, chat_id)) == refs
    assert await home.waiting(anna) == []


async def test_two_processes_send_each_of_many_once(migrated_postgres_url: str, tmp_path: Path) -> None:
    async with (
        at_home(tmp_path / "1", migrated_postgres_url) as one,
        at_home(tmp_path / "2", migrated_postgres_url) as two,
    ):
        anna, boris, vera = await one.services.newcomers("anna", "boris", "vera")
        chats = [await direct(one.services, anna, other) for other in (boris, vera)]
        for chat_id in chats * 10:
            await one.schedule(anna, chat_id)
        one.moment[0] += 2 * HOUR
        two.moment[0] += 2 * HOUR

        await asyncio.gather(one.do_due(), two.do_due(), one.do_due(), two.do_due())

        assert [len(await two.said(anna, chat_id)) for chat_id in chats] == [10, 10]
        assert await two.waiting(anna) == []


async def test_sending_it_now_ten_times_at_once_sends_it_once(home: Home) -> None:
    anna, boris = await home.services.newcomers("anna", "boris")
    chat_id = await direct(home.services, anna, boris)
    scheduled = await home.schedule(anna, chat_id)

    def send() -> Any:
        return home.services.scheduled.send_scheduled(anna, OfScheduled(scheduled.id))

    outcomes = await asyncio.gather(*(send() for _ in range(10)), return_exceptions=True)

    sent = [outcome for outcome in outcomes if isinstance(outcome, Entry)]
    refused = [outcome for outcome in outcomes if isinstance(outcome, ScheduledNotFound)]
    assert (len(sent), len(refused)) == (1, 9)
    assert await home.said(boris, chat_id) == sent


async def test_what_is_edited_goes_as_it_was_edited_and_what_is_deleted_does_not_go(home: Home) -> None:
    anna, boris = await home.services.newcomers("anna", "boris")
    chat_id = await direct(home.services, anna, boris)
    kept, dropped = await home.schedule(anna, chat_id), await home.schedule(anna, chat_id)

    changed = await home.services.scheduled.change_scheduled(
        anna, ChangeScheduled(kept.id, "Иначе", home.at(2 * HOUR), silent=True)
    )
    await home.services.scheduled.delete_scheduled(anna, OfScheduled(dropped.id))
    await home.come(HOUR)
    assert await home.said(boris, chat_id) == [], "it waits for its new time"
    await home.come(HOUR)

    (sent,) = await home.said(boris, chat_id)
    assert (sent.text, sent.silent, sent.ref) == ("Иначе", True, kept.ref)
    assert (changed.text, changed.ref) == ("Иначе", kept.ref)


async def test_it_is_nobody_elses_to_see_or_touch(small_home: Home) -> None:
    home = small_home
    anna, boris = await home.services.newcomers("anna", "boris")
    chat_id = await direct(home.services, anna, boris)
    scheduled = await home.schedule(anna, chat_id)
    service = home.services.scheduled

    with pytest.raises(ScheduledNotFound):
        await service.change_scheduled(boris, ChangeScheduled(scheduled.id, "Я — Анна"))
    with pytest.raises(ScheduledNotFound):
        await service.send_scheduled(boris, OfScheduled(scheduled.id))
    with pytest.raises(ScheduledNotFound):
        await service.delete_scheduled(boris, OfScheduled(scheduled.id))

    assert await home.waiting(boris, chat_id) == []
    assert await home.waiting(anna) == [scheduled]


async def test_it_is_for_a_time_to_come_within_a_year_in_a_chat_where_one_may_write(small_home: Home) -> None:
    home = small_home
    anna, boris, vera = await home.services.newcomers("anna", "boris", "vera")
    chat_id = await group(home.services, anna, boris)
    await home.services.administration.restrict_member(anna, Restrict(chat_id, boris.user_id, ["send"]))

    for later_us in (-1, 0, AHEAD_DAYS_MAX * DAY_US + 1):
        with pytest.raises(BadSendTime):
            await home.schedule(anna, chat_id, later_us=later_us)
    with pytest.raises(ChatNotFound):
        await home.schedule(vera, chat_id)
    with pytest.raises(MayNotSend):
        await home.schedule(boris, chat_id)
    scheduled = await home.schedule(anna, chat_id)
    with pytest.raises(BadSendTime):
        await home.services.scheduled.change_scheduled(anna, ChangeScheduled(scheduled.id, send_at=home.at(-1)))
    home.moment[0] += HOUR
    with pytest.raises(BadSendTime):
        await home.services.scheduled.change_scheduled(anna, ChangeScheduled(scheduled.id, "На ходу"))


async def test_a_hundred_wait_in_a_chat_and_ten_at_once_are_not_more(home: Home) -> None:
    anna, boris = await home.services.newcomers("anna", "boris")
    chat_id = await direct(home.services, anna, boris)
    for _ in range(SCHEDULED_MAX - 2):
        await home.schedule(anna, chat_id)

    outcomes = await asyncio.gather(*(home.schedule(anna, chat_id) for _ in range(10)), return_exceptions=True)

    refused = [outcome for outcome in outcomes if isinstance(outcome, TooManyScheduled)]
    assert (len(refused), len(await home.waiting(anna, chat_id))) == (8, SCHEDULED_MAX)
    await home.schedule(boris, chat_id)


async def test_those_who_ask_in_the_same_moment_are_counted_one_after_another(
    migrated_postgres_url: str, tmp_path: Path
) -> None:
    async with at_home(tmp_path, migrated_postgres_url) as home:
        anna, boris = await home.services.newcomers("anna", "boris")
        chat_id = await direct(home.services, anna, boris)
        for _ in range(SCHEDULED_MAX - 2):
            await home.schedule(anna, chat_id)

        async def all_wait() -> bool:
            rows = await home.services.database.fetch(
                tuple,
                """
                SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'
                """,
            )
            return len(rows) == 6

        async with home.services.database.transaction() as tx:
            # Reading goes on; whoever has counted waits before writing.
            await tx.execute("LOCK TABLE messaging_due IN EXCLUSIVE MODE")
            asking = [asyncio.create_task(home.schedule(anna, chat_id)) for _ in range(6)]
            await eventually(all_wait)
        await asyncio.gather(*asking, return_exceptions=True)

        assert len(await home.waiting(anna, chat_id)) == SCHEDULED_MAX


async def test_asking_again_under_the_same_ref_is_asking_once(home: Home) -> None:
    anna, boris = await home.services.newcomers("anna", "boris")
    chat_id = await direct(home.services, anna, boris)

    answers = await asyncio.gather(*(home.schedule(anna, chat_id, ref="s-1") for _ in range(10)))

    assert [each.id for each in answers] == [answers[0].id] * 10
    assert len(await home.waiting(anna)) == 1
    await home.come(HOUR)
    with pytest.raises(AlreadySent):
        await home.schedule(anna, chat_id, ref="s-1")


async def test_a_ref_that_was_used_meanwhile_says_nothing_twice_and_holds_nobody_up(home: Home) -> None:
    anna, boris = await home.services.newcomers("anna", "boris")
    chat_id = await direct(home.services, anna, boris)
    await home.schedule(anna, chat_id, ref="s-1")
    await home.schedule(boris, chat_id, "А я вовремя")
    await say(home.services, anna, chat_id, "Опередила", "s-1")

    await home.come(HOUR)

    assert [entry.text for entry in await home.said(boris, chat_id)] == ["Опередила", "А я вовремя"]
    assert await home.waiting(anna) == []


async def leave(home: Home, owner: Actor, anna: Actor, chat_id: ChatId) -> str:
    await home.services.messaging.remove_member(anna, RemoveMember(chat_id, anna.user_id))
    return ChatNotFound.code


async def be_silenced(home: Home, owner: Actor, anna: Actor, chat_id: ChatId) -> str:
    await home.services.administration.restrict_member(owner, Restrict(chat_id, anna.user_id, ["send"]))
    return MayNotSend.code


async def be_suspended(home: Home, owner: Actor, anna: Actor, chat_id: ChatId) -> str:
    async with home.services.database.transaction() as tx:
        await auth_store.suspend_account(tx, anna.user_id, now_us())
    return "account_suspended"


@pytest.mark.parametrize("lose", [leave, be_silenced, be_suspended])
async def test_who_may_not_write_any_more_is_told_and_keeps_the_text(small_home: Home, lose: Any) -> None:
    home = small_home
    owner, anna = await home.services.newcomers("owner", "anna")
    chat_id = await group(home.services, owner, anna)
    scheduled = await home.schedule(anna, chat_id, "Не пропади")
    code = await lose(home, owner, anna, chat_id)
    told = await failures(home)

    await home.come(HOUR)
    await home.come(HOUR)

    (failed,) = await home.waiting(anna)
    assert (failed.id, failed.failure, failed.text) == (scheduled.id, code, "Не пропади")
    assert await home.said(owner, chat_id) == []
    assert told == [{"user_id": anna.user_id, "type": "scheduled", "chat_id": chat_id, "failed": True}], "once"


async def test_behind_a_block_nothing_is_said_and_afterwards_it_can_be_sent(small_home: Home) -> None:
    home = small_home
    anna, boris = await home.services.newcomers("anna", "boris")
    chat_id = await direct(home.services, anna, boris)
    scheduled = await home.schedule(anna, chat_id)
    await home.services.privacy.block_person(boris, OfPerson(anna.user_id))

    await home.come(HOUR)
    with pytest.raises(KaifError) as refused:
        await home.services.scheduled.send_scheduled(anna, OfScheduled(scheduled.id))
    assert ((await home.waiting(anna))[0].failure, refused.value.code) == ("person_not_reachable",) * 2
    await home.services.privacy.unblock_person(boris, OfPerson(anna.user_id))
    await home.services.scheduled.change_scheduled(anna, ChangeScheduled(scheduled.id, send_at=home.at(HOUR)))
    assert (await home.waiting(anna))[0].failure == ""
    await home.come(HOUR)

    assert len(await home.said(boris, chat_id)) == 1


async def test_slow_mode_spaces_out_what_is_due_together(small_home: Home) -> None:
    home = small_home
    owner, anna = await home.services.newcomers("owner", "anna")
    chat_id = await group(home.services, owner, anna)
    await home.services.administration.change_chat(owner, ChangeChat(chat_id, slow_mode_s=60))
    for number in range(2):
        await home.schedule(anna, chat_id, later_us=HOUR + number)

    await home.come(HOUR + 1)
    assert len(await home.said(owner, chat_id)) == 1
    await home.come(61 * SECOND_US)

    assert len(await home.said(owner, chat_id)) == 2


async def test_what_was_not_read_is_still_unread_after_ones_own_message_went(home: Home) -> None:
    anna, boris = await home.services.newcomers("anna", "boris")
    chat_id = await direct(home.services, anna, boris)
    await home.schedule(anna, chat_id)
    await home.schedule(anna, chat_id, later_us=2 * HOUR)
    await home.come(HOUR)
    assert (await chat_of(home.services, anna, chat_id)).unread == 0, "there was nothing else to read"
    await say(home.services, boris, chat_id, "Прочти меня")

    await home.come(HOUR)

    assert (await chat_of(home.services, anna, chat_id)).unread == 2
    assert (await chat_of(home.services, boris, chat_id)).others_read_seq < (await home.said(boris, chat_id))[1].seq


async def test_a_row_that_can_never_be_done_holds_nobody_up(small_home: Home) -> None:
    home = small_home
    anna, boris = await home.services.newcomers("anna", "boris")
    chat_id = await direct(home.services, anna, boris)
    for _ in range(25):
        await home.schedule(anna, chat_id, later_us=1)
    async with home.services.database.transaction() as tx:
        await tx.execute("UPDATE messaging_due SET body = '{}'")
    await home.schedule(anna, chat_id, "Всё-таки")

    await home.come(HOUR)

    assert [entry.text for entry in await home.said(boris, chat_id)] == ["Всё-таки"]


async def test_what_waits_is_in_ones_own_data_and_goes_with_the_account(home: Home) -> None:
    anna, boris = await home.services.newcomers("anna", "boris")
    chat_id = await direct(home.services, anna, boris)
    scheduled = await home.schedule(anna, chat_id, "Мой секрет")
    assert (await home.services.own_data.export_own_messaging_data(anna, Nothing())).scheduled == [scheduled]

    remains = Person(anna.user_id, "deleted-x", "")
    await Reactions(home.services.database).forget_person(PersonErased(erasure_id="e1", remains=remains))
    await home.come(HOUR)

    assert await home.said(boris, chat_id) == []
    assert await home.services.database.fetch(tuple, "SELECT 1 FROM messaging_due") == []

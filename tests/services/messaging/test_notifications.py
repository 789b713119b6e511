"""Notifications: whoever has not seen a message is told of it on their devices, and nobody else, nor anything more."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from tests.harness import PASSWORD, Services
from tests.services.messaging.chats import channel, chat_of, direct, group, say
from tests.services.messaging.notified import Browser, PushService, listen, notifying, push_service
from tests.waiting import eventually, until

from kaif.interfaces.auth import LogIn, Nothing, Refresh, SetUp
from kaif.interfaces.auth.sessions import EndSession
from kaif.interfaces.messaging import PRESENCE, Entry, GetChat, MarkRead, RemoveMember, SendMessage
from kaif.interfaces.messaging.actions import DeleteMessages
from kaif.interfaces.messaging.appended import EntriesAppended, Range
from kaif.interfaces.messaging.errors import ChatNotFound
from kaif.interfaces.messaging.notifications import (
    SUBSCRIPTIONS_MAX,
    BadSubscription,
    ChooseNotifications,
    ForbiddenPushAddress,
    NoteShown,
    Notifications,
    NotificationSettings,
    PushUnavailable,
    UnknownTimeZone,
)
from kaif.interfaces.messaging.order import ArrangeChat
from kaif.kernel.actor import NOBODY, Actor, SessionId, UserId
from kaif.kernel.clock import MINUTE_US, SECOND_US, as_datetime, now_us
from kaif.kernel.ids import new_id
from kaif.services.messaging import chat_store, member_store
from kaif.services.messaging.notifications.notifying import ATTEMPTS_MAX, CONSUMER, LISTENERS_PAGE, Timing


@pytest.fixture
async def service() -> AsyncIterator[PushService]:
    async with push_service() as service:
        yield service


@pytest.fixture
async def notified(services: Services, tmp_path: Path) -> AsyncIterator[Notifications]:
    async with notifying(tmp_path, services) as notified:
        yield notified


async def said_last(browser: Browser, text: str) -> None:
    await until(lambda: browser.texts[-1:] == [text])


async def subscriptions(services: Services) -> int:
    rows: list[tuple[int]] = await services.database.fetch(tuple, "SELECT COUNT(*) FROM messaging_push_subscriptions")
    return rows[0][0]


async def nothing_due(services: Services) -> None:
    """All that was said before this is settled."""

    async def settled() -> bool:
        rows: list[tuple[int]] = await services.database.fetch(
            tuple, "SELECT COUNT(*) FROM messaging_push_deliveries WHERE due_at_us > 0"
        )
        return rows[0][0] == 0

    await eventually(settled)


async def gone_through(services: Services) -> None:
    """All that has been said so far has been heard by whoever tells devices."""
    newest: list[tuple[int]] = await services.database.fetch(tuple, "SELECT MAX(id) FROM outbox")

    async def heard() -> bool:
        rows: list[tuple[int]] = await services.database.fetch(
            tuple, "SELECT id FROM outbox_consumers WHERE consumer = :consumer", consumer=CONSUMER
        )
        return rows[0][0] >= newest[0][0]

    await eventually(heard)


class Fence:
    """Somebody whose own chat tells when everything that was said before has been gone through."""

    def __init__(self, services: Services, notified: Notifications, service: PushService) -> None:
        self._services, self._notified, self._service = services, notified, service

    async def reached(self) -> None:
        name = f"fence{new_id()[-8:]}"
        one, other = await self._services.newcomers(name, name + "b")
        browser = await listen(self._services, self._notified, self._service, other)
        await say(self._services, one, await direct(self._services, one, other), name)
        await said_last(browser, name)
        await nothing_due(self._services)


@pytest.fixture
def fence(services: Services, notified: Notifications, service: PushService) -> Fence:
    return Fence(services, notified, service)


# Who is told


async def test_a_device_shows_who_wrote_what_and_the_writer_s_own_shows_nothing(
    services: Services, notified: Notifications, service: PushService, fence: Fence
) -> None:
    anna, boris = await services.newcomers("anna", "boris")
    hers, his = await listen(services, notified, service, anna), await listen(services, notified, service, boris)
    chat_id = await direct(services, anna, boris)

    entry = await say(services, anna, chat_id, "Лодка у **причала**")

    await said_last(his, "Лодка у причала")
    (shown,) = his.shown
    assert (shown["chat_id"], shown["seq"], shown["title"], shown["badge"]) == (chat_id, entry.seq, "anna", 1)
    assert (his.headers[0]["urgency"], len(his.headers[0]["topic"])) == ("high", 32)
    assert 0 < int(his.headers[0]["ttl"]) <= 3600
    await fence.reached()
    assert hers.shown == []


async def test_the_first_device_of_all_is_told_whatever_process_it_asked_and_however_much_was_said_before(
    services: Services, tmp_path: Path, service: PushService
) -> None:
    anna, boris = await services.newcomers("anna", "boris")
    chat_id = await direct(services, anna, boris)
    async with notifying(tmp_path, services), notifying(tmp_path, services) as elsewhere:
        await say(services, anna, chat_id, "Раз")
        await gone_through(services)

        browser = await listen(services, elsewhere, service, boris)
        await say(services, anna, chat_id, "Два")

        await said_last(browser, "Два")


async def test_a_stranger_s_device_and_one_that_left_are_told_nothing(
    services: Services, notified: Notifications, service: PushService, fence: Fence
) -> None:
    anna, boris, eve = await services.newcomers("anna", "boris", "eve")
    his, evil = await listen(services, notified, service, boris), await listen(services, notified, service, eve)
    chat_id = await group(services, anna, boris)
    await services.messaging.remove_member(boris, RemoveMember(chat_id, boris.user_id))

    await say(services, anna, chat_id)

    await fence.reached()
    assert (his.shown, evil.shown) == ([], [])


async def test_what_is_read_muted_or_declined_is_not_told(
    services: Services, tmp_path: Path, service: PushService
) -> None:
    anna, boris, vera, gleb = await services.newcomers("anna", "boris", "vera", "gleb")
    async with notifying(tmp_path, services, Timing(gather_us=SECOND_US // 2)) as notified:
        browsers = [await listen(services, notified, service, person) for person in (boris, vera, gleb)]
        chat_id = await group(services, anna, boris, vera, gleb)
        muted_until = as_datetime(now_us()) + timedelta(hours=1)
        await services.order.arrange_chat(vera, ArrangeChat(chat_id, muted_until=muted_until))
        await notified.choose_notifications(gleb, ChooseNotifications(chat_id, "none"))

        entry = await say(services, anna, chat_id)
        await services.messaging.mark_read(boris, MarkRead(chat_id, entry.seq))
        await asyncio.sleep(0.6)
        await Fence(services, notified, service).reached()

    assert [browser.shown for browser in browsers] == [[], [], []]


async def test_who_wants_mentions_alone_is_told_of_mentions_and_answers(
    services: Services, notified: Notifications, service: PushService, fence: Fence
) -> None:
    anna, boris = await services.newcomers("anna", "boris")
    browser = await listen(services, notified, service, boris)
    chat_id = await group(services, anna, boris)
    his = await say(services, boris, chat_id, "Кто поедет?")
    await notified.choose_notifications(boris, ChooseNotifications(chat_id, "mentions"))

    await say(services, anna, chat_id, "Просто так")
    await fence.reached()
    assert browser.shown == []
    await say(services, anna, chat_id, "@boris, ты?")
    await said_last(browser, "@boris, ты?")
    await say(services, anna, chat_id, "Я поеду", reply_to=his.seq)
    await said_last(browser, "Я поеду")


async def test_a_large_group_tells_only_those_it_speaks_to(
    services: Services, notified: Notifications, service: PushService, fence: Fence
) -> None:
    anna, boris, vera = await services.newcomers("anna", "boris", "vera")
    his, hers = await listen(services, notified, service, boris), await listen(services, notified, service, vera)
    chat_id = await group(services, anna, boris, vera)
    async with services.database.transaction() as tx:
        await tx.execute("UPDATE messaging_chats SET members = 201 WHERE id = :id", id=chat_id)

    await say(services, anna, chat_id, "Всем")
    await say(services, anna, chat_id, "@boris, привет")

    await said_last(his, "@boris, привет")
    await fence.reached()
    assert (his.texts, hers.texts) == (["@boris, привет"], [])


async def test_in_a_large_channel_every_device_is_noted(
    services: Services, tmp_path: Path, service: PushService
) -> None:
    (anna,) = await services.newcomers("anna")
    chat_id = await channel(services, anna)
    readers = [UserId(new_id()) for _ in range(LISTENERS_PAGE // 2)]
    # Three devices each, so that a page ends between two of one person.
    devices = [(id := new_id(), reader, id, id, "", "ru", 0) for reader in readers for _ in range(3)]
    async with notifying(tmp_path, services, Timing(gather_us=3600 * SECOND_US)):
        # By now it has looked for devices whose sessions are over, as all of these are.
        await gone_through(services)
        async with services.database.transaction() as tx:
            await member_store.add_members(tx, (await chat_store.lock_places(tx, [chat_id]))[chat_id], readers)
            columns = ("id", "user_id", "session_id", "endpoint_hash", "sealed", "language", "made_at_us")
            await tx.insert("messaging_push_subscriptions", columns, devices)

        await say(services, anna, chat_id)

        async def all_noted() -> bool:
            rows: list[tuple[int]] = await services.database.fetch(
                tuple, "SELECT COUNT(*) FROM messaging_push_deliveries WHERE due_at_us > 0"
            )
            return rows[0][0] == len(devices)

        await eventually(all_noted)


async def test_who_is_connected_is_told_later_and_not_of_what_they_read_meanwhile(
    services: Services, tmp_path: Path, service: PushService
) -> None:
    anna, boris, vera = await services.newcomers("anna", "boris", "vera")
    async with notifying(tmp_path, services, Timing(gather_us=0, connected_us=SECOND_US)) as notified:
        his, hers = await listen(services, notified, service, boris), await listen(services, notified, service, vera)
        await services.cache.touch(PRESENCE, [boris.user_id, vera.user_id], "a gateway", 60_000)
        chat_id = await group(services, anna, boris, vera)

        entry = await say(services, anna, chat_id, "Раз")
        await services.messaging.mark_read(boris, MarkRead(chat_id, entry.seq))

        await said_last(hers, "Раз")
        assert now_us() - entry.at.timestamp() * 1_000_000 >= SECOND_US
        await nothing_due(services)
        assert his.shown == []


async def test_what_an_open_client_has_shown_by_itself_is_not_told_again(
    services: Services, tmp_path: Path, service: PushService
) -> None:
    anna, boris, vera, clara = await services.newcomers("anna", "boris", "vera", "clara")
    async with notifying(tmp_path, services, Timing(gather_us=0, connected_us=60 * MINUTE_US)) as notified:
        before, after = (
            await listen(services, notified, service, boris),
            await listen(services, notified, service, vera),
        )
        await services.cache.touch(PRESENCE, [boris.user_id, vera.user_id], "a gateway", 60_000)
        chat_id = await group(services, anna, boris, vera)
        newest = (await chat_of(services, anna, chat_id)).seq + 1

        async def planned() -> bool:
            rows = await services.database.fetch(tuple, "SELECT seq FROM messaging_push_deliveries WHERE due_at_us > 0")
            return rows == [(newest,)]

        # Of one it is said before the message is noted, of the other after it.
        await notified.note_shown(boris, NoteShown(chat_id, newest))
        assert (await say(services, anna, chat_id, "Раз")).seq == newest
        await eventually(planned)
        await notified.note_shown(vera, NoteShown(chat_id, newest))
        assert not await planned() and before.shown == after.shown == []

        for who in (boris, vera):
            await services.cache.leave(PRESENCE, who.user_id, "a gateway")
        await say(services, anna, chat_id, "Два")
        await said_last(before, "Два")
        await said_last(after, "Два")
        with pytest.raises(ChatNotFound):
            await notified.note_shown(clara, NoteShown(chat_id, newest))


async def test_quiet_hours_are_quiet_in_the_person_s_own_time(
    services: Services, notified: Notifications, service: PushService, fence: Fence
) -> None:
    anna, boris = await services.newcomers("anna", "boris")
    browser = await listen(services, notified, service, boris)
    minute = (now_us() // MINUTE_US + 3 * 60) % (24 * 60)
    begin, end = (minute - 5) % 1440, (minute + 30) % 1440
    chat_id = await direct(services, anna, boris)

    await notified.keep_settings(boris, NotificationSettings(True, False, begin, end, "Europe/Moscow"))
    await say(services, anna, chat_id, "Спит?")
    await fence.reached()
    assert browser.shown == []
    await notified.keep_settings(boris, NotificationSettings(True, False, begin, end, "Europe/Moscow", []))
    await say(services, anna, chat_id, "Не спит")
    await said_last(browser, "Не спит")


async def test_nothing_older_than_an_hour_is_told_after_an_outage(
    services: Services, tmp_path: Path, service: PushService
) -> None:
    anna, boris = await services.newcomers("anna", "boris")
    chat_id = await direct(services, anna, boris)
    async with notifying(tmp_path, services) as notified:
        browser = await listen(services, notified, service, boris)
    await say(services, anna, chat_id, "Давно")
    async with services.database.transaction() as tx:
        await tx.execute("UPDATE messaging_entries SET at_us = at_us - :hour", hour=61 * MINUTE_US)
    await say(services, anna, chat_id, "Недавно")

    async with notifying(tmp_path, services) as notified:
        await said_last(browser, "Недавно")
        await Fence(services, notified, service).reached()

    assert browser.texts == ["Недавно"]


async def is_planned(services: Services, entry: Entry, due_at_us: int) -> None:
    sql = "SELECT seq, due_at_us FROM messaging_push_deliveries WHERE chat_id = :chat_id"

    async def so() -> bool:
        rows: list[tuple[int, int]] = await services.database.fetch(tuple, sql, chat_id=entry.chat_id)
        return rows == [(entry.seq, due_at_us)]

    await eventually(so)


# What is shown


async def test_messages_that_come_together_are_one_notification(
    services: Services, tmp_path: Path, service: PushService
) -> None:
    anna, boris = await services.newcomers("anna", "boris")
    # By a clock of its own: on a busy machine ten may take longer than their second.
    moment = [now_us()]
    due_at_us = moment[0] + SECOND_US
    async with notifying(tmp_path, services, Timing(gather_us=SECOND_US), lambda: moment[0]) as notified:
        browser = await listen(services, notified, service, boris)
        chat_id = await direct(services, anna, boris)
        await is_planned(services, await say(services, anna, chat_id, "Слово 0"), due_at_us)
        moment[0] = due_at_us - 1
        for number in range(1, 10):
            newest = await say(services, anna, chat_id, f"Слово {number}")
        await is_planned(services, newest, due_at_us)

        moment[0] = due_at_us
        await said_last(browser, "Слово 9")

    assert [(shown["text"], shown["badge"]) for shown in browser.shown] == [("Слово 9", 10)]


async def test_without_a_preview_the_words_do_not_leave_the_server(
    services: Services, notified: Notifications, service: PushService
) -> None:
    anna, boris = await services.newcomers("anna", "boris")
    browser = await listen(services, notified, service, boris)
    await notified.keep_settings(boris, NotificationSettings(preview=False))

    await say(services, anna, await direct(services, anna, boris), "тайна")

    await until(lambda: bool(browser.shown))
    assert "тайна" not in str(browser.shown)


async def test_a_long_message_and_a_covered_word_are_shortened_and_covered(
    services: Services, notified: Notifications, service: PushService
) -> None:
    anna, boris = await services.newcomers("anna", "boris")
    browser = await listen(services, notified, service, boris)
    chat_id = await direct(services, anna, boris)

    await say(services, anna, chat_id, "Убийца ||дворецкий|| " + "😀" * 4000)

    await until(lambda: bool(browser.shown))
    (text,) = browser.texts
    assert len(text) == 200
    assert text.startswith("Убийца ▒▒▒▒▒▒▒▒▒ 😀")


async def test_a_silent_message_is_shown_without_sound(
    services: Services, notified: Notifications, service: PushService
) -> None:
    anna, boris = await services.newcomers("anna", "boris")
    browser = await listen(services, notified, service, boris)
    chat_id = await direct(services, anna, boris)

    await services.messaging.send_message(anna, SendMessage(chat_id, "m-1", "Тс-с", silent=True))

    await said_last(browser, "Тс-с")
    assert (browser.shown[0]["silent"], browser.headers[0]["urgency"]) == (True, "low")


async def test_what_was_deleted_before_is_not_told_and_what_is_shown_is_replaced(
    services: Services, tmp_path: Path, service: PushService
) -> None:
    anna, boris = await services.newcomers("anna", "boris")
    async with notifying(tmp_path, services, Timing(gather_us=SECOND_US // 2)) as notified:
        browser = await listen(services, notified, service, boris)
        chat_id = await direct(services, anna, boris)
        one, two = await say(services, anna, chat_id, "Раз"), await say(services, anna, chat_id, "Два")
        await services.actions.delete_messages(anna, DeleteMessages(chat_id, [two.seq], for_everyone=True))
        await said_last(browser, "Раз")
        await nothing_due(services)

        await services.actions.delete_messages(anna, DeleteMessages(chat_id, [one.seq], for_everyone=True))

        await until(lambda: len(browser.shown) == 2)
    assert browser.texts == ["Раз", ""]
    assert (browser.shown[1]["deleted"], browser.shown[1]["seq"]) == (True, one.seq)


# How it gets there


async def test_an_event_that_comes_twice_is_told_once(
    services: Services, notified: Notifications, service: PushService, fence: Fence
) -> None:
    anna, boris = await services.newcomers("anna", "boris")
    browser = await listen(services, notified, service, boris)
    chat_id = await direct(services, anna, boris)
    entry = await say(services, anna, chat_id, "Раз")
    await said_last(browser, "Раз")

    async with services.database.transaction() as tx:
        await tx.publish(EntriesAppended(ranges=[Range(chat_id, 1, entry.seq)]))

    await fence.reached()
    assert browser.texts == ["Раз"]


@pytest.mark.parametrize("answer", ["429 Too Many Requests", "503 Unavailable"])
async def test_a_push_service_that_is_busy_is_asked_again(
    services: Services, notified: Notifications, service: PushService, answer: str
) -> None:
    anna, boris = await services.newcomers("anna", "boris")
    browser = await listen(services, notified, service, boris)
    service.answers = [answer] * 3

    await say(services, anna, await direct(services, anna, boris), "Раз")

    await said_last(browser, "Раз")
    assert service.asked == 4


async def test_it_is_given_up_after_some_time_and_the_next_message_is_told(
    services: Services, notified: Notifications, service: PushService
) -> None:
    anna, boris = await services.newcomers("anna", "boris")
    browser = await listen(services, notified, service, boris)
    chat_id = await direct(services, anna, boris)
    service.answers = ["500 Internal"] * ATTEMPTS_MAX

    await say(services, anna, chat_id, "Раз")
    await until(lambda: service.asked == ATTEMPTS_MAX)
    await nothing_due(services)
    assert browser.shown == []
    await say(services, anna, chat_id, "Два")

    await said_last(browser, "Два")
    assert service.asked == ATTEMPTS_MAX + 1


@pytest.mark.parametrize("answer", ["404 Not Found", "410 Gone"])
async def test_a_browser_that_is_gone_is_forgotten(
    services: Services, notified: Notifications, service: PushService, answer: str
) -> None:
    anna, boris = await services.newcomers("anna", "boris")
    await listen(services, notified, service, boris)
    service.answers = [answer]

    await say(services, anna, await direct(services, anna, boris))

    async def forgotten() -> bool:
        return await subscriptions(services) == 0

    await eventually(forgotten)


async def test_what_was_noted_is_told_after_a_restart(services: Services, tmp_path: Path, service: PushService) -> None:
    anna, boris = await services.newcomers("anna", "boris")
    chat_id = await direct(services, anna, boris)
    async with notifying(tmp_path, services, Timing(gather_us=SECOND_US)) as notified:
        browser = await listen(services, notified, service, boris)
        await say(services, anna, chat_id, "Раз")

        async def noted() -> bool:
            return bool(await services.database.fetch(tuple, "SELECT 1 FROM messaging_push_deliveries"))

        await eventually(noted)
    assert browser.shown == []

    async with notifying(tmp_path, services):
        await said_last(browser, "Раз")


# Subscriptions


async def test_a_session_has_one_browser_and_a_browser_one_session(
    services: Services, notified: Notifications, service: PushService, fence: Fence
) -> None:
    anna, boris, vera = await services.newcomers("anna", "boris", "vera")
    old = await listen(services, notified, service, boris, "old")
    new = await listen(services, notified, service, boris, "new")
    await listen(services, notified, service, vera, "old")

    await say(services, anna, await direct(services, anna, boris), "Борису")

    await said_last(new, "Борису")
    await fence.reached()
    assert old.shown == []


async def test_at_most_so_many_of_a_person_and_the_oldest_makes_room(
    services: Services, notified: Notifications, service: PushService
) -> None:
    (boris,) = await services.newcomers("boris")
    sessions = [Actor(boris.user_id, SessionId(new_id())) for _ in range(SUBSCRIPTIONS_MAX + 10)]

    await asyncio.gather(*(listen(services, notified, service, actor, str(n)) for n, actor in enumerate(sessions)))

    assert await subscriptions(services) == SUBSCRIPTIONS_MAX


async def test_the_same_browser_ten_times_at_once_is_one_subscription(
    services: Services, notified: Notifications, service: PushService
) -> None:
    (boris,) = await services.newcomers("boris")

    await asyncio.gather(*(listen(services, notified, service, boris) for _ in range(10)))

    assert await subscriptions(services) == 1


async def test_unsubscribing_ends_this_session_s_alone(
    services: Services, notified: Notifications, service: PushService
) -> None:
    (boris,) = await services.newcomers("boris")
    other = Actor(boris.user_id, SessionId(new_id()))
    await listen(services, notified, service, boris, "one")
    await listen(services, notified, service, other, "other")

    await notified.unsubscribe(boris, Nothing())
    await notified.unsubscribe(boris, Nothing())

    assert await subscriptions(services) == 1


async def test_where_a_browser_listens_can_not_be_read_in_the_database(
    services: Services, notified: Notifications, service: PushService
) -> None:
    (boris,) = await services.newcomers("boris")
    browser = await listen(services, notified, service, boris)

    rows: list[tuple[Any, ...]] = await services.database.fetch(tuple, "SELECT * FROM messaging_push_subscriptions")

    assert browser.endpoint not in str(rows)
    assert "push/" not in str(rows)


@pytest.mark.parametrize(("p256dh", "auth"), [("BA", "AAAA"), ("A" * 87, "A" * 22), ("B" + "A" * 86, "A" * 22)])
async def test_keys_that_are_none_are_refused(
    services: Services, notified: Notifications, service: PushService, p256dh: str, auth: str
) -> None:
    (boris,) = await services.newcomers("boris")
    wanted = service.browser("x").subscription()

    with pytest.raises(BadSubscription):
        await notified.subscribe(boris, type(wanted)(wanted.endpoint, p256dh, auth))


async def test_addresses_within_and_servers_without_a_key_are_refused(
    embedded: Services, tmp_path: Path, service: PushService
) -> None:
    (boris,) = await embedded.newcomers("boris")
    wanted = service.browser("x").subscription()

    async with notifying(tmp_path, embedded, KAIF_PUSH_ADDRESSES="public") as notified:
        with pytest.raises(ForbiddenPushAddress):
            await notified.subscribe(boris, wanted)
    async with notifying(tmp_path, embedded, KAIF_PUSH_KEY="") as notified:
        assert (await notified.get_push_key(boris, Nothing())).public_key == ""
        with pytest.raises(PushUnavailable):
            await notified.subscribe(boris, wanted)


async def test_a_subscription_ends_with_its_session_however_that_ends(
    services: Services, notified: Notifications, service: PushService
) -> None:
    wanted = SetUp(code="set-up-code", username="boris", email="boris@example.org", password=PASSWORD)
    first = await services.auth.set_up(NOBODY, wanted)
    tokens = [first, *[await services.auth.log_in(NOBODY, LogIn("boris", PASSWORD)) for _ in range(3)]]
    boris = first.user.id
    rows: list[tuple[SessionId]] = await services.database.fetch(tuple, "SELECT id FROM auth_sessions ORDER BY id")
    sessions = [Actor(boris, session_id) for (session_id,) in rows]
    for number, actor in enumerate(sessions):
        await listen(services, notified, service, actor, str(number))

    async def left(count: int) -> None:
        async def so() -> bool:
            return await subscriptions(services) == count

        await eventually(so)

    await services.sessions.end_session(sessions[0], EndSession(sessions[3].session_id))
    await left(3)
    await services.sessions.end_other_sessions(sessions[0], Nothing())
    await left(1)
    await services.auth.log_out(sessions[0], Refresh(tokens[0].refresh_token))
    await left(0)


# Choices


async def test_choices_are_kept_for_whoever_is_in_the_chat_alone(services: Services, notified: Notifications) -> None:
    anna, boris, eve = await services.newcomers("anna", "boris", "eve")
    chat_id = await direct(services, anna, boris)

    await notified.choose_notifications(anna, ChooseNotifications(chat_id, "mentions"))

    assert (await notified.get_chat_notifications(anna, GetChat(chat_id))).notify == "mentions"
    assert (await notified.get_chat_notifications(boris, GetChat(chat_id))).notify == "all"
    with pytest.raises(ChatNotFound):
        await notified.get_chat_notifications(eve, GetChat(chat_id))
    with pytest.raises(ChatNotFound):
        await notified.choose_notifications(eve, ChooseNotifications(chat_id, "none"))


async def test_settings_are_kept_and_time_zones_are_looked_at(services: Services, notified: Notifications) -> None:
    (anna,) = await services.newcomers("anna")
    wanted = NotificationSettings(False, True, 23 * 60, 7 * 60, "Asia/Vladivostok", ["fr", "sa"])

    assert await notified.get_settings(anna, Nothing()) == NotificationSettings()
    await notified.keep_settings(anna, msgspec.structs.replace(wanted, quiet_days=["sa", "fr", "sa"]))
    assert await notified.get_settings(anna, Nothing()) == wanted
    for name in ("Atlantis/Capital", "../etc/passwd", "/etc/localtime", ""):
        with pytest.raises(UnknownTimeZone):
            await notified.keep_settings(anna, NotificationSettings(time_zone=name))

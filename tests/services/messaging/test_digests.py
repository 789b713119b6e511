"""Letters about missed messages: who asked for them is told of what waits, once, and of nothing that they have read."""

import asyncio
import email
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from email.policy import default
from pathlib import Path
from zoneinfo import ZoneInfo

import msgspec
import pytest
from tests.harness import Services, wired_services
from tests.services.messaging.chats import direct, group, say
from tests.waiting import eventually

from kaif.app.digesting import digests
from kaif.engines.bus.outbox import OutboxBus
from kaif.interfaces.auth import Nothing
from kaif.interfaces.auth.digest_letters import (
    DeclineDigests,
    DigestChat,
    DigestLetters,
    DigestUnderWay,
    NoConfirmedAddress,
    SendDigest,
    UnknownToken,
)
from kaif.interfaces.messaging import MarkRead, Outgoing, SendBatch
from kaif.interfaces.messaging.actions import DeleteMessages
from kaif.interfaces.messaging.digests import Digests, DigestSettings
from kaif.interfaces.messaging.notifications import (
    ChooseNotifications,
    NotificationSettings,
    UnknownTimeZone,
)
from kaif.interfaces.messaging.order import ArrangeChat
from kaif.kernel.actor import NOBODY, Actor
from kaif.kernel.clock import DAY_US, MINUTE_US, SECOND_US, as_datetime
from kaif.kernel.errors import Unavailable
from kaif.kernel.ids import new_id
from kaif.services.messaging.digests.digesting import ATTEMPTS_MAX, MESSAGES_MAX, Digester, Timing
from kaif.services.messaging.digests.missed import next_daily_us
from kaif.services.messaging.digests.service import DigestsService
from kaif.services.messaging.notifications.service import NotificationsService

HOURLY = DigestSettings("hour")
HOUR_US = 60 * MINUTE_US


class Hand:
    """A clock that goes on when it is told to."""

    def __init__(self) -> None:
        # A Thursday, 12:00.
        self.now_us = int(datetime(2026, 11, 26, 12, tzinfo=UTC).timestamp()) * SECOND_US

    def __call__(self) -> int:
        return self.now_us

    def move(self, us: int) -> None:
        self.now_us += us


class Died(BaseException):
    """As a process does, wherever it stands."""


class Mortal:
    """Auth's letters, between which and messaging a process can die, or auth not answer."""

    def __init__(self, letters: DigestLetters) -> None:
        self._letters = letters
        self.fault: BaseException | None = None
        self.after = False

    async def send_digest(self, actor: Actor, request: SendDigest) -> Nothing:
        fault, self.fault = self.fault, None
        if fault and not self.after:
            raise fault
        await self._letters.send_digest(actor, request)
        if fault:
            raise fault
        return Nothing()

    async def decline_digests(self, actor: Actor, request: DeclineDigests) -> Nothing:
        return await self._letters.decline_digests(actor, request)


class Home:
    def __init__(self, services: Services, folder: Path, clock: Hand) -> None:
        self.services, self.folder, self.clock = services, folder, clock
        self.letters = Mortal(services.digest_letters)
        self.digests: Digests = DigestsService(services.database, clock)
        self.notifications = NotificationsService(services.database, None, "", private_too=False)
        self.restart()

    def restart(self) -> None:
        bus = OutboxBus(self.services.database)
        self.digester = Digester(self.services.database, self.letters, bus, self.clock)

    async def people(self, *names: str) -> list[Actor]:
        """With addresses that they have confirmed."""
        people = await self.services.newcomers(*names)
        async with self.services.database.transaction() as tx:
            await tx.execute("UPDATE auth_users SET email_confirmed_at_us = 1")
        return people

    async def hours(self, count: float) -> None:
        self.clock.move(int(count * HOUR_US))
        while await self.digester.write_due():
            pass

    @property
    def sent(self) -> list[EmailMessage]:
        """All letters, the oldest first."""
        found = []
        for path in sorted((self.folder / "mailbox").glob("*.eml")):
            message = email.message_from_bytes(path.read_bytes(), policy=default)
            assert isinstance(message, EmailMessage)
            found.append(message)
        return found

    @property
    def texts(self) -> list[str]:
        return [part_of(message, "plain") for message in self.sent]


def part_of(message: EmailMessage, kind: str) -> str:
    part = message.get_body((kind,))
    assert isinstance(part, EmailMessage)
    return str(part.get_content()).replace("\r\n", "\n")


@pytest.fixture
async def home(database_url: str, tmp_path: Path) -> AsyncIterator[Home]:
    clock = Hand()
    async with wired_services(tmp_path, database_url, clock=clock, public_url="https://lake.example") as services:
        yield Home(services, tmp_path, clock)


async def test_what_waited_an_hour_is_told_in_one_letter_and_never_again(home: Home) -> None:
    anna, boris = await home.people("anna", "boris")
    await home.digests.choose_digest(boris, HOURLY)
    chat_id = await direct(home.services, anna, boris)
    await say(home.services, boris, chat_id, "Привет")
    club = await group(home.services, anna, boris, title="Рыбаки")
    await home.hours(0.1)
    await say(home.services, anna, chat_id, "Лодка у **причала**")
    await home.hours(0.5)
    await say(home.services, anna, club, "Кто едет?")
    await say(home.services, anna, club, "И когда?")
    await home.hours(0.4)
    assert home.sent == []

    await home.hours(0.15)

    (letter,) = home.sent
    text = part_of(letter, "plain")
    assert letter["To"] == "boris@example.org"
    assert "anna (новых: 1)\nanna: Лодка у причала" in text
    assert "Рыбаки (новых: 2)\nanna: Кто едет?\nanna: И когда?" in text
    assert f"https://lake.example/chat/{chat_id}" in text
    assert "Лодка у причала" in part_of(letter, "html")
    await home.hours(5)
    assert len(home.sent) == 1
    await say(home.services, anna, chat_id, "Ау")
    await home.hours(1)
    await home.hours(1)
    assert "Ау" in home.texts[1] and "Лодка" not in home.texts[1] and len(home.sent) == 2


async def test_nothing_comes_of_what_was_read_deleted_muted_or_not_asked_for(home: Home) -> None:
    anna, boris, vera, gleb, dora = await home.people("anna", "boris", "vera", "gleb", "dora")
    for reader in (boris, vera, gleb):
        await home.digests.choose_digest(reader, HOURLY)
    chat_id = await group(home.services, anna, boris, vera, gleb, dora)
    read = await say(home.services, anna, chat_id, "Прочитано")
    await home.services.messaging.mark_read(boris, MarkRead(chat_id, read.seq))
    until = as_datetime(home.clock()) + timedelta(hours=9)
    await home.services.order.arrange_chat(vera, ArrangeChat(chat_id, muted_until=until))
    await home.notifications.choose_notifications(gleb, ChooseNotifications(chat_id, "mentions"))
    both = await direct(home.services, anna, boris)
    gone = await say(home.services, anna, both, "Удалено")
    hidden = await say(home.services, anna, both, "Скрыто")
    await home.services.actions.delete_messages(anna, DeleteMessages(both, [gone.seq], for_everyone=True))
    await home.services.actions.delete_messages(boris, DeleteMessages(both, [hidden.seq], for_everyone=False))

    await home.hours(3)
    assert home.sent == []
    await say(home.services, anna, chat_id, "@gleb, ты?")
    await home.services.messaging.mark_read(boris, MarkRead(chat_id, read.seq + 1))
    await home.hours(1)
    await home.hours(1)

    assert [letter["To"] for letter in home.sent] == ["gleb@example.org"]
    assert "(новых: 1)" in home.texts[0]


async def test_words_stay_here_without_a_preview_and_those_of_strangers_in_any_case(home: Home) -> None:
    anna, boris, eve = await home.people("anna", "boris", "eve")
    await home.digests.choose_digest(boris, msgspec.structs.replace(HOURLY, language="en"))
    await home.notifications.keep_settings(boris, NotificationSettings(preview=False))
    await say(home.services, anna, await group(home.services, anna, boris, title="Club"), "secret")
    await home.hours(2)
    await home.notifications.keep_settings(boris, NotificationSettings())
    await say(home.services, eve, await direct(home.services, eve, boris), "Casino at casino.example")
    await say(home.services, anna, await group(home.services, anna, boris, title="Bar"), "See http://bar.example/x ok")
    await home.hours(1)
    await home.hours(1)

    first, second = home.texts
    assert "Club (new: 1)" in first and "secret" not in first
    assert "Casino" not in second and "eve" not in second and "Somebody with whom" in second
    assert "anna: See http:\N{WORD JOINER}//bar.\N{WORD JOINER}example/x ok" in second


async def test_a_daily_letter_comes_at_its_time_in_the_reader_s_zone(home: Home) -> None:
    anna, boris = await home.people("anna", "boris")
    # 12:00 in London is 22:00 in Vladivostok.
    await home.digests.choose_digest(boris, DigestSettings("day", 8 * 60 + 30, "Asia/Vladivostok", "en"))
    await say(home.services, anna, await direct(home.services, anna, boris))

    await home.hours(10.4)
    assert home.sent == []
    await home.hours(0.2)
    assert len(home.sent) == 1
    await home.hours(24)
    assert len(home.sent) == 1


def test_a_day_that_lacks_or_repeats_the_hour_has_one_letter() -> None:
    berlin = ZoneInfo("Europe/Berlin")
    for day in (datetime(2026, 3, 29, tzinfo=berlin), datetime(2026, 10, 25, tzinfo=berlin)):
        at_us, times = int(day.timestamp()) * SECOND_US, []
        while (at_us := next_daily_us(2 * 60 + 30, "Europe/Berlin", at_us)) < int(
            day.timestamp() + 30 * 3600
        ) * SECOND_US:
            times.append(as_datetime(at_us).astimezone(berlin))
        assert [time.day for time in times] == [day.day, day.day + 1]


async def test_a_process_that_dies_before_or_after_the_letter_leaves_one_letter(home: Home) -> None:
    anna, boris = await home.people("anna", "boris")
    await home.digests.choose_digest(boris, HOURLY)
    chat_id = await direct(home.services, anna, boris)
    for after in (False, True):
        home.letters.fault, home.letters.after = Died(), after
        await say(home.services, boris, chat_id, "Я здесь")
        await say(home.services, anna, chat_id, f"Раз {after}")
        with pytest.raises(Died):
            for _ in range(3):
                await home.hours(1)
        await say(home.services, anna, chat_id, f"Позже {after}")
        home.restart()

        await home.hours(0.1)

        assert [f"Раз {after}" in text for text in home.texts].count(True) == 1
        assert not any(f"Позже {after}" in text for text in home.texts)
        await home.hours(1)
        await home.hours(1)
        assert [f"Позже {after}" in text for text in home.texts].count(True) == 1


async def test_what_nobody_has_foreseen_delays_letters_and_ends_none(home: Home) -> None:
    anna, boris = await home.people("anna", "boris")
    await home.digests.choose_digest(boris, HOURLY)
    chat_id = await direct(home.services, anna, boris)
    await say(home.services, boris, chat_id, "Я здесь")
    await say(home.services, anna, chat_id, "Раз")
    home.clock.move(2 * HOUR_US)
    home.letters.fault = RuntimeError("a fault of ours")
    timing = Timing(look_every_s=0.01, retry_s=0.01)
    digester = Digester(home.services.database, home.letters, OutboxBus(home.services.database), home.clock, timing)

    await digester.start()

    await eventually(lambda: _is_written(home, "Раз"))
    await digester.close()


async def _is_written(home: Home, text: str) -> bool:
    return any(text in each for each in home.texts)


async def test_what_was_read_while_the_mail_server_was_away_is_not_written(home: Home) -> None:
    anna, boris = await home.people("anna", "boris")
    await home.digests.choose_digest(boris, HOURLY)
    chat_id = await direct(home.services, anna, boris)
    entry = await say(home.services, anna, chat_id, "Раз")
    home.letters.fault = Unavailable()
    await home.hours(1.01)
    assert home.sent == []
    await home.services.messaging.mark_read(boris, MarkRead(chat_id, entry.seq))

    await home.hours(1)
    assert home.sent == []
    two = await say(home.services, anna, chat_id, "Два")
    for _ in range(ATTEMPTS_MAX):
        home.letters.fault = Unavailable()
        await home.hours(1)
    await home.hours(3)
    assert home.sent == [], "given up"
    assert two.seq > entry.seq


async def test_no_letter_goes_to_an_address_that_nobody_confirmed_or_to_who_left(home: Home) -> None:
    anna, boris = await home.people("anna", "boris")
    await home.digests.choose_digest(boris, HOURLY)
    request = SendDigest(new_id(), boris.user_id, "ru", [DigestChat(new_id(), "x", 1, [])])
    for fate in ("email_confirmed_at_us = NULL", "suspended_at_us = 1", "deleted_at_us = 1"):
        async with home.services.database.transaction() as tx:
            await tx.execute(
                "UPDATE auth_users SET email_confirmed_at_us = 1, suspended_at_us = NULL, deleted_at_us = NULL"
            )
            await tx.execute(f"UPDATE auth_users SET {fate} WHERE id = :id", id=boris.user_id)
        with pytest.raises(NoConfirmedAddress):
            await home.services.digest_letters.send_digest(NOBODY, request)
    await say(home.services, anna, await direct(home.services, anna, boris))
    await home.hours(2)
    assert home.sent == []


async def test_of_ten_who_send_the_same_letter_at_once_one_does(home: Home) -> None:
    (boris,) = await home.people("boris")
    request = SendDigest(new_id(), boris.user_id, "ru", [DigestChat(new_id(), "<b>x</b>", 1, [])])
    letters = home.services.digest_letters

    outcomes = await asyncio.gather(*(letters.send_digest(NOBODY, request) for _ in range(10)), return_exceptions=True)

    assert {type(outcome) for outcome in outcomes} <= {Nothing, DigestUnderWay}
    await letters.send_digest(NOBODY, request)
    (letter,) = home.sent
    assert letter["Message-ID"] == f"<{request.digest_id}@localhost>"
    assert "<b>x</b>" not in part_of(letter, "html")


async def test_one_request_ends_the_letters_and_a_forged_one_does_not(home: Home) -> None:
    anna, boris = await home.people("anna", "boris")
    async with digests(home.services.database, home.services.digest_letters, home.clock):
        await home.digests.choose_digest(boris, HOURLY)
        await home.digests.choose_digest(anna, HOURLY)
        request = SendDigest(new_id(), boris.user_id, "ru", [DigestChat(new_id(), "x", 1, [])])
        await home.services.digest_letters.send_digest(NOBODY, request)
        (letter,) = home.sent
        assert letter["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
        before, _, token = letter["List-Unsubscribe"].strip("<>").partition("?token=")
        assert before == "https://lake.example/letters/unsubscribe"
        assert f"https://lake.example/unsubscribe#{token}" in part_of(letter, "plain")
        forged = [f"{anna.user_id}.{token.partition('.')[2]}", token[:-1], token + "0", "x", f"{boris.user_id}."]
        for wrong in forged:
            with pytest.raises(UnknownToken):
                await home.services.digest_letters.decline_digests(NOBODY, DeclineDigests(wrong))

        for _ in range(2):
            await home.services.digest_letters.decline_digests(NOBODY, DeclineDigests(token))

        async def over() -> bool:
            return (await home.digests.get_digest(boris, Nothing())).every == "never"

        await eventually(over)
        assert (await home.digests.get_digest(anna, Nothing())).every == "hour"


async def test_what_was_chosen_is_kept_and_looks_back_no_further_than_the_choice(home: Home) -> None:
    anna, boris = await home.people("anna", "boris")
    chat_id = await direct(home.services, anna, boris)
    await say(home.services, anna, chat_id, "До выбора")
    home.clock.move(DAY_US)
    assert await home.digests.get_digest(boris, Nothing()) == DigestSettings()
    with pytest.raises(UnknownTimeZone):
        await home.digests.choose_digest(boris, DigestSettings("day", 0, "Atlantis/Capital"))
    wanted = DigestSettings("day", 0, "Asia/Omsk", "en")

    await home.digests.choose_digest(boris, HOURLY)
    await home.digests.choose_digest(boris, wanted)

    assert await home.digests.get_digest(boris, Nothing()) == wanted
    await home.hours(24)
    assert home.sent == []
    await home.digests.choose_digest(boris, DigestSettings("never"))
    await say(home.services, anna, chat_id, "Напрасно")
    await home.hours(48)
    assert home.sent == []


async def test_a_mention_far_above_the_newest_messages_of_a_busy_group_is_told(home: Home) -> None:
    anna, boris, vera = await home.people("anna", "boris", "vera")
    await home.digests.choose_digest(boris, HOURLY)
    chat_id = await group(home.services, anna, boris, vera, title="Рыбаки")
    await home.notifications.choose_notifications(boris, ChooseNotifications(chat_id, "mentions"))
    await say(home.services, anna, chat_id, "@boris, возьми лодку")
    many = [Outgoing(vera.user_id, chat_id, new_id(), f"Слово {number}") for number in range(MESSAGES_MAX + 20)]
    await home.services.messaging.send_batch(NOBODY, SendBatch(many))
    await say(home.services, anna, chat_id, "@boris, и вёсла")

    await home.hours(2)

    (text,) = home.texts
    assert "Рыбаки (новых: 2)\nanna: @boris, возьми лодку\nanna: @boris, и вёсла" in text


async def test_letters_come_though_the_clock_was_far_ahead_for_a_while(home: Home) -> None:
    """When they were chosen, when one was due, and when what they tell of was written."""
    anna, boris = await home.people("anna", "boris")
    chat_id = await direct(home.services, anna, boris)
    await say(home.services, boris, chat_id, "Привет")
    await home.hours(365 * 24)
    await home.digests.choose_digest(boris, HOURLY)
    await home.hours(1)
    await say(home.services, anna, chat_id, "Через год")
    await home.hours(-365 * 24)

    await home.hours(1.5)
    assert "Через год" in home.texts[0]

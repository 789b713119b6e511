"""A server's clock that is set back and forth: the order of a log is its places, and no time has a say in it."""

import msgspec
import pytest
from tests.services.messaging.chats import direct, group, log_of, say
from tests.services.messaging.dues import HOUR, Home
from tests.services.messaging.test_moving import move
from tests.services.messaging.test_topics import make, say_in, with_topics
from tests.waiting import until

from kaif.interfaces.messaging import ChatId, Entry, ListChats, ListEntries
from kaif.interfaces.messaging.actions import EditMessage, EditTooLate
from kaif.interfaces.messaging.administration import ChangeChat
from kaif.interfaces.messaging.dates import FindDate
from kaif.interfaces.messaging.errors import SlowMode
from kaif.interfaces.messaging.moving import MoveTooLate
from kaif.interfaces.messaging.news import ENTRIES, Delivery
from kaif.interfaces.messaging.vanishing import SetTimer
from kaif.kernel.actor import Actor
from kaif.kernel.clock import DAY_US, SECOND_US, as_datetime
from kaif.services.messaging import clock_store


async def test_sending_and_resuming_know_no_clock(home: Home) -> None:
    anna, boris = await home.services.newcomers("anna", "boris")
    chat_id = await direct(home.services, anna, boris)
    sent = []
    for jump_us in (0, -3 * HOUR, 400 * DAY_US, -500 * DAY_US, 1):
        home.moment[0] += jump_us
        sent += [await say(home.services, who, chat_id, f"После {jump_us}") for who in (anna, boris)]

    assert [entry.seq for entry in sent] == list(range(2, 12))
    for have in range(1, 12):
        page = await home.services.messaging.list_entries(boris, ListEntries(chat_id, after=have, limit=3))
        assert page.entries == sent[have - 1 : have + 2], "whoever resumes gets what follows, whenever it was written"


async def test_what_is_to_vanish_goes_no_earlier_by_a_clock_that_was_set_back_and_is_gone_in_the_end(
    home: Home,
) -> None:
    anna, boris = await home.services.newcomers("anna", "boris")
    chat_id = await direct(home.services, anna, boris)
    await home.services.vanishing.set_timer(anna, SetTimer(chat_id, 86_400))
    await say(home.services, anna, chat_id, "До")
    await home.come(-2 * HOUR)
    await say(home.services, anna, chat_id, "После")

    await home.come(DAY_US - 1)
    left = [entry for entry in await log_of(home.services, boris, chat_id) if entry.kind == "message"]
    assert not any(entry.deleted for entry in left)
    await home.come(2 * HOUR + 1)

    left = [entry for entry in await log_of(home.services, boris, chat_id) if entry.kind == "message"]
    assert all(entry.deleted for entry in left)


async def said_by_wrong_clocks(home: Home, anna: Actor, chat_id: ChatId) -> dict[str, int]:
    """Words an hour apart, by a clock that is now and then far ahead or behind; the places in which they stand."""
    places = {}
    for name, wrong_us in (
        ("first", 0),
        ("second", 0),
        ("ahead", 365 * DAY_US),
        ("third", 0),
        ("behind", -HOUR * 3 // 2),
        ("fourth", 0),
        ("last", 0),
    ):
        home.moment[0] += HOUR + wrong_us
        places[name] = (await say(home.services, anna, chat_id, name)).seq
        home.moment[0] -= wrong_us
    return places


async def test_a_day_is_found_beside_messages_of_clocks_that_were_wrong(home: Home) -> None:
    anna, boris = await home.services.newcomers("anna", "boris")
    chat_id = await direct(home.services, anna, boris)
    began_us = home.moment[0]
    places = await said_by_wrong_clocks(home, anna, chat_id)

    async def found(hours: float) -> str:
        at = as_datetime(began_us + int(hours * HOUR))
        seq = (await home.services.dates.find_date(boris, FindDate(chat_id, at))).seq
        return next(name for name, place in places.items() if place == seq)

    assert [await found(hours) for hours in (0, 1.5, 3.7, 5.5, 6.5)] == ["first", "second", "third", "fourth", "last"]
    assert await found(3.2) == "behind", "the nearest to what it says of itself"
    assert await found(9) == "ahead", "nothing else is from after that"
    # A chat's own time goes on in between, and the list of chats follows it.
    other = await direct(home.services, boris, (await home.services.newcomer("eve")))
    await say(home.services, boris, other, "Позже")
    listed = (await home.services.messaging.list_chats(boris, ListChats())).chats
    assert [chat.id for chat in listed] == [other, chat_id]


async def test_processes_whose_clocks_differ_by_seconds_write_times_that_never_go_back(home: Home) -> None:
    anna, boris = await home.services.newcomers("anna", "boris")
    chat_id = await direct(home.services, anna, boris)
    for ahead_s in (20, -20, 20, -20, 41):
        home.moment[0] += ahead_s * SECOND_US
        await say(home.services, anna, chat_id)

    times = [entry.at for entry in await log_of(home.services, boris, chat_id)]
    assert times == sorted(times)
    assert not await clock_store.jumps_of(home.services.database, chat_id)


async def test_of_clocks_that_never_agree_only_so_many_jumps_are_kept(home: Home) -> None:
    anna, boris = await home.services.newcomers("anna", "boris")
    chat_id = await direct(home.services, anna, boris)
    async with home.services.database.transaction() as tx:
        await clock_store.note(tx, [(chat_id, seq) for seq in range(100, 100 + clock_store.JUMPS_MAX)])
    await say(home.services, anna, chat_id)
    home.moment[0] -= HOUR
    await say(home.services, anna, chat_id)
    rows = await home.services.database.fetch(tuple, "SELECT seq FROM messaging_clock_jumps ORDER BY seq")
    assert len(rows) == clock_store.JUMPS_MAX


async def test_what_a_clock_far_ahead_wrote_vanishes_in_time(home: Home) -> None:
    """Once by what was written after it, and once with nothing after it."""
    anna, boris = await home.services.newcomers("anna", "boris")
    followed, alone = await direct(home.services, anna, boris), await group(home.services, anna, boris)
    for chat_id in (followed, alone):
        await home.services.vanishing.set_timer(anna, SetTimer(chat_id, 86_400))
    home.moment[0] += 365 * DAY_US
    for chat_id in (followed, alone):
        await say(home.services, anna, chat_id, "Через год")
    home.moment[0] += HOUR - 365 * DAY_US
    await say(home.services, anna, followed, "Сейчас")

    await home.come(DAY_US + 1)
    assert all(entry.deleted for entry in await home.said(boris, followed))
    await home.come(DAY_US)
    assert all(entry.deleted for entry in await home.said(boris, alone))


async def test_a_timer_that_was_set_by_a_clock_far_ahead_holds_by_the_right_one(home: Home) -> None:
    anna, boris = await home.services.newcomers("anna", "boris")
    chat_id = await direct(home.services, anna, boris)
    home.moment[0] += 365 * DAY_US
    await home.services.vanishing.set_timer(anna, SetTimer(chat_id, 86_400))
    await home.come(-365 * DAY_US)
    await say(home.services, anna, chat_id)

    await home.come(DAY_US - 1)
    assert not any(entry.deleted for entry in await home.said(boris, chat_id))
    await home.come(2)
    assert all(entry.deleted for entry in await home.said(boris, chat_id))


async def test_nobody_waits_a_year_to_write_or_may_edit_for_a_year_by_a_clock_that_was_ahead(home: Home) -> None:
    anna, boris = await home.services.newcomers("anna", "boris")
    chat_id = await group(home.services, anna, boris)
    await home.services.administration.change_chat(anna, ChangeChat(chat_id, slow_mode_s=60))
    home.moment[0] += 365 * DAY_US
    early = await say(home.services, boris, chat_id, "Через год")
    home.moment[0] -= 365 * DAY_US

    await say(home.services, boris, chat_id, "Сейчас")
    with pytest.raises(SlowMode):
        await say(home.services, boris, chat_id, "И сразу снова")
    await home.services.actions.edit_message(boris, EditMessage(chat_id, early.seq, "Уже сейчас"))
    home.moment[0] += 3 * DAY_US
    with pytest.raises(EditTooLate):
        await home.services.actions.edit_message(boris, EditMessage(chat_id, early.seq, "Поздно"))


async def test_one_moves_ones_own_no_longer_by_a_clock_that_was_ahead_and_the_line_bears_the_logs_time(
    home: Home,
) -> None:
    services = home.services
    chat_id, (anna, boris) = await with_topics(services, "anna", "boris")
    boats, fish = await make(services, anna, chat_id), await make(services, anna, chat_id)
    announced: list[Entry] = []

    def hear(payload: bytes) -> None:
        for news in msgspec.msgpack.decode(payload, type=list[Delivery]):
            announced.extend(msgspec.json.decode(entry, type=Entry) for entry in news.entries)

    await services.cache.subscribe(ENTRIES, hear)
    home.moment[0] -= 20 * SECOND_US
    own = await say_in(services, boris, chat_id, boats)
    await move(services, boris, chat_id, fish, own)
    log = await log_of(services, boris, chat_id)
    assert log[-1].kind == "topic_moved"
    assert log[-1].at == log[-2].at
    await until(lambda: bool(announced) and announced[-1].seq == log[-1].seq)
    assert announced[-1] == log[-1]

    home.moment[0] += 365 * DAY_US
    early = await say_in(services, boris, chat_id, boats)
    home.moment[0] -= 365 * DAY_US
    await say_in(services, anna, chat_id, boats)
    await move(services, boris, chat_id, fish, early)
    home.moment[0] += 3 * DAY_US
    with pytest.raises(MoveTooLate):
        await move(services, boris, chat_id, boats, early)

"""A server's clock that is set back and forth: the order of a log is its places, and no time has a say in it."""

from tests.services.messaging.chats import direct, log_of, say
from tests.services.messaging.dues import HOUR, Home

from kaif.interfaces.messaging import ListEntries
from kaif.interfaces.messaging.vanishing import SetTimer
from kaif.kernel.clock import DAY_US


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

"""When people were here last: exactly to those who see each other, about when to others, never of bots."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from tests.harness import Services
from tests.services.messaging.bots import a_bot
from tests.services.messaging.chats import direct, group, say
from tests.services.messaging.dues import Home
from tests.waiting import eventually, until

from kaif.engines.cache.memory import MemoryCache
from kaif.gateway.last_seen import LastSeenNotes
from kaif.gateway.presence import PresenceBoard
from kaif.interfaces.auth import Nothing, Person, PersonNotFound
from kaif.interfaces.messaging import PRESENCE, AddMembers
from kaif.interfaces.messaging.last_seen import About, NoteSeen, Seen
from kaif.interfaces.messaging.privacy import Audience, ChangePrivacy, OfPerson
from kaif.interfaces.personal_data import PersonErased
from kaif.kernel.actor import NOBODY, Actor, UserId
from kaif.kernel.clock import DAY_US, MINUTE_US, as_datetime, as_us
from kaif.kernel.errors import Unavailable
from kaif.kernel.ids import new_id
from kaif.services.messaging.reactions import Reactions


async def note(services: Services, *people: Actor) -> None:
    await services.last_seen.note_seen(NOBODY, NoteSeen([one.user_id for one in people]))


async def seen(services: Services, actor: Actor, other: Actor) -> Seen:
    return await services.last_seen.get_last_seen(actor, OfPerson(other.user_id))


async def show(services: Services, actor: Actor, audience: Audience) -> None:
    await services.privacy.change_privacy(actor, ChangePrivacy(online=audience))


async def test_those_who_see_each_other_learn_the_minute_and_it_never_goes_back(home: Home) -> None:
    services = home.services
    anna, boris = await services.newcomers("anna", "boris")
    await direct(services, anna, boris)
    assert (await seen(services, boris, anna)).about == "long"
    at_us = home.moment[0]
    await note(services, anna)

    # A clock that is set back, or another gateway's older word.
    home.moment[0] -= 10 * MINUTE_US
    await note(services, anna)
    home.moment[0] += 40 * MINUTE_US
    found = await seen(services, boris, anna)

    assert found == Seen(anna.user_id, False, as_datetime(at_us - at_us % MINUTE_US), "recently")
    await services.cache.touch(PRESENCE, [anna.user_id], "a gateway", 60_000)
    assert (await seen(services, boris, anna)).online


async def test_who_hides_it_sees_nobodys_and_others_learn_only_about_when(home: Home) -> None:
    services = home.services
    anna, boris = await services.newcomers("anna", "boris")
    await direct(services, anna, boris)
    await note(services, anna, boris)
    await services.cache.touch(PRESENCE, [anna.user_id, boris.user_id], "a gateway", 60_000)
    await show(services, anna, "nobody")

    steps: list[tuple[int, About]] = [(0, "recently"), (3, "recently"), (1, "week"), (4, "month"), (23, "long")]
    for days, about in steps:
        home.moment[0] += days * DAY_US
        for one, other in ((anna, boris), (boris, anna)):
            assert await seen(services, one, other) == Seen(other.user_id, False, None, about)
    await show(services, anna, "everybody")
    assert (await seen(services, boris, anna)).at


async def test_acquaintances_alone_where_that_is_chosen_and_none_across_a_block(home: Home) -> None:
    services = home.services
    anna, boris, vera = await services.newcomers("anna", "boris", "vera")
    await note(services, anna, boris, vera)
    await show(services, anna, "acquaintances")
    chat_id = await direct(services, boris, anna)
    await say(services, boris, chat_id)

    assert (await seen(services, boris, anna)).at is None, "a stranger waits for an answer"
    assert (await seen(services, anna, boris)).at is None, "it is mutual"
    await say(services, anna, chat_id)
    assert (await seen(services, boris, anna)).at
    assert (await seen(services, vera, anna)).at is None
    await group(services, anna, vera)
    assert (await seen(services, vera, anna)).at

    await services.privacy.block_person(anna, OfPerson(boris.user_id))
    for one, other in ((anna, boris), (boris, anna)):
        assert await seen(services, one, other) == Seen(other.user_id, False, None, "long")


async def test_nothing_is_told_of_bots_nor_of_the_erased_and_ones_own_data_has_it(small_home: Home) -> None:
    services = small_home.services
    anna, boris = await services.newcomers("anna", "boris")
    chat_id = await direct(services, anna, boris)
    await say(services, anna, chat_id)
    bot = await a_bot(services)
    await note(services, anna, bot)

    await services.messaging.add_members(anna, AddMembers(await group(services, anna), [bot.user_id]))
    assert await seen(services, anna, bot) == Seen(bot.user_id, False, None, None)
    with pytest.raises(PersonNotFound):
        await services.last_seen.get_last_seen(anna, OfPerson(UserId(new_id())))
    own = await services.own_data.export_own_messaging_data(anna, Nothing())
    assert own.last_seen_at and as_us(own.last_seen_at) == small_home.moment[0]
    nameless = Person(anna.user_id, f"deleted-{anna.user_id}", "Удалённый аккаунт", None)
    await Reactions(services.database).forget_person(PersonErased(erasure_id=new_id(), remains=nameless))
    # Their gateway has its word as well, moments later.
    await note(services, anna)
    assert await seen(services, boris, anna) == Seen(anna.user_id, False, None, None)
    left: list[tuple[str]] = await services.database.fetch(tuple, "SELECT user_id FROM messaging_last_seen")
    assert left == [(bot.user_id,)]


class Told:
    """Messaging, as gateways tell it who was here."""

    def __init__(self) -> None:
        self.calls: list[list[UserId]] = []
        self.is_down = False

    async def get_last_seen(self, actor: Actor, request: OfPerson) -> Seen:
        raise NotImplementedError

    async def note_seen(self, actor: Actor, request: NoteSeen) -> Nothing:
        if self.is_down:
            raise Unavailable
        self.calls.append(sorted(request.user_ids))
        return Nothing()


@asynccontextmanager
async def noting(told: Told, staying_every_s: float) -> AsyncIterator[PresenceBoard]:
    cache = MemoryCache()
    board = PresenceBoard(cache)
    notes = LastSeenNotes(told, board, gather_s=0.01, staying_every_s=staying_every_s)
    await board.start(lambda user_id, online, watchers: None)
    notes.start()
    try:
        yield board
    finally:
        await notes.close()
        await board.close()
        await cache.close()


async def test_a_gateway_writes_down_those_who_leave_together_and_once_more_at_its_end() -> None:
    told, one, two, three = Told(), *(UserId(new_id()) for _ in range(3))
    async with noting(told, staying_every_s=3600) as board:
        for user_id in (one, two, three):
            await board.arrive(user_id)
        told.is_down = True
        for user_id in (one, two, one):
            board.leave_soon(user_id, is_back=lambda user_id: False)
        await asyncio.sleep(0.05)
        told.is_down = False
        await until(lambda: bool(told.calls))
        await asyncio.sleep(0.05)
        assert told.calls == [sorted((one, two))], "they wait for messaging, once, and nobody who stays is written down"
    assert three in told.calls[-1]


async def test_whoever_stays_is_written_down_from_time_to_time_lest_the_gateway_dies() -> None:
    told, one = Told(), UserId(new_id())
    async with noting(told, staying_every_s=0.03) as board:
        await board.arrive(one)
        await eventually(lambda: _written(told, [one]))


async def _written(told: Told, who: list[UserId]) -> bool:
    return told.calls.count(who) >= 2

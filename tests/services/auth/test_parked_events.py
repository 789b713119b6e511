"""Events that nobody could digest wait for an operator, who has them tried again or drops them."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.services.auth.accounts import AUDITOR, actor_of, register
from tests.services.auth.home import Home, at_home
from tests.waiting import eventually

from kaif.engines.bus.store import Parked, park
from kaif.interfaces.auth import Nothing, Tokens
from kaif.interfaces.auth.accounts import PasswordForgotten
from kaif.interfaces.auth.audit import ListAudit
from kaif.interfaces.auth.parked_events import EventNotParked, ParkedEvent, ThatEvent
from kaif.kernel.errors import MissingPermission


@pytest.fixture
async def owner(home: Home) -> AsyncIterator[Tokens]:
    yield (await home.owner_and("anna"))[0]


async def set_aside(home: Home, id: int, body: str, name: str = PasswordForgotten.name) -> ThatEvent:
    """As the bus does with what fails for good."""
    parked = Parked("auth.resets", id, name, "anna@example.org", body, "ValueError: no", 6, 1_700_000_000_000_000)
    async with home.database.transaction() as tx:
        await park(tx, parked)
    return ThatEvent(parked.consumer, parked.id)


async def listed(home: Home, owner: Tokens) -> list[ParkedEvent]:
    return (await home.parked_events.list_parked_events(actor_of(owner), Nothing())).events


async def test_an_event_that_was_mended_is_digested_when_it_is_tried_again(home: Home, owner: Tokens) -> None:
    that = await set_aside(home, 7, '{"email":"anna@example.org"}')
    [event] = await listed(home, owner)
    assert (event.consumer, event.event_id, event.error, event.retrying) == ("auth.resets", 7, "ValueError: no", False)

    await home.parked_events.retry_parked_event(actor_of(owner), that)

    assert "/reset#" in (await home.letter("anna@example.org", 2)).text
    await eventually(lambda: is_listed(home, owner, 0))


async def test_what_fails_again_stays_with_its_new_error(home: Home, owner: Tokens) -> None:
    that = await set_aside(home, 7, '{"e":1}')

    await home.parked_events.retry_parked_event(actor_of(owner), that)

    async def failed() -> bool:
        [event] = await listed(home, owner)
        return event.attempts == 7 and not event.retrying and "email" in event.error

    await eventually(failed)


async def is_listed(home: Home, owner: Tokens, count: int) -> bool:
    return len(await listed(home, owner)) == count


async def test_what_is_dropped_is_gone_and_stands_in_the_log(home: Home, owner: Tokens) -> None:
    that = await set_aside(home, 7, '{"email":"anna@example.org"}')

    await home.parked_events.drop_parked_event(actor_of(owner), that)

    assert await listed(home, owner) == []
    for again in (home.parked_events.drop_parked_event, home.parked_events.retry_parked_event):
        with pytest.raises(EventNotParked):
            await again(actor_of(owner), that)
    newest = (await home.audit.list_audit(AUDITOR, ListAudit(limit=1))).entries[0]
    assert (newest.action, newest.actor_id) == ("event_dropped", owner.user.id)
    assert newest.details == {"consumer": "auth.resets", "event": PasswordForgotten.name, "id": 7}


async def test_the_list_is_bounded_and_says_that_there_is_more(home: Home, owner: Tokens) -> None:
    for id in range(1, 202):
        await set_aside(home, id, "{}")

    found = await home.parked_events.list_parked_events(actor_of(owner), Nothing())

    assert (len(found.events), found.more) == (200, True)


async def test_only_who_manages_events_sees_and_moves_them(home: Home, owner: Tokens) -> None:
    that = await set_aside(home, 7, '{"email":"anna@example.org"}')
    boris = actor_of(await register(home.auth, "boris"))

    for attempt in (
        home.parked_events.list_parked_events(boris, Nothing()),
        home.parked_events.retry_parked_event(boris, that),
        home.parked_events.drop_parked_event(boris, that),
    ):
        with pytest.raises(MissingPermission):
            await attempt
    assert await is_listed(home, owner, 1)


async def test_what_the_event_says_is_not_shown(tmp_path: Path) -> None:
    async with at_home(tmp_path, f"sqlite:{tmp_path / 'kaif.db'}") as home:
        owner, _ = await home.owner_and("anna")
        await set_aside(home, 7, '{"email":"anna@example.org"}')

        assert "anna@" not in repr(await listed(home, owner))

"""What is looked after again and again goes on whatever happens, and says so without saying it a thousand times."""

import asyncio
import logging
from collections.abc import AsyncIterator

import pytest
from tests.waiting import until

from kaif.kernel.background import Background


@pytest.fixture
async def background() -> AsyncIterator[Background]:
    background = Background()
    yield background
    await background.close()


async def test_what_fails_is_tried_again_and_said_once_until_it_goes_well(
    background: Background, caplog: pytest.LogCaptureFixture
) -> None:
    goes_well = iter([False, False, True, False])
    looks = 0

    async def look() -> float:
        nonlocal looks
        looks += 1
        if not next(goes_well, True):
            raise OSError("away")
        return 0

    with caplog.at_level(logging.WARNING):
        background.repeat(look, "letters wait", 0.001)
        await until(lambda: looks > 10)

    assert [record.getMessage() for record in caplog.records] == ["letters wait: OSError: away"] * 2


async def test_whoever_wakes_it_is_heard_even_while_it_looks(background: Background) -> None:
    looks, woken, held = 0, asyncio.Event(), asyncio.Event()

    async def look() -> float:
        nonlocal looks
        looks += 1
        await held.wait()
        return 3600

    background.repeat(look, "nothing", 3600, woken)
    await until(lambda: looks == 1)
    woken.set()
    held.set()
    await until(lambda: looks == 2)
    await asyncio.sleep(0.01)
    assert looks == 2, "once for each time"
    woken.set()
    await until(lambda: looks == 3)


async def test_where_there_is_always_more_to_do_others_have_their_turn_and_an_end_is_an_end() -> None:
    background, looks = Background(), 0

    async def look() -> float:
        nonlocal looks
        looks += 1
        return 0

    background.repeat(look, "nothing", 0)
    await until(lambda: looks > 5)
    await background.close()
    ended = looks
    await asyncio.sleep(0.01)

    assert looks == ended


async def test_a_task_that_loses_a_cancellation_is_cancelled_again() -> None:
    """As a library in between may make it do."""
    background, lost = Background(), 0

    async def go_on() -> None:
        nonlocal lost
        while True:
            try:
                await asyncio.sleep(60)
            except asyncio.CancelledError:
                if lost:
                    raise
                lost += 1

    background.run(go_on())
    await asyncio.sleep(0)

    async with asyncio.timeout(5):
        await background.close()

    assert lost == 1


async def test_a_task_that_tidies_up_is_given_the_time() -> None:
    background, tidy = Background(), []

    async def go_on() -> None:
        try:
            await asyncio.sleep(60)
        finally:
            await asyncio.sleep(0.2)
            tidy.append(True)

    background.run(go_on())
    await asyncio.sleep(0)
    await background.close()

    assert tidy == [True]

"""Tasks that nobody waits for end when they are asked to."""

import asyncio

from kaif.kernel.background import Background


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

"""Where the operator wants puzzles, a browser solves them and nobody has to look."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest_asyncio
from playwright.async_api import Browser
from tests.harness import Server, running_server
from tests.journeys.browser import ANNA, BORIS, Windows, make_accounts
from tests.journeys.conftest import complaints_of
from tests.journeys.test_second_factor import forgive_refusals


@pytest_asyncio.fixture(loop_scope="session")
async def guarded(tmp_path: Path) -> AsyncIterator[Server]:
    async with running_server(tmp_path, KAIF_CAPTCHA="altcha") as server:
        yield server


async def test_people_sign_up_without_seeing_the_puzzle_that_their_browser_solves(
    browser: Browser, guarded: Server
) -> None:
    await make_accounts(guarded.url, guarded.setup_code, ANNA)
    windows = Windows(browser, guarded.url)
    boris = await windows.open()

    await boris.sign_up(BORIS)

    forgive_refusals(boris)
    windows.assert_no_complaints()
    await windows.close()
    assert not complaints_of(guarded)

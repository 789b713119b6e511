"""A running system in either shape, and windows onto it."""

import asyncio
import inspect
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser
from tests.harness import Server, Split, running_server, running_split
from tests.journeys.browser import Windows, chromium, find_chromium

Place = Server | Split

# For tests that the shape makes no difference to.
embedded = pytest.mark.parametrize("place", ["embedded"], indirect=True)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """One loop for all journeys of a process, for a browser belongs to the loop in which it was started."""
    for item in items:
        if Path(__file__).parent in item.path.parents and pytest_asyncio.is_async_test(item):
            item.add_marker(pytest.mark.asyncio(loop_scope="session"), append=False)


@pytest_asyncio.fixture(autouse=True, loop_scope="session")
async def nothing_goes_on() -> AsyncIterator[None]:
    """What a journey has left running ends with it, as it would with a loop of its own."""
    yield
    left = [task for task in asyncio.all_tasks() if _is_ours(task) and task is not asyncio.current_task()]
    for task in left:
        task.cancel()
    await asyncio.gather(*left, return_exceptions=True)


def _is_ours(task: asyncio.Task[object]) -> bool:
    coroutine = task.get_coro()
    return inspect.iscoroutine(coroutine) and str(Path(__file__).parents[1]) in coroutine.cr_code.co_filename


@pytest_asyncio.fixture(params=["embedded", "split"], loop_scope="session")
async def place(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Place]:
    """The whole system: one process on SQLite, or four on PostgreSQL and Redis."""
    if request.param == "embedded":
        async with running_server(tmp_path) as server:
            yield server
    else:
        urls = request.getfixturevalue("migrated_postgres_url"), request.getfixturevalue("redis_url")
        async with running_split(tmp_path, *urls) as split:
            yield split


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def shared_browser() -> AsyncIterator[Browser]:
    """Windows of different contexts share nothing, so one serves many tests."""
    async with chromium(find_chromium()) as browser:
        yield browser


@pytest_asyncio.fixture(loop_scope="session")
async def browser(shared_browser: Browser) -> AsyncIterator[Browser]:
    yield shared_browser
    for context in shared_browser.contexts:
        await context.close()


@pytest_asyncio.fixture(loop_scope="session")
async def windows(browser: Browser, place: Place) -> AsyncIterator[Windows]:
    """Windows onto the place; whatever one of them, or the server, complains of is a failure."""
    windows = Windows(browser, place.url)
    yield windows
    windows.assert_no_complaints()
    await windows.close()
    assert not complaints_of(place)


def complaints_of(place: Place) -> str:
    """What the server's processes wrote to standard error, reports of its content security policy among them."""
    children = place.children if isinstance(place, Split) else [place]
    return "".join(child.complaints() for child in children)

"""A running system in either shape, and windows onto it."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from playwright.async_api import Browser
from tests.harness import Server, Split, running_server, running_split
from tests.journeys.browser import Windows, connected, running_chromium

Place = Server | Split

# For tests that the shape makes no difference to.
embedded = pytest.mark.parametrize("place", ["embedded"], indirect=True)


@pytest.fixture(params=["embedded", "split"])
async def place(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Place]:
    """The whole system: one process on SQLite, or four on PostgreSQL and Redis."""
    if request.param == "embedded":
        async with running_server(tmp_path) as server:
            yield server
    else:
        urls = request.getfixturevalue("migrated_postgres_url"), request.getfixturevalue("redis_url")
        async with running_split(tmp_path, *urls) as split:
            yield split


@pytest.fixture(scope="session")
def chromium_address() -> Iterator[str]:
    with running_chromium() as address:
        yield address


@pytest.fixture
async def browser(chromium_address: str) -> AsyncIterator[Browser]:
    async with connected(chromium_address) as browser:
        yield browser


@pytest.fixture
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

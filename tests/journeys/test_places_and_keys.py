"""In a browser: where sessions were opened, and an operator who revokes somebody's API key."""

import re
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest_asyncio
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Browser, expect
from tests.atlas import KAZAN, write_atlas
from tests.harness import Person, Server, running_server
from tests.journeys.browser import ANNA, BORIS, NARROW, Window, Windows, make_accounts
from tests.journeys.conftest import complaints_of
from tests.journeys.looks import GRAVE
from tests.journeys.test_operator import open_person, see, sees_in_log


@pytest_asyncio.fixture(loop_scope="session")
async def server(tmp_path: Path) -> AsyncIterator[Server]:
    """On a machine that its atlas has in Kazan."""
    atlas = write_atlas(tmp_path / "city.mmdb", ("127.0.0.0/8", KAZAN))
    async with running_server(tmp_path, KAIF_GEOIP=str(atlas)) as server:
        yield server


@pytest_asyncio.fixture(loop_scope="session")
async def windows(browser: Browser, server: Server) -> AsyncIterator[Windows]:
    windows = Windows(browser, server.url)
    yield windows
    windows.assert_no_complaints()
    await windows.close()
    assert not complaints_of(server)


async def is_sound(window: Window) -> None:
    """For screen readers, and no wider than the window."""
    found = (await Axe().run(window.page)).response["violations"]
    assert not [each["id"] for each in found if each["impact"] in GRAVE]
    root = "document.documentElement"
    assert await window.page.evaluate(f"{root}.scrollWidth <= {root}.clientWidth")


async def key_of(server: Server, username: str) -> dict[str, str]:
    person = await Person(server.url, username).log_in()
    wanted = {"name": "Погодный бот", "scopes": ["auth.read_profile"], "days": 90}
    answer = await person.http.post("/v1/auth/api-keys", json=wanted)
    assert answer.status_code == 201, answer.text
    return {"Authorization": f"Bearer {answer.json()['secret']}"}


async def test_people_see_where_their_sessions_are_in_their_language(server: Server, windows: Windows) -> None:
    await make_accounts(server.url, server.setup_code, ANNA)
    russian, english = await windows.open(NARROW), await windows.open(locale="en-GB")

    for window, place in ((russian, "Казань, Россия"), (english, "Kazan, Russia")):
        await window.sign_in(ANNA.username)
        await window.page.goto("/settings/security")
        here = window.page.get_by_role("listitem").filter(has_text=place)
        await expect(here).not_to_have_count(0)
        await expect(here.first).to_contain_text(re.compile(rf"127\.[0-9.]+ \({place}\), "))
        await is_sound(window)


async def test_an_operator_sees_a_persons_key_and_revokes_it(server: Server, windows: Windows) -> None:
    await make_accounts(server.url, server.setup_code, ANNA, BORIS)
    key = await key_of(server, BORIS.username)
    window = await windows.open()
    await window.sign_in(ANNA.username)
    await window.page.goto("/operator")
    await open_person(window, BORIS)
    card = window.page.get_by_role("region", name="Ключи API")
    await expect(card.get_by_text("Погодный бот")).to_be_visible()
    await expect(window.page.get_by_text("Казань, Россия").first).to_be_visible()
    await is_sound(window)
    await window.page.set_viewport_size({"width": NARROW[0], "height": NARROW[1]})
    await is_sound(window)
    await window.page.set_viewport_size({"width": 1280, "height": 800})

    await card.get_by_role("button", name="Отозвать ключ «Погодный бот»").click()
    await expect(window.dialog.get_by_text("Владельцу придёт письмо")).to_be_visible()
    await window.dialog.get_by_role("button", name="Отозвать").click()

    await expect(window.page.get_by_role("status").filter(has_text="отозван")).to_be_visible()
    await expect(card).to_have_count(0)
    await sees_in_log(window, f"{ANNA.name} отзывает ключ API: {BORIS.name}")
    async with httpx.AsyncClient(base_url=server.url, trust_env=False) as http:
        assert (await http.get("/v1/auth/me", headers=key)).status_code == 401
    await see(window, "Журнал")
    await sees_in_log(window, "отзывает ключ API")

"""A window without a network: what it missed comes back once and in order, what was written there goes out once."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest_asyncio
from playwright.async_api import async_playwright, expect
from tests.harness import Person, Server
from tests.journeys.browser import ANNA, ARGUMENTS, BORIS, Window, Windows, find_chromium, make_accounts, opened_window
from tests.journeys.cable import Cable, laid_cable
from tests.journeys.conftest import Place, embedded

MISSED = 500

# Walks the virtualised log from its top to its end and notes every row that passes by.
WALK = """
async () => {
  const log = document.querySelector('[role=log]')
  const frame = () => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))
  const rows = new Map()
  const look = () => {
    for (const row of log.querySelectorAll('[data-seq]')) {
      rows.set(Number(row.dataset.index), Number(row.dataset.seq))
    }
  }
  const scrollTo = async (top) => {
    // The log tells a reader's own way up from its rows' growth by what moves it.
    log.dispatchEvent(new WheelEvent('wheel', { bubbles: true }))
    log.scrollTop = top
    await frame()
  }
  let top = -1
  // Reaching the top loads older pages, which push the rows down.
  for (let calm = 0; calm < 20; ) {
    const first = log.querySelector('[data-index="0"]')?.dataset.seq
    calm = first === '1' && log.scrollTop === 0 ? calm + 1 : 0
    await scrollTo(0)
  }
  while (log.scrollTop !== top) {
    look()
    top = log.scrollTop
    await scrollTo(top + log.clientHeight / 2)
  }
  look()
  return [...rows].sort((a, b) => a[0] - b[0]).map(([, seq]) => seq)
}
"""


@asynccontextmanager
async def signed_in(place: Place, username: str) -> AsyncIterator[Person]:
    """The same account without a browser."""
    person = Person(place.url, username)
    try:
        yield await person.log_in()
    finally:
        await person.close()


@pytest_asyncio.fixture(loop_scope="session")
async def cable(place: Place) -> AsyncIterator[Cable]:
    assert isinstance(place, Server)
    async with laid_cable(place.host, place.port) as cable:
        yield cable


async def go_offline(window: Window, cable: Cable) -> None:
    """The browser is told so, and what was open is cut besides: some networks die without a word."""
    cable.cut()
    await window.context.set_offline(True)


async def come_back(window: Window, cable: Cable) -> None:
    cable.mend()
    await window.context.set_offline(False)


@embedded
async def test_a_window_that_missed_500_messages_shows_each_once_and_in_order(
    place: Place, cable: Cable, windows: Windows
) -> None:
    await make_accounts(place.url, place.setup_code, ANNA, BORIS)
    windows.url = cable.url
    anna = await windows.open()
    await anna.sign_in(ANNA.username)
    await anna.start_chat(BORIS)
    await anna.say("Я на связи")
    await anna.see_state("Я на связи", "sent")

    async with signed_in(place, BORIS.username) as boris:
        await boris.connect()
        chat_id = (await boris.get("/v1/messaging/chats"))["chats"][0]["id"]
        await go_offline(anna, cable)
        await anna.say("Я в туннеле")
        await anna.see_state("Я в туннеле", "pending")
        for number in range(MISSED):
            await boris.send(chat_id, f"Пропущенное {number}")
        await boris.everything_is_acknowledged()
        await come_back(anna, cable)

        await anna.see_state("Я в туннеле", "sent")
        log = await boris.history(chat_id)
        shown = await anna.page.evaluate(WALK)

    assert shown == [entry["seq"] for entry in log] == list(range(1, MISSED + 4))
    assert [entry["text"] for entry in log if entry["kind"] == "message"].count("Я в туннеле") == 1
    forgive_the_cut(anna)


def forgive_the_cut(window: Window) -> None:
    """A browser notes every connection that fails; that is what was asked of it."""
    window.complaints[:] = [complaint for complaint in window.complaints if "net::ERR_" not in complaint]


@embedded
async def test_an_unsent_message_survives_a_reload_and_goes_out_once(
    place: Place, cable: Cable, windows: Windows
) -> None:
    await make_accounts(place.url, place.setup_code, ANNA, BORIS)
    windows.url = cable.url
    anna = await windows.open()
    await anna.sign_in(ANNA.username)
    await anna.start_chat(BORIS)
    await anna.page.evaluate("navigator.serviceWorker.ready.then(() => undefined)")
    await go_offline(anna, cable)
    await anna.say("Не потеряйся")

    await anna.page.reload()
    await anna.see_state("Не потеряйся", "pending")
    await expect(anna.page.get_by_text("Нет сети")).to_be_visible()
    await come_back(anna, cable)

    await anna.see_state("Не потеряйся", "sent")
    await expect(anna.page.get_by_text("Нет сети")).to_have_count(0)
    async with signed_in(place, BORIS.username) as boris:
        (chat,) = (await boris.get("/v1/messaging/chats"))["chats"]
        assert [entry.get("text") for entry in await boris.history(chat["id"])] == [None, "Не потеряйся"]
    forgive_the_cut(anna)


@embedded
async def test_the_client_can_be_installed_and_opens_without_a_network(place: Place, tmp_path: Path) -> None:
    await make_accounts(place.url, place.setup_code, ANNA)
    # Windows without a history of their own are never offered an installation.
    async with async_playwright() as playwright:
        context = await playwright.chromium.launch_persistent_context(
            tmp_path / "profile", executable_path=find_chromium(), args=ARGUMENTS, base_url=place.url, locale="ru-RU"
        )
        try:
            anna = await opened_window(context)
            await anna.sign_in(ANNA.username)
            await anna.page.evaluate("navigator.serviceWorker.ready.then(() => undefined)")
            devtools = await context.new_cdp_session(anna.page)
            answer = await devtools.send("Page.getInstallabilityErrors")
            assert answer["installabilityErrors"] == []

            await context.set_offline(True)
            await anna.page.goto(f"{place.url}/settings")
            await expect(anna.page.get_by_role("heading", name="Настройки")).to_be_visible()
            await expect(anna.page.get_by_text(ANNA.name).first).to_be_visible()
        finally:
            await context.close()

"""A window without a network: what it missed comes back once and in order, what was written there goes out once."""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest_asyncio
from playwright.async_api import async_playwright, expect
from tests.harness import Person, Server
from tests.journeys.browser import (
    ANNA,
    ARGUMENTS,
    BORIS,
    VERA,
    WIDE,
    Human,
    Window,
    Windows,
    find_chromium,
    make_accounts,
    opened_window,
)
from tests.journeys.cable import Cable, laid_cable
from tests.journeys.conftest import Place, embedded

from kaif.client import Client, Tokens

MISSED = 10_000
# Sees so much at once that walking through it all takes seconds.
TALL = (1280, 4000)

# Walks down the virtualised log, from its top to the end of the chat, and notes every message that passes by.
WALK = """
async () => {
  const log = document.querySelector('[role=log]')
  const frame = () => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))
  const messages = new Map()
  const look = () => {
    for (const row of log.querySelectorAll('[data-seq]'))
      messages.set(Number(row.dataset.seq), row.querySelector('.text')?.textContent ?? '')
  }
  const scrollTo = async (top) => {
    // The log tells a reader's own way up from its rows' growth by what moves it.
    log.dispatchEvent(new WheelEvent('wheel', { bubbles: true }))
    log.scrollTop = top
    await frame()
  }
  await scrollTo(0)
  // At its lower edge the log waits for what is on its way.
  for (let calm = 0; calm < 30; ) {
    look()
    const top = log.scrollTop
    await scrollTo(top + log.clientHeight)
    calm = log.scrollTop === top ? calm + 1 : 0
  }
  return [...messages].sort((a, b) => a[0] - b[0])
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
async def test_one_of_three_windows_leaves_for_ten_thousand_entries_and_has_the_same_log_as_the_server(
    place: Place, cable: Cable, windows: Windows
) -> None:
    """All are talking, the SDK too. Who comes back stays where they were reading, and reads on from there."""
    await make_accounts(place.url, place.setup_code, ANNA, BORIS, VERA)
    async with (
        signed_in(place, ANNA.username) as listener,
        signed_in(place, BORIS.username) as boris,
        signed_in(place, VERA.username) as vera,
    ):
        chat_id = await vera.group("Берег", listener, boris)
        anna, *others = await asyncio.gather(
            opened_at(windows, cable.url, ANNA, chat_id, TALL),
            opened_at(windows, place.url, BORIS, chat_id),
            opened_at(windows, place.url, VERA, chat_id),
        )
        async with Client(place.url, tokens=Tokens(vera.access_token, vera.refresh_token)) as sdk:
            first = await sdk.send(chat_id, "Опечатка")
            gone = await sdk.send(chat_id, "Лишнее")
            await anna.say("Я на связи")
            for window in (anna, *others):
                await window.see_message("Я на связи")
            await others[0].say("И я")
            await anna.see_message("И я")

            await go_offline(anna, cable)
            await anna.say("Я в туннеле")
            await anna.see_state("Я в туннеле", "pending")
            missed = await asyncio.gather(*[sdk.send(chat_id, f"Пропущенное {number}") for number in range(MISSED)])
            await others[1].say("Вера пишет")
            # Nobody at the end is carried past what they had no time to read.
            await expect(others[0].log.locator(".unread")).to_be_in_viewport()
            await others[0].page.locator("button.down").click()
            await others[0].see_message("Вера пишет")
            for known in (first, missed[0], missed[7000]):
                await vera.post(f"/v1/messaging/chats/{chat_id}/messages/{known.seq}/edit", text="Поправлено")
            seqs = [gone.seq, missed[5].seq, missed[9000].seq]
            deleting = f"/v1/messaging/chats/{chat_id}/messages/delete"
            answer = await vera.http.post(deleting, json={"seqs": seqs, "for_everyone": True})
            assert answer.is_success, answer.text
            await come_back(anna, cable)

            # What is new begins below what was read last, which says by now what it says to everybody.
            await expect(anna.log.locator(".unread")).to_be_in_viewport()
            await expect(anna.message("И я")).to_be_in_viewport()
            await expect(anna.message("Поправлено").first).to_be_visible()
            await expect(anna.message("Лишнее")).to_have_count(0)
            await expect(anna.page.locator("button.down")).to_have_text(re.compile(r"(9|10).\d{3} новых"))
            shown = await anna.page.evaluate(WALK)
            log = await listener.history(chat_id)

    expected = {entry["seq"]: entry.get("text", "") for entry in log if entry["kind"] == "message"}
    assert {seq: text for seq, text in shown if seq in expected} == expected
    assert sorted(expected) == [seq for seq, _ in shown if seq in expected], "each once and in order"
    assert list(expected.values()).count("Я в туннеле") == 1
    await expect(anna.unread("Берег")).to_have_count(0)
    forgive_the_cut(anna)


async def opened_at(windows: Windows, url: str, human: Human, chat_id: str, size: tuple[int, int] = WIDE) -> Window:
    window = await windows.open(size, at=url)
    await window.sign_in(human.username)
    await window.page.goto(f"/chat/{chat_id}")
    await expect(window.composer).to_be_visible()
    return window


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
async def test_what_is_written_where_nothing_could_be_loaded_is_seen_while_it_waits(
    place: Place, cable: Cable, windows: Windows
) -> None:
    await make_accounts(place.url, place.setup_code, ANNA, BORIS)
    async with signed_in(place, ANNA.username) as person, signed_in(place, BORIS.username) as boris:
        await boris.post_message(await boris.direct_chat(person), "Ты где?")
        windows.url = cable.url
        anna = await windows.open()
        await anna.sign_in(ANNA.username)
        await expect(anna.row(BORIS.name)).to_be_visible()
        await go_offline(anna, cable)

        await anna.open_chat(BORIS.name)
        await expect(anna.page.get_by_role("button", name="Повторить")).to_be_visible()
        await anna.say("В туннеле")
        await anna.see_state("В туннеле", "pending")
        await come_back(anna, cable)

        await anna.see_state("В туннеле", "sent")
        await anna.see_message("Ты где?")
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

"""Notifications in a real browser: what is pushed is shown, one for each chat, and where people choose."""

import asyncio
import json
from collections.abc import AsyncIterator

import pytest_asyncio
from playwright.async_api import Browser, expect
from tests.harness import Person
from tests.journeys.browser import ANNA, BORIS, Window, Windows, chromium, make_accounts
from tests.journeys.conftest import Place
from tests.journeys.test_search import assert_accessible
from tests.waiting import eventually

SHOWN = """
async () => {
  const registration = await navigator.serviceWorker.ready
  const shown = await registration.getNotifications()
  return shown.map(({ title, body }) => `${title}: ${body}`)
}
"""


@pytest_asyncio.fixture(loop_scope="session")
async def browser() -> AsyncIterator[Browser]:
    """The shell shows no notifications."""
    async with chromium() as browser:
        yield browser


async def test_what_is_pushed_is_shown_once_for_each_chat_and_choices_are_kept(place: Place, windows: Windows) -> None:
    await make_accounts(place.url, place.setup_code, ANNA, BORIS)
    anna = await windows.open()
    await anna.context.grant_permissions(["notifications"], origin=place.url)
    await anna.sign_in(ANNA.username)
    await anna.page.evaluate("async () => { await navigator.serviceWorker.ready }")
    devtools = await anna.context.new_cdp_session(anna.page)
    versions: list[dict[str, str]] = []
    devtools.on("ServiceWorker.workerRegistrationUpdated", lambda event: versions.extend(event["registrations"]))
    await devtools.send("ServiceWorker.enable")
    await eventually(lambda: known(versions))

    async def push(chat_id: str, seq: int, text: str) -> None:
        shown = {"chat_id": chat_id, "seq": seq, "title": "Лодка", "author": "Борис", "text": text, "badge": seq}
        message = {"origin": place.url, "registrationId": versions[0]["registrationId"]}
        data = json.dumps({**shown, "language": "ru"})
        await devtools.send("ServiceWorker.deliverPushMessage", {**message, "data": data})

    async def shows(*lines: str) -> None:
        async def so() -> bool:
            # Chromium forgets one that it is about to show when it is asked in that moment what it shows.
            await asyncio.sleep(0.3)
            return sorted(await anna.page.evaluate(SHOWN)) == sorted(lines)

        await eventually(so)

    await push("one", 1, "Раз")
    await shows("Лодка: Борис: Раз")
    await push("one", 2, "Два")
    await push("two", 3, "")
    await shows("Лодка: Борис: Два", "Лодка: Борис: Новое сообщение")

    await anna.page.goto("/settings")
    await expect(anna.page.get_by_role("switch", name="Уведомления на этом устройстве")).to_be_enabled()
    await assert_accessible(anna)
    await anna.page.goto("/")
    await anna.start_chat(BORIS)
    # Whoever looks elsewhere is told by the open window, at once, and no longer once it is read.
    await anna.page.evaluate("localStorage.setItem('kaif.telling', 'on')")
    before = ("Лодка: Борис: Два", "Лодка: Борис: Новое сообщение")
    boris = Person(place.url, BORIS.username)
    await boris.log_in()
    (chat,) = (await boris.get("/v1/messaging/chats"))["chats"]
    await boris.post_message(chat["id"], "Пока смотрят")
    await anna.see_message("Пока смотрят")
    await devtools.send("Emulation.setFocusEmulationEnabled", {"enabled": False})
    elsewhere = await anna.context.new_page()
    await elsewhere.bring_to_front()
    await eventually(lambda: has_lost_focus(anna))
    await boris.post_message(chat["id"], "Улов ||большой||")
    await shows(*before, f"{BORIS.name}: Улов ▒▒▒▒▒▒▒")
    await elsewhere.close()
    await devtools.send("Emulation.setFocusEmulationEnabled", {"enabled": True})
    await anna.page.bring_to_front()
    await anna.page.get_by_role("log").press("End")
    await shows(*before)

    await anna.page.get_by_role("button", name="Ещё о чате").click()
    await anna.page.get_by_role("menuitemradio", name="Не уведомлять").click()
    await anna.page.get_by_role("button", name="Ещё о чате").click()
    await expect(anna.page.get_by_role("menuitemradio", name="Не уведомлять")).to_be_checked()


async def known(registrations: list[dict[str, str]]) -> bool:
    return bool(registrations)


async def has_lost_focus(window: Window) -> bool:
    return bool(await window.page.evaluate("!document.hasFocus()"))

"""Sessions in browsers: tabs that share one never end it, and a device is signed out from another one."""

import asyncio
import time

import pytest
from playwright.async_api import Page, Response, expect
from tests.journeys.browser import ANNA, NARROW, WIDE, Window, Windows, make_accounts
from tests.journeys.conftest import Place, embedded
from tests.journeys.looks import Look
from tests.waiting import until

AT_ONCE_S = 1
ROUNDS = 12
IPHONE = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) "
    "Version/18.1 Mobile/15E148 Safari/604.1"
)
# What ten minutes do, done at once: the cookie is gone, and the page's clock says so.
RUN_OUT = """() => {
  const stored = JSON.parse(localStorage.getItem('kaif.session'))
  localStorage.setItem('kaif.session', JSON.stringify({ ...stored, expires_at: 0 }))
}"""


async def open_security(window: Window) -> None:
    await window.page.goto("/settings/security")
    await expect(window.page.get_by_role("heading", name="Устройства")).to_be_visible()


async def signed_in_phone(windows: Windows) -> Window:
    phone = await windows.open(size=NARROW, user_agent=IPHONE)
    await phone.sign_in(ANNA.username)
    return phone


def sign_out_of(window: Window, device: str) -> asyncio.Future[None]:
    return asyncio.ensure_future(window.page.get_by_role("button", name=f"Выйти: {device}").click())


async def is_thrown_out(window: Window) -> None:
    await expect(window.page.get_by_text("Сеанс закончился. Войдите ещё раз.")).to_be_visible()
    await expect(window.page.get_by_label("Имя пользователя или почта")).to_be_visible()
    # The browser notes what was refused: what the page happened to ask, and then its one refresh, which tells it that
    # the session is over. The answers need not come in that order.
    await until(lambda: not window.asked)
    refused = [complaint for complaint in window.complaints if "401" in complaint]
    assert len([complaint for complaint in refused if "/v1/auth/refresh" in complaint]) == 1
    window.complaints[:] = [complaint for complaint in window.complaints if complaint not in refused]


@embedded
async def test_two_tabs_that_refresh_again_and_again_never_sign_each_other_out(place: Place, windows: Windows) -> None:
    await make_accounts(place.url, place.setup_code, ANNA)
    window = await windows.open()
    await window.sign_in(ANNA.username)
    tabs = [window.page]
    await window.new_page()
    tabs.append(window.page)
    refreshes: list[int] = []

    def count(response: Response) -> None:
        if response.url.endswith("/v1/auth/refresh"):
            refreshes.append(response.status)

    window.context.on("response", count)
    await tabs[1].goto("/settings/security")
    for _ in range(ROUNDS):
        await tabs[0].evaluate(RUN_OUT)
        # Nothing of the last round is under way when the next one begins.
        for tab in tabs:
            await tab.goto("about:blank")
        await window.context.clear_cookies(name="__Host-kaif_access")
        await asyncio.gather(*[reload(tab) for tab in tabs])

    assert set(refreshes) == {200}
    assert len(refreshes) >= ROUNDS
    for tab in tabs:
        await expect(tab.get_by_text("Это устройство")).to_be_visible()
    # What was under way when the cookie went is refused, and sent again after the refresh.
    window.complaints[:] = [
        complaint for complaint in window.complaints if "401" not in complaint and "HTTP Auth" not in complaint
    ]


async def reload(tab: Page) -> None:
    """Come to the list of devices, which only the signed-in see."""
    await tab.goto("/settings/security")
    await expect(tab.get_by_text("Это устройство")).to_be_visible()


async def test_a_phone_that_is_signed_out_from_the_laptop_shows_the_sign_in_page_at_once(
    place: Place, windows: Windows
) -> None:
    await make_accounts(place.url, place.setup_code, ANNA)
    laptop, phone = await windows.open(), await signed_in_phone(windows)
    await laptop.sign_in(ANNA.username)
    await open_security(laptop)
    phone_row = laptop.page.get_by_role("listitem").filter(has_text="Safari, iPhone")
    await expect(phone_row.get_by_text("Новый")).to_be_visible()
    await expect(phone_row.get_by_text("только что")).to_be_visible()
    own_row = laptop.page.get_by_role("listitem").filter(has_text="Это устройство")
    await expect(own_row).to_contain_text("Chrome, Linux")
    await expect(own_row.get_by_role("button")).to_have_count(0)

    took_s = [await sign_out_of_phone(laptop, phone)]
    await expect(phone_row).to_have_count(0)
    await expect(laptop.page.get_by_role("status").get_by_text("Вы вышли на устройстве")).to_be_visible()
    await expect(laptop.page.get_by_role("heading", name="Устройства")).to_be_focused()

    # The quickest of a few counts: what the machine does besides is not the server's slowness.
    for _ in range(2):
        await phone.sign_in(ANNA.username)
        await open_security(laptop)
        took_s.append(await sign_out_of_phone(laptop, phone))
    assert min(took_s) < AT_ONCE_S, took_s


async def sign_out_of_phone(laptop: Window, phone: Window) -> float:
    """Seconds until the phone says so."""
    started = time.monotonic()
    clicked = sign_out_of(laptop, "Safari, iPhone")
    await is_thrown_out(phone)
    took_s = time.monotonic() - started
    await clicked
    return took_s


@embedded
async def test_all_other_devices_are_signed_out_after_a_question(place: Place, windows: Windows) -> None:
    await make_accounts(place.url, place.setup_code, ANNA)
    laptop, phone = await windows.open(), await signed_in_phone(windows)
    await laptop.sign_in(ANNA.username)
    await open_security(laptop)
    out = laptop.page.get_by_role("button", name="Выйти на всех других")

    await out.press("Enter")
    await expect(laptop.dialog.get_by_role("button", name="Отмена")).to_be_focused()
    await laptop.page.keyboard.press("Escape")
    await expect(out).to_be_focused()
    await expect(phone.page.locator("section.list")).to_be_visible()
    await out.press("Enter")
    # The phone's, and the one with which the account was made.
    await expect(laptop.dialog.get_by_text("На 2 других понадобится войти снова")).to_be_visible()
    await laptop.dialog.get_by_role("button", name="Выйти на других").click()

    await is_thrown_out(phone)
    await expect(laptop.page.get_by_text("Вы вошли только на этом устройстве.")).to_be_visible()
    await expect(out).to_have_count(0)
    await laptop.page.reload()
    await expect(laptop.page.get_by_text("Вы вошли только на этом устройстве.")).to_be_visible()


@embedded
async def test_a_list_that_does_not_load_says_so_and_loads_again(place: Place, windows: Windows) -> None:
    await make_accounts(place.url, place.setup_code, ANNA)
    laptop = await windows.open()
    await laptop.sign_in(ANNA.username)
    await laptop.page.route("**/v1/auth/sessions", lambda route: route.abort())
    await open_security(laptop)
    card = laptop.page.get_by_role("region", name="Устройства")
    await expect(card.get_by_role("alert")).to_contain_text("Нет связи с сервером")

    await laptop.page.unroute("**/v1/auth/sessions")
    await card.get_by_role("button", name="Повторить").click()

    await expect(card.get_by_text("Это устройство")).to_be_visible()
    await expect(card.get_by_role("alert")).to_have_count(0)
    laptop.complaints[:] = [complaint for complaint in laptop.complaints if "net::ERR_" not in complaint]


@embedded
@pytest.mark.parametrize("size", [WIDE, NARROW], ids=["wide", "narrow"])
async def test_axe_finds_nothing_grave_in_the_list_of_devices(
    place: Place, windows: Windows, size: tuple[int, int]
) -> None:
    await make_accounts(place.url, place.setup_code, ANNA)
    await signed_in_phone(windows)
    window = await windows.open(size=size, bypass_csp=True, reduced_motion="reduce")
    look = Look(window)
    await window.sign_in(ANNA.username)
    await open_security(window)
    await expect(window.page.get_by_text("Новый").first).to_be_visible()

    await look("devices")
    await window.page.get_by_role("button", name="Выйти на всех других").click()
    await expect(window.dialog).to_be_visible()
    await look("question")

    look.assert_nothing_grave()

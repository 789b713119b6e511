"""The second step in a browser: turned on by an app, asked for at the sign-in, proved again before it is undone."""

import re
import sqlite3
import time
from pathlib import Path

import pyotp
import pytest
from playwright.async_api import Locator, expect
from tests.harness import PASSWORD, Server
from tests.journeys.browser import ANNA, NARROW, WIDE, Window, Windows
from tests.journeys.conftest import Place, embedded
from tests.journeys.looks import Look

REFUSED = re.compile(r"console: Failed to load resource: .* status of (401|403|422)")


class Phone:
    """The app that shows the codes."""

    def __init__(self, secret: str) -> None:
        self._totp = pyotp.TOTP(secret)
        self._used = 0

    def code(self) -> str:
        """One that was not given before: of this step or, at once after it, of the next, which is taken as well."""
        step = max(int(time.time()) // 30, self._used + 1)
        self._used = step
        return self._totp.generate_otp(step)


def forgive_refusals(window: Window) -> None:
    """The browser writes each answer that is an error to its console; these were meant."""
    window.complaints[:] = [complaint for complaint in window.complaints if not REFUSED.match(complaint)]


def switch(window: Window) -> Locator:
    return window.page.get_by_role("switch", name="Код из приложения")


async def see_security(window: Window) -> None:
    await window.go("/settings/security")
    await expect(switch(window)).to_be_enabled()


async def turn_on(window: Window) -> tuple[Phone, list[str]]:
    """Returns the app and the recovery codes."""
    await see_security(window)
    await switch(window).click()
    secret = (await window.dialog.locator("code").inner_text()).replace(" ", "")
    phone = Phone(secret)
    await window.dialog.get_by_label("Код из приложения").fill(phone.code())
    await window.dialog.get_by_role("button", name="Подтвердить").click()
    codes = await shown_codes(window)
    await window.dialog.get_by_label("Коды сохранены").check()
    await window.dialog.get_by_role("button", name="Готово").click()
    await expect(switch(window)).to_be_checked()
    return phone, codes


async def shown_codes(window: Window) -> list[str]:
    codes = window.dialog.get_by_role("list", name="Коды восстановления").get_by_role("listitem")
    await expect(codes).to_have_count(10)
    return await codes.all_inner_texts()


async def give_password(window: Window) -> None:
    await window.go("/sign-in")
    await window.page.locator("input[name=username]").fill(ANNA.username)
    await window.page.locator("input[name=password]").fill(PASSWORD)
    await window.page.locator("button[type=submit]").click()
    await expect(window.page.get_by_role("heading", name="Это точно вы?")).to_be_visible()


async def give_code(window: Window, code: str, label: str = "Код подтверждения") -> None:
    await window.page.get_by_label(label).fill(code)
    await window.page.get_by_role("button", name="Подтвердить").click()


async def sign_out(window: Window) -> None:
    await window.go("/settings")
    await window.page.get_by_role("button", name="Выйти").click()
    await expect(window.page.get_by_label("Имя пользователя или почта")).to_be_visible()


def grow_old(place: Server) -> None:
    """All sessions were authenticated long ago."""
    with sqlite3.connect(place.data / "kaif.db", timeout=10) as database:
        database.execute("UPDATE auth_sessions SET authenticated_at_us = 1")
    database.close()


async def test_signing_in_takes_a_code_of_the_app_once(place: Place, windows: Windows) -> None:
    anna = await windows.open()
    await anna.set_up(ANNA, place.setup_code)
    phone, codes = await turn_on(anna)
    assert len(set(codes)) == 10
    await sign_out(anna)

    await give_password(anna)
    code = phone.code()
    await give_code(anna, code)
    await anna.see_chats()
    await sign_out(anna)

    await give_password(anna)
    await give_code(anna, code)
    await expect(anna.page.get_by_role("alert").filter(has_text="уже использован")).to_have_count(1)
    await expect(anna.page.get_by_label("Код подтверждения")).to_be_focused()

    await anna.page.get_by_role("button", name="Ввести код восстановления").click()
    await give_code(anna, codes[0].upper().replace("-", " "), "Код восстановления")
    await anna.see_chats()
    await see_security(anna)
    await expect(anna.page.get_by_text("Осталось 9 из 10")).to_be_visible()
    await sign_out(anna)

    await give_password(anna)
    await anna.page.get_by_role("button", name="Ввести код восстановления").click()
    await give_code(anna, codes[0], "Код восстановления")
    await expect(anna.page.get_by_role("alert").filter(has_text="уже использован")).to_have_count(1)
    forgive_refusals(anna)


@embedded
async def test_a_session_left_alone_proves_itself_before_it_undoes_the_second_step(
    place: Server, windows: Windows
) -> None:
    anna = await windows.open()
    await anna.set_up(ANNA, place.setup_code)
    phone, codes = await turn_on(anna)
    grow_old(place)

    await anna.page.get_by_role("button", name="Обновить коды восстановления").click()
    await anna.dialog.get_by_role("button", name="Обновить коды").click()
    await expect(anna.dialog.get_by_text("Это важно")).to_be_visible()
    await anna.page.keyboard.press("Escape")
    await expect(anna.dialog).to_have_count(0)
    await expect(anna.page.get_by_text("Осталось 10 из 10")).to_be_visible()

    await switch(anna).click()
    await anna.dialog.get_by_role("button", name="Выключить").click()
    await anna.dialog.get_by_label("Пароль", exact=True).fill("not the password")
    await anna.dialog.get_by_label("Код из приложения").fill(phone.code())
    await anna.dialog.get_by_role("button", name="Подтвердить").click()
    await expect(anna.dialog.get_by_label("Пароль", exact=True)).to_be_focused()
    await anna.dialog.get_by_label("Пароль", exact=True).fill(PASSWORD)
    await anna.dialog.get_by_role("button", name="Ввести код восстановления").click()
    await anna.dialog.get_by_label("Код восстановления").fill(codes[1])
    await anna.dialog.get_by_role("button", name="Подтвердить").click()

    await expect(switch(anna)).not_to_be_checked()
    await sign_out(anna)
    await anna.sign_in(ANNA.username)
    forgive_refusals(anna)


@embedded
async def test_recovery_codes_are_kept_before_they_are_gone(place: Server, windows: Windows, tmp_path: Path) -> None:
    anna = await windows.open(permissions=["clipboard-read", "clipboard-write"])
    await anna.set_up(ANNA, place.setup_code)
    await turn_on(anna)
    await anna.page.get_by_role("button", name="Обновить коды восстановления").click()
    await anna.dialog.get_by_role("button", name="Обновить коды").click()
    codes = await shown_codes(anna)

    await anna.page.keyboard.press("Escape")
    await expect(anna.dialog.get_by_text("Сначала сохраните коды")).to_be_visible()
    await expect(anna.dialog.get_by_label("Коды сохранены")).to_be_focused()

    await anna.dialog.get_by_role("button", name="Скопировать").click()
    assert await anna.page.evaluate("navigator.clipboard.readText()") == "\n".join(codes)
    async with anna.page.expect_download() as downloading:
        await anna.dialog.get_by_role("button", name="Скачать").click()
    kept = tmp_path / "codes.txt"
    await (await downloading.value).save_as(kept)
    assert kept.read_text(encoding="utf-8").split("\n")[2:-1] == codes

    await anna.dialog.get_by_label("Коды сохранены").check()
    await anna.page.keyboard.press("Escape")
    await expect(anna.dialog).to_have_count(0)


@embedded
async def test_the_code_may_be_pasted_and_the_way_back_leads_to_the_password(place: Server, windows: Windows) -> None:
    anna = await windows.open(size=NARROW, permissions=["clipboard-read", "clipboard-write"])
    await anna.set_up(ANNA, place.setup_code)
    phone, _ = await turn_on(anna)
    await sign_out(anna)
    await give_password(anna)

    await anna.page.get_by_role("button", name="Назад").click()
    await expect(anna.page.get_by_label("Имя пользователя или почта")).to_have_value(ANNA.username)
    await give_password(anna)

    code = phone.code()
    await expect(anna.page.get_by_label("Код подтверждения")).to_be_focused()
    await anna.page.evaluate(f"navigator.clipboard.writeText(' {code[:3]} {code[3:]} ')")
    await anna.page.keyboard.press("Control+v")
    await anna.page.keyboard.press("Enter")
    await anna.see_chats()
    forgive_refusals(anna)


@embedded
@pytest.mark.parametrize("size", [WIDE, NARROW], ids=["wide", "narrow"])
async def test_axe_finds_nothing_grave_on_the_way(place: Server, windows: Windows, size: tuple[int, int]) -> None:
    anna = await windows.open(size=size, bypass_csp=True, reduced_motion="reduce")
    look = Look(anna)

    await anna.set_up(ANNA, place.setup_code)
    await see_security(anna)
    await look("security, off")
    await switch(anna).click()
    phone = Phone((await anna.dialog.locator("code").inner_text()).replace(" ", ""))
    await look("setting up")
    await anna.dialog.get_by_role("button", name="Подтвердить").click()
    await look("setting up with an error")
    await anna.dialog.get_by_label("Код из приложения").fill(phone.code())
    await anna.dialog.get_by_role("button", name="Подтвердить").click()
    await anna.dialog.get_by_role("button", name="Готово").click()
    await expect(anna.dialog.get_by_text("Сначала сохраните коды")).to_be_visible()
    await look("recovery codes")
    await anna.dialog.get_by_label("Коды сохранены").check()
    await anna.dialog.get_by_role("button", name="Готово").click()
    await expect(switch(anna)).to_be_checked()
    await look("security, on")
    grow_old(place)
    await switch(anna).click()
    await look("turning off")
    await anna.dialog.get_by_role("button", name="Выключить").click()
    await expect(anna.dialog.get_by_label("Пароль", exact=True)).to_be_visible()
    await look("stepping up")
    await anna.page.keyboard.press("Escape")
    await sign_out(anna)
    await give_password(anna)
    await look("second step")
    await give_code(anna, "000000")
    await expect(anna.page.get_by_role("alert").filter(has_text="не подходит")).to_have_count(1)
    await look("second step with an error")
    await anna.page.get_by_role("button", name="Ввести код восстановления").click()
    await look("recovery code")

    forgive_refusals(anna)
    look.assert_nothing_grave()

"""Messages that wait for their time, in a browser."""

import re

from playwright.async_api import Locator, expect
from tests.journeys.browser import ANNA, BORIS, NARROW, Window, Windows, make_accounts
from tests.journeys.conftest import Place, embedded


async def send_later(window: Window, text: str, when: str) -> None:
    await window.composer.fill(text)
    await window.page.get_by_role("button", name="Отправить", exact=True).click(button="right")
    await window.page.get_by_role("menuitem", name=when).click()


def waiting(window: Window) -> Locator:
    return window.page.get_by_role("button", name=re.compile("отправки|Не отправлен"))


@embedded
async def test_a_message_waits_is_changed_and_goes(place: Place, windows: Windows) -> None:
    await make_accounts(place.url, place.setup_code, ANNA, BORIS)
    anna, boris = await windows.open(), await windows.open(NARROW)
    await anna.sign_in(ANNA.username)
    await boris.sign_in(BORIS.username)
    await anna.start_chat(BORIS)
    await anna.say("Привет")
    await boris.open_chat(ANNA.name)

    await send_later(anna, "С днём рождения!", "Через час")
    await expect(anna.composer).to_have_value("")
    await send_later(anna, "Лишнее", "Завтра в 09:00")
    await expect(waiting(anna)).to_have_text("Ждут отправки 2 сообщения")
    await waiting(anna).click()
    await (
        anna.dialog.get_by_role("listitem")
        .filter(has_text="Лишнее")
        .get_by_role("button", name="Не отправлять")
        .click()
    )
    await expect(anna.dialog.get_by_role("listitem")).to_have_count(1)
    await anna.dialog.get_by_role("button", name="Изменить").click()
    await anna.dialog.get_by_label("Текст").fill("С днём рождения, Боря!")
    await anna.dialog.get_by_role("button", name="Сохранить").click()
    await expect(anna.dialog.get_by_role("listitem")).to_contain_text("Боря")
    await anna.dialog.get_by_role("button", name="Отправить сейчас").click()
    await boris.see_message("С днём рождения, Боря!")
    await anna.page.keyboard.press("Escape")
    await expect(waiting(anna)).to_have_count(0)
    await anna.see_message("С днём рождения, Боря!")
    await expect(boris.log.get_by_text("Лишнее")).to_have_count(0)

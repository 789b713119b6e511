"""What is done at a time, in a browser: messages that wait, reminders, messages that vanish."""

import contextlib
import re
import sqlite3

from playwright.async_api import Locator, expect
from tests.harness import Server
from tests.journeys.browser import ANNA, BORIS, NARROW, Window, Windows, make_accounts
from tests.journeys.conftest import Place, embedded
from tests.journeys.test_messages import choose

DAY_US = 86_400_000_000


async def send_later(window: Window, text: str, when: str) -> None:
    await window.composer.fill(text)
    await window.page.get_by_role("button", name="Отправить", exact=True).click(button="right")
    await window.page.get_by_role("menuitem", name=when).click()


def waiting(window: Window) -> Locator:
    return window.page.get_by_role("button", name=re.compile("отправки|Не отправлен"))


def let_a_day_pass(place: Place) -> None:
    """What is kept there is as if it had been written a day earlier."""
    assert isinstance(place, Server)
    with contextlib.closing(sqlite3.connect(place.data / "kaif.db", timeout=30)) as database, database:
        database.execute("UPDATE messaging_entries SET at_us = at_us - ?", (DAY_US,))
        database.execute("UPDATE messaging_due SET look_at_us = look_at_us - ?", (DAY_US,))


@embedded
async def test_a_message_waits_a_reminder_comes_and_messages_vanish(place: Place, windows: Windows) -> None:
    await make_accounts(place.url, place.setup_code, ANNA, BORIS)
    # axe is a script of its own, which the page's policy rightly refuses.
    anna, boris = await windows.open(bypass_csp=True), await windows.open(NARROW)
    await anna.sign_in(ANNA.username)
    await boris.sign_in(BORIS.username)
    await anna.start_chat(BORIS)
    await anna.say("Привет")
    await boris.open_chat(ANNA.name)

    # A file needs no words to wait, nor to be put off.
    await (
        anna.page.locator("input[type=file]")
        .nth(1)
        .set_input_files({"name": "план.txt", "mimeType": "text/plain", "buffer": b"1. " * 9})
    )
    await expect(anna.page.get_by_role("button", name="Отправить позже")).to_be_visible()
    await send_later(anna, "", "Через час")
    await waiting(anna).click()
    await expect(anna.dialog.get_by_role("listitem")).to_contain_text("план.txt")
    await anna.dialog.get_by_role("button", name="Изменить").click()
    await anna.dialog.get_by_role("button", name=re.compile("^Завтра")).click()
    await anna.dialog.get_by_role("button", name="Сохранить").click()
    await anna.dialog.get_by_role("button", name="Отправить сейчас").click()
    await expect(boris.log.get_by_text("план.txt")).to_be_visible()
    await anna.page.keyboard.press("Escape")

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

    # Boris sets a timer, and both write under it; Anna wants to be reminded of what was written before.
    await choose(anna, "С днём рождения", "Напомнить")
    await anna.dialog.get_by_role("button", name="Через час").click()
    await anna.dialog.get_by_role("button", name="Напомнить", exact=True).click()
    await expect(anna.dialog).to_have_count(0)
    await boris.page.get_by_role("button", name="Ещё о чате").click()
    await boris.page.get_by_role("menuitem", name="Исчезающие сообщения").click()
    await boris.dialog.get_by_label("Через день").check()
    await boris.dialog.get_by_role("button", name="Сохранить").click()
    await anna.see_message(f"{BORIS.name}: новые сообщения исчезают через 1 день")
    for window in (anna, boris):
        await expect(window.page.get_by_role("img", name="Сообщения исчезают через 1 день")).to_be_visible()
    await boris.say("Это между нами")
    await anna.see_message("Это между нами")

    let_a_day_pass(place)

    for window in (anna, boris):
        await expect(window.log.get_by_text("Это между нами")).to_have_count(0)
        await window.see_message("С днём рождения, Боря!")
    await expect(anna.unread("Избранное")).to_be_visible()
    await anna.open_chat("Избранное")
    await expect(anna.unread("Избранное")).to_have_count(0)
    await anna.log.get_by_role("link", name=f"Напоминание: «{BORIS.name}»").click()
    await expect(anna.page.get_by_role("region", name=f"Диалог: {BORIS.name}")).to_be_visible()

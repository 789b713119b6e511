"""Folders of chats, as people make them, see them on all their devices, and give them up."""

import re
from pathlib import Path

from axe_playwright_python.async_playwright import Axe
from playwright.async_api import expect
from tests.journeys.browser import ANNA, BORIS, NARROW, Window, Windows, make_accounts
from tests.journeys.conftest import Place, embedded


async def complaints(window: Window) -> list[str]:
    results = await Axe().run(window.page)
    grave = [each for each in results.response["violations"] if each["impact"] in ("serious", "critical")]
    return [f"{each['id']} {each['nodes'][0]['html']}" for each in grave]


@embedded
async def test_folders_are_made_moved_and_deleted_and_are_the_same_on_all_devices(
    place: Place, windows: Windows, tmp_path: Path
) -> None:
    # axe is a script of its own, which the page's policy rightly refuses.
    desk = await windows.open(bypass_csp=True, reduced_motion="reduce")
    phone, boris = await windows.open(size=NARROW), await windows.open()
    await make_accounts(place.url, place.setup_code, ANNA, BORIS)
    for window, human in ((desk, ANNA), (phone, ANNA), (boris, BORIS)):
        await window.sign_in(human.username)
    await desk.start_chat(BORIS)
    await desk.say("Привет")
    await desk.start_group("Рыбаки", [BORIS])
    await desk.start_group("Грибники", [BORIS])
    tab = {window: window.page.get_by_role("tab") for window in (desk, phone)}

    # By kind, with the keyboard alone.
    await desk.page.get_by_role("button", name="Папки", exact=True).press("Enter")
    await desk.dialog.get_by_role("button", name="Новая папка").press("Enter")
    await desk.dialog.get_by_label("Название").press("Enter")
    await expect(desk.dialog.get_by_label("Название")).to_have_attribute("aria-invalid", "true")
    await desk.page.keyboard.type("Компании")
    await desk.dialog.get_by_label("Группы").press("Space")
    assert not await complaints(desk)
    await desk.page.keyboard.press("Enter")
    # One by one.
    await desk.dialog.get_by_role("button", name="Новая папка").click()
    await desk.dialog.get_by_label("Название").fill("Лодка")
    await desk.dialog.get_by_label("Найти чат").fill("борис")
    await desk.dialog.get_by_label(BORIS.name).check()
    await desk.dialog.get_by_role("button", name="Сохранить").click()
    await expect(tab[phone].nth(2)).to_have_text("Лодка")
    await desk.dialog.get_by_role("button", name="Поднять папку «Лодка»").press("Enter")
    await expect(desk.dialog.get_by_role("button", name="Опустить папку «Лодка»")).to_be_focused()
    assert not await complaints(desk)
    await expect(tab[phone].nth(1)).to_have_text("Лодка")
    await desk.page.keyboard.press("Escape")

    # What is unread is counted where it is.
    await desk.open_chat("Рыбаки")
    await boris.open_chat("Грибники")
    await boris.say("Белые пошли")
    await expect(desk.page.get_by_role("tab", name=re.compile("Компании, 1 непрочитанный чат"))).to_be_visible()
    await tab[desk].nth(1).click()
    await expect(desk.row(BORIS.name)).to_be_visible()
    await expect(desk.row("Рыбаки")).to_have_count(0)
    await tab[desk].nth(1).press("ArrowRight")
    await expect(tab[desk].nth(2)).to_be_focused()
    await expect(desk.row("Рыбаки")).to_be_visible()
    await expect(desk.row(BORIS.name)).to_have_count(0)

    # From the chat itself, and away on the phone.
    await desk.page.get_by_role("button", name="Ещё о чате").click()
    await desk.page.get_by_role("menuitem", name="Папки").click()
    await desk.dialog.get_by_label("Лодка").check()
    await desk.dialog.get_by_role("button", name="Готово").click()
    await tab[phone].nth(1).click()
    await expect(phone.row("Рыбаки")).to_be_visible()
    await phone.page.get_by_role("button", name="Папки", exact=True).click()
    await phone.dialog.get_by_role("button", name="Изменить папку «Лодка»").click()
    await phone.dialog.get_by_role("button", name="Удалить папку").click()
    await phone.page.get_by_role("dialog").last.get_by_role("button", name="Удалить папку").click()
    await expect(desk.page.get_by_role("tab", name="Лодка")).to_have_count(0)
    await phone.page.keyboard.press("Escape")
    await expect(phone.row("Грибники")).to_be_visible()

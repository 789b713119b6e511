"""Channels, invitations and rights, as people meet them in their browsers."""

import re

import pytest
from playwright.async_api import Locator, expect
from tests.harness import PASSWORD, Person
from tests.journeys.browser import ANNA, BORIS, NARROW, WIDE, Window, Windows, make_accounts
from tests.journeys.conftest import Place, embedded
from tests.journeys.looks import Look


async def make_channel(window: Window, title: str) -> None:
    await window.page.get_by_role("button", name="Новый чат").first.click()
    await window.dialog.get_by_role("button", name="Новый канал").click()
    await window.dialog.get_by_label("Название канала").fill(title)
    await window.dialog.get_by_role("button", name="Создать канал").click()
    await expect(window.page.get_by_role("region", name=f"Канал: {title}")).to_be_visible()


async def make_link(window: Window, about: str) -> str:
    await window.page.get_by_role("button", name=about).click()
    await window.dialog.get_by_role("button", name="Приглашения").click()
    await window.dialog.get_by_role("button", name="Новая ссылка").click()
    address = await window.dialog.locator("code").inner_text()
    await window.page.keyboard.press("Escape")
    return address


async def test_somebody_signed_out_joins_a_channel_by_its_link_and_reads(place: Place, windows: Windows) -> None:
    anna, boris = await windows.open(), await windows.open(size=NARROW)
    await make_accounts(place.url, place.setup_code, ANNA, BORIS)
    await anna.sign_in(ANNA.username)
    await make_channel(anna, "Новости озера")
    await anna.say("Лёд сошёл")
    address = await make_link(anna, "О канале")
    assert re.search(r"/join#[\w-]{43}$", address)

    await boris.page.goto(address)
    await expect(boris.page.get_by_role("heading", name="Новости озера")).to_be_visible()
    await expect(boris.page.get_by_text("1 подписчик")).to_be_visible()
    await boris.page.get_by_role("button", name="Войти, чтобы присоединиться").click()
    await boris.page.get_by_label("Имя пользователя или почта").fill(BORIS.username)
    await boris.page.get_by_label("Пароль", exact=True).fill(PASSWORD)
    await boris.page.get_by_role("button", name="Войти", exact=True).click()
    await boris.page.get_by_role("button", name="Присоединиться", exact=True).click()

    await boris.see_message("Лёд сошёл")
    await expect(boris.page.get_by_text("В канале пишут только его админы")).to_be_visible()
    await expect(boris.composer).to_have_count(0)
    await anna.say("Вода — семь градусов")
    await boris.see_message("Вода — семь градусов")
    await expect(boris.message("Вода — семь градусов").get_by_text("Анна")).to_have_count(0)


async def test_who_is_restricted_sees_it_at_once_and_gets_it_back(place: Place, windows: Windows) -> None:
    anna, boris = await windows.open(), await windows.open()
    await make_accounts(place.url, place.setup_code, ANNA, BORIS)
    await anna.sign_in(ANNA.username)
    await boris.sign_in(BORIS.username)
    await anna.start_group("Рыбаки", [BORIS])
    await boris.open_chat("Рыбаки")
    await boris.say("Клюёт!")
    await anna.see_message("Клюёт!")

    # From the message to who wrote it.
    await anna.message("Клюёт!").get_by_role("button", name=BORIS.name, exact=True).click()
    await expect(anna.dialog.get_by_text(f"@{BORIS.username}")).to_be_visible()
    await expect(anna.dialog.get_by_role("button", name="Написать")).to_be_visible()
    await allowed(anna).get_by_label("Писать сообщения").click()
    await anna.dialog.get_by_role("button", name="Сохранить ограничения").click()
    await expect(anna.dialog).to_have_count(0)
    await expect(boris.page.get_by_text("Админ запретил вам писать здесь")).to_be_visible()
    await expect(boris.composer).to_have_count(0)

    await anna.page.get_by_role("button", name="Участники").click()
    await toggle_writing(anna)
    await expect(boris.composer).to_be_visible()
    await boris.say("Спасибо")
    await anna.page.keyboard.press("Escape")
    await anna.see_message("Спасибо")


async def toggle_writing(window: Window) -> None:
    await window.dialog.get_by_role("button", name=BORIS.name).click()
    writing = allowed(window).get_by_label("Писать сообщения")
    await writing.click()
    await window.dialog.get_by_role("button", name="Сохранить ограничения").click()
    await expect(window.dialog.get_by_role("list", name="Участники")).to_be_visible()


def allowed(window: Window) -> Locator:
    return window.dialog.get_by_role("group", name="Можно", exact=True)


@embedded
@pytest.mark.parametrize("size", [WIDE, NARROW], ids=["wide", "narrow"])
async def test_axe_finds_nothing_grave_where_chats_are_looked_after(
    place: Place, windows: Windows, size: tuple[int, int]
) -> None:
    await make_accounts(place.url, place.setup_code, ANNA, BORIS)
    # axe is a script of its own, which the page's policy rightly refuses.
    window = await windows.open(size=size, bypass_csp=True, reduced_motion="reduce")
    look = Look(window)

    await window.sign_in(ANNA.username)
    await make_channel(window, "Новости озера")
    address = await make_link(window, "О канале")
    await window.page.get_by_role("link", name="К списку чатов").click() if size == NARROW else None
    await window.start_group("Рыбаки", [BORIS])
    await window.page.get_by_role("button", name="Участники").click()
    await look("about")
    for name in ("Настройки", "Приглашения", "Чёрный список"):
        await window.dialog.get_by_role("button", name=name).click()
        await look(name)
        await window.dialog.get_by_role("button", name=re.compile("Назад|Отмена")).click()
    await window.dialog.get_by_role("button", name=BORIS.name).click()
    await look("member")
    await window.page.goto(address)
    await expect(window.page.get_by_role("button", name="Открыть", exact=True)).to_be_visible()
    await look("join")

    look.assert_nothing_grave()


@embedded
async def test_ones_own_order_and_drafts_are_on_all_devices(place: Place, windows: Windows) -> None:
    desk, phone = await windows.open(), await windows.open(size=NARROW, has_touch=True)
    await make_accounts(place.url, place.setup_code, ANNA, BORIS)
    for window in (desk, phone):
        await window.sign_in(ANNA.username)
    await desk.start_chat(BORIS)
    await desk.say("Привет")
    await desk.start_group("Рыбаки", [BORIS])
    await desk.composer.fill("Завтра в шесть")
    await desk.open_chat(BORIS.name)

    await expect(phone.row("Рыбаки")).to_contain_text("Черновик: Завтра в шесть")
    await phone.open_chat("Рыбаки")
    await expect(phone.composer).to_have_value("Завтра в шесть")
    await phone.composer.fill("")
    await expect(desk.row("Рыбаки")).not_to_contain_text("Черновик")
    await one_begins_an_answer_here_and_ends_it_there(desk, phone)
    await mentions_are_on_both_until_they_are_read(place, desk, phone)

    await desk.row(BORIS.name).focus()
    await desk.page.keyboard.press("Shift+F10")
    await desk.page.get_by_role("menuitem", name="Закрепить в списке").click()
    await expect(phone.page.locator("a.crow").first).to_contain_text(BORIS.name)
    await expect(phone.row(BORIS.name).get_by_role("img", name="Закреплён")).to_be_visible()
    await arrange(desk, "Без звука до завтра")
    await expect(phone.row(BORIS.name).get_by_role("img", name="Без звука")).to_be_visible()
    await press_long(phone, phone.row(BORIS.name))
    await phone.page.get_by_role("menuitem", name="В архив").tap()
    await expect(phone.composer).to_have_count(0)
    await expect(desk.row(BORIS.name)).to_have_count(0)
    await phone.page.get_by_role("tab", name="Архив").click()
    await expect(phone.row(BORIS.name)).to_be_visible()


async def one_begins_an_answer_here_and_ends_it_there(desk: Window, phone: Window) -> None:
    await phone.say("Кто берёт лодку?")
    await desk.open_chat("Рыбаки")
    await desk.reply_to("Кто берёт лодку?")
    # A name is found by any of its words, and the arrow keys move through the list.
    await desk.composer.press_sequentially("@лу")
    await expect(desk.page.get_by_role("option", name=BORIS.name)).to_have_attribute("aria-selected", "true")
    await desk.composer.press("Tab")
    await desk.page.get_by_role("button", name="Эмодзи").click()
    await desk.page.get_by_role("button", name="👍", exact=True).first.click()
    await desk.page.keyboard.press("Escape")
    await expect(desk.composer).to_be_focused()
    await expect(desk.composer).to_have_value("@boris 👍")

    await expect(phone.composer).to_have_value("@boris 👍")
    await expect(phone.page.locator("footer.composer")).to_contain_text("Кто берёт лодку?")
    await phone.page.get_by_role("button", name="Отправить", exact=True).tap()
    await expect(phone.message("@boris").locator(".q")).to_contain_text("Кто берёт лодку?")
    await expect(desk.composer).to_have_value("")
    await expect(desk.page.locator("footer.composer")).not_to_contain_text("Кто берёт лодку?")
    # A name in a text leads to who that is.
    await desk.message("👍").get_by_role("button", name="@boris").press("Enter")
    await expect(desk.dialog.get_by_text(BORIS.name)).to_be_visible()
    await expect(desk.dialog.get_by_role("button", name="Написать")).to_be_visible()
    await desk.page.keyboard.press("Escape")
    await expect(desk.message("👍").get_by_role("button", name="@boris")).to_be_focused()
    await press_long(phone, phone.message("@boris").locator(".b"))
    await expect(phone.page.get_by_role("menuitem", name="Ответить")).to_be_visible()
    await phone.page.keyboard.press("Escape")
    await expect(phone.page.get_by_role("menu")).to_have_count(0)
    await phone.leave_chat()
    await desk.open_chat(BORIS.name)


async def mentions_are_on_both_until_they_are_read(place: Place, desk: Window, phone: Window) -> None:
    boris = Person(place.url, BORIS.username)
    await boris.log_in()
    (chat,) = [one for one in (await boris.get("/v1/messaging/chats"))["chats"] if one["kind"] == "group"]
    messages = f"/v1/messaging/chats/{chat['id']}/messages"
    lines = ["@anna, первое", *(f"Строка {number}" for number in range(40)), "@anna, второе", "Конец"]
    said = [await boris.post(messages, ref=f"m{number}", text=line) for number, line in enumerate(lines)]
    badge = "2 упоминания"
    for window in (desk, phone):
        await expect(window.row("Рыбаки").get_by_role("img", name=badge)).to_be_visible()

    gone = await boris.http.post(f"{messages}/delete", json={"seqs": [said[0]["seq"]], "for_everyone": True})
    assert gone.is_success, gone.text
    await expect(phone.row("Рыбаки").get_by_role("img", name="1 упоминание")).to_be_visible()
    await phone.open_chat("Рыбаки")
    await phone.page.get_by_role("button", name="К следующему упоминанию").tap()
    await expect(phone.message("@anna, второе")).to_be_in_viewport()
    await expect(phone.page.get_by_role("button", name="К следующему упоминанию")).to_have_count(0)
    await expect(desk.row("Рыбаки").get_by_role("img", name=re.compile("упоминани"))).to_have_count(0)
    await phone.leave_chat()


async def press_long(window: Window, target: Locator) -> None:
    """With a finger, as the browser itself makes it."""
    box = await target.bounding_box()
    assert box
    devtools = await window.context.new_cdp_session(window.page)
    point = {"x": box["x"] + box["width"] / 2, "y": box["y"] + box["height"] / 2}
    await devtools.send("Input.dispatchTouchEvent", {"type": "touchStart", "touchPoints": [point]})
    await expect(window.page.get_by_role("menu")).to_be_visible()
    await devtools.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
    await expect(window.page.get_by_role("menu")).to_be_visible()
    await devtools.detach()


async def arrange(window: Window, choice: str) -> None:
    await window.page.get_by_role("button", name="Ещё о чате").click()
    await window.page.get_by_role("menuitem", name=choice).click()

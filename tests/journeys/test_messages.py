"""What people do with messages in two windows: both agree, at once, after a reload and after a tunnel."""

import asyncio
import re

from playwright.async_api import Locator, Route, expect
from tests.journeys.browser import ANNA, BORIS, NARROW, VERA, Window, Windows, make_accounts
from tests.journeys.conftest import Place, embedded
from tests.journeys.looks import Look
from tests.journeys.test_search import assert_accessible


async def open_menu(window: Window, text: str) -> Locator:
    await window.message(text).locator(".b").click(button="right", position={"x": 12, "y": 10})
    menu = window.page.get_by_role("menu")
    await expect(menu).to_be_visible()
    return menu


async def choose(window: Window, text: str, item: str) -> None:
    await (await open_menu(window, text)).get_by_role("menuitem", name=item, exact=True).click()
    await expect(window.page.get_by_role("menu")).to_have_count(0)


async def choose_for_part(window: Window, text: str, part: str, item: str) -> None:
    """Select a part of the text and open the menu over it."""
    x, y = await window.message(text).evaluate(
        """(row, part) => {
          const walker = document.createTreeWalker(row.querySelector('.text'), NodeFilter.SHOW_TEXT)
          for (let node = walker.nextNode(); node; node = walker.nextNode()) {
            const at = node.data.indexOf(part)
            if (at < 0) continue
            getSelection().setBaseAndExtent(node, at, node, at + part.length)
            const { left, top, width, height } = getSelection().getRangeAt(0).getBoundingClientRect()
            return [left + width / 2, top + height / 2]
          }
          throw new Error('no such text')
        }""",
        part,
    )
    await window.page.mouse.click(x, y, button="right")
    await window.page.get_by_role("menuitem", name=item, exact=True).click()


def bubble(window: Window, text: str) -> Locator:
    return window.message(text).locator(".b")


def chip(window: Window, text: str, emoji: str) -> Locator:
    return window.message(text).get_by_role("button", name=emoji)


async def they_agree(*windows: Window) -> None:
    for window in windows:
        await expect(bubble(window, "Встречаемся в девять")).to_contain_text("изменено")
        await expect(chip(window, "Встречаемся в девять", "❤️")).to_contain_text("1")
        await expect(chip(window, "Встречаемся в девять", "👍")).to_contain_text("2")
        await expect(window.message("А где?").locator(".q")).to_contain_text("в девять")
        await expect(window.page.get_by_role("complementary", name="Закреплённое сообщение")).to_contain_text(
            "Встречаемся в девять у маяка"
        )
        await expect(window.log.get_by_text("Сообщение удалено")).to_have_count(1)
        await expect(window.log.get_by_text("Ой, не туда")).to_have_count(0)


async def test_two_windows_agree_about_all_that_is_done_with_messages(place: Place, windows: Windows) -> None:
    await make_accounts(place.url, place.setup_code, ANNA, BORIS, VERA)
    anna, boris = await windows.open(), await windows.open()
    await anna.sign_in(ANNA.username)
    await boris.sign_in(BORIS.username)
    await anna.start_chat(VERA)
    await anna.start_chat(BORIS)
    await boris.open_chat(ANNA.name)

    await anna.say("Встречаемся в **восемь** у маяка")
    await expect(bubble(boris, "Встречаемся").locator("strong")).to_have_text("восемь")
    # Only what the server has can be edited, and others may see it before its writer knows.
    await anna.see_state("Встречаемся", "read")
    await anna.composer.press("ArrowUp")
    await expect(anna.composer).to_have_value("Встречаемся в **восемь** у маяка")
    await anna.say("Встречаемся в девять у маяка")
    await boris.see_message("Встречаемся в девять у маяка")

    await (await open_menu(boris, "Встречаемся")).get_by_role("menuitem", name="Реакция 👍").click()
    await chip(anna, "Встречаемся", "👍").click()
    await choose(anna, "Встречаемся", "Другие реакции")
    await anna.dialog.get_by_role("button", name="❤️").click()

    await choose_for_part(boris, "Встречаемся", "в девять", "Ответить с цитатой")
    await boris.say("А где?")
    await choose(boris, "Встречаемся", "Закрепить")
    await anna.say("Ой, не туда")
    await boris.see_message("Ой, не туда")
    await choose(anna, "Ой, не туда", "Удалить")
    await anna.dialog.get_by_role("button", name="У всех").click()

    await they_agree(anna, boris)
    await anna.page.reload()
    await they_agree(anna, boris)

    await boris.context.set_offline(True)
    await chip(anna, "Встречаемся", "❤️").click()
    await choose(anna, "Встречаемся", "Изменить")
    await anna.say("Встречаемся в десять у маяка")
    await expect(bubble(anna, "Встречаемся в десять")).to_be_visible()
    await boris.context.set_offline(False)
    await expect(bubble(boris, "Встречаемся в десять")).to_be_visible()
    await expect(chip(boris, "Встречаемся", "❤️")).to_have_count(0)
    await expect(boris.page.get_by_role("complementary", name="Закреплённое сообщение")).to_contain_text("в десять")

    await choose(anna, "Встречаемся", "Переслать")
    await anna.dialog.get_by_role("button", name=VERA.name).click()
    await expect(anna.page.get_by_role("region", name=f"Диалог: {VERA.name}")).to_be_visible()
    await expect(bubble(anna, "Встречаемся в десять")).to_contain_text("Переслано, автор: вы")


@embedded
async def test_by_keyboard_alone_one_edits_replies_selects_and_deletes_for_oneself(
    place: Place, windows: Windows
) -> None:
    await make_accounts(place.url, place.setup_code, ANNA, BORIS)
    anna, boris, phone = await windows.open(), await windows.open(), await windows.open(size=NARROW)
    await anna.sign_in(ANNA.username)
    await anna.start_chat(BORIS)
    for text in ("раз", "два", "три"):
        await anna.say(text)
    for window in (boris, phone):
        await window.sign_in(BORIS.username)
        await window.open_chat(ANNA.name)
        await window.see_message("три")

    await anna.message("раз").focus()
    await anna.page.keyboard.press("KeyE")
    await expect(anna.composer).to_have_value("раз")
    await anna.page.keyboard.press("Escape")
    await expect(anna.composer).to_have_value("")
    await anna.message("раз").focus()
    await anna.page.keyboard.press("Enter")
    await expect(anna.page.get_by_role("menu")).to_be_visible()
    await anna.page.keyboard.press("Escape")
    await anna.composer.fill("слово")
    await anna.composer.press("Control+a")
    await anna.composer.press("Control+b")
    await expect(anna.composer).to_have_value("**слово**")
    await anna.composer.press("Enter")
    await expect(bubble(boris, "слово").locator("strong")).to_have_text("слово")

    await boris.message("два").focus()
    await boris.page.keyboard.press("Delete")
    await boris.dialog.get_by_role("button", name="Только у меня").click()
    for window in (boris, phone):
        await expect(window.message("два")).to_have_count(0)
        await window.see_message("три")
    await anna.see_message("два")

    await choose(boris, "раз", "Выбрать")
    await boris.log.get_by_role("checkbox", name="три").check()
    await expect(boris.page.get_by_role("toolbar")).to_contain_text("Выбрано 2 сообщения")
    await boris.page.get_by_role("toolbar").get_by_role("button", name="Удалить").click()
    await boris.dialog.get_by_role("button", name="Только у меня").click()
    for window in (boris, phone):
        await expect(window.message("три")).to_have_count(0)
    await phone.page.reload()
    await phone.see_message("слово")
    await expect(phone.message("два")).to_have_count(0)


async def the_newest_page_comes_late_to_whoever_has_a_link(boris: Window, chat_id: str) -> None:
    """The socket's greeting asks for it as well, and its answer must not be shown instead of the message."""

    async def delay(route: Route) -> None:
        around = "before=" in route.request.url or "after=" in route.request.url
        await asyncio.sleep(0.5 if around else 1.5)
        await route.continue_()

    await boris.sign_in(BORIS.username)
    await boris.page.route(re.compile("/entries"), delay)
    await boris.page.goto(f"/chat/{chat_id}/2")
    await expect(boris.message("самое начало")).to_be_in_viewport()
    await boris.page.wait_for_load_state("networkidle")
    await expect(boris.message("самое начало")).to_be_in_viewport()


@embedded
async def test_a_link_opens_the_log_at_its_message(place: Place, windows: Windows) -> None:
    await make_accounts(place.url, place.setup_code, ANNA, BORIS)
    anna = await windows.open()
    await anna.sign_in(ANNA.username)
    await anna.start_chat(BORIS)
    await anna.say("самое начало")
    await anna.see_state("самое начало", "sent")
    chat_id = anna.page.url.rpartition("/")[2]
    await anna.page.evaluate(
        """async (chat) => {
          for (let n = 0; n < 150; n += 1)
            await fetch(`/v1/messaging/chats/${chat}/messages`, {
              method: 'POST',
              headers: { 'content-type': 'application/json', 'kaif-session': 'cookie' },
              body: JSON.stringify({ ref: `n-${n}`, text: `строка ${n}` }),
            })
        }""",
        chat_id,
    )
    await anna.see_message("строка 149")
    await the_newest_page_comes_late_to_whoever_has_a_link(await windows.open(), chat_id)

    await anna.page.goto(f"/chat/{chat_id}/2")

    await expect(anna.message("самое начало")).to_be_in_viewport()
    await expect(anna.message("строка 149")).to_have_count(0)
    await anna.page.get_by_role("button", name="К последним сообщениям").click()
    await expect(anna.message("строка 149")).to_be_in_viewport()

    await anna.page.get_by_role("button", name="Ещё о чате").click()
    await anna.page.get_by_role("menuitem", name="Перейти к дате").click()
    day = anna.dialog.get_by_label("День")
    await expect(day).to_be_focused()
    await assert_accessible(anna)
    today = await day.input_value()
    await day.fill("2099-01-01")
    await anna.dialog.get_by_role("button", name="Перейти").click()
    await expect(anna.dialog.get_by_text("Выберите день, который уже наступил")).to_be_visible()
    await day.fill(today)
    await day.press("Enter")
    await expect(anna.message("самое начало")).to_be_in_viewport()
    await expect(anna.message("строка 149")).not_to_be_in_viewport()


@embedded
async def test_axe_finds_nothing_grave_in_what_is_done_with_messages(place: Place, windows: Windows) -> None:
    await make_accounts(place.url, place.setup_code, ANNA, BORIS)
    window = await windows.open(size=NARROW, bypass_csp=True, reduced_motion="reduce")
    look = Look(window)

    await window.sign_in(ANNA.username)
    await window.start_chat(BORIS)
    await window.say("**Жирно**, _косо_, ||тайна||, `код`, @boris, #тема, https://example.org")
    await window.say("```python\nprint('Привет')\n```")
    await window.say("> чужие слова\nи свои")
    for text in ("Жирно", "и свои"):
        await (await open_menu(window, text)).get_by_role("menuitem", name="Реакция 🔥").click()
    await choose(window, "Жирно", "Закрепить")
    await expect(window.page.get_by_role("complementary", name="Закреплённое сообщение")).to_be_visible()
    await look("messages")
    menu = await open_menu(window, "Жирно")
    await look("menu")
    await menu.get_by_role("menuitem", name="Другие реакции").click()
    await look("emoji")
    await window.page.keyboard.press("Escape")
    await choose(window, "Жирно", "Переслать")
    await look("forward")
    await window.page.keyboard.press("Escape")
    await choose(window, "Жирно", "Удалить")
    await look("delete")
    await window.page.keyboard.press("Escape")
    await choose(window, "Жирно", "Изменить")
    await look("edit")
    await window.page.keyboard.press("Escape")
    await choose(window, "и свои", "Выбрать")
    await look("select")

    look.assert_nothing_grave()

"""A channel as its readers use it: how many have seen a post, what they say of it, and where its owner leads them."""

import re

from playwright.async_api import Locator, expect
from tests.journeys.browser import ANNA, BORIS, NARROW, VERA, Window, Windows, make_accounts
from tests.journeys.conftest import Place
from tests.journeys.looks import Look
from tests.journeys.test_chats_of_every_kind import make_channel, make_link


def comments(window: Window, post: str) -> Locator:
    return window.message(post).get_by_role("link")


def views(window: Window, post: str) -> Locator:
    return window.message(post).get_by_role("img", name=re.compile("просмотр"))


async def comment(window: Window, text: str) -> None:
    field = window.page.get_by_label("Написать комментарий")
    await field.fill(text)
    await field.press("Enter")
    await window.see_message(text)


async def choose(window: Window, text: str, deed: str) -> None:
    await window.message(text).click(button="right")
    await window.page.get_by_role("menuitem", name=deed).click()


async def test_readers_of_a_channel_see_count_and_comment_its_posts(place: Place, windows: Windows) -> None:
    # axe is a script of its own, which the page's policy rightly refuses.
    anna = await windows.open(bypass_csp=True, reduced_motion="reduce")
    boris = await windows.open(size=NARROW, bypass_csp=True, reduced_motion="reduce")
    vera = await windows.open(reduced_motion="reduce")
    await make_accounts(place.url, place.setup_code, ANNA, BORIS, VERA)
    for window, human in ((anna, ANNA), (boris, BORIS), (vera, VERA)):
        await window.sign_in(human.username)
    await make_channel(anna, "Новости озера")
    await anna.say("Лёд сошёл")
    address = await make_link(anna, "О канале")
    for window in (boris, vera):
        await window.page.goto(address)
        await window.page.get_by_role("button", name="Присоединиться", exact=True).click()
        await window.see_message("Лёд сошёл")

    for window in (anna, boris, vera):
        await expect(views(window, "Лёд сошёл")).to_have_text("3")
    await expect(comments(boris, "Лёд сошёл")).to_have_count(0)

    # What was posted in the channel's name its owner edits and pins. Readers are offered what they may do, no more.
    await anna.composer.press("ArrowUp")
    await expect(anna.composer).to_have_value("Лёд сошёл")
    await anna.composer.fill("Лёд сошёл вчера")
    await anna.composer.press("Enter")
    await boris.see_message("Лёд сошёл вчера")
    await choose(anna, "Лёд сошёл", "Закрепить")
    bar = boris.page.get_by_role("complementary", name="Закреплённое сообщение")
    await expect(bar).to_contain_text("Лёд сошёл вчера")
    await boris.message("Лёд сошёл").click(button="right")
    await expect(boris.page.get_by_role("menuitem", name="Переслать")).to_be_visible()
    await expect(
        boris.page.get_by_role("menuitem", name=re.compile("Ответить|Закрепить|Открепить|Изменить"))
    ).to_have_count(0)
    await boris.page.get_by_role("menuitem", name="Удалить").click()
    await expect(boris.dialog.get_by_role("button", name="У меня")).to_be_visible()
    await expect(boris.dialog.get_by_role("button", name="У всех")).to_have_count(0)
    await boris.page.keyboard.press("Escape")
    await bar.get_by_role("button", name="Скрыть закреплённые").click()
    await expect(bar).to_have_count(0)
    await expect(anna.page.get_by_role("complementary", name="Закреплённое сообщение")).to_be_visible()

    # The owner has a group made for comments; its readers have them with the next look.
    await anna.page.get_by_role("button", name="О канале").click()
    await anna.dialog.get_by_role("button", name="Комментарии").click()
    look_anna = Look(anna)
    await look_anna("without comments")
    await anna.dialog.get_by_role("button", name="Создать группу для комментариев").click()
    await expect(anna.dialog.get_by_role("switch", name="Комментируют все подписчики")).to_be_checked()
    await look_anna("with comments")
    await anna.page.keyboard.press("Escape")
    for window in (boris, vera):
        await window.page.reload()
    await expect(comments(boris, "Лёд сошёл")).to_have_text(re.compile("Прокомментировать"))
    look = Look(boris)
    await look("post")
    await comments(boris, "Лёд сошёл").click()
    await expect(boris.page.get_by_text("Комментариев пока нет")).to_be_visible()
    await comment(boris, "Наконец-то!")
    await expect(boris.page.get_by_text("1 комментарий")).to_be_visible()

    # Who has not joined reads them live, and answers.
    await expect(comments(vera, "Лёд сошёл")).to_have_text(re.compile("1 комментарий"))
    await comments(vera, "Лёд сошёл").focus()
    await vera.page.keyboard.press("Enter")
    await vera.see_message("Наконец-то!")
    await boris.composer.fill("Пойду за лодкой")
    await boris.composer.press("Enter")
    await vera.see_message("Пойду за лодкой")
    await vera.message("Наконец-то!").hover()
    await vera.message("Наконец-то!").get_by_role("button", name="Ответить").click()
    await comment(vera, "И вправду")
    await boris.see_message("И вправду")
    await expect(boris.message("И вправду").get_by_role("button", name=re.compile("Наконец-то!"))).to_be_visible()
    await look("thread")

    # It is moderated by whoever looks after the group, in the thread itself.
    await anna.page.keyboard.press("Escape")
    await anna.row("Новости озера").last.click()
    await comments(anna, "Лёд сошёл").click()
    await choose(anna, "И вправду", "Удалить")
    await anna.dialog.get_by_role("button", name="У всех").click()
    for window in (anna, boris, vera):
        await expect(window.message("И вправду")).to_have_count(0)
        await expect(window.page.get_by_text("2 комментария")).to_be_visible()
    await boris.page.get_by_role("link", name="К посту").click()
    await expect(comments(boris, "Лёд сошёл")).to_have_text(re.compile("2 комментария"))
    await expect(boris.page.get_by_text("В канале пишут только его админы")).to_be_visible()

    # A post goes on into a topic of a group, and who leaves was here just now.
    await anna.start_group("Рыбаки", [BORIS])
    await anna.page.get_by_role("button", name="Участники").click()
    await anna.dialog.get_by_role("button", name="Настройки").click()
    await anna.dialog.get_by_role("switch", name="Темы").check()
    await anna.dialog.get_by_role("button", name="Сохранить").click()
    await anna.page.keyboard.press("Escape")
    await anna.page.get_by_role("button", name="Новая тема").click()
    await anna.dialog.get_by_label("Название темы").fill("Погода")
    await anna.dialog.get_by_role("button", name="Создать тему").click()
    await expect(anna.page.get_by_role("region", name="Тема: Погода")).to_be_visible()
    await anna.row("Новости озера").last.click()
    await choose(anna, "Лёд сошёл", "Переслать")
    await anna.dialog.get_by_role("button", name="Рыбаки").click()
    await look_anna("topics to forward into")
    await anna.dialog.get_by_role("list", name="Темы").get_by_role("button", name="Погода").click()
    await expect(anna.page.get_by_role("region", name="Тема: Погода")).to_be_visible()
    await anna.see_message("Лёд сошёл")
    await anna.start_chat(BORIS)
    await expect(anna.page.get_by_text("в сети", exact=True).last).to_be_visible()
    await boris.page.close()
    await expect(anna.page.get_by_text("был(а) только что")).to_be_visible()
    look.assert_nothing_grave()
    look_anna.assert_nothing_grave()

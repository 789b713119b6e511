"""A comment is whatever a message is: asked, spoken, put off; what was begun is there on one's other devices."""

import re

from playwright.async_api import expect
from tests.journeys.browser import ANNA, BORIS, NARROW, Windows, chromium, make_accounts
from tests.journeys.conftest import Place, complaints_of, embedded
from tests.journeys.looks import Look
from tests.journeys.test_cards import ask, result
from tests.journeys.test_channels import comments
from tests.journeys.test_chats_of_every_kind import make_channel, make_link
from tests.journeys.test_due import send_later, waiting


@embedded
async def test_a_reader_comments_by_a_poll_a_voice_and_a_message_that_waits(place: Place) -> None:
    # The small browser of all journeys has no microphone.
    async with chromium() as browser:
        windows = Windows(browser, place.url)
        await comment_in_all_ways(place, windows)
        windows.assert_no_complaints()
    assert not complaints_of(place)


async def comment_in_all_ways(place: Place, windows: Windows) -> None:
    # axe is a script of its own, which the page's policy rightly refuses.
    anna = await windows.open(bypass_csp=True, reduced_motion="reduce")
    boris = await windows.open(
        size=NARROW, bypass_csp=True, reduced_motion="reduce", permissions=["microphone"], locale="ru-RU"
    )
    await make_accounts(place.url, place.setup_code, ANNA, BORIS)
    for window, human in ((anna, ANNA), (boris, BORIS)):
        await window.sign_in(human.username)
    await make_channel(anna, "Новости озера")
    await anna.say("Лёд сошёл")
    address = await make_link(anna, "О канале")
    await anna.page.get_by_role("button", name="О канале").click()
    await anna.dialog.get_by_role("button", name="Комментарии").click()
    await anna.dialog.get_by_role("button", name="Создать группу для комментариев").click()
    await expect(anna.dialog.get_by_role("switch", name="Комментируют все подписчики")).to_be_checked()
    await anna.page.keyboard.press("Escape")
    await boris.go(address)
    await boris.page.get_by_role("button", name="Присоединиться", exact=True).click()
    await comments(boris, "Лёд сошёл").click()
    await expect(boris.page.get_by_text("Комментариев пока нет")).to_be_visible()

    # Who is not in the group yet comments by a voice, and is in it then.
    await boris.page.get_by_role("button", name="Записать голосовое").focus()
    await boris.page.keyboard.press("Enter")
    await expect(boris.page.get_by_role("timer")).not_to_have_text("0:00")
    await boris.page.get_by_role("button", name="Отправить голосовое").click()
    await expect(boris.log.get_by_role("group", name="Голосовое сообщение")).to_be_visible()
    await expect(boris.page.get_by_text("1 комментарий")).to_be_visible()
    await ask(boris, "Когда едем?", "в субботу", "в воскресенье")
    await boris.message("Когда едем?").get_by_role("radio", name="в субботу").click()
    await comments(anna, "Лёд сошёл").click()
    await anna.message("Когда едем?").get_by_role("radio", name="в субботу").click()
    await expect(result(anna, "Когда едем?", "в субботу: 100 %, 2 голоса")).to_be_visible()

    await send_later(boris, "С лодкой", "Через час")
    await expect(waiting(boris)).to_have_text("Ждёт отправки 1 сообщение")
    looks = [Look(anna), Look(boris)]
    for look in looks:
        await look("thread")
    await waiting(boris).click()
    await boris.dialog.get_by_role("button", name="Отправить сейчас").click()
    await anna.see_message("С лодкой")
    await boris.page.keyboard.press("Escape")
    await expect(waiting(boris)).to_have_count(0)

    # What one begins here is there on another device, and the post says so.
    await boris.composer.fill("А вёсла")
    other = await windows.open()
    await other.sign_in(BORIS.username)
    await other.row("Новости озера").last.click()
    await expect(comments(other, "Лёд сошёл")).to_have_text(re.compile("3 комментария.*Черновик"))
    await Look(other)("post with a draft")
    await comments(other, "Лёд сошёл").click()
    await expect(other.composer).to_have_value("А вёсла")
    await other.composer.fill("А вёсла?")
    await expect(boris.composer).to_have_value("А вёсла?")
    await other.composer.press("Enter")
    await anna.see_message("А вёсла?")
    await expect(boris.composer).to_have_value("")
    await boris.page.get_by_role("link", name="К посту").click()
    await expect(comments(boris, "Лёд сошёл")).to_have_text(re.compile("^4 комментария$"))
    for look in looks:
        look.assert_nothing_grave()

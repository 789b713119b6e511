"""Strangers, blocks and choices, as people meet them in their browsers."""

import asyncio

import pytest
from playwright.async_api import expect
from tests.harness import Person
from tests.journeys.browser import ANNA, BORIS, NARROW, VERA, WIDE, Human, Windows, make_accounts
from tests.journeys.conftest import Place, embedded
from tests.journeys.looks import Look
from tests.journeys.test_seeing_files import Sender, are_loaded, picture

ADDRESS = "https://example.org/prize"


async def test_a_stranger_is_looked_at_blocked_and_let_in_again(place: Place, windows: Windows) -> None:
    anna, boris = await windows.open(), await windows.open(size=NARROW)
    await make_accounts(place.url, place.setup_code, ANNA, BORIS)
    await anna.sign_in(ANNA.username)
    await boris.sign_in(BORIS.username)
    await boris.start_chat(ANNA)
    await boris.say(f"Вы выиграли: {ADDRESS}")

    await anna.open_chat(BORIS.name)
    stranger = anna.page.get_by_role("region", name="Вам пишет незнакомый человек")
    await expect(stranger).to_contain_text(f"@{BORIS.username}")
    await expect(stranger).to_contain_text("Общих групп нет")
    await anna.see_message(ADDRESS)
    await expect(anna.message(ADDRESS).get_by_role("link")).to_have_count(0)

    await stranger.get_by_role("button", name="Заблокировать").click()
    await anna.dialog.get_by_role("button", name="Заблокировать").click()
    await expect(anna.page.get_by_text("Вы заблокировали этого человека")).to_be_visible()
    await expect(anna.composer).to_have_count(0)
    await expect(boris.page.get_by_text("в сети", exact=True)).to_have_count(0)
    await boris.say("Ау?")
    await boris.see_state("Ау?", "failed")

    await anna.go("/settings/privacy")
    blocked = anna.page.get_by_role("list", name="Заблокированные")
    await blocked.get_by_role("button", name=f"Разблокировать: {BORIS.name}").click()
    await expect(anna.page.get_by_text("Вы никого не заблокировали")).to_be_visible()
    await boris.message("Ау?").get_by_role("button", name="Не отправлено. Повторить").click()
    await boris.see_state("Ау?", "sent")

    await anna.go("/")
    await anna.open_chat(BORIS.name)
    await anna.say("Спасибо, не надо")
    await expect(stranger).to_have_count(0)
    await expect(anna.message(ADDRESS).get_by_role("link")).to_have_attribute("href", ADDRESS)


@embedded
async def test_who_looks_like_a_companion_is_marked_wherever_they_are_seen(place: Place, windows: Windows) -> None:
    copy = Human("qwerty", "Бopиc Лунин")
    await make_accounts(place.url, place.setup_code, VERA, ANNA, BORIS, copy)
    anna, other = await windows.open(), await windows.open(size=NARROW)
    await anna.sign_in(ANNA.username)
    await anna.start_chat(BORIS)
    await anna.say("Это ты?")
    await other.sign_in(copy.username)
    await other.start_chat(ANNA)
    await other.say("Это я")
    await anna.page.reload()

    mark = f"Имя похоже на имя вашего собеседника: {BORIS.name}. Это другой человек."
    await expect(anna.row(copy.name).get_by_role("img", name=mark)).to_be_visible()
    await expect(anna.row(BORIS.name).get_by_role("img", name=mark)).to_have_count(0)
    await anna.open_chat(copy.name)
    conversation = anna.page.get_by_role("region", name=f"Диалог: {copy.name}")
    await expect(conversation.get_by_role("img", name=mark)).to_be_visible()
    await expect(anna.page.get_by_role("region", name="Вам пишет незнакомый человек")).to_contain_text(mark)
    await anna.page.get_by_role("button", name="Новый чат").first.click()
    await anna.dialog.get_by_role("searchbox").fill("Лунин")
    found = anna.dialog.get_by_role("list", name="Люди")
    await expect(found.get_by_role("button", name=copy.name).get_by_role("img", name=mark)).to_be_visible()
    real = found.get_by_role("button").filter(has_text=f"@{BORIS.username}")
    await expect(real.get_by_role("img", name=mark)).to_have_count(0)


async def test_who_is_written_to_by_nobody_says_so_in_the_settings(place: Place, windows: Windows) -> None:
    anna, boris = await windows.open(), await windows.open()
    await make_accounts(place.url, place.setup_code, ANNA, BORIS)
    await anna.sign_in(ANNA.username)
    await boris.sign_in(BORIS.username)
    await anna.go("/settings")
    await anna.page.get_by_role("link", name="Приватность").click()

    first = anna.page.get_by_role("group", name="Кто может написать первым")
    await first.get_by_role("button", name="Никто").click()
    await expect(first.get_by_role("button", name="Никто")).to_have_attribute("aria-pressed", "true")
    await boris.page.get_by_role("button", name="Новый чат").first.click()
    await boris.dialog.get_by_role("searchbox").fill(ANNA.name.split()[1])
    await boris.dialog.get_by_role("list", name="Люди").get_by_role("button", name=ANNA.name).click()

    await expect(boris.page.get_by_text("Этому человеку нельзя написать.")).to_be_visible()
    # Browsers complain of every refusal.
    boris.complaints[:] = [complaint for complaint in boris.complaints if "403" not in complaint]
    await anna.page.reload()
    await expect(first.get_by_role("button", name="Никто")).to_have_attribute("aria-pressed", "true")


@embedded
@pytest.mark.parametrize("size", [WIDE, NARROW], ids=["wide", "narrow"])
async def test_axe_finds_nothing_grave_where_one_is_kept_safe(
    place: Place, windows: Windows, size: tuple[int, int]
) -> None:
    await make_accounts(place.url, place.setup_code, ANNA, BORIS)
    # axe is a script of its own, which the page's policy rightly refuses.
    anna = await windows.open(size=size, bypass_csp=True, reduced_motion="reduce")
    boris = await windows.open()
    look = Look(anna)

    await boris.sign_in(BORIS.username)
    await boris.start_chat(ANNA)
    await boris.say(f"Вы выиграли: {ADDRESS}")
    await anna.sign_in(ANNA.username)
    await anna.open_chat(BORIS.name)
    await expect(anna.page.get_by_role("region", name="Вам пишет незнакомый человек")).to_be_visible()
    await look("stranger")
    await anna.page.get_by_role("button", name="Заблокировать").click()
    await look("question")
    await anna.dialog.get_by_role("button", name="Заблокировать").click()
    await expect(anna.page.get_by_text("Вы заблокировали этого человека")).to_be_visible()
    await look("blocked")
    await anna.go("/settings/privacy")
    await expect(anna.page.get_by_role("list", name="Заблокированные")).to_be_visible()
    await look("privacy")
    look.assert_nothing_grave()


async def test_what_is_reported_is_looked_at_decided_and_answered(place: Place, windows: Windows) -> None:
    anna, boris, vera = await windows.open(), await windows.open(size=NARROW), await windows.open()
    await make_accounts(place.url, place.setup_code, ANNA, BORIS, VERA)
    for window, human in ((anna, ANNA), (boris, BORIS), (vera, VERA)):
        await window.sign_in(human.username)
    await boris.start_chat(VERA)
    await boris.say("Переведи мне денег")
    await vera.open_chat(BORIS.name)
    await vera.message("Переведи мне денег").hover()
    await vera.message("Переведи мне денег").get_by_role("button", name="Действия с сообщением").click()
    await vera.page.get_by_role("menuitem", name="Пожаловаться").click()
    await vera.dialog.get_by_label("Обман").check()
    await vera.dialog.get_by_label("Подробности").fill("Он это всем пишет")
    await vera.dialog.get_by_role("button", name="Отправить жалобу").click()
    await expect(vera.page.get_by_text("Жалоба отправлена")).to_be_visible()

    # Whoever set the server up may do everything, and hears of it wherever they are.
    await expect(anna.page.get_by_role("img", name="1 новая жалоба")).to_be_visible()
    await anna.go("/operator/reports")
    await expect(anna.page.get_by_role("img", name="1 новая жалоба")).to_be_visible()
    await anna.page.get_by_role("link", name=BORIS.name).click()
    await expect(anna.page.get_by_text("Он это всем пишет")).to_be_visible()
    await expect(anna.page.get_by_text("Переведи мне денег")).to_be_visible()
    await anna.page.get_by_role("button", name="Взять в работу").click()
    await expect(anna.page.get_by_role("img", name="1 новая жалоба")).to_have_count(0)
    await anna.page.get_by_role("button", name="Удалить сообщения").click()
    await anna.dialog.get_by_label("Заметка").fill("Вымогательство")
    await anna.dialog.get_by_role("button", name="Удалить сообщения").click()
    await expect(anna.page.get_by_text("Сообщения удалены")).to_be_visible()

    await expect(boris.message("Сообщение удалено")).to_be_visible()
    await expect(vera.page.get_by_text("Мы рассмотрели вашу жалобу и приняли меры")).to_be_visible()
    await vera.go("/settings/privacy")
    await expect(vera.page.get_by_role("list", name="Ваши жалобы")).to_contain_text("Меры приняты")


async def sends_all_kinds(sender: Sender, to: Person) -> None:
    await asyncio.gather(sender.log_in(), to.log_in())
    chat_id = await sender.direct_chat(to)
    photo = await sender.upload(picture(10, 320, 200), "фото.jpg", "image/jpeg")
    await sender.send_files(chat_id, {"media_id": photo})
    paper = await sender.upload(b"%PDF-1.4 nothing else", "Смета.pdf", "application/pdf")
    await sender.send_files(chat_id, {"media_id": paper, "as": "file"})
    path = f"/v1/messaging/chats/{chat_id}"
    await sender.post(f"{path}/polls", ref="poll", question="Кто со мной?", options=["Я", "Я не пойду"])
    await sender.post(f"{path}/locations", ref="place", latitude=61.8, longitude=34.3, title="Место встречи")
    await sender.post(f"{path}/contacts", ref="contact", user_id=to.id)
    club = await sender.group("Причал", to)
    await asyncio.gather(sender.post_message(club, "Всё пропало"), to.post_message(club, "Правда?"))
    await to.post("/v1/messaging/reports", ref="club", reason="fraud", chat_id=club)
    await sender.close()
    await to.close()


@embedded
@pytest.mark.parametrize("size", [WIDE, NARROW], ids=["wide", "narrow"])
async def test_axe_finds_nothing_grave_where_reports_are_handled(
    place: Place, windows: Windows, size: tuple[int, int]
) -> None:
    await make_accounts(place.url, place.setup_code, ANNA, BORIS)
    anna = await windows.open(size=size, bypass_csp=True, reduced_motion="reduce")
    look = Look(anna)
    await sends_all_kinds(Sender(place.url, BORIS.username), Person(place.url, ANNA.username))
    await anna.sign_in(ANNA.username)
    await anna.open_chat(BORIS.name)
    await anna.page.get_by_role("button", name="Пожаловаться").click()
    await look("report")
    await anna.dialog.get_by_role("button", name="Отправить жалобу").click()
    await anna.go("/operator/reports")
    await expect(anna.page.get_by_role("link", name=BORIS.name)).to_be_visible()
    await look("queue")
    await anna.page.get_by_role("link", name=BORIS.name).click()
    evidence = anna.page.get_by_role("region", name="Как это было")
    await expect(evidence.get_by_text("Сообщение удалено")).to_have_count(0)
    for words in ("Кто со мной?", "Я не пойду", "Место встречи", f"@{ANNA.username}", "Смета.pdf"):
        await expect(evidence.get_by_text(words)).to_be_visible()
    # What may shock is seen by who asks for it.
    await expect(evidence.locator("img[alt='']")).to_have_count(0)
    await look("evidence")
    await evidence.get_by_role("button", name="скрыто").click()
    await are_loaded(evidence.locator(".tile img"))
    await evidence.get_by_role("button", name="Фото", exact=True).click()
    await are_loaded(anna.dialog.get_by_role("img", name="Фото"))
    await look("a picture of it")
    await anna.page.keyboard.press("Escape")
    await anna.page.get_by_role("button", name="Взять в работу").click()
    await anna.page.get_by_role("button", name="Отклонить").click()
    await look("decision")
    await anna.dialog.get_by_role("button", name="Отклонить").click()
    await expect(anna.page.get_by_text("Отклонена")).to_be_visible()
    await look("decided")

    # A chat is closed, and opened again.
    await anna.go("/operator/reports")
    await anna.page.get_by_role("link", name="Причал").click()
    await anna.page.get_by_role("button", name="Взять в работу").click()
    await anna.page.get_by_role("button", name="Закрыть чат").click()
    await anna.dialog.get_by_role("button", name="Закрыть чат").click()
    restore = anna.page.get_by_role("button", name="Открыть чат снова")
    await expect(restore).to_be_visible()
    await look("a closed chat's report")
    await anna.go("/")
    await anna.row("Причал").click()
    await expect(anna.page.get_by_text("Модераторы закрыли эту группу (обман)")).to_be_visible()
    await expect(anna.composer).to_have_count(0)
    await look("a closed chat")
    await anna.go("/operator/reports")
    await anna.page.get_by_role("button", name="Решённые").click()
    await anna.page.get_by_role("link", name="Причал").click()
    await restore.click()
    await anna.dialog.get_by_role("button", name="Открыть чат снова").click()
    await expect(anna.page.get_by_text("Чат снова открыт")).to_be_visible()
    look.assert_nothing_grave()

"""Programs in a chat: a bot from its making in the settings to its end, and a webhook beside it."""

import asyncio
import os
import re
from pathlib import Path

import httpx
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Locator, expect
from tests.harness import Server
from tests.journeys.browser import ANNA, NARROW, WIDE, Human, Window, Windows
from tests.journeys.conftest import embedded

from kaif.client import Button, Callback, Client

BOT = Human("lakebot", "Озёрный Бот")
GRAVE = ("serious", "critical")


async def serve(kaif: Client) -> None:
    """Asks when it is told to, and answers who says yes."""
    await kaif.set_commands({"trip": ("Позвать на озеро", "Call to the lake"), "help": ("Помощь", "Help")})
    async for entry in kaif.entries():
        if isinstance(entry, Callback):
            await kaif.answer(entry, f"Записал: {entry.button}")
        elif entry.command and entry.command.name == "trip":
            rows = [[Button("Еду", "да"), Button("Не еду", "нет")], [Button("Карта", url="https://ozero.example/map")]]
            await kaif.send(entry.chat_id, "Кто едет?", reply_to=entry.seq, buttons=rows)


async def look(window: Window, where: str, shown: bool = True) -> None:
    """Nothing grave for those who can't see, and nothing wider than the screen."""
    result = await Axe().run(window.page)
    found = [f"{where}: {each['id']}" for each in result.response["violations"] if each["impact"] in GRAVE]
    assert not found, "\n".join(found)
    assert await window.page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0, f"{where} is too wide"
    if folder := os.environ.get("KAIF_SHOTS"):
        await window.page.screenshot(path=Path(folder) / f"bots-{where}.png")


@embedded
async def test_a_bot_is_made_asked_pressed_and_deleted(place: Server, windows: Windows) -> None:
    anna = await windows.open(reduced_motion="reduce")
    await anna.set_up(ANNA, place.setup_code)
    await anna.page.goto("/settings")
    await anna.page.get_by_role("link", name="Боты").click()
    await anna.page.get_by_role("button", name="Создать бота").click()
    await anna.dialog.get_by_label("Имя", exact=True).fill(BOT.name)
    await anna.dialog.get_by_label("Имя пользователя").fill("lake")
    await anna.dialog.get_by_role("button", name="Создать бота").click()
    await expect(anna.dialog.get_by_text("в конце «bot»")).to_have_count(1)
    await look(anna, "new")
    await anna.dialog.get_by_label("Имя пользователя").fill(BOT.username)
    await anna.dialog.get_by_role("button", name="Создать бота").click()
    await expect(anna.dialog.get_by_role("heading", name="готов")).to_be_visible()
    secret = str(await anna.dialog.locator("code").inner_text())
    await anna.dialog.get_by_role("button", name="Готово").click()
    row = anna.page.get_by_role("list", name="Ваши боты").get_by_role("listitem")
    await expect(row).to_contain_text(f"…{secret[-4:]}, действует до")
    await look(anna, "own")

    await call_at_an_inner_address(anna, row)

    async with Client(place.url, key=secret) as kaif:
        serving = asyncio.create_task(serve(kaif))
        try:
            await use(anna)
            await hook(anna, place)
            await anna.page.set_viewport_size({"width": NARROW[0], "height": NARROW[1]})
            await look(anna, "narrow")
            await anna.page.set_viewport_size({"width": WIDE[0], "height": WIDE[1]})
        finally:
            serving.cancel()

    await anna.page.goto("/settings/bots")
    await see_why_it_is_not_called(anna, row)
    await row.get_by_role("button", name=f"Удалить бота «{BOT.name}»").click()
    await anna.dialog.get_by_role("button", name="Удалить").click()
    await expect(row).to_have_count(0)
    await expect(anna.page.get_by_role("heading", name="Ваши боты")).to_be_focused()


async def call_at_an_inner_address(anna: Window, row: Locator) -> None:
    """It is taken, with a secret that is shown once: where an address leads is seen when it is called."""
    await row.get_by_role("button", name="Вебхук").click()
    address = anna.dialog.get_by_label("Адрес", exact=True)
    await expect(address).to_be_focused()
    await address.fill("bot.example")
    await anna.dialog.get_by_role("button", name="Сохранить").click()
    await expect(anna.dialog.get_by_text("Адрес должен начинаться с https://")).to_be_visible()
    await address.fill("https://127.0.0.1:9/bot")
    await anna.dialog.get_by_role("button", name="Сохранить").click()
    await expect(anna.dialog.get_by_role("button", name="Скопировать секрет")).to_be_focused()
    await expect(anna.dialog.locator("code")).to_have_text(re.compile(r"^[\w-]{43}$"))
    await look(anna, "called")
    await anna.dialog.get_by_role("button", name="Готово").click()


async def see_why_it_is_not_called(anna: Window, row: Locator) -> None:
    await row.get_by_role("button", name="Вебхук").click()
    await expect(anna.dialog.get_by_text("Адрес ведёт не в открытый интернет")).to_be_visible()
    await expect(anna.dialog.locator("code")).to_have_count(0)
    await anna.page.set_viewport_size({"width": NARROW[0], "height": NARROW[1]})
    await look(anna, "not-called")
    await anna.page.set_viewport_size({"width": WIDE[0], "height": WIDE[1]})
    await anna.dialog.get_by_role("button", name="Попробовать снова").click()
    await expect(anna.page.get_by_text("Пробуем снова")).to_be_visible()
    await anna.dialog.get_by_role("button", name="Удалить вебхук").click()
    await expect(anna.dialog.get_by_text("По его адресу больше ничего не придёт")).to_be_visible()
    await anna.dialog.get_by_role("button", name="Удалить вебхук").click()
    await expect(anna.dialog).to_have_count(0)
    await expect(anna.page.get_by_text("Вебхук удалён")).to_be_visible()


async def hook(anna: Window, place: Server) -> None:
    """A program posts by an address that was shown once."""
    await anna.page.get_by_role("button", name="Участники").click()
    await anna.dialog.get_by_role("button", name="Вебхуки").click()
    await anna.dialog.get_by_label("Имя вебхука").fill("Сборка")
    await anna.dialog.get_by_role("button", name="Создать вебхук").click()
    await expect(anna.dialog.get_by_role("button", name="Скопировать адрес")).to_be_focused()
    await look(anna, "webhook")
    address = str(await anna.dialog.locator("code").inner_text())
    await anna.page.keyboard.press("Escape")
    async with httpx.AsyncClient(trust_env=False) as program:
        answer = await program.post(address, json={"text": "Собрано"})
    assert answer.status_code == 201 and address.startswith(place.url)
    posted = anna.message("Собрано")
    await expect(posted.get_by_text("Сборка")).to_be_visible()
    await expect(posted.get_by_text("вебхук", exact=True)).to_be_visible()
    assert address.rpartition("/")[2] not in str(place.access_log())


async def use(anna: Window) -> None:
    await anna.page.goto("/")
    await anna.start_group("Озеро", [BOT])
    await anna.composer.fill("/")
    options = anna.page.get_by_role("listbox", name="Команды ботов").get_by_role("option")
    await expect(options).to_have_count(2)
    await expect(options.first).to_have_attribute("aria-selected", "true")
    await look(anna, "commands")
    await anna.composer.press("ArrowDown")
    await expect(options.nth(1)).to_have_attribute("aria-selected", "true")
    await anna.composer.press("ArrowUp")
    await anna.composer.press("Enter")
    await expect(anna.composer).to_have_value("/trip@lakebot ")
    await expect(options).to_have_count(0)
    await anna.composer.press("Enter")

    question = anna.message("Кто едет?")
    await expect(question.get_by_text("бот", exact=True)).to_be_visible()
    await expect(question.get_by_role("link", name="Карта")).to_have_attribute("href", "https://ozero.example/map")
    await question.get_by_role("button", name="Еду", exact=True).click()
    await expect(anna.page.get_by_role("status").get_by_text("Записал: да")).to_be_visible()
    await look(anna, "pressed")

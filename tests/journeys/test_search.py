"""Looking for what was said, in all chats and in one, and going to where it stands."""

import asyncio
import re
from pathlib import Path

from axe_playwright_python.async_playwright import Axe
from playwright.async_api import expect
from tests.harness import Person, people, running_server
from tests.journeys.browser import ANNA, BORIS, NARROW, WIDE, Window, Windows, make_accounts
from tests.journeys.conftest import Place
from tests.journeys.looks import GRAVE, Look
from tests.waiting import eventually


async def talk(place: Place) -> None:
    """A long conversation, at the beginning of which something is said once."""
    await make_accounts(place.url, place.setup_code, ANNA, BORIS)
    anna, boris = Person(place.url, ANNA.username), Person(place.url, BORIS.username)
    await anna.log_in()
    await boris.log_in()
    chat_id = await anna.direct_chat(boris)
    await boris.post_message(chat_id, "Ключ от лодочного сарая лежит под третьей доской")
    for number in range(120):
        await anna.post_message(chat_id, f"Сообщение о погоде {number}, https://ozero.example/{number}")
    await anna.close()
    await boris.close()


async def search_everywhere(window: Window, words: str) -> None:
    await window.page.get_by_role("searchbox", name="Найти чат или слова").fill(words)


async def test_what_was_said_long_ago_is_found_and_shown_in_its_place(place: Place, windows: Windows) -> None:
    await talk(place)
    anna = await windows.open()
    await anna.sign_in(ANNA.username)

    await search_everywhere(anna, "ключи лодочные")
    hit = anna.page.get_by_role("link", name="Ключ от лодочного сарая")
    await expect(hit.locator("mark")).to_have_text(["Ключ", "лодочного"])
    await hit.click()
    await expect(anna.message("Ключ от лодочного сарая")).to_be_in_viewport()

    await anna.page.get_by_role("log").press("Control+f")
    field = anna.page.get_by_role("searchbox", name="Поиск по сообщениям")
    await expect(field).to_be_focused()
    await field.fill("погода")
    here = anna.page.get_by_role("search")
    results = here.get_by_role("link")
    await expect(results).to_have_count(30)
    await here.get_by_role("button", name="Показать ещё").click()
    await expect(results).to_have_count(60)
    await here.get_by_role("button", name="Мои").click()
    await field.fill("ключ")
    await expect(here.get_by_text("Ничего не нашлось")).to_be_visible()
    await here.get_by_role("button", name="Сбросить фильтры").click()
    await expect(results).to_have_count(1)
    await every_filter_can_be_chosen(anna)
    await field.fill("ключ")
    await expect(results).to_have_count(1)
    await field.press("Escape")
    await expect(anna.page.get_by_role("search")).to_have_count(0)
    await expect(anna.page.get_by_role("button", name="Поиск по сообщениям")).to_be_focused()


async def every_filter_can_be_chosen(window: Window) -> None:
    """In the search of a chat of 120 messages of one's own, each with a link, after one of the other's."""
    here, look = window.page.get_by_role("search"), Look(window)
    results = here.get_by_role("link")
    await here.get_by_role("searchbox").fill("")
    await here.get_by_role("button", name="Все фильтры").press("Enter")
    await window.dialog.get_by_label("Кто написал").select_option(label="Выбрать человека…")
    await window.dialog.get_by_role("button", name=BORIS.name).click()
    await expect(window.dialog.get_by_label("Кто написал")).to_have_text(re.compile(BORIS.name))
    today = await window.page.evaluate("new Date().toLocaleDateString('sv')")
    await window.dialog.get_by_label("С какого дня").fill(today)
    await window.dialog.get_by_label("По какой день").fill("2020-01-01")
    await window.dialog.get_by_role("button", name="Показать").click()
    await expect(window.dialog.get_by_text("раньше начального")).to_be_visible()
    await look("filters")
    await window.dialog.get_by_label("По какой день").fill(today)
    await window.dialog.get_by_role("button", name="Показать").click()
    await expect(results).to_have_count(1)
    await expect(results).to_contain_text("Ключ от лодочного сарая")

    await here.get_by_role("button", name="Все фильтры").click()
    await window.dialog.get_by_label("Что в сообщении").select_option("poll")
    await window.dialog.get_by_label("Чат").select_option(label="Все чаты")
    await window.dialog.get_by_role("button", name="Показать").click()
    await expect(here.get_by_text("Ничего не нашлось")).to_be_visible()
    await look("chosen filters")
    await here.get_by_role("button", name="Опросы").click()
    await expect(results).to_have_count(1)
    await here.get_by_role("button", name=BORIS.name).click()
    await expect(results).to_have_count(30)
    await here.get_by_role("button", name="Мои").click()
    await here.get_by_role("button", name="Мои").click()
    await here.get_by_role("button", name="В этом чате").click()
    await here.locator(".chip.picked").click()
    await expect(here.locator(".chip.picked")).to_have_count(0)
    look.assert_nothing_grave()


async def test_search_can_be_used_by_everyone_in_every_look(place: Place, windows: Windows) -> None:
    await talk(place)
    for size, scheme in ((WIDE, "light"), (NARROW, "dark")):
        anna = await windows.open(size=size, color_scheme=scheme)
        await anna.sign_in(ANNA.username)
        await search_everywhere(anna, "погода")
        await expect(anna.page.locator("a.hit").first).to_be_visible()
        await assert_accessible(anna)
        await anna.page.locator("a.hit").first.click()
        await anna.page.get_by_role("button", name="Поиск по сообщениям").click()
        await anna.page.get_by_role("searchbox", name="Поиск по сообщениям").fill("доска")
        await expect(anna.page.get_by_role("search").get_by_role("link")).to_have_count(1)
        await assert_accessible(anna)


async def assert_accessible(window: Window) -> None:
    results = await Axe().run(window.page)
    violations = [v for v in results.response["violations"] if v["impact"] in GRAVE]
    assert not violations, violations


async def test_what_was_acknowledged_before_a_kill_is_found_afterwards(tmp_path: Path) -> None:
    """Wherever the process was with its index when it died."""
    async with running_server(tmp_path) as server, people(server, "anna", "boris") as (anna, boris):
        chat_id = await anna.direct_chat(boris)
        said: set[str] = set()

        async def say(text: str) -> None:
            await anna.post_message(chat_id, text)
            said.add(text)

        for number in range(4):
            sends = [asyncio.create_task(say(f"волна {number} гребень {each}")) for each in range(60)]
            await asyncio.wait(sends, return_when=asyncio.FIRST_COMPLETED)
            await asyncio.sleep(0.1 * number)
            server.kill()
            await asyncio.wait(sends)
            for send in sends:
                send.exception()
            await server.restart()

        async def all_found() -> bool:
            found, cursor = set[str](), ""
            while cursor is not None:
                answer = await boris.http.post(
                    "/v1/messaging/search", json={"words": "волна гребень", "limit": 50, "cursor": cursor}
                )
                assert answer.status_code == 200, answer.text
                page = answer.json()
                found |= {message["entry"]["text"] for message in page["messages"]}
                cursor = page["next_cursor"]
            return found >= said

        assert said
        await eventually(all_found)

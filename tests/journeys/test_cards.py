"""Two people ask, answer, and share places and people: both see the same, at once and after a reload."""

from playwright.async_api import Geolocation, Locator, expect
from tests.journeys.browser import ANNA, BORIS, NARROW, VERA, Window, Windows, make_accounts
from tests.journeys.conftest import Place, embedded
from tests.journeys.looks import Look

LAKE = Geolocation(latitude=61.35, longitude=31.5)


async def attach(window: Window, what: str) -> None:
    await window.page.get_by_role("button", name="Прикрепить").click()
    await window.page.get_by_role("menuitem", name=what).click()
    await expect(window.dialog).to_be_visible()


async def ask(window: Window, question: str, *options: str, switches: tuple[str, ...] = (), right: int = 0) -> None:
    """By the keys that one writes a list with."""
    await attach(window, "Опрос")
    await window.dialog.get_by_label("Вопрос").fill(question)
    for switch in switches:
        await window.dialog.get_by_role("switch", name=switch).click()
    for place, option in enumerate(options, 1):
        field = window.dialog.get_by_role("textbox", name=f"Вариант {place}", exact=True)
        await field.fill(option)
        if place < len(options):
            await field.press("Enter")
    if right:
        await window.dialog.get_by_role("radio", name=f"Вариант {right} верный").check()
        await window.dialog.get_by_label("Пояснение").fill("Озеро замерзает в ноябре")
    await window.dialog.get_by_role("button", name="Отправить").click()
    await expect(window.dialog).to_have_count(0)


def result(window: Window, question: str, said: str) -> Locator:
    """An option as a screen reader says it."""
    return window.message(question).get_by_role("listitem").filter(has_text=said)


@embedded
async def test_a_poll_a_quiz_a_place_and_a_person_in_two_windows(place: Place, windows: Windows) -> None:
    await make_accounts(place.url, place.setup_code, ANNA, BORIS, VERA)
    anna, boris = await windows.open(), await windows.open(size=NARROW)
    await anna.sign_in(ANNA.username)
    await boris.sign_in(BORIS.username)
    await anna.start_group("Озеро", [BORIS])
    await boris.open_chat("Озеро")

    await ask(anna, "Когда едем?", "в субботу", "в воскресенье", "никогда", switches=("Анонимно",))
    choices = boris.message("Когда едем?").get_by_role("radiogroup", name="Когда едем?")
    await choices.get_by_role("radio", name="в субботу").focus()
    await boris.page.keyboard.press("ArrowDown")
    await boris.page.keyboard.press("Space")
    await expect(result(boris, "Когда едем?", "в воскресенье: 100 %, 1 голос, ваш ответ")).to_be_visible()
    await anna.message("Когда едем?").get_by_role("radio", name="в субботу").click()
    for window, mine in ((anna, "в субботу"), (boris, "в воскресенье")):
        await expect(result(window, "Когда едем?", f"{mine}: 50 %, 1 голос, ваш ответ")).to_be_visible()
    await boris.page.reload()
    await expect(result(boris, "Когда едем?", "в воскресенье: 50 %, 1 голос, ваш ответ")).to_be_visible()
    await boris.message("Когда едем?").get_by_role("button", name="Отозвать голос").click()
    await expect(result(anna, "Когда едем?", "в субботу: 100 %, 1 голос, ваш ответ")).to_be_visible()
    await anna.message("Когда едем?").get_by_role("button", name="Кто проголосовал").click()
    await expect(anna.dialog.get_by_role("listitem")).to_contain_text([ANNA.name])
    await anna.page.keyboard.press("Escape")

    await ask(boris, "Купаемся?", "да", "нет", switches=("Викторина",), right=2)
    await anna.message("Купаемся?").get_by_role("radio", name="да").click()
    await expect(result(anna, "Купаемся?", "да: 100 %, 1 голос, ваш ответ")).to_be_visible()
    await expect(result(anna, "Купаемся?", "нет: 0 %, 0 голосов, верный ответ")).to_be_visible()
    await expect(anna.message("Купаемся?").get_by_text("Озеро замерзает")).to_be_visible()
    await expect(boris.message("Купаемся?").get_by_text("Озеро замерзает")).to_have_count(0)
    await boris.message("Купаемся?").locator(".question").click(button="right")
    await boris.page.get_by_role("menuitem", name="Завершить опрос").click()
    await boris.dialog.get_by_role("button", name="Завершить").click()
    await expect(boris.message("Купаемся?").get_by_text("Викторина завершена")).to_be_visible()
    await expect(anna.message("Купаемся?").get_by_text("Викторина завершена")).to_be_visible()
    await expect(boris.message("Купаемся?").get_by_text("Озеро замерзает")).to_be_visible()

    await boris.context.grant_permissions(["geolocation"], origin=place.url)
    await boris.context.set_geolocation(LAKE)
    await attach(boris, "Место")
    await boris.dialog.get_by_role("button", name="Где я сейчас").click()
    await expect(boris.dialog.get_by_label("Широта")).to_have_value("61.350000")
    await boris.dialog.get_by_label("Название").fill("Причал")
    await boris.dialog.get_by_role("button", name="Отправить").click()
    link = anna.message("Причал").get_by_role("link", name="Открыть в OpenStreetMap")
    await expect(link).to_have_attribute(
        "href", "https://www.openstreetmap.org/?mlat=61.350000&mlon=31.500000#map=15/61.350000/31.500000"
    )

    await attach(anna, "Контакт")
    await anna.dialog.get_by_role("searchbox").fill("Егорова")
    await anna.dialog.get_by_role("button", name=VERA.name).click()
    await boris.see_message(VERA.name)
    for window in (anna, boris):
        look = Look(window)
        await look("cards")
        await attach(window, "Опрос")
        await window.dialog.get_by_role("switch", name="Викторина").click()
        await window.dialog.get_by_role("button", name="Отправить").click()
        await look("dialog")
        await window.page.keyboard.press("Escape")
        await expect(window.dialog).to_have_count(0)
        look.assert_nothing_grave()
    await boris.message(VERA.name).get_by_role("button", name="Написать").click()
    await expect(boris.page.get_by_role("region", name=f"Диалог: {VERA.name}")).to_be_visible()

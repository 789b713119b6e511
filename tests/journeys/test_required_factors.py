"""A second step that the operator requires, in a browser: whoever has none sets it up, and goes on where they were."""

import re

import pytest
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Locator, expect
from tests.harness import Server
from tests.journeys.browser import ANNA, BORIS, NARROW, VERA, WIDE, Window, Windows, make_accounts
from tests.journeys.conftest import embedded
from tests.journeys.looks import GRAVE
from tests.journeys.test_second_factor import Phone, forgive_refusals

WORDS = {
    "ru-RU": {
        "title": "Настройте второй шаг",
        "app": "Код из приложения",
        "confirm": "Подтвердить",
        "kept": "Коды сохранены",
        "done": "Готово",
        "go on": "Продолжить",
        "out": "Выйти",
    },
    "en-GB": {
        "title": "Set up a second step",
        "app": "Code from an app",
        "confirm": "Confirm",
        "kept": "The codes are kept",
        "done": "Done",
        "go on": "Continue",
        "out": "Sign out",
    },
}


def title(window: Window, locale: str = "ru-RU") -> Locator:
    return window.page.get_by_role("heading", level=1, name=WORDS[locale]["title"])


async def enrol(window: Window, locale: str = "ru-RU") -> None:
    words, page = WORDS[locale], window.page
    await expect(page.get_by_role("button", name=words["go on"])).to_be_disabled()
    await page.get_by_role("switch", name=words["app"]).click()
    secret = (await window.dialog.locator("code").inner_text()).replace(" ", "")
    await window.dialog.get_by_label(words["app"]).fill(Phone(secret).code())
    await window.dialog.get_by_role("button", name=words["confirm"]).click()
    # The codes stay until they are kept, though the server would let their owner in by now.
    await expect(window.dialog.get_by_role("listitem")).to_have_count(10)
    await expect(page.get_by_role("button", name=words["go on"], include_hidden=True)).to_be_enabled()
    await window.dialog.get_by_label(words["kept"]).check()
    await window.dialog.get_by_role("button", name=words["done"]).click()
    await page.get_by_role("button", name=words["go on"]).click()
    await expect(title(window, locale)).to_have_count(0)


async def require(window: Window, mode: str) -> None:
    await window.page.goto("/operator/signing-in")
    await window.page.get_by_role("radio", name=re.compile(f"^{mode}")).click()


@pytest.mark.asvs("6.3.3")
@embedded
async def test_whoever_has_none_sets_it_up_and_goes_on_where_they_were(place: Server, windows: Windows) -> None:
    await make_accounts(place.url, place.setup_code, ANNA, BORIS)
    anna, boris = await windows.open(), await windows.open()
    await anna.sign_in(ANNA.username)
    await boris.sign_in(BORIS.username)
    await boris.page.goto("/settings/security")
    await expect(boris.page.get_by_role("switch", name="Код из приложения")).to_be_enabled()

    await require(anna, "Всем")

    # Nobody has to reload anything, nor ask for something first.
    await expect(title(anna)).to_be_focused()
    await expect(title(boris)).to_be_focused()
    await boris.page.goto("/settings/security")
    await enrol(boris)
    await expect(boris.page.get_by_role("heading", level=1, name="Безопасность")).to_be_visible()
    await boris.page.get_by_role("switch", name="Код из приложения").click()
    await boris.dialog.get_by_role("button", name="Выключить").click()
    await expect(boris.page.get_by_text("а этот у вас последний")).to_be_visible()

    await enrol(anna)
    await expect(anna.page.get_by_role("radio", name=re.compile("^Всем"))).to_be_checked()
    await require(anna, "По желанию")
    await expect(anna.page.get_by_role("status").filter(has_text="По желанию")).to_be_visible()
    forgive_refusals(anna)
    forgive_refusals(boris)
    boris.complaints[:] = [one for one in boris.complaints if "status of 409" not in one]


@embedded
async def test_whoever_does_not_want_to_signs_out(place: Server, windows: Windows) -> None:
    await make_accounts(place.url, place.setup_code, ANNA, VERA)
    anna, vera = await windows.open(), await windows.open(size=NARROW, locale="en-GB")
    await anna.sign_in(ANNA.username)
    await require(anna, "Всем")
    await expect(title(anna)).to_be_visible()

    await vera.page.goto("/sign-in")
    await vera.page.locator("input[name=username]").fill(VERA.username)
    await vera.page.locator("input[name=password]").fill("a password of some length")
    await vera.page.locator("button[type=submit]").click()
    await expect(title(vera, "en-GB")).to_be_visible()
    await vera.page.get_by_role("button", name="Sign out").click()
    await expect(vera.page).to_have_url(re.compile("/sign-in$"))
    await vera.page.locator("input[name=username]").fill(VERA.username)
    await vera.page.locator("input[name=password]").fill("a password of some length")
    await vera.page.locator("button[type=submit]").click()
    await enrol(vera, "en-GB")
    await vera.see_chats()
    forgive_refusals(anna)
    forgive_refusals(vera)


@embedded
@pytest.mark.parametrize("size", [WIDE, NARROW], ids=["wide", "narrow"])
@pytest.mark.parametrize("theme", ["light", "dark"])
async def test_axe_finds_nothing_grave(place: Server, windows: Windows, size: tuple[int, int], theme: str) -> None:
    locale = "ru-RU" if theme == "light" else "en-GB"
    anna = await windows.open(size=size, locale=locale, color_scheme=theme, bypass_csp=True, reduced_motion="reduce")
    found: list[str] = []

    async def look(screen: str) -> None:
        results = await Axe().run(anna.page)
        found.extend(
            f"{screen}: {violation['id']} on {[node['target'] for node in violation['nodes']]}"
            for violation in results.response["violations"]
            if violation["impact"] in GRAVE
        )

    await make_accounts(place.url, place.setup_code, ANNA)
    await anna.sign_in(ANNA.username)
    await anna.page.goto("/operator/signing-in")
    await expect(anna.page.get_by_role("radio", checked=True)).to_have_count(1)
    await look("the rule")
    await anna.page.get_by_role("radio").last.click()
    await expect(title(anna, locale)).to_be_visible()
    await look("setting up")
    assert await anna.page.evaluate("document.documentElement.scrollWidth <= innerWidth"), "it scrolls sideways"
    forgive_refusals(anna)
    assert not found, "\n".join(found)

"""Another site asks who somebody is: they sign in, decide, come back, and take it back."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import expect
from tests import relying_parties
from tests.harness import PASSWORD, Person, free_address
from tests.journeys.browser import ANNA, BORIS, NARROW, Window, Windows, make_accounts
from tests.journeys.conftest import Place, embedded
from tests.journeys.test_own_account import link

NAME = "Вики «Причал»"


@asynccontextmanager
async def wiki(place: Place, **application: Any) -> AsyncIterator[str]:
    """The address of a site that Anna, the owner, has let people sign in to."""
    await make_accounts(place.url, place.setup_code, ANNA, BORIS)
    _, port = free_address("127.0.0.1")
    owner = await Person(place.url, ANNA.username).log_in()
    added = await owner.post(
        "/v1/auth/applications",
        name=NAME,
        kind="web",
        redirect_uris=[f"http://127.0.0.1:{port}/signed-in"],
        scopes=["openid", "profile", "email", "offline_access"],
        **application,
    )
    await owner.close()
    settings = {"clientId": added["application"]["id"], "clientSecret": added["secret"], "port": port}
    async with relying_parties.site({"issuer": place.url, **settings}) as address:
        yield address


async def sign_in_here(window: Window, login: str) -> None:
    await window.page.locator("input[name=username]").fill(login)
    await window.page.locator("input[name=password]").fill(PASSWORD)
    await window.page.locator("button[type=submit]").click()


async def assert_accessible(window: Window) -> None:
    results = await Axe().run(window.page)
    assert results.violations_count == 0, results.generate_report()


def heading(window: Window, name: str) -> Any:
    return window.page.get_by_role("heading", name=name)


@pytest.mark.asvs("10.7.2")
async def test_a_site_is_told_who_somebody_is_once_they_allow_it_and_no_more_when_they_end_it(
    place: Place, windows: Windows
) -> None:
    async with wiki(place) as site:
        boris = await windows.open()
        await boris.page.goto(site)
        await boris.page.get_by_role("link", name="Sign in with Kaif").click()

        await expect(heading(boris, "Сначала войдите")).to_be_visible()
        await sign_in_here(boris, BORIS.username)
        await expect(heading(boris, "Войти в «Вики „Причал“»?")).to_be_visible()
        for text in ("Борис Лунин", "@boris", "Когда вы её подтвердите", site.removeprefix("http://")):
            await expect(boris.page.get_by_text(text).first).to_be_visible()
        await assert_accessible(boris)
        await boris.page.get_by_role("button", name="Разрешить", exact=True).click()
        await expect(heading(boris, "Hello, Борис Лунин")).to_be_visible()
        await expect(boris.page.get_by_text(BORIS.email)).to_have_count(0)

        await boris.page.goto(f"{site}/sign-in")
        await expect(heading(boris, "Hello, Борис Лунин")).to_be_visible()
        await boris.page.goto(f"{site}/sign-in?prompt=none")
        await expect(heading(boris, "Hello, Борис Лунин")).to_be_visible()
        await boris.page.goto(f"{site}/refresh")
        await expect(heading(boris, "Refreshed")).to_be_visible()

        await boris.page.goto(f"{place.url}/settings/security")
        card = boris.page.get_by_role("region", name="Приложения с доступом")
        await expect(card.get_by_text("Знает имя и почту")).to_be_visible()
        await assert_accessible(boris)
        await card.get_by_role("button", name=f"Закрыть доступ: {NAME}").click()
        await boris.dialog.get_by_role("button", name="Закрыть доступ").click()
        await expect(card.get_by_text("Здесь будут приложения")).to_be_visible()

        await boris.go(f"{site}/refresh")
        await expect(heading(boris, "Not signed in")).to_be_visible()
        await expect(boris.page.get_by_text("invalid_grant")).to_be_visible()
        await boris.page.goto(f"{site}/sign-in")
        await expect(boris.page.get_by_role("button", name="Разрешить", exact=True)).to_be_visible()


@embedded
async def test_a_site_learns_an_address_once_it_is_confirmed(place: Place, windows: Windows) -> None:
    async with wiki(place) as site:
        boris = await windows.open()
        await boris.sign_in(BORIS.username)
        await boris.page.goto(await link(place, BORIS.email, "confirm"))
        await expect(heading(boris, "Почта подтверждена")).to_be_visible()

        await boris.page.goto(f"{site}/sign-in")
        await expect(boris.page.get_by_text(BORIS.email)).to_be_visible()
        await boris.page.get_by_role("button", name="Разрешить", exact=True).click()

        await expect(heading(boris, "Hello, Борис Лунин")).to_be_visible()
        await expect(boris.page.get_by_text(BORIS.email)).to_be_visible()


@embedded
async def test_who_refuses_and_who_may_not_be_asked_comes_back_without_a_code(place: Place, windows: Windows) -> None:
    async with wiki(place) as site:
        anna = await windows.open(NARROW)
        await anna.page.goto(f"{site}/sign-in?prompt=none")
        await expect(anna.page.get_by_text("login_required")).to_be_visible()

        await anna.page.goto(f"{site}/sign-in")
        await assert_accessible(anna)
        await anna.page.get_by_role("button", name="Не разрешать").click()
        await expect(anna.page.get_by_text("access_denied")).to_be_visible()

        await anna.sign_in(ANNA.username)
        await anna.page.goto(f"{site}/sign-in")
        await expect(heading(anna, "Войти в «Вики „Причал“»?")).to_be_visible()
        width: int = await anna.page.evaluate("document.documentElement.scrollWidth")
        assert width <= NARROW[0]
        await assert_accessible(anna)
        await anna.page.get_by_role("button", name="Не разрешать").press("Enter")
        await expect(anna.page.get_by_text("access_denied")).to_be_visible()


@embedded
async def test_somebody_else_signs_in_instead_and_comes_back_by_way_of_a_new_account(
    place: Place, windows: Windows
) -> None:
    async with wiki(place) as site:
        window = await windows.open()
        await window.sign_in(ANNA.username)
        await window.page.goto(f"{site}/sign-in?login_hint={BORIS.email}")
        await expect(window.page.get_by_text("Анна Ветрова", exact=True)).to_be_visible()

        await window.page.get_by_role("button", name="Сменить аккаунт").click()
        await window.dialog.get_by_role("button", name="Выйти").click()
        await expect(heading(window, "Сначала войдите")).to_be_visible()
        assert await window.page.locator("input[name=username]").input_value() == BORIS.email

        await window.page.get_by_role("link", name="Создать аккаунт").click()
        await window.page.get_by_label("Как вас называть").fill("Вера Егорова")
        await window.page.get_by_label("Имя пользователя", exact=True).fill("vera")
        await window.page.get_by_label("Почта").fill("vera@example.org")
        await window.page.get_by_label("Пароль", exact=True).fill(PASSWORD)
        await window.page.get_by_role("button", name="Создать аккаунт").click()

        await expect(heading(window, "Войти в «Вики „Причал“»?")).to_be_visible()
        await window.page.get_by_role("button", name="Разрешить", exact=True).click()
        await expect(heading(window, "Hello, Вера Егорова")).to_be_visible()


@embedded
async def test_a_site_that_wants_people_anew_has_them_prove_it(place: Place, windows: Windows) -> None:
    async with wiki(place) as site:
        anna = await windows.open()
        await anna.sign_in(ANNA.username)
        await anna.page.goto(f"{site}/sign-in?prompt=login")

        await expect(heading(anna, "Подтвердите, что это вы")).to_be_visible()
        await anna.page.get_by_role("button", name="Подтвердить").click()
        await anna.dialog.get_by_label("Пароль", exact=True).fill(PASSWORD)
        await anna.dialog.get_by_role("button", name="Подтвердить").click()
        await anna.page.get_by_role("button", name="Разрешить", exact=True).click()

        await expect(heading(anna, "Hello, Анна Ветрова")).to_be_visible()


@embedded
@pytest.mark.parametrize("wrong", ["client_id=nobody", "redirect_uri=https://evil.example/"])
async def test_a_request_that_is_nobodys_is_explained_and_sends_nobody_away(
    place: Place, windows: Windows, wrong: str
) -> None:
    async with wiki(place) as site:
        anna = await windows.open(locale="en-GB")
        # The browser itself says that the server refused what the page asked.
        await anna.page.goto(f"{site}/sign-in?{wrong}")

        await expect(heading(anna, "You can’t sign in this way")).to_be_visible()
        assert anna.page.url.startswith(f"{place.url}/oauth/authorize?")
        await assert_accessible(anna)
        anna.complaints[:] = [line for line in anna.complaints if "/v1/auth/authorizations/consider" not in line]

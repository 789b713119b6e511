"""Signing up, in, and to another account by a service elsewhere, in a browser that goes there and comes back."""

import sqlite3
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Locator, expect
from tests.elsewhere import SECRET, Issuer, running_issuer
from tests.harness import Person, Server, running_server, running_split
from tests.journeys.browser import ANNA, NARROW, WIDE, Window, Windows
from tests.journeys.conftest import complaints_of
from tests.journeys.looks import Look
from tests.journeys.test_own_account import link, sign_out
from tests.journeys.test_second_factor import forgive_refusals

NAME = "Маяк"


@pytest_asyncio.fixture(loop_scope="session")
async def server(tmp_path: Path) -> AsyncIterator[Server]:
    async with running_server(tmp_path) as server:
        yield server


@pytest.fixture
def issuer(server: Server) -> Iterator[Issuer]:
    with running_issuer(f"{server.url}/sign-in/callback") as issuer:
        yield issuer


@pytest_asyncio.fixture(loop_scope="session")
async def operator(server: Server, issuer: Issuer) -> AsyncIterator[Person]:
    """Who has set the server up and added the issuer."""
    operator = Person(server.url, "hostess")
    await operator.set_up(server.setup_code)
    await add(operator, issuer)
    yield operator
    await operator.close()


@pytest_asyncio.fixture(loop_scope="session")
async def windows(browser: Browser, server: Server, operator: Person) -> AsyncIterator[Windows]:
    windows = Windows(browser, server.url)
    yield windows
    windows.assert_no_complaints()
    await windows.close()
    assert not complaints_of(server)


async def add(operator: Person, issuer: Issuer) -> None:
    found = await operator.get("/v1/auth/providers")
    assert found["redirect_uri"] == f"{operator.url}/sign-in/callback"
    await operator.post(
        "/v1/auth/providers", kind="oidc", name=NAME, issuer=issuer.url, client_id="kaif", client_secret=SECRET
    )


def service(window: Window) -> Locator:
    return window.page.get_by_role("button", name=f"Войти через {NAME}")


def card(window: Window) -> Locator:
    return window.page.get_by_role("region", name="Сервисы для входа")


async def sign_up(window: Window, username: str) -> None:
    await window.page.goto("/sign-up")
    await service(window).click()
    await expect(window.page.get_by_role("heading", name="Почти готово")).to_be_visible()
    assert "code=" not in window.page.url
    await window.page.get_by_label("Имя пользователя", exact=True).fill(username)
    await window.page.get_by_role("button", name="Создать аккаунт").click()
    await window.see_chats()


async def test_a_guest_signs_up_and_in_without_a_password_and_keeps_the_last_way_in(
    server: Server, issuer: Issuer, windows: Windows
) -> None:
    anna = await windows.open()
    await sign_up(anna, "anna")
    await expect(anna.page.get_by_text("Подтвердите почту")).to_have_count(0)

    await sign_out(anna)
    await service(anna).click()
    await anna.see_chats()

    await anna.page.goto("/settings/security")
    await expect(card(anna).get_by_text("anna@elsewhere.example")).to_be_visible()
    await expect(card(anna).get_by_text("вход сегодня")).to_be_visible()
    await card(anna).get_by_role("button", name=f"Отвязать: {NAME}").click()
    await anna.dialog.get_by_role("button", name="Отвязать").click()
    await expect(card(anna).get_by_text("единственный способ войти")).to_be_visible()
    await expect(card(anna).get_by_role("button", name=f"Отвязать: {NAME}")).to_be_visible()

    # With a password there is another way.
    await anna.page.get_by_role("button", name="Задать пароль по ссылке из письма").click()
    await expect(anna.page.get_by_text("Письмо отправлено на anna@elsewhere.example")).to_be_visible()
    await anna.page.goto(await link(server, "anna@elsewhere.example", "reset"))
    await anna.page.get_by_role("textbox", name="Новый пароль").fill("у причала стоит чайник")
    await anna.page.get_by_role("button", name="Сохранить пароль").click()
    await expect(anna.page.get_by_role("heading", name="Пароль изменён")).to_be_visible()
    await anna.sign_in("anna", "у причала стоит чайник")
    await anna.page.goto("/settings/security")
    await card(anna).get_by_role("button", name=f"Отвязать: {NAME}").click()
    await anna.dialog.get_by_role("button", name="Отвязать").click()
    await expect(card(anna).get_by_role("button", name=f"Привязать: {NAME}")).to_be_visible()
    forgive_refusals(anna)
    forgive_conflicts(anna)


async def test_an_account_is_linked_and_then_opened_by_the_service(
    server: Server, issuer: Issuer, windows: Windows
) -> None:
    await register(server)
    anna = await windows.open()
    await anna.sign_in(ANNA.username)
    await anna.page.goto("/settings/security")
    await card(anna).get_by_role("button", name=f"Привязать: {NAME}").click()
    await expect(card(anna).get_by_role("button", name=f"Отвязать: {NAME}")).to_be_visible()
    await expect(anna.page.get_by_text(f"Теперь можно входить через {NAME}")).to_be_visible()
    assert anna.page.url == f"{server.url}/settings/security"

    await sign_out(anna)
    await service(anna).click()
    await anna.see_chats()


async def test_what_goes_wrong_elsewhere_is_told_in_words(server: Server, issuer: Issuer, windows: Windows) -> None:
    boris = await windows.open()
    issuer.refuse(True)
    await boris.page.goto("/sign-in")
    await service(boris).click()
    await expect(boris.page.get_by_text("Сервис не получил вашего согласия")).to_be_visible()
    await boris.page.get_by_role("link", name="Ко входу").click()

    issuer.refuse(False)
    issuer.sign_in_as("hostess")
    with sqlite3.connect(server.data / "kaif.db", timeout=10) as database:
        database.execute("UPDATE auth_users SET email = 'hostess@elsewhere.example', email_confirmed_at_us = 1")
    database.close()
    await service(boris).click()
    await expect(boris.page.get_by_text("Аккаунт с такой почтой здесь уже есть")).to_be_visible()

    issuer.stop()
    await boris.page.goto("/sign-in/callback?code=stolen&state=of-somebody-else")
    await expect(boris.page.get_by_text("начат в другом браузере")).to_be_visible()
    assert boris.page.url == f"{server.url}/sign-in/callback"
    forgive_refusals(boris)
    forgive_conflicts(boris)


async def test_an_account_without_a_password_confirms_by_the_service(
    server: Server, issuer: Issuer, windows: Windows
) -> None:
    anna = await windows.open()
    await sign_up(anna, "anna")
    with sqlite3.connect(server.data / "kaif.db", timeout=10) as database:
        database.execute("UPDATE auth_sessions SET authenticated_at_us = 1")
    database.close()

    await anna.page.goto("/settings/security")
    await anna.page.get_by_role("switch", name="Код из приложения").click()
    await anna.dialog.get_by_role("button", name=f"Подтвердить через {NAME}").click()
    await expect(anna.page.get_by_text("Подтверждено. Теперь повторите действие")).to_be_visible()
    await anna.page.get_by_role("switch", name="Код из приложения").click()
    await expect(anna.dialog.get_by_role("heading", name="Подключение приложения")).to_be_visible()
    forgive_refusals(anna)


async def test_a_service_signs_in_where_auth_is_another_process(
    tmp_path: Path, postgres_url: str, redis_url: str, browser: Browser
) -> None:
    public_url = "http://127.0.0.1:1"
    async with running_split(tmp_path, postgres_url, redis_url, KAIF_PUBLIC_URL=public_url) as split:
        with running_issuer(f"{public_url}/sign-in/callback") as issuer:
            operator = Person(split.url, "hostess")
            await operator.set_up(split.setup_code)
            await operator.post(
                "/v1/auth/providers", kind="oidc", name=NAME, issuer=issuer.url, client_id="kaif", client_secret=SECRET
            )
            [offered] = (await operator.get("/v1/auth/services"))["services"]

            begun = await operator.post("/v1/auth/identities/begin", provider_id=offered["id"])
            linked = await operator.post("/v1/auth/identities", **await issuer.come_back(begun))
            begun = await operator.post("/v1/auth/services/sign-in/begin", provider_id=offered["id"])
            tokens = await operator.post("/v1/auth/services/sign-in", **await issuer.come_back(begun))

            assert linked["name"] == NAME
            assert tokens["user"]["id"] == operator.id
            await operator.close()


@pytest.mark.parametrize("size", [WIDE, NARROW], ids=["wide", "narrow"])
async def test_nothing_about_services_shuts_anyone_out(
    server: Server, issuer: Issuer, windows: Windows, size: tuple[int, int]
) -> None:
    anna = await windows.open(size, reduced_motion="reduce")
    look = Look(anna)

    await anna.page.goto("/sign-in/callback")
    await expect(anna.page.get_by_role("link", name="Ко входу")).to_be_visible()
    await look("a failure")
    await anna.page.goto("/sign-in")
    await expect(service(anna)).to_be_visible()
    await look("sign-in")
    await service(anna).focus()
    await anna.page.keyboard.press("Enter")
    await expect(anna.page.get_by_role("heading", name="Почти готово")).to_be_visible()
    await look("a newcomer")
    await anna.page.get_by_role("button", name="Создать аккаунт").click()
    await anna.see_chats()
    await anna.page.goto("/settings/security")
    await expect(card(anna).get_by_role("listitem")).to_have_count(1)
    await look("linked")
    await card(anna).get_by_role("button", name=f"Отвязать: {NAME}").click()
    await look("a question")
    forgive_refusals(anna)

    look.assert_nothing_grave()


def forgive_conflicts(window: Window) -> None:
    """An answer 409 that was meant, which the browser writes to its console."""
    window.complaints[:] = [complaint for complaint in window.complaints if "status of 409" not in complaint]


async def register(server: Server) -> None:
    anna = Person(server.url, ANNA.username)
    await anna.register()
    await anna.close()

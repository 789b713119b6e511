"""The operator connects this server with others: applications that people sign in to, services that they come from."""

import re
from collections.abc import AsyncIterator, Iterator

import httpx
import pytest
import pytest_asyncio
from playwright.async_api import Browser, Locator, expect
from tests.elsewhere import SECRET, Issuer, running_issuer
from tests.harness import PASSWORD, Server
from tests.journeys.browser import ANNA, BORIS, NARROW, WIDE, Window, Windows, make_accounts
from tests.journeys.conftest import Place, complaints_of, embedded
from tests.journeys.looks import Look
from tests.journeys.test_operator import forgive_refusals, grow_old, see

SECRETS = re.compile(r"^[A-Za-z0-9_-]{43}$")
RETURN = "https://wiki.example/signed-in"
NAME = "Маяк"
GONE = "a sign-in service does not answer"


@pytest.fixture
def issuer(place: Server) -> Iterator[Issuer]:
    with running_issuer(f"{place.url}/sign-in/callback") as issuer:
        yield issuer


@pytest_asyncio.fixture(loop_scope="session")
async def windows(browser: Browser, place: Place) -> AsyncIterator[Windows]:
    """As everywhere, but the server may say in its log that a service is gone: here one is stopped."""
    windows = Windows(browser, place.url)
    yield windows
    windows.assert_no_complaints()
    await windows.close()
    assert not [line for line in complaints_of(place).splitlines() if GONE not in line]


def said(window: Window, text: str) -> Locator:
    return window.page.get_by_role("status").filter(has_text=text)


def row(window: Window, name: str) -> Locator:
    return window.page.get_by_role("main").get_by_role("listitem").filter(has_text=name)


def copied(window: Window, label: str) -> Locator:
    """The value under this name, beside its button."""
    return window.page.get_by_role("definition").filter(
        has=window.page.get_by_role("button", name=f"Скопировать: {label}", exact=True)
    )


async def fill_application(window: Window, name: str, *redirect_uris: str) -> None:
    await window.page.get_by_role("button", name="Добавить").click()
    await window.dialog.get_by_label("Название").fill(name)
    await window.dialog.get_by_label("Адреса возврата").fill("\n".join(redirect_uris))


async def take_secret(window: Window) -> str:
    await expect(window.dialog.get_by_text("больше мы его не покажем")).to_be_visible()
    secret = await window.dialog.locator("code").inner_text()
    assert SECRETS.match(secret)
    await window.dialog.get_by_role("button", name="Готово").click()
    await expect(window.dialog).to_have_count(0)
    assert secret not in await window.page.content()
    return secret


async def is_good(place: Place, client_id: str, secret: str) -> bool:
    """Whether the application proves itself with it."""
    async with httpx.AsyncClient(trust_env=False) as http:
        answer = await http.post(f"{place.url}/oauth/introspect", data={"token": "none"}, auth=(client_id, secret))
    assert answer.status_code in {200, 401}, answer.text
    return answer.status_code == 200


async def fill_service(window: Window, issuer: str) -> None:
    await window.page.get_by_role("button", name="Добавить").click()
    await window.dialog.get_by_text("Другой сервис").click()
    await window.dialog.get_by_label("Адрес сервиса (issuer)").fill(issuer)
    await window.dialog.get_by_label("Client ID", exact=True).fill("kaif")
    await window.dialog.get_by_label("Client secret", exact=True).fill(SECRET)
    await window.dialog.get_by_label("Название на кнопке").fill(NAME)


@embedded
async def test_an_application_is_added_gets_another_secret_and_is_removed(place: Server, windows: Windows) -> None:
    owner = await windows.open()
    await owner.set_up(ANNA, place.setup_code)
    await owner.page.goto("/operator")
    await see(owner, "Приложения")
    await expect(owner.page.get_by_text("Приложений пока нет")).to_be_visible()

    await fill_application(owner, "Вики", RETURN, "https://*.wiki.example/")
    await owner.dialog.get_by_role("button", name="Добавить").click()
    field = owner.dialog.get_by_label("Адреса возврата")
    await expect(field).to_have_accessible_description(re.compile(r"Не\sподходит https://\*\.wiki\.example/"))
    await expect(field).to_be_focused()
    await field.fill(RETURN)
    await owner.dialog.get_by_role("button", name="Добавить").click()
    first = await take_secret(owner)

    await expect(owner.page.get_by_role("heading", level=1, name="Вики")).to_be_visible()
    client_id = await copied(owner, "Client ID").inner_text()
    async with httpx.AsyncClient(trust_env=False) as http:
        found = (await http.get(await copied(owner, "Адрес discovery").inner_text())).json()
    assert found["issuer"] == await copied(owner, "Issuer").inner_text() == place.url
    assert await is_good(place, client_id, first)

    grow_old(place)
    await owner.page.get_by_role("button", name="Выдать новый секрет").click()
    await owner.dialog.get_by_role("button", name="Выдать новый секрет").click()
    await owner.dialog.get_by_label("Пароль", exact=True).fill(PASSWORD)
    await owner.dialog.get_by_role("button", name="Подтвердить").click()
    second = await take_secret(owner)
    assert await is_good(place, client_id, second) and not await is_good(place, client_id, first)

    await owner.page.get_by_role("button", name="Изменить").click()
    await owner.dialog.get_by_label("Название").fill("Вики причала")
    await owner.dialog.get_by_label("Почта").uncheck()
    await owner.dialog.get_by_role("button", name="Сохранить").click()
    await expect(owner.page.get_by_role("heading", level=1, name="Вики причала")).to_be_visible()
    await see(owner, "Приложения")
    await expect(row(owner, "Вики причала")).to_contain_text("Ещё никто не входил")

    await owner.page.get_by_role("link", name="Вики причала").click()
    await owner.page.get_by_role("button", name="Удалить").click()
    await owner.dialog.get_by_role("button", name="Удалить").click()
    await expect(owner.page.get_by_text("Приложений пока нет")).to_be_visible()
    assert not await is_good(place, client_id, second)
    forgive_refusals(owner)


@embedded
async def test_a_program_without_a_secret_is_added_and_the_keys_are_rotated(place: Server, windows: Windows) -> None:
    await make_accounts(place.url, place.setup_code, ANNA)
    owner = await windows.open()
    await owner.sign_in(ANNA.username)
    await owner.page.goto("/operator/applications")
    await fill_application(owner, "Лоция", "org.example.pilot:/signed-in", "http://127.0.0.1/signed-in")
    await owner.dialog.get_by_role("radio", name="Программа на устройстве").check()
    await owner.dialog.get_by_role("button", name="Добавить").click()
    await expect(owner.page.get_by_role("heading", level=1, name="Лоция")).to_be_visible()
    await expect(owner.page.get_by_text("такому приложению хватает PKCE")).to_be_visible()
    await expect(owner.page.get_by_role("button", name="Выдать новый секрет")).to_have_count(0)

    await see(owner, "Приложения")
    [before] = await published_keys(place)
    await owner.page.get_by_role("button", name="Сменить", exact=True).click()
    await owner.dialog.get_by_role("button", name="Сменить").click()
    await expect(row(owner, "Следующий")).to_contain_text("Начнёт подписывать")
    assert before in await published_keys(place)

    await owner.page.get_by_role("button", name="Сменить сразу").click()
    await owner.dialog.get_by_role("button", name="Сменить сразу").click()
    await expect(said(owner, "Ключи сменены")).to_be_visible()
    await expect(row(owner, "Следующий")).to_have_count(0)
    [after] = await published_keys(place)
    assert after != before
    await expect(row(owner, "Действует")).to_contain_text(after)


async def published_keys(place: Place) -> list[str]:
    async with httpx.AsyncClient(trust_env=False) as http:
        return [key["kid"] for key in (await http.get(f"{place.url}/oauth/jwks.json")).json()["keys"]]


@embedded
async def test_a_service_is_added_checked_paused_and_removed(place: Server, windows: Windows, issuer: Issuer) -> None:
    await make_accounts(place.url, place.setup_code, ANNA)
    owner = await windows.open()
    await owner.sign_in(ANNA.username)
    await owner.page.goto("/operator")
    await see(owner, "Сервисы входа")
    await expect(copied(owner, "Адрес возврата")).to_have_text(f"{place.url}/sign-in/callback")

    await fill_service(owner, issuer.url + "/elsewhere")
    await owner.dialog.get_by_role("button", name="Добавить").click()
    field = owner.dialog.get_by_label("Адрес сервиса (issuer)")
    await expect(field).to_have_accessible_description(re.compile("нет описания OpenID Connect"))
    await field.fill(issuer.url)
    await owner.dialog.get_by_role("button", name="Добавить").click()
    await expect(said(owner, f"Вход через {NAME} включён")).to_be_visible()
    await owner.page.get_by_role("button", name=f"Проверить: {NAME}").click()
    await expect(row(owner, NAME)).to_contain_text("Отвечает, всё подходит")
    await expect(owner.page.get_by_role("button", name=f"Проверить: {NAME}")).to_be_focused()

    guest = await windows.open()
    button = guest.page.get_by_role("button", name=f"Войти через {NAME}")
    await guest.page.goto("/sign-in")
    await button.click()
    await guest.page.get_by_label("Имя пользователя", exact=True).fill(BORIS.username)
    await guest.page.get_by_role("button", name="Создать аккаунт").click()
    await guest.see_chats()

    # What is not given anew stays: the secret still opens.
    await owner.page.get_by_role("button", name=f"Изменить: {NAME}").click()
    await expect(owner.dialog.get_by_label("Client secret", exact=True)).to_have_value("")
    await owner.dialog.get_by_role("button", name="Сохранить").click()
    await expect(said(owner, "Изменения сохранены")).to_be_visible()
    back = await windows.open()
    await back.page.goto("/sign-in")
    await back.page.get_by_role("button", name=f"Войти через {NAME}").click()
    await back.see_chats()

    other = await windows.open()
    await owner.page.get_by_role("switch", name=f"Войти через {NAME}").click()
    await expect(said(owner, f"Вход через {NAME} выключен")).to_be_visible()
    await other.page.goto("/sign-in")
    await expect(other.page.get_by_role("button", name="Войти", exact=True)).to_be_visible()
    await expect(other.page.get_by_role("button", name=f"Войти через {NAME}")).to_have_count(0)

    issuer.stop()
    await owner.page.get_by_role("button", name=f"Проверить: {NAME}").click()
    await expect(row(owner, NAME)).to_contain_text("Сервис не отвечает")
    await owner.page.reload()
    await owner.page.get_by_role("button", name=f"Удалить: {NAME}").click()
    await expect(owner.dialog).to_contain_text("К нему привязан 1 аккаунт")
    await owner.dialog.get_by_role("button", name="Удалить").click()
    await expect(owner.page.get_by_text("Сервисов входа пока нет")).to_be_visible()
    forgive_refusals(owner, guest, back)


@embedded
@pytest.mark.parametrize("size", [WIDE, NARROW], ids=["wide", "narrow"])
async def test_nothing_about_connecting_shuts_anyone_out(
    place: Server, windows: Windows, issuer: Issuer, size: tuple[int, int]
) -> None:
    await make_accounts(place.url, place.setup_code, ANNA)
    owner = await windows.open(size, reduced_motion="reduce")
    look = Look(owner)

    await owner.sign_in(ANNA.username)
    await owner.page.goto("/operator/applications")
    await expect(owner.page.get_by_text("Действует")).to_be_visible()
    await look("no applications")
    await fill_application(owner, "Вики", RETURN + "#")
    await owner.dialog.get_by_role("button", name="Добавить").click()
    await expect(owner.dialog.get_by_text("Не подходит")).to_be_visible()
    await look("an application with an error")
    await owner.dialog.get_by_label("Адреса возврата").fill(f"{RETURN}\nhttps://wiki.example/{'long/' * 60}")
    await owner.dialog.get_by_role("button", name="Добавить").click()
    await expect(owner.dialog.locator("code")).to_be_visible()
    await look("a secret")
    await owner.dialog.get_by_role("button", name="Готово").click()
    await expect(copied(owner, "Issuer")).to_be_visible()
    await look("an application")
    await see(owner, "Приложения")
    await expect(row(owner, "Вики")).to_be_visible()
    await look("applications")

    await see(owner, "Сервисы входа")
    await fill_service(owner, "https://login.example.org/?")
    await owner.dialog.get_by_role("button", name="Добавить").click()
    await expect(owner.dialog.get_by_text("не содержать знаков")).to_be_visible()
    await look("a service with an error")
    await owner.dialog.get_by_label("Адрес сервиса (issuer)").fill(issuer.url)
    await owner.dialog.get_by_role("button", name="Добавить").click()
    await owner.page.get_by_role("button", name=f"Проверить: {NAME}").click()
    await expect(row(owner, NAME)).to_contain_text("Отвечает, всё подходит")
    await look("services")
    forgive_refusals(owner)

    look.assert_nothing_grave()

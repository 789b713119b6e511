"""API keys in a browser: made, shown once, used by a program, and revoked."""

import sqlite3
from collections.abc import AsyncIterator

import httpx
import pytest
import pytest_asyncio
from playwright.async_api import Locator, expect
from tests.gateway.test_sockets import closed_with
from tests.harness import PASSWORD, Person, Server, Split
from tests.journeys.browser import ANNA, NARROW, WIDE, Window, Windows
from tests.journeys.conftest import Place, embedded
from tests.journeys.looks import Look
from tests.journeys.test_passkeys import grow_old
from tests.journeys.test_second_factor import forgive_refusals
from tests.waiting import eventually
from websockets.asyncio.client import connect


@pytest_asyncio.fixture(loop_scope="session")
async def program(place: Place) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=place.url, trust_env=False) as program:
        yield program


def card(window: Window) -> Locator:
    return window.page.get_by_role("region", name="Ключи API")


async def see_card(window: Window) -> None:
    await window.page.goto("/settings/security")
    await expect(card(window).get_by_role("button", name="Создать ключ")).to_be_enabled()


async def ask_for_key(window: Window, name: str, *scopes: str, days: str = "90 дней") -> None:
    await card(window).get_by_role("button", name="Создать ключ").click()
    await window.dialog.get_by_label("Название").fill(name)
    for scope in scopes:
        await window.dialog.get_by_label(scope).check()
    await window.dialog.get_by_label("Сколько действует").select_option(days)
    await window.dialog.get_by_role("button", name="Создать ключ").click()


async def shown_key(window: Window) -> str:
    await expect(window.dialog.get_by_role("heading", name="готов")).to_be_visible()
    return str(await window.dialog.locator("code").inner_text())


@embedded
async def test_a_key_is_shown_once_serves_a_program_and_is_revoked(
    place: Server, windows: Windows, program: httpx.AsyncClient
) -> None:
    anna = await windows.open(permissions=["clipboard-read", "clipboard-write"])
    await anna.set_up(ANNA, place.setup_code)
    await see_card(anna)

    await ask_for_key(anna, "Ночной отчёт", "Видеть ваш профиль, почту и роль", "Читать ваши чаты")
    secret = await shown_key(anna)
    await anna.dialog.get_by_role("button", name="Скопировать ключ").click()
    assert await anna.page.evaluate("navigator.clipboard.readText()") == secret
    await anna.dialog.get_by_role("button", name="Готово").click()

    row = card(anna).get_by_role("listitem").filter(has_text="Ночной отчёт")
    await expect(row).to_contain_text("профиль и чтение чатов")
    await expect(row).to_contain_text(f"…{secret[-4:]}, действует до")
    assert secret not in await anna.page.content()

    program.headers["authorization"] = f"Bearer {secret}"
    assert (await program.get("/v1/auth/me")).json()["username"] == ANNA.username
    assert (await program.post("/v1/messaging/chats", json={})).json()["code"] == "insufficient_scope"
    await see_card(anna)
    await expect(row).to_contain_text("использован сегодня")

    await row.get_by_role("button", name="Отозвать ключ «Ночной отчёт»").click()
    await anna.dialog.get_by_role("button", name="Отозвать").click()
    await expect(card(anna).get_by_role("listitem")).to_have_count(0)
    await expect(anna.page.get_by_role("heading", name="Ключи API")).to_be_focused()
    assert (await program.get("/v1/auth/me")).json()["code"] == "api_key_refused"


@embedded
async def test_who_has_been_away_proves_that_it_is_them_before_a_key_is_made(place: Server, windows: Windows) -> None:
    anna = await windows.open()
    await anna.set_up(ANNA, place.setup_code)
    await see_card(anna)
    grow_old(place)

    await ask_for_key(anna, "Бот", "Читать ваши чаты")
    step_up = anna.page.get_by_role("dialog", name="Подтвердите, что это вы")
    await step_up.get_by_label("Пароль", exact=True).fill(PASSWORD)
    await step_up.get_by_role("button", name="Подтвердить").click()

    assert (await shown_key(anna)).startswith("kaif_")
    forgive_refusals(anna)


@pytest.mark.asvs("6.4.5")
@embedded
async def test_keys_that_end_soon_or_have_ended_say_so(place: Server, windows: Windows) -> None:
    anna = await windows.open()
    await anna.set_up(ANNA, place.setup_code)
    await see_card(anna)
    for name in ("Неделя", "Прошлое"):
        await ask_for_key(anna, name, "Читать ваши чаты", days="7 дней")
        await anna.dialog.get_by_role("button", name="Готово").click()
    with sqlite3.connect(place.data / "kaif.db", timeout=10) as database:
        database.execute(
            "UPDATE auth_api_keys SET expires_at_us = created_at_us - ? WHERE name = 'Прошлое'", (3_600_000_000,)
        )
    database.close()

    await see_card(anna)
    await expect(card(anna).get_by_role("listitem").filter(has_text="Неделя")).to_contain_text("Скоро истечёт")
    past = card(anna).get_by_role("listitem").filter(has_text="Прошлое")
    await expect(past).to_contain_text("Истёк")
    await past.get_by_role("button", name="Убрать ключ «Прошлое» из списка").click()
    await expect(past).to_have_count(0)


@pytest.mark.parametrize("place", ["split"], indirect=True)
async def test_a_gateway_of_its_own_knows_keys_and_forgets_them(place: Split, program: httpx.AsyncClient) -> None:
    anna = await Person(place.url, "anna").set_up(place.setup_code)
    made = await anna.post("/v1/auth/api-keys", name="Бот", scopes=["auth.read_profile", "messaging.read"])
    program.headers["authorization"] = f"Bearer {made['secret']}"
    assert (await program.get("/v1/auth/me")).json()["id"] == anna.id
    assert (await program.get("/v1/auth/sessions")).json()["code"] == "insufficient_scope"

    headers = {"authorization": f"Bearer {made['secret']}"}
    address = place.url.replace("http", "ws") + "/v1/socket"
    async with connect(address, additional_headers=headers, compression=None, proxy=None) as socket:
        await socket.recv()
        await anna.http.delete(f"/v1/auth/api-keys/{made['key']['id']}")
        assert await closed_with(socket, within_s=2) == 4001

    async def is_refused() -> bool:
        return (await program.get("/v1/auth/me")).status_code == 401

    await eventually(is_refused, timeout_s=2)
    assert (await program.get("/v1/auth/me")).json()["code"] == "api_key_refused"
    await anna.close()


@embedded
@pytest.mark.parametrize("size", [WIDE, NARROW], ids=["wide", "narrow"])
async def test_nothing_about_keys_shuts_anyone_out(place: Server, windows: Windows, size: tuple[int, int]) -> None:
    anna = await windows.open(size, reduced_motion="reduce")
    look = Look(anna)

    await anna.set_up(ANNA, place.setup_code)
    await see_card(anna)
    await look("no keys")
    await card(anna).get_by_role("button", name="Создать ключ").click()
    await expect(anna.dialog.get_by_label("Название")).to_be_focused()
    await anna.dialog.get_by_role("button", name="Создать ключ").click()
    await expect(anna.dialog.get_by_text("Отметьте хотя бы одно")).to_be_visible()
    await look("a new one, not filled in")
    await anna.dialog.get_by_label("Название").fill("Очень длинное название ключа, которое не помещается в строку")
    for box in await anna.dialog.get_by_role("checkbox").all():
        await box.check()
    await anna.dialog.get_by_role("button", name="Создать ключ").click()
    await shown_key(anna)
    await look("the key")
    await anna.dialog.get_by_role("button", name="Готово").click()
    await expect(card(anna).get_by_role("listitem")).to_have_count(1)
    await look("one")

    look.assert_nothing_grave()

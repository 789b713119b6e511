"""Passkeys in a browser whose authenticator is virtual: added, used for every kind of proof, and removed."""

import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest
import pytest_asyncio
from playwright.async_api import Browser, CDPSession, Locator, expect
from tests import softkey
from tests.harness import Person, Server, running_server, running_split
from tests.journeys.browser import ANNA, NARROW, WIDE, Window, Windows
from tests.journeys.conftest import complaints_of
from tests.journeys.looks import Look
from tests.journeys.test_second_factor import forgive_refusals, give_password, sign_out, turn_on

from kaif.interfaces.auth.passkeys import CreationOptions, RequestOptions


@pytest_asyncio.fixture(loop_scope="session")
async def named(tmp_path: Path) -> AsyncIterator[Server]:
    """A server on the address that browsers know by the name localhost."""
    async with running_server(tmp_path, "127.0.0.1") as server:
        yield server


@pytest_asyncio.fixture(loop_scope="session")
async def windows(browser: Browser, named: Server) -> AsyncIterator[Windows]:
    windows = Windows(browser, f"http://localhost:{named.port}")
    yield windows
    windows.assert_no_complaints()
    await windows.close()
    assert not complaints_of(named)


# The virtual authenticator takes an offer among what is filled in by itself, at any moment.
WITHOUT_OFFERS = "PublicKeyCredential.isConditionalMediationAvailable = async () => false"


class Authenticator:
    """Of the platform: it keeps passkeys, and says at once that it has seen its user."""

    def __init__(self, session: CDPSession, number: str) -> None:
        self._session, self._number = session, number

    @classmethod
    async def of(cls, window: Window, *, offers: bool = False) -> "Authenticator":
        if not offers:
            await window.context.add_init_script(WITHOUT_OFFERS)
        session = await window.context.new_cdp_session(window.page)
        await session.send("WebAuthn.enable", {"enableUI": False})
        options = {
            "protocol": "ctap2",
            "transport": "internal",
            "hasResidentKey": True,
            "hasUserVerification": True,
            "isUserVerified": True,
            "automaticPresenceSimulation": True,
        }
        added = await session.send("WebAuthn.addVirtualAuthenticator", {"options": options})
        return cls(session, added["authenticatorId"])

    async def credentials(self) -> list[dict[str, object]]:
        kept = await self._session.send("WebAuthn.getCredentials", {"authenticatorId": self._number})
        return list(kept["credentials"])


def card(window: Window) -> Locator:
    return window.page.get_by_role("region", name="Ключи доступа")


async def see_card(window: Window) -> None:
    await window.page.goto("/settings/security")
    await expect(card(window).get_by_role("button", name="Добавить ключ")).to_be_enabled()


async def add_passkey(window: Window, name: str) -> None:
    await see_card(window)
    await card(window).get_by_role("button", name="Добавить ключ").click()
    await window.dialog.get_by_label("Название").fill(name)
    await window.dialog.get_by_role("button", name="Продолжить").click()
    await expect(card(window).get_by_role("listitem").filter(has_text=name)).to_be_visible()


def grow_old(server: Server) -> None:
    """All sessions were authenticated long ago."""
    with sqlite3.connect(server.data / "kaif.db", timeout=10) as database:
        database.execute("UPDATE auth_sessions SET authenticated_at_us = 1")
    database.close()


async def test_a_passkey_signs_in_without_anything_being_typed(named: Server, windows: Windows) -> None:
    anna = await windows.open()
    authenticator = await Authenticator.of(anna)
    await anna.set_up(ANNA, named.setup_code)
    await add_passkey(anna, "Ноутбук")
    await expect(card(anna).get_by_text("Добавлен сегодня", exact=True)).to_be_visible()
    assert len(await authenticator.credentials()) == 1

    await sign_out(anna)
    await anna.page.get_by_role("button", name="Войти с ключом доступа").click()
    await anna.see_chats()
    await see_card(anna)
    await expect(card(anna).get_by_text("Добавлен сегодня, вход сегодня")).to_be_visible()

    await card(anna).get_by_role("button", name="Действия с ключом «Ноутбук»").click()
    await anna.dialog.get_by_label("Название").fill("Старый ноутбук")
    await anna.dialog.get_by_role("button", name="Сохранить").click()
    await card(anna).get_by_role("button", name="Действия с ключом «Старый ноутбук»").click()
    await anna.dialog.get_by_role("button", name="Удалить ключ").click()
    await anna.dialog.get_by_role("button", name="Удалить", exact=True).click()
    await expect(card(anna).get_by_role("listitem")).to_have_count(0)
    await expect(anna.page.get_by_role("heading", name="Ключи доступа")).to_be_focused()


async def test_the_browser_offers_a_passkey_where_the_name_is_typed(named: Server, windows: Windows) -> None:
    anna = await windows.open()
    await Authenticator.of(anna, offers=True)
    await anna.set_up(ANNA, named.setup_code)
    await add_passkey(anna, "Ноутбук")
    await anna.page.goto("/settings")

    # The virtual authenticator takes the offer by itself, as a person does by choosing from the list.
    await anna.page.get_by_role("button", name="Выйти").click()

    await anna.see_chats()


async def test_a_passkey_that_was_removed_elsewhere_is_told_of(named: Server, windows: Windows) -> None:
    anna = await windows.open()
    authenticator = await Authenticator.of(anna)
    await anna.set_up(ANNA, named.setup_code)
    await add_passkey(anna, "Ноутбук")
    await sign_out(anna)
    with sqlite3.connect(named.data / "kaif.db", timeout=10) as database:
        database.execute("DELETE FROM auth_passkeys")
    database.close()

    await anna.page.get_by_role("button", name="Войти с ключом доступа").click()

    await expect(anna.page.get_by_text("Сервер не знает этого ключа")).to_be_visible()
    assert await authenticator.credentials() == []
    forgive_refusals(anna)


async def test_a_passkey_stands_in_for_the_second_step_and_for_stepping_up(named: Server, windows: Windows) -> None:
    anna = await windows.open()
    await Authenticator.of(anna)
    await anna.set_up(ANNA, named.setup_code)
    await add_passkey(anna, "Ноутбук")
    await turn_on(anna)
    await sign_out(anna)

    await give_password(anna)
    await anna.page.get_by_role("button", name="Использовать ключ доступа").click()
    await anna.see_chats()

    grow_old(named)
    await see_card(anna)
    await card(anna).get_by_role("button", name="Добавить ключ").click()
    await anna.dialog.get_by_role("button", name="Подтвердить ключом доступа").click()
    await expect(anna.dialog.get_by_label("Название")).to_be_visible()
    await anna.dialog.get_by_role("button", name="Продолжить").click()
    await expect(anna.dialog.get_by_text("здесь уже есть ключ доступа")).to_be_visible()
    forgive_refusals(anna)


async def test_a_passkey_signs_in_where_auth_is_another_process(
    tmp_path: Path, postgres_url: str, redis_url: str
) -> None:
    async with running_split(tmp_path, postgres_url, redis_url, KAIF_PUBLIC_URL=softkey.ORIGIN) as split:
        anna, key = Person(split.url, "anna"), softkey.SoftKey()
        await anna.set_up(split.setup_code)
        created = key.create(msgspec.convert(await anna.post("/v1/auth/passkeys/begin"), CreationOptions))
        await anna.post("/v1/auth/passkeys", name="Laptop", credential=msgspec.to_builtins(created))

        asked = msgspec.convert(await anna.post("/v1/auth/passkeys/sign-in/begin"), RequestOptions)
        tokens = await anna.post("/v1/auth/passkeys/sign-in", credential=msgspec.to_builtins(key.get(asked)))

        assert tokens["user"]["id"] == anna.id
        await anna.close()


async def test_at_an_address_people_are_told_to_come_by_name(browser: Browser, named: Server) -> None:
    windows = Windows(browser, named.url)
    anna = await windows.open()
    await anna.set_up(ANNA, named.setup_code)

    await anna.page.goto("/settings/security")
    await expect(card(anna).get_by_role("link", name=f"http://localhost:{named.port}")).to_be_visible()
    await expect(card(anna).get_by_role("button", name="Добавить ключ")).to_have_count(0)
    await sign_out(anna)
    await expect(anna.page.get_by_role("button", name="Войти с ключом доступа")).to_have_count(0)

    windows.assert_no_complaints()
    await windows.close()


@pytest.mark.parametrize("size", [WIDE, NARROW], ids=["wide", "narrow"])
async def test_nothing_about_passkeys_shuts_anyone_out(named: Server, windows: Windows, size: tuple[int, int]) -> None:
    anna = await windows.open(size, reduced_motion="reduce")
    await Authenticator.of(anna)
    look = Look(anna)

    await anna.set_up(ANNA, named.setup_code)
    await see_card(anna)
    await look("no passkeys")
    await card(anna).get_by_role("button", name="Добавить ключ").click()
    await expect(anna.dialog.get_by_label("Название")).to_be_focused()
    await look("a new one")
    await anna.dialog.get_by_label("Название").fill("Очень длинное название ключа, которое не помещается в строку")
    await anna.dialog.get_by_role("button", name="Продолжить").click()
    await expect(card(anna).get_by_role("listitem")).to_have_count(1)
    await look("one")
    await card(anna).get_by_role("button", name="Действия с ключом").click()
    await look("its actions")
    await anna.page.keyboard.press("Escape")
    await sign_out(anna)
    await look("sign-in")

    look.assert_nothing_grave()


@pytest.mark.asvs("6.3.3")
async def test_where_a_second_step_is_required_a_passkey_is_one(named: Server, windows: Windows) -> None:
    anna = await windows.open()
    await Authenticator.of(anna)
    await anna.set_up(ANNA, named.setup_code)
    await anna.page.goto("/operator/signing-in")
    await anna.page.get_by_role("radio").last.click()
    await expect(anna.page.get_by_role("heading", name="Настройте второй шаг")).to_be_visible()
    await card(anna).get_by_role("button", name="Добавить ключ").click()
    await anna.dialog.get_by_label("Название").fill("Ноутбук")
    await anna.dialog.get_by_role("button", name="Продолжить").click()
    await expect(card(anna).get_by_role("listitem").filter(has_text="Ноутбук")).to_be_visible()
    await anna.page.get_by_role("button", name="Продолжить").click()
    await expect(anna.page.get_by_role("radio").last).to_be_checked()
    await sign_out(anna)

    await give_password(anna)
    await expect(anna.page.get_by_label("Код подтверждения")).to_have_count(0)
    await expect(anna.page.get_by_role("button", name="ключ доступа")).to_be_focused()
    await anna.page.keyboard.press("Enter")

    await anna.see_chats()
    forgive_refusals(anna)

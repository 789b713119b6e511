"""The life of an account from the first page to a stolen phone, as one person lives it."""

import asyncio
import re

from playwright.async_api import expect
from tests.harness import PASSWORD, Server
from tests.journeys.browser import ANNA, BORIS, NARROW, Window, Windows
from tests.journeys.test_passkeys import Authenticator, add_passkey, named, windows
from tests.journeys.test_second_factor import forgive_refusals, give_code, sign_out, turn_on
from tests.journeys.test_sessions import IPHONE, is_thrown_out, open_security, sign_out_of
from tests.waiting import eventually

__all__ = ["named", "windows"]


async def link_in_mailbox(owner: Window, address: str) -> str:
    """Of the letter to that address, as the operator of a server without mail reads it in the browser."""
    found: list[str] = []

    async def come() -> bool:
        await owner.page.goto("/operator/mailbox")
        letters = await owner.page.locator("article").all_inner_texts()
        found[:] = [path for letter in letters if address in letter for path in re.findall(r"(/confirm#\S+)", letter)]
        return bool(found)

    await eventually(come)
    return found[0]


async def test_from_signing_up_to_a_phone_that_is_thrown_out(named: Server, windows: Windows) -> None:
    owner = await windows.open()
    await owner.set_up(BORIS, named.setup_code)
    laptop = await windows.open()
    await Authenticator.of(laptop)

    await laptop.sign_up(ANNA)
    await laptop.page.goto(await link_in_mailbox(owner, ANNA.email))
    await expect(laptop.page.get_by_role("heading", name="Почта подтверждена")).to_be_visible()

    await add_passkey(laptop, "Ноутбук")
    await sign_out(laptop)
    await laptop.page.get_by_role("button", name="Войти с ключом доступа").click()
    await laptop.see_chats()

    _, codes = await turn_on(laptop)
    phone = await windows.open(size=NARROW, user_agent=IPHONE)
    await recover(phone, codes[0])
    await phone.see_chats()
    thief = await windows.open()
    await recover(thief, codes[0])
    await expect(thief.page.get_by_role("alert").filter(has_text="уже использован")).to_have_count(1)
    forgive_refusals(thief)
    forgive_refusals(phone)

    await open_security(laptop)
    clicked = sign_out_of(laptop, "Safari, iPhone")
    await asyncio.gather(is_thrown_out(phone), clicked)


async def recover(window: Window, code: str) -> None:
    """Sign in with the password and a recovery code."""
    await window.page.goto("/sign-in")
    await window.page.locator("input[name=username]").fill(ANNA.username)
    await window.page.locator("input[name=password]").fill(PASSWORD)
    await window.page.locator("button[type=submit]").click()
    await window.page.get_by_role("button", name="Ввести код восстановления").click()
    await give_code(window, code, "Код восстановления")

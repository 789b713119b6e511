"""Passwords are typed unseen, and managers of passwords are welcome."""

import pytest
from playwright.async_api import Locator, expect
from tests.harness import PASSWORD
from tests.journeys.browser import ANNA, Windows, make_accounts
from tests.journeys.conftest import Place, embedded


async def paste(field: Locator, text: str) -> None:
    """As from a manager of passwords, which nobody types."""
    await field.evaluate("(_, text) => navigator.clipboard.writeText(text)", text)
    await field.press("Control+v")
    await expect(field).to_have_value(text)


@embedded
@pytest.mark.asvs("6.2.6", "6.2.7")
async def test_passwords_are_hidden_and_may_be_pasted_and_filled_in(place: Place, windows: Windows) -> None:
    await make_accounts(place.url, place.setup_code, ANNA)
    window = await windows.open(permissions=["clipboard-read", "clipboard-write"])

    await window.page.goto("/sign-up")
    await expect(window.page.locator("input[autocomplete=username]")).to_be_visible()
    new = window.page.locator("input[autocomplete=new-password]")
    await expect(new).to_have_attribute("type", "password")
    await paste(new, PASSWORD)

    await window.page.goto("/sign-in")
    await window.page.locator("input[autocomplete~=username]").fill(ANNA.username)
    present = window.page.locator("input[autocomplete=current-password]")
    await expect(present).to_have_attribute("type", "password")
    await paste(present, PASSWORD)
    await window.page.locator("button[type=submit]").click()
    await window.see_chats()

"""A browser that loses the answer of its refresh goes on, and a thief of the spent cookie ends the session."""

import json
from typing import Any

from playwright.async_api import Page, Route, expect
from tests.journeys.browser import ANNA, Window, Windows, make_accounts
from tests.journeys.conftest import Place, embedded
from tests.journeys.test_sessions import RUN_OUT, open_security
from tests.waiting import until

REFRESH = "**/v1/auth/refresh"
COOKIE = "__Host-kaif_refresh"
ACCESS_COOKIE = "__Host-kaif_access"


async def refresh_cookie(window: Window) -> Any:
    (found,) = [one for one in await window.context.cookies() if one.get("name") == COOKIE]
    return found


async def lose_the_answer(window: Window) -> list[dict[str, str]]:
    """Of the next refresh: the server has it, the browser never hears of it. What was asked is kept."""
    asked: list[dict[str, str]] = []

    async def lose(route: Route) -> None:
        before = await refresh_cookie(window)
        answer = await route.fetch()
        assert answer.status == 200
        # As if it had not come: fetching it for us has put the new tokens into the browser's jar.
        await window.context.add_cookies([before])
        await window.context.clear_cookies(name=ACCESS_COOKIE)
        await route.abort()
        asked.append(json.loads(route.request.post_data or "{}"))

    await window.page.route(REFRESH, lose, times=1)
    return asked


def forgive_lost_answers(window: Window) -> None:
    window.complaints[:] = [
        one for one in window.complaints if "ERR_FAILED" not in one and "Fetch" not in one and "fetch" not in one
    ]


async def run_out(page: Page) -> None:
    await page.evaluate(RUN_OUT)
    await page.context.clear_cookies(name=ACCESS_COOKIE)


@embedded
async def test_a_browser_whose_refresh_was_not_answered_goes_on(place: Place, windows: Windows) -> None:
    await make_accounts(place.url, place.setup_code, ANNA)
    window = await windows.open()
    await window.sign_in(ANNA.username)
    await open_security(window)
    spent = await refresh_cookie(window)
    asked = await lose_the_answer(window)

    await run_out(window.page)
    await window.page.reload()
    await until(lambda: len(asked) == 1)
    await open_security(window)

    await expect(window.page.get_by_text("Это устройство")).to_be_visible()
    assert len(asked) == 1 and len(asked[0]["attempt"]) == 32
    assert (await refresh_cookie(window))["value"] != spent["value"]
    assert await window.page.evaluate("localStorage.getItem('kaif.refreshing')") is None
    forgive_lost_answers(window)

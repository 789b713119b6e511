"""Opens links in Chromium in every way in which what they lead to could run, and says what did."""

import contextlib
from collections.abc import Iterable

from playwright.async_api import Browser, Dialog, Error, Route

CONTROL_PAGE, CONTROL_SCRIPT, HOLE = "/control.html", "/control.js", "/hole.html"
# Of the same origin, and without a policy of its own: the worst page to be shown in.
_EMBEDDED = """<!doctype html><meta charset=latin1>
<iframe src="{link}"></iframe><embed src="{link}"><object data="{link}"></object><img src="{link}">
<script src="{link}"></script><script type="module" src="{link}"></script><link rel="stylesheet" href="{link}">"""


async def what_runs(browser: Browser, url: str, links: Iterable[str]) -> set[str]:
    """What has called `ran`; a page and a script that are there to do so are among it, or nothing else could."""
    ran = set[str]()
    at_hand = {
        CONTROL_PAGE: ("text/html", "<script>ran('control page')</script>"),
        CONTROL_SCRIPT: ("text/javascript", "ran('control script')"),
    }

    async def answer(route: Route) -> None:
        path = route.request.url.removeprefix(url)
        if path.startswith(HOLE):
            await route.fulfill(content_type="text/html", body=_EMBEDDED.format(link=path.partition("?")[2]))
        elif path in at_hand:
            kind, body = at_hand[path]
            await route.fulfill(content_type=kind, body=body)
        else:
            await route.continue_()

    async def dismiss(dialog: Dialog) -> None:
        ran.add(f"dialog: {dialog.message}")
        await dialog.dismiss()

    context = await browser.new_context(service_workers="block")
    try:
        await context.expose_function("ran", lambda what: ran.add(str(what)))
        await context.route("**/*", answer)
        page = await context.new_page()
        page.on("dialog", dismiss)
        for link in (*at_hand, *links):
            # What is saved instead of shown is said by an error.
            with contextlib.suppress(Error):
                await page.goto(url + link)
            await page.goto(f"{url}{HOLE}?{link}")
        await page.evaluate("new Promise((done) => setTimeout(done))")
    finally:
        await context.close()
    assert {"control page", "control script"} <= ran
    return ran - {"control page", "control script"}

"""Pictures of every screen, to be looked at: `python -m tests.journeys.screenshots FOLDER`.

They are taken of a real server with people and conversations, at two sizes, in both themes and languages.
"""

import asyncio
import re
import sys
import tempfile
from pathlib import Path

from playwright.async_api import expect
from tests.harness import Server
from tests.journeys.browser import NARROW, WIDE, Window, Windows, chromium
from tests.journeys.commands import kaif

VISITOR = "anna.vetrova"
FRIEND = "Марина Соколова"
LAST_WORDS = "оттуда донесём вместе"


async def main(folder: Path) -> None:
    with tempfile.TemporaryDirectory() as place:
        server = Server(Path(place))
        demo = await kaif("demo", "--data", server.data)
        assert demo.code == 0, demo.err
        password = demo.out.strip().rpartition(" ")[2]
        await server.start()
        try:
            async with chromium() as browser:
                for size, kind in ((WIDE, ""), (NARROW, "-m")):
                    for theme in ("light", "dark"):
                        for locale in ("ru-RU", "en-GB"):
                            name = f"{kind}{'-dark' if theme == 'dark' else ''}-{locale[:2]}.png"
                            windows = Windows(browser, server.url)
                            window = await windows.open(size, locale, color_scheme=theme, reduced_motion="reduce")
                            await Album(folder, name, window).fill(password)
                            windows.assert_no_complaints()
                            await windows.close()
        finally:
            await server.close()


class Album:
    """One size, theme and language."""

    def __init__(self, folder: Path, name: str, window: Window) -> None:
        self._folder, self._name, self._window = folder, name, window

    async def picture(self, screen: str) -> None:
        page = self._window.page
        await page.evaluate("document.fonts.ready.then(() => undefined)")
        await page.wait_for_timeout(350)
        await page.screenshot(path=self._folder / f"{screen}{self._name}")

    async def fill(self, password: str) -> None:
        window, page = self._window, self._window.page
        await page.goto("/sign-in")
        await expect(page.locator("input[name=username]")).to_be_visible()
        await self.picture("01-sign-in")
        await page.locator("button[type=submit]").click()
        await expect(page.locator("[aria-invalid=true]")).to_have_count(2)
        await self.picture("02-sign-in-errors")
        await page.goto("/sign-up")
        await expect(page.locator("input[name=email]")).to_be_visible()
        await self.picture("03-sign-up")
        await page.goto("/setup#no-code")
        await self.picture("04-set-up-done")

        await window.sign_in(VISITOR, password)
        await expect(window.row(FRIEND)).to_be_visible()
        await self.picture("05-chats")
        await window.open_chat(FRIEND)
        await window.see_message(LAST_WORDS)
        await self.picture("06-conversation")
        await window.composer.fill("Тогда приду с корзиной.\nИ плед возьму, утром уже свежо.")
        await window.message("За пиалу").hover()
        await window.message("За пиалу").locator(".act").first.click()
        await self.picture("07-reply")
        await page.keyboard.press("Escape")
        await window.composer.fill("")
        await page.goto("/")
        await window.open_chat("Выходные на Круглом")
        await expect(window.log.locator("[data-seq]").first).to_be_visible()
        await self.picture("08-group")
        await page.get_by_role("button", name=re.compile("^(Участники|Members)$")).first.click()
        await expect(window.dialog.locator("li").first).to_be_visible()
        await self.picture("09-members")
        await page.keyboard.press("Escape")
        await page.goto("/")
        await expect(window.row(FRIEND)).to_be_visible()
        await page.locator(".list-h .ibtn").last.click()
        await expect(window.dialog.locator("li").first).to_be_visible()
        await self.picture("10-new-chat")
        await page.keyboard.press("Escape")
        await page.locator(".list-h .ibtn").last.click()
        await window.dialog.locator(".btn-soft").first.click()
        await window.dialog.locator("input[name=title]").fill("Рассвет на воде")
        for index in range(2):
            await window.dialog.locator("ul.people button").nth(index).click()
        await self.picture("11-new-group")
        await page.keyboard.press("Escape")
        await page.goto("/settings")
        await expect(page.locator("#set-look")).to_be_visible()
        await self.picture("12-settings")
        await page.goto("/")
        await expect(window.row(FRIEND)).to_be_visible()
        await window.context.set_offline(True)
        await window.open_chat(FRIEND)
        unsent = f"Уже без связи ({self._name.partition('.')[0].strip('-')})"
        await window.say(unsent)
        await expect(page.locator(".netbar")).to_be_visible()
        await self.picture("13-offline")
        await window.context.set_offline(False)
        await window.see_state(unsent, "sent")
        window.complaints[:] = [complaint for complaint in window.complaints if "net::ERR_" not in complaint]


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1])))

"""Chromium as people use it: a fresh profile for each person, and a record of all that it complains about."""

import re
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx
from playwright.async_api import Browser, BrowserContext, Locator, Page, Request, ViewportSize, async_playwright, expect
from tests.harness import PASSWORD
from tests.waiting import eventually

ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    # A microphone that hums; whether a page may listen is asked as always.
    "--use-fake-device-for-media-stream",
]
WIDE = (1280, 800)
NARROW = (390, 844)
WITHIN_MS = 20_000
expect.set_options(timeout=WITHIN_MS)

# A report to the server is sent only now and then; this event is there at once.
_REPORT_VIOLATIONS = """
addEventListener('securitypolicyviolation', (event) =>
  window.kaifViolation(`${event.violatedDirective} ${event.blockedURI} ${event.sourceFile}:${event.lineNumber}`))
"""


@dataclass(frozen=True)
class Human:
    """Someone who signs up in a browser."""

    username: str
    name: str

    @property
    def email(self) -> str:
        return f"{self.username}@example.org"


ANNA = Human("anna", "Анна Ветрова")
BORIS = Human("boris", "Борис Лунин")
VERA = Human("vera", "Вера Егорова")


async def make_accounts(url: str, setup_code: str, *humans: Human) -> None:
    """Without a browser; the first one sets the server up."""
    async with httpx.AsyncClient(base_url=url, timeout=WITHIN_MS / 1000, trust_env=False) as http:
        for human in humans:
            account = {"username": human.username, "email": human.email, "password": PASSWORD}
            first = {"code": setup_code} if human is humans[0] else {}
            path = "/v1/auth/setup" if first else "/v1/auth/register"
            answer = await http.post(path, json={**account, **first, "display_name": human.name})
            assert answer.is_success, answer.text


def find_chromium() -> str:
    """The shell without a window of its own where there is one: the same engine at half the price."""
    return shutil.which("chromium-headless-shell") or find_whole_chromium()


def find_whole_chromium() -> str:
    found = shutil.which("chromium")
    assert found, "Chromium is not installed. Run: apt-get install -y chromium"
    return found


@asynccontextmanager
async def chromium(executable: str = "") -> AsyncIterator[Browser]:
    """The whole of it unless said otherwise, with the notifications and all else that the shell lacks."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=executable or find_whole_chromium(), args=ARGUMENTS)
        try:
            yield browser
        finally:
            await browser.close()


class Windows:
    """The windows of one test; at its end none of them may have complained."""

    def __init__(self, browser: Browser, url: str) -> None:
        self._browser, self.url = browser, url
        self.opened: list[Window] = []

    async def open(self, size: tuple[int, int] = WIDE, locale: str = "ru-RU", at: str = "", **options: Any) -> "Window":
        viewport = ViewportSize(width=size[0], height=size[1])
        context = await self._browser.new_context(
            base_url=at or self.url, locale=locale, viewport=viewport, timezone_id="Europe/Moscow", **options
        )
        context.set_default_timeout(WITHIN_MS)
        window = await opened_window(context)
        self.opened.append(window)
        return window

    def assert_no_complaints(self) -> None:
        complaints = [complaint for window in self.opened for complaint in window.complaints]
        assert not complaints, "\n".join(complaints)

    async def close(self) -> None:
        for window in self.opened:
            await window.context.close()


async def opened_window(context: BrowserContext) -> "Window":
    window = Window(context)
    await context.expose_function("kaifViolation", lambda text: window.complaints.append(f"policy: {text}"))
    await context.add_init_script(_REPORT_VIOLATIONS)
    await window.new_page()
    return window


class Window:
    """What one person sees and does, in Russian unless they choose otherwise."""

    page: Page

    def __init__(self, context: BrowserContext) -> None:
        self.context = context
        self.complaints: list[str] = []
        # What the page has asked and has no answer to.
        self.asked: set[Request] = set()

    async def new_page(self) -> None:
        self.page = await self.context.new_page()
        # A document takes with it what it has asked.
        self.page.on("domcontentloaded", lambda _: self.asked.clear())
        self.page.on("request", lambda request: self.asked.add(request))
        self.page.on("requestfinished", lambda request: self.asked.discard(request))
        self.page.on("requestfailed", lambda request: self.asked.discard(request))
        self.page.on("pageerror", lambda error: self.complaints.append(f"page error: {error}"))
        self.page.on(
            "console",
            lambda message: (
                self.complaints.append(f"console: {message.text} ({message.location})")
                if message.type == "error"
                else None
            ),
        )

    async def go(self, path: str) -> None:
        """After a dialog too, whose entry in the history goes a moment later: until then one comes nowhere else."""

        async def nothing_lies_above() -> bool:
            return bool(await self.page.evaluate("!history.state?.layers"))

        await eventually(nothing_lies_above)
        await self.page.goto(path)

    # Accounts

    async def set_up(self, human: Human, code: str) -> None:
        await self.page.goto(f"/setup#{code}")
        await self.fill_account(human)
        await self.page.get_by_role("button", name="Создать аккаунт владельца").click()
        await self.see_chats()

    async def sign_up(self, human: Human) -> None:
        await self.page.goto("/")
        await self.page.get_by_role("link", name="Создать аккаунт").click()
        await self.fill_account(human)
        await self.page.get_by_role("button", name="Создать аккаунт").click()
        await self.see_chats()

    async def sign_in(self, login: str, password: str = PASSWORD) -> None:
        await self.page.goto("/sign-in")
        await self.page.locator("input[name=username]").fill(login)
        await self.page.locator("input[name=password]").fill(password)
        await self.page.locator("button[type=submit]").click()
        await self.see_chats()

    async def fill_account(self, human: Human) -> None:
        await self.page.get_by_label("Как вас называть").fill(human.name)
        await self.page.get_by_label("Имя пользователя", exact=True).fill(human.username)
        await self.page.get_by_label("Почта").fill(human.email)
        await self.page.get_by_label("Пароль", exact=True).fill(PASSWORD)

    async def see_chats(self) -> None:
        await expect(self.page.locator("section.list")).to_be_visible()

    # Chats

    def row(self, title: str) -> Locator:
        """The chat's line in the list."""
        return self.page.locator("a[data-chat]").filter(has_text=title)

    def unread(self, title: str) -> Locator:
        return self.row(title).get_by_role("img", name=re.compile("непрочитан"))

    async def open_chat(self, title: str) -> None:
        await self.row(title).click()
        await expect(self.composer).to_be_visible()

    async def leave_chat(self) -> None:
        await self.page.keyboard.press("Escape")
        await expect(self.composer).to_have_count(0)

    async def start_chat(self, human: Human) -> None:
        await self.page.get_by_role("button", name="Новый чат").first.click()
        await self._find(human)
        await expect(self.page.get_by_role("region", name=f"Диалог: {human.name}")).to_be_visible()

    async def start_group(self, title: str, humans: list[Human]) -> None:
        await self.page.get_by_role("button", name="Новая группа").click()
        await self.dialog.get_by_label("Название группы").fill(title)
        for human in humans:
            await self._find(human)
        await self.dialog.get_by_role("button", name="Создать группу").click()
        await expect(self.page.get_by_role("region", name=f"Группа: {title}")).to_be_visible()

    async def _find(self, human: Human) -> None:
        await self.dialog.get_by_role("searchbox").fill(human.name.split()[1])
        await self.dialog.get_by_role("list", name="Люди").get_by_role("button", name=human.name).click()

    @property
    def dialog(self) -> Locator:
        return self.page.get_by_role("dialog")

    # Conversation

    @property
    def composer(self) -> Locator:
        return self.page.locator("textarea")

    @property
    def log(self) -> Locator:
        return self.page.get_by_role("log")

    async def say(self, text: str) -> None:
        await self.composer.fill(text)
        await self.composer.press("Enter")

    def message(self, text: str) -> Locator:
        return self.log.locator("[data-index]").filter(has_text=text)

    async def see_message(self, text: str) -> None:
        await expect(self.message(text)).to_be_visible()

    async def seqs_in_view(self) -> list[int]:
        found: list[int] = await self.log.evaluate(
            """(log) => { const box = log.getBoundingClientRect()
              return [...log.querySelectorAll('[data-seq]')].filter((row) => {
                const { top, bottom } = row.getBoundingClientRect()
                return bottom > box.top && top < box.bottom
              }).map((row) => Number(row.dataset.seq)) }"""
        )
        return found

    async def see_state(self, text: str, state: str) -> None:
        """Of the person's own message: pending, failed, sent, read."""
        await expect(self.message(text).locator("[data-state]")).to_have_attribute("data-state", state)

    async def reply_to(self, text: str) -> None:
        await self.message(text).hover()
        await self.message(text).get_by_role("button", name="Ответить").click()

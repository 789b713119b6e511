"""A chat's history as its reader takes it along: an archive that opens from a folder, without the server."""

import zipfile
from pathlib import Path

from playwright.async_api import expect
from tests.journeys.browser import Window
from tests.journeys.looks import Look
from tests.waiting import eventually


async def take_along(window: Window, folder: Path) -> Path:
    """Downloads the open chat with its files, and unpacks it there: the page to read."""
    look = Look(window)
    await window.page.get_by_role("button", name="Ещё о чате").click()
    await window.page.get_by_role("menuitem", name="Скачать историю").click()
    await expect(window.dialog.get_by_label("Страница для чтения")).to_be_checked()
    await window.dialog.get_by_label("Вместе с фото и файлами").check()
    await look("history")
    async with window.page.expect_download() as coming:
        await window.dialog.get_by_role("button", name="Скачать", exact=True).click()
    download = await coming.value
    await expect(window.page.get_by_text("История скачана")).to_be_visible()
    await expect(window.dialog).to_have_count(0)
    look.assert_nothing_grave()
    with zipfile.ZipFile(await download.path()) as archive:
        assert archive.testzip() is None
        archive.extractall(folder)
    assert download.suggested_filename.endswith(".zip")
    return folder / "history.html"


async def read_offline(window: Window, page: Path, pictures: int) -> str:
    """What a browser makes of the page: its words, once so many of its pictures are seen and nothing was refused."""
    tab = await window.context.new_page()
    refused: list[str] = []
    tab.on("console", lambda said: refused.append(said.text) if said.type == "error" else None)
    await tab.goto(page.as_uri())

    async def are_seen() -> bool:
        seen = await tab.locator("img").evaluate_all("(all) => all.filter((one) => one.naturalWidth > 0).length")
        return bool(seen == pictures)

    await eventually(are_seen)
    await tab.locator("audio").first.evaluate("(sound) => { sound.preload = 'auto'; sound.load() }")
    await eventually(lambda: tab.locator("audio").first.evaluate("(sound) => sound.duration > 0"))
    words = await tab.inner_text("body")
    await tab.close()
    assert not refused
    return words

"""Back closes what lies over the page, and nothing of it is left in the history of the window."""

from playwright.async_api import expect
from tests.harness import Person
from tests.journeys.browser import ANNA, BORIS, NARROW, VERA, Window, Windows, make_accounts
from tests.journeys.conftest import Place, embedded
from tests.journeys.test_kept_pictures import send_picture, shown
from tests.journeys.test_seeing_files import are_loaded
from tests.waiting import eventually


@embedded
async def test_back_closes_the_viewer_and_dialogs_and_then_leaves_the_chat(place: Place, windows: Windows) -> None:
    await make_accounts(place.url, place.setup_code, ANNA, BORIS, VERA)
    reader = Person(place.url, ANNA.username)
    await reader.log_in()
    await send_picture(place, reader)
    await reader.close()
    anna = await windows.open(NARROW)
    await anna.sign_in(ANNA.username)
    await anna.open_chat(BORIS.name)

    await open_viewer(anna)
    await anna.page.go_back()
    await expect(anna.dialog).to_have_count(0)
    await expect(anna.composer).to_be_visible()
    # There is nothing to go forward to.
    await anna.page.go_forward()
    await nothing_lies_over(anna)
    await expect(anna.dialog).to_have_count(0)
    await expect(anna.composer).to_be_visible()

    # Closed otherwise, it leaves nothing to go back through.
    for close in ("Escape", "Закрыть"):
        await open_viewer(anna)
        if close == "Escape":
            await anna.page.keyboard.press(close)
        else:
            await anna.dialog.get_by_role("button", name=close).click()
        await nothing_lies_over(anna)
        await anna.page.go_back()
        await anna.see_chats()
        await expect(anna.composer).to_have_count(0)
        await anna.page.go_forward()
        await expect(anna.composer).to_be_visible()

    # The page may be loaded anew below it.
    await open_viewer(anna)
    await anna.page.reload()
    await nothing_lies_over(anna)
    await anna.page.go_back()
    await anna.see_chats()
    await expect(anna.composer).to_have_count(0)

    # From a dialog into what it has made, and back to where it was opened.
    await anna.start_chat(VERA)
    await expect(anna.dialog).to_have_count(0)
    await nothing_lies_over(anna)
    await anna.page.go_back()
    await anna.see_chats()
    await expect(anna.composer).to_have_count(0)
    await anna.page.get_by_role("button", name="Новый чат").first.click()
    await expect(anna.dialog).to_be_visible()
    await anna.page.go_back()
    await expect(anna.dialog).to_have_count(0)
    await anna.see_chats()


async def open_viewer(window: Window) -> None:
    await are_loaded(shown(window))
    await shown(window).click()
    await expect(window.dialog).to_be_visible()
    await eventually(lambda: entries_of_layers(window, 1))


async def nothing_lies_over(window: Window) -> None:
    await eventually(lambda: entries_of_layers(window, 0))


async def entries_of_layers(window: Window, count: int) -> bool:
    return bool(await window.page.evaluate("(count) => (history.state?.layers ?? 0) === count", count))

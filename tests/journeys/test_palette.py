"""In a browser: everything a few letters away, messages under J and K, and a swipe that replies."""

from playwright.async_api import expect
from tests.journeys.browser import ANNA, BORIS, NARROW, VERA, Human, Window, Windows, make_accounts
from tests.journeys.conftest import Place, embedded
from tests.journeys.looks import grave_violations

EMMA = Human("emma", "Emma Stone")


async def go_to(window: Window, typed: str) -> None:
    await window.page.keyboard.press("Control+k")
    field = window.dialog.get_by_role("combobox")
    await field.fill(typed)


@embedded
async def test_letters_in_either_layout_lead_to_chats_people_and_deeds(place: Place, windows: Windows) -> None:
    await make_accounts(place.url, place.setup_code, ANNA, BORIS, VERA, EMMA)
    window = await windows.open()
    await window.sign_in(ANNA.username)
    await window.start_chat(BORIS)
    await window.start_chat(VERA)

    for typed, name in (("бор", BORIS.name), (",jh", BORIS.name), ("Vera", VERA.name)):
        await go_to(window, typed)
        await expect(window.dialog.get_by_role("option").first).to_contain_text(name)
        await window.page.keyboard.press("Enter")
        await expect(window.page.get_by_role("region", name=f"Диалог: {name}")).to_be_visible()

    # Somebody with whom there is no chat yet, typed in Russian letters by mistake.
    await go_to(window, "уььф")
    await expect(window.dialog.get_by_role("option", name=EMMA.name)).to_be_visible()
    assert not await grave_violations(window.page)
    await window.dialog.get_by_role("option", name=EMMA.name).click()
    await expect(window.page.get_by_role("region", name=f"Диалог: {EMMA.name}")).to_be_visible()

    await go_to(window, "тёмн")
    await window.page.keyboard.press("Enter")
    await expect(window.page.locator("html")).to_have_attribute("data-theme", "dark")

    # The arrows go round, Escape leads back to where one was.
    await go_to(window, "нов")
    options = window.dialog.get_by_role("option")
    await expect(options.first).to_have_attribute("aria-selected", "true")
    await window.page.keyboard.press("ArrowUp")
    await expect(options.last).to_have_attribute("aria-selected", "true")
    await window.page.keyboard.press("ArrowDown")
    await expect(options.first).to_have_attribute("aria-selected", "true")
    await window.page.keyboard.press("Escape")
    await expect(window.dialog).to_have_count(0)

    await go_to(window, "щщщщщ")
    await expect(window.dialog.get_by_text("Ничего не нашлось").last).to_be_visible()
    await window.page.set_viewport_size({"width": NARROW[0], "height": NARROW[1]})
    root = "document.documentElement"
    assert await window.page.evaluate(f"{root}.scrollWidth <= {root}.clientWidth")


@embedded
async def test_j_and_k_walk_the_messages_unless_switched_off(place: Place, windows: Windows) -> None:
    await make_accounts(place.url, place.setup_code, ANNA, BORIS)
    window = await windows.open()
    await window.sign_in(ANNA.username)
    await window.start_chat(BORIS)
    for text in ("Первое", "Второе", "Третье"):
        await window.say(text)
        await window.see_state(text, "sent")
    await window.page.evaluate("document.activeElement.blur()")

    for key, text in (("k", "Третье"), ("k", "Второе"), ("j", "Третье")):
        await window.page.keyboard.press(key)
        await expect(window.message(text)).to_be_focused()

    await window.page.evaluate("localStorage.setItem('kaif.single_keys', 'off')")
    await window.page.reload()
    await window.see_message("Третье")
    await window.page.evaluate("document.activeElement.blur()")
    await window.page.keyboard.press("k")
    await expect(window.message("Третье")).not_to_be_focused()


@embedded
async def test_a_message_pulled_to_the_left_is_answered_and_one_pulled_a_little_is_not(
    place: Place, windows: Windows
) -> None:
    await make_accounts(place.url, place.setup_code, ANNA, BORIS)
    window = await windows.open(NARROW, has_touch=True)
    await window.sign_in(ANNA.username)
    await window.start_chat(BORIS)
    await window.say("Ответь пальцем")
    await window.see_state("Ответь пальцем", "sent")
    reply = window.page.get_by_role("button", name="Отменить ответ")

    await swipe(window, "Ответь пальцем", left_px=30)
    await expect(reply).to_have_count(0)
    await swipe(window, "Ответь пальцем", left_px=90, down_px=60)
    await expect(reply).to_have_count(0)
    await swipe(window, "Ответь пальцем", left_px=90)
    await expect(reply).to_be_visible()


async def swipe(window: Window, text: str, left_px: int, down_px: int = 0) -> None:
    """A finger goes down first, if at all, then to the left."""
    box = await window.message(text).locator(".b").bounding_box()
    assert box
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    session = await window.context.new_cdp_session(window.page)
    steps = [(x, y + down_px * part / 4) for part in range(1, 5) if down_px]
    steps += [(x - left_px * part / 6, y + down_px) for part in range(1, 7)]
    await session.send("Input.dispatchTouchEvent", {"type": "touchStart", "touchPoints": [{"x": x, "y": y}]})
    for at_x, at_y in steps:
        await session.send("Input.dispatchTouchEvent", {"type": "touchMove", "touchPoints": [{"x": at_x, "y": at_y}]})
    await session.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})

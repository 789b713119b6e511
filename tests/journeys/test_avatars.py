"""People and groups get pictures: cut out where they are chosen, seen by everyone, and taken down by an operator."""

import io
from typing import Any

import pillow_heif
from PIL import Image
from playwright.async_api import FilePayload, Locator, expect
from tests.journeys.browser import ANNA, BORIS, NARROW, Window, Windows, make_accounts
from tests.journeys.conftest import Place, embedded
from tests.journeys.looks import Look

# The corners of what an image of the page shows, as the letters of their colours.
_CORNERS = """(image) => {
  const canvas = document.createElement('canvas')
  canvas.width = canvas.height = 8
  const context = canvas.getContext('2d')
  context.drawImage(image, 0, 0, 8, 8)
  const letter = ([red, green, blue]) => red > 150 ? 'r' : blue > 150 ? 'b' : '?'
  return [[1, 1], [6, 1], [1, 6], [6, 6]].map(([x, y]) => letter(context.getImageData(x, y, 1, 1).data)).join('')
}"""


def photo() -> FilePayload:
    """Red above blue as people see it; in the file it lies on its side."""
    lying = Image.new("RGB", (600, 400), "red")
    lying.paste("blue", (300, 0, 600, 400))
    exif = Image.Exif()
    # Its left side is what is above (Exif 2.3, 4.6.4: turn it clockwise).
    exif[0x0112] = 6
    content = io.BytesIO()
    lying.save(content, "JPEG", exif=exif)
    return FilePayload(name="я.jpg", mimeType="image/jpeg", buffer=content.getvalue())


def photo_of_a_phone() -> FilePayload:
    """The same of a kind that no browser here draws."""
    upright = Image.new("RGB", (400, 600), "red")
    upright.paste("blue", (0, 300, 400, 600))
    content = io.BytesIO()
    pillow_heif.from_pillow(upright).save(content, quality=90)
    return FilePayload(name="IMG_0001.HEIC", mimeType="", buffer=content.getvalue())


async def sees(place: Locator, corners: str) -> None:
    image = place.locator(".av img.shown").first
    await expect(image).to_have_css("opacity", "1")
    assert await image.evaluate(_CORNERS) == corners


async def choose(window: Window, button: str, file: Any) -> Locator:
    await window.page.get_by_role("button", name=button).click()
    dialog = window.page.get_by_role("dialog").last
    await dialog.locator("input[type=file]").set_input_files(file)
    await expect(dialog.get_by_role("application", name="Кадр")).to_be_focused()
    return dialog


async def save(window: Window, dialog: Locator) -> None:
    await dialog.get_by_role("button", name="Сохранить").click()
    await expect(window.page.get_by_text("Новое фото видно всем")).to_be_visible()
    await expect(dialog.get_by_role("application")).to_have_count(0)


@embedded
async def test_a_picture_is_what_was_seen_in_its_frame_and_everyone_sees_it(place: Place, windows: Windows) -> None:
    await make_accounts(place.url, place.setup_code, ANNA, BORIS)
    anna, boris = await windows.open(), await windows.open(NARROW)
    look = Look(anna)
    await anna.sign_in(ANNA.username)
    await boris.sign_in(BORIS.username)
    await anna.page.goto("/settings")

    dialog = await choose(anna, "Добавить фото", photo())
    await look("the frame")
    await save(anna, dialog)
    profile = anna.page.get_by_role("region", name="Профиль")
    await sees(profile, "rrbb")
    await boris.start_chat(ANNA)
    await sees(boris.page.locator("section.conv header"), "rrbb")

    # Another one, moved and zoomed by the keyboard: only what is below is left.
    dialog = await choose(anna, "Сменить фото", photo())
    for _ in range(9):
        await anna.page.keyboard.press("+")
    for _ in range(40):
        await anna.page.keyboard.press("ArrowDown")
    await save(anna, dialog)
    await sees(profile, "bbbb")
    # Whoever has them in sight sees the new one at once.
    await sees(boris.page.locator("section.conv header"), "bbbb")
    await profile.get_by_role("button", name=f"Показать фото: {ANNA.name}").click()
    await expect(anna.dialog.get_by_role("img", name=f"Фото: {ANNA.name}")).to_be_visible()
    await look("the picture")
    await anna.page.keyboard.press("Escape")

    await boris.go("/")
    await boris.start_group("Причал", [ANNA])
    await anna.go("/")
    await expect(anna.row("Причал")).to_be_visible()
    await boris.page.get_by_role("button", name="Участники").click()
    await boris.dialog.get_by_role("button", name="Настройки").click()
    look_narrow = Look(boris)
    dialog = await choose(boris, "Добавить фото", photo())
    await look_narrow("the frame of a group")
    await save(boris, dialog)
    await sees(anna.row("Причал"), "rrbb")

    # What only the server draws is cut out like any other; two taps lead to what is under them, and back.
    await boris.page.goto("/settings")
    dialog = await choose(boris, "Добавить фото", photo_of_a_phone())
    stage, zoom = dialog.get_by_role("application", name="Кадр"), dialog.get_by_role("slider", name="Приближение")
    box = await stage.bounding_box()
    assert box
    for value in ("2.5", "1", "2.5"):
        await boris.page.mouse.dblclick(box["x"] + box["width"] / 2, box["y"] + box["height"] * 0.85)
        await expect(zoom).to_have_value(value)
    await look_narrow("the frame of what a phone took")
    await save(boris, dialog)
    await sees(boris.page.get_by_role("region", name="Профиль"), "bbbb")
    await anna.page.goto("/operator/people")
    await anna.page.get_by_role("link", name=BORIS.name).click()
    await sees(anna.page.get_by_role("region", name="Аккаунт"), "bbbb")
    await anna.page.get_by_role("button", name="Убрать фото").click()
    await anna.dialog.get_by_role("button", name="Убрать фото").click()
    await expect(anna.page.get_by_text(f"Фото профиля убрано: {BORIS.name}")).to_be_visible()
    # On all that is theirs, and wherever others see them, at once.
    await boris.page.get_by_role("button", name="Добавить фото").click()
    damaged = photo_of_a_phone() | {"buffer": photo_of_a_phone()["buffer"][:-500]}
    await boris.dialog.locator("input[type=file]").set_input_files(damaged)
    await expect(boris.dialog.get_by_role("alert")).to_have_text("Картинка повреждена")
    complaints, boris.complaints = boris.complaints, []
    assert all("422" in each for each in complaints), complaints
    look.assert_nothing_grave()
    look_narrow.assert_nothing_grave()


@embedded
async def test_the_picture_of_a_group_is_taken_down_upon_a_report_and_by_who_meets_it(
    place: Place, windows: Windows
) -> None:
    await make_accounts(place.url, place.setup_code, ANNA, BORIS)
    anna, boris = await windows.open(), await windows.open(NARROW)
    look = Look(anna)
    await anna.sign_in(ANNA.username)
    await boris.sign_in(BORIS.username)
    await boris.start_group("Причал", [ANNA])
    await show_in_group(boris)
    await boris.page.keyboard.press("Escape")
    await boris.page.get_by_role("button", name="Ещё о чате").click()
    await boris.page.get_by_role("menuitem", name="Пожаловаться").click()
    await boris.dialog.get_by_role("button", name="Отправить жалобу").click()
    await expect(boris.page.get_by_text("Жалоба отправлена")).to_be_visible()

    # Whoever set the server up handles reports.
    await anna.page.goto("/operator/reports")
    await anna.page.get_by_role("link", name="Причал").click()
    await sees(anna.page.get_by_role("region", name="Фото чата"), "rrbb")
    await anna.page.get_by_role("button", name="Взять в работу").click()
    await expect(anna.page.get_by_role("button", name="Отклонить")).to_be_visible()
    await look("a reported picture")
    await anna.page.get_by_role("button", name="Убрать фото чата").click()
    await anna.dialog.get_by_role("button", name="Убрать фото чата").click()
    await expect(anna.page.get_by_text("Фото чата убрано")).to_be_visible()
    shown = boris.page.locator("section.conv header .av img")
    await expect(shown).to_have_count(0)

    await show_in_group(boris)
    await boris.page.keyboard.press("Escape")
    await anna.go("/")
    await anna.open_chat("Причал")
    await anna.page.get_by_role("button", name="Участники").click()
    await look("the group with a picture")
    await anna.dialog.get_by_role("button", name="Убрать фото").click()
    await anna.page.get_by_role("dialog").last.get_by_role("button", name="Убрать фото").click()
    await expect(anna.page.get_by_text("Фото чата убрано")).to_be_visible()
    await expect(shown).to_have_count(0)
    await anna.page.goto("/operator/audit")
    await expect(anna.page.get_by_text(f"{ANNA.name} убирает фото чата", exact=True)).to_have_count(2)
    look.assert_nothing_grave()


async def show_in_group(owner: Window) -> None:
    await owner.page.get_by_role("button", name="Участники").click()
    await owner.dialog.get_by_role("button", name="Настройки").click()
    await save(owner, await choose(owner, "Добавить фото", photo()))

"""What was sent is seen and heard: albums, films in pieces, voices; in the log, large, and beside the chat."""

import asyncio
import io
import re
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

import psutil
from PIL import Image
from playwright.async_api import Locator, Route, expect
from tests.harness import Person, Server
from tests.journeys.browser import ANNA, BORIS, NARROW, Window, Windows, make_accounts
from tests.journeys.conftest import Place, embedded
from tests.journeys.fingers import Hand, between, spot
from tests.journeys.looks import Look
from tests.services.media.video.films import H264, TONE, make
from tests.waiting import eventually

CAPTION = "Вид с причала"
WORDS = 55
MEANWHILE = "Слышно?"
# Three sizes of it are made, and in each of them three pieces.
FILM = ("-f", "lavfi", "-i", "testsrc2=size=1280x720:rate=4:duration=9.5")
SONG = ("-f", "lavfi", "-i", "sine=frequency=440:sample_rate=44100:duration=9.5")
# No browser plays it as it is, and it is long enough for a small one to be made first.
FILM_TO_ENCODE = ("-f", "lavfi", "-i", "testsrc2=size=640x480:rate=12:duration=31.5", "-c:v", "mpeg4")
# What browsers on an iPhone do otherwise: films alone fill the screen, and nothing sets how loud they are.
IPHONE = """
  Object.defineProperty(document, 'fullscreenEnabled', { value: false })
  Object.defineProperty(HTMLMediaElement.prototype, 'volume', { get: () => 1, set: () => {} })
  HTMLVideoElement.prototype.webkitEnterFullscreen = function () { this.dataset.full = 'yes' }"""
# What is loaded late may move nothing that is there already: in shares of the window that moved, and how far.
SHIFTS = """
  window.shifted = 0
  new PerformanceObserver((list) => {
    for (const { value, hadRecentInput } of list.getEntries()) if (!hadRecentInput) window.shifted += value
  }).observe({ type: 'layout-shift' })"""


def picture(hue: int, width: int, height: int) -> bytes:
    content = io.BytesIO()
    Image.new("HSV", (width, height), (hue, 120, 200)).convert("RGB").save(content, "JPEG")
    return content.getvalue()


class Sender(Person):
    """Sends files as programs do."""

    async def upload(self, content: bytes, name: str, kind: str) -> str:
        headers = {"content-type": kind, "content-disposition": f"attachment; filename*=UTF-8''{quote(name)}"}
        answer = await self.http.post("/v1/media/files", content=content, headers=headers)
        assert answer.status_code == 201, answer.text
        return str(answer.json()["id"])

    async def send_files(self, chat_id: str, *files: dict[str, Any], text: str = "") -> None:
        fields = {"ref": self.new_ref(), "text": text, "attachments": list(files)}
        await self.post(f"/v1/messaging/chats/{chat_id}/messages", **fields)

    async def send_all_kinds(self, chat_id: str, folder: Path) -> str:
        """Returns the film's id."""
        sides = ((320, 200), (200, 320), (240, 240))
        album = [
            await self.upload(picture(hue * 70, *side), f"{hue}.jpg", "image/jpeg") for hue, side in enumerate(sides)
        ]
        await self.send_files(chat_id, *[{"media_id": one} for one in album], text=CAPTION)
        await self.send_files(chat_id, {"media_id": album[0], "spoiler": True})
        # More than is loaded of a chat at once, and than is loaded around a message.
        for number in range(WORDS):
            await self.post_message(chat_id, f"Слово {number}")
        clip = make(folder / "clip.mp4", *FILM, *SONG, *H264, "-c:a", "aac")
        film = await self.upload(clip.read_bytes(), "clip.mp4", "video/mp4")
        await self.send_files(chat_id, {"media_id": film})
        spoken = make(folder / "voice.ogg", *TONE, "-c:a", "libopus")
        voice = await self.upload(spoken.read_bytes(), "voice.ogg", "audio/ogg")
        await self.send_files(chat_id, {"media_id": voice, "as": "voice"})
        paper = await self.upload(b"%PDF-1.4 nothing else", "Смета.pdf", "application/pdf")
        await self.send_files(chat_id, {"media_id": paper, "as": "file"})
        return film


async def is_made(person: Person, media_id: str, *names: str) -> None:
    async def made() -> bool:
        media = await person.get(f"/v1/media/files/{media_id}")
        return set(names) <= set(media["renditions"])

    await eventually(made, 60)


async def are_loaded(pictures: Locator) -> None:
    """Pictures that have come, and are as large as they are."""

    async def loaded() -> bool:
        script = "all => all.length > 0 && all.every((one) => one.complete && one.naturalWidth > 0)"
        return bool(await pictures.evaluate_all(script))

    await eventually(loaded)


async def scale(viewer: Locator) -> float:
    return float(await viewer.locator("img").evaluate("(image) => Number(getComputedStyle(image).scale) || 1"))


async def open_shared(window: Window, menu: str, title: str) -> Locator:
    await window.page.get_by_role("button", name=menu).click()
    await window.page.get_by_role("menuitem", name=title).click()
    panel = window.page.get_by_role("complementary", name=title)
    await expect(panel).to_be_visible()
    return panel


@embedded
async def test_an_album_a_film_a_voice_and_a_file_are_seen_and_heard(
    place: Place, windows: Windows, tmp_path: Path
) -> None:
    await make_accounts(place.url, place.setup_code, ANNA, BORIS)
    boris, reader = Sender(place.url, "boris"), Person(place.url, "anna")
    await asyncio.gather(boris.log_in(), reader.log_in())
    chat_id = await reader.direct_chat(boris)
    await reader.post_message(chat_id, "Покажите, что там у вас")
    film = await boris.send_all_kinds(chat_id, tmp_path)
    await is_made(boris, film, "film.mp4", "hls/master.m3u8", "previews.vtt")

    anna = await windows.open()
    await anna.sign_in(ANNA.username)
    await expect(anna.row(BORIS.name)).to_contain_text("Смета.pdf")
    came_late: list[str] = []

    async def late(route: Route) -> None:
        """Later than what counts as the answer to a press."""
        came_late.append(route.request.url)
        await asyncio.sleep(0.7)
        await route.continue_()

    await anna.context.route(re.compile("/v1/media/.*/(small|w[0-9]+|poster)"), late)
    await anna.page.evaluate(SHIFTS)
    await anna.open_chat(BORIS.name)
    look = Look(anna)

    # The log
    album = anna.message(CAPTION).get_by_role("group", name="3 фото")
    await album.scroll_into_view_if_needed()
    await are_loaded(album.locator("img"))
    assert len(came_late) >= 3
    assert await anna.page.evaluate("shifted") < 0.005
    await anna.context.unroute_all()
    await look("the log")

    # Large
    await album.get_by_role("button", name="Фото, 2 из 3").click()
    viewer = anna.dialog
    await expect(viewer).to_contain_text(CAPTION)
    await are_loaded(viewer.locator("img"))
    second = await viewer.locator("img").get_attribute("srcset")
    await anna.page.keyboard.press("ArrowRight")
    await expect(viewer.locator("img")).not_to_have_attribute("srcset", second or "")
    await anna.page.keyboard.press("ArrowLeft")
    await expect(viewer.locator("img")).to_have_attribute("srcset", second or "")
    await anna.page.keyboard.press("+")
    await eventually(lambda: is_zoomed(viewer, True))
    await anna.page.keyboard.press("0")
    await eventually(lambda: is_zoomed(viewer, False))
    await look("a picture")
    await anna.page.keyboard.press("Escape")
    await expect(viewer).to_have_count(0)
    await expect(album.get_by_role("button", name="Фото, 2 из 3")).to_be_focused()

    # A spoiler is fetched when it is asked for.
    covered = anna.log.get_by_role("button", name="Фото, скрыто. Показать")
    await covered.scroll_into_view_if_needed()
    await expect(covered.locator("img")).to_have_count(0)
    await covered.click()
    await expect(viewer).to_have_count(0)
    await expect(covered).to_have_count(0)

    # A film, in pieces
    await anna.log.press("End")
    await anna.log.get_by_role("button", name="Видео, 0:09").click()
    video = viewer.locator("video")
    await eventually(lambda: has_played(video))
    assert str(await video.evaluate("(video) => video.currentSrc")).startswith("blob:")
    # It begins small, and is as large as the window has room for as soon as the network is known to carry it.
    assert await video.evaluate("(video) => video.videoHeight") == 360
    await anna.page.keyboard.press("k")
    await expect(viewer.get_by_role("button", name="Смотреть")).to_be_visible()
    slider, moment = viewer.get_by_role("slider", name="Место в видео"), viewer.locator(".moment")
    await slider.fill("8.5")
    assert await video.evaluate("(video) => video.currentTime") == 8.5
    await eventually(lambda: is_as_high(video, 720))
    await expect(moment).to_have_count(0)
    await slider.press("Home")
    await slider.press("ArrowRight")
    assert 0 < await video.evaluate("(video) => video.currentTime") < 1
    await expect(moment).to_be_visible()
    await expect(moment).to_have_count(0)
    await slider.hover()
    await expect(moment).to_be_visible()
    await look("a film")
    await how_fine_and_how_loud_is_chosen(viewer)
    await viewer.get_by_role("button", name="К сообщению").click()
    await expect(viewer).to_have_count(0)

    await a_film_grows_while_it_plays(place, boris, chat_id, anna, tmp_path)

    # A voice
    voice = anna.log.get_by_role("group", name="Голосовое сообщение")
    await expect(voice.get_by_role("img", name="Не прослушано")).to_be_visible()
    # What comes while it is being pressed moves nothing under the pointer.
    await press_while(anna, voice.get_by_role("button", name="Скорость 1"), boris.post_message(chat_id, MEANWHILE))
    await expect(voice.get_by_role("button", name="Скорость 1,5")).to_be_visible()
    await voice.get_by_role("button", name="Слушать").click()
    await expect(voice).to_contain_text("0:01 / 0:02")
    await expect(voice.get_by_role("img", name="Не прослушано")).to_have_count(0)
    await expect(voice.get_by_role("button", name="Слушать")).to_be_visible()

    # Beside the chat
    panel = await open_shared(anna, "Ещё о чате", "Фото и файлы")
    await expect(panel.get_by_role("listitem")).to_have_count(6)
    await are_loaded(panel.locator("img"))
    await look("pictures of the chat")
    await anna.page.keyboard.press("ArrowRight")
    paper = panel.get_by_role("link", name="Сохранить файл Смета.pdf")
    async with anna.page.expect_download() as download:
        await paper.click()
    assert (await download.value).suggested_filename == "Смета.pdf"
    await anna.page.keyboard.press("Escape")
    await expect(panel).to_have_count(0)
    look.assert_nothing_grave()
    await asyncio.gather(boris.close(), reader.close())

    # On a phone, in English: from the newest to what is not loaded yet, and back from there
    phone = await windows.open(size=NARROW, locale="en-GB", has_touch=True)
    await phone.page.add_init_script(IPHONE)
    await phone.sign_in(ANNA.username)
    await phone.row(BORIS.name).click()
    look, large, hand = Look(phone), phone.dialog.locator("img"), Hand(phone)
    await phone.log.get_by_role("button", name="Video, 0:09").tap()
    await a_film_is_led_by_a_finger(phone, hand)
    await look("a film on a phone")
    await expect(phone.dialog.get_by_role("slider", name="Volume")).to_have_count(0)
    await phone.dialog.get_by_role("button", name="Full screen").tap()
    await expect(phone.dialog.locator("video")).to_have_attribute("data-full", "yes")
    await phone.dialog.get_by_role("button", name="Previous").tap()
    await expect(large).to_have_attribute("alt", "Photo")
    await hand.drag(at(0.3), at(0.8))
    await expect(large).to_have_attribute("alt", f"Photo: {CAPTION}")
    await look("a picture on a phone")
    await phone.dialog.get_by_role("button", name="Go to the message").tap()
    await phone.log.get_by_role("button", name="Photo, 3 of 3").tap()
    await expect(large).to_have_attribute("alt", f"Photo: {CAPTION}")
    await a_picture_is_enlarged_by_fingers(phone.dialog, hand)
    await hand.drag(at(0.8), at(0.3))
    await expect(large).to_have_attribute("alt", "Photo")
    await phone.dialog.get_by_role("button", name="Next").click()
    await eventually(lambda: has_played(phone.dialog.locator("video")))
    await phone.page.keyboard.press("Escape")
    await look("the log on a phone")
    await open_shared(phone, "More", "Photos and files")
    await look("pictures of the chat on a phone")
    look.assert_nothing_grave()


async def press_while(window: Window, button: Locator, event: Coroutine[Any, Any, object]) -> None:
    """The pointer is down while it comes, and lifted when it has come."""
    x, y = await spot(button)
    await window.page.mouse.move(x, y)
    await window.page.mouse.down()
    await event
    await expect(window.row(BORIS.name)).to_contain_text(MEANWHILE)
    assert await spot(button) == (x, y)
    await window.page.mouse.up()
    await window.see_message(MEANWHILE)


async def is_zoomed(viewer: Locator, zoomed: bool) -> bool:
    return (await scale(viewer) > 1) is zoomed


async def has_played(video: Locator) -> bool:
    return bool(await video.evaluate("(video) => video.currentTime > 0.2"))


async def is_as_high(video: Locator, lines: int) -> bool:
    return bool(await video.evaluate("(video, lines) => video.videoHeight === lines", lines))


async def how_fine_and_how_loud_is_chosen(viewer: Locator) -> None:
    video, quality = viewer.locator("video"), viewer.get_by_role("combobox", name="Качество")
    await expect(quality.locator("option")).to_have_text(["Авто (720p)", "720p", "480p", "360p"])
    await quality.focus()
    await quality.press("End")
    # A picture that stands still is not drawn anew.
    await viewer.get_by_role("button", name="Смотреть").click()
    await eventually(lambda: is_as_high(video, 360))
    await quality.press("Home")
    await expect(quality.locator("option:checked")).to_have_text(re.compile("^Авто"))
    volume = viewer.get_by_role("slider", name="Громкость")
    await volume.fill("40")
    assert await video.evaluate("(video) => video.volume") == 0.4
    await viewer.get_by_role("button", name="Картинка в картинке").press("ArrowDown")
    await expect(volume).to_have_value("30")
    await volume.press("m")
    await expect(volume).to_have_value("0")
    await volume.press("m")
    await expect(volume).to_have_value("30")


async def a_film_grows_while_it_plays(
    place: Place, sender: Sender, chat_id: str, watcher: Window, folder: Path
) -> None:
    """It begins small, as long as there is no more of it, and goes on as the whole one where it is."""
    made = make(folder / "old.mp4", *FILM_TO_ENCODE)
    film = await sender.upload(made.read_bytes(), "old.mp4", "video/mp4")
    await sender.send_files(chat_id, {"media_id": film})
    await is_made(sender, film, "film-360p.mp4")
    async with work_stands_still(place):
        assert "film.mp4" not in (await sender.get(f"/v1/media/files/{film}"))["renditions"]
        await watcher.log.press("End")
        await watcher.log.get_by_role("button", name="Видео, 0:31").click()
        video = watcher.dialog.locator("video")
        await eventually(lambda: has_played(video))
        assert await is_as_high(video, 360)
        await video.evaluate("(video) => { video.currentTime = 15; video.playbackRate = 0.5 }")
    await eventually(lambda: is_as_high(video, 480), 30)
    assert str(await video.evaluate("(video) => video.currentSrc")).endswith("/film.mp4")
    at_s = await video.evaluate("(video) => video.currentTime")
    assert 15 <= at_s < 30
    await eventually(lambda: goes_on(video, at_s))
    await watcher.page.keyboard.press("Escape")
    await expect(watcher.dialog).to_have_count(0)


@asynccontextmanager
async def work_stands_still(place: Place) -> AsyncIterator[None]:
    """On all films."""
    assert isinstance(place, Server)
    children = psutil.Process(place.pid).children(recursive=True)
    workers = [one for one in children if {"kaif.services.media.work.worker", "films"} <= set(one.cmdline())]
    for worker in workers:
        worker.suspend()
    try:
        yield
    finally:
        for worker in workers:
            worker.resume()


async def goes_on(video: Locator, at_s: float) -> bool:
    return bool(await video.evaluate("(video, at) => !video.paused && video.currentTime > at", at_s))


def at(x: float, y: float = 0.5) -> tuple[float, float]:
    """A point of the screen, by shares of its sides."""
    return NARROW[0] * x, NARROW[1] * y


async def a_film_is_led_by_a_finger(phone: Window, hand: Hand) -> None:
    """What is there is seen while the finger moves, and it goes on from where the finger is lifted."""
    video, moment = phone.dialog.locator("video"), phone.dialog.locator(".moment")
    await eventually(lambda: has_played(video))
    slider = phone.dialog.get_by_role("slider", name="Place in the video")
    start, end = await spot(slider, x=0.1), await spot(slider, x=0.8)
    await hand.press(start)
    await hand.move(start, between(start, end, 0.5))
    await expect(moment).to_be_visible()
    await hand.move(between(start, end, 0.5), end)
    await hand.lift()
    assert await video.evaluate("(video) => video.currentTime") > 6
    await expect(moment).to_have_count(0)


async def a_picture_is_enlarged_by_fingers(viewer: Locator, hand: Hand) -> None:
    await hand.pinch(at(0.5), 80, 240)
    await eventually(lambda: is_zoomed(viewer, True))
    # What is enlarged is moved, not turned over.
    alt = await viewer.locator("img").get_attribute("alt")
    await hand.drag(at(0.6), at(0.2))
    assert await viewer.locator("img").get_attribute("alt") == alt
    await hand.pinch(at(0.5), 240, 40)
    await eventually(lambda: is_zoomed(viewer, False))
    await hand.tap_twice(at(0.5))
    await eventually(lambda: is_zoomed(viewer, True))
    await asyncio.sleep(0.3)
    await hand.tap_twice(at(0.5))
    await eventually(lambda: is_zoomed(viewer, False))

"""Pictures, voices and large files from a browser: they arrive once and whole, whatever happens on the way."""

import base64
import hashlib
import io
import re
import wave
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pyvips
from playwright.async_api import Browser, FilePayload, expect
from tests.bucket import guarded_bucket
from tests.harness import Person, Server, running_server
from tests.journeys.browser import ANNA, BORIS, NARROW, Window, Windows, chromium, make_accounts
from tests.journeys.cable import laid_cable
from tests.journeys.conftest import Place, complaints_of, embedded
from tests.journeys.histories import read_offline, take_along
from tests.journeys.hostile import what_runs
from tests.journeys.looks import Look
from tests.services.media.images import files
from tests.services.media.test_polyglots import jpeg_with
from tests.waiting import eventually, until

MIB = 1 << 20
SIZE = 24 * MIB

# What the clipboard holds can't be put there without a window of one's own.
PASTE = """(encoded) => {
  const bytes = Uint8Array.from(atob(encoded), (letter) => letter.charCodeAt(0))
  const data = new DataTransfer()
  data.items.add(new File([bytes], 'pasted.png', { type: 'image/png' }))
  document.querySelector('textarea').dispatchEvent(
    new ClipboardEvent('paste', { clipboardData: data, bubbles: true, cancelable: true }))
}"""
DRAG = """(kind) => {
  const data = new DataTransfer()
  data.items.add(new File(['Слова'], 'words.txt', { type: 'text/plain' }))
  document.querySelector('[role=log]').dispatchEvent(
    new DragEvent(kind, { dataTransfer: data, bubbles: true, cancelable: true }))
}"""
# Files of this size don't go through the debugger's own connection in time.
DROP_LARGE = """async (size) => {
  const content = new Uint8Array(size)
  for (let at = 0; at < size; at += 65536) crypto.getRandomValues(content.subarray(at, at + 65536))
  const data = new DataTransfer()
  data.items.add(new File([content], 'film.bin', { type: 'application/octet-stream' }))
  document.querySelector('[role=log]').dispatchEvent(
    new DragEvent('drop', { dataTransfer: data, bubbles: true, cancelable: true }))
  const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', content))
  return Array.from(digest, (byte) => byte.toString(16).padStart(2, '0')).join('')
}"""


def picture(name: str, colour: int) -> FilePayload:
    image = pyvips.Image.black(640, 480).linear(0, [colour, 130, 130]).cast("uchar")
    return {"name": name, "mimeType": "image/png", "buffer": image.pngsave_buffer()}


def sound() -> bytes:
    """A second of silence."""
    content = io.BytesIO()
    with wave.open(content, "wb") as written:
        written.setnchannels(1)
        written.setsampwidth(2)
        written.setframerate(8000)
        written.writeframes(bytes(16_000))
    return content.getvalue()


async def choose(window: Window, what: str, *files: FilePayload) -> None:
    await window.page.get_by_role("button", name="Прикрепить").click()
    async with window.page.expect_file_chooser() as chooser:
        await window.page.get_by_role("menuitem", name=what).click()
    await (await chooser.value).set_files(list(files))


async def messages(person: Person) -> list[dict[str, Any]]:
    (chat,) = (await person.get("/v1/messaging/chats"))["chats"]
    return [entry for entry in await person.history(chat["id"]) if entry["kind"] == "message"]


# As files of other kinds; and pictures that are something else too, in ways of which nobody has heard.
HOSTILE = {
    "page.html": b"<!doctype html><script>ran('page')</script><img src=x onerror=ran('page')>",
    "script.js": b"ran('script'); alert('script')",
    "old.xhtml": b"<html xmlns='http://www.w3.org/1999/xhtml'><script>ran('old page')</script></html>",
    "drawing.svg": files.svg("<script>ran('drawing')</script><rect width='2' height='2' onclick='ran(1)'/>"),
    "photo.jpg": jpeg_with(b"<svg><animate onbegin=ran('photo') attributeName=x dur=1s>"),
}


async def hostile_links(person: Person) -> list[str]:
    """To what was taken of these, and to what is made of pictures."""
    found = list[str]()
    for name, content in HOSTILE.items():
        headers = {"content-disposition": f'attachment; filename="{name}"'}
        answer = await person.http.post("/v1/media/files", content=content, headers=headers)
        assert answer.status_code == 201, answer.text
        media = answer.json()
        (link,) = (await person.post("/v1/media/links", media_ids=[media["id"]]))["links"]
        found += [link["path"], *([f"{link['path']}/small"] if media["kind"] == "image" else [])]
    refused = await person.http.post("/v1/media/files", content=jpeg_with(HOSTILE["page.html"]))
    assert (refused.status_code, refused.json()["code"]) == (422, "polyglot")
    return found


def tray(window: Window, name: str) -> Any:
    return window.page.get_by_role("region", name="Вложения").get_by_role("button", name=re.compile(f"^{name}"))


@embedded
async def test_an_album_what_is_dropped_and_a_voice_arrive_and_are_taken_along(place: Place, tmp_path: Path) -> None:
    await make_accounts(place.url, place.setup_code, ANNA, BORIS)
    async with chromium() as browser:
        windows = Windows(browser, place.url)
        await send_an_album_and_a_voice(await windows.open(size=NARROW), place.url)
        boris = await windows.open()
        await boris.sign_in(BORIS.username)
        await boris.open_chat(ANNA.name)
        # What a stranger sends is covered until it is asked for.
        await boris.message("Берег и лодка").get_by_role("button", name="скрыто. Показать").nth(1).click()
        await expect(boris.message("Берег и лодка").locator("img.loaded")).to_have_count(1)
        await expect(boris.log.get_by_role("group", name="Голосовое")).to_be_visible()
        await expect(boris.log.get_by_role("group", name="волны.wav")).to_be_visible()
        history = await take_along(boris, tmp_path / "taken")
        words = await read_offline(boris, history, pictures=1)
        windows.assert_no_complaints()

    reader = Person(place.url, BORIS.username)
    await reader.log_in()
    album, voice = await messages(reader)
    await reader.close()
    sent = [(file["name"], file["kind"], file.get("spoiler", False)) for file in album["attachments"]]
    assert album["text"] == "Берег и лодка"
    assert sent == [
        ("boat.png", "image", True),
        ("shore.png", "image", False),
        ("волны.wav", "audio", False),
        ("words.txt", "file", False),
    ]
    (said,) = voice["attachments"]
    assert "Берег и лодка" in words and "shore.png" in words
    kept = {path.name.partition("-")[2]: path.read_bytes() for path in (history.parent / "files").iterdir()}
    assert kept["words.txt"] == "Слова".encode() and len(kept) == 5
    assert (said["kind"], said["shown"]["has_sound"]) == ("voice", True)
    assert said["shown"]["duration_ms"] >= 1000
    assert not complaints_of(place)


async def send_an_album_and_a_voice(anna: Window, url: str) -> None:
    await anna.sign_in(ANNA.username)
    await anna.start_chat(BORIS)
    look = Look(anna)

    await choose(anna, "Фото или видео", picture("shore.png", 40), picture("boat.png", 200))
    await expect(tray(anna, "boat.png: Загружено")).to_be_visible()
    await tray(anna, "boat.png").click()
    await anna.page.get_by_role("menuitemcheckbox", name="Скрыть под спойлером").click()
    await tray(anna, "boat.png").click()
    await anna.page.get_by_role("menuitem", name="Сдвинуть влево").click()
    await what_another_device_lays_beside_them_is_there(anna, url)
    await anna.page.evaluate(PASTE, base64.b64encode(picture("", 90)["buffer"]).decode())
    await expect(tray(anna, "pasted.png: Загружено")).to_be_visible()
    await look("tray")
    await choose(anna, "Файл", {"name": "волны.wav", "mimeType": "", "buffer": sound()})
    await expect(tray(anna, "волны.wav: Загружено")).to_be_visible()
    # What is said in passing stands above what lies ready.
    await choose(anna, "Файл", {"name": "пусто.txt", "mimeType": "text/plain", "buffer": b""})
    said = await anna.page.locator(".toast", has_text="Пустой файл отправить нельзя").bounding_box()
    ready = await anna.page.locator("footer.composer").bounding_box()
    assert said and ready and said["y"] + said["height"] <= ready["y"]
    await anna.page.evaluate(DRAG, "dragenter")
    await expect(anna.page.get_by_text("Отпустите, чтобы приложить")).to_be_visible()
    await look("drop")
    await anna.page.evaluate(DRAG, "drop")
    await expect(anna.page.get_by_text("Отпустите, чтобы приложить")).to_have_count(0)
    await anna.page.get_by_role("button", name="Убрать: pasted.png").click()
    await anna.say("Берег и лодка")
    await anna.see_state("Берег и лодка", "sent")

    record = anna.page.get_by_role("button", name="Записать голосовое")
    await record.click()
    await expect(anna.page.get_by_role("alert")).to_contain_text("Доступ к микрофону закрыт")
    await look("refused")
    await anna.context.grant_permissions(["microphone"], origin=url)
    await record.focus()
    await anna.page.keyboard.press("Enter")
    await expect(anna.page.get_by_role("timer")).to_have_text("0:01")
    await look("recording")
    await anna.page.get_by_role("button", name="Приостановить и прослушать").click()
    await anna.page.get_by_role("button", name="Прослушать запись").click()
    await expect(anna.page.get_by_role("button", name="Пауза")).to_be_visible()
    await look("recorded")
    await anna.page.get_by_role("button", name="Отправить голосовое").press("Enter")
    await expect(anna.log.locator("[data-state=sent]")).to_have_count(2)
    look.assert_nothing_grave()


async def what_another_device_lays_beside_them_is_there(anna: Window, url: str) -> None:
    phone = Person(url, ANNA.username)
    await phone.log_in()
    (chat,) = (await phone.get("/v1/messaging/chats"))["chats"]

    async def keep(text: str, names: list[str]) -> None:
        files = [{"media_id": ids[name], "spoiler": name == "boat.png"} for name in names]
        now = datetime.now(UTC).isoformat()
        await phone.post(f"/v1/messaging/chats/{chat['id']}/draft", text=text, written_at=now, attachments=files)

    async def laid() -> dict[str, str]:
        drafts = (await phone.get("/v1/messaging/drafts"))["drafts"]
        return {file["name"]: file["media_id"] for draft in drafts for file in draft["attachments"]}

    async def both_are_laid() -> bool:
        return list(await laid()) == ["boat.png", "shore.png"]

    await eventually(both_are_laid)
    ids = await laid()
    headers = {"content-type": "image/png", "content-disposition": 'attachment; filename="island.png"'}
    island = await phone.http.post("/v1/media/files", content=picture("", 10)["buffer"], headers=headers)
    ids["island.png"] = island.json()["id"]

    await keep("Остров", ["boat.png", "island.png", "shore.png"])

    await expect(anna.composer).to_have_value("Остров")
    await expect(tray(anna, "").and_(anna.page.locator(":has(img)"))).to_have_count(3)
    await expect(tray(anna, "island.png: Загружено")).to_be_visible()
    await keep("", ["boat.png", "shore.png"])
    await expect(tray(anna, "island.png")).to_have_count(0)
    await phone.close()


@embedded
async def test_a_large_file_goes_on_after_a_cut_and_a_reload_and_what_is_hostile_never_runs(
    place: Place, windows: Windows, browser: Browser
) -> None:
    assert isinstance(place, Server)
    await make_accounts(place.url, place.setup_code, ANNA, BORIS)
    async with laid_cable(place.host, place.port) as cable:
        windows.url = cable.url
        anna = await windows.open()
        await anna.sign_in(ANNA.username)
        await anna.start_chat(BORIS)
        await anna.page.evaluate("navigator.serviceWorker.ready.then(() => undefined)")
        cable.delay_s, before = 0.005, cable.sent_bytes

        await expect(anna.page.get_by_role("log")).to_be_visible()
        digest = await anna.page.evaluate(DROP_LARGE, SIZE)
        await anna.say("Плёнка")
        await until(lambda: cable.sent_bytes - before > 8 * MIB, 30)
        cable.cut()
        await anna.context.set_offline(True)
        await expect(anna.message("Плёнка").get_by_text("Загрузка продолжится сама")).to_be_visible()
        await anna.page.reload()
        await anna.see_state("Плёнка", "pending")
        await expect(anna.message("Плёнка").get_by_text("film.bin")).to_be_visible()
        cable.mend()
        await anna.context.set_offline(False)
        await anna.see_state("Плёнка", "sent")

        assert cable.sent_bytes - before < 1.15 * SIZE
    boris = Person(place.url, BORIS.username)
    await boris.log_in()
    (message,) = await messages(boris)
    (kept,) = message["attachments"]
    answer = await boris.http.get(f"/v1/media/{kept['media_id']}")
    links = await hostile_links(boris)
    assert await what_runs(browser, place.url, links) == set()
    await boris.close()
    assert (kept["name"], kept["size"]) == ("film.bin", SIZE)
    assert hashlib.sha256(answer.content).hexdigest() == digest
    anna.complaints[:] = [complaint for complaint in anna.complaints if "net::ERR_" not in complaint]


async def test_a_large_file_goes_straight_into_s3_through_a_reload_and_by_the_server_when_that_is_away(
    browser: Browser, tmp_path: Path, s3_url: str
) -> None:
    async with guarded_bucket(s3_url) as bucket:
        settings = {"KAIF_BLOBS_URL": s3_url, "KAIF_STRAIGHT_UPLOADS": bucket.place}
        async with running_server(tmp_path, **settings) as server:
            bucket.pages = server.url
            await make_accounts(server.url, server.setup_code, ANNA, BORIS)
            windows = Windows(browser, server.url)
            anna = await windows.open()
            said = list[str]()
            anna.page.on("console", lambda message: said.append(message.text) if message.type == "info" else None)
            await anna.sign_in(ANNA.username)
            await anna.start_chat(BORIS)
            await expect(anna.log).to_be_visible()
            bucket.let_through = 2

            digest = await anna.page.evaluate(DROP_LARGE, 14 * MIB)
            await anna.say("Плёнка")
            await until(lambda: bucket.answers[200] == 2, 30)
            await anna.context.set_offline(True)
            await expect(anna.message("Плёнка").get_by_text("Загрузка продолжится сама")).to_be_visible()
            await anna.context.set_offline(False)
            await anna.page.reload()
            await anna.see_state("Плёнка", "pending")
            bucket.open.set()
            await anna.see_state("Плёнка", "sent")

            # Each part was taken once, whoever sent it again.
            assert bucket.answers[200] == 4
            assert not any(line["method"] == "PATCH" for line in server.access_log())
            bucket.shut = True
            other = await anna.page.evaluate(DROP_LARGE, 5 * MIB)
            await anna.say("Ещё одна")
            await anna.see_state("Ещё одна", "sent")
            assert len([words for words in said if words.startswith("Files go by way of the server")]) == 1
            await expect(anna.page.get_by_role("alert")).to_have_count(0)

            boris = Person(server.url, BORIS.username)
            await boris.log_in()
            for message, sent in zip(await messages(boris), (digest, other), strict=True):
                answer = await boris.http.get(f"/v1/media/{message['attachments'][0]['media_id']}")
                assert hashlib.sha256(answer.content).hexdigest() == sent
            await no_key_is_kept_on_its_way(boris, server, bucket.place)
            await boris.close()
            assert not server.complaints()
            # That the store did not answer, and that it had a part already.
            expected = ("net::ERR_", "status of 412")
            assert [words for words in anna.complaints if not any(each in words for each in expected)] == []
            await windows.close()


async def no_key_is_kept_on_its_way(person: Person, server: Server, place: str) -> None:
    headers = {"tus-resumable": "1.0.0", "upload-length": str(5 * MIB)}
    upload = (await person.http.post("/v1/media/uploads", headers=headers)).headers["location"]

    answer = await person.http.post(f"{upload}/straight", json={"count": 1})

    (part,) = answer.json()["parts"]
    assert answer.headers["cache-control"] == "no-store"
    assert part["url"].startswith(f"{place}/kaif/media/") and part["headers"] == {"If-None-Match": "*"}
    signed = parse_qs(urlsplit(part["url"]).query)["X-Amz-SignedHeaders"]
    assert signed == ["content-length;host;if-none-match"]
    assert part["key"] not in str(server.access_log()) + server.said()
    # Pages may send there, and do nothing else with it.
    policy = (await person.http.get("/")).headers["content-security-policy"]
    origin = place.removesuffix("/store")
    assert policy.count(origin) == 1 and f"connect-src 'self' {origin};" in policy

"""Pictures and films through a CDN: fetched once for all, gone with the message, and with the minutes for who left."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest_asyncio
from playwright.async_api import Browser, Locator, expect
from tests.cloudflare import TOKEN, CloudflareApi
from tests.edge_cache import EdgeCache
from tests.harness import Person, Server, running_server
from tests.journeys.browser import ANNA, BORIS, VERA, Window, Windows, make_accounts
from tests.journeys.conftest import complaints_of
from tests.journeys.test_seeing_files import Sender, are_loaded, has_played, is_made, picture
from tests.services.media.video.films import H264, SHORT, TONE, make
from tests.waiting import eventually

TITLE = "Причал"
# Longer than any link to the CDN is good.
LATER_S = 601


@pytest_asyncio.fixture(loop_scope="session")
async def cdn() -> AsyncIterator[EdgeCache]:
    cdn = EdgeCache()
    await cdn.start()
    yield cdn
    await cdn.close()


@pytest_asyncio.fixture(loop_scope="session")
async def api(cdn: EdgeCache) -> AsyncIterator[CloudflareApi]:
    api = CloudflareApi()
    api.on_purge = cdn.purge
    await api.start()
    yield api
    await api.close()


@pytest_asyncio.fixture(loop_scope="session")
async def server(tmp_path: Path, cdn: EdgeCache, api: CloudflareApi) -> AsyncIterator[Server]:
    settings = {"KAIF_CDN_URL": cdn.url, "KAIF_CDN_PURGE": api.place, "KAIF_CDN_TOKEN": TOKEN}
    async with running_server(tmp_path, **settings) as server:
        cdn.origin = server.url
        yield server


async def cdn_link(person: Person, media_id: str) -> str:
    """Nothing where the person is given none."""
    links = (await person.post("/v1/media/links", media_ids=[media_id]))["links"]
    return str(links[0]["cdn"]["url"]) if links else ""


async def see_picture(window: Window, cdn: EdgeCache) -> str:
    """In the log; where it came from."""
    image = window.log.get_by_role("button", name="Фото").locator("img")
    await image.scroll_into_view_if_needed()
    await are_loaded(image)
    src = str(await image.evaluate("(image) => image.currentSrc"))
    assert src.startswith(f"{cdn.url}/cdn/"), src
    return src.removeprefix(cdn.url)


async def play_film(window: Window) -> Locator:
    await window.log.get_by_role("button", name="Видео, 0:02").click()
    video = window.dialog.locator("video")
    await eventually(lambda: has_played(video))
    assert str(await video.evaluate("(video) => video.currentSrc")).startswith("blob:")
    await window.page.keyboard.press("k")
    await window.dialog.get_by_role("slider", name="Место в видео").hover()
    await expect(window.dialog.locator(".moment")).to_be_visible()
    return window.dialog.locator(".moment")


async def test_one_fetch_is_for_all_and_what_is_deleted_or_left_behind_comes_no_more(
    browser: Browser, server: Server, cdn: EdgeCache, api: CloudflareApi, tmp_path: Path
) -> None:
    await make_accounts(server.url, server.setup_code, ANNA, BORIS, VERA)
    boris, anna, vera = Sender(server.url, "boris"), Person(server.url, "anna"), Person(server.url, "vera")
    await asyncio.gather(boris.log_in(), anna.log_in(), vera.log_in())
    chat_id = await boris.group(TITLE, anna, vera)
    photo = await boris.upload(picture(70, 800, 600), "pier.jpg", "image/jpeg")
    clip = make(tmp_path / "clip.mp4", *SHORT, *TONE, *H264, "-c:a", "aac")
    film = await boris.upload(clip.read_bytes(), "clip.mp4", "video/mp4")
    await boris.send_files(chat_id, {"media_id": film})
    await boris.send_files(chat_id, {"media_id": photo})
    sent = (await boris.history(chat_id))[-1]
    await is_made(boris, film, "film.mp4", "hls/master.m3u8", "previews.vtt")

    windows = Windows(browser, server.url)
    hers = await windows.open()
    await hers.sign_in(ANNA.username)
    await hers.open_chat(TITLE)
    path = await see_picture(hers, cdn)
    assert path.endswith(".avif") and cdn.fills[path] == 1
    moment = await play_film(hers)
    assert cdn.url in str(await moment.evaluate("(moment) => getComputedStyle(moment).backgroundImage"))
    pieces = {name.partition("/hls/")[2] for name in cdn.fills if "/hls/" in name}
    assert "master.m3u8" in pieces and any(name.endswith(".m4s") for name in pieces)
    ranges = [name for name in cdn.fills if name.endswith(".m4s")]
    assert all(cdn.fills[name] == 1 for name in ranges), "each range was asked of us anew"

    others = await windows.open()
    await others.sign_in(VERA.username)
    await others.open_chat(TITLE)
    # Unless a new window of minutes began in between: then the next one is the second.
    if await see_picture(others, cdn) == path:
        assert cdn.hits[path] == 1 and cdn.fills[path] == 1
    await play_film(others)
    windows.assert_no_complaints()
    await windows.close()

    # Who has left gets no new link; the one that they had ends within minutes.
    hers_before, others_before = await cdn_link(anna, film), await cdn_link(vera, film)
    answer = await boris.http.delete(f"/v1/messaging/chats/{chat_id}/members/{vera.id}")
    assert answer.is_success, answer.text
    assert await cdn_link(vera, film) == ""
    async with httpx.AsyncClient(trust_env=False) as nobody:
        # A deleted picture is gone from the CDN at once, also for who has its address.
        gone = (await cdn_link(anna, photo)) + "/w640.avif"
        assert (await nobody.get(gone)).status_code == 200
        deleted = {"seqs": [sent["seq"]], "for_everyone": True}
        answer = await boris.http.post(f"/v1/messaging/chats/{chat_id}/messages/delete", json=deleted)
        assert answer.is_success, answer.text
        await eventually(lambda: is_purged(api, photo))
        assert not any(photo in address for address in cdn.holds)
        assert (await nobody.get(gone)).status_code == 404

        film_before = f"{others_before}/film.mp4"
        assert (await nobody.get(film_before)).status_code == 200
        await server.stop()
        server.run_ahead(LATER_S)
        cdn.ahead_s = LATER_S
        await server.restart()
        assert (await nobody.get(film_before)).status_code == 404
        await asyncio.gather(anna.log_in(), vera.log_in())
        now = await cdn_link(anna, film)
        assert now != hers_before and (await nobody.get(f"{now}/film.mp4")).status_code == 200
        assert await cdn_link(vera, film) == ""
    assert not complaints_of(server)
    await asyncio.gather(boris.close(), anna.close(), vera.close())


async def is_purged(api: CloudflareApi, media_id: str) -> bool:
    return any(prefix.endswith(f"/cdn/{media_id}") for prefix in api.purged)

"""A link in a message becomes a card for both, which its author can do without; no browser asks anybody for it."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest_asyncio
from playwright.async_api import Locator, expect
from tests.elsewhere import Service
from tests.harness import Server, running_server
from tests.journeys.browser import ANNA, BORIS, NARROW, Window, Windows, make_accounts
from tests.journeys.looks import Look
from tests.services.media.images.files import jpeg, photo

HTML = """<title>Ладога — озеро в Карелии</title><meta property="og:site_name" content="Атлас озёр">
<meta property="og:image" content="/Ладога.jpg"><meta name="description" content="{}">""".format(
    "Самое большое пресноводное озеро Европы. " * 10
)


@pytest_asyncio.fixture(loop_scope="session")
async def place(tmp_path: Path) -> AsyncIterator[Server]:
    async with running_server(tmp_path, KAIF_LINK_PREVIEWS="any") as server:
        yield server


@pytest_asyncio.fixture(loop_scope="session")
async def site() -> AsyncIterator[Service]:
    site = Service()
    await site.start()
    for path in ("/ladoga", "/onega"):
        body = HTML.replace("Ладога", path[1:]).encode()
        head = f"HTTP/1.1 200 .\r\ncontent-type: text/html\r\ncontent-length: {len(body)}\r\n\r\n"
        site.handlers[path] = lambda _, head=head, body=body: head.encode() + body  # type: ignore[misc]
    for path, picture in (("/ladoga.jpg", photo(1200, 630)), ("/onega.jpg", photo(300, 300))):
        content = jpeg(picture)
        head = f"HTTP/1.1 200 .\r\ncontent-type: image/jpeg\r\ncontent-length: {len(content)}\r\n\r\n"
        site.handlers[path] = lambda _, head=head, content=content: head.encode() + content  # type: ignore[misc]
    yield site
    await site.stop()


def card(window: Window, words: str) -> Locator:
    return window.message(words).get_by_role("group", name="озеро в Карелии")


async def see_picture(window: Window, words: str, shape: tuple[int, int]) -> None:
    """Drawn, and out of our own server."""
    picture = card(window, words).locator("img")
    await expect(picture).to_have_js_property("complete", True)
    width, height = await picture.evaluate("image => [image.naturalWidth, image.naturalHeight]")
    assert width and abs(width / height - shape[0] / shape[1]) < 0.02


async def test_a_link_becomes_a_card_for_both(place: Server, windows: Windows, site: Service) -> None:
    await make_accounts(place.url, place.setup_code, ANNA, BORIS)
    anna, boris = await windows.open(), await windows.open(size=NARROW, locale="en-GB")
    asked: list[str] = []
    for window, human in ((anna, ANNA), (boris, BORIS)):
        window.page.on("request", lambda request: asked.append(request.url))
        await window.sign_in(human.username)
    await anna.start_group("Озеро", [BORIS])
    await boris.open_chat("Озеро")

    await anna.say(f"Едем сюда: {site.url}/ladoga")
    await anna.say(f"Или сюда: {site.url}/onega")
    for window in (anna, boris):
        await expect(card(window, "Едем сюда")).to_contain_text("Атлас озёр · 127.0.0.1")
        await expect(card(window, "Или сюда")).to_be_visible()
        await see_picture(window, "Едем сюда", (1200, 630))
        await see_picture(window, "Или сюда", (1, 1))
        link = card(window, "Едем сюда").get_by_role("link")
        await expect(link).to_have_attribute("href", f"{site.url}/ladoga")
        await expect(link).to_have_attribute("rel", "noopener noreferrer nofollow")
    await expect(card(boris, "Едем сюда").get_by_role("button")).to_have_count(0)

    looks = [Look(anna), Look(boris)]
    for look in looks:
        await look("cards")
    await card(anna, "Или сюда").get_by_role("button", name="Убрать карточку ссылки").click()
    for window in (anna, boris):
        await expect(card(window, "Или сюда")).to_have_count(0)
    await boris.page.reload()
    await expect(card(boris, "Едем сюда")).to_be_visible()
    await expect(card(boris, "Или сюда")).to_have_count(0)

    await anna.composer.fill(f"Без карточки: {site.url}/onega")
    choice = anna.page.get_by_role("checkbox", name="Показать карточку ссылки: 127.0.0.1")
    await expect(choice).to_be_checked()
    # What the card will be is seen before it is sent; taken away there, the message has none.
    before = anna.page.locator("footer").get_by_role("group", name="onega")
    await expect(before).to_contain_text("Атлас озёр · 127.0.0.1")
    await looks[0]("composer with a card")
    await before.get_by_role("button", name="Убрать карточку ссылки").click()
    await expect(before).to_have_count(0)
    await expect(choice).not_to_be_checked()
    await looks[0]("composer")
    await anna.composer.press("Enter")
    await anna.see_state("Без карточки", "sent")

    await anna.page.get_by_role("button", name="Ещё о чате").click()
    await anna.page.get_by_role("menuitem", name="Не показывать карточки ссылок").click()
    await boris.see_message("Settings have changed")
    await anna.say(f"Здесь их нет: {site.url}/ladoga")
    await anna.say("Последнее")
    await boris.see_message("Последнее")
    await anna.composer.fill(f"{site.url}/ladoga")
    await expect(choice).to_have_count(0)
    for words in ("Без карточки", "Здесь их нет"):
        await expect(boris.message(words)).to_be_visible()
        await expect(card(boris, words)).to_have_count(0)
    for look in looks:
        look.assert_nothing_grave()
    # With the last card the picture went, and what the page says with it.
    assert [site.count(path) for path in ("/ladoga", "/onega", "/ladoga.jpg", "/onega.jpg")] == [1, 2, 1, 2]
    assert asked and not [url for url in asked if url.startswith(site.url)]

"""A page is shown with its picture, which media keeps as long as some preview shows it; lost, it costs no words."""

import asyncio
import zlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from tests.elsewhere import Asked, Reply
from tests.harness import Services, wired_services
from tests.services.media.images import files
from tests.services.messaging.attached import FilesHome
from tests.services.messaging.chats import channel, group, message_of, say
from tests.services.messaging.sites import Site
from tests.services.messaging.test_previews import look_at, settled
from tests.waiting import eventually

from kaif.engines.web.pages import PICTURE_BYTES_MAX
from kaif.engines.web.public import PublicPages
from kaif.interfaces.media import Media, MediaId
from kaif.interfaces.messaging import Entry, GetChat
from kaif.interfaces.messaging.actions import EditMessage, OfMessage
from kaif.interfaces.messaging.content import LinkPreview
from kaif.kernel.actor import Actor
from kaif.kernel.clock import DAY_US, now_us
from kaif.services.messaging.previews.page_summaries import NOTHING_KNOWN_FOR_US
from kaif.services.messaging.previews.picturing import OF_ONE_SITE


@pytest.fixture
async def home(tmp_path: Path, database_url: str) -> AsyncIterator[FilesHome]:
    async with showing(tmp_path, database_url) as home:
        yield home


@pytest.fixture
async def small_home(tmp_path: Path, migrated_sqlite_url: str) -> AsyncIterator[FilesHome]:
    """On SQLite alone, for what the database has no part in."""
    async with showing(tmp_path, migrated_sqlite_url) as home:
        yield home


@asynccontextmanager
async def showing(folder: Path, database_url: str, picture_within_s: float = 30) -> AsyncIterator[FilesHome]:
    moment = [now_us()]
    pages = PublicPages(private_too=True, within_s=30, picture_within_s=picture_within_s)
    async with wired_services(folder, database_url, clock=lambda: moment[0], pages=pages, with_media=True) as services:
        yield FilesHome(services, moment)
    await pages.close()


def page(site: Site, path: str, picture: str = "/picture.jpg") -> str:
    html = f'<title>Ладога</title><meta property="og:image" content="{picture}">'.encode()
    head = f"HTTP/1.1 200 .\r\ncontent-type: text/html\r\ncontent-length: {len(html)}\r\n\r\n"
    site.handlers[path] = lambda _: head.encode() + html
    return site.url + path


def stands(site: Site, path: str, content: bytes, type: str = "image/jpeg") -> None:
    head = f"HTTP/1.1 200 .\r\ncontent-type: {type}\r\ncontent-length: {len(content)}\r\n\r\n"
    site.handlers[path] = lambda _: head.encode() + content


async def shown(services: Services, actor: Actor, message: Entry) -> LinkPreview:
    await settled(services)
    preview = (await message_of(services, actor, message)).preview
    assert preview and preview.title == "Ладога"
    return preview


async def picture_of(home: FilesHome, actor: Actor, message: Entry) -> MediaId:
    picture = (await shown(home.services, actor, message)).picture
    assert picture
    return picture.media_id


async def opens(home: FilesHome, actor: Actor, media_id: MediaId) -> bool:
    return await home.sees(actor, Media(media_id, actor.user_id, "", "", "image", 0, "", "ready", home.at(0)))


async def is_gone(home: FilesHome, actor: Actor, media_id: MediaId) -> None:
    async def so() -> bool:
        await home.do_due()
        return not await opens(home, actor, media_id)

    await eventually(so)
    rows = await home.services.database.fetch(tuple, "SELECT media_id FROM messaging_previews_shown")
    assert media_id not in [row[0] for row in rows]


async def test_all_who_link_to_a_page_show_its_one_picture(home: FilesHome, site: Site) -> None:
    anna, boris, vera = await home.services.newcomers("anna", "boris", "vera")
    chat_id, other_id = await group(home.services, anna, boris), await group(home.services, vera)
    stands(site, "/picture.jpg", files.jpeg(files.photo(1200, 630)))
    url = page(site, "/ladoga")

    first = await say(home.services, anna, chat_id, url)
    preview = await shown(home.services, boris, first)
    second = await say(home.services, vera, other_id, url)

    picture = preview.picture
    assert picture and (picture.width, picture.height) == (800, 420) and picture.thumbhash
    assert await picture_of(home, vera, second) == picture.media_id
    assert (site.count("/ladoga"), site.count("/picture.jpg")) == (1, 1)
    assert [await opens(home, one, picture.media_id) for one in (anna, boris, vera)] == [True] * 3
    assert await look_at(home.services, anna, chat_id, url) == preview


async def test_the_picture_goes_with_the_last_preview_that_shows_it(home: FilesHome, site: Site) -> None:
    """By each way in which a preview goes."""
    (anna,) = await home.services.newcomers("anna")
    chat_id, other_id = await group(home.services, anna), await channel(home.services, anna)
    stands(site, "/picture.jpg", files.jpeg())
    for way in ("deleted", "taken off", "edited", "chat"):
        url = page(site, f"/{way.replace(' ', '-')}")
        sent = await say(home.services, anna, chat_id, url)
        media_id = await picture_of(home, anna, sent)
        last = await say(home.services, anna, other_id, url)
        assert await picture_of(home, anna, last) == media_id

        await home.delete(anna, sent)
        await home.do_due()
        assert await opens(home, anna, media_id)
        match way:
            case "deleted":
                await home.delete(anna, last)
            case "taken off":
                await home.services.previews.remove_preview(anna, OfMessage(other_id, last.seq))
            case "edited":
                await home.services.actions.edit_message(anna, EditMessage(other_id, last.seq, "Без ссылки"))
            case "chat":
                await home.services.administration.delete_chat(anna, GetChat(other_id))
        await is_gone(home, anna, media_id)

    # What was let go is not shown again: the page is asked anew.
    again = await say(home.services, anna, chat_id, page(site, "/deleted"))
    assert await opens(home, anna, await picture_of(home, anna, again))
    assert site.count("/deleted") == 2


async def test_what_was_only_looked_at_goes_when_the_page_is_forgotten(small_home: FilesHome, site: Site) -> None:
    home = small_home
    (anna,) = await home.services.newcomers("anna")
    chat_id = await group(home.services, anna)
    stands(site, "/picture.jpg", files.jpeg())
    found = await look_at(home.services, anna, chat_id, page(site, "/ladoga"))
    assert found and found.picture and await opens(home, anna, found.picture.media_id)

    await home.come(DAY_US + 1)

    await is_gone(home, anna, found.picture.media_id)


async def test_while_the_page_is_remembered_its_picture_stays(small_home: FilesHome, site: Site) -> None:
    home = small_home
    (anna,) = await home.services.newcomers("anna")
    chat_id = await group(home.services, anna)
    stands(site, "/picture.jpg", files.jpeg())
    url = page(site, "/ladoga")
    found = await look_at(home.services, anna, chat_id, url)
    assert found and found.picture

    await home.come(DAY_US // 2)

    sent = await say(home.services, anna, chat_id, url)
    assert await picture_of(home, anna, sent) == found.picture.media_id
    assert site.count("/ladoga") == 1


async def test_pages_of_many_sites_do_not_have_us_trouble_one_with_their_pictures(
    small_home: FilesHome, site: Site
) -> None:
    home = small_home
    (anna,) = await home.services.newcomers("anna")
    chat_id = await group(home.services, anna)
    stands(site, "/picture.jpg", b"It is asked for all the same.")
    one, other = site.url, site.url.replace("127.0.0.1", "127.1")
    for number in range(30):
        page(site, f"/{number}", f"{one}/picture.jpg")

    pages = [f"{(one, other)[number % 2]}/{number}" for number in range(30)]
    found = [await look_at(home.services, anna, chat_id, f"[page]({url})") for url in pages]

    assert all(each and each.title == "Ладога" for each in found)
    assert OF_ONE_SITE.burst <= site.count("/picture.jpg") < len(pages)


@pytest.mark.asvs("1.3.6")
@pytest.mark.parametrize(
    "lie",
    ["a drawing", "a hundred megapixels", "endless", "nowhere", "within", "no address"],
)
async def test_a_site_that_lies_loses_the_picture_and_not_the_preview(
    small_home: FilesHome, site: Site, lie: str
) -> None:
    home = small_home
    (anna,) = await home.services.newcomers("anna")
    chat_id = await group(home.services, anna)
    named = "/picture.jpg"
    match lie:
        case "a drawing":
            drawing = b'<svg xmlns="http://www.w3.org/2000/svg" width="900" height="900"><script>spy()</script></svg>'
            stands(site, named, drawing)
        case "a hundred megapixels":
            stands(
                site,
                named,
                files.png_of(10_000, 10_000, files.png_chunk(b"IDAT", zlib.compress(bytes(1 << 20)))),
                "image/png",
            )
        case "endless":
            stands(site, named, files.jpeg() + b"\0" * (PICTURE_BYTES_MAX + 1))
        case "within":
            site.handlers[named] = lambda _: b"HTTP/1.1 302 .\r\nlocation: file:///etc/passwd\r\n\r\n"
        case "no address":
            named = "javascript:spy()"

    sent = await say(home.services, anna, chat_id, page(site, "/ladoga", named))

    assert (await shown(home.services, anna, sent)).picture is None
    assert await home.held() == []


async def test_a_picture_that_does_not_come_keeps_nobody_waiting(
    tmp_path: Path, migrated_sqlite_url: str, site: Site
) -> None:
    stands(site, "/picture.jpg", files.jpeg())
    url = page(site, "/ladoga")
    at_once, never = site.handlers["/picture.jpg"], asyncio.Event()

    async def waits(asked: Asked) -> Reply:
        await never.wait()
        return b""

    site.handlers["/picture.jpg"] = waits
    async with showing(tmp_path, migrated_sqlite_url, picture_within_s=0.5) as home:
        (anna,) = await home.services.newcomers("anna")
        chat_id = await group(home.services, anna)
        assert (await shown(home.services, anna, await say(home.services, anna, chat_id, url))).picture is None

        # It may be there for who links to the page an hour later.
        never.set()
        site.handlers["/picture.jpg"] = at_once
        await home.come(NOTHING_KNOWN_FOR_US + 1)
        assert await picture_of(home, anna, await say(home.services, anna, chat_id, url))


async def test_without_media_a_page_is_shown_by_its_words(tmp_path: Path, migrated_sqlite_url: str, site: Site) -> None:
    pages = PublicPages(private_too=True)
    stands(site, "/picture.jpg", files.jpeg())
    async with wired_services(tmp_path, migrated_sqlite_url, pages=pages) as services:
        (anna,) = await services.newcomers("anna")
        sent = await say(services, anna, await group(services, anna), page(site, "/ladoga"))
        assert (await shown(services, anna, sent)).picture is None
    await pages.close()
    assert site.count("/picture.jpg") == 0

"""Links of many files at once: of those that may be seen, and the same ones for whoever asks again."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.services.media.home import ANNA, BORIS, Home, at_home, random_bytes

from kaif.interfaces.media import ExportMedia, MediaId, SignMany
from kaif.interfaces.media.references import Refer
from kaif.interfaces.messaging import Chat, GetChat
from kaif.interfaces.messaging.errors import ChatNotFound
from kaif.kernel.actor import NOBODY, Actor
from kaif.kernel.clock import SECOND_US
from kaif.kernel.ids import new_id
from kaif.services.media import library

HOUR_US = 3600 * SECOND_US


class TheirChat:
    """Boris is in the chat `shared` alone; how often that was asked."""

    asked = 0

    async def get_chat(self, actor: Actor, request: GetChat) -> Chat:
        self.asked += 1
        if (actor.user_id, request.chat_id) == (BORIS.user_id, "shared"):
            return None  # type: ignore[return-value]
        raise ChatNotFound


@pytest.fixture
def chats() -> TheirChat:
    return TheirChat()


@pytest.fixture
async def home(database_url: str, tmp_path: Path, chats: TheirChat) -> AsyncIterator[Home]:
    async with at_home(tmp_path, database_url, chats=chats) as home:
        yield home


async def paths(home: Home, ids: list[MediaId], actor: Actor = ANNA) -> dict[str, str]:
    found = await home.library.sign_many(actor, SignMany(ids))
    return {link.media_id: link.path for link in found.links}


async def test_what_one_may_not_see_is_left_out_and_each_chat_is_asked_for_once(home: Home, chats: TheirChat) -> None:
    first, second, hidden = [await home.put(random_bytes(100)) for _ in range(3)]
    for media, audience in ((first, "chat:shared"), (second, "chat:shared"), (hidden, "chat:other")):
        await home.references.refer(ANNA, Refer(media.id, "messaging", new_id(), audience))
    ids = [second.id, hidden.id, MediaId(new_id()), first.id, second.id]

    assert list(await paths(home, ids, BORIS)) == [second.id, first.id]
    assert chats.asked == 2
    assert list(await paths(home, ids)) == [second.id, hidden.id, first.id]
    assert await paths(home, ids, NOBODY) == {}


async def test_a_link_opens_the_file_for_hours_and_stays_the_same_for_as_long(home: Home) -> None:
    media = await home.put(random_bytes(100))
    home.moment[0] = home.moment[0] // (6 * HOUR_US) * 6 * HOUR_US
    made = (await paths(home, [media.id]))[media.id]

    home.moment[0] += 6 * HOUR_US - 1
    assert (await paths(home, [media.id]))[media.id] == made
    home.moment[0] += 1
    assert (await paths(home, [media.id]))[media.id] != made
    assert (await home.look(media, NOBODY, made.rpartition("/")[2])).media_id == media.id


async def test_ones_own_data_are_whole_however_many_files_there_are_and_each_can_be_fetched(
    small_home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(library, "EXPORTED_AT_ONCE", 3)
    put = [await small_home.put(b"content %d" % number, keep=number != 2) for number in range(7)]
    await small_home.create(100, name="half.bin")
    await small_home.put(b"not Anna's", BORIS)

    page = await small_home.library.export_own_media_data(ANNA, ExportMedia())
    pages = [page]
    while page.next_cursor:
        page = await small_home.library.export_own_media_data(ANNA, ExportMedia(page.next_cursor))
        pages.append(page)

    assert [file for page in pages for file in page.files] == put
    assert [[upload.name for upload in page.uploads] for page in pages] == [["half.bin"], [], []]
    for file, link in zip(put, [link for page in pages for link in page.links], strict=True):
        assert link.media_id == file.id
        seen = await small_home.look(file, NOBODY, link.path.rpartition("/")[2])
        assert seen.size == file.size

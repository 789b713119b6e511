"""The same content under several names: each is a file of its own, and what they share is kept once."""

import asyncio
from pathlib import Path

from tests.services.media.home import ANNA, Home, random_bytes
from tests.services.media.video.films import TONE, make

from kaif.interfaces.auth import Nothing
from kaif.interfaces.media import ExportMedia, MediaId, OfMedia
from kaif.kernel.clock import DAY_US
from kaif.services.media.queue.working import QUICK

CONTENT = random_bytes(5 << 20)


async def delete(home: Home, media_id: MediaId) -> None:
    await home.library.delete_media(ANNA, OfMedia(media_id))


async def test_each_has_its_name_wherever_it_is_seen_and_the_room_of_one(home: Home) -> None:
    draft = await home.put(CONTENT, name="draft.pdf")
    final = await home.put(CONTENT, name="final contract.pdf")
    again = await home.put(CONTENT, name="draft.pdf")

    assert again == draft and final.id != draft.id
    assert [(await home.look(one)).name for one in (draft, final)] == ["draft.pdf", "final contract.pdf"]
    assert [await home.read(one, 4 << 20) for one in (draft, final)] == [CONTENT[4 << 20 :]] * 2
    assert await home.listed() == [final.id, draft.id]
    own = await home.library.export_own_media_data(ANNA, ExportMedia())
    assert [file.name for file in own.files] == ["draft.pdf", "final contract.pdf"]
    assert (await home.library.get_usage(ANNA, Nothing())).used == len(CONTENT)
    await home.come(DAY_US)
    assert len(await home.stored()) == 2


async def test_content_goes_with_the_last_of_its_names_whichever_that_is(home: Home) -> None:
    first, second, third = [await home.put(CONTENT, name=name) for name in ("1", "2", "3")]

    await delete(home, first.id)
    await home.come(DAY_US)
    fourth = await home.put(CONTENT, name="4")
    await delete(home, second.id)
    await home.come(DAY_US)

    assert [await home.read(one) for one in (third, fourth)] == [CONTENT[: 4 << 20]] * 2
    await asyncio.gather(delete(home, third.id), delete(home, fourth.id))
    await home.come(DAY_US)
    await home.come(DAY_US)
    assert await home.stored() == []
    # One key is that of links.
    assert [await home.rows(f"media_{table}") for table in ("keys", "parts", "garbage")] == [1, 0, 0]


async def test_those_who_let_go_of_the_last_names_at_once_leave_nothing(home: Home) -> None:
    names = await asyncio.gather(*(home.put(b"small" * 100, name=f"{number}") for number in range(12)))

    assert len({media.id for media in names}) == 12
    await asyncio.gather(*(delete(home, media.id) for media in names))

    await home.come(DAY_US)
    await home.come(DAY_US)
    assert await home.stored() == []
    assert await home.rows("media_keys") == 1


async def test_what_was_made_of_one_is_not_made_again_of_the_other(home: Home, tmp_path: Path) -> None:
    content = make(tmp_path / "voice.mp4", *TONE, "-c:a", "aac", "-t", "1").read_bytes()
    first = await home.put(content, name="one.m4a", voice=True)
    async with home.workshop() as work:
        assert await work.shop.work(QUICK)

        second = await home.put(content, name="two.m4a", voice=True)

        assert (second.state, second.renditions) == ("ready", ["voice.ogg"])
        assert await work.through() == 0
    voice = await home.got(first, "voice.ogg")
    await delete(home, first.id)
    await home.come(DAY_US)
    assert await home.got(second, "voice.ogg") == voice

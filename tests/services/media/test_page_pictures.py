"""What a page shows itself by is drawn anew, kept for whoever holds it, and seen by all who are signed in."""

import asyncio
import zlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.services.media.home import Home, at_home, somebody
from tests.services.media.images import files

from kaif.interfaces.media import MediaId, MediaNotFound
from kaif.interfaces.media.delivery import LookAt, ReadMedia
from kaif.interfaces.media.images import ImageDamaged, NotAnImage, TooManyPixels
from kaif.interfaces.media.page_pictures import KeepPagePicture, PagePicture, PagePictures
from kaif.interfaces.media.references import ReleaseFiles
from kaif.kernel.actor import NOBODY
from kaif.kernel.clock import DAY_US
from kaif.kernel.errors import Invalid
from kaif.kernel.ids import new_id
from kaif.services.media.model import ORPHAN_LIVES_US

HOLDER = "messaging"


@pytest.fixture
async def home(tmp_path: Path, database_url: str) -> AsyncIterator[Home]:
    async with at_home(tmp_path, database_url) as home:
        yield home


async def keep(home: Home, content: bytes, media_id: str = "") -> PagePicture:
    pictures: PagePictures = home.services[PagePictures]
    wanted = KeepPagePicture(MediaId(media_id or new_id()), HOLDER, content)
    return await pictures.keep_page_picture(NOBODY, wanted)


async def shown(home: Home, kept: PagePicture) -> bytes:
    seen = await home.delivery.look_at(somebody(), LookAt(MediaId(kept.media_id)))
    reading = ReadMedia(MediaId(kept.media_id), 0, seen.size, rendition=seen.rendition)
    return (await home.delivery.read(somebody(), reading)).content


async def test_it_is_kept_small_and_nothing_of_the_file_is_handed_out(home: Home) -> None:
    sent = files.jpeg(files.photo(1600, 900)) + b"<script>spy()</script>"

    kept = await keep(home, sent)

    assert (kept.width, kept.height) == (800, 450) and kept.thumbhash
    content = await shown(home, kept)
    assert b"script" not in content and files.looks_like_the_photo(files.opened(content))


async def test_asked_for_twice_it_is_one(home: Home) -> None:
    id, content = new_id(), files.png()

    first, second = await asyncio.gather(keep(home, content, id), keep(home, content, id))

    assert first == second == await keep(home, content, id)
    assert (await home.rows("media_objects"), await home.rows("media_references")) == (1, 1)


async def test_it_goes_when_it_is_let_go(home: Home) -> None:
    kept = await keep(home, files.png())

    await home.references.release_files(NOBODY, ReleaseFiles([MediaId(kept.media_id)], HOLDER, kept.media_id))

    with pytest.raises(MediaNotFound):
        await home.delivery.look_at(somebody(), LookAt(MediaId(kept.media_id)))
    home.moment[0] += ORPHAN_LIVES_US + 1
    await home.collect()
    home.moment[0] += DAY_US
    await home.collect()
    assert (await home.rows("media_objects"), await home.stored()) == (0, [])


@pytest.mark.parametrize(
    ("content", "refusal"),
    [
        (
            b'<svg xmlns="http://www.w3.org/2000/svg" width="900" height="900"><script>spy()</script></svg>',
            NotAnImage,
        ),
        (files.png(files.photo(32, 32)), NotAnImage),
        (files.png_of(10_000, 10_000, files.png_chunk(b"IDAT", zlib.compress(bytes(1 << 20)))), TooManyPixels),
        (files.jpeg()[:900], ImageDamaged),
        (b"<html><title>Lake</title>", NotAnImage),
        (b"", NotAnImage),
    ],
    ids=["a drawing", "a mark", "a hundred megapixels", "half of one", "a page", "nothing"],
)
async def test_what_shows_nothing_is_refused_and_leaves_nothing(
    home: Home, content: bytes, refusal: type[Invalid]
) -> None:
    with pytest.raises(refusal):
        await keep(home, content)

    assert (await home.rows("media_objects"), await home.rows("media_garbage"), await home.stored()) == (0, 0, [])

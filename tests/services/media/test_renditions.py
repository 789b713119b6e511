"""What is made of pictures: once, for whoever may see them, in what suits them; and kept as they are."""

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
import pyvips
from tests.services.media.home import ANNA, BORIS, Home
from tests.services.media.images import files
from tests.services.media.video.films import H264, SHORT, make

from kaif.interfaces.auth import Nothing
from kaif.interfaces.media import Media, MediaNotFound, OfMedia, RenditionNotFound, RenditionNotReady, SignPicture
from kaif.interfaces.media.images import Crop, CropOutside, Rendition, Variant
from kaif.interfaces.media.references import LetGo, Refer
from kaif.kernel.actor import NOBODY
from kaif.kernel.clock import DAY_US
from kaif.kernel.errors import Busy, NotFound
from kaif.services.media.collecting import Collector
from kaif.services.media.content.rotating import rewrap_all
from kaif.services.media.renditions import service as renditions
from kaif.services.media.renditions import store as renditions_store
from kaif.services.media.renditions.naming import Wanted
from kaif.services.media.renditions.service import Renditions
from kaif.services.media.work.pictures import PictureWorkers

LARGE_PHOTO = files.jpeg(files.photo(1000, 600))


class Counted(PictureWorkers):
    """How much was rendered."""

    rendered = 0

    async def render(self, *args: object, **more: object) -> list[Rendition]:
        self.rendered += 1
        return await super().render(*args, **more)  # type: ignore[arg-type]


@pytest.fixture
async def photo(home: Home) -> Media:
    return await home.put(LARGE_PHOTO, declared_type="image/jpeg")


@pytest.fixture
async def workers() -> AsyncIterator[Counted]:
    workers = Counted(2)
    yield workers
    await workers.close()


def process(home: Home, workers: PictureWorkers) -> Renditions:
    """Another process."""
    return Renditions(home.database, home.content, home.keys, workers, lambda: home.moment[0])


async def test_sizes_are_made_in_what_suits_who_asks_and_kept_sealed(small_home: Home) -> None:
    photo = await small_home.put(LARGE_PHOTO, declared_type="image/jpeg")

    sizes = {
        name: files.opened(await small_home.got(photo, name, accept="image/webp"))
        for name in ("small", "medium", "large", "w320", "w1920")
    }
    avif = await small_home.look(photo, rendition="small", accept="image/avif,image/webp")
    plain = await small_home.look(photo, rendition="small", accept="*/*")

    assert {name: (image.width, image.height) for name, image in sizes.items()} == {
        "small": (200, 200),
        "medium": (800, 480),
        "large": (1000, 600),
        "w320": (320, 192),
        "w1920": (1000, 600),
    }
    assert all(files.looks_like_the_photo(image) for image in sizes.values())
    assert (avif.type, plain.type, plain.inline) == ("image/avif", "image/jpeg", True)
    assert len({avif.etag, plain.etag, (await small_home.look(photo)).etag}) == 3
    kept = await small_home.library.get_media(ANNA, OfMedia(photo.id))
    assert kept.renditions == ["large", "medium", "small", "w1920", "w320"]
    for name in await small_home.stored():
        assert b"WEBP" not in await small_home.blobs.get(name)


@pytest.mark.parametrize("make", [files.png, files.webp, files.avif, files.heic, files.gif])
async def test_holes_stay_where_neither_webp_nor_avif_is_shown(
    small_home: Home, make: Callable[[pyvips.Image], bytes]
) -> None:
    picture = await small_home.put(make(files.with_hole(files.photo())))

    assert picture.shown and picture.shown.has_holes
    assert (await small_home.look(picture, rendition="small", accept="*/*")).type == "image/png"
    assert files.opened(await small_home.got(picture, "small", accept="*/*")).hasalpha()


async def test_who_may_not_see_a_picture_sees_nothing_that_was_made_of_it(home: Home, photo: Media) -> None:
    await home.got(photo, "small")
    await home.references.refer(ANNA, Refer(photo.id, "market", "1", "everyone"))
    assert await home.got(photo, "small", BORIS)
    await home.references.let_go(ANNA, LetGo(photo.id, "market", "1"))

    for viewer in (BORIS, NOBODY):
        with pytest.raises(MediaNotFound):
            await home.got(photo, "small", viewer)
        with pytest.raises(MediaNotFound):
            await home.read(photo, actor=viewer)
        with pytest.raises(MediaNotFound):
            await home.library.sign_picture(viewer, SignPicture(photo.id, Variant("png", width=10)))


@pytest.mark.parametrize(
    "name", ["poster", "film.mp4", "tiny", "small.webp", "../small", "hls/master.m3u8", "pictures/x"]
)
async def test_what_is_not_made_of_a_picture_is_not_there(small_home: Home, name: str) -> None:
    photo = await small_home.put(files.png())
    text = await small_home.put(b"a text")

    for media in (photo, text):
        with pytest.raises(NotFound):
            await small_home.look(media, rendition=name)
    with pytest.raises(RenditionNotFound):
        await small_home.look(text, rendition="small")


async def test_many_who_ask_at_two_processes_have_it_made_once(home: Home, photo: Media, workers: Counted) -> None:
    wanted = Wanted("w320.webp", Variant("webp", width=320))
    media = await home.stored_media(photo)
    processes = [process(home, workers), process(home, workers)]

    found = await asyncio.gather(*[processes[number % 2].get(media, wanted) for number in range(10)])

    assert workers.rendered == 1 and len({rendition.id for rendition in found}) == 1
    assert await home.rows("media_makers") == 0


async def test_a_maker_that_died_is_replaced_and_one_that_is_slow_is_waited_for_only_so_long(
    home: Home, photo: Media, workers: Counted, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(renditions, "WAIT_S_MAX", 0.3)
    wanted = Wanted("w320.webp", Variant("webp", width=320))
    media, now_us = await home.stored_media(photo), home.moment[0]
    async with home.database.transaction() as tx:
        assert await renditions_store.become_maker(tx, photo.id, wanted.name, "another", now_us, now_us + 10_000_000)

    with pytest.raises(Busy):
        await process(home, workers).get(media, wanted)

    home.moment[0] += 10_000_001
    assert (await process(home, workers).get(media, wanted)).width == 320


async def test_what_could_not_be_made_is_not_tried_again_by_each_who_looks(
    small_home: Home, workers: Counted, monkeypatch: pytest.MonkeyPatch
) -> None:
    media = await small_home.stored_media(await small_home.put(LARGE_PHOTO, declared_type="image/jpeg"))
    beyond = Wanted("at-beyond.webp", Variant("webp", crop=Crop(0, 0, 9000, 9000)))
    process_of_ours = process(small_home, workers)

    for _ in range(3):
        with pytest.raises(CropOutside):
            await process_of_ours.get(media, beyond)
    assert workers.rendered == 1

    small_home.moment[0] += renditions.REFUSED_FOR_US
    with pytest.raises(CropOutside):
        await process_of_ours.get(media, beyond)
    assert workers.rendered == 2


async def test_a_picture_of_any_size_has_an_address_of_its_viewers_own(small_home: Home) -> None:
    photo, other = await small_home.put(LARGE_PHOTO), await small_home.put(files.png())
    variant = Variant("jpeg", width=100, height=100, fit="cover", crop=Crop(0, 0, 500, 300), quality=60)
    signed = await small_home.library.sign_picture(ANNA, SignPicture(photo.id, variant, 60))
    link, _, address = signed.path.removeprefix(f"/v1/media/linked/{photo.id}/").partition("/")

    seen = await small_home.look(photo, NOBODY, link, rendition=address)
    assert (seen.type, seen.rendition) == ("image/jpeg", (await small_home.look(photo, rendition=address)).rendition)
    for media, text in ((other, address), (photo, address.replace("rs:cover:100", "rs:cover:101"))):
        with pytest.raises(NotFound):
            await small_home.look(media, rendition=text)
    beyond = await small_home.library.sign_picture(
        ANNA, SignPicture(photo.id, Variant("png", crop=Crop(900, 0, 900, 9)))
    )
    with pytest.raises(CropOutside):
        await small_home.look(photo, rendition="pictures/" + beyond.path.partition("/pictures/")[2])
    small_home.moment[0] += 61_000_000
    with pytest.raises(NotFound):
        await small_home.look(photo, rendition=address)


async def test_what_can_be_made_again_goes_when_there_is_too_much_of_it_the_unused_first(
    home: Home, photo: Media
) -> None:
    sizes = {
        name: len(await home.got(photo, name, accept="image/webp")) for name in ("large", "w320", "medium", "small")
    }
    home.moment[0] += DAY_US // 12
    await home.got(photo, "w320", accept="image/webp")
    room = sizes["w320"] + sizes["small"]

    clock = lambda: home.moment[0]  # noqa: E731
    await home.collect(Collector(home.database, home.content, clock, passing_bytes_max=room))

    kept = await home.library.get_media(ANNA, OfMedia(photo.id))
    assert "w320" in kept.renditions and "large" in kept.renditions and "medium" not in kept.renditions
    assert len(await home.got(photo, "medium", accept="image/webp")) == sizes["medium"]


async def test_renditions_go_with_their_file_cost_its_owner_nothing_and_are_read_after_a_rotation(
    home: Home, photo: Media, workers: Counted
) -> None:
    before = await home.library.get_usage(ANNA, Nothing())
    small = await home.got(photo, "small")

    assert await home.library.get_usage(ANNA, Nothing()) == before
    assert await rewrap_all(home.database, home.keys) == 0
    assert await home.got(photo, "small") == small
    await home.library.delete_media(ANNA, OfMedia(photo.id))
    assert await home.rows("media_renditions") == 0
    # One that was just being made finds no file any more.
    made = Rendition(b"made too late", "webp", 1, 1)
    assert not await process(home, workers).keep_picture(photo.id, "small.webp", made, lasting=False)
    await home.come(DAY_US)
    assert (await home.stored(), await home.rows("media_keys")) == ([], 1)


async def test_of_a_film_there_is_a_poster_at_once_and_sizes_of_it(small_home: Home, tmp_path: Path) -> None:
    film = await small_home.put(make(tmp_path / "film.mp4", *SHORT, *H264).read_bytes(), declared_type="video/mp4")

    assert film.renditions == ["poster"]
    poster = files.opened(await small_home.got(film, "poster", accept="image/webp"))
    small = files.opened(await small_home.got(film, "small"))
    assert (poster.width, poster.height, small.width) == (160, 120, 120)
    for name in ("hls/master.m3u8", "previews.vtt"):
        with pytest.raises(RenditionNotReady):
            await small_home.look(film, rendition=name)

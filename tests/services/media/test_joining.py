"""Uploads that come side by side and become one file: nothing is copied, counted twice or left."""

import asyncio
import hashlib
from pathlib import Path
from typing import Any

import pytest
from tests.services.media.home import ANNA, BORIS, Home, at_home, random_bytes

from kaif.engines.keys import open_keys
from kaif.engines.keys.ring import new_key
from kaif.interfaces.auth import Nothing
from kaif.interfaces.media import FileTooLarge, OfMedia, WrongType
from kaif.interfaces.media.joining import JoinUploads, NotJoinable
from kaif.interfaces.media.uploads import BeginWriting, IsJoined, OfUpload, Upload, UploadNotFound
from kaif.kernel.clock import DAY_US
from kaif.services.media.content.parts import Content
from kaif.services.media.content.rotating import rewrap_all

KIB, MIB = 1024, 1024 * 1024
CONTENT = random_bytes(9 * MIB + 7)
PIECES = [CONTENT[: 4 * MIB + 1], CONTENT[4 * MIB + 1 : 4 * MIB + 2], CONTENT[4 * MIB + 2 :]]


async def come(home: Home, *contents: bytes) -> list[str]:
    """The ids of as many pieces, which came whole."""
    uploads = [await home.create(len(content), partial=True) for content in contents]
    for upload, content in zip(uploads, contents, strict=True):
        at = 0
        while at < len(content):
            upload = await home.write(upload, content[at : at + 4 * MIB])
            at = upload.received
    return [upload.id for upload in uploads]


async def join(home: Home, ids: list[str], **more: Any) -> Upload:
    return await home.joining.join_uploads(ANNA, JoinUploads(ids, **more))


async def used(home: Home) -> int:
    return (await home.library.get_usage(ANNA, Nothing())).used


async def test_pieces_become_one_file_in_the_order_in_which_they_are_named(home: Home) -> None:
    third, first, second = await come(home, PIECES[2], PIECES[0], PIECES[1])
    before = await home.stored()
    assert (await home.uploads.finish_upload(ANNA, OfUpload(first))).media is None

    upload = await join(home, [first, second, third], name="film.bin")
    media = await home.finish(upload)

    assert (media.name, media.size, media.sha256) == ("film.bin", len(CONTENT), hashlib.sha256(CONTENT).hexdigest())
    assert (await home.storage.count_media(ANNA, Nothing())).uploads.count == 0
    for start in (0, 4 * MIB - 3, 4 * MIB + 1, 8 * MIB):
        assert await home.read(media, start) == CONTENT[start : start + 4 * MIB]
    assert await home.stored() == before
    assert await used(home) == len(CONTENT)
    assert await home.listed() == [media.id]
    await home.come(10 * DAY_US)
    assert await home.read(media, 4 * MIB) == CONTENT[4 * MIB : 8 * MIB]

    await home.library.delete_media(ANNA, OfMedia(media.id))
    await home.come(DAY_US)
    assert await home.stored() == []
    assert await home.rows("media_keys") == 1


async def test_whoever_asks_again_gets_the_same_also_ten_at_once(home: Home) -> None:
    ids = await come(home, b"one", b"two")

    made = await asyncio.gather(*(join(home, ids) for _ in range(10)))

    assert {upload.id for upload in made} == {made[0].id}
    media = await home.finish(made[0])
    assert await home.read(media) == b"onetwo"
    assert (await home.finish(await join(home, ids))).id == media.id
    for other in ([ids[0]], ids[::-1]):
        with pytest.raises(NotJoinable):
            await join(home, other)


async def test_only_whole_pieces_of_ones_own_are_joined_each_once(home: Home) -> None:
    one, two = await come(home, b"one", b"two")
    unfinished = (await home.write(await home.create(10, partial=True), b"12345")).id
    usual = (await home.write(await home.create(5), b"12345")).id
    for ids in ([one, unfinished], [usual, one], [one, two, one]):
        with pytest.raises(NotJoinable):
            await join(home, ids)
    for ids in ([one, "0123"], []):
        with pytest.raises((UploadNotFound, IndexError)):
            await join(home, ids)
    with pytest.raises(UploadNotFound):
        await home.joining.join_uploads(BORIS, JoinUploads([one, two]))
    home.moment[0] += DAY_US
    with pytest.raises(UploadNotFound):
        await join(home, [one, two])


async def test_nothing_becomes_of_a_piece_by_itself_and_nothing_is_added_to_what_was_joined(home: Home) -> None:
    one, two = await come(home, b"one", b"two")
    assert (await home.uploads.finish_upload(ANNA, OfUpload(one))).media is None
    assert await home.listed() == [] and await home.rows("media_objects") == 0

    upload = await join(home, [one, two])

    assert (upload.length, upload.received, upload.joined) == (6, 6, [one, two])
    with pytest.raises(IsJoined):
        await home.uploads.begin_writing(ANNA, BeginWriting(upload.id, 6))


async def test_the_same_content_joined_is_the_file_that_one_has(home: Home) -> None:
    first = await home.put(b"onetwo")

    assert (await home.finish(await join(home, await come(home, b"one", b"two")))).id == first.id

    assert await used(home) == 6
    await home.come(2 * DAY_US)
    assert len(await home.stored()) == 1 and await home.rows("media_keys") == 2
    assert await home.read(first) == b"onetwo"


async def test_what_is_not_what_it_is_said_to_be_is_refused_whole(home: Home) -> None:
    ids = await come(home, b"<html>", b"</html>")
    upload = await join(home, ids, declared_type="image/png")

    with pytest.raises(WrongType):
        await home.finish(upload)

    assert await used(home) == 0
    await home.come(2 * DAY_US)
    assert (await home.stored(), await home.rows("media_keys"), await home.rows("media_uploads")) == ([], 1, 0)


async def test_a_piece_that_is_cancelled_after_it_was_joined_takes_nothing_along(home: Home) -> None:
    ids = await come(home, b"one", b"two")
    upload = await join(home, ids)

    await home.uploads.cancel_upload(ANNA, OfUpload(ids[0]))
    await home.come(DAY_US - 1)

    media = await home.finish(upload)
    assert await home.read(media) == b"onetwo"


async def test_of_joining_and_cancelling_at_once_either_comes_first(home: Home) -> None:
    for _ in range(5):
        ids = await come(home, random_bytes(9), b"two")
        joined, _ = await asyncio.gather(
            join(home, ids), home.uploads.cancel_upload(ANNA, OfUpload(ids[0])), return_exceptions=True
        )
        if isinstance(joined, Upload):
            assert (await home.finish(joined)).size == 12
        else:
            assert isinstance(joined, UploadNotFound)


async def test_pieces_are_bounded_as_the_file_is(database_url: str, tmp_path: Path) -> None:
    async with at_home(tmp_path, database_url, KAIF_MEDIA_QUOTA="100K/250K") as home:
        ids = await come(home, b"a" * 60 * KIB, b"b" * 60 * KIB)
        assert await used(home) == 120 * KIB

        with pytest.raises(FileTooLarge):
            await join(home, ids)

        await home.uploads.cancel_upload(ANNA, OfUpload(ids[0]))
        assert await used(home) == 60 * KIB


async def test_keys_are_rotated_under_what_was_joined(home: Home, tmp_path: Path) -> None:
    media = await home.finish(await join(home, await come(home, b"one", b"two")))
    both = open_keys("env:K", {"K": (tmp_path / "media-keys").read_text() + new_key(2)})

    assert await rewrap_all(home.database, both) == 3

    assert await Content(home.blobs, both).read(home.database, media.id, 0, 6) == b"onetwo"

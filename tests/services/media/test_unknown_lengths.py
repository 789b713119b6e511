"""Uploads of which nobody knows the length: bounded like all others, and as long as what came."""

import asyncio
from pathlib import Path

import pytest
from tests.services.media.home import ANNA, BORIS, Home, at_home

from kaif.interfaces.auth import Nothing
from kaif.interfaces.media import EmptyFile, QuotaExceeded
from kaif.interfaces.media.uploads import Append, BeginWriting, BeyondLength, Displaced, SettleLength, UploadNotFound

KIB = 1024


async def used(home: Home) -> int:
    return (await home.library.get_usage(ANNA, Nothing())).used


async def test_what_came_is_all_once_its_writer_says_so(home: Home) -> None:
    upload = await home.create(1000, at_most=True)
    writing = await home.uploads.begin_writing(ANNA, BeginWriting(upload.id, 0))
    with pytest.raises(EmptyFile):
        await home.uploads.settle_length(ANNA, SettleLength(upload.id, writing.writer))
    await home.uploads.append(ANNA, Append(upload.id, writing.writer, 0, b"a file"))
    with pytest.raises(UploadNotFound):
        await home.uploads.settle_length(BORIS, SettleLength(upload.id, writing.writer))

    for _ in range(2):
        upload = await home.uploads.settle_length(ANNA, SettleLength(upload.id, writing.writer))
        assert (upload.length, upload.received) == (6, 6)

    assert await home.read(await home.finish(upload)) == b"a file"
    assert await used(home) == 6


async def test_whoever_was_displaced_ends_nothing(home: Home) -> None:
    upload = await home.create(1000, at_most=True)
    writing = await home.uploads.begin_writing(ANNA, BeginWriting(upload.id, 0))
    upload = await home.uploads.append(ANNA, Append(upload.id, writing.writer, 0, b"a file"))
    await home.uploads.begin_writing(ANNA, BeginWriting(upload.id, 6))

    with pytest.raises(Displaced):
        await home.uploads.settle_length(ANNA, SettleLength(upload.id, writing.writer))


async def test_of_ten_at_once_nobody_gets_more_than_there_is(database_url: str, tmp_path: Path) -> None:
    async with at_home(tmp_path, database_url, KAIF_MEDIA_QUOTA="100K/250K") as home:
        made = await asyncio.gather(*(home.create(1 << 40, at_most=True) for _ in range(10)), return_exceptions=True)

        refused = [each for each in made if isinstance(each, QuotaExceeded)]
        uploads = [each for each in made if not isinstance(each, BaseException)]
        assert len(refused) == 7 and sorted(each.length for each in uploads) == [50 * KIB, 100 * KIB, 100 * KIB]
        assert await used(home) == 250 * KIB
        writing = await home.uploads.begin_writing(ANNA, BeginWriting(uploads[0].id, 0))
        with pytest.raises(BeyondLength):
            much = Append(uploads[0].id, writing.writer, 0, b"x" * (uploads[0].length + 1))
            await home.uploads.append(ANNA, much)

"""The content of files is moved from a folder into S3, and every byte of it is there afterwards."""

import asyncio
from pathlib import Path

from tests.journeys.commands import assert_refused, kaif
from tests.services.media.home import Home, at_home, random_bytes

from kaif.app.folder import DataFolder
from kaif.engines.blobs import open_blobs
from kaif.interfaces.media import Media

MIB = 1 << 20


async def filled(home: Home) -> list[tuple[Media, bytes]]:
    contents = [b"words", random_bytes(9 * MIB), random_bytes(MIB)]
    return [(await home.put(content), content) for content in contents]


def settings_of(database_url: str, folder: Path) -> dict[str, str]:
    return {
        "KAIF_DATABASE_URL": database_url,
        "KAIF_MEDIA_KEYS": f"file:{folder / 'media-keys'}",
        "KAIF_BLOBS_URL": f"file:{folder / 'blobs'}",
    }


async def assert_all_is_there(
    folder: Path, database_url: str, blobs_url: str, files: list[tuple[Media, bytes]]
) -> None:
    async with at_home(folder, database_url, blobs_url) as home:
        for media, content in files:
            found = [await home.read(media, at) for at in range(0, len(content), 4 * MIB)]
            assert b"".join(found) == content


async def test_what_was_moved_is_read_where_it_lies_now(database_url: str, tmp_path: Path, s3_url: str) -> None:
    async with at_home(tmp_path, database_url) as home:
        files = await filled(home)

    done = await kaif("media", "move", s3_url, "--data", tmp_path, settings=settings_of(database_url, tmp_path))

    where = s3_url.partition("?")[0]
    assert (done.code, done.out.splitlines()) == (
        0,
        [
            f"5 parts were written to {where} and 0 lay there already: all were compared.",
            "Set KAIF_BLOBS_URL to it and start the server.",
        ],
    ), done.err
    (tmp_path / "blobs").rename(tmp_path / "old")
    await assert_all_is_there(tmp_path, database_url, s3_url, files)


async def test_a_move_that_broke_off_goes_on_and_trusts_nothing_that_it_finds(
    migrated_sqlite_url: str, tmp_path: Path, s3_url: str
) -> None:
    async with at_home(tmp_path, migrated_sqlite_url) as home:
        files = await filled(home)
        whole, cut, other, *_ = await home.stored()
        target = await open_blobs(s3_url)
        await target.put(whole, await home.blobs.get(whole))
        await target.put(cut, (await home.blobs.get(cut))[:-1])
        await target.put(other, random_bytes(await home.blobs.size(other)))
    settings = settings_of(migrated_sqlite_url, tmp_path)

    again = await kaif("media", "move", s3_url, "--data", tmp_path, settings=settings)
    once_more = await kaif("media", "move", s3_url, "--data", tmp_path, settings=settings)

    assert again.out.startswith("4 parts were written") and " 1 lay there already" in again.out
    assert once_more.out.startswith("0 parts were written") and " 5 lay there already" in once_more.out
    await assert_all_is_there(tmp_path, migrated_sqlite_url, s3_url, files)


async def test_content_moves_back_into_a_folder(migrated_sqlite_url: str, tmp_path: Path, s3_url: str) -> None:
    async with at_home(tmp_path, migrated_sqlite_url, s3_url) as home:
        files = await filled(home)
    settings = {**settings_of(migrated_sqlite_url, tmp_path), "KAIF_BLOBS_URL": s3_url}

    done = await kaif("media", "move", f"file:{tmp_path / 'here'}", "--data", tmp_path, settings=settings)

    assert done.code == 0, done.err
    await assert_all_is_there(tmp_path, migrated_sqlite_url, f"file:{tmp_path / 'here'}", files)


async def test_what_is_missing_is_said_and_the_rest_is_moved(
    migrated_sqlite_url: str, tmp_path: Path, s3_url: str
) -> None:
    async with at_home(tmp_path, migrated_sqlite_url) as home:
        await filled(home)
        await home.blobs.delete((await home.stored())[2])

    done = await kaif("media", "move", s3_url, "--data", tmp_path, settings=settings_of(migrated_sqlite_url, tmp_path))

    assert_refused(done, "1 parts are missing")
    assert done.out.startswith("4 parts were written")


async def test_nothing_is_moved_while_a_server_runs_or_to_where_it_can_not_be(
    database_url: str, tmp_path: Path, s3_url: str
) -> None:
    settings = settings_of(database_url, tmp_path)
    folder = await asyncio.to_thread(DataFolder, tmp_path)
    running = await kaif("media", "move", s3_url, "--data", tmp_path, settings=settings)
    folder.release()

    assert_refused(running, "already in use")
    nowhere = await kaif("media", "move", "ftp://example.org", "--data", tmp_path, settings=settings)
    assert_refused(nowhere, "ftp")
    same = await kaif("media", "move", settings["KAIF_BLOBS_URL"], "--data", tmp_path, settings=settings)
    assert_refused(same, "already")


async def test_a_store_that_takes_nothing_is_seen_before_anything_is_moved(
    migrated_sqlite_url: str, tmp_path: Path, s3_url: str
) -> None:
    async with at_home(tmp_path, migrated_sqlite_url) as home:
        await filled(home)
    elsewhere = s3_url.replace(s3_url.partition("//")[2].partition("/")[0], "no-such-bucket")

    done = await kaif(
        "media", "move", elsewhere, "--data", tmp_path, settings=settings_of(migrated_sqlite_url, tmp_path)
    )

    assert_refused(done)

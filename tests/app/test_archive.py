"""Backups: what is in one, whatever goes meanwhile, and what one can't hold."""

import asyncio
import fcntl
import os
import tarfile
from pathlib import Path

import pytest
from tests.waiting import until

from kaif.app.archive import WORKPLACE, Backup, backup, stage, swap_in_pending
from kaif.app.settings import Misconfigured, Settings, read_settings
from kaif.engines.database import open_database


@pytest.fixture
async def data(tmp_path: Path) -> Path:
    folder = tmp_path / "data"
    (folder / "blobs" / "aa").mkdir(parents=True)
    (folder / "secrets").mkdir()
    (folder / "secrets" / "key").write_text("the key")
    database = await open_database(f"sqlite:{folder / 'kaif.db'}")
    await database.close()
    return folder


def settings_of(data: Path, **environment: str) -> Settings:
    return read_settings(data, "127.0.0.1", 8080, environment)


async def made(data: Path, target: Path, **environment: str) -> Backup:
    return await asyncio.to_thread(backup, settings_of(data, **environment), target)


async def test_content_that_goes_while_it_is_saved_is_saved(data: Path, tmp_path: Path) -> None:
    (data / "blobs" / "aa" / "large").write_bytes(os.urandom(40_000_000))
    going = data / "blobs" / "zz"
    going.write_bytes(b"needed by what the database says")
    target = tmp_path / "backup"

    saving = asyncio.ensure_future(made(data, target))
    await until(lambda: any(part.stat().st_size > 1_000_000 for part in tmp_path.glob(".backup.*.part")))
    assert not saving.done()
    going.unlink()
    await saving

    with tarfile.open(target) as archive:
        assert {"blobs/zz", "blobs/aa/large", "secrets/key", "kaif.db"} <= set(archive.getnames())
    assert not (data / WORKPLACE).exists()


async def test_what_is_saved_comes_back_byte_by_byte(data: Path, tmp_path: Path) -> None:
    content = os.urandom(300_000)
    (data / "blobs" / "aa" / "one").write_bytes(content)
    await made(data, tmp_path / "backup")

    await asyncio.to_thread(stage, tmp_path / "other", tmp_path / "backup")
    swap_in_pending(tmp_path / "other")

    assert (tmp_path / "other" / "blobs" / "aa" / "one").read_bytes() == content
    assert (tmp_path / "other" / "secrets" / "key").read_text() == "the key"


async def test_sealed_content_is_not_pressed_again_and_the_rest_is(data: Path, tmp_path: Path) -> None:
    (data / "secrets" / "long").write_text("again and again " * 100_000)
    (data / "blobs" / "aa" / "one").write_bytes(bytes(1_000_000))

    size = (await made(data, tmp_path / "backup")).size

    assert 1_000_000 < size < 1_200_000


async def test_what_a_killed_backup_left_is_taken_away_and_two_at_once_are_not_made(data: Path, tmp_path: Path) -> None:
    (data / WORKPLACE / "blobs").mkdir(parents=True)
    (data / WORKPLACE / "blobs" / "left").write_bytes(b"dropped long ago")
    await made(data, tmp_path / "backup")
    assert not (data / WORKPLACE).exists()

    (data / WORKPLACE).mkdir()
    descriptor = os.open(data / WORKPLACE, os.O_RDONLY)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    with pytest.raises(Misconfigured, match="Another backup"):
        await made(data, tmp_path / "second")
    os.close(descriptor)
    assert not (tmp_path / "second").exists()


@pytest.mark.parametrize("where", ["file:{}/elsewhere", "s3://bucket/kaif?endpoint=http://127.0.0.1:1"])
async def test_content_and_keys_that_lie_elsewhere_are_named(data: Path, tmp_path: Path, where: str) -> None:
    content = where.format(tmp_path)

    result = await made(data, tmp_path / "backup", KAIF_BLOBS_URL=content, KAIF_MEDIA_KEYS="env:KEYS")

    assert len(result.left_out) == 2
    assert content.partition("?")[0] in result.left_out[0] and "endpoint" not in result.left_out[0]
    assert "KAIF_MEDIA_KEYS" in result.left_out[1]
    assert not (await made(data, tmp_path / "other")).left_out


async def test_a_database_that_is_not_in_the_folder_is_no_empty_backup(data: Path, tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match="PostgreSQL"):
        await made(data, tmp_path / "backup", KAIF_DATABASE_URL="postgresql://kaif@127.0.0.1/kaif")

    assert not (tmp_path / "backup").exists()

"""The same uploads in a folder and in S3."""

from pathlib import Path

import pytest
from tests.disks import SmallDisk
from tests.services.media.home import ANNA, Home, at_home, random_bytes

from kaif.interfaces.media import OfMedia
from kaif.interfaces.media.uploads import Append, BeginWriting, OfUpload
from kaif.kernel.clock import DAY_US
from kaif.kernel.errors import StorageFull

MIB = 1 << 20


async def test_a_file_lives_and_dies_in_s3_as_in_a_folder(
    migrated_sqlite_url: str, tmp_path: Path, s3_url: str
) -> None:
    content = random_bytes(9 * MIB + 5)
    async with at_home(tmp_path, migrated_sqlite_url, s3_url) as home:
        upload = await home.write(await home.create(len(content)), content[: 4 * MIB], content[4 * MIB : 4 * MIB + 9])

    async with at_home(tmp_path, migrated_sqlite_url, s3_url) as home:
        upload = await home.uploads.get_upload(ANNA, OfUpload(upload.id))
        media = await home.finish(await home.write(upload, content[4 * MIB + 9 : 8 * MIB], content[8 * MIB :]))

        assert await home.read(media, 4 * MIB - 10, 100) == content[4 * MIB - 10 : 4 * MIB + 90]
        assert await home.read(media, 9 * MIB) == content[9 * MIB :]
        assert await home.rows("media_parts") == 3

        await home.library.delete_media(ANNA, OfMedia(media.id))
        await home.come(DAY_US)
        assert await home.stored() == []


async def test_a_full_disk_takes_no_piece_and_the_upload_goes_on_when_there_is_room(
    migrated_sqlite_url: str, tmp_path: Path, small_disk: SmallDisk
) -> None:
    async with at_home(tmp_path, migrated_sqlite_url, f"file:{small_disk.folder / 'blobs'}") as home:
        content = random_bytes(20 * MIB)
        upload = await home.create(len(content))
        writing = await home.uploads.begin_writing(ANNA, BeginWriting(upload.id, 0))
        with pytest.raises(StorageFull):
            for at in range(0, len(content), 4 * MIB):
                piece = content[at : at + 4 * MIB]
                await home.uploads.append(ANNA, Append(upload.id, writing.writer, at, piece))

        small_disk.make_space()
        upload = await home.uploads.get_upload(ANNA, OfUpload(upload.id))
        assert upload.received < len(content)
        pieces = [content[at : at + 4 * MIB] for at in range(upload.received, len(content), 4 * MIB)]
        assert (await home.finish(await home.write(upload, *pieces))).size == len(content)


async def test_many_files_are_collected_in_portions(small_home: Home) -> None:
    for number in range(120):
        await small_home.put(number.to_bytes(2, "big"), keep=False)

    await small_home.come(DAY_US)
    await small_home.come(DAY_US)

    assert await small_home.stored() == []
    assert await small_home.rows("media_objects") == 0


async def test_files_lie_under_keys_of_a_kms_as_under_ones_own(
    migrated_sqlite_url: str, tmp_path: Path, kms_url: str
) -> None:
    content = random_bytes(5 * MIB)
    async with at_home(tmp_path, migrated_sqlite_url, KAIF_MEDIA_KEYS=kms_url) as home:
        media = await home.put(content)

    async with at_home(tmp_path, migrated_sqlite_url, KAIF_MEDIA_KEYS=kms_url) as home:
        assert await home.read(media, 4 * MIB) == content[4 * MIB :]

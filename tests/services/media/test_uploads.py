"""Uploads: pieces in order, by one writer at a time, on disk when acknowledged, and nothing left of what is refused."""

import asyncio
import hashlib
from pathlib import Path

import pytest
from tests.services.media.home import ANNA, BORIS, Home, at_home, random_bytes, somebody

from kaif.interfaces.auth import Nothing
from kaif.interfaces.auth.roles import UPLOAD_MORE
from kaif.interfaces.media import EmptyFile, FileTooLarge, QuotaExceeded, TooManyUploads, WrongType
from kaif.interfaces.media.uploads import (
    Append,
    BeginWriting,
    BeyondLength,
    Displaced,
    OfUpload,
    UploadNotFound,
    WrongOffset,
)
from kaif.kernel.actor import Actor, UserId
from kaif.kernel.clock import DAY_US
from kaif.services.media.model import file_name, type_of
from kaif.services.media.uploads.service import UNFINISHED_MAX

KIB, MIB = 1024, 1024 * 1024
PNG = b"\x89PNG\r\n\x1a\n" + b"\0\0\0\rIHDR" + b"\0" * 64


async def test_a_type_that_no_database_could_keep_stops_nobody(home: Home) -> None:
    media = await home.put(b"hello", declared_type="text/plain\0\u202e")

    assert (media.type, await home.read(media)) == ("text/plain", b"hello")


async def test_a_file_comes_back_as_it_was_sent_whole_and_in_any_range(home: Home) -> None:
    content = random_bytes(5 * MIB + 12345)

    media = await home.put(content, name="заметки.bin", declared_type="text/plain")

    assert (media.size, media.sha256) == (len(content), hashlib.sha256(content).hexdigest())
    assert (media.name, media.type, media.kind) == ("заметки.bin", "application/octet-stream", "file")
    assert await home.read(media) + await home.read(media, 4 * MIB) == content
    for start, length in ((0, 1), (65535, 2), (65536, 65536), (4 * MIB - 1, 2), (len(content) - 1, 9)):
        assert await home.read(media, start, length) == content[start : start + length]
    assert await home.read(media, len(content), 1) == b""


async def test_nothing_of_it_lies_readable_in_the_store(small_home: Home, tmp_path: Path) -> None:
    marks = [f"a very secret line {number}".encode() for number in range(4)]
    await small_home.put(b"".join(mark.ljust(70_000, b".") for mark in marks))

    kept = b"".join(path.read_bytes() for path in (tmp_path / "blobs").rglob("*") if path.is_file())

    assert len(kept) > 280_000
    assert not any(mark in kept for mark in [*marks, b"." * 32])


async def test_small_pieces_of_a_slow_sender_do_not_become_many_parts(home: Home) -> None:
    content = random_bytes(300 * KIB)
    upload = await home.create(len(content))
    for at in range(0, len(content), 10 * KIB):
        upload = await home.write(upload, content[at : at + 10 * KIB])

    media = await home.finish(upload)

    assert await home.read(media) == content
    assert await home.rows("media_parts") <= 2


async def test_an_upload_goes_on_in_another_process_after_the_first_has_died(database_url: str, tmp_path: Path) -> None:
    content = random_bytes(3 * MIB)
    async with at_home(tmp_path, database_url) as home:
        upload = await home.write(await home.create(len(content)), content[:MIB], content[MIB : MIB + 7])

    async with at_home(tmp_path, database_url) as home:
        upload = await home.uploads.get_upload(ANNA, OfUpload(upload.id))
        assert upload.received == MIB + 7

        media = await home.finish(await home.write(upload, content[MIB + 7 :]))

        assert media.sha256 == hashlib.sha256(content).hexdigest()
        assert await home.read(media) == content


async def test_the_newest_writer_takes_the_place_of_all_others(home: Home) -> None:
    upload = await home.create(300)
    old = await home.uploads.begin_writing(ANNA, BeginWriting(upload.id, 0))
    new = await home.uploads.begin_writing(ANNA, BeginWriting(upload.id, 0))

    with pytest.raises(Displaced):
        await home.uploads.append(ANNA, Append(upload.id, old.writer, 0, b"old" * 10))
    assert (await home.uploads.append(ANNA, Append(upload.id, new.writer, 0, b"new" * 10))).received == 30

    assert (await home.uploads.get_upload(ANNA, OfUpload(upload.id))).received == 30
    with pytest.raises(Displaced):
        await home.uploads.append(ANNA, Append(upload.id, new.writer, 30, b"late"))


async def test_of_ten_who_write_the_same_piece_at_once_one_does(home: Home) -> None:
    upload = await home.create(20)
    writing = await home.uploads.begin_writing(ANNA, BeginWriting(upload.id, 0))

    done = await asyncio.gather(
        *(
            home.uploads.append(ANNA, Append(upload.id, writing.writer, 0, bytes([65 + number]) * 20))
            for number in range(10)
        ),
        return_exceptions=True,
    )

    refused = [each for each in done if isinstance(each, WrongOffset)]
    assert len(refused) == 9
    winner = next(number for number, each in enumerate(done) if not isinstance(each, Exception))
    media = await home.finish(await home.uploads.get_upload(ANNA, OfUpload(upload.id)))
    assert await home.read(media) == bytes([65 + winner]) * 20
    await home.come(DAY_US)
    assert len(await home.stored()) == 1


async def test_a_piece_belongs_where_the_last_one_ended_and_within_the_length(home: Home) -> None:
    upload = await home.write(await home.create(10), b"01234")
    writing = await home.uploads.begin_writing(ANNA, BeginWriting(upload.id, 5))

    with pytest.raises(WrongOffset) as wrong:
        await home.uploads.begin_writing(ANNA, BeginWriting(upload.id, 4))
    assert wrong.value.details == {"offset": 5}
    with pytest.raises(BeyondLength):
        await home.uploads.append(ANNA, Append(upload.id, writing.writer, 5, b"567890"))
    assert (await home.uploads.append(ANNA, Append(upload.id, writing.writer, 5, b"56789"))).received == 10


async def test_an_upload_is_its_makers_alone(home: Home) -> None:
    upload = await home.create(10)
    for attempt in (
        home.uploads.get_upload(BORIS, OfUpload(upload.id)),
        home.uploads.begin_writing(BORIS, BeginWriting(upload.id, 0)),
        home.uploads.finish_upload(BORIS, OfUpload(upload.id)),
        home.uploads.cancel_upload(BORIS, OfUpload(upload.id)),
    ):
        with pytest.raises(UploadNotFound):
            await attempt

    assert (await home.write(upload, b"0123456789")).received == 10


async def test_the_same_content_is_kept_once_for_an_owner_and_apart_for_another(home: Home) -> None:
    content = random_bytes(100 * KIB)
    first, other = await home.put(content, name="a.bin"), await home.put(content, BORIS, name="b.bin")

    again = await home.put(content, name="a.bin")

    assert again == first and other.id != first.id
    assert await home.listed() == [first.id]
    await home.come(DAY_US)
    assert len(await home.stored()) == 2
    assert await home.read(again) == content


async def test_ten_uploads_of_the_same_content_at_once_make_one_file(home: Home) -> None:
    made = await asyncio.gather(*(home.put(b"the same" * 1000) for _ in range(10)))

    assert {media.id for media in made} == {made[0].id}
    await home.come(DAY_US)
    assert len(await home.stored()) == 1
    assert await home.read(made[0]) == b"the same" * 1000


@pytest.mark.parametrize(
    ("content", "declared", "found"),
    [
        (b"<!doctype html><script>alert(1)</script>", "image/png", "text/plain"),
        (b"MZ" + b"\0" * 200, "image/jpeg", ""),
        (PNG, "video/mp4", "image/png"),
        (b"\0" * 100, "audio/ogg", "application/octet-stream"),
        (b"\x89", "image/png", "application/octet-stream"),
    ],
)
@pytest.mark.asvs("5.2.2")
async def test_what_is_not_what_it_is_said_to_be_is_refused_and_nothing_is_left(
    small_home: Home, content: bytes, declared: str, found: str
) -> None:
    upload = await small_home.write(await small_home.create(len(content), declared_type=declared), content)

    with pytest.raises(WrongType) as refused:
        await small_home.finish(upload)

    assert refused.value.details["found"] == found or not found
    with pytest.raises(UploadNotFound):
        await small_home.uploads.get_upload(ANNA, OfUpload(upload.id))
    assert (await small_home.library.get_usage(ANNA, Nothing())).used == 0
    await small_home.come(DAY_US)
    assert await small_home.stored() == []


@pytest.mark.asvs("5.2.1", "5.2.4")
async def test_nobody_has_more_than_their_share_not_even_by_ten_uploads_at_once(
    database_url: str, tmp_path: Path
) -> None:
    async with at_home(tmp_path, database_url, KAIF_MEDIA_QUOTA="100K/250K", KAIF_MEDIA_QUOTA_MORE="1M/2M") as home:
        with pytest.raises(EmptyFile):
            await home.create(0)
        with pytest.raises(FileTooLarge) as large:
            await home.create(100 * KIB + 1)
        assert large.value.details == {"bytes_max": 100 * KIB}

        made = await asyncio.gather(*(home.create(100 * KIB) for _ in range(10)), return_exceptions=True)

        refused = [each for each in made if isinstance(each, QuotaExceeded)]
        assert len(refused) == 8 and refused[0].details == {"bytes_free": 50 * KIB}
        trusted = Actor(UserId("01vera"))
        home.roles.give(trusted.user_id, "trusted", UPLOAD_MORE)
        assert (await home.create(MIB, trusted)).length == MIB


@pytest.mark.asvs("5.2.4")
async def test_too_many_unfinished_uploads_are_refused(small_home: Home) -> None:
    uploads = [await small_home.create(1) for _ in range(UNFINISHED_MAX)]
    with pytest.raises(TooManyUploads):
        await small_home.create(1)

    await small_home.uploads.cancel_upload(ANNA, OfUpload(uploads[0].id))

    assert await small_home.create(1)


async def test_an_upload_whose_time_is_over_is_gone_with_what_has_come(home: Home) -> None:
    upload = await home.write(await home.create(10), b"01234")
    await home.come(DAY_US // 2)
    upload = await home.write(upload, b"5")

    await home.come(DAY_US - 1)
    assert (await home.uploads.get_upload(ANNA, OfUpload(upload.id))).received == 6
    home.moment[0] += 1
    with pytest.raises(UploadNotFound):
        await home.uploads.get_upload(ANNA, OfUpload(upload.id))
    await home.collect()
    await home.come(DAY_US)

    assert await home.stored() == []
    for table in ("media_uploads", "media_parts", "media_garbage"):
        assert await home.rows(table) == 0
    assert await home.rows("media_keys") == 1


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("отчёт.pdf", "отчёт.pdf"),
        ("../../etc/passwd", "passwd"),
        ("C:\\Windows\\evil.exe", "evil.exe"),
        ("a\r\nSet-Cookie: x=1.txt", "aSet-Cookie x=1.txt"),
        ("photo\u202egnp.exe", "photognp.exe"),
        ("...", "file"),
        ("", "file"),
        (".htaccess", "htaccess"),
        ("\0\ud800", "file"),
        ("я" * 300 + ".jpeg", "я" * 125 + ".jpeg"),
    ],
)
@pytest.mark.asvs("5.3.2", "5.4.1")
def test_a_name_is_cleaned_of_what_leads_elsewhere_or_deceives(given: str, kept: str) -> None:
    assert file_name(given) == kept
    assert len(kept.encode()) <= 255


@pytest.mark.parametrize(
    ("head", "type"),
    [
        (PNG, "image/png"),
        (b"\xff\xd8\xff\xe0" + b"\0" * 100, "image/jpeg"),
        (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + b"\0" * 20, "image/heic"),
        (b"RIFF\x10\0\0\0WAVEfmt " + b"\0" * 20, "audio/wav"),
        (b'<?xml version="1.0"?>\n<svg xmlns="http://www.w3.org/2000/svg"/>', "image/svg+xml"),
        ("Привет".encode(), "text/plain"),
        ("Привет".encode()[:-1], "text/plain"),
        (b"\xff\xfe\x00", "application/octet-stream"),
        (b"a\0b", "application/octet-stream"),
    ],
)
def test_a_type_is_told_by_content(head: bytes, type: str) -> None:
    assert type_of(head) == type


async def test_a_file_that_is_not_to_be_kept_is_not_among_ones_own(home: Home) -> None:
    kept, other = await home.put(b"kept"), await home.put(b"not kept", keep=False)

    assert await home.listed() == [kept.id]
    assert (await home.look(other)).size == other.size
    assert await home.listed(somebody()) == []

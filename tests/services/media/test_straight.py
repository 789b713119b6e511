"""Straight uploads: a sender writes sealed parts into the store, and nothing that it says is believed."""

import asyncio
import base64
import contextlib
import hashlib
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from tests.bucket import GuardedBucket, guarded_bucket
from tests.services.media.home import ANNA, BORIS, Home, at_home, random_bytes
from tests.services.media.test_finishing import Watched, come_whole
from tests.services.media.test_health import findings

from kaif.engines.blobs import open_bucket
from kaif.interfaces.auth import Nothing, Person
from kaif.interfaces.media import Infected, Media, QuotaExceeded, WrongType
from kaif.interfaces.media.straight import (
    UNTAKEN_MAX,
    GoStraight,
    NotStraight,
    SealedWrongly,
    Straight,
    StraightNotOffered,
    StraightPart,
    StraightUploads,
    TooManyUntaken,
)
from kaif.interfaces.media.uploads import BeginWriting, Displaced, OfUpload, Upload, UploadNotFound
from kaif.interfaces.personal_data import PersonErased
from kaif.kernel.actor import Actor
from kaif.kernel.clock import DAY_US
from kaif.services.media import store
from kaif.services.media.cdn.withdrawing import Withdrawing
from kaif.services.media.content.sealing import PartCipher, part_key
from kaif.services.media.reactions import Reactions
from kaif.services.media.uploads.straight import ADDRESS_LIVES_S, fault_of

MIB = 1 << 20
CHUNK = 64 * 1024
HOUR_US = DAY_US // 24


def sealed(part: StraightPart, content: bytes) -> bytes:
    """As the interface describes it, and as the browser does it; nothing here knows how the server does."""
    cipher, bound = AESGCM(base64.b64decode(part.key)), part.length.to_bytes(8, "big")
    mine = content[part.start : part.start + part.length]
    return b"".join(
        cipher.encrypt(number.to_bytes(12, "big"), mine[at : at + CHUNK], bound)
        for number, at in enumerate(range(0, len(mine), CHUNK))
    )


class Sender:
    def __init__(self, home: Home, bucket: GuardedBucket, http: httpx.AsyncClient, s3_url: str) -> None:
        self.home, self.bucket, self.http, self.s3_url = home, bucket, http, s3_url
        self.straight: StraightUploads = home.services[StraightUploads]

    async def go(self, upload: Upload, actor: Actor = ANNA, **wanted: object) -> Straight:
        return await self.straight.go_straight(actor, GoStraight(upload.id, **wanted))  # type: ignore[arg-type]

    async def put(self, part: StraightPart, content: bytes, **headers: str) -> int:
        return (await self.http.put(part.url, content=content, headers=headers or part.headers)).status_code

    async def finish(self, upload: Upload, writer: str) -> Media:
        while True:
            done = await self.go(upload, writer=writer, written=upload.length)
            if done.upload.media:
                return done.upload.media

    async def send(self, content: bytes, *, last_first: bool = False, **more: Any) -> Media:
        upload = await self.home.create(len(content), **more)
        gone = await self.go(upload, count=8)
        for part in reversed(gone.parts) if last_first else gone.parts:
            assert await self.put(part, sealed(part, content)) == 200
        return await self.finish(upload, gone.writer)


@pytest.fixture
async def bucket(s3_url: str) -> AsyncIterator[GuardedBucket]:
    async with guarded_bucket(s3_url, "https://ozero.example") as bucket:
        yield bucket


@pytest.fixture(params=["sqlite", "postgres"])
async def sender(
    request: pytest.FixtureRequest, tmp_path: Path, s3_url: str, bucket: GuardedBucket
) -> AsyncIterator[Sender]:
    database_url = request.getfixturevalue(f"migrated_{request.param}_url")
    async with (
        opened(tmp_path, database_url, s3_url, bucket) as home,
        httpx.AsyncClient(trust_env=False) as http,
    ):
        yield Sender(home, bucket, http, s3_url)


@pytest.fixture
async def small(migrated_sqlite_url: str, tmp_path: Path, s3_url: str, bucket: GuardedBucket) -> AsyncIterator[Sender]:
    """On SQLite alone, for what the database has no part in."""
    async with (
        opened(tmp_path, migrated_sqlite_url, s3_url, bucket) as home,
        httpx.AsyncClient(trust_env=False) as http,
    ):
        yield Sender(home, bucket, http, s3_url)


def opened(
    folder: Path, database_url: str, s3_url: str, bucket: GuardedBucket
) -> contextlib.AbstractAsyncContextManager[Home]:
    return at_home(folder, database_url, s3_url, KAIF_STRAIGHT_UPLOADS=bucket.place, KAIF_MEDIA_QUOTA="1G/1G")


async def what_is_left(sender: Sender) -> dict[str, int]:
    await sender.home.come(2 * DAY_US)
    tables = ("media_uploads", "media_parts", "media_keys", "media_garbage", "media_straight_parts", "media_objects")
    rows = {table: await sender.home.rows(table) for table in tables} | {"store": len(await sender.home.stored())}
    # By which links are sealed.
    rows["media_keys"] -= 1
    return {name: count for name, count in rows.items() if count}


async def test_a_file_goes_straight_in_any_order_and_is_read_back_with_ranges(sender: Sender) -> None:
    content = random_bytes(9 * MIB + 5)

    media = await sender.send(content, last_first=True, name="film.bin")

    assert (media.name, media.size, media.kind) == ("film.bin", len(content), "file")
    assert await sender.home.read(media, 4 * MIB - 10, 100) == content[4 * MIB - 10 : 4 * MIB + 90]
    assert await sender.home.read(media, 8 * MIB) == content[8 * MIB :]
    assert media == await sender.home.put(content, name="film.bin"), "the same content is the same file either way"
    assert await sender.home.rows("media_straight_parts") == 0
    await sender.home.come(2 * HOUR_US)
    assert len(await sender.home.stored()) == await sender.home.rows("media_parts") == 3


def test_the_server_seals_the_very_bytes_that_the_browser_seals() -> None:
    # The same as in web/tests/straight.test.ts.
    content = bytes((at * 7 + (at >> 8)) & 255 for at in range(200_001))
    data_key, part = bytes(range(32)), "ab" * 16

    made = PartCipher(data_key, part, len(content)).seal(content)

    key = base64.b64encode(part_key(data_key, part)).decode()
    assert key == "1oMHeiadEspwk8G+ZPqMtt8DXLm4Zxd6fBNS1PQI9fk="
    assert hashlib.sha256(made).hexdigest() == "01a2c5f3197e7fc584e1161d472b4f3464d387af0285e534288f50e7267cb288"
    wanted = StraightPart(0, len(content), len(made), key, "", {}, datetime.now(UTC))
    assert sealed(wanted, content) == made


async def test_nothing_readable_lies_in_the_store_and_a_key_opens_its_part_alone(small: Sender) -> None:
    content = b"a very secret line. " * 500_000
    upload = await small.home.create(len(content))
    gone = await small.go(upload, count=3)

    for part in gone.parts:
        await small.put(part, sealed(part, content))

    lying = [await small.home.blobs.get(name) for name in await small.home.stored()]
    assert len(lying) == 3 and not any(b"secret" in one for one in lying)
    assert len({part.key for part in gone.parts}) == 3
    data_key = await small.home.content.data_key(small.home.database, upload.id)
    assert base64.b64encode(data_key).decode() not in {part.key for part in gone.parts}


async def test_an_address_is_good_for_one_write_of_so_many_bytes_until_it_ends(small: Sender) -> None:
    content = random_bytes(5 * MIB)
    upload = await small.home.create(len(content))
    gone = await small.go(upload, count=2)
    first, second = gone.parts
    assert await small.put(first, sealed(first, content)) == 200

    other = await small.go(await small.home.create(len(content)), count=1)
    elsewhere = other.parts[0].url.partition("?")[0] + "?" + second.url.partition("?")[2]
    refused = [
        await small.put(first, sealed(first, content[::-1])),
        await small.put(first, sealed(first, content), **{"x-other": "header"}),
        await small.put(second, sealed(second, content) + b"!"),
        await small.put(second, sealed(second, content)[:-1]),
        (await small.http.put(elsewhere, content=sealed(second, content), headers=second.headers)).status_code,
        (await small.http.get(first.url)).status_code,
    ]
    small.bucket.ahead_s = ADDRESS_LIVES_S + 1
    refused.append(await small.put(second, sealed(second, content)))
    small.bucket.ahead_s = 0

    assert refused == [412, 403, 403, 403, 403, 403, 403]
    taken = await small.go(upload, writer=gone.writer, written=first.length, after=first.length, count=1)
    assert taken.upload.received == first.length
    assert await small.put(first, sealed(first, content[::-1])) == 412, "what was taken stays as it is"
    assert await small.put(taken.parts[0], sealed(taken.parts[0], content)) == 200
    assert await small.home.read(await small.finish(upload, gone.writer)) == content[: 4 * MIB]


async def test_what_is_told_and_does_not_lie_there_is_not_taken(small: Sender) -> None:
    content = random_bytes(9 * MIB)
    upload = await small.home.create(len(content))
    gone = await small.go(upload, count=3)
    await small.put(gone.parts[0], sealed(gone.parts[0], content))
    await small.put(gone.parts[2], sealed(gone.parts[2], content))

    told = await small.go(upload, writer=gone.writer, written=len(content), after=0, count=8)

    assert told.upload.received == 4 * MIB and told.upload.media is None
    assert [part.start for part in told.parts] == [4 * MIB, 8 * MIB]
    assert [part.key for part in told.parts] == [part.key for part in gone.parts[1:]]


@pytest.mark.parametrize("lie", ["other bytes", "another key", "parts exchanged", "another size"])
async def test_of_a_part_that_lies_nothing_is_left(small: Sender, lie: str) -> None:
    content = random_bytes(9 * MIB)
    upload = await small.home.create(len(content))
    gone = await small.go(upload, count=3)
    first, second, _ = gone.parts
    bodies = [sealed(part, content) for part in gone.parts]
    match lie:
        case "other bytes":
            bodies[1] = random_bytes(len(bodies[1]))
        case "another key":
            bodies[1] = sealed(msgspec.structs.replace(second, key=first.key), content)
        case "parts exchanged":
            bodies[0], bodies[1] = bodies[1], bodies[0]
        case _:
            # The store let it through all the same.
            small.bucket.lax = "headers"
            bodies[2] += b"!"
    for part, body in zip(gone.parts, bodies, strict=True):
        assert await small.put(part, body) == 200

    with pytest.raises(SealedWrongly):
        await small.finish(upload, gone.writer)

    with pytest.raises(UploadNotFound):
        await small.go(upload)
    assert await what_is_left(small) == {}


async def test_what_was_uploaded_is_looked_at_as_any_file_is(small: Sender) -> None:
    with pytest.raises(WrongType):
        await small.send(random_bytes(5 * MIB), declared_type="image/png")

    assert await what_is_left(small) == {}


async def test_whoever_was_cut_off_sends_no_part_twice_and_may_go_on_by_the_server(sender: Sender) -> None:
    content = random_bytes(14 * MIB)
    upload = await sender.home.create(len(content))
    before = await sender.go(upload, count=3)
    for part in before.parts[:2]:
        await sender.put(part, sealed(part, content))

    # It died between the writes and the word of it.
    after = await sender.go(upload, count=1)
    assert after.upload.received == 8 * MIB and [part.start for part in after.parts] == [8 * MIB]
    with pytest.raises(Displaced):
        await sender.go(upload, writer=before.writer, written=8 * MIB)

    # The store is out of reach from now on: the rest comes as it always did.
    now = await sender.home.uploads.get_upload(ANNA, OfUpload(upload.id))
    with pytest.raises(Displaced):
        await sender.go(upload, writer=after.writer, count=1)
    pieces = content[8 * MIB : 8 * MIB + 3], content[8 * MIB + 3 :]
    media = await sender.home.finish(await sender.home.write(now, *pieces))

    parts = [await sender.home.read(media, at) for at in range(0, len(content), 4 * MIB)]
    assert b"".join(parts) == content
    await sender.home.come(2 * HOUR_US)
    assert len(await sender.home.stored()) == await sender.home.rows("media_parts")
    assert await sender.home.rows("media_straight_parts") == 0


async def test_ten_who_tell_the_same_at_once_are_answered_the_same(sender: Sender) -> None:
    content = random_bytes(5 * MIB)
    upload = await sender.home.create(len(content))
    gone = await sender.go(upload, count=2)
    await asyncio.gather(*(sender.put(part, sealed(part, content)) for part in gone.parts))

    told = await asyncio.gather(
        *(sender.go(upload, writer=gone.writer, written=len(content)) for _ in range(10)), return_exceptions=True
    )

    assert not [each for each in told if isinstance(each, BaseException)], told
    media = await sender.finish(upload, gone.writer)
    assert await sender.home.read(media, 4 * MIB) == content[4 * MIB :]
    assert await sender.home.rows("media_parts") == 2


async def test_somebody_elses_upload_a_piece_and_too_much_are_refused(small: Sender) -> None:
    upload = await small.home.create(9 * MIB)
    gone = await small.go(upload, count=1)

    with pytest.raises(UploadNotFound):
        await small.go(upload, BORIS, writer=gone.writer, count=1)
    with pytest.raises(NotStraight):
        await small.go(await small.home.create(9 * MIB, partial=True))
    with pytest.raises(QuotaExceeded):
        await small.home.create(1 << 29)
        await small.home.create(1 << 29)


async def test_what_lies_untaken_is_bounded_also_over_cancelled_uploads(small: Sender) -> None:
    for _ in range(UNTAKEN_MAX // 8):
        upload = await small.home.create(40 * MIB)
        assert len((await small.go(upload, count=8)).parts) == 8
        assert len((await small.go(upload, count=8)).parts) == 8, "asking again has no new names made"
        await small.home.uploads.cancel_upload(ANNA, OfUpload(upload.id))

    with pytest.raises(TooManyUntaken):
        await small.go(await small.home.create(40 * MIB), count=8)

    await small.home.come(2 * HOUR_US)
    assert len((await small.go(await small.home.create(40 * MIB), count=8)).parts) == 8


async def test_no_name_is_collected_before_its_address_has_ended(small: Sender) -> None:
    content = random_bytes(9 * MIB)
    upload = await small.home.create(len(content))
    gone = await small.go(upload, count=3)
    await small.home.uploads.cancel_upload(ANNA, OfUpload(upload.id))

    await small.home.come((ADDRESS_LIVES_S - 1) * 1_000_000)
    assert await small.put(gone.parts[0], sealed(gone.parts[0], content)) == 200
    await small.home.come(HOUR_US // 2)
    assert await small.home.rows("media_garbage") == 3

    assert await what_is_left(small) == {}


async def test_a_name_that_was_asked_for_again_lies_for_as_long_again(sender: Sender) -> None:
    upload = await sender.home.create(9 * MIB)
    before = await sender.go(upload, count=1)
    sender.home.moment[0] += HOUR_US

    again = await sender.go(upload, count=1)
    # A collector that saw it due before it was asked for again is late.
    ((name,),) = await sender.home.database.fetch(tuple, "SELECT part FROM media_garbage")
    async with sender.home.database.transaction() as tx:
        assert not await store.take_garbage(tx, name, sender.home.moment[0] + HOUR_US)
    await sender.home.come(HOUR_US)
    assert await sender.home.rows("media_garbage") == 1
    # The collector has it: whoever goes on is given another name.
    await sender.home.come(HOUR_US)
    after = await sender.go(upload, count=1)

    assert before.parts[0].key == again.parts[0].key != after.parts[0].key


async def test_what_a_person_began_goes_with_them(sender: Sender) -> None:
    content = random_bytes(9 * MIB)
    gone = await sender.go(await sender.home.create(len(content)), count=3)
    await sender.put(gone.parts[0], sealed(gone.parts[0], content))

    event = PersonErased(erasure_id="01e", remains=Person(ANNA.user_id, "deleted", "Deleted"))
    await Reactions(sender.home.database, Withdrawing(on=False), lambda: sender.home.moment[0]).forget_person(event)

    assert await sender.home.rows("media_straight_parts") == 0
    assert await what_is_left(sender) == {}


@pytest.mark.parametrize(
    ("lax", "fault"),
    [
        ("headers", "it takes what is sent without the headers that were signed"),
        ("once", "it replaces what is there"),
        ("", ""),
    ],
)
async def test_a_store_that_does_not_look_gets_nothing_straight(
    small: Sender, bucket: GuardedBucket, lax: str, fault: str
) -> None:
    bucket.lax = lax

    assert await fault_of(open_bucket(small.s3_url, bucket.place), small.home.blobs) == fault
    assert (await small.straight.get_straight_offer(ANNA, Nothing())).offered == (not fault)
    if fault:
        with pytest.raises(StraightNotOffered):
            await small.go(await small.home.create(9 * MIB), count=1)
    assert await small.home.stored() == []


async def test_the_doctor_says_whether_the_store_and_its_rules_suit(
    small: Sender, bucket: GuardedBucket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = {"KAIF_BLOBS_URL": small.s3_url, "KAIF_PUBLIC_URL": "https://ozero.example"}

    async def found(place: str = "", **more: str) -> str:
        # It is a command, with a loop of its own.
        wanted = {**settings, "KAIF_STRAIGHT_UPLOADS": place or bucket.place.replace("http:", "https:"), **more}
        return (await asyncio.to_thread(findings, tmp_path, **wanted))["Straight uploads"]

    assert await found(KAIF_BLOBS_URL="file:blobs") == "✗ KAIF_STRAIGHT_UPLOADS: content must lie in S3."
    assert "can't be reached" in await found()
    del settings["KAIF_PUBLIC_URL"]
    bucket.pages = "http://127.0.0.1:0"
    assert await found(bucket.place) == "the store takes each part once, as it was agreed"
    bucket.pages = ""
    assert await found(bucket.place) == "✗ the store refuses browsers"
    bucket.lax = "headers"
    assert "the store is not used so: it takes what is sent without the headers" in await found(bucket.place)
    assert await small.home.stored() == []
    monkeypatch.setenv("AWS_PROFILE", "nobody")
    assert "The credentials for S3 can't be used" in await found(bucket.place)


async def test_who_asks_again_after_a_long_look_hears_why_it_was_refused(sender: Sender) -> None:
    upload = await come_whole(sender.home, 1000)
    writer = (await sender.home.uploads.begin_writing(ANNA, BeginWriting(upload.id, 1000))).writer
    process = sender.home.process(sender.home.blobs, scanner=(scanner := Watched("Some.Virus")))
    scanner.may_end.set()
    with pytest.raises(Infected):
        await process.finish_upload(ANNA, OfUpload(upload.id))
    await process.close()

    with pytest.raises(Infected) as refused:
        await sender.go(upload, writer=writer, written=1000)
    with pytest.raises(UploadNotFound):
        await sender.go(upload, BORIS, writer=writer)
    # To send it as something else.
    with pytest.raises(UploadNotFound):
        await sender.go(upload)

    assert refused.value.details == {"found": "Some.Virus"}

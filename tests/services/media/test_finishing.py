"""Of several processes one makes a file of an upload: the others wait for it, and go on where it has died."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from tests.services.media.home import ANNA, BORIS, Home, random_bytes
from tests.waiting import eventually, until

from kaif.engines.blobs import Blobs
from kaif.engines.scanner import NoScanner
from kaif.interfaces.auth import Person
from kaif.interfaces.media import Infected, Media
from kaif.interfaces.media.uploads import OfUpload, Upload, UploadNotFound
from kaif.interfaces.personal_data import PersonErased
from kaif.kernel.clock import DAY_US, SECOND_US
from kaif.kernel.errors import Invalid
from kaif.services.media import store
from kaif.services.media.cdn.withdrawing import Withdrawing
from kaif.services.media.reactions import Reactions
from kaif.services.media.renditions import claims
from kaif.services.media.renditions import store as renditions_store
from kaif.services.media.uploads.service import UploadsService

PARTS = 3


class Watched(NoScanner):
    """A scanner that takes its time, and knows how often it was asked."""

    def __init__(self, finds: str = "") -> None:
        self._finds, self.scans, self.may_end = finds, 0, asyncio.Event()

    async def scan(self, pieces: AsyncIterator[bytes]) -> str:
        self.scans += 1
        async for _ in pieces:
            pass
        await self.may_end.wait()
        return self._finds


class Counted:
    """A store that knows how often it was read."""

    def __init__(self, blobs: Blobs) -> None:
        self._blobs, self.reads = blobs, 0

    def __getattr__(self, name: str) -> object:
        return getattr(self._blobs, name)

    async def get(self, name: str, start: int = 0, length: int | None = None) -> bytes:
        self.reads += 1
        return await self._blobs.get(name, start, length)


@asynccontextmanager
async def two_processes(home: Home, scanner: Watched) -> AsyncIterator[tuple[list[UploadsService], Counted]]:
    blobs = Counted(home.blobs)
    processes = [home.process(blobs, scanner=scanner) for _ in range(2)]  # type: ignore[arg-type]
    try:
        yield processes, blobs
    finally:
        for process in processes:
            await process.close()


async def come_whole(home: Home, size: int = PARTS * 4 << 20) -> Upload:
    content = random_bytes(size)
    pieces = [content[at : at + (4 << 20)] for at in range(0, size, 4 << 20)]
    return await home.write(await home.create(size), *pieces)


async def outcome(process: UploadsService, upload: Upload) -> Media | Invalid:
    """As a gateway asks, whichever process its question comes to."""
    while True:
        try:
            found = await process.finish_upload(ANNA, OfUpload(upload.id))
        except Invalid as refusal:
            return refusal
        if found.media:
            return found.media


async def test_of_two_processes_that_are_asked_one_reads_scans_and_looks(home: Home) -> None:
    upload, scanner = await come_whole(home), Watched()
    async with two_processes(home, scanner) as (processes, blobs):
        asking = [asyncio.ensure_future(outcome(process, upload)) for process in processes for _ in range(2)]
        await asyncio.sleep(0.5)
        scanner.may_end.set()
        found = await asyncio.gather(*asking)

    assert {one.id for one in found if isinstance(one, Media)} == {upload.id} and len(found) == 4
    # For the digest, for the scanner, and the beginning once more.
    assert (scanner.scans, blobs.reads) == (1, 2 * PARTS + 1)
    assert await home.rows("media_makers") == 0


async def test_why_nothing_became_of_it_is_told_by_whichever_process_is_asked(home: Home) -> None:
    upload, scanner = await come_whole(home, 1000), Watched("Some.Virus")
    async with two_processes(home, scanner) as (processes, _):
        asking = [asyncio.ensure_future(outcome(process, upload)) for process in processes]
        await asyncio.sleep(0.5)
        scanner.may_end.set()
        found = [*await asyncio.gather(*asking), await outcome(processes[0], upload)]

        assert [(type(one), one.details) for one in found if isinstance(one, Invalid)] == (
            [(Infected, {"found": "Some.Virus"})] * 3
        )
        with pytest.raises(UploadNotFound):
            await processes[1].finish_upload(BORIS, OfUpload(upload.id))
    assert scanner.scans == 1
    await home.come(DAY_US)
    assert await home.rows("media_refused_uploads") == await home.rows("media_makers") == 0


async def test_of_whoever_is_erased_no_refusal_is_left(home: Home) -> None:
    upload, scanner = await come_whole(home, 1000), Watched("Some.Virus")
    scanner.may_end.set()
    async with two_processes(home, scanner) as (processes, _):
        await outcome(processes[0], upload)
    assert await home.rows("media_refused_uploads") == 1

    reactions = Reactions(home.database, Withdrawing(on=False), lambda: home.moment[0])
    await reactions.forget_person(PersonErased(erasure_id="01e", remains=Person(ANNA.user_id, "", "")))

    assert await home.rows("media_refused_uploads") == 0


async def test_what_a_process_that_died_had_begun_another_does(home: Home) -> None:
    upload, now_us = await come_whole(home, 1000), home.moment[0]
    async with home.database.transaction() as tx:
        until_us = now_us + 10 * SECOND_US
        assert await renditions_store.become_maker(tx, upload.id, store.UPLOAD, "another", now_us, until_us)
    asking = asyncio.ensure_future(home.finish(upload))
    await asyncio.sleep(0.3)
    assert not asking.done()

    home.moment[0] += 10 * SECOND_US

    assert (await asking).id == upload.id


@pytest.mark.parametrize("finds", ["", "Some.Virus"])
async def test_a_process_that_was_given_up_for_dead_makes_nothing_any_more(home: Home, finds: str) -> None:
    upload, scanner = await come_whole(home, 1000), Watched(finds)
    async with two_processes(home, scanner) as (processes, _):
        asking = asyncio.ensure_future(outcome(processes[0], upload))
        await until(lambda: bool(scanner.scans))
        # It is so slow that its time is over, and somebody else is at it.
        home.moment[0] += 11 * SECOND_US
        async with home.database.transaction() as tx:
            now_us = home.moment[0]
            until_us = now_us + DAY_US
            assert await renditions_store.become_maker(tx, upload.id, store.UPLOAD, "another", now_us, until_us)
        scanner.may_end.set()
        await asyncio.sleep(0.3)

        found = await home.uploads.get_upload(ANNA, OfUpload(upload.id))
        assert not asking.done() and (found.received, found.media) == (1000, None)
        asking.cancel()
        await asyncio.gather(asking, return_exceptions=True)


async def test_who_is_only_slow_says_so_and_nobody_takes_over(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(claims, "LEASE_S", 0.3)
    upload, scanner = await come_whole(home, 1000), Watched()

    async def is_held_on() -> bool:
        rows: list[tuple[int]] = await home.database.fetch(tuple, "SELECT until_us FROM media_makers")
        return rows[0][0] == home.moment[0] + int(claims.LEASE_S * SECOND_US)

    async with two_processes(home, scanner) as (processes, _):
        asking = [asyncio.ensure_future(outcome(process, upload)) for process in processes]
        await until(lambda: bool(scanner.scans))
        for _ in range(4):
            home.moment[0] += SECOND_US // 5
            await eventually(is_held_on)
        scanner.may_end.set()
        found = await asyncio.gather(*asking)

    assert ({one.id for one in found if isinstance(one, Media)}, scanner.scans) == ({upload.id}, 1)


async def test_what_is_given_up_while_it_is_looked_at_leaves_nothing(home: Home) -> None:
    upload, scanner = await come_whole(home, 1000), Watched()
    async with two_processes(home, scanner) as (processes, _):
        asking = asyncio.ensure_future(processes[0].finish_upload(ANNA, OfUpload(upload.id)))
        await until(lambda: bool(scanner.scans))

        await processes[1].cancel_upload(ANNA, OfUpload(upload.id))
        scanner.may_end.set()

        with pytest.raises(UploadNotFound):
            await asking
    await home.come(DAY_US)
    assert await home.stored() == [] and await home.rows("media_makers") == 0


@pytest.mark.parametrize("finds", ["", "Some.Virus"])
async def test_who_gives_it_up_and_who_decides_about_it_at_that_moment_do_not_wait_for_each_other(
    home: Home, finds: str
) -> None:
    upload, scanner = await come_whole(home, 1000), Watched(finds)
    async with two_processes(home, scanner) as (processes, _):
        asking = asyncio.ensure_future(processes[0].finish_upload(ANNA, OfUpload(upload.id)))
        await until(lambda: bool(scanner.scans))
        async with home.database.transaction() as tx:
            given_up = await store.lock_upload(tx, upload.id)
            scanner.may_end.set()
            # So that it is at its last transaction.
            await asyncio.sleep(0.3)
            assert given_up
            await store.drop_upload(tx, given_up, home.moment[0])

        with pytest.raises((UploadNotFound, Infected)):
            await asking
    assert await home.rows("media_uploads") == await home.rows("media_objects") == 0

"""An operator sees what fills the store, and monitoring how much work waits."""

from pathlib import Path

import pytest
from tests.services.media.home import ANNA, BORIS, Home, random_bytes
from tests.waiting import until

from kaif.engines.blobs import open_blobs
from kaif.engines.bus.outbox import OutboxBus
from kaif.engines.keys.ring import new_key
from kaif.interfaces.auth import Nothing
from kaif.interfaces.auth.roles import MANAGE_EVENTS
from kaif.interfaces.media import MediaId, OfMedia
from kaif.interfaces.media.storage import Amount, JobCounts, StorageReport
from kaif.interfaces.media.work import JobNotParked, MediaJobDecided
from kaif.kernel.actor import Actor, UserId
from kaif.kernel.clock import MINUTE_US
from kaif.kernel.errors import MissingPermission
from kaif.services.media.content.rotating import rewrap_all
from kaif.services.media.operating import census
from kaif.services.media.operating.census import Census
from kaif.services.media.queue import store as jobs_store

OPERATOR = Actor(UserId("01oleg"), permissions=frozenset({MANAGE_EVENTS}))


async def report(home: Home) -> StorageReport:
    return await home.storage.report_storage(OPERATOR, Nothing())


async def park(home: Home, media_id: MediaId, *, at_us: int = 0, until_us: int = 0) -> None:
    async with home.database.transaction() as tx:
        await jobs_store.add(tx, media_id, 0, home.moment[0])
        await tx.execute(
            "UPDATE media_jobs SET parked_at_us = :at_us, until_us = :until_us WHERE media_id = :id",
            at_us=at_us,
            until_us=until_us,
            id=media_id,
        )


async def test_what_is_stored_is_counted_by_kind_and_by_person(home: Home) -> None:
    await home.put(b"words", ANNA)
    await home.put(b"\0" * 1000, ANNA)
    await home.put(random_bytes(70_000), BORIS)
    await home.write(await home.create(5_000, BORIS), b"half of it", actor=BORIS)

    found = await report(home)

    assert [(one.kind, one.stored) for one in found.kinds] == [("file", Amount(3, 71_005))]
    assert [(one.owner_id, one.stored) for one in found.owners] == [
        (BORIS.user_id, Amount(1, 70_000)),
        (ANNA.user_id, Amount(2, 1_005)),
    ]
    assert (found.owners_count, found.made) == (2, Amount(0, 0))
    uploads = found.now.uploads
    assert (uploads.count, uploads.received, uploads.expected) == (1, 10, 4_990)


async def test_only_those_with_most_are_named_and_all_are_counted(small_home: Home) -> None:
    for number in range(12):
        await small_home.put(b"x" * (number + 1), Actor(UserId(f"01person{number}")))

    found = await report(small_home)

    assert [one.stored.bytes for one in found.owners] == list(range(12, 2, -1))
    assert (found.owners_count, found.kinds[0].stored) == (12, Amount(12, 78))


async def test_files_are_counted_in_portions_and_once_a_minute(small_home: Home) -> None:
    for number in range(7):
        await small_home.put(b"x" * (number + 1))
    counting = Census(small_home.database, lambda: small_home.moment[0], at_once=3)

    first = await counting.counted()
    await small_home.put(b"another one")

    assert first.kinds == {"file": Amount(7, 28)}
    assert await counting.counted() == first
    small_home.moment[0] += census.COUNTED_FOR_US
    assert (await counting.counted()).kinds == {"file": Amount(8, 39)}


async def test_garbage_is_counted_until_it_is_taken_out(small_home: Home) -> None:
    media = await small_home.put(random_bytes(9 << 20))

    await small_home.library.delete_media(ANNA, OfMedia(media.id))

    assert (await report(small_home)).now.garbage == 3
    await small_home.come(61 * MINUTE_US)
    assert (await report(small_home)).now.garbage == 0


async def test_keys_that_an_older_master_key_wraps_are_counted_until_they_are_wrapped_anew(
    small_home: Home, tmp_path: Path
) -> None:
    await small_home.put(b"from before")
    with (tmp_path / "media-keys").open("a") as keys:
        keys.write(new_key(2))

    # That of the file, and the one that seals links.
    assert (await report(small_home)).keys.wrapped_by_older == 2
    await rewrap_all(small_home.database, small_home.keys)

    found = (await report(small_home)).keys
    assert (found.version, found.wrapped_by_older) == (2, 0)


async def test_room_is_that_of_the_disk_and_of_s3_nobody_knows(small_home: Home) -> None:
    room = (await report(small_home)).now.room

    assert room is not None and 0 < room.free < room.total
    assert await (await open_blobs("memory:")).room() is None


async def test_work_is_counted_as_it_waits_is_done_or_is_parked(home: Home) -> None:
    files = [await home.put(b"x" * size) for size in (1, 2, 3, 4)]
    await park(home, files[0].id)
    await park(home, files[1].id, until_us=home.moment[0] + 1)
    await park(home, files[2].id, until_us=home.moment[0])
    await park(home, files[3].id, at_us=1)

    assert (await report(home)).now.jobs == JobCounts(waiting=2, working=1, parked=1)


async def test_what_an_operator_decides_about_work_is_told_for_the_log(home: Home) -> None:
    told: list[MediaJobDecided] = []

    async def hear(event: MediaJobDecided) -> None:
        told.append(event)

    bus = OutboxBus(home.database)
    bus.subscribe("tests.jobs", MediaJobDecided, hear)
    await bus.start()
    media = await home.put(b"a film that nobody can play")
    await park(home, media.id, at_us=1)

    await home.work_service.retry_media_job(OPERATOR, OfMedia(media.id))
    with pytest.raises(JobNotParked):
        await home.work_service.discard_media_job(OPERATOR, OfMedia(media.id))
    await park(home, media.id, at_us=1)
    await home.work_service.discard_media_job(OPERATOR, OfMedia(media.id))

    await until(lambda: len(told) == 2)
    await bus.close()
    assert [(one.decided_by, one.owner_id, one.media_id, one.decision) for one in told] == [
        (OPERATOR.user_id, ANNA.user_id, media.id, "retry"),
        (OPERATOR.user_id, ANNA.user_id, media.id, "discard"),
    ]


async def test_nobody_else_sees_the_store(small_home: Home) -> None:
    with pytest.raises(MissingPermission):
        await small_home.storage.report_storage(ANNA, Nothing())

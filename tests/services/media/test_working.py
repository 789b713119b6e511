"""Work on films and sounds: step by step, whoever dies meanwhile, and never longer than their file is there."""

import asyncio
from pathlib import Path
from typing import Any

import msgspec
import pytest
from tests.services.media.home import ANNA, BORIS, LONG_AGO, Home
from tests.services.media.images import files
from tests.services.media.video.films import H264, TONE, looked_at, make
from tests.waiting import eventually, until

from kaif.interfaces.auth import Nothing
from kaif.interfaces.auth.factors import StepUpRequired
from kaif.interfaces.auth.roles import MANAGE_EVENTS
from kaif.interfaces.media import Media, MediaReady, OfMedia, RenditionNotReady
from kaif.interfaces.media.films import NotPlayable
from kaif.interfaces.media.progress import MediaProgressed
from kaif.interfaces.media.references import Refer
from kaif.interfaces.media.work import JobNotParked, JobNotUnderWay, MediaJob, MediaJobDecided
from kaif.interfaces.messaging.news import SIGNALS, Signal
from kaif.kernel.actor import Actor
from kaif.kernel.clock import MINUTE_US, SECOND_US
from kaif.kernel.errors import MissingPermission
from kaif.services.media import store
from kaif.services.media.queue import steps, working
from kaif.services.media.queue import store as jobs_store
from kaif.services.media.queue.working import LONG, QUICK
from kaif.services.media.renditions import naming
from kaif.services.media.work.films import FilmWorkers

OPERATOR = Actor(BORIS.user_id, permissions=frozenset({MANAGE_EVENTS}))


SMALL = ("-f", "lavfi", "-i", "testsrc2=size=640x480:rate=5:duration=2")


class Watched(FilmWorkers):
    """What was encoded; at a rung of that height it stands still, or fails."""

    def __init__(self, stands_at: int = 0, error: Exception | None = None) -> None:
        super().__init__(2)
        self.encoded: list[int] = []
        self.stands, self.may_go_on = asyncio.Event(), asyncio.Event()
        self._stands_at, self._error = stands_at, error

    async def has_come_to_stand(self) -> None:
        async with asyncio.timeout(30):
            await self.stands.wait()

    async def encode(self, source: Path, target: Path, rung: Any, film: Any, progress: Any) -> None:
        self.encoded.append(rung.height)
        if rung.height == self._stands_at:
            progress(film.duration_us / SECOND_US / 2)
            if self._error:
                raise self._error
            self.stands.set()
            await self.may_go_on.wait()
        await super().encode(source, target, rung, film, progress)


@pytest.fixture(scope="session")
def film(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """Of two rungs, 480 and 360 lines high; browsers don't play its sound."""
    return make(tmp_path_factory.mktemp("film") / "film.mp4", *SMALL, *TONE, *H264, "-c:a", "libmp3lame").read_bytes()


@pytest.fixture(autouse=True)
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(working, "SAY_EVERY_S", 0.02)


async def put(home: Home, content: bytes, type: str = "video/mp4", **more: Any) -> Media:
    return await home.put(content, declared_type=type, **more)


async def now(home: Home, media: Media) -> Media:
    return await home.library.get_media(ANNA, OfMedia(media.id))


async def jobs(home: Home) -> list[MediaJob]:
    return (await home.work_service.list_media_jobs(OPERATOR, Nothing())).jobs


async def ready_events(home: Home) -> list[Media]:
    rows: list[tuple[str]] = await home.database.fetch(
        tuple, "SELECT body FROM outbox WHERE name = :name ORDER BY id", name=MediaReady.name
    )
    return [msgspec.json.decode(body, type=MediaReady).media for (body,) in rows]


async def test_a_film_becomes_all_that_players_ask_for(small_home: Home, film: bytes, tmp_path: Path) -> None:
    media = await put(small_home, film)
    assert (media.state, media.renditions) == ("working", ["poster"])

    async with small_home.workshop() as work:
        assert await work.through() == 1
        assert not await asyncio.to_thread(lambda: [*work.scratch.own.glob("*/*")])

    done = await now(small_home, media)
    assert (done.state, done.progress, done.problem) == ("ready", 100, "")
    rungs = ["film-360p.mp4", "film.mp4"]
    assert done.renditions == [*rungs, "hls/master.m3u8", "poster", "previews.jpeg", "previews.vtt"]
    first, *_, last = await ready_events(small_home)
    assert (first.state, last.state) == ("ready", "ready")
    assert "film.mp4" in first.renditions and "hls/master.m3u8" not in first.renditions
    assert last.renditions == done.renditions
    (tmp_path / "hls").mkdir()
    for name in (*rungs, *(f"hls/{file}" for file in ("master.m3u8", "0.m3u8", "0.m4s", "1.m3u8", "1.m4s"))):
        (tmp_path / name).write_bytes(await small_home.got(media, name))
    heights = [stream.get("height") for stream in looked_at(tmp_path / "hls/master.m3u8")["streams"]]
    assert {360, 480} <= set(heights)
    assert b"previews.jpeg#xywh=" in await small_home.got(media, "previews.vtt")
    assert (await small_home.rows("media_jobs"), {news.user_id for news in work.news}) == (0, {ANNA.user_id})


async def test_a_job_that_can_not_be_held_has_failed_and_is_tried_again_later(
    home: Home, film: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def stay(*_: object) -> bool:
        raise ZeroDivisionError

    media = await put(home, film)
    with monkeypatch.context() as planted:
        planted.setattr(jobs_store, "stay", stay)
        async with home.workshop() as work:
            assert await work.shop.work(LONG)
            assert not await work.shop.work(LONG)

    (job,) = await jobs(home)
    assert (job.state, job.attempts, job.error) == ("waiting", 1, "ZeroDivisionError: ")
    await home.come(MINUTE_US)
    async with home.workshop() as work:
        await work.through()
    assert (await now(home, media)).state == "ready"


async def test_a_film_that_browsers_play_is_there_for_others_in_seconds_and_without_its_place(
    home: Home, tmp_path: Path
) -> None:
    about = ("-metadata", "location=+55.7558+037.6173/")
    made = make(tmp_path / "film.mov", *SMALL, *TONE, *H264, "-c:a", "aac", *about).read_bytes()
    media = await put(home, made, "video/quicktime")
    await home.references.refer(ANNA, Refer(media.id, "market", "1", "everyone"))

    async with home.workshop(films := Watched()) as work:
        # No film keeps it waiting.
        assert await work.shop.work(QUICK)
        assert (await now(home, media)).state == "ready" and films.encoded == []
        seen = await home.look(media, BORIS)
        await work.through()

    assert (seen.rendition, seen.passing) == (naming.FILM, False)
    assert b"+55.7558" in made and b"+55.7558" not in await home.got(media, naming.FILM, BORIS)
    assert films.encoded == [360]
    master = (await home.got(media, naming.MASTER, BORIS)).decode()
    assert "RESOLUTION=640x480" in master and "RESOLUTION=480x360" in master


async def test_a_long_film_can_be_watched_small_before_it_is_there_as_large_as_it_is(
    small_home: Home, film: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(steps, "AT_ONCE_MS", 1000)
    media = await put(small_home, film)
    await small_home.references.refer(ANNA, Refer(media.id, "market", "1", "everyone"))
    with pytest.raises(RenditionNotReady):
        await small_home.look(media, BORIS)

    async with small_home.workshop(films := Watched(stands_at=480)) as work:
        working_on = asyncio.create_task(work.through())
        await films.has_come_to_stand()
        soon = await small_home.look(media, BORIS)
        assert (await now(small_home, media)).state == "ready"
        working_on.cancel()
        await asyncio.gather(working_on, return_exceptions=True)
    async with small_home.workshop() as work:
        await work.through()

    assert (soon.rendition, soon.passing) == ("film-360p.mp4", True)
    assert (await small_home.look(media, BORIS)).rendition == naming.FILM
    told = [event.renditions for event in await ready_events(small_home)]
    assert [("film.mp4" in names, "hls/master.m3u8" in names) for names in told] == [
        (False, False), (True, False), (True, True), (True, True)
    ]  # fmt: skip


async def test_what_did_not_come_out_right_as_a_copy_is_encoded(small_home: Home, tmp_path: Path) -> None:
    class Unlike(Watched):
        async def copy(self, source: Path, target: Path, film: Any, *more: Any) -> None:
            await super().copy(source, target, msgspec.structs.replace(film, width=film.height), *more)

    media = await put(small_home, make(tmp_path / "film.mp4", *SMALL, *H264).read_bytes())
    async with small_home.workshop(films := Unlike()) as work:
        assert await work.shop.work(QUICK)

    assert films.encoded == [480] and (await now(small_home, media)).state == "ready"


async def test_work_that_died_goes_on_at_the_step_that_was_not_finished(home: Home, film: bytes) -> None:
    media = await put(home, film)
    died, next_one = Watched(stands_at=360), Watched()
    async with home.workshop(died) as work:
        working_on = asyncio.create_task(work.through())
        await died.has_come_to_stand()
        await kill(home, working_on, media)

    async with home.workshop(next_one) as work:
        assert await work.through() == 0
        home.moment[0] += int(working.LEASE_S * SECOND_US) + 1
        await work.through()

    assert (died.encoded, next_one.encoded) == ([480, 360], [360])
    assert "hls/master.m3u8" in (await now(home, media)).renditions


async def kill(home: Home, process: asyncio.Task[int], media: Media) -> None:
    """Without a word: the job stays that process's, until its time is over."""
    found = await jobs_store.find(home.database, media.id)
    assert found
    process.cancel()
    await asyncio.gather(process, return_exceptions=True)
    async with home.database.transaction() as tx:
        await tx.execute(
            "UPDATE media_jobs SET worker = 'dead', until_us = :until_us, attempts = :attempts",
            until_us=home.moment[0] + int(working.LEASE_S * SECOND_US),
            attempts=found.attempts,
        )


async def test_who_is_stopped_gives_the_job_back_at_once(small_home: Home, film: bytes) -> None:
    media = await put(small_home, film)
    stopped, next_one = Watched(stands_at=480), Watched()
    async with small_home.workshop(stopped) as work:
        working_on = asyncio.create_task(work.through())
        await stopped.has_come_to_stand()
        working_on.cancel()
        await asyncio.gather(working_on, return_exceptions=True)

    assert [(job.state, job.attempts) for job in await jobs(small_home)] == [("waiting", 0)]
    async with small_home.workshop(next_one) as work:
        await work.shop.work(LONG)
    assert next_one.encoded == [480, 360] and (await now(small_home, media)).state == "ready"


async def test_ten_processes_that_want_one_job_share_it_out_to_one(home: Home) -> None:
    await put(home, files.jpeg(), "image/jpeg")
    (job,) = await jobs_store.waiting(home.database, home.moment[0], *QUICK, 10)

    async def claim(worker: str) -> bool:
        async with home.database.transaction() as tx:
            return await jobs_store.claim(tx, job, worker, home.moment[0], home.moment[0] + SECOND_US)

    assert sum(await asyncio.gather(*[claim(str(number)) for number in range(10)])) == 1
    claimed = await jobs_store.find(home.database, job.media_id)
    # Should its process die, that counts too.
    assert claimed and claimed.attempts == 1


async def test_what_fails_again_and_again_is_parked_until_an_operator_decides(home: Home, film: bytes) -> None:
    media, other = await put(home, film), await put(home, files.jpeg(), "image/jpeg")
    async with home.workshop(Watched(480, RuntimeError("odd"))) as work:
        for _ in range(working.ATTEMPTS_MAX):
            await work.through()
            home.moment[0] += 3600 * SECOND_US

    failed = await now(home, media)
    assert (failed.state, failed.problem, (await now(home, other)).renditions) == ("failed", "internal", ["large"])
    (parked,) = await jobs(home)
    assert (parked.state, parked.media_id, parked.attempts) == ("parked", media.id, working.ATTEMPTS_MAX)
    assert "odd" in parked.error
    assert [event.state for event in await ready_events(home)] == ["failed"]
    assert msgspec.json.decode(work.news[-1].event)["state"] == "failed"
    for use_case in (home.work_service.retry_media_job, home.work_service.discard_media_job):
        with pytest.raises(MissingPermission):
            await use_case(ANNA, OfMedia(media.id))
    await home.work_service.retry_media_job(OPERATOR, OfMedia(media.id))
    assert (await now(home, media)).state == "working"
    async with home.workshop() as work:
        await work.through()
    assert ((await now(home, media)).state, await jobs(home)) == ("ready", [])
    with pytest.raises(JobNotParked):
        await home.work_service.discard_media_job(OPERATOR, OfMedia(media.id))


async def test_what_no_attempt_would_mend_is_parked_at_once_and_can_be_left_at_that(
    small_home: Home, film: bytes
) -> None:
    media = await put(small_home, film)
    async with small_home.workshop(Watched(480, NotPlayable())) as work:
        await work.through()

    assert (await now(small_home, media)).problem == "not_playable"
    with pytest.raises(StepUpRequired):
        stale = msgspec.structs.replace(OPERATOR, session_id=LONG_AGO)
        await small_home.work_service.discard_media_job(stale, OfMedia(media.id))
    assert [job.state for job in await jobs(small_home)] == ["parked"]
    await small_home.work_service.discard_media_job(OPERATOR, OfMedia(media.id))
    assert (await jobs(small_home), (await now(small_home, media)).state) == ([], "failed")


async def test_processes_that_die_of_a_file_do_not_go_on_dying(small_home: Home, film: bytes) -> None:
    await put(small_home, film)
    async with small_home.database.transaction() as tx:
        await tx.execute("UPDATE media_jobs SET attempts = :attempts", attempts=working.ATTEMPTS_MAX)

    async with small_home.workshop(films := Watched()) as work:
        await work.through()

    assert films.encoded == [] and [job.state for job in await jobs(small_home)] == ["parked"]


async def test_work_on_a_file_that_is_deleted_ends_and_leaves_nothing(home: Home, film: bytes) -> None:
    media = await put(home, film)
    async with home.workshop(films := Watched(stands_at=360)) as work:
        working_on = asyncio.create_task(work.through())
        await films.has_come_to_stand()
        await home.library.delete_media(ANNA, OfMedia(media.id))
        async with asyncio.timeout(10):
            await working_on

    await home.come(24 * 3600 * SECOND_US)
    assert await home.stored() == []
    assert [await home.rows(f"media_{table}") for table in ("jobs", "renditions", "parts")] == [0, 0, 0]


async def test_progress_is_told_to_the_owner(small_home: Home, film: bytes) -> None:
    media = await put(small_home, film)
    async with small_home.workshop(films := Watched(stands_at=480)) as work:
        working_on = asyncio.create_task(work.through())
        await films.has_come_to_stand()
        async with asyncio.timeout(10):
            await work.told.wait()
        working_on.cancel()
        await asyncio.gather(working_on, return_exceptions=True)

    (told,) = work.news
    assert (told.user_id, told.chat_id) == (ANNA.user_id, "")
    progress = msgspec.json.decode(told.event)
    assert progress == {"type": "media", "media_id": media.id, "state": "working", "progress": 49} or progress[
        "progress"
    ] in (50, 51)
    assert (await now(small_home, media)).progress == progress["progress"]
    # Others hear of it by whoever shows it to them.
    events: list[tuple[str]] = await small_home.database.fetch(
        tuple, "SELECT body FROM outbox WHERE name = :name", name=MediaProgressed.name
    )
    (event,) = [msgspec.json.decode(body, type=MediaProgressed) for (body,) in events]
    assert (event.media_id, event.progress) == (media.id, progress["progress"])


async def test_who_brings_one_film_does_not_wait_for_the_many_of_another(home: Home, film: bytes) -> None:
    many = [await put(home, film + bytes([number])) for number in range(3)]
    home.moment[0] += SECOND_US
    one = await put(home, film, actor=BORIS)

    waiting = await jobs_store.waiting(home.database, home.moment[0], *LONG, 10)

    assert [job.media_id for job in waiting] == [many[0].id, one.id, many[1].id, many[2].id]


async def test_who_comes_late_has_no_turns_saved_up(home: Home, film: bytes) -> None:
    many = [await put(home, film + bytes([number])) for number in range(4)]
    async with home.database.transaction() as tx:
        await tx.execute("DELETE FROM media_jobs WHERE media_id IN :done", done=[media.id for media in many[:3]])
    home.moment[0] += SECOND_US
    late = [await put(home, film + bytes([number]), actor=BORIS) for number in range(2)]

    waiting = await jobs_store.waiting(home.database, home.moment[0], *LONG, 10)

    assert [job.media_id for job in waiting] == [many[3].id, *[media.id for media in late]]


async def test_what_takes_seconds_never_waits_for_films(small_home: Home, film: bytes) -> None:
    await put(small_home, film)
    photo = await put(small_home, files.jpeg(), "image/jpeg")
    async with small_home.workshop(films := Watched(stands_at=480)) as work:
        working_on = asyncio.create_task(work.shop.work(LONG))
        await films.has_come_to_stand()
        assert await work.shop.work(QUICK)
        working_on.cancel()
        await asyncio.gather(working_on, return_exceptions=True)

    assert (await now(small_home, photo)).renditions == ["large"]


@pytest.mark.parametrize("asked_for", ["by the upload", "by what shows it"])
async def test_a_voice_message_becomes_opus_with_its_waveform(home: Home, tmp_path: Path, asked_for: str) -> None:
    recorded = make(tmp_path / "voice.webm", *TONE, "-c:a", "libopus").read_bytes()
    media = await put(home, recorded, "audio/webm", voice=asked_for == "by the upload")
    if asked_for == "by what shows it":
        assert media.state == "ready"
        media = await home.references.refer(ANNA, Refer(media.id, "messaging", "1", voice=True))
    assert media.state == "working"

    async with home.workshop() as work:
        await work.through()

    done = await now(home, media)
    assert (done.state, done.renditions) == ("ready", ["voice.ogg"])
    assert done.shown and len(done.shown.waveform) == 100
    (tmp_path / "voice.ogg").write_bytes(await home.got(media, naming.VOICE))
    assert looked_at(tmp_path / "voice.ogg")["streams"][0]["codec_name"] == "opus"
    assert [event.id for event in await ready_events(home)] == [media.id]


async def test_an_operator_sees_how_far_work_is_and_stops_it(home: Home, film: bytes) -> None:
    media = await put(home, film)
    async with home.workshop(films := Watched(stands_at=480)) as work:
        at_work = asyncio.ensure_future(work.shop.work(LONG))
        await films.has_come_to_stand()

        async def half_is_done() -> bool:
            return [(job.state, job.progress) for job in await jobs(home)] == [("working", 50)]

        await eventually(half_is_done)

        await home.work_service.stop_media_job(OPERATOR, OfMedia(media.id))

        async with asyncio.timeout(10):
            await at_work
    (job,) = await jobs(home)
    assert (job.state, job.owner_id, job.progress, job.error.partition(":")[0]) == (
        ("parked", ANNA.user_id, 0, "work_stopped")
    )
    stopped = await now(home, media)
    assert (stopped.state, stopped.problem, (await ready_events(home))[-1].state) == (
        ("failed", "work_stopped", "failed")
    )
    with pytest.raises(JobNotUnderWay):
        await home.work_service.stop_media_job(OPERATOR, OfMedia(media.id))

    await home.work_service.retry_media_job(OPERATOR, OfMedia(media.id))
    async with home.workshop() as work:
        await work.through()
    assert (await now(home, media)).state == "ready"


async def test_its_owner_hears_that_work_was_stopped_and_the_log_of_each_decision(home: Home, film: bytes) -> None:
    media, heard = await put(home, film), list[bytes]()
    await home.cache.subscribe(SIGNALS, heard.append)
    async with home.workshop(films := Watched(stands_at=480)) as work:
        at_work = asyncio.ensure_future(work.shop.work(LONG))
        await films.has_come_to_stand()
        await home.work_service.stop_media_job(OPERATOR, OfMedia(media.id))
        await at_work
    await home.work_service.retry_media_job(OPERATOR, OfMedia(media.id))
    async with home.workshop(Watched(480, NotPlayable())) as work:
        await work.through()
    await home.work_service.discard_media_job(OPERATOR, OfMedia(media.id))

    await until(lambda: bool(heard))
    signal = msgspec.msgpack.decode(heard[0], type=Signal)
    assert (signal.user_id, msgspec.json.decode(signal.event)["state"]) == (ANNA.user_id, "failed")
    rows: list[tuple[str]] = await home.database.fetch(
        tuple, "SELECT body FROM outbox WHERE name = :name ORDER BY id", name=MediaJobDecided.name
    )
    told = [msgspec.json.decode(body, type=MediaJobDecided) for (body,) in rows]
    assert [one.decision for one in told] == ["stop", "retry", "discard"]
    assert {(one.decided_by, one.owner_id, one.media_id) for one in told} == {
        (OPERATOR.user_id, ANNA.user_id, media.id)
    }


async def test_what_plays_already_goes_on_playing_when_the_rest_is_stopped(small_home: Home, film: bytes) -> None:
    media = await put(small_home, film)
    async with small_home.workshop(films := Watched(stands_at=360)) as work:
        at_work = asyncio.ensure_future(work.through())
        await films.has_come_to_stand()
        assert (await now(small_home, media)).state == "ready"

        async def half_is_done() -> bool:
            return [job.progress for job in await jobs(small_home)] == [50]

        await eventually(half_is_done)
        await small_home.work_service.stop_media_job(OPERATOR, OfMedia(media.id))
        await at_work

    assert ((await now(small_home, media)).state, (await jobs(small_home))[0].state) == ("ready", "parked")


async def test_what_waits_is_not_stopped_and_only_operators_stop_anything(small_home: Home, film: bytes) -> None:
    media = await put(small_home, film)

    with pytest.raises(JobNotUnderWay):
        await small_home.work_service.stop_media_job(OPERATOR, OfMedia(media.id))
    with pytest.raises(MissingPermission):
        await small_home.work_service.stop_media_job(ANNA, OfMedia(media.id))
    assert [job.state for job in await jobs(small_home)] == ["waiting"]


async def test_who_died_before_they_said_that_it_plays_has_others_say_so(home: Home, film: bytes) -> None:
    media = await put(home, film)
    async with home.workshop(died := Watched(stands_at=360)) as work:
        working_on = asyncio.create_task(work.through())
        await died.has_come_to_stand()
        await kill(home, working_on, media)
    async with home.database.transaction() as tx:
        await jobs_store.set_state(tx, media.id, "working", "", 50)
    home.moment[0] += int(working.LEASE_S * SECOND_US) + 1

    async with home.workshop(next_one := Watched()) as work:
        await work.through()

    assert ((await now(home, media)).state, next_one.encoded) == ("ready", [360])
    assert "ready" in {event.state for event in (await ready_events(home))[1:]}
    assert any(b"ready" in signal.event for signal in work.news)


async def test_who_stops_work_and_who_says_how_far_it_is_do_not_wait_for_each_other(home: Home, film: bytes) -> None:
    media = await put(home, film)
    async with home.workshop(films := Watched(stands_at=480)) as work:
        at_work = asyncio.ensure_future(work.shop.work(LONG))
        await films.has_come_to_stand()
        # As `stop_media_job` does it, and meanwhile the step ends. PostgreSQL looks once whether two wait for each
        # other, a second after the first began to.
        async with home.database.transaction() as tx:
            await store.lock_media(tx, media.id)
            films.may_go_on.set()
            await asyncio.sleep(2)

            assert await jobs_store.stop(tx, media.id, "stopped", home.moment[0])

        assert await at_work
    assert [job.state for job in await jobs(home)] == ["parked"]

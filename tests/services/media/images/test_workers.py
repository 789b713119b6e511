"""A poisonous picture ends a worker, and neither the server nor the next picture notices."""

import asyncio
import errno
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec
import psutil
import pytest
import pyvips
import uvloop
from tests.services.media.images import files

from kaif.interfaces.media.films import NotPlayable
from kaif.interfaces.media.images import Crop, CropOutside, ImageDamaged, ImageTooDemanding, Picture, Variant
from kaif.kernel.errors import Busy, KaifError, StorageFull, Unavailable
from kaif.services.media.images.limits import MB, Limits
from kaif.services.media.images.sizes import PIXELS_MAX
from kaif.services.media.images.variants import FULL, MEDIUM, THUMBNAIL
from kaif.services.media.work import jobs, worker
from kaif.services.media.work.jobs import Drawn, Failed, Inspect, Inspected, Job, Nonsense, Refused, Render, Rendered
from kaif.services.media.work.pictures import PictureWorkers
from kaif.services.media.work.pool import Bounds
from kaif.services.media.work.turns import Priority, Turns

# Of an ordinary photograph.
MEGAPIXELS_12 = (4000, 3000)
SLOW = [Variant("webp", quality=quality) for quality in (90, 91, 92, 93)]


@pytest.fixture(scope="module")
def large() -> bytes:
    return files.jpeg(files.photo(*MEGAPIXELS_12))


@asynccontextmanager
async def working(count: int = 1, bounds: Bounds | None = None) -> AsyncIterator[PictureWorkers]:
    workers = PictureWorkers(count, bounds)
    try:
        yield workers
    finally:
        await workers.close()
        assert processes() == []


def processes() -> list[psutil.Process]:
    """The workers that are there."""
    return [child for child in psutil.Process().children() if "kaif.services.media.work.worker" in child.cmdline()]


def may_leave_the_network() -> bool:
    """Some containers let no process do so."""
    leaving = "import ctypes, sys; sys.exit(ctypes.CDLL(None).unshare(0x50000000) != 0)"
    return subprocess.run([sys.executable, "-c", leaving], check=False).returncode == 0


def peak_kb_of(worker: psutil.Process) -> int:
    status = Path("/proc", str(worker.pid), "status").read_text()
    return int(status.split("VmHWM:")[1].split()[0])


async def is_well(workers: PictureWorkers) -> bool:
    picture = await workers.inspect(files.jpeg())
    return (picture.width, picture.height) == (files.WIDTH, files.HEIGHT)


async def test_pictures_are_inspected_and_rendered_elsewhere_with_the_same_result() -> None:
    async with working() as workers:
        picture = await workers.inspect(files.heic())
        medium, thumbnail = await workers.render(files.png(files.photo(1000, 600)), [MEDIUM, THUMBNAIL])

        assert (picture.format, picture.width) == ("heic", files.WIDTH)
        assert (medium.width, medium.height) == (800, 480)
        assert (thumbnail.width, thumbnail.height) == (200, 200)
        assert files.looks_like_the_photo(files.opened(medium.content))
        assert len(processes()) == 1


async def test_refusals_come_through_and_cost_no_worker() -> None:
    async with working() as workers:
        assert await is_well(workers)
        [worker] = processes()
        with pytest.raises(ImageDamaged):
            await workers.inspect(files.png()[:200])
        with pytest.raises(CropOutside):
            await workers.render(files.png(), [Variant("png", crop=Crop(0, 0, 9000, 9000))])

        assert await is_well(workers) and processes() == [worker]


async def test_a_picture_that_wants_all_memory_is_refused_and_the_next_one_is_read() -> None:
    async with working(bounds=Bounds(memory_bytes=80 * MB)) as workers:
        with pytest.raises(ImageTooDemanding):
            await workers.render(files.png_interlaced(*MEGAPIXELS_12), [FULL])

        assert await is_well(workers)


async def test_a_picture_that_takes_forever_is_ended_by_the_system(large: bytes) -> None:
    async with working(bounds=Bounds(cpu_s=0)) as workers:
        with pytest.raises(ImageTooDemanding):
            await workers.render(large, SLOW)

        assert await is_well(workers)


async def test_a_worker_that_stands_still_is_given_up() -> None:
    async with working(bounds=Bounds(wall_s=0.3)) as workers:
        assert await is_well(workers)
        [worker] = processes()
        worker.suspend()
        with pytest.raises(ImageTooDemanding):
            await workers.inspect(files.jpeg())

        assert not worker.is_running()


async def test_a_worker_that_somebody_ended_is_replaced_and_nobody_notices() -> None:
    async with working() as workers:
        assert await is_well(workers)
        [worker] = processes()
        worker.kill()
        worker.wait()

        assert await is_well(workers)


@pytest.mark.parametrize("noticed", [True, False], ids=["noticed", "unnoticed"])
@pytest.mark.parametrize("new_loop", [asyncio.new_event_loop, uvloop.new_event_loop], ids=["asyncio", "uvloop"])
def test_no_picture_is_at_fault_when_all_workers_were_ended_while_they_waited(
    new_loop: Callable[[], asyncio.AbstractEventLoop], noticed: bool
) -> None:
    async def end_them_all() -> None:
        async with working(2) as workers:
            assert all(await asyncio.gather(is_well(workers), is_well(workers)))
            ended = processes()
            assert len(ended) == 2
            for worker in ended:
                worker.kill()
            if noticed:
                # Long enough for the loop to hear of it.
                await asyncio.sleep(0.2)

            assert await is_well(workers)

    with asyncio.Runner(loop_factory=new_loop) as runner:
        runner.run(end_them_all())


async def test_who_stops_waiting_ends_the_work_and_gives_the_turn_back(large: bytes) -> None:
    async with working() as workers:
        assert await is_well(workers)
        [worker] = processes()
        slow = asyncio.create_task(workers.render(large, SLOW))
        await asyncio.sleep(0.1)
        slow.cancel()
        with pytest.raises(asyncio.CancelledError):
            await slow

        assert not worker.is_running()
        assert await is_well(workers)


async def test_workers_are_replaced_after_a_while() -> None:
    async with working(bounds=Bounds(jobs_max=2)) as workers:
        seen = set()
        for _ in range(4):
            assert await is_well(workers)
            seen |= {process.pid for process in processes()}

        assert len(seen) == 2


async def test_many_at_once_are_all_done_by_as_many_workers_as_there_are() -> None:
    async with working(2) as workers:
        contents = [files.png(files.photo(40 + 2 * number, 40)) for number in range(30)]

        pictures = await asyncio.gather(*map(workers.inspect, contents))

        assert [picture.width for picture in pictures] == [40 + 2 * number for number in range(30)]
        assert len(processes()) == 2


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
async def test_a_worker_has_no_secret_no_file_no_network_and_leaves_nothing_behind() -> None:
    async with working() as workers:
        assert await is_well(workers)
        [worker] = processes()
        proc = Path("/proc", str(worker.pid))

        told = {entry.partition(b"=")[0].decode() for entry in (proc / "environ").read_bytes().split(b"\0") if entry}
        vips, malloc = {"VIPS_CONCURRENCY", "VIPS_DISC_THRESHOLD"}, {"MALLOC_ARENA_MAX", "GLIBC_TUNABLES"}
        assert told == {"PATH", "PYTHONPATH"} | vips | malloc
        opened = {str(link.readlink()) for link in (proc / "fd").iterdir()}
        assert {name for name in opened if not name.startswith(("pipe:", "socket:"))} <= {"/dev/null"}
        limits = {limit: worker.rlimit(limit)[0] for limit in (psutil.RLIMIT_FSIZE, psutil.RLIMIT_CORE)}
        assert set(limits.values()) == {0}
        if await asyncio.to_thread(may_leave_the_network):
            devices = (proc / "net" / "dev").read_text().splitlines()[2:]
            assert [line.split(":")[0].strip() for line in devices] == ["lo"]


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
async def test_the_largest_picture_of_a_camera_fits_into_400_mb_however_it_was_held() -> None:
    image = files.photo(8660, 5774).copy()
    image.set_type(pyvips.GValue.gint_type, "orientation", 6)
    content = files.jpeg(image, Q=75)
    async with working() as workers:
        full, medium, _ = await workers.render(content, [FULL, MEDIUM, THUMBNAIL])
        [worker] = processes()

        assert (medium.width, medium.height) == (533, 800)
        assert full.width * full.height == pytest.approx(PIXELS_MAX, rel=0.001)
        assert peak_kb_of(worker) < 400 * 1024


@pytest.mark.parametrize(
    ("answer", "content"),
    [
        (Inspected(Picture("png", 1, 1, 1, 0, 1, False, "", "")), b""),
        (Drawn([]), b""),
        (Drawn([Rendered("png", 1, 1, 5)] * 2), b"12345"),
        (Drawn([Rendered("png", 1, 1, 9)]), b"12345"),
        (Drawn([Rendered("png", 1, 1, -5)]), b"12345"),
        (Refused("missing_permission", {}), b""),
    ],
)
def test_what_no_worker_of_ours_says_is_not_believed(answer: msgspec.Struct, content: bytes) -> None:
    job = Job(1, Render(Limits(), [THUMBNAIL]))

    with pytest.raises(Nonsense):
        jobs.result(job, msgspec.msgpack.encode(answer), content)
    with pytest.raises(Nonsense):
        jobs.result(job, b"\xff" + msgspec.msgpack.encode(answer), content)
    with pytest.raises(Nonsense):
        jobs.lengths((jobs.HEADER_BYTES_MAX + 1).to_bytes(4, "big") + bytes(4), 100)
    with pytest.raises(Nonsense):
        jobs.lengths(bytes(4) + (101).to_bytes(4, "big"), 100)


def test_what_a_worker_says_of_itself_does_not_reach_people() -> None:
    failed = jobs.result(Job(1, Inspect(Limits())), msgspec.msgpack.encode(Failed("a secret of the inside")), b"")

    assert type(failed) is KaifError


@pytest.mark.parametrize(("code", "refusal"), [(errno.ENOSPC, StorageFull), (errno.EACCES, Unavailable)])
def test_what_the_disk_refuses_is_no_fault_of_the_film(code: int, refusal: type[Unavailable]) -> None:
    fault = NotPlayable()
    fault.__cause__ = OSError(code, "not so")

    told = msgspec.msgpack.encode(worker.answer_to(fault))

    assert type(jobs.result(Job(1, Inspect(Limits())), told, b"")) is refusal
    assert isinstance(worker.answer_to(NotPlayable()), Refused)


async def in_turn(turns: Turns, name: str, priority: Priority, done: list[str], go_on: asyncio.Event) -> None:
    async with turns.one(priority):
        done.append(name)
        await go_on.wait()


async def test_the_urgent_goes_first_and_finds_a_place_that_the_rest_may_not_take() -> None:
    turns, done, go_on = Turns(2, waiting_max=10), list[str](), asyncio.Event()
    order: list[tuple[str, Priority]] = [
        ("film 1", "background"),
        ("film 2", "background"),
        ("face 1", "urgent"),
        ("face 2", "urgent"),
    ]
    async with asyncio.TaskGroup() as group:
        for name, priority in order:
            group.create_task(in_turn(turns, name, priority, done, go_on))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert done == ["film 1", "face 1"]
        go_on.set()

    assert done == ["film 1", "face 1", "face 2", "film 2"]


async def test_a_turn_that_comes_while_its_owner_leaves_is_not_lost() -> None:
    turns, done, go_on = Turns(1, waiting_max=10), list[str](), asyncio.Event()
    first = asyncio.create_task(in_turn(turns, "first", "urgent", done, go_on))
    await asyncio.sleep(0)
    leaving = asyncio.create_task(in_turn(turns, "leaving", "urgent", done, go_on))
    waiting = asyncio.create_task(in_turn(turns, "waiting", "urgent", done, go_on))
    await asyncio.sleep(0)

    go_on.set()
    await asyncio.sleep(0)
    await first
    leaving.cancel()

    async with asyncio.timeout(1):
        await waiting
    assert "waiting" in done


async def test_too_many_that_wait_are_told_to_come_back() -> None:
    turns, done, go_on = Turns(1, waiting_max=1), list[str](), asyncio.Event()
    running = [asyncio.create_task(in_turn(turns, name, "urgent", done, go_on)) for name in ("one", "two")]
    await asyncio.sleep(0)

    with pytest.raises(Busy):
        await in_turn(turns, "three", "urgent", done, go_on)

    go_on.set()
    await asyncio.gather(*running)
    assert done == ["one", "two"]


async def test_who_brings_much_waits_for_it_and_nobody_else_does() -> None:
    turns, done, go_on = Turns(1, waiting_max=8), list[str](), asyncio.Event()

    async def come(whose: str) -> None:
        async with turns.one("urgent", whose):
            done.append(whose)
            await go_on.wait()

    coming = [asyncio.create_task(come(whose)) for whose in ("anna", "anna", "anna", "boris")]
    await asyncio.sleep(0)

    with pytest.raises(Busy):
        await come("anna")

    # What was given up counts no more.
    coming[2].cancel()
    await asyncio.sleep(0)
    coming[2] = asyncio.create_task(come("anna"))
    await asyncio.sleep(0)
    go_on.set()
    await asyncio.gather(*coming)
    assert done == ["anna", "anna", "boris", "anna"]


async def test_what_waits_for_its_turn_is_not_in_memory_yet() -> None:
    workers, held, most = PictureWorkers(1), 0, 0

    async def read() -> bytes:
        nonlocal held, most
        held += 1
        most = max(most, held)
        await asyncio.sleep(0)
        return files.png()

    async def inspected() -> None:
        nonlocal held
        await workers.inspect(read)
        held -= 1

    await asyncio.gather(*[inspected() for _ in range(5)])

    assert most <= 2
    await workers.close()


async def test_workers_end_with_the_server() -> None:
    program = (
        "import asyncio, sys\n"
        "from kaif.services.media.work.pictures import PictureWorkers\n"
        "from tests.services.media.images import files\n"
        "async def main():\n"
        "    workers = PictureWorkers(1)\n"
        "    await workers.inspect(files.jpeg())\n"
        "    print('ready', flush=True)\n"
        "    await asyncio.sleep(60)\n"
        "asyncio.run(main())\n"
    )
    server = await asyncio.create_subprocess_exec(
        sys.executable, "-c", program, stdout=asyncio.subprocess.PIPE, cwd=Path(__file__).parents[4]
    )
    assert server.stdout and await server.stdout.readline() == b"ready\n"
    [worker] = psutil.Process(server.pid).children()
    server.send_signal(signal.SIGKILL)
    await server.wait()

    await asyncio.to_thread(worker.wait, 5)

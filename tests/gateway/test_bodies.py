"""A body that comes faster than it is written goes into larger pieces, as far as there is room for all."""

import asyncio
from contextlib import ExitStack

import pytest

from kaif.gateway import bodies
from kaif.gateway.bodies import BODIES_OF_ALL_MAX, BODIES_OF_ONE_WHEN_SCARCE, Body, Buffers, Pieces
from kaif.kernel.errors import Busy
from kaif.kernel.http.problems import TimedOut

MIB = 1 << 20


def flowing() -> Body:
    return Body(lambda: None, lambda: None, lambda: None)


def memory(large: int = 1) -> Buffers:
    return Buffers(MIB, 4 * MIB, large * 4 * MIB)


async def come(body: Body, count: int) -> None:
    for number in range(count):
        body.feed(bytes([number]) * (MIB // 4))
        await asyncio.sleep(0)


async def test_what_comes_meanwhile_is_one_piece_and_the_memory_is_given_back() -> None:
    body, buffers = flowing(), memory(large=2)
    pieces = Pieces(body, buffers, 1.0)

    async def write() -> None:
        await come(body, 12)
        body.end()

    await come(body, 4)
    first = bytes(await pieces.next())
    await pieces.during(write())
    second = bytes(await pieces.next())

    assert (len(first), len(second), len(await pieces.next())) == (MIB, 3 * MIB, 0)
    assert second == b"".join(bytes([number]) * (MIB // 4) for number in range(12))
    pieces.close()
    assert buffers.large_left == 2


async def test_what_is_read_does_not_change_while_more_comes() -> None:
    body = flowing()
    pieces = Pieces(body, memory(), 1.0)
    body.feed(b"a" * MIB)
    first = await pieces.next()

    async def write() -> bytes:
        await come(body, 8)
        return bytes(first)

    assert await pieces.during(write()) == b"a" * MIB
    pieces.close()


@pytest.mark.parametrize(("large", "taken"), [(0, MIB), (2, 3 * MIB)])
async def test_without_room_the_sender_waits_after_one_piece(large: int, taken: int) -> None:
    paused: list[bool] = []
    body = Body(lambda: paused.append(True), lambda: paused.append(False), lambda: None)
    pieces = Pieces(body, memory(large), 1.0)

    await pieces.during(come(body, 12))

    # What there is no place for holds the sender back at the connection.
    assert paused == ([] if large else [True])
    assert len(await pieces.next()) == taken
    pieces.close()


async def test_memory_that_work_was_given_up_with_is_not_written_to_again() -> None:
    body, buffers = flowing(), memory(large=2)
    pieces = Pieces(body, buffers, 1.0)
    body.feed(b"a" * MIB)
    lent = await pieces.next()

    async def fail() -> None:
        raise OSError

    with pytest.raises(OSError):
        await pieces.during(fail())
    pieces.close()

    # A thread may still be at it.
    others = [buffers.take() for _ in range(8)]
    for other in others:
        other[:1] = b"b"
    assert bytes(lent[:1]) == b"a"
    for other in others:
        buffers.give_back(other)
    assert buffers.large_left == 2


async def test_a_body_that_breaks_off_gives_what_came_of_it() -> None:
    body = flowing()
    pieces = Pieces(body, memory(), 1.0)
    body.feed(b"some")
    body.cut()

    assert (bytes(await pieces.next()), bytes(await pieces.next()), pieces.was_cut) == (b"some", b"", True)


async def test_a_pause_ends_a_piece() -> None:
    body = flowing()
    pieces = Pieces(body, memory(), 0.02)
    body.feed(b"some")

    assert (bytes(await pieces.next()), pieces.was_cut) == (b"some", False)


async def test_of_a_connection_that_has_a_whole_body_nothing_more_is_paused() -> None:
    paused: list[bool] = []
    body = Body(lambda: paused.append(True), lambda: paused.append(False), lambda: None)
    body.into(memoryview(bytearray(10)))
    body.direct()
    body.placed(4)
    body.end()
    body.placed(6)

    assert (body.taken(), paused) == (10, [False])


@pytest.mark.parametrize("direct", [True, False], ids=["read into its place", "parsed"])
async def test_of_a_body_that_is_cut_nothing_more_is_taken_however_fast_it_comes(direct: bool) -> None:
    paused: list[bool] = []
    body = Body(lambda: paused.append(True), lambda: paused.append(False), lambda: None)
    pieces = Pieces(body, memory(large=0), 1.0)
    if direct:
        await pieces.during(asyncio.sleep(0))
        body.direct()
        body.place()[:4] = b"some"
        body.placed(4)
    else:
        body.feed(b"some")

    body.cut()

    # What comes on has to go elsewhere: otherwise a server that stops would wait for it to the end.
    assert paused[-1] is True
    assert [bytes(await pieces.next()), bytes(await pieces.next())] == [b"some", b""]
    assert paused[-1] is True and pieces.was_cut


async def trickle(body: Body, every_s: float, size: int = 1) -> None:
    while True:
        body.feed(b"x" * size)
        await asyncio.sleep(every_s)


@pytest.fixture
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bodies, "SLOWEST_WITHIN_S", 0.3)
    monkeypatch.setattr(bodies, "PIECE_WITHIN_S", 0.1)


@pytest.mark.parametrize("whole", [False, True])
async def test_who_brings_a_byte_now_and_then_is_sent_away(hurried: None, whole: bool) -> None:
    body, came = flowing(), 0
    trickling = asyncio.create_task(trickle(body, 0.02))
    pieces = Pieces(body, memory(), 0.05, whole=whole)

    with pytest.raises(TimedOut):
        async with asyncio.timeout(5):
            while True:
                came += len(await pieces.next())

    trickling.cancel()
    assert (came > 5) is not whole
    read = flowing()
    trickling = asyncio.create_task(trickle(read, 0.02))
    with pytest.raises(TimedOut):
        async with asyncio.timeout(5):
            while True:
                await read.read()
    trickling.cancel()


async def test_who_is_slow_on_a_slow_network_is_waited_for(hurried: None) -> None:
    body, came = flowing(), 0
    trickling = asyncio.create_task(trickle(body, 0.01, 2000))
    pieces = Pieces(body, memory(), 0.2)

    while came < 100_000:
        came += len(await pieces.next())

    trickling.cancel()


async def test_there_are_places_for_so_many_bodies_and_of_the_last_half_a_few_for_each() -> None:
    buffers = memory()
    with ExitStack() as held:
        for person in range(BODIES_OF_ALL_MAX // 2):
            held.enter_context(buffers.for_one(f"person {person % 2}"))
        with pytest.raises(Busy):
            held.enter_context(buffers.for_one("person 0"))
        for number in range(BODIES_OF_ALL_MAX // 2):
            held.enter_context(buffers.for_one(f"newcomer {number // BODIES_OF_ONE_WHEN_SCARCE}"))
        with pytest.raises(Busy):
            held.enter_context(buffers.for_one("one more"))
    with buffers.for_one("one more"):
        pass

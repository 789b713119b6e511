"""A body that comes faster than it is written goes into larger pieces, as far as there is room for all."""

import asyncio

import pytest

from kaif.gateway.bodies import Body, Buffers, Pieces

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

"""A body that comes faster than it is written goes into larger pieces, as far as there is room for all."""

import asyncio

import pytest

from kaif.gateway.bodies import Ahead, Body, Pieces

MIB = 1 << 20
ROOM = 8 * MIB


def flowing() -> Body:
    return Body(lambda: None, lambda: None, lambda: None)


async def pieces_of(body: Body, ahead: Ahead) -> list[int]:
    """Sizes, when four MiB come while the first is written."""
    pieces = Pieces(body, MIB, 1.0, ahead, 4 * MIB)

    async def write() -> None:
        for _ in range(16):
            body.feed(b"x" * (MIB // 4))
            await asyncio.sleep(0.001)
        body.end()

    body.feed(b"x" * MIB)
    sizes = [len(await pieces.next())]
    await pieces.during(write())
    while piece := await pieces.next():
        sizes.append(len(piece))
    pieces.close()
    return sizes


async def test_what_comes_meanwhile_is_one_piece_and_the_room_is_given_back() -> None:
    ahead = Ahead(ROOM)

    first, second, *others = await pieces_of(flowing(), ahead)

    assert first == MIB and 3 * MIB < second <= 5 * MIB
    assert first + second + sum(others) == 5 * MIB
    assert ahead.bytes_left == ROOM


async def test_without_room_the_sender_waits_after_one_piece() -> None:
    body, read = flowing(), Ahead(0)
    pieces = Pieces(body, MIB, 1.0, read, 4 * MIB)

    async def write() -> None:
        for _ in range(16):
            body.feed(b"x" * (MIB // 4))
            await asyncio.sleep(0.001)

    await pieces.during(write())

    # What was not read holds the sender back at the connection.
    assert len(await body.read()) >= 3 * MIB
    pieces.close()


async def test_work_that_fails_or_is_given_up_gives_the_room_back() -> None:
    body, ahead = flowing(), Ahead(ROOM)
    pieces = Pieces(body, MIB, 1.0, ahead, 4 * MIB)

    async def fail() -> None:
        for _ in range(8):
            body.feed(b"x" * (MIB // 2))
            await asyncio.sleep(0.001)
        raise OSError

    with pytest.raises(OSError):
        await pieces.during(fail())
    assert ahead.bytes_left < ROOM
    pieces.close()

    assert ahead.bytes_left == ROOM

"""Who is here, as a gateway knows it by the notes of all: each test's other gateways are notes in a real Redis."""

import asyncio
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from typing import Any

import msgspec
import pytest
from tests.servers import RedisServer
from tests.waiting import until

from kaif.engines.cache import Cache, open_cache
from kaif.engines.cache.memory import MemoryCache
from kaif.gateway.presence import CHANNEL, Change, PresenceBoard, Rhythm
from kaif.gateway.reader import Reader
from kaif.interfaces.messaging import PRESENCE
from kaif.kernel.actor import Actor, UserId

ANNA, BORIS, VERA = UserId("anna"), UserId("boris"), UserId("vera")
QUICK = Rhythm(leave_after_s=0.4, note_ttl_s=0.6, renew_s=0.2, look_s=0.1, everybody_each=3, settle_s=0.5)


class Device:
    def __init__(self) -> None:
        self.actor = Actor(UserId("reader"))
        self.rooms: set[Any] = set()
        self.watched: set[UserId] = set()
        self.heard: list[tuple[UserId, bool]] = []

    def write(self, frame: bytes) -> None: ...

    def greet(self, hello: bytes) -> None: ...

    def expire(self) -> None: ...

    def close(self, code: int) -> None: ...


def tell(user_id: UserId, online: bool, watchers: Iterable[Reader]) -> None:
    for reader in watchers:
        assert isinstance(reader, Device)
        reader.heard.append((user_id, online))


@asynccontextmanager
async def running_board(cache: Cache, rhythm: Rhythm = QUICK) -> AsyncIterator[PresenceBoard]:
    board = PresenceBoard(cache, rhythm)
    await board.start(tell)
    try:
        yield board
    finally:
        await board.close()


@pytest.fixture
async def cache(redis_url: str) -> AsyncIterator[Cache]:
    async with opened(redis_url) as cache:
        yield cache


@asynccontextmanager
async def opened(url: str) -> AsyncIterator[Cache]:
    cache = await open_cache(url)
    try:
        yield cache
    finally:
        await cache.close()


async def watching(board: PresenceBoard, *those: UserId) -> tuple[Device, set[UserId]]:
    """A device that watches them, and who was here when it came."""
    device = Device()
    board.watch_only(device, set(those))
    here = await board.online(device, device.watched)
    # News of before may still be on their way to it, and say the same.
    await asyncio.sleep(0.05)
    assert {user_id for user_id, online in device.heard if online} <= here
    device.heard.clear()
    return device, here


async def test_whom_a_dead_gateway_noted_goes_and_nobody_else(cache: Cache) -> None:
    async with running_board(cache) as board, running_board(cache) as other:
        await cache.touch(PRESENCE, [ANNA, BORIS], "it dies", 400)
        await other.arrive(BORIS)
        await other.arrive(VERA)
        device, here = await watching(board, ANNA, BORIS, VERA)
        assert here == {ANNA, BORIS, VERA}

        await until(lambda: bool(device.heard))
        await asyncio.sleep(2 * QUICK.note_ttl_s)

        assert device.heard == [(ANNA, False)]


async def test_who_comes_is_seen_though_no_news_told_of_it(cache: Cache) -> None:
    async with running_board(cache) as board:
        device, here = await watching(board, ANNA, BORIS)
        assert here == set()

        await cache.touch(PRESENCE, [ANNA], "its news are lost", 10_000)

        await until(lambda: device.heard == [(ANNA, True)])


async def test_who_goes_with_a_gateway_that_stops_may_come_again_elsewhere_meanwhile(cache: Cache) -> None:
    async with running_board(cache) as board:
        async with running_board(cache) as stopping:
            await stopping.arrive(ANNA)
            await stopping.arrive(BORIS)
            device, _ = await watching(board, ANNA, BORIS)
        await asyncio.sleep(0.2)
        await board.arrive(BORIS)

        await until(lambda: bool(device.heard))
        await asyncio.sleep(2 * QUICK.look_s)

        assert device.heard == [(ANNA, False)]


async def test_a_cache_that_forgot_everything_takes_nobody_along(redis_server: RedisServer) -> None:
    async with (
        opened(redis_server.url) as one,
        opened(redis_server.url) as another,
        running_board(one) as board,
        running_board(another) as other,
    ):
        for user_id in (ANNA, BORIS):
            await other.arrive(user_id)
        device, here = await watching(board, ANNA, BORIS)
        assert here == {ANNA, BORIS}

        redis_server.kill()
        other.leave_soon(BORIS, is_back=lambda _: False)
        _, known = await watching(board, ANNA, BORIS)
        assert known == {ANNA, BORIS}, "what is known is known while nobody can be asked"
        await asyncio.sleep(2 * QUICK.leave_after_s)
        redis_server.start()

        await until(lambda: bool(device.heard))
        await asyncio.sleep(3 * QUICK.settle_s)
        assert device.heard == [(BORIS, False)]


async def test_a_cache_that_forgot_without_an_interruption_is_noticed(cache: Cache, shared_redis: RedisServer) -> None:
    """Redis may be back before anybody has seen that it was away."""
    rhythm = Rhythm(leave_after_s=0.4, note_ttl_s=60, renew_s=0.3, look_s=0.05, settle_s=0.6)
    async with running_board(cache, rhythm) as board, running_board(cache, rhythm) as other:
        await other.arrive(ANNA)
        await board.arrive(BORIS)
        device, here = await watching(board, ANNA, BORIS)
        assert here == {ANNA, BORIS}

        shared_redis.flush()
        await asyncio.sleep(1)

        assert device.heard == []
        assert await cache.present(PRESENCE, [ANNA, BORIS]) == {ANNA, BORIS}


class SlowToAnswer(MemoryCache):
    """What it answers about who is here was so when it was asked."""

    def __init__(self) -> None:
        super().__init__()
        self.answers = asyncio.Event()
        self.answers.set()

    async def present(self, group: str, members: Sequence[str]) -> set[str]:
        answer = await super().present(group, members)
        await self.answers.wait()
        return answer


async def test_an_answer_that_is_older_than_the_news_is_passed_over() -> None:
    cache = SlowToAnswer()
    async with running_board(cache, Rhythm()) as board:
        device, _ = await watching(board, ANNA, BORIS)
        cache.answers.clear()
        asking = asyncio.create_task(board.online(Device(), {ANNA, BORIS}))
        await asyncio.sleep(0)

        await board.arrive(ANNA)
        cache.answers.set()
        await asking

        assert device.heard == [(ANNA, True)]


async def test_who_comes_again_while_their_note_is_taken_back_is_still_here() -> None:
    class Leaving(MemoryCache):
        async def leave(self, group: str, member: str, holder: str) -> None:
            # They come before the note is gone, which takes the new one along.
            await board.arrive(ANNA)
            await super().leave(group, member, holder)

    cache = Leaving()
    async with running_board(cache) as board:
        await board.arrive(ANNA)
        device, _ = await watching(board, ANNA)

        board.leave_soon(ANNA, lambda _: False)
        await asyncio.sleep(QUICK.leave_after_s + QUICK.renew_s / 2)

        assert await cache.present(PRESENCE, [ANNA]) == {ANNA}
        assert device.heard == []


async def test_only_who_watches_is_told_and_once(cache: Cache) -> None:
    async with running_board(cache) as board:
        device, _ = await watching(board, ANNA)
        another, _ = await watching(board, ANNA, BORIS)
        for _ in range(3):
            await cache.publish(CHANNEL, msgspec.msgpack.encode(Change(ANNA, True)))
        await cache.touch(PRESENCE, [ANNA], "a gateway", 60_000)
        await until(lambda: bool(device.heard and another.heard))
        board.watch_only(device, set())

        await cache.leave(PRESENCE, ANNA, "a gateway")

        await until(lambda: len(another.heard) == 2)
        assert another.heard == [(ANNA, True), (ANNA, False)]
        assert device.heard == [(ANNA, True)]

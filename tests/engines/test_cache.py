"""The cache's promises, kept in memory and by Redis; and what only an outage of Redis can show."""

import asyncio
import time
from collections.abc import AsyncIterator

import pytest
import uvloop
from tests.resetting import ADDRESS, peer_that_resets
from tests.servers import RedisServer
from tests.waiting import until

from kaif.engines.cache import Cache, open_cache
from kaif.engines.cache.memory import SWEEP_ENTRIES_MIN, MemoryCache
from kaif.engines.cache.redis import open_redis
from kaif.kernel.errors import Unavailable


@pytest.fixture(params=["memory", "redis"])
def url(request: pytest.FixtureRequest) -> str:
    return "memory:" if request.param == "memory" else str(request.getfixturevalue("redis_url"))


@pytest.fixture
async def cache(url: str) -> AsyncIterator[Cache]:
    cache = await open_cache(url)
    yield cache
    await cache.close()


@pytest.fixture
async def outage_cache(redis_server: RedisServer) -> AsyncIterator[Cache]:
    cache = await open_cache(redis_server.url)
    yield cache
    await cache.close()


async def test_a_counter_adds_up(cache: Cache) -> None:
    assert await cache.count("visits", 10_000) == 1
    assert await cache.count("visits", 10_000, 5) == 6
    assert await cache.count("visits", 10_000, -2) == 4
    assert await cache.count("others", 10_000) == 1


async def test_a_counter_is_gone_after_its_first_increments_time(cache: Cache) -> None:
    await cache.count("visits", 500)
    assert await cache.count("visits", 60_000) == 2

    await asyncio.sleep(0.6)

    assert await cache.count("visits", 500) == 1


async def test_concurrent_increments_all_count(cache: Cache) -> None:
    # No more than find a connection soon on a busy machine too: whoever waits for long is told that Redis is away.
    counts = [
        count for _ in range(5) for count in await asyncio.gather(*[cache.count("visits", 10_000) for _ in range(20)])
    ]

    assert sorted(counts) == list(range(1, 101))


async def test_only_members_that_were_touched_are_present(cache: Cache) -> None:
    await cache.touch("people", ["anna", "boris"], "process 1", 10_000)

    assert await cache.present("people", ["anna", "boris", "vera"]) == {"anna", "boris"}
    assert await cache.present("devices", ["anna"]) == set()
    assert await cache.present("people", []) == set()


async def test_a_member_is_present_while_any_holder_sees_it(cache: Cache) -> None:
    await cache.touch("people", ["anna"], "process 1", 10_000)
    await cache.touch("people", ["anna"], "process 2", 10_000)

    await cache.leave("people", "anna", "process 1")
    assert await cache.present("people", ["anna"]) == {"anna"}

    await cache.leave("people", "anna", "process 2")
    assert await cache.present("people", ["anna"]) == set()


async def test_presence_lapses_unless_it_is_touched_again(cache: Cache) -> None:
    await cache.touch("people", ["anna", "boris"], "process 1", 300)
    await cache.touch("people", ["anna"], "process 1", 60_000)

    await asyncio.sleep(0.4)

    assert await cache.present("people", ["anna", "boris"]) == {"anna"}


async def test_a_short_note_does_not_shorten_a_long_one(cache: Cache) -> None:
    await cache.touch("people", ["anna"], "process 1", 10_000)
    await cache.touch("people", ["anna"], "process 2", 50)

    await asyncio.sleep(0.1)

    assert await cache.present("people", ["anna"]) == {"anna"}


async def test_presence_of_thousands_is_found(cache: Cache) -> None:
    members = [f"member {number}" for number in range(2500)]
    await cache.touch("people", members[::2], "process 1", 10_000)

    assert await cache.present("people", members) == set(members[::2])


async def test_a_lock_is_held_by_one(cache: Cache) -> None:
    async with (
        cache.lock("job", 10_000) as first,
        cache.lock("job", 10_000) as second,
        cache.lock("x", 10_000) as other,
    ):
        assert (first, second, other) == (True, False, True)

    async with cache.lock("job", 10_000) as again:
        assert again


async def test_a_lock_frees_itself_after_its_time(cache: Cache) -> None:
    async with cache.lock("job", 50):
        await asyncio.sleep(0.1)
        async with cache.lock("job", 10_000) as second:
            assert second


async def test_leaving_an_outlived_lock_does_not_free_the_next_holders(cache: Cache) -> None:
    late = cache.lock("job", 50)
    await late.__aenter__()
    await asyncio.sleep(0.1)
    async with cache.lock("job", 10_000):
        await late.__aexit__(None, None, None)

        async with cache.lock("job", 10_000) as third:
            assert not third


async def test_a_lock_is_freed_when_its_work_fails(cache: Cache) -> None:
    with pytest.raises(ZeroDivisionError):
        async with cache.lock("job", 10_000):
            raise ZeroDivisionError

    async with cache.lock("job", 10_000) as free:
        assert free


async def test_news_reach_every_listener_of_the_channel_in_order(cache: Cache) -> None:
    first, second, other = list[bytes](), list[bytes](), list[bytes]()
    await cache.subscribe("news", first.append)
    await cache.subscribe("news", second.append)
    await cache.subscribe("weather", other.append)

    for number in range(50):
        await cache.publish("news", b"\x00\xff %d" % number)

    await until(lambda: len(first) == len(second) == 50)
    assert first == second == [b"\x00\xff %d" % number for number in range(50)]
    assert other == []


async def test_a_failing_listener_does_not_silence_the_others(cache: Cache) -> None:
    heard: list[bytes] = []
    await cache.subscribe("news", lambda payload: [][0])
    await cache.subscribe("news", heard.append)

    await cache.publish("news", b"one")
    await cache.publish("news", b"two")

    await until(lambda: heard == [b"one", b"two"])


async def test_in_memory_news_are_delivered_before_publish_returns() -> None:
    cache = MemoryCache()
    heard: list[bytes] = []
    await cache.subscribe("news", heard.append)

    await cache.publish("news", b"one")

    assert heard == [b"one"]


async def test_in_memory_lapsed_entries_do_not_pile_up() -> None:
    now = 0
    cache = MemoryCache(clock=lambda: now)
    for number in range(20 * SWEEP_ENTRIES_MIN):
        now += 1000
        await cache.count(f"address {number}", ttl_ms=10)
        await cache.touch("people", [f"person {number}"], "process 1", ttl_ms=10)

    assert cache.entries() <= SWEEP_ENTRIES_MIN + 2


async def test_news_reach_other_processes(redis_url: str) -> None:
    here, there = await open_cache(redis_url), await open_cache(redis_url)
    heard: list[bytes] = []
    await there.subscribe("news", heard.append)

    await here.publish("news", b"hello")

    await until(lambda: heard == [b"hello"])
    await here.close()
    await there.close()


async def test_news_come_again_after_redis_restarted_and_listeners_learn_of_the_gap(
    redis_server: RedisServer, outage_cache: Cache
) -> None:
    heard, gaps = list[bytes](), list[str]()
    await outage_cache.subscribe("news", heard.append, lambda: gaps.append("news"))
    await outage_cache.subscribe("weather", heard.append, lambda: gaps.append("weather"))
    assert gaps == []

    redis_server.stop()
    redis_server.start()
    await until(lambda: sorted(gaps) == ["news", "weather"])

    await outage_cache.publish("news", b"after")
    await until(lambda: heard == [b"after"])


async def test_a_subscription_made_during_an_outage_starts_with_its_end(
    redis_server: RedisServer, outage_cache: Cache
) -> None:
    heard, gaps = list[bytes](), list[str]()
    redis_server.stop()
    await outage_cache.subscribe("news", heard.append, lambda: gaps.append("news"))

    redis_server.start()
    await until(lambda: gaps == ["news"])

    await outage_cache.publish("news", b"after")
    await until(lambda: heard == [b"after"])


async def test_a_hanging_subscription_is_noticed_and_replaced(
    redis_server: RedisServer,
) -> None:
    cache = await open_redis(redis_server.url, silence_max_s=0.2)
    gaps: list[str] = []
    await cache.subscribe("news", lambda payload: None, lambda: gaps.append("gap"))

    redis_server.pause()
    await asyncio.sleep(0.6)
    redis_server.resume()

    await until(lambda: gaps != [])
    await cache.close()


@pytest.mark.parametrize("outage", ["stop", "pause"])
async def test_without_redis_every_command_fails_within_a_second_or_so(
    redis_server: RedisServer, outage_cache: Cache, outage: str
) -> None:
    await outage_cache.count("visits", 1000)
    getattr(redis_server, outage)()

    for command in (
        lambda: outage_cache.count("visits", 1000),
        lambda: outage_cache.touch("people", ["anna"], "process 1", 1000),
        lambda: outage_cache.leave("people", "anna", "process 1"),
        lambda: outage_cache.present("people", ["anna"]),
        lambda: outage_cache.publish("news", b""),
        lambda: outage_cache.lock("job", 1000).__aenter__(),
    ):
        started = time.monotonic()
        with pytest.raises(Unavailable):
            await command()
        assert time.monotonic() - started < 1.5


async def test_who_is_cancelled_while_redis_is_asked_ends(redis_url: str) -> None:
    """In whatever moment that is: some end what the driver does just then."""
    cache = await open_cache(redis_url)

    async def ask_on_and_on() -> None:
        while True:
            await cache.present("people", ["anna"])

    for moment in range(60):
        asking = [asyncio.create_task(ask_on_and_on()) for _ in range(3)]
        for _ in range(moment):
            await asyncio.sleep(0)
        for task in asking:
            task.cancel()
        _, going_on = await asyncio.wait(asking, timeout=2)
        assert not going_on
    await cache.close()


async def test_commands_work_again_when_redis_is_back(redis_server: RedisServer, outage_cache: Cache) -> None:
    await outage_cache.touch("people", ["anna"], "process 1", 60_000)
    redis_server.stop()
    with pytest.raises(Unavailable):
        await outage_cache.count("visits", 1000)

    redis_server.start()

    assert await outage_cache.count("visits", 1000) == 1
    await outage_cache.touch("people", ["boris"], "process 1", 60_000)
    assert await outage_cache.present("people", ["anna", "boris"]) == {"boris"}


async def test_leaving_a_lock_while_redis_is_away_is_no_error(redis_server: RedisServer, outage_cache: Cache) -> None:
    async with outage_cache.lock("job", 1000) as held:
        assert held
        redis_server.stop()


async def test_opening_without_redis_says_so(redis_server: RedisServer) -> None:
    redis_server.stop()

    with pytest.raises(Unavailable):
        await open_cache(redis_server.url)


def test_whoever_resets_every_connection_is_away_for_servers_too() -> None:
    """Servers run on uvloop, which says otherwise than asyncio that a connection is gone."""

    async def ask(port: int) -> None:
        for _ in range(50):
            with pytest.raises(Unavailable):
                await open_cache(f"redis://{ADDRESS}:{port}")

    with peer_that_resets() as port:
        uvloop.run(ask(port))


async def test_an_unknown_scheme_is_refused() -> None:
    with pytest.raises(ValueError, match="no cache engine for 'memcached'"):
        await open_cache("memcached://localhost")

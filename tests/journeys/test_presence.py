"""Who is here, when those die who know it: a gateway, or Redis."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from tests.harness import Person, Split, people, running
from tests.servers import RedisServer
from tests.waiting import eventually, until

HOUR_S = 3600
# What docs/realtime.md promises, and a moment for a machine that has more to do.
DEATH_NOTICED_WITHIN_S = 20 + 2
REDIS_BACK_WITHIN_S = 15 + 2


def goings(person: Person) -> list[str]:
    """Of whom it was heard that they went."""
    return [event["user_id"] for event in person.heard if event["type"] == "presence" and not event["online"]]


@asynccontextmanager
async def device(url: str, of: Person) -> AsyncIterator[Person]:
    """Another device of theirs, at another gateway."""
    another = await Person(url, of.name).log_in()
    try:
        await another.connect()
        yield another
    finally:
        await another.close()


async def sees_at_hello(url: str, of: Person) -> set[str]:
    async with device(url, of) as fresh:
        return set(fresh.heard[0]["online"])


async def test_with_a_gateway_go_its_people_and_nobody_else_and_redis_may_forget_everything(
    tmp_path: Path, postgres_url: str, redis_server: RedisServer
) -> None:
    split = Split(tmp_path, postgres_url, redis_server.url, gateways=2)
    # An hour late: whoever is here is here all the same.
    split.gateways[1].clock_ahead_s = -HOUR_S
    async with running(split), people(split, "anna", "boris", "vera", "gleb") as (anna, boris, vera, gleb):
        for other in (boris, vera, gleb):
            await anna.direct_chat(other)
        for person in (anna, vera, gleb):
            await person.connect()
        here, there = split.urls
        async with device(there, boris), device(there, vera):
            for other in (boris, vera, gleb):
                await anna.hears("presence", user_id=other.id, online=True)

            split.gateways[1].kill()
            killed_at = time.monotonic()
        # It comes back at its address at once, and nobody with it.
        await split.gateways[1].start()
        await anna.hears("presence", user_id=boris.id, online=False, timeout_s=DEATH_NOTICED_WITHIN_S)
        assert goings(anna) == [boris.id], "who is elsewhere as well has stayed"
        assert time.monotonic() - killed_at > 5, "a gateway that only hesitates takes nobody along"
        assert await sees_at_hello(there, anna) == {vera.id, gleb.id}

        async with device(there, boris):
            await until(lambda: goings(anna) == [boris.id] and last_said(anna, boris))
            redis_server.kill()
            await gleb.disconnect()
            await asyncio.sleep(1)
            redis_server.start()
            await anna.hears("presence", user_id=gleb.id, online=False, timeout_s=REDIS_BACK_WITHIN_S)

            async def everybody_is_right() -> bool:
                return await sees_at_hello(here, anna) == await sees_at_hello(there, anna) == {boris.id, vera.id}

            await eventually(everybody_is_right, timeout_s=5)
            assert goings(anna) == [boris.id, gleb.id], "who was here all the time was never gone"


def last_said(person: Person, of: Person) -> bool:
    said = [event["online"] for event in person.heard if event["type"] == "presence" and event["user_id"] == of.id]
    return bool(said[-1])

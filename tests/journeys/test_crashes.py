"""Processes die in the middle of work, and nobody can tell from the conversations."""

import asyncio
import random
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from tests.harness import Child, Person, is_ready, log_is_whole, people, running_server, running_split
from tests.servers import RedisServer
from tests.waiting import until

KILLS = 20
NAMES = ["anna", "boris", "vera", "gleb"]
# Short enough to break many requests, long enough that some come through in between.
LIVES_S = (0.3, 0.8)
PAUSE_S = 0.01
UNANSWERED_MAX = 50
ROUNDS = 150


class Crowd:
    """People who talk all the time, each by one socket, in a group and in pairs."""

    def __init__(self, those: Sequence[Person]) -> None:
        self.people = those
        self.chat_ids: list[str] = []
        self.sent: set[str] = set()
        self._talking: list[asyncio.Task[None]] = []

    async def gather(self) -> None:
        first, second, *_ = self.people
        self.chat_ids = [await first.group("Берег", *self.people[1:]), await first.direct_chat(second)]
        for person in self.people:
            await person.connect()
        self._talking = [asyncio.create_task(self._talk(person)) for person in self.people]

    async def _talk(self, person: Person) -> None:
        mine = self.chat_ids if person in self.people[:2] else self.chat_ids[:1]
        while True:
            self.sent.add(await person.send(random.choice(mine), "Слышно?"))
            await asyncio.sleep(PAUSE_S)
            # Whoever waits for answers does not pile up questions.
            await until(lambda: len(person.pending) < UNANSWERED_MAX, timeout_s=30)

    async def hush(self) -> None:
        """Nobody begins anything new; everything begun comes to its end."""
        for task in self._talking:
            task.cancel()
        for ended in await asyncio.gather(*self._talking, return_exceptions=True):
            assert isinstance(ended, asyncio.CancelledError), ended
        for person in self.people:
            await person.everything_is_acknowledged()

    async def assert_nothing_was_lost_or_doubled(self) -> None:
        assert not any(person.refused for person in self.people)
        stored: set[str] = set()
        for chat_id in self.chat_ids:
            log = await self.people[0].history(chat_id)
            log_is_whole(log)
            by_ref = {entry["ref"]: entry["seq"] for entry in log if entry["kind"] == "message"}
            stored |= set(by_ref)
            await self._assert_everyone_saw(chat_id, [entry["seq"] for entry in log], by_ref)
        assert stored == self.sent

    async def _assert_everyone_saw(self, chat_id: str, seqs: list[int], by_ref: dict[str, int]) -> None:
        for person in self.people:
            if chat_id not in person.shown:
                continue
            shown = await person.sees(chat_id, len(seqs))
            assert [entry["seq"] for entry in shown] == seqs
            assert {entry["ref"]: entry["seq"] for entry in shown if entry["kind"] == "message"} == by_ref
            acknowledged = {ref: entry["seq"] for ref, entry in person.acknowledged.items() if ref in by_ref}
            assert acknowledged.items() <= by_ref.items()


@asynccontextmanager
async def talking_crowd(those: Sequence[Person]) -> AsyncIterator[Crowd]:
    crowd = Crowd(those)
    await crowd.gather()
    yield crowd
    await crowd.hush()
    await crowd.assert_nothing_was_lost_or_doubled()


async def a_while() -> None:
    await asyncio.sleep(random.uniform(*LIVES_S))


async def test_a_server_killed_twenty_times_under_load_loses_and_doubles_nothing(tmp_path: Path) -> None:
    async with running_server(tmp_path) as server, people(server, *NAMES) as those:
        async with talking_crowd(those) as crowd:
            for _ in range(KILLS):
                await a_while()
                server.kill()
                await server.restart()
                await someone_gets_through(those)
        assert len(crowd.sent) > KILLS * len(NAMES)


async def someone_gets_through(those: Sequence[Person]) -> None:
    """So that every life of a server has seen work."""
    before = sum(len(person.acknowledged) for person in those)
    await until(lambda: sum(len(person.acknowledged) for person in those) > before, timeout_s=20)


async def test_killing_one_of_two_messaging_processes_again_and_again_loses_nothing(
    tmp_path: Path, postgres_url: str, redis_url: str
) -> None:
    async with (
        running_split(tmp_path, postgres_url, redis_url) as split,
        people(split, *NAMES) as those,
        talking_crowd(those),
    ):
        for number in range(6):
            await kill_and_start(split.messagings[number % 2])
            await a_while()


async def kill_and_start(child: Child) -> None:
    await a_while()
    child.kill()
    await a_while()
    await child.start()


async def test_what_two_processes_store_at_once_reaches_a_silent_listener(
    tmp_path: Path, postgres_url: str, redis_url: str
) -> None:
    """Their news overtake each other on the way; nobody says anything later that would show the gap."""
    async with (
        running_split(tmp_path, postgres_url, redis_url) as split,
        people(split, *NAMES) as (listener, *speakers),
    ):
        chat_id = await listener.group("Берег", *speakers)
        await listener.connect()
        for number in range(1, ROUNDS + 1):
            await asyncio.gather(*[speaker.post_message(chat_id, "Все разом") for speaker in speakers * 2])
            await listener.sees(chat_id, 1 + number * len(speakers) * 2, timeout_s=5)
        log_is_whole(listener.shown[chat_id])


async def test_killing_redis_and_bringing_it_back_loses_nothing(
    tmp_path: Path, postgres_url: str, redis_server: RedisServer
) -> None:
    async with running_split(tmp_path, postgres_url, redis_server.url) as split, people(split, *NAMES) as those:
        async with talking_crowd(those) as crowd:
            for _ in range(3):
                await a_while()
                redis_server.kill()
                # Messages do not depend on the cache: they are acknowledged without it.
                await someone_gets_through(those)
                redis_server.start()
                await a_while()
        assert crowd.sent


async def test_killing_the_gateway_loses_nothing(tmp_path: Path, postgres_url: str, redis_url: str) -> None:
    async with (
        running_split(tmp_path, postgres_url, redis_url) as split,
        people(split, *NAMES) as those,
        talking_crowd(those),
    ):
        await kill_and_start(split.gateway)
        await is_ready(split.url)
        await a_while()

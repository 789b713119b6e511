"""One simulated world: people who talk, trouble that befalls them, and the promise checked at the end."""

import asyncio
import hashlib
import random
import shutil
import sqlite3
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Protocol

from tests.simulation.hosts import Gateway, MessagingHost, Parts, Writing
from tests.simulation.loop import Process, VirtualLoop
from tests.simulation.network import CacheEnd, Net, News, Weather
from tests.simulation.promise import Broken, Promise
from tests.simulation.talker import Talker

from kaif.app.compose import OUTBOX_MIGRATIONS
from kaif.app.messaging import MIGRATIONS
from kaif.engines.database.sqlite import Sqlite
from kaif.interfaces.auth import Person
from kaif.interfaces.messaging import AddMembers, ChatId, CreateChat, Messaging
from kaif.interfaces.messaging.administration import Administration, OfMember
from kaif.interfaces.messaging.invitations import ChatInvitations, MakeLink
from kaif.kernel.errors import KaifError
from kaif.services.messaging import people_store

# Of virtual time, after the storm: longer than any backoff.
CALM_WITHIN_S = 300.0
# By which a machine's clock is set: a little, as by a correction, or as by somebody who has mistaken the day.
JUMPS_S = (-3 * 86400, -3600, -5, -0.5, 0.5, 5, 3600, 3 * 86400)


@contextmanager
def prepared(parts: Parts | None = None) -> Iterator[Path]:
    """A folder with a migrated database for worlds to copy, in memory where the machine has such a place."""
    memory = Path("/dev/shm")
    with TemporaryDirectory(prefix="kaif-simulation-", dir=memory if memory.is_dir() else None) as name:
        folder = Path(name)

        async def migrate() -> None:
            database = Sqlite(str(folder / "template.db"))
            await database.migrate("outbox", OUTBOX_MIGRATIONS)
            await database.migrate("messaging", MIGRATIONS)
            (parts or Parts()).spoil(database)
            await database.close()

        asyncio.run(migrate())
        yield folder


class Mortal(Protocol):
    """A process that can die and return."""

    process: Process
    name: str

    async def start(self) -> None: ...

    def kill(self) -> None: ...


class World:
    def __init__(self, seed: int, folder: Path, parts: Parts, *, is_talkative: bool = True) -> None:
        """Unless it is talkative, people do only what they are told to."""
        self.seed, self.parts, self.is_talkative = seed, parts, is_talkative
        self.chance = random.Random(seed)
        self.loop = VirtualLoop()
        self.weather = Weather(self.chance)
        self.net = Net()
        self.news = News(self.loop, self.weather, str(seed))
        self.writing = Writing()
        self.path = folder / f"world-{seed}.db"
        shutil.copy(folder / "template.db", self.path)
        self.slow_readers = self.chance.random() < 0.3
        # How much of what people do is not talking.
        self.changes = self.chance.choice([0.0, 0.2, 0.5])
        self.calm = asyncio.Event()
        self.secrets: dict[ChatId, str] = {}
        self.complaints: list[str] = []
        self.trace: list[tuple[float, str, str, int]] = []
        self.promise = Promise(self)
        self._disk = random.Random(f"{seed}-disk")
        self.loop.on_executor = self._commit_takes_s
        self.storm_s = self.chance.uniform(3, 12)

    def note(self, what: str, who: str, seq: int = 0) -> None:
        self.trace.append((round(self.loop.time(), 9), what, who, seq))

    @property
    def digest(self) -> str:
        return hashlib.sha256(repr(self.trace).encode()).hexdigest()

    @property
    def owner(self) -> Talker:
        """Of all chats: the one who lets others in and bans them."""
        return self.talkers[0]

    @property
    def mortals(self) -> list[Mortal]:
        return [*self.messagings, *self.gateways, *self.talkers]

    def _commit_takes_s(self) -> float:
        if self.weather.happens(self._disk, self.weather.failed_commits):
            error = sqlite3.OperationalError("database or disk is full")
            error.sqlite_errorname = "SQLITE_FULL"
            raise error
        return self._disk.choice([0.001, 0.005, 0.05])

    def some_messaging(self, chance: random.Random) -> MessagingHost:
        return chance.choice(self.messagings)

    def some_gateway(self, chance: random.Random) -> Gateway:
        return chance.choice(self.gateways)

    # A life

    def run(self) -> None:
        """Raises Broken."""
        try:
            self.loop.run_until_complete(self._run())
        finally:
            self.end()

    def end(self) -> None:
        for host in self.messagings:
            if host.process.alive:
                host.kill()
        self.loop.bury()
        for path in self.path.parent.glob(f"{self.path.name}*"):
            path.unlink()

    async def _run(self) -> None:
        await self.begin()
        storm = asyncio.create_task(self._storm())
        await asyncio.sleep(self.storm_s)
        storm.cancel()
        await asyncio.wait([storm])
        await self.calm_down()

    async def calm_down(self) -> None:
        """All trouble ends, and the promise is to be kept. Raises Broken."""
        await self._end_storm()
        deadline = self.loop.time() + CALM_WITHIN_S
        await self._wait_for(self._all_is_acknowledged, deadline)
        # Once more something is said that not everybody can hear, and nothing after that, from which they could see
        # that they have missed something.
        mend = self.chance.choice([self._others_hang_up, self._others_are_cut_off, self._gateways_are_cut_off])()
        self.owner.say_once_more()
        await self._wait_for(self._all_is_acknowledged, deadline)
        mend()
        await self._wait_for(lambda: not self.promise.missing(), deadline)
        await self.promise.check()

    async def _wait_for(self, condition: Callable[[], bool], deadline: float) -> None:
        while not condition():
            if self.complaints:
                raise Broken(self.complaints[0])
            if self.loop.time() > deadline:
                raise Broken(f"not everything arrived: {self.promise.missing()}")
            await asyncio.sleep(0.5)

    async def begin(self) -> None:
        self.messagings = [MessagingHost(self, f"messaging-{number}") for number in range(self.chance.choice([1, 2]))]
        self.gateways = [Gateway(self, f"gateway-{number}") for number in range(self.chance.choice([1, 2, 2]))]
        for host in self.messagings:
            await host.start()
        for gateway in self.gateways:
            await gateway.start()
        self.talkers = [Talker(self, f"talker-{number}") for number in range(self.chance.randint(2, 4))]
        await self.messagings[0].process.spawn(self._make_chats(self.messagings[0]))
        for talker in self.talkers:
            await talker.start()

    async def _make_chats(self, host: MessagingHost) -> None:
        self.weather.calm = True
        people = [Person(talker.actor.user_id, talker.name, talker.name) for talker in self.talkers]
        async with host.database.transaction() as tx:
            await people_store.remember_people(tx, people)
        await asyncio.sleep(1)
        first, *others = self.talkers
        # Somebody comes later.
        self.late = others[-1] if len(others) > 1 and self.chance.random() < 0.5 else None
        for number in range(self.chance.randint(1, 2)):
            there = [talker for talker in self.talkers if talker is not self.late]
            wanted = CreateChat("group", [one.actor.user_id for one in there], f"Chat {number}", f"chat-{number}")
            with suppress(KaifError):
                await host.services[Messaging].create_chat(first.actor, wanted)
            await asyncio.sleep(1)
            chat = await host.services[Messaging].create_chat(first.actor, wanted)
            link = await host.services[ChatInvitations].make_link(first.actor, MakeLink(chat.id))
            self.secrets[chat.id] = link.secret
            for talker in there:
                talker.chat_ids.append(chat.id)
        self.weather.calm = False

    async def _let_in(self, talker: Talker) -> None:
        """Whatever has happened; repeated until it is known to have been done."""
        for chat_id in self.owner.chat_ids:
            member = OfMember(chat_id, talker.actor.user_id)
            await self._surely(Administration, "unban_person", member)
            await self._surely(Messaging, "add_members", AddMembers(chat_id, [talker.actor.user_id]))
            if chat_id not in talker.chat_ids:
                talker.chat_ids.append(chat_id)

    async def _surely(self, interface: type, verb: str, request: Any) -> None:
        for _ in range(200):
            try:
                await getattr(self.gateways[0].services[interface], verb)(self.owner.actor, request)
                return
            except KaifError:
                await asyncio.sleep(0.1)

    # Trouble

    @property
    def troubles(self) -> list[Callable[[], Awaitable[None]]]:
        return [
            self.kill_messaging,
            self.kill_gateway,
            self.kill_talker,
            self.cut_pipes,
            self.cut_news,
            self.part_some,
            self.set_clock,
        ]

    async def _storm(self) -> None:
        troubles = self.chance.sample(self.troubles, self.chance.randint(0, 6))
        letting_in = asyncio.create_task(self._let_in_late())
        try:
            while True:
                await asyncio.sleep(self.chance.expovariate(1.5))
                if troubles:
                    await self.chance.choice(troubles)()
        finally:
            letting_in.cancel()

    async def _let_in_late(self) -> None:
        if self.late:
            await self._let_in(self.late)

    def down(self, one: Mortal) -> None:
        self.note("killed", one.name)
        one.kill()
        for talker in self.talkers:
            pipe = talker.wire and talker.wire.pipe
            if pipe and pipe._gateway is one.process:
                pipe.cut()

    async def up(self, one: Mortal) -> None:
        if not one.process.alive:
            await one.start()

    async def kill_messaging(self) -> None:
        await self._kill(self.messagings)

    async def kill_gateway(self) -> None:
        await self._kill(self.gateways)

    async def kill_talker(self) -> None:
        await self._kill(self.talkers)

    async def _kill(self, some: Sequence[Mortal]) -> None:
        one = self.chance.choice(some)
        self.down(one)
        await asyncio.sleep(self.chance.uniform(0, 2))
        await self.up(one)

    async def cut_pipes(self) -> None:
        for talker in self.chance.sample(self.talkers, self.chance.randint(1, len(self.talkers))):
            if talker.wire and talker.wire.pipe:
                self.note("cut", talker.name)
                talker.wire.pipe.cut()

    async def cut_news(self) -> None:
        """Some can't reach the cache."""
        ends = self._ends()
        for end in self.chance.sample(ends, self.chance.randint(1, len(ends))):
            end.cut_off()
        await asyncio.sleep(self.chance.uniform(0, 3))
        self.mend_news()

    def mend_news(self) -> None:
        for end in self._ends():
            end.mend()

    def _ends(self) -> list[CacheEnd]:
        return [*(host.cache for host in self.messagings), *(gateway.cache for gateway in self.gateways)]

    async def part_some(self) -> None:
        """Some can't reach each other: gateways and messaging, or people and gateways."""
        others = [*(host.name for host in self.messagings), *(talker.name for talker in self.talkers)]
        links = [(gateway.name, other) for gateway in self.gateways for other in others]
        for one, other in self.chance.sample(links, self.chance.randint(1, len(links))):
            self.note("parted", one)
            self.net.part(one, other)
        await asyncio.sleep(self.chance.uniform(0, 5))
        self.heal()

    def heal(self) -> None:
        self._give_up_some()
        self.net.heal()

    def _give_up_some(self) -> None:
        """Of the connections that bring nothing some are closed meanwhile."""
        for pipe in self.net.pipes:
            if pipe.is_held and self.chance.random() < 0.5:
                pipe.cut()

    async def set_clock(self) -> None:
        host = self.chance.choice(self.messagings)
        jump_s = self.chance.choice(JUMPS_S)
        self.note(f"clock set by {jump_s} s", host.name)
        host.clock_off_us += int(jump_s * 1e6)

    async def _end_storm(self) -> None:
        """Everybody is up again and nothing more breaks."""
        self.weather.calm = True
        self.calm.set()
        for one in self.mortals:
            await self.up(one)
        self.mend_news()
        self.heal()
        for talker in self.talkers:
            # Some stay where they are, which may be outside.
            if talker is self.late or self.chance.random() < 0.7:
                await self._let_in(talker)

    def _others_hang_up(self) -> Callable[[], None]:
        for talker in self.talkers[1:]:
            if talker.wire and talker.wire.pipe:
                talker.wire.pipe.cut()
        return lambda: None

    def _others_are_cut_off(self) -> Callable[[], None]:
        for talker in self.talkers[1:]:
            for gateway in self.gateways:
                self.net.part(gateway.name, talker.name)
        return self.heal

    def _gateways_are_cut_off(self) -> Callable[[], None]:
        for gateway in self.gateways:
            gateway.cache.cut_off()
        return self.mend_news

    def _all_is_acknowledged(self) -> bool:
        return all(talker.is_done for talker in self.talkers)


def simulate(seed: int, folder: Path, parts: Parts | None = None) -> World:
    """Run the world of a seed. Raises Broken."""
    world = World(seed, folder, parts or Parts())
    world.run()
    return world

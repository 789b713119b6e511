"""One simulated world: people who talk, processes that die, and the promise checked at the end."""

import asyncio
import hashlib
import random
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple, cast

from tests.simulation.loop import Process, VirtualLoop
from tests.simulation.network import Calls, News, Pipe, SimulatedWire, Weather, nobody

import kaif.services.messaging
from kaif.app.compose import migrations
from kaif.client import Client, ClientError, Entry
from kaif.client.inbox import Inbox
from kaif.engines import database as engines_database
from kaif.engines.database.sqlite import Sqlite
from kaif.gateway.hub import Hub
from kaif.gateway.presence import PresenceBoard
from kaif.gateway.sockets import Socket, Sockets
from kaif.interfaces.auth import Auth, Person
from kaif.interfaces.messaging import AddMembers, ChatId, CreateChat
from kaif.kernel.actor import Actor, SessionId, UserId
from kaif.kernel.errors import KaifError
from kaif.kernel.ids import new_id
from kaif.kernel.limits import Limits
from kaif.services.messaging import store
from kaif.services.messaging.announcing import Announcer
from kaif.services.messaging.attaching import Attaching, NoFiles
from kaif.services.messaging.linking import LinkPlan
from kaif.services.messaging.pacing import Pace
from kaif.services.messaging.sending import Sender
from kaif.services.messaging.service import MessagingService

START_US = 1_780_000_000_000_000
# Of virtual time, after the storm: longer than any backoff.
CALM_WITHIN_S = 300.0
# So few that clients often have to let entries go and fetch them again.
INBOX_ENTRIES_MAX = 5


class Parts(NamedTuple):
    """What a world is made of; planted faults replace one of them."""

    database: type[Sqlite] = Sqlite
    sender: type[Sender] = Sender
    hub: type[Hub] = Hub
    inbox: type[Inbox] = Inbox
    spoil: Callable[[Sqlite], None] = lambda database: None


class Broken(AssertionError):
    """The promise was not kept."""


@contextmanager
def prepared(parts: Parts | None = None) -> Iterator[Path]:
    """A folder with a migrated database for worlds to copy, in memory where the machine has such a place."""
    memory = Path("/dev/shm")
    with TemporaryDirectory(prefix="kaif-simulation-", dir=memory if memory.is_dir() else None) as name:
        folder = Path(name)

        async def migrate() -> None:
            database = Sqlite(str(folder / "template.db"))
            await database.migrate("outbox", migrations(engines_database))
            await database.migrate("messaging", migrations(kaif.services.messaging))
            (parts or Parts()).spoil(database)
            await database.close()

        asyncio.run(migrate())
        yield folder


class MessagingHost:
    """The messaging process; each life opens the same file."""

    def __init__(self, world: "World") -> None:
        self._world = world
        self.start()

    def start(self) -> None:
        world = self._world
        self.process = Process(world.loop, "messaging")
        self.process.run(self._open)

    def _open(self) -> None:
        world = self._world
        self.database = world.parts.database(str(world.path))
        self.cache = world.news.end(self.process)
        announcer = Announcer(self.cache)
        announcer.start()
        sender = world.parts.sender(self.database, announcer, LinkPlan(on=False), Pace(1e6), world.clock)
        attaching = Attaching(self.database, NoFiles(), announcer, world.clock)
        self.service = MessagingService(self.database, cast(Auth, None), announcer, sender, attaching, world.clock)

    def kill(self) -> None:
        self.process.kill()
        # What a file system does for a process that is gone: locks are let go, nothing uncommitted stays.
        for connection in (self.database._writer, self.database._reader._connection):
            with suppress(sqlite3.Error):
                connection.close()


class NumberedSocket(Socket):
    """Its place in a set does not depend on where in memory it lies."""

    number = 0

    def __hash__(self) -> int:
        return self.number


class Gateway:
    def __init__(self, world: "World", name: str) -> None:
        self._world, self.name = world, name
        self._lives = self._accepted = 0

    async def start(self) -> None:
        world = self._world
        self._lives += 1
        self.process = Process(world.loop, self.name)
        self.cache = world.news.end(self.process)
        chance = random.Random(f"{world.seed}-{self.name}-{self._lives}")
        self.messaging: Any = Calls(world.loop, world.weather, world.messaging_host, chance)
        self.hub = world.parts.hub(self.messaging, self.cache, PresenceBoard(self.cache))
        limits = Limits(scale=1e6, clock=world.loop.time)
        self._sockets = Sockets(nobody(), nobody(), self.hub, self.messaging, limits, [])
        await self.process.spawn(self.hub.start())

    def accept(self, pipe: Pipe, actor: Actor) -> None:
        self.process.run(self._accept, pipe, actor)

    def _accept(self, pipe: Pipe, actor: Actor) -> None:
        self._accepted += 1
        pipe.socket = NumberedSocket(self._sockets, actor, expires_at_s=2**40)
        pipe.socket.number = self._accepted
        pipe.socket.on_ws_connected(pipe)

    def kill(self) -> None:
        self.process.kill()


class Talker:
    """A person with a program: what it has made of the entries outlives it, as a file would."""

    def __init__(self, world: "World", name: str) -> None:
        self._world, self.name = world, name
        self.actor = Actor(UserId(new_id()), SessionId(new_id()))
        # Kept together, as docs/clients.md says.
        self.received: dict[str, list[tuple[int, str, str]]] = {}
        self.have: dict[str, int] = {}
        self.sent: dict[str, tuple[ChatId, str]] = {}
        self.acknowledged: dict[str, Entry] = {}
        self.chat_ids: list[ChatId] = []
        self.is_done = False
        self._client: Client | None = None
        self._lives = self._refs = 0
        self._chance = random.Random(f"{world.seed}-{name}")
        self.wire: SimulatedWire | None = None

    def start(self) -> None:
        world = self._world
        self._lives += 1
        self.process = Process(world.loop, self.name)
        chance = random.Random(f"{world.seed}-{self.name}-{self._lives}")
        self.wire = SimulatedWire(world, self.process, self.actor, chance)
        inbox = world.parts.inbox(self.have, INBOX_ENTRIES_MAX)
        self.process.spawn(self._live(Client.over(self.wire, inbox, chance)))

    async def _live(self, client: Client) -> None:
        try:
            async with client:
                self._client = client
                # What the last life did not hear of is said again, with its reference.
                unsure = [ref for ref in self.sent if ref not in self.acknowledged]
                saying = [asyncio.create_task(self._say(client, ref)) for ref in unsure]
                speaking = asyncio.create_task(self._speak(client))
                listening = asyncio.create_task(self._listen(client))
                await asyncio.gather(speaking, *saying)
                self.is_done = True
                await listening
        except ClientError as error:
            self._world.complaints.append(f"{self.name} ended: {error}")
        except AssertionError as error:
            self._world.complaints.append(f"{self.name}: {error}")

    async def _listen(self, client: Client) -> None:
        async for entry in client.entries():
            self.received.setdefault(entry.chat_id, []).append((entry.seq, entry.sender_id, entry.ref))
            self.have = client.have
            self._world.note("received", self.name, entry.seq)
            if self._world.slow_readers and self._chance.random() < 0.2:
                await asyncio.sleep(self._chance.uniform(0, 0.5))

    async def _speak(self, client: Client) -> None:
        while not self._world.weather.calm:
            await asyncio.sleep(self._chance.expovariate(4))
            if self._world.weather.calm or not self.chat_ids:
                continue
            refs = [self._new(self._chance.choice(self.chat_ids)) for _ in range(self._chance.choice([1, 1, 1, 5]))]
            await asyncio.gather(*[self._say(client, ref) for ref in refs])
        # A last word in every chat, at the same time as the others'.
        await asyncio.gather(*[self._say(client, self._new(chat_id)) for chat_id in self.chat_ids])

    def say_once_more(self) -> None:
        async def say(client: Client) -> None:
            for chat_id in self.chat_ids:
                await self._say(client, self._new(chat_id))
            self.is_done = True

        assert self._client
        self.is_done = False
        self.process.spawn(say(self._client))

    def _new(self, chat_id: ChatId) -> str:
        self._refs += 1
        ref = f"{self.name}-{self._refs}"
        self.sent[ref] = (chat_id, f"said {ref}")
        return ref

    async def _say(self, client: Client, ref: str) -> None:
        chat_id, text = self.sent[ref]
        entry = await client.send(chat_id, text, ref=ref)
        self.acknowledged[ref] = entry
        self._world.note("acknowledged", self.name, entry.seq)

    def kill(self) -> None:
        self.process.kill()
        # The machine of a dead program closes its connections.
        if self.wire and self.wire.pipe:
            self.wire.pipe.cut()


class World:
    def __init__(self, seed: int, folder: Path, parts: Parts) -> None:
        self.seed, self.parts = seed, parts
        self.chance = random.Random(seed)
        self.loop = VirtualLoop()
        self.weather = Weather(self.chance)
        self.news = News(self.loop, self.weather, str(seed))
        self.path = folder / f"world-{seed}.db"
        shutil.copy(folder / "template.db", self.path)
        self.slow_readers = self.chance.random() < 0.3
        self.complaints: list[str] = []
        self.trace: list[tuple[float, str, str, int]] = []
        self._disk = random.Random(f"{seed}-disk")
        self.loop.on_executor = self._commit_takes_s
        self.storm_s = self.chance.uniform(3, 12)

    def clock(self) -> int:
        return START_US + int(self.loop.time() * 1e6)

    def note(self, what: str, who: str, seq: int = 0) -> None:
        self.trace.append((round(self.loop.time(), 9), what, who, seq))

    @property
    def digest(self) -> str:
        return hashlib.sha256(repr(self.trace).encode()).hexdigest()

    def _commit_takes_s(self) -> float:
        if self.weather.happens(self._disk, self.weather.failed_commits):
            error = sqlite3.OperationalError("database or disk is full")
            error.sqlite_errorname = "SQLITE_FULL"
            raise error
        return self._disk.choice([0.001, 0.005, 0.05])

    def messaging_host(self) -> tuple[Process, Any]:
        return self.messaging.process, self.messaging.service

    def some_gateway(self, chance: random.Random) -> Gateway:
        return chance.choice(self.gateways)

    # A life

    def run(self) -> None:
        """Raises Broken."""
        try:
            self.loop.run_until_complete(self._run())
        finally:
            self.messaging.kill()
            self.loop.bury()
            for path in self.path.parent.glob(f"{self.path.name}*"):
                path.unlink()

    async def _run(self) -> None:
        await self._begin()
        storm = asyncio.create_task(self._storm())
        await asyncio.sleep(self.storm_s)
        storm.cancel()
        await asyncio.wait([storm])
        await self._end_storm()
        deadline = self.loop.time() + CALM_WITHIN_S
        await self._wait_for(self._all_is_acknowledged, deadline)
        # Everyone else is away when the very last word is said: nothing but the next hello will tell them.
        first, *others = self.talkers
        for talker in others:
            if talker.wire and talker.wire.pipe:
                talker.wire.pipe.cut()
        first.say_once_more()
        await self._wait_for(self._all_is_acknowledged, deadline)
        await self._wait_for(lambda: not self._missing(), deadline)
        self._check()

    async def _wait_for(self, condition: Callable[[], bool], deadline: float) -> None:
        while not condition():
            if self.complaints:
                raise Broken(self.complaints[0])
            if self.loop.time() > deadline:
                raise Broken(f"not everything arrived: {self._missing()}")
            await asyncio.sleep(0.5)

    async def _begin(self) -> None:
        self.messaging = MessagingHost(self)
        self.gateways = [Gateway(self, f"gateway-{number}") for number in range(self.chance.choice([1, 2, 2]))]
        for gateway in self.gateways:
            await gateway.start()
        self.talkers = [Talker(self, f"talker-{number}") for number in range(self.chance.randint(2, 4))]
        await self.messaging.process.spawn(self._make_chats())
        for talker in self.talkers:
            talker.start()

    async def _make_chats(self) -> None:
        self.weather.calm = True
        people = [Person(talker.actor.user_id, talker.name, talker.name) for talker in self.talkers]
        async with self.messaging.database.transaction() as tx:
            await store.remember_people(tx, people)
        await asyncio.sleep(1)
        first, *others = self.talkers
        # Somebody comes later.
        self.late = others[-1] if len(others) > 1 and self.chance.random() < 0.5 else None
        for number in range(self.chance.randint(1, 2)):
            there = [talker for talker in self.talkers if talker is not self.late]
            wanted = CreateChat("group", [one.actor.user_id for one in there], f"Chat {number}", f"chat-{number}")
            with suppress(KaifError):
                await self.messaging.service.create_chat(first.actor, wanted)
            await asyncio.sleep(1)
            chat = await self.messaging.service.create_chat(first.actor, wanted)
            for talker in there:
                talker.chat_ids.append(chat.id)
        self.weather.calm = False

    async def _let_in_late(self) -> None:
        """Repeated until it is known to have been done."""
        talker = self.late
        if talker is None:
            return
        first = self.talkers[0]
        for chat_id in first.chat_ids[len(talker.chat_ids) :]:
            for _ in range(200):
                try:
                    await self.gateways[0].messaging.add_members(
                        first.actor, AddMembers(chat_id, [talker.actor.user_id])
                    )
                    talker.chat_ids.append(chat_id)
                    break
                except KaifError:
                    await asyncio.sleep(0.1)
        self.late = None

    # Trouble

    async def _storm(self) -> None:
        troubles = self.chance.sample(
            [self._kill_messaging, self._kill_gateway, self._kill_talker, self._cut_pipes, self._cut_news],
            self.chance.randint(0, 5),
        )
        letting_in = asyncio.create_task(self._let_in_late())
        try:
            while True:
                await asyncio.sleep(self.chance.expovariate(1.5))
                if troubles:
                    await self.chance.choice(troubles)()
        finally:
            letting_in.cancel()

    async def _kill_messaging(self) -> None:
        if self.messaging.process.alive:
            self.note("killed", "messaging")
            self.messaging.kill()
            await asyncio.sleep(self.chance.uniform(0, 1))
            self.messaging.start()

    async def _kill_gateway(self) -> None:
        gateway = self.chance.choice(self.gateways)
        if gateway.process.alive:
            self.note("killed", gateway.name)
            gateway.kill()
            for talker in self.talkers:
                pipe = talker.wire and talker.wire.pipe
                if pipe and pipe._gateway is gateway.process:
                    pipe.cut()
            await asyncio.sleep(self.chance.uniform(0, 1))
            await gateway.start()

    async def _kill_talker(self) -> None:
        talker = self.chance.choice(self.talkers)
        self.note("killed", talker.name)
        talker.kill()
        await asyncio.sleep(self.chance.uniform(0, 2))
        talker.start()

    async def _cut_pipes(self) -> None:
        for talker in self.chance.sample(self.talkers, self.chance.randint(1, len(self.talkers))):
            if talker.wire and talker.wire.pipe:
                self.note("cut", talker.name)
                talker.wire.pipe.cut()

    async def _cut_news(self) -> None:
        ends = [self.messaging.cache, *[gateway.cache for gateway in self.gateways]]
        those = self.chance.sample(ends, self.chance.randint(1, len(ends)))
        for end in those:
            end.cut_off()
        await asyncio.sleep(self.chance.uniform(0, 3))
        for end in ends:
            end.mend()

    async def _end_storm(self) -> None:
        """Everybody is up again and nothing more breaks."""
        self.weather.calm = True
        if not self.messaging.process.alive:
            self.messaging.start()
        for gateway in self.gateways:
            if not gateway.process.alive:
                await gateway.start()
        for end in [self.messaging.cache, *[gateway.cache for gateway in self.gateways]]:
            end.mend()
        await self._let_in_late()
        for talker in self.talkers:
            if not talker.process.alive:
                talker.start()

    # The promise

    def _log(self, chat_id: str) -> list[tuple[int, str, str]]:
        """What is durable, by a look at the file that is not ours to share."""
        with sqlite3.connect(f"file:{self.path}?mode=ro", uri=True) as connection:
            rows = connection.execute(
                "SELECT seq, sender_id, COALESCE(ref, '') FROM messaging_entries WHERE chat_id = ? ORDER BY seq",
                (chat_id,),
            ).fetchall()
        connection.close()
        return rows

    def _all_is_acknowledged(self) -> bool:
        return all(talker.is_done for talker in self.talkers)

    def _missing(self) -> dict[str, tuple[int, int]]:
        """Whose newest entry is not the log's."""
        missing = {}
        for talker in self.talkers:
            for chat_id in talker.chat_ids:
                newest = self._log(chat_id)[-1][0]
                have = talker.have.get(chat_id, 0)
                if have < newest:
                    missing[talker.name] = (have, newest)
        return missing

    def _check(self) -> None:
        for chat_id in self.talkers[0].chat_ids:
            log = self._log(chat_id)
            _must([seq for seq, _, _ in log] == list(range(1, len(log) + 1)), "a log has gaps")
            references = [(sender_id, ref) for _, sender_id, ref in log if ref]
            _must(len(references) == len(set(references)), "a message stands twice in the log")
            for talker in self.talkers:
                self._check_received(talker, chat_id, log)
            by_ref = {ref: seq for seq, _, ref in log if ref}
            for talker in self.talkers:
                mine = {ref: e.seq for ref, e in talker.acknowledged.items() if e.chat_id == chat_id}
                _must(mine.items() <= by_ref.items(), f"{talker.name} was acknowledged what is not in the log")

    def _check_received(self, talker: Talker, chat_id: str, log: list[tuple[int, str, str]]) -> None:
        received = talker.received.get(chat_id, [])
        first = received[0][0] if received else 0
        _must(first >= 1, f"{talker.name} received nothing")
        _must(received == log[first - 1 :], f"{talker.name} did not receive the log as it is")
        _must(first == 1 or talker is not self.talkers[0], f"{talker.name} missed the beginning")


def _must(holds: bool, otherwise: str) -> None:
    if not holds:
        raise Broken(otherwise)


def simulate(seed: int, folder: Path, parts: Parts | None = None) -> World:
    """Run the world of a seed. Raises Broken."""
    world = World(seed, folder, parts or Parts())
    world.run()
    return world

"""The server's processes: messaging, of which several may share one database, and gateways. Each can die and return."""

import asyncio
import random
import sqlite3
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Any, NamedTuple, cast

from tests.simulation.loop import Process
from tests.simulation.network import Calls, Pipe, nobody

from kaif.client.inbox import Inbox
from kaif.engines.database.sqlite import Sqlite
from kaif.gateway.hub import Hub
from kaif.gateway.presence import PresenceBoard
from kaif.gateway.sockets import Socket, Sockets
from kaif.interfaces.auth import Auth
from kaif.interfaces.messaging import Messaging
from kaif.interfaces.messaging.actions import MessageActions
from kaif.interfaces.messaging.administration import Administration
from kaif.interfaces.messaging.invitations import ChatInvitations
from kaif.kernel.actor import Actor
from kaif.kernel.http import Endpoint, Table
from kaif.kernel.limits import Limits
from kaif.services.messaging import routes
from kaif.services.messaging.attachments.attaching import Attaching, NoFiles
from kaif.services.messaging.chats.administration import AdministrationService
from kaif.services.messaging.invitations.service import ChatInvitationsService
from kaif.services.messaging.messages.actions import MessageActionsService
from kaif.services.messaging.previews.linking import LinkPlan
from kaif.services.messaging.sending.announcing import Announcer
from kaif.services.messaging.sending.pacing import Pace
from kaif.services.messaging.sending.sender import Sender
from kaif.services.messaging.service import MessagingService

if TYPE_CHECKING:
    from tests.simulation.world import World

START_US = 1_780_000_000_000_000
# What clients may ask for here.
SURFACE = (
    (Messaging, routes.ROUTES),
    (MessageActions, routes.ACTIONS),
    (Administration, routes.ADMINISTRATION_ROUTES),
    (ChatInvitations, routes.INVITATIONS_ROUTES),
)


class Parts(NamedTuple):
    """What a world is made of; planted faults replace one of them."""

    database: type[Sqlite] = Sqlite
    sender: type[Sender] = Sender
    messaging: type[MessagingService] = MessagingService
    hub: type[Hub] = Hub
    inbox: type[Inbox] = Inbox
    spoil: Callable[[Sqlite], None] = lambda database: None


class Writing:
    """Who writes into the file. SQLite lets one process do so at a time; the others wait here, in simulated time."""

    def __init__(self) -> None:
        self._holder: Turn | None = None
        self._waiting: deque[tuple[Turn, asyncio.Future[None]]] = deque()

    async def take(self, turn: "Turn") -> None:
        if self._holder is turn:
            return
        if self._holder is None:
            self._holder = turn
            return
        granted: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((turn, granted))
        try:
            await granted
        except asyncio.CancelledError:
            self.give(turn)
            raise

    def give(self, turn: "Turn") -> None:
        if self._holder is not turn:
            return
        self._holder = None
        while self._waiting and self._holder is None:
            following, granted = self._waiting.popleft()
            if not following.is_over and not granted.done():
                self._holder = following
                granted.set_result(None)


class Turn:
    """What an engine takes for each transaction and each commit; between the two of a group it keeps the file."""

    def __init__(self, database: Sqlite, writing: Writing) -> None:
        self._database, self._writing = database, writing
        self._own = asyncio.Lock()
        self.is_over = False

    def locked(self) -> bool:
        return self._own.locked()

    async def __aenter__(self) -> None:
        await self._own.acquire()
        try:
            await self._writing.take(self)
        except BaseException:
            self._own.release()
            raise

    async def __aexit__(self, *raised: object) -> None:
        if self._database._group is None and not self.is_over:
            self._writing.give(self)
        self._own.release()

    def end(self) -> None:
        """Of a process that is gone the file system lets go."""
        self.is_over = True
        self._writing.give(self)


class MessagingHost:
    """A messaging process; each life opens the same file."""

    def __init__(self, world: "World", name: str) -> None:
        self._world, self.name = world, name
        # How far the machine's clock is from the truth.
        self.clock_off_us = 0

    def clock(self) -> int:
        return START_US + int(self._world.loop.time() * 1e6) + self.clock_off_us

    async def start(self) -> None:
        self.process = Process(self._world.loop, self.name)
        self.process.run(self._open)

    def _open(self) -> None:
        world, clock = self._world, self.clock
        parts = world.parts
        database = self.database = parts.database(str(world.path))
        self._turn = Turn(database, world.writing)
        database._turn = self._turn  # type: ignore[assignment]
        self.cache = world.news.end(self.process)
        announcer = Announcer(self.cache)
        announcer.start()
        links, auth = LinkPlan(on=False), cast(Auth, None)
        sender = parts.sender(database, announcer, links, Pace(1e6), clock)
        attaching = Attaching(database, NoFiles(), announcer, clock)
        self.services: dict[type, Any] = {
            Messaging: parts.messaging(database, auth, announcer, sender, attaching, clock),
            MessageActions: MessageActionsService(
                database, announcer, sender, attaching, links, clock, lambda posts: None
            ),
            Administration: AdministrationService(database, auth, announcer, clock),
            ChatInvitations: ChatInvitationsService(database, auth, announcer, clock),
        }

    def kill(self) -> None:
        self.process.kill()
        # What a file system does for a process that is gone: locks are let go, nothing uncommitted stays.
        for connection in (self.database._writer, self.database._reader._connection):
            with suppress(sqlite3.Error):
                connection.close()
        self._turn.end()


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
        self.services: dict[type, Any] = {interface: self._calls(interface) for interface, _ in SURFACE}
        surface = [Endpoint(route, self.services[interface]) for interface, those in SURFACE for route in those]
        self.table = Table(surface)
        messaging = self.services[Messaging]
        self.hub = world.parts.hub(messaging, self.cache, PresenceBoard(self.cache))
        limits = Limits(scale=1e6, clock=world.loop.time)
        self._sockets = Sockets(nobody(), nobody(), self.hub, messaging, limits, [])
        await self.process.spawn(self.hub.start())

    def _calls(self, interface: type) -> Any:
        world = self._world
        chance = random.Random(f"{world.seed}-{self.name}-{self._lives}-{interface.__name__}")

        def service() -> tuple[Process, Any]:
            host = world.some_messaging(chance)
            return host.process, host.services[interface]

        return Calls(world.loop, world.weather, world.net, self.name, service, chance)

    def accept(self, pipe: Pipe, actor: Actor) -> None:
        self.process.run(self._accept, pipe, actor)

    def _accept(self, pipe: Pipe, actor: Actor) -> None:
        self._accepted += 1
        pipe.socket = NumberedSocket(self._sockets, actor, expires_at_s=2**40)
        pipe.socket.number = self._accepted
        pipe.socket.on_ws_connected(pipe)

    def kill(self) -> None:
        self.process.kill()

"""All open connections: the slow are hung up on, and at the end each is served to its end."""

import asyncio
from email.utils import formatdate

from kaif.gateway.answers import lines
from kaif.gateway.connection import Connection, Edge
from kaif.gateway.crowd import Crowd

# While draining, a connection without a request may bring its last one: hanging up at once could cross with it on the
# way, and nobody would know whether it was carried out.
LAST_REQUEST_WITHIN_S = 0.5


class Connections:
    """With a clock, and the date for their answers."""

    def __init__(self, edge: Edge) -> None:
        self.edge = edge
        self._open: Crowd[Connection] = Crowd()
        self._clock: asyncio.Task[None] | None = None
        self.date = b""

    def start(self) -> None:
        self._tick()
        self._clock = asyncio.get_running_loop().create_task(self._run_clock())

    def __call__(self) -> Connection:
        return Connection(self)

    def add(self, connection: Connection) -> None:
        self._open.add(connection)

    def discard(self, connection: Connection) -> None:
        self._open.discard(connection)

    async def _run_clock(self) -> None:
        while True:
            await asyncio.sleep(1)
            self._tick()

    def _tick(self) -> None:
        self.date = lines((b"date", formatdate(usegmt=True).encode()))
        now = asyncio.get_running_loop().time()
        for connection in self._open:
            if connection.deadline < now:
                connection.give_up()

    async def drain(self, within_s: float) -> None:
        """Answer what is under way and what comes at once, each as the last of its connection; then hang up."""
        for connection in self._open:
            connection.finish_soon()
        await self._open.gone(min(LAST_REQUEST_WITHIN_S, within_s))
        for connection in self._open:
            connection.finish()
        await self._open.gone(within_s - LAST_REQUEST_WITHIN_S)
        for connection in self._open:
            connection.abort()
        if self._clock:
            self._clock.cancel()

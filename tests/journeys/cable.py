"""A network cable between a client and a server, to be cut and mended."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Sequence

SNDBUF_BYTES = 128 * 1024


class Cable:
    """Passes bytes on between its own port and the server's."""

    def __init__(self, host: str, port: int) -> None:
        self._host, self._port = host, port
        self._whole = True
        # How long what is sent is on its way.
        self.delay_s = 0.0
        # Of what clients sent: so many bytes reached the server.
        self.sent_bytes = 0
        self._transports: set[asyncio.WriteTransport] = set()
        self._tasks: set[asyncio.Task[None]] = set()

    async def lay(self) -> None:
        self._listener = await asyncio.start_server(self._connect, self._host, 0)
        self.url = f"http://{self._host}:{self._listener.sockets[0].getsockname()[1]}"

    def cut(self) -> None:
        """No farewell: what is open is reset, what is new is hung up on."""
        self._whole = False
        for transport in self._transports:
            transport.abort()

    def mend(self) -> None:
        self._whole = True

    async def remove(self) -> None:
        self.cut()
        self._listener.close()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=5)

    async def _connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if not self._whole:
            writer.transport.abort()
            return
        task = asyncio.current_task()
        assert task
        self._tasks.add(task)
        self._transports.add(writer.transport)
        try:
            with contextlib.suppress(OSError):
                await self._pass_on(reader, writer)
        finally:
            self._transports.discard(writer.transport)
            self._tasks.discard(task)
            writer.close()

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        far_reader, far_writer = await self._reach()
        # What waits here has not reached the server.
        far_writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SNDBUF_BYTES)
        try:
            await asyncio.gather(self._copy(reader, far_writer, counted=True), self._copy(far_reader, writer))
        finally:
            far_writer.close()

    async def _reach(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        return await asyncio.open_connection(self._host, self._port)

    async def _copy(self, source: asyncio.StreamReader, target: asyncio.StreamWriter, *, counted: bool = False) -> None:
        """Until one side is gone, and then the other side goes too."""
        try:
            while data := await source.read(65536):
                if self.delay_s:
                    await asyncio.sleep(self.delay_s)
                target.write(data)
                self.sent_bytes += len(data) if counted else 0
                await target.drain()
        finally:
            target.close()


@contextlib.asynccontextmanager
async def laid_cable(host: str, port: int) -> AsyncIterator[Cable]:
    cable = Cable(host, port)
    await cable.lay()
    try:
        yield cable
    finally:
        await cable.remove()


class Balancer(Cable):
    """A proxy in front of several servers, as operators run one: connections go to each in turn that takes them."""

    def __init__(self, addresses: Sequence[tuple[str, int]]) -> None:
        super().__init__(*addresses[0])
        self._addresses = list(addresses)

    async def _reach(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        for _ in self._addresses:
            self._addresses.append(self._addresses.pop(0))
            with contextlib.suppress(ConnectionRefusedError):
                return await asyncio.open_connection(*self._addresses[0])
        raise ConnectionRefusedError


@contextlib.asynccontextmanager
async def balanced(addresses: Sequence[tuple[str, int]]) -> AsyncIterator[Balancer]:
    balancer = Balancer(addresses)
    await balancer.lay()
    try:
        yield balancer
    finally:
        await balancer.remove()

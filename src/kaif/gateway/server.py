"""The port: uvicorn for HTTP, with the patience it lacks, and picows for sockets."""

import asyncio
import contextlib
import socket
from collections.abc import Callable, Iterator
from typing import Any

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from kaif.gateway.application import Gateway
from kaif.gateway.sockets import Sockets

KEEP_ALIVE_S = 60
HEADERS_WITHIN_S = 10
DRAIN_WITHIN_S = 4
BACKLOG = 2048


class PatientProtocol(HttpToolsProtocol):
    """Hangs up on a client that takes too long over the head of its request (slow loris)."""

    _reading_head = True
    _give_up: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._wait_for_head()

    def on_message_begin(self) -> None:
        self._reading_head = True
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        self._reading_head = False
        super().on_headers_complete()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        # Nearly every head comes in one piece, and then there is no timer to set.
        if self._reading_head:
            self._wait_for_head()
        elif self._give_up:
            self._give_up.cancel()
            self._give_up = None

    def connection_lost(self, exc: Exception | None) -> None:
        if self._give_up:
            self._give_up.cancel()
        super().connection_lost(exc)

    def _wait_for_head(self) -> None:
        if self._give_up is None:
            self._give_up = self.loop.call_later(HEADERS_WITHIN_S, self.transport.close)


class Server(uvicorn.Server):
    """uvicorn that tells when it has started, and leaves signals to the application."""

    def __init__(self, config: uvicorn.Config, on_start: Callable[[], Any]) -> None:
        super().__init__(config)
        self._on_start = on_start

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._on_start()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def listen(host: str, port: int) -> socket.socket:
    """Take the port. Raises OSError when it is taken."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        listener.listen(BACKLOG)
    except OSError:
        listener.close()
        raise
    return listener


async def serve(
    gateway: Gateway, sockets: Sockets, listener: socket.socket, stop: asyncio.Event, started: Callable[[], Any]
) -> None:
    """Serve until `stop`; then finish what is under way, within DRAIN_WITHIN_S."""
    config = uvicorn.Config(
        gateway,
        loop="none",
        http=PatientProtocol,
        ws=sockets.upgrade,  # type: ignore[arg-type]
        lifespan="off",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        timeout_keep_alive=KEEP_ALIVE_S,
        timeout_graceful_shutdown=DRAIN_WITHIN_S,
        backlog=BACKLOG,
    )
    server = Server(config, started)
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    stopping = asyncio.create_task(stop.wait())
    await asyncio.wait([serving, stopping], return_when=asyncio.FIRST_COMPLETED)
    stopping.cancel()
    sockets.draining = True
    server.should_exit = True
    await serving

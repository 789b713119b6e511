"""The port."""

import asyncio
import socket
from collections.abc import Callable

from kaif.gateway.application import Gateway
from kaif.gateway.connections import Connections
from kaif.gateway.sockets import Sockets

DRAIN_WITHIN_S = 4
BACKLOG = 2048


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
    gateway: Gateway, sockets: Sockets, listener: socket.socket, stop: asyncio.Event, started: Callable[[], None]
) -> None:
    """Serve until `stop`; then finish what is under way, within DRAIN_WITHIN_S."""
    connections = Connections(gateway)
    connections.start()
    server = await asyncio.get_running_loop().create_server(connections, sock=listener, backlog=BACKLOG)
    started()
    await stop.wait()
    server.close()
    sockets.drain()
    await connections.drain(DRAIN_WITHIN_S)
    await sockets.drained(within_s=1)

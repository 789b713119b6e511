"""The rest of a body whose length is known, read by the kernel into the memory in which it is handed on.

Nothing of it has to be parsed, so nobody else needs to see it: a receiver takes the connection's place at the transport
until the last byte is there, and reads none beyond.
"""

import asyncio
from collections.abc import Callable

from kaif.gateway.bodies import Body


class Receiver(asyncio.BufferedProtocol):
    def __init__(self, connection: asyncio.Protocol, body: Body, left: int, on_whole: Callable[[], None]) -> None:
        """`left` bytes are still to come; whatever else happens at the transport is the connection's."""
        self._connection, self._body, self._left, self._on_whole = connection, body, left, on_whole

    def get_buffer(self, sizehint: int) -> memoryview:
        return self._body.place()[: self._left]

    def buffer_updated(self, size: int) -> None:
        self._left -= size
        if not self._left:
            self._body.end()
        self._body.placed(size)
        if not self._left:
            self._on_whole()

    def eof_received(self) -> bool | None:
        return self._connection.eof_received()

    def connection_lost(self, error: Exception | None) -> None:
        self._connection.connection_lost(error)

    def pause_writing(self) -> None:
        self._connection.pause_writing()

    def resume_writing(self) -> None:
        self._connection.resume_writing()

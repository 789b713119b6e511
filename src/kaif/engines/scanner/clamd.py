"""ClamAV's daemon, by its protocol: INSTREAM, chunks each after its length, and one line as the answer (clamd(8))."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

from kaif.engines.scanner import ScannerUnavailable, TooLargeToScan

CONNECT_WITHIN_S = 5.0
# For each step: a chunk that it takes, and the answer after the last, when it unpacks archives.
ANSWER_WITHIN_S = 120.0
# clamd has so many threads unless it is told otherwise; more would only wait there, with a connection each.
AT_ONCE_MAX = 8
CHUNK_BYTES = 256 * 1024
ANSWER_BYTES_MAX = 4096
RETRY_AFTER_MS = 5000

_FOUND, _OK = " FOUND", " OK"


class Clamd:
    def __init__(self, url: str) -> None:
        """Raises ValueError."""
        parts = urlsplit(url)
        if parts.scheme == "unix" and parts.path:
            self._path = parts.path
        elif parts.scheme == "tcp" and parts.hostname and parts.port:
            self._path, self._host, self._port = "", parts.hostname, parts.port
        else:
            raise ValueError("a clamd is at tcp://HOST:PORT or unix:PATH")
        self._turns = asyncio.Semaphore(AT_ONCE_MAX)

    async def ping(self) -> None:
        async with self._connected() as clamd:
            await clamd.take(b"zPING\0")
            if await clamd.answer() != "PONG":
                raise ScannerUnavailable(retry_after_ms=RETRY_AFTER_MS)

    async def scan(self, pieces: AsyncIterator[bytes]) -> str:
        async with self._turns, self._connected() as clamd:
            await clamd.take(b"zINSTREAM\0")
            async for chunk in _chunks(pieces):
                # On too much it says so and hangs up.
                if not await clamd.take(len(chunk).to_bytes(4, "big") + chunk):
                    break
            else:
                await clamd.take(bytes(4))
            return _found(await clamd.answer())

    @asynccontextmanager
    async def _connected(self) -> AsyncIterator["_Connection"]:
        """Raises ScannerUnavailable for all that goes wrong with the connection."""
        try:
            async with asyncio.timeout(CONNECT_WITHIN_S):
                connection = _Connection(await self._open())
            try:
                yield connection
            finally:
                connection.close()
        except (OSError, TimeoutError):
            raise ScannerUnavailable(retry_after_ms=RETRY_AFTER_MS) from None

    async def _open(self) -> socket.socket:
        if not self._path:
            return await asyncio.to_thread(socket.create_connection, (self._host, self._port), CONNECT_WITHIN_S)
        connection = socket.socket(socket.AF_UNIX)
        connection.setblocking(False)
        try:
            await asyncio.get_running_loop().sock_connect(connection, self._path)
        except BaseException:
            connection.close()
            raise
        return connection


class _Connection:
    """A bare socket: streams lose an answer that has come when what is sent after it finds the connection reset."""

    def __init__(self, connection: socket.socket) -> None:
        connection.setblocking(False)
        self._socket = connection
        self._loop = asyncio.get_running_loop()

    def close(self) -> None:
        self._socket.close()

    async def take(self, content: bytes) -> bool:
        """False when it has hung up: then its answer says why."""
        try:
            async with asyncio.timeout(ANSWER_WITHIN_S):
                await self._loop.sock_sendall(self._socket, content)
        except ConnectionError:
            return False
        return True

    async def answer(self) -> str:
        """Raises OSError without one."""
        answer = b""
        async with asyncio.timeout(ANSWER_WITHIN_S):
            while b"\0" not in answer:
                read = await self._loop.sock_recv(self._socket, ANSWER_BYTES_MAX)
                if not read or len(answer) > ANSWER_BYTES_MAX:
                    raise ConnectionError("clamd said nothing that ends")
                answer += read
        return answer.partition(b"\0")[0].decode(errors="replace")


async def _chunks(pieces: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    async for piece in pieces:
        for at in range(0, len(piece), CHUNK_BYTES):
            yield piece[at : at + CHUNK_BYTES]


def _found(answer: str) -> str:
    """`stream: NAME FOUND`. Raises TooLargeToScan; what is neither that nor OK is no answer to rely on."""
    _, _, said = answer.partition(": ")
    if said.endswith(_FOUND):
        return said.removesuffix(_FOUND) or "unnamed"
    if answer.startswith("INSTREAM size limit exceeded"):
        raise TooLargeToScan
    if f" {said}" != _OK:
        raise ScannerUnavailable(retry_after_ms=RETRY_AFTER_MS)
    return ""

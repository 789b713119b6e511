"""ClamAV's daemon, by its protocol: INSTREAM, chunks each after its length, and one line as the answer (clamd(8))."""

import asyncio
import contextlib
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
        async with self._connected() as (reader, writer):
            writer.write(b"zPING\0")
            async with asyncio.timeout(ANSWER_WITHIN_S):
                if await self._answer(reader) != "PONG":
                    raise ScannerUnavailable(retry_after_ms=RETRY_AFTER_MS)

    async def scan(self, pieces: AsyncIterator[bytes]) -> str:
        async with self._turns, self._connected() as (reader, writer):
            answering = asyncio.ensure_future(self._answer(reader))
            try:
                # On too much it says so and hangs up, with what is under way unread.
                with contextlib.suppress(ConnectionError):
                    await self._send(writer, pieces, answering)
                async with asyncio.timeout(ANSWER_WITHIN_S):
                    return _found(await answering)
            finally:
                answering.cancel()

    async def _send(
        self, writer: asyncio.StreamWriter, pieces: AsyncIterator[bytes], answering: "asyncio.Future[str]"
    ) -> None:
        writer.write(b"zINSTREAM\0")
        async for piece in pieces:
            for at in range(0, len(piece), CHUNK_BYTES):
                chunk = piece[at : at + CHUNK_BYTES]
                writer.write(len(chunk).to_bytes(4, "big") + chunk)
                async with asyncio.timeout(ANSWER_WITHIN_S):
                    await writer.drain()
                # An answer that has come is read before the next chunk, which would find the connection reset.
                await asyncio.sleep(0)
                await asyncio.sleep(0)
                if answering.done():
                    return
        writer.write(bytes(4))
        await writer.drain()

    async def _answer(self, reader: asyncio.StreamReader) -> str:
        return (await reader.readuntil(b"\0")).rstrip(b"\0").decode(errors="replace")

    @asynccontextmanager
    async def _connected(self) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
        """Raises ScannerUnavailable for all that goes wrong with the connection."""
        try:
            async with asyncio.timeout(CONNECT_WITHIN_S):
                reader, writer = await self._open()
            try:
                yield reader, writer
            finally:
                writer.transport.abort()
        except (OSError, TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            raise ScannerUnavailable(retry_after_ms=RETRY_AFTER_MS) from None

    async def _open(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        if self._path:
            return await asyncio.open_unix_connection(self._path, limit=ANSWER_BYTES_MAX)
        return await asyncio.open_connection(self._host, self._port, limit=ANSWER_BYTES_MAX)


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

"""Bytes on a connection, for what no well-behaved client would send."""

import asyncio
import contextlib
import socket
import struct
from typing import NamedTuple
from urllib.parse import urlsplit

import msgspec


class Raw(NamedTuple):
    """An answer as it came."""

    status: int
    head: str
    body: bytes

    @property
    def code(self) -> str:
        return str(msgspec.json.decode(self.body)["code"])


async def exchange(url: str, request: bytes, within_s: float = 15) -> Raw:
    """Send the bytes and read until the server hangs up, or has answered and says no more."""
    reader, writer = await _open(url)
    writer.write(request)
    received = b""
    with contextlib.suppress(TimeoutError, ConnectionError):
        received = await asyncio.wait_for(_answer(reader), within_s)
    writer.close()
    head, _, body = received.partition(b"\r\n\r\n")
    return Raw(int(head.split(b" ")[1]) if head else 0, head.decode("latin-1").lower(), body)


async def _answer(reader: asyncio.StreamReader) -> bytes:
    head = await reader.readuntil(b"\r\n\r\n")
    length = next(
        (int(line.split(b":")[1]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length")), 0
    )
    return head + await reader.readexactly(length)


async def hangs_up_after(url: str, *parts: bytes, within_s: float = 15) -> tuple[float, bytes]:
    """Send the parts and wait for the end; how long that took, and what was said before."""
    reader, writer = await _open(url)
    started = asyncio.get_running_loop().time()
    for part in parts:
        writer.write(part)
        await asyncio.sleep(0.05)
    said = await asyncio.wait_for(reader.read(), within_s)
    writer.close()
    return asyncio.get_running_loop().time() - started, said


async def ask_and_go(url: str, request: bytes) -> None:
    """Send the bytes and be gone at once, without a farewell: the connection is reset."""
    _, writer = await _open(url)
    writer.write(request)
    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.close()
    with contextlib.suppress(ConnectionError):
        await writer.wait_closed()


async def _open(url: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    address = urlsplit(url)
    return await asyncio.open_connection(address.hostname, address.port)

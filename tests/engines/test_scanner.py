"""The scanner of viruses: a real clamd, and what it is taken for when it does not behave."""

import asyncio
import time
from collections.abc import AsyncIterator

import pytest
from tests.servers import ClamdServer

from kaif.engines.scanner import ScannerUnavailable, TooLargeToScan, open_scanner

MIB = 1 << 20


async def pieces(*contents: bytes) -> AsyncIterator[bytes]:
    for content in contents:
        yield content


def look_away() -> None:
    """For as long as an answer takes to come, and a connection to be reset."""
    time.sleep(0.2)


@pytest.mark.parametrize("kind", [0, 1], ids=["tcp", "unix"])
async def test_a_virus_is_found_wherever_it_lies_and_nothing_else_is(clamd: ClamdServer, kind: int) -> None:
    scanner = open_scanner(clamd.urls[kind])
    half = len(clamd.VIRUS) // 2

    await scanner.ping()
    assert await scanner.scan(pieces(b"x" * MIB, b"good")) == ""
    assert await scanner.scan(pieces(clamd.VIRUS[:-1])) == ""
    found = [b"x" * 700_000, clamd.VIRUS[:half], clamd.VIRUS[half:] + b"more"]
    assert await scanner.scan(pieces(*found)) == "Kaif.Test.UNOFFICIAL"


@pytest.mark.parametrize("kind", [0, 1], ids=["tcp", "unix"])
async def test_what_is_too_large_for_it_is_said_to_be_even_when_it_has_hung_up(clamd: ClamdServer, kind: int) -> None:
    async def distracted() -> AsyncIterator[bytes]:
        yield b"x" * (clamd.STREAM_BYTES_MAX + 1)
        look_away()
        yield b"x" * MIB

    scanner = open_scanner(clamd.urls[kind])

    for content in (distracted(), pieces(*[b"x" * MIB] * 20)):
        with pytest.raises(TooLargeToScan):
            await scanner.scan(content)
    assert await scanner.scan(pieces(b"still answers")) == ""


async def test_many_at_once_take_turns(clamd: ClamdServer) -> None:
    scanner = open_scanner(clamd.urls[0])

    found = await asyncio.gather(*(scanner.scan(pieces(clamd.VIRUS if n % 2 else b"good")) for n in range(30)))

    assert [bool(each) for each in found] == [bool(n % 2) for n in range(30)]


@pytest.mark.parametrize(
    "answer", [b"", b"stream: OK", b"\0", b"no\0", b"stream: ERROR\0", b"OK\0", b"x" * 10_000 + b"\0", b"stream: \0"]
)
async def test_only_its_clear_word_lets_a_file_pass(answer: bytes) -> None:
    async def misbehave(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(answer)
        await reader.read(100)
        writer.close()

    server = await asyncio.start_server(misbehave, "127.0.0.1", 0)
    scanner = open_scanner(f"tcp://127.0.0.1:{server.sockets[0].getsockname()[1]}")

    for looking in (scanner.scan(pieces(b"x" * 10)), scanner.ping()):
        with pytest.raises(ScannerUnavailable):
            await looking
    server.close()


async def test_one_that_is_not_there_is_unavailable() -> None:
    for url in ("tcp://127.0.0.1:1", "unix:/nonexistent/socket"):
        with pytest.raises(ScannerUnavailable):
            await open_scanner(url).scan(pieces(b"x"))


async def test_without_one_everything_passes() -> None:
    assert await open_scanner("").scan(pieces(b"x")) == ""


@pytest.mark.parametrize("url", ["tcp://host", "unix:", "http://host:1", "host:3310", "tcp://:1"])
def test_what_is_no_address_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="clamd is at"):
        open_scanner(url)

"""HTTP/1.1 on the wire: what clients may do with a connection, and what they may not."""

import asyncio
import contextlib
import resource
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from tests.gateway.wire import exchange, hangs_up_after
from tests.harness import Person, Server, people, running_server
from tests.waiting import eventually

GET = b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n"
LAST = b"GET /health HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"


def a_post(token: str, *headers: str) -> bytes:
    lines = ["POST /v1/messaging/chats HTTP/1.1", "Host: x", f"Authorization: Bearer {token}",
             "Content-Type: application/json", *headers, "", ""]  # fmt: skip
    return "\r\n".join(lines).encode()


async def conversation(url: str, *parts: bytes, end: bool = False) -> bytes:
    """Send the parts; all that is said until the server hangs up."""
    address = urlsplit(url)
    reader, writer = await asyncio.open_connection(address.hostname, address.port)
    for part in parts:
        writer.write(part)
        await asyncio.sleep(0.02)
    if end:
        writer.write_eof()
    said = await asyncio.wait_for(reader.read(), 15)
    writer.close()
    return said


async def test_requests_that_come_together_are_answered_in_their_order(server: Server) -> None:
    paths = ["/health", "/v1/auth/setup", "/v1/nothing", "/health"] * 25
    requests = [f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode() for path in paths]

    said = await conversation(server.url, b"".join(requests), LAST)

    statuses = [int(part[:3]) for part in said.split(b"HTTP/1.1 ")[1:]]
    assert statuses == [200, 200, 404, 200] * 25 + [200]


async def test_a_connection_is_used_again_until_the_client_says_it_is_the_last_time(server: Server) -> None:
    said = await conversation(server.url, GET, GET, LAST, GET)

    assert said.count(b"HTTP/1.1 200") == 3
    assert said.lower().count(b"connection: close") == 1


async def test_who_does_not_say_which_host_is_meant_is_refused(server: Server) -> None:
    for target in ("/health", f"{server.url}/health"):
        answer = await exchange(server.url, f"GET {target} HTTP/1.1\r\n\r\n".encode())

        assert (answer.status, answer.code) == (400, "malformed_request")


async def test_an_older_client_is_answered_once(server: Server) -> None:
    said = await conversation(server.url, b"GET /health HTTP/1.0\r\n\r\n", GET)

    assert said.count(b" 200 ") == 1


async def test_a_client_that_only_stopped_sending_still_gets_its_answers(server: Server) -> None:
    said = await conversation(server.url, GET * 3, end=True)

    assert said.count(b"HTTP/1.1 200") == 3


async def test_a_request_may_come_byte_by_byte_and_its_body_in_chunks(server: Server, anna: Person) -> None:
    body = b'{"kind":"group","members":["%s"],"title":"A"}' % anna.id.encode()
    chunks = (
        b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in (body[:10], body[10:11], body[11:])) + b"0\r\n\r\n"
    )
    request = a_post(anna.access_token, "Transfer-Encoding: chunked", "Connection: close") + chunks

    said = await conversation(server.url, request[:1], request[1:30], request[30:31], request[31:500], request[500:])

    assert said.startswith(b"HTTP/1.1 201")


async def test_a_client_that_asks_before_it_sends_is_told_to_go_on(server: Server, anna: Person) -> None:
    head = a_post(anna.access_token, "Expect: 100-continue", "Content-Length: 2", "Connection: close")

    said = await conversation(server.url, head, b"{}")

    assert said.startswith(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 422")


@pytest.mark.parametrize(
    "headers",
    [
        ["Content-Length: 5", "Transfer-Encoding: chunked"],
        ["Content-Length: 5", "Content-Length: 6"],
        ["Content-Length: +5"],
        ["Content-Length: 5 5"],
        ["Content-Length: -1"],
        ["Content-Length : 5"],
        ["Transfer-Encoding: xchunked"],
        ["Transfer-Encoding: chunked, identity"],
        ["X: a", " folded: b"],
        ["X\x00: a"],
    ],
)
async def test_a_request_that_two_servers_could_read_differently_is_refused(
    server: Server, anna: Person, headers: list[str]
) -> None:
    said = await conversation(server.url, a_post(anna.access_token, *headers), b"0\r\n\r\n" + GET)

    assert said.startswith((b"HTTP/1.1 400", b"HTTP/1.1 415", b"HTTP/1.1 422")) or said == b""
    assert said.count(b"HTTP/1.1 200") == 0, "what follows is not taken for a request"


@pytest.mark.parametrize(
    "parts",
    [
        [b"GET /" + b"x" * 40_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n"],
        [b"GET / HTTP/1.1\r\n" + b"X: y\r\n" * 20_000 + b"\r\n"],
        [b"GET / HTTP/1.1\r\nX: ", *[b"y" * 100_000] * 8],
        [b"GET /", *[b"y" * 100_000] * 8],
        [b"GET / HTTP/1.1\r\n", *[b"y" * 100_000] * 8],
    ],
    ids=["a long path", "many headers", "a header without end", "a path without end", "a name without end"],
)
async def test_a_head_without_measure_is_refused(server: Server, parts: list[bytes]) -> None:
    answer = await exchange(server.url, b"".join(parts))

    assert (answer.status, answer.code) == (431, "head_too_large")


async def test_a_body_without_measure_is_refused_whatever_its_wrapping(server: Server, anna: Person) -> None:
    head = a_post(anna.access_token, "Transfer-Encoding: chunked")

    answer = await exchange(server.url, head + b"1;" + b"x" * 1_000_000)

    assert answer.status in (413, 431)


@pytest.mark.parametrize("method", ["TRACE", "CONNECT", "OPTIONS", "PROPFIND", "get"])
async def test_methods_that_nothing_takes_are_refused(server: Server, method: str) -> None:
    answer = await exchange(server.url, f"{method} /v1/auth/me HTTP/1.1\r\nHost: x\r\n\r\n".encode())

    assert answer.status in (400, 405)


async def test_a_flood_of_pipelined_requests_is_answered_whole(server: Server) -> None:
    said = await conversation(server.url, *[GET * 500] * 4, LAST)

    assert said.count(b"HTTP/1.1 200") == 2001


async def test_a_client_that_goes_in_the_middle_leaves_the_server_well(server: Server, anna: Person) -> None:
    address, before = urlsplit(server.url), len(server.complaints())
    for part in (GET[:10], GET, a_post(anna.access_token, "Content-Length: 100") + b"{"):
        _, writer = await asyncio.open_connection(address.hostname, address.port)
        writer.write(part)
        writer.transport.abort()

    assert (await anna.http.get("/health")).status_code == 200
    assert '"level": "error"' not in server.complaints()[before:]


async def test_a_server_that_stops_hangs_up_on_the_idle_and_answers_the_others(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    async with (
        running_server(tmp_path_factory.mktemp("stopping")) as server,
        people(server, "anna") as (anna,),
    ):
        idle = asyncio.create_task(hangs_up_after(server.url, GET, within_s=10))
        busy = asyncio.create_task(anna.log_in())
        address = urlsplit(server.url)
        reader, writer = await asyncio.open_connection(address.hostname, address.port)
        writer.write(GET)
        assert b"connection: close" not in (await reader.readuntil(b"\r\n\r\n")).lower()
        await asyncio.sleep(0.2)

        stopping = asyncio.create_task(server.stop())
        await nothing_listens(server)
        # It may have been on its way when the server was asked to stop.
        writer.write(GET)

        said = (await reader.read()).lower()
        assert b"http/1.1 200" in said and b"connection: close" in said
        await stopping
        assert (await idle)[0] < 5
        assert (await busy).access_token
        writer.close()


async def nothing_listens(server: Server) -> None:
    async def refused() -> bool:
        try:
            _, writer = await asyncio.open_connection(server.host, server.port)
        except ConnectionRefusedError:
            return True
        writer.close()
        return False

    await eventually(refused, timeout_s=5)


async def test_what_follows_a_body_is_no_header(server: Server, anna: Person) -> None:
    head = b"GET /v1/auth/me HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n"

    answer = await exchange(server.url, head + f"Authorization: Bearer {anna.access_token}\r\n\r\n".encode())

    assert answer.status == 401


async def test_an_offer_of_another_protocol_is_passed_over(server: Server) -> None:
    offer = GET.replace(b"\r\n\r\n", b"\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n\r\n")

    said = await conversation(server.url, offer + offer, LAST)

    assert said.count(b"HTTP/1.1 200") == 3


async def test_a_client_that_reads_no_answers_gets_no_more_of_them_and_slows_nobody(server: Server) -> None:
    before, address = memory_mb(server.pid), urlsplit(server.url)
    _, writer = await asyncio.open_connection(address.hostname, address.port, limit=1)
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(2):
            while True:
                writer.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n" * 1000)
                await writer.drain()

    assert memory_mb(server.pid) - before < 60
    assert (await asyncio.wait_for(exchange(server.url, GET), 1)).status == 200
    writer.transport.abort()


def memory_mb(pid: int) -> float:
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * resource.getpagesize() / 1e6

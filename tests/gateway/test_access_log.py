"""The access log: a line of JSON for each request, and nobody's secrets."""

import asyncio
import io

import httpx
import pytest
from tests.gateway.conftest import NewPerson
from tests.gateway.wire import exchange
from tests.harness import PASSWORD, Server
from tests.waiting import until

from kaif.gateway import access_log
from kaif.gateway.access_log import AccessLog


async def test_each_request_is_a_line_by_which_it_is_found_again(server: Server, new_person: NewPerson) -> None:
    person = await new_person()
    answer = await person.http.get("/v1/messaging/chats/01k9/entries?after=5")
    request_id = answer.headers["x-request-id"]

    await until(lambda: any(line["request_id"] == request_id for line in server.access_log()))

    (line,) = [line for line in server.access_log() if line["request_id"] == request_id]
    assert (line["method"], line["status"], line["user_id"]) == ("GET", 404, person.id)
    assert line["route"] == "/v1/messaging/chats/{chat_id}/entries"
    assert line["address"].startswith("127.") and 0 < line["took_us"] < 60_000_000


@pytest.mark.asvs("16.2.5")
async def test_no_secret_reaches_a_log(server: Server, new_person: NewPerson) -> None:
    person = await new_person()
    secret = "a-very-secret-value"
    await person.post_message(await person.group("Друзья", person), secret)
    await person.http.get("/v1/auth/people", params={"query": secret})
    await person.http.post("/v1/auth/login", json={"login": person.name, "password": secret * 2})
    await person.http.post("/v1/auth/login", json={"login": person.name, "password": PASSWORD, secret: 1})
    await person.http.get(f"/{secret}", headers={"cookie": f"a={secret}", "user-agent": secret, "referer": secret})
    await exchange(server.url, f"GET /v1/auth/me HTTP/1.1\r\nHost: x\r\nAuthorization: {secret}\r\n\r\n".encode())
    await exchange(server.url, f"{secret} / HTTP/1.1\r\n\r\n".encode())

    last = await person.http.get("/health")
    await until(lambda: any(line["request_id"] == last.headers["x-request-id"] for line in server.access_log()))

    written = (server.data / "logs" / "access.jsonl").read_text() + server.complaints() + server.said()
    for value in (secret, PASSWORD, person.access_token, person.refresh_token.partition(".")[2]):
        assert value not in written


@pytest.mark.asvs("16.4.1")
async def test_a_request_cannot_write_a_line_of_its_own(server: Server) -> None:
    async with httpx.AsyncClient(base_url=server.url) as client:
        answer = await client.get('/v1/x%0A{"request_id":"forged"}', headers={"x-request-id": "forged"})

    await until(lambda: any(line["request_id"] == answer.headers["x-request-id"] for line in server.access_log()))
    assert all(line["request_id"] != "forged" for line in server.access_log())


async def test_lines_are_written_soon_and_together() -> None:
    sink = io.BytesIO()
    log = AccessLog(sink)

    for number in range(3):
        log.add(f"r{number}", "GET", "/x", 200, 0.001, "", "127.0.0.1")
    assert sink.getvalue() == b""
    await asyncio.sleep(access_log.FLUSH_AFTER_S * 2)

    assert sink.getvalue().count(b"\n") == 3


class FullDisk:
    def write(self, data: bytes, /) -> int:
        raise OSError("No space left on device")


async def test_a_full_disk_costs_lines_but_no_request() -> None:
    log = AccessLog(FullDisk())

    log.add("r1", "GET", "/x", 200, 0.001, "", "127.0.0.1")
    log.flush()

    assert log.dropped == 1


async def test_lines_that_nobody_takes_are_bounded() -> None:
    sink = io.BytesIO()
    log = AccessLog(sink)

    for number in range(access_log.LINES_MAX + 5):
        log.add(str(number), "GET", "/x", 200, 0.001, "", "127.0.0.1")
    log.flush()

    assert (log.dropped, sink.getvalue().count(b"\n")) == (5, access_log.LINES_MAX)

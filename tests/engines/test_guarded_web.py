"""Where strangers have told us to post: to the very address that was looked at, in time, and no further."""

import asyncio
import socket
from collections.abc import AsyncIterator
from typing import Any

import pytest
from tests.elsewhere import Service

from kaif.engines.web import Oversized, TooSlow, Unreachable
from kaif.engines.web.addresses import ForbiddenAddress
from kaif.engines.web.guarded import GuardedWeb

NAME = "bot.example"


@pytest.fixture
async def web() -> AsyncIterator[GuardedWeb]:
    web = GuardedWeb(private_too=True, within_s=1)
    yield web
    await web.close()


def resolve_to(monkeypatch: pytest.MonkeyPatch, *answers: list[str]) -> None:
    """A name server that says something else each time it is asked for our name; the last answer stays."""
    left, honest = list(answers), socket.getaddrinfo

    def look_up(host: Any, port: Any, *more: Any, **named: Any) -> Any:
        if host not in (NAME, NAME.encode()):
            return honest(host, port, *more, **named)
        addresses = left.pop(0) if len(left) > 1 else left[0]
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, int(port))) for address in addresses]

    monkeypatch.setattr(socket, "getaddrinfo", look_up)


async def test_a_name_that_leads_elsewhere_at_the_next_look_leads_us_nowhere(
    web: GuardedWeb, service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    """DNS rebinding: what was looked at is one address, and what the name says later another, of ours."""
    heads: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heads.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(b"HTTP/1.1 204 .\r\n\r\n")
        writer.close()

    port = int(service.url.rpartition(":")[2])
    looked_at = await asyncio.start_server(serve, "127.0.0.2", port)
    resolve_to(monkeypatch, ["127.0.0.2"], ["127.0.0.1"])

    answer = await web.post(f"http://{NAME}:{port}/bot", {}, b"{}", answer_bytes_max=10)

    looked_at.close()
    assert answer.status == 204
    assert (len(heads), service.asked) == (1, [])
    assert f"host: {NAME}:{port}\r\n".encode() in heads[0]


async def test_a_name_of_which_one_address_lies_within_is_not_asked(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    strict = GuardedWeb(private_too=False)
    port = int(service.url.rpartition(":")[2])
    resolve_to(monkeypatch, ["8.8.8.8", "127.0.0.1"])

    with pytest.raises(ForbiddenAddress):
        await strict.post(f"https://{NAME}:{port}/", {}, b"{}")
    with pytest.raises(ForbiddenAddress):
        await strict.post(f"http://{NAME}:{port}/", {}, b"{}")

    assert service.asked == []
    await strict.close()


async def test_what_is_no_name_at_all_is_not_reached(web: GuardedWeb) -> None:
    with pytest.raises(Unreachable):
        await web.post(f"https://{'a' * 64}.example/", {}, b"{}")


async def test_a_redirect_is_an_answer(web: GuardedWeb, service: Service) -> None:
    service.handlers["/bot"] = lambda _: b"HTTP/1.1 307 .\r\nlocation: /inner\r\ncontent-length: 0\r\n\r\n"

    assert (await web.post(f"{service.url}/bot", {}, b"{}")).status == 307
    assert service.count("/inner") == 0


async def test_an_answer_is_waited_for_to_its_end_but_not_for_ever_nor_at_any_length(service: Service) -> None:
    web = GuardedWeb(private_too=True, within_s=0.3)
    service.handlers["/bot"] = lambda _: b"HTTP/1.1 200 .\r\ncontent-length: 10\r\n\r\n" + b"a" * 10
    assert (await web.post(f"{service.url}/bot", {}, b"{}", answer_bytes_max=10)).status == 200
    with pytest.raises(Oversized):
        await web.post(f"{service.url}/bot", {}, b"{}", answer_bytes_max=9)

    service.handlers["/bot"] = lambda _: b"HTTP/1.1 200 .\r\ncontent-length: 10\r\n\r\nhalf"
    with pytest.raises(Unreachable):
        await web.post(f"{service.url}/bot", {}, b"{}", answer_bytes_max=10)

    # A byte at a time: each step is quick, and there is no end of them.
    service.bytes_at_once, service.pause_s = 1, 0.05
    service.handlers["/bot"] = lambda _: b"HTTP/1.1 200 .\r\ncontent-length: 100\r\n\r\n" + b"a" * 100
    with pytest.raises(TooSlow):
        await web.post(f"{service.url}/bot", {}, b"{}", answer_bytes_max=1000)
    await web.close()

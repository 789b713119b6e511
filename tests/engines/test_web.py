"""Other people's servers are asked on our terms."""

import asyncio
import gzip
from collections.abc import AsyncIterator

import pytest
import uvloop
from tests.elsewhere import Asked, Reply, Service
from tests.resetting import ADDRESS, peer_that_resets

from kaif.engines.web import ANSWER_BYTES_MAX, ANSWER_WITHIN_S, Oversized, Unreachable, Web, WebAnswer
from kaif.engines.web.client import HttpxWeb
from kaif.engines.web.vendor import ask as ask_vendor
from kaif.engines.web.vendor import vendor_client


@pytest.fixture
async def web() -> AsyncIterator[Web]:
    web = HttpxWeb()
    yield web
    await web.close()


def head(*lines: str) -> bytes:
    return "\r\n".join(["HTTP/1.1 200 .", *lines, "", ""]).encode()


async def test_an_answer_is_read_whole(web: Web, service: Service) -> None:
    service.handlers["/"] = lambda asked: (201, asked.form)

    assert await web.get(service.url, {"x-of-ours": "1"}) == WebAnswer(201, b"{}")
    assert await web.post_form(service.url, {"name": "Анна & co"}, {}) == WebAnswer(
        201, b'{"name": "\\u0410\\u043d\\u043d\\u0430 & co"}'
    )
    assert service.asked[0].headers["x-of-ours"] == "1"
    assert service.asked[0].headers["accept-encoding"] == "identity"


async def test_a_redirect_is_an_answer(web: Web, service: Service) -> None:
    service.handlers["/"] = lambda _: b"HTTP/1.1 302 .\r\nlocation: /inner\r\ncontent-length: 0\r\n\r\n"

    assert (await web.get(service.url, {})).status == 302
    assert service.count("/inner") == 0


async def test_an_answer_has_a_size(web: Web, service: Service) -> None:
    service.handlers["/"] = lambda _: head() + b"a" * ANSWER_BYTES_MAX
    assert len((await web.get(service.url, {})).body) == ANSWER_BYTES_MAX

    service.handlers["/"] = lambda _: head() + b"a" * (ANSWER_BYTES_MAX + 1)
    with pytest.raises(Oversized):
        await web.get(service.url, {})


async def test_what_is_small_only_on_the_wire_is_not_unpacked(web: Web, service: Service) -> None:
    service.handlers["/"] = lambda _: head("content-encoding: gzip") + gzip.compress(b"a" * (100 << 20))

    with pytest.raises(Unreachable):
        await web.get(service.url, {})


async def test_who_sends_a_byte_at_a_time_is_not_waited_for(web: Web, service: Service) -> None:
    service.handlers["/"] = lambda _: head() + b"a" * 1000
    service.bytes_at_once, service.pause_s = 1, 0.1
    begun_at = asyncio.get_running_loop().time()

    with pytest.raises(Unreachable):
        await web.get(service.url, {})

    assert asyncio.get_running_loop().time() - begun_at < ANSWER_WITHIN_S + 1


@pytest.mark.parametrize("reply", [b"", b"garbage\r\n\r\n", head("content-length: 10") + b"short"])
async def test_what_is_no_http_is_no_answer(web: Web, service: Service, reply: Reply) -> None:
    service.handlers["/"] = lambda _: reply

    with pytest.raises(Unreachable):
        await web.get(service.url, {})


@pytest.mark.parametrize("url", ["http://127.0.0.1:1", "https://127.0.0.1:1", "http://nowhere.invalid", "http://[x"])
async def test_who_is_not_there_does_not_answer(web: Web, url: str) -> None:
    with pytest.raises(Unreachable):
        await web.get(url, {})


async def test_a_service_without_tls_is_not_taken_for_one_with(web: Web, service: Service) -> None:
    with pytest.raises(Unreachable):
        await web.get(service.url.replace("http:", "https:"), {})


async def test_this_machine_is_reached_without_a_proxy(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    web = HttpxWeb()
    service.handlers["/"] = answer

    assert (await web.get(service.url, {})).status == 200
    await web.close()


def answer(_: Asked) -> Reply:
    return 200, {}


def test_whoever_resets_every_connection_is_unreachable_for_servers_too() -> None:
    """Servers run on uvloop, where what was reset as it was opened has no socket any more."""

    async def ask(port: int) -> None:
        web, url = HttpxWeb(), f"http://{ADDRESS}:{port}"
        vendor = vendor_client()
        for _ in range(8):
            asks = [ask() for _ in range(20) for ask in (lambda: web.get(url, {}), lambda: ask_vendor(vendor, url))]
            answers = await asyncio.gather(*asks, return_exceptions=True)
            assert {type(answer) for answer in answers} == {Unreachable}
        await web.close()
        await vendor.aclose()

    with peer_that_resets() as port:
        uvloop.run(ask(port))

"""How a CDN is told to forget: by its maker's API, against a server that checks the calls as they are documented."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from tests.cloudflare import TOKEN, ZONE, CloudflareApi

from kaif.engines.cdn import PREFIXES_AT_ONCE_MAX, Purger, PurgeRefused, open_purger

PREFIXES = [f"cdn.ozero.example/cdn/01jd{number:022}" for number in range(PREFIXES_AT_ONCE_MAX)]


@pytest.fixture
async def api() -> AsyncIterator[CloudflareApi]:
    api = CloudflareApi()
    await api.start()
    yield api
    await api.close()


@pytest.fixture
async def purger(api: CloudflareApi) -> AsyncIterator[Purger]:
    purger = open_purger(api.place, TOKEN)
    yield purger
    await purger.close()


async def test_what_is_purged_is_named_as_the_api_wants_it(api: CloudflareApi, purger: Purger) -> None:
    await purger.purge(PREFIXES[:1])
    await purger.purge(PREFIXES)

    assert api.calls == [PREFIXES[:1], PREFIXES]


@pytest.mark.parametrize(
    ("failure", "why", "after_s"),
    [
        ("busy", "429: 971 Please wait", 7),
        ("down", "503: no reason", 0),
        ("denied", "403: 10000 Authentication error", 0),
        ("unwilling", "200: 1012", 0),
        ("a proxy", "200: no reason", 0),
        ("a list", "200: no reason", 0),
    ],
)
async def test_whatever_is_no_clear_success_is_said_to_be_none(
    api: CloudflareApi, purger: Purger, failure: str, why: str, after_s: int
) -> None:
    api.fail = failure
    with pytest.raises(PurgeRefused, match=why) as refused:
        await purger.purge(PREFIXES[:2])
    assert refused.value.retry_after_s == after_s and not api.calls

    api.fail = ""
    await purger.purge(PREFIXES[:2])
    assert api.purged == PREFIXES[:2]


async def test_a_token_that_is_not_theirs_is_refused_and_never_repeated(api: CloudflareApi) -> None:
    token = "x" * 40
    purger = open_purger(api.place, token)

    with pytest.raises(PurgeRefused, match="10000") as refused:
        await purger.purge(PREFIXES[:1])

    assert token not in str(refused.value)
    await purger.close()


async def test_nobody_there_and_an_answer_without_end_are_refusals() -> None:
    async def endless(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 200_000)
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(endless, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        purger = open_purger(f"cloudflare:{ZONE}?endpoint=http://127.0.0.1:{port}", TOKEN)
        with pytest.raises(PurgeRefused):
            await purger.purge(PREFIXES[:1])
    with pytest.raises(PurgeRefused, match="does not answer"):
        await purger.purge(PREFIXES[:1])
    await purger.close()


@pytest.mark.parametrize(
    ("place", "token"),
    [
        ("cloudflare:ozero.example", TOKEN),
        (f"cloudflare:{ZONE}", ""),
        (f"cloudflare:{ZONE}", "two words that are long"),
        (f"cloudflare:{ZONE}?endpoint=http://api.example", TOKEN),
        ("fastly:zone", TOKEN),
    ],
)
def test_what_could_not_work_is_refused_without_a_word_of_the_token(place: str, token: str) -> None:
    with pytest.raises(ValueError) as refused:
        open_purger(place, token)
    assert not token or token not in str(refused.value)


async def test_without_a_way_to_purge_nothing_is_asked() -> None:
    purger = open_purger("", "")
    await purger.purge(PREFIXES)
    await purger.close()

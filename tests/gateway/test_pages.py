"""What the edge answers by itself: how it is, what it can do, and the client's files."""

import gzip
import re
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import msgspec
import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator
from tests.gateway.wire import exchange
from tests.harness import Person, Server, running_server
from tests.waiting import eventually

import kaif
from kaif.app.surface import document
from kaif.gateway.static import StaticFiles

CLIENT = Path(kaif.__file__).parent / "web"
COMMITTED = Path(__file__).parents[2] / "web" / "openapi.json"


@pytest.fixture
async def nobody(server: Server) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=server.url, trust_env=False) as nobody:
        yield nobody


async def test_health_and_readiness_are_told_to_anyone(nobody: httpx.AsyncClient) -> None:
    assert (await nobody.get("/health")).json() == {"status": "ok"}
    assert (await nobody.get("/ready")).json() == {"status": "ok", "parts": {"auth": "ok", "media": "ok"}}


async def test_metrics_count_requests_by_route_and_name_nobody(anna: Person) -> None:
    await anna.http.get("/v1/messaging/chats/01secretid")

    text = (await anna.http.get("/metrics")).text

    assert 'kaif_http_request_seconds_count{method="GET",route="/v1/messaging/chats/{chat_id}",status="404"}' in text
    assert "kaif_sockets" in text and "process_resident_memory_bytes" in text
    assert "01secretid" not in text and anna.id not in text


async def test_metrics_say_how_full_the_store_of_files_is(anna: Person) -> None:
    async def is_told() -> bool:
        text = (await anna.http.get("/metrics")).text
        told = dict(line.split() for line in text.splitlines() if line.startswith("kaif_media_"))
        return told["kaif_media_jobs_parked"] == "0.0" and float(told["kaif_media_free_bytes"]) > 0

    await eventually(is_told)


async def test_metrics_say_how_far_search_is_behind(anna: Person) -> None:
    async def is_told() -> bool:
        told = re.search(r"^kaif_search_lag_seconds (\S+)$", (await anna.http.get("/metrics")).text, re.MULTILINE)
        return told is not None and float(told[1]) >= 0

    await eventually(is_told)


async def test_metrics_are_hidden_from_what_a_proxy_passes_on(nobody: httpx.AsyncClient) -> None:
    answer = await nobody.get("/metrics", headers={"x-forwarded-for": "127.0.0.1"})

    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


async def test_metrics_are_shown_to_whoever_has_the_token(tmp_path: Path) -> None:
    async with (
        running_server(tmp_path, KAIF_METRICS_TOKEN="a token of ours") as server,
        httpx.AsyncClient(base_url=server.url, headers={"x-forwarded-for": "203.0.113.9"}) as prometheus,
    ):
        right = await prometheus.get("/metrics", headers={"authorization": "Bearer a token of ours"})
        wrong = await prometheus.get("/metrics", headers={"authorization": "Bearer another"})

    assert (right.status_code, wrong.status_code) == (200, 404)


async def test_the_interface_is_described_by_a_valid_document(nobody: httpx.AsyncClient) -> None:
    served = (await nobody.get("/openapi.json")).json()

    assert list(OpenAPIV31SpecValidator(served).iter_errors()) == []
    assert served == msgspec.json.decode(msgspec.json.encode(document()))
    operations = [operation for path in served["paths"].values() for operation in path.values()]
    assert all(operation["summary"] and operation["responses"]["default"] for operation in operations)


def test_the_document_from_which_the_client_is_made_is_the_one_that_is_served() -> None:
    served = msgspec.json.decode(msgspec.json.encode(document()))

    assert msgspec.json.decode(COMMITTED.read_bytes()) == served, "run: kaif openapi > web/openapi.json"


async def test_the_operators_mailbox_is_for_the_owner_alone(
    owner: Person, anna: Person, nobody: httpx.AsyncClient
) -> None:
    statuses = [(await one.get("/operator/mailbox")).status_code for one in (owner.http, anna.http, nobody)]

    assert statuses == [200, 403, 401]


# The client


@pytest.mark.asvs("3.4.3")
async def test_every_page_has_a_nonce_of_its_own_on_each_script_and_link(nobody: httpx.AsyncClient) -> None:
    pages = [await nobody.get(path) for path in ("/", "/", "/chat/01k9")]

    nonces = set()
    for page in pages:
        policy = page.headers["content-security-policy"]
        (nonce,) = re.findall(r"script-src 'nonce-([\w-]{22})' 'strict-dynamic';", policy)
        tags = re.findall(r"<(?:script|link)\b[^>]*>", page.text)
        assert tags and all(f'nonce="{nonce}"' in tag for tag in tags)
        assert "require-trusted-types-for 'script'" in policy and "unsafe" not in policy
        nonces.add(nonce)
    assert len(nonces) == len(pages)


@pytest.mark.asvs("3.4.3", "3.4.6", "3.4.7", "3.4.8")
@pytest.mark.parametrize("path", ["/", "/chat/01k9", "/oauth/authorize"])
async def test_a_page_can_not_be_framed_shares_no_window_and_reports(nobody: httpx.AsyncClient, path: str) -> None:
    headers = (await nobody.get(path)).headers
    policy = headers["content-security-policy"].split("; ")

    assert {"frame-ancestors 'none'", "base-uri 'none'", "object-src 'none'"} <= set(policy)
    assert headers["cross-origin-opener-policy"] == "same-origin"
    (reports,) = [part.removeprefix("report-uri ") for part in policy if part.startswith("report-uri ")]
    assert (await nobody.post(reports, json={})).status_code == 204


async def test_pages_are_asked_for_anew_and_their_parts_are_kept_for_ever(nobody: httpx.AsyncClient) -> None:
    page = await nobody.get("/")
    part = next(path for path in (CLIENT / "assets").iterdir() if path.suffix == ".js")

    answer = await nobody.get(f"/assets/{part.name}")

    assert page.headers["cache-control"] == "no-cache"
    assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert answer.headers["content-type"].startswith("text/javascript")
    assert answer.content == part.read_bytes()


async def test_what_the_browser_has_already_is_not_sent_again(nobody: httpx.AsyncClient) -> None:
    etag = (await nobody.get("/sw.js")).headers["etag"]

    same = await nobody.get("/sw.js", headers={"if-none-match": etag})
    changed = await nobody.get("/sw.js", headers={"if-none-match": '"other"'})

    assert (same.status_code, same.content) == (304, b"")
    assert changed.status_code == 200 and changed.content


async def test_files_travel_compressed_to_those_who_ask_for_it(server: Server) -> None:
    plain = await exchange(server.url, b"GET /manifest.webmanifest HTTP/1.1\r\nHost: x\r\n\r\n")
    packed = await exchange(
        server.url, b"GET /manifest.webmanifest HTTP/1.1\r\nHost: x\r\nAccept-Encoding: br, gzip\r\n\r\n"
    )

    assert "content-encoding" not in plain.head
    assert "content-encoding: gzip" in packed.head and "vary: accept-encoding" in packed.head
    assert gzip.decompress(packed.body) == plain.body


async def test_a_client_that_is_not_built_is_a_sentence_not_an_error(tmp_path: Path) -> None:
    answer = StaticFiles(tmp_path).answer("/", b"", b"")

    assert answer and answer.status == 200 and b"make build" in answer.body

"""What every answer carries, whatever was asked."""

import asyncio
import re

import httpx
import pytest
from tests.gateway.wire import exchange, hangs_up_after
from tests.harness import Person, Server

CHATS = "/v1/messaging/chats"

EVERY_KIND = [
    ("GET", "/v1/auth/me", 200),
    ("GET", "/v1/auth/setup", 200),
    ("GET", "/.well-known/jwks.json", 200),
    ("GET", "/openapi.json", 200),
    ("GET", "/health", 200),
    ("GET", "/ready", 200),
    ("GET", "/metrics", 200),
    ("GET", "/", 200),
    ("GET", "/chat/01k9", 200),
    ("GET", "/manifest.webmanifest", 200),
    ("GET", "/v1/auth/people?limit=0", 422),
    ("GET", "/v1/nothing", 404),
    ("GET", "/v1/auth/me/", 404),
    ("GET", f"{CHATS}/01k9", 404),
    ("GET", "/nothing.js", 404),
    ("GET", "/.well-known/nothing", 404),
    ("GET", "/v1/socket", 404),
    ("POST", "/v1/nothing", 404),
    ("POST", "/", 404),
    ("DELETE", "/v1/auth/me", 405),
    ("PATCH", CHATS, 405),
    ("POST", CHATS, 415),
    ("POST", "/v1/csp-reports", 204),
]


@pytest.mark.asvs("3.4.1")
@pytest.mark.parametrize(("method", "path", "status"), EVERY_KIND)
async def test_every_answer_is_safe_and_has_its_id(anna: Person, method: str, path: str, status: int) -> None:
    answer = await anna.http.request(method, path)

    assert answer.status_code == status
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["cross-origin-resource-policy"] == "same-origin"
    assert answer.headers["strict-transport-security"] == "max-age=31536000; includeSubDomains"
    assert re.fullmatch(r"[0-9a-f]{12}-[0-9a-f]+", answer.headers["x-request-id"])
    assert "server" not in answer.headers
    if status >= 400:
        problem = answer.json()
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.headers["cache-control"] == "no-store"
        assert (problem["status"], problem["instance"]) == (status, answer.headers["x-request-id"])
        assert {"type", "title", "code", "detail"} <= problem.keys()


@pytest.mark.asvs("3.4.3", "3.4.6")
@pytest.mark.parametrize("path", ["/v1/auth/me", "/v1/nothing", "/health", "/openapi.json", "/nothing.js"])
async def test_what_is_no_page_can_do_nothing_in_a_browser(anna: Person, path: str) -> None:
    policy = (await anna.http.get(path)).headers["content-security-policy"]

    assert policy == "default-src 'none'; frame-ancestors 'none'; sandbox"


@pytest.mark.asvs("14.3.2")
@pytest.mark.parametrize("path", ["/v1/auth/me", "/v1/auth/people", "/v1/auth/sessions", "/v1/auth/audit", CHATS])
async def test_what_is_said_of_people_is_kept_nowhere_on_the_way(owner: Person, path: str) -> None:
    answer = await owner.http.get(path)

    assert (answer.status_code, answer.headers["cache-control"]) == (200, "no-store")


async def test_request_ids_differ(anna: Person) -> None:
    ids = {(await anna.http.get("/health")).headers["x-request-id"] for _ in range(20)}

    assert len(ids) == 20


@pytest.mark.parametrize(
    ("path", "code"),
    [("/v1/auth/me", "unauthenticated"), (CHATS, "unauthenticated"), (f"{CHATS}/x/entries", "unauthenticated")],
)
async def test_without_a_token_one_is_asked_to_sign_in(server: Server, path: str, code: str) -> None:
    async with httpx.AsyncClient(base_url=server.url) as nobody:
        answer = await nobody.get(path)

    assert (answer.status_code, answer.json()["code"]) == (401, code)
    assert answer.headers["www-authenticate"] == "Bearer"


@pytest.mark.parametrize("scheme", ["", "Basic", "Bearer", "Bearer ", "Token x", "bearer x", "Bearer a b"])
async def test_any_other_scheme_is_nobody(server: Server, scheme: str) -> None:
    answer = await exchange(
        server.url, f"GET /v1/auth/me HTTP/1.1\r\nHost: x\r\nAuthorization: {scheme}\r\n\r\n".encode()
    )

    assert (answer.status, answer.code) == (401, "unauthenticated")


async def test_the_method_that_a_path_takes_is_named(anna: Person) -> None:
    answer = await anna.http.put(CHATS, json={})

    assert (answer.status_code, answer.json()["code"]) == (405, "method_not_allowed")
    assert {method.strip() for method in answer.headers["allow"].split(",")} == {"GET", "HEAD", "POST"}


@pytest.mark.parametrize("path", ["/", "/v1/auth/me", "/health", "/manifest.webmanifest"])
async def test_head_is_get_without_the_body(anna: Person, path: str) -> None:
    get, head = await anna.http.get(path), await anna.http.head(path)

    assert (head.status_code, head.content) == (get.status_code, b"")
    assert head.headers["content-length"] == get.headers["content-length"]


@pytest.mark.asvs("3.5.2")
@pytest.mark.parametrize("content_type", ["", "text/plain", "application/x-www-form-urlencoded", "multipart/form-data"])
async def test_a_body_that_a_form_could_send_is_refused(anna: Person, content_type: str) -> None:
    answer = await anna.http.post(CHATS, content=b"{}", headers={"content-type": content_type})

    assert (answer.status_code, answer.json()["code"]) == (415, "unsupported_media_type")


async def test_a_body_of_ten_megabytes_is_refused_by_its_length(anna: Person, server: Server) -> None:
    request = (
        f"POST {CHATS} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {anna.access_token}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {10 << 20}\r\n\r\n"
    )
    answer = await exchange(server.url, request.encode())

    assert (answer.status, answer.code) == (413, "too_large")
    assert "connection: close" in answer.head


async def test_a_body_of_ten_megabytes_in_chunks_is_refused_as_it_comes(anna: Person, server: Server) -> None:
    head = (
        f"POST {CHATS} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {anna.access_token}\r\n"
        "Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
    )
    chunk = b"10000\r\n" + b" " * 0x10000 + b"\r\n"
    answer = await exchange(server.url, head.encode() + chunk * 2)

    assert (answer.status, answer.code) == (413, "too_large")


async def test_a_client_that_sends_all_of_its_ten_megabytes_still_learns_why(anna: Person) -> None:
    answer = await anna.http.post(CHATS, json={"kind": "group", "members": ["x"], "title": "x" * (10 << 20)})

    assert (answer.status_code, answer.json()["code"]) == (413, "too_large")


async def test_slow_heads_and_slow_bodies_are_cut_off_after_ten_seconds(anna: Person, server: Server) -> None:
    head = (
        f"POST {CHATS} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {anna.access_token}\r\n"
        "Content-Type: application/json\r\nContent-Length: 100\r\n\r\n"
    ).encode()

    (head_s, cut_short), (silent_s, nothing), (body_s, answer) = await asyncio.gather(
        hangs_up_after(server.url, *[bytes([byte]) for byte in head[:40]]),
        hangs_up_after(server.url),
        hangs_up_after(server.url, head, b"{", b'"kind"'),
    )

    assert all(9 < seconds < 14 for seconds in (head_s, silent_s, body_s))
    assert nothing == b""
    for said in (cut_short, answer):
        assert said.startswith(b"HTTP/1.1 408") and b'"timed_out"' in said


@pytest.mark.parametrize(
    "request_line",
    [
        b"GET\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01",
        b"GET / HTTP/1.1\r\nno colon\r\n\r\n",
        b"GET / HTTP/1.1\r\n\x00: x\r\n\r\n",
    ],
)
async def test_what_is_not_http_is_turned_away(server: Server, request_line: bytes) -> None:
    answer = await exchange(server.url, request_line)

    assert answer.status in (0, 400)


@pytest.mark.parametrize(
    "path", ["/..%2f..%2fetc/passwd", "/assets/../../kaif.db", "/%2e%2e/%2e%2e/etc/passwd", "//etc/passwd",
             "/assets/..%5c..%5csecret.json", "/assets/%00", "/./.env", "/assets/"],
)  # fmt: skip
async def test_no_path_leads_out_of_the_client(server: Server, path: str) -> None:
    answer = await exchange(server.url, f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())

    assert answer.status == 404 or b"<!doctype html>" in answer.body.lower()
    assert b"root:" not in answer.body


async def test_a_path_that_goes_on_behind_its_end_is_not_found(anna: Person) -> None:
    for tail in ("/", "//GET", "//GET/x", "///", "//POST", "/entries/", "/entries//GET"):
        answer = await anna.http.get(f"{CHATS}/01k9{tail}")

        assert (answer.status_code, answer.json()["code"]) == (404, "not_found"), tail

"""Whatever is sent: a 4xx problem with a stable code, never a 500. On PostgreSQL, which is the pickier about text."""

import asyncio
import re
from collections.abc import AsyncIterator, Iterator
from typing import Any, get_type_hints
from urllib.parse import quote

import httpx
import msgspec
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis.checks import not_a_server_error
from schemathesis.core.result import Ok
from schemathesis.specs.openapi.checks import content_type_conformance, response_schema_conformance
from tests.gateway.wire import exchange
from tests.harness import Person, Server
from tests.servers import PostgresServer

from kaif.app.surface import ROUTES
from kaif.kernel.http import Route

POSTS = [route for route in ROUTES if route.takes_body]
GETS = [route for route in ROUTES if route.method == "GET"]
CODE = re.compile(r"[a-z][a-z_]+")

# As they stand in the body.
NO_JSON = [
    b"", b"{", b"nul", b"{'a':1}", b'{"a":1,}', b"\xff\xfe", b'{"text":"\xff"}', b'{"a":"\xed\xa0\x80"}', b"\x00",
    b"[" * 100_000, b'{"a":' * 20_000, b'{"a":"\\ud800"}', b'{"a":"\\x"}', b"NaN", b"{} {}",
]  # fmt: skip
NO_OBJECT = [b"null", b"true", b"0", b'"text"', b"[]", b"[{}]", b"1e999", b"1" * 5000]
ODD_VALUES = [
    "null", "true", "-1", "0", "1.5", "9007199254740993", "1e400", "1" * 400, '""', '" "', '"\\u0000"', '"a\\u0000b"',
    '"\\u202eannA"', '"\\u200b"', '"\\ufeff"', '"a\\nb"', '"\\ud83e\\udd94"', '"' + "x" * 10_000 + '"', "[]", "{}",
    '[""]', '["\\u0000"]', "[null]", '[["a"]]', '{"a":1}', '"\'; DROP TABLE auth_users; --"', '"../../etc"',
]  # fmt: skip
ODD_TEXTS = [
    "\x00",
    "a\x00b",
    "\u202e",
    "\u200b",
    "\n",
    "' OR 1=1 --",
    "x" * 3000,
    "ё" * 500,
    "%",
    "null",
    "-1",
    "1e9",
    "😀",
]


@pytest.fixture(scope="session")
def picky(tmp_path_factory: pytest.TempPathFactory, postgres_server: PostgresServer) -> Iterator[Server]:
    """A server on PostgreSQL, set up by "owner"."""
    url = postgres_server.create_database()
    server = Server(tmp_path_factory.mktemp("picky"), KAIF_DATABASE_URL=url)
    asyncio.run(_start(server))
    yield server
    server.kill()
    postgres_server.drop_database(url)


async def _start(server: Server) -> None:
    await server.start()
    owner = Person(server.url, "owner")
    await owner.set_up(server.setup_code)
    await owner.close()


class OwnersToken:
    """Of a session that still is one: what was sent before may well have ended it."""

    def __init__(self, server: Server) -> None:
        self._url = server.url
        self._token = ""

    async def __call__(self) -> str:
        owner = Person(self._url, "owner")
        owner.http.headers["authorization"] = f"Bearer {self._token or 'none'}"
        if (await owner.http.get("/v1/auth/me")).status_code != 200:
            self._token = (await owner.log_in()).access_token
        await owner.close()
        return self._token


@pytest.fixture(scope="session")
def owners_token(picky: Server) -> OwnersToken:
    return OwnersToken(picky)


@pytest.fixture
async def client(picky: Server, owners_token: OwnersToken) -> AsyncIterator[httpx.AsyncClient]:
    headers = {"authorization": f"Bearer {await owners_token()}", "content-type": "application/json"}
    complaints = picky.complaints()
    async with httpx.AsyncClient(
        base_url=picky.url, headers=headers, timeout=30, trust_env=False, verify=False
    ) as client:
        yield client
    assert picky.complaints() == complaints


def is_an_answer_or_a_problem(answer: httpx.Response) -> bool:
    if answer.status_code < 300:
        return True
    return 400 <= answer.status_code < 500 and bool(CODE.fullmatch(answer.json()["code"]))


def path_of(route: Route, value: str = "01k9") -> str:
    return re.sub(r"\{\w+\}", quote(value, safe=""), route.path)


def fields_of(route: Route) -> list[str]:
    return [name for name in get_type_hints(get_type_hints(route.use_case)["request"]) if name not in route.path_params]


def required_fields_of(route: Route) -> list[str]:
    fields = msgspec.structs.fields(get_type_hints(route.use_case)["request"])
    return [field.name for field in fields if field.required and field.name not in route.path_params]


@pytest.mark.parametrize("route", POSTS, ids=lambda route: route.path)
async def test_what_is_no_json_is_told_so(client: httpx.AsyncClient, route: Route) -> None:
    for body in NO_JSON:
        answer = await client.post(path_of(route), content=body)

        assert answer.status_code in (400, 413, 422), body[:40]
        assert answer.json()["code"] in ("malformed_json", "too_large", "invalid")


@pytest.mark.parametrize("route", POSTS, ids=lambda route: route.path)
async def test_what_is_no_object_or_has_unknown_fields_is_invalid(client: httpx.AsyncClient, route: Route) -> None:
    for body in [*NO_OBJECT, b'{"unknown":1}', b'{"":{}}']:
        answer = await client.post(path_of(route), content=body)

        assert answer.status_code in (400, 422), body[:40]


@pytest.mark.parametrize("route", POSTS, ids=lambda route: route.path)
async def test_odd_values_of_any_field_are_no_trouble(client: httpx.AsyncClient, route: Route) -> None:
    usual = {"kind": '"group"', "members": '["01k9"]', "title": '"A"', "ref": '"r"', "text": '"t"', "seq": "1",
             "user_ids": '["01k9"]', "code": '"c"', "username": '"username"', "email": '"a@b.example"',
             "password": '"a password of some length"', "login": '"nobody"'}  # fmt: skip
    for field in fields_of(route):
        for value in ODD_VALUES:
            body = {name: usual[name] for name in fields_of(route) if name in usual} | {field: value}
            text = "{" + ",".join(f'"{name}":{value}' for name, value in body.items()) + "}"
            answer = await client.post(path_of(route), content=text.encode())

            assert is_an_answer_or_a_problem(answer), (field, value[:40], answer.text)


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: f"{route.method} {route.path}")
async def test_odd_texts_in_a_path_are_no_trouble(client: httpx.AsyncClient, route: Route) -> None:
    for text in ODD_TEXTS if route.path_params else []:
        answer = await client.request(route.method, path_of(route, text), content=b'{"seq":1,"ref":"r","text":"t"}')

        assert answer.status_code in (404, 414, 422), (text[:40], answer.text)
    for end in ("%ff", "%c0%ae", "%ed%a0%80", "%", "%zz"):
        assert (await client.get(f"{path_of(route)}{end}")).status_code < 500


@pytest.mark.parametrize("route", GETS, ids=lambda route: route.path)
async def test_odd_parameters_are_no_trouble(client: httpx.AsyncClient, route: Route) -> None:
    for field in [*fields_of(route), "unknown"]:
        for text in [*ODD_TEXTS, "", "1" * 5000, "9" * 20, "0x10", "1_000", "nan", "true"]:
            answer = await client.get(path_of(route), params={field: text})

            assert is_an_answer_or_a_problem(answer), (field, text[:40], answer.text)


@pytest.mark.parametrize(
    "query",
    [
        "%ff",
        "limit=%ff",
        "limit=1&limit=2",
        "&&&",
        "=",
        "a" * 5000,
        "&".join(f"a{n}=1" for n in range(60)),
        "limit=1;b",
    ],
)
async def test_queries_that_are_none_are_told_so(picky: Server, owners_token: OwnersToken, query: str) -> None:
    token = await owners_token()
    request = f"GET /v1/messaging/chats?{query} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\n\r\n"

    answer = await exchange(picky.url, request.encode())

    assert answer.status in (200, 400, 414, 422)


@pytest.mark.asvs("7.2.1")
@pytest.mark.parametrize(
    "token",
    ["x", "e30.e30.", "a.b.c", "eyJhbGciOiJub25lIn0.eyJzdWIiOiIxIn0.", "ё", "x" * 10_000, "a b", "null"],
)
@pytest.mark.parametrize("path", ["/v1/auth/me", "/v1/messaging/chats", "/operator/mailbox"])
async def test_a_token_that_is_none_is_nobody(picky: Server, token: str, path: str) -> None:
    request = f"GET {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\n\r\n"

    answer = await exchange(picky.url, request.encode())

    assert (answer.status, answer.code) == (401, "unauthenticated")


@pytest.mark.asvs("8.2.2")
@pytest.mark.parametrize(
    "route", [r for r in ROUTES if "chat_id" in r.path_params and not r.needs], ids=lambda r: f"{r.method} {r.path}"
)
async def test_anothers_chat_is_no_chat_on_any_route(
    server: Server, anna: Person, boris: Person, owner: Person, route: Route
) -> None:
    chat_id = await anna.direct_chat(boris)
    path = route.path
    for name, value in {
        "chat_id": chat_id,
        "user_id": boris.id,
        "seq": "1",
        "link_id": chat_id,
        "webhook_id": chat_id,
        "topic_id": "0",
    }.items():
        path = path.replace(f"{{{name}}}", value)
    usual = {
        "ref": "r",
        "text": "t",
        "seq": 1,
        "seqs": [1],
        "topic_id": 0,
        "user_id": boris.id,
        "user_ids": [boris.id],
        "rights": ["send"],
        "taken": ["send"],
        "emoji": "👍",
        "for_everyone": True,
        "at": "2026-01-01T00:00:00Z",
        "from_chat_id": chat_id,
        "group_id": chat_id,
        "messages": [{"seq": 1, "ref": "r"}],
        "let_in": True,
        "may_write": True,
        "notify": "all",
        "data": "yes",
        "name": "Сборка",
        "written_at": "2026-11-26T00:00:00Z",
        "on": True,
        "title": "A",
        "media_id": "01k9" + "0" * 22,
        "until": "2026-11-26T00:00:00Z",
        "restricted": True,
        "send_at": "2026-11-26T00:00:00Z",
        "remind_at": "2026-11-26T00:00:00Z",
        "vanish_after_s": 0,
        "question": "t",
        "options": ["a", "b"],
        "option": 0,
        "chosen": [0],
        "latitude": 0.5,
        "longitude": 0.5,
    }
    request = {name: usual[name] for name in required_fields_of(route)}
    sent: dict[str, Any] = {"json": request} if route.takes_body else {"params": request}

    answer = await owner.http.request(route.method, path, **sent)

    assert (answer.status_code, answer.json()["code"]) == (404, "chat_not_found")


@pytest.mark.timeout(1800)
def test_schemathesis_finds_no_server_error(picky: Server, owners_token: OwnersToken) -> None:
    """Requests made from the document that is served, others each time."""
    schema = schemathesis.openapi.from_url(f"{picky.url}/openapi.json")

    for result in schema.get_all_operations():
        assert isinstance(result, Ok)
        ask_in_many_ways(result.ok(), asyncio.run(owners_token()))


def ask_in_many_ways(operation: "schemathesis.schemas.APIOperation[Any, Any, Any, Any]", token: str) -> None:
    @settings(
        max_examples=25, deadline=None, database=None, phases=[Phase.generate], suppress_health_check=list(HealthCheck)
    )
    @given(case=operation.as_strategy())
    def ask(case: "schemathesis.Case[Any]") -> None:
        response = case.call(headers={"authorization": f"Bearer {token}"})
        case.validate_response(
            response, checks=[not_a_server_error, content_type_conformance, response_schema_conformance]
        )

    ask()

"""API keys on a real server: each opens what its scopes name, over HTTP and on the socket, and nothing else."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any, NamedTuple

import httpx
import pytest
from tests.gateway.conftest import NewPerson
from tests.gateway.test_cookies import Browser
from tests.gateway.test_sockets import a_send, closed_with, events, opened
from tests.harness import Person, Server, people, running_server
from tests.waiting import eventually, until
from websockets.exceptions import InvalidStatus

from kaif.kernel.api_keys import new_api_key

KEYS = "/v1/auth/api-keys"


class Key(NamedTuple):
    id: str
    secret: str
    http: httpx.AsyncClient

    @property
    def headers(self) -> dict[str, str]:
        return {"authorization": f"Bearer {self.secret}"}

    async def code(self, method: str, path: str, body: Any = None) -> str:
        answer = await self.http.request(method, path, json={} if method == "POST" and body is None else body)
        return "" if answer.is_success else str(answer.json()["code"])


class Keys:
    """Made by people, each with a client of its own."""

    def __init__(self) -> None:
        self._clients: list[httpx.AsyncClient] = []

    async def make(self, person: Person, *scopes: str) -> Key:
        made = await person.post(KEYS, name="Бот", scopes=list(scopes))
        headers = {"authorization": f"Bearer {made['secret']}"}
        http = httpx.AsyncClient(base_url=person.url, headers=headers, timeout=20, trust_env=False)
        self._clients.append(http)
        return Key(made["key"]["id"], made["secret"], http)

    async def close(self) -> None:
        for client in self._clients:
            await client.aclose()


@pytest.fixture
async def keys() -> AsyncIterator[Keys]:
    keys = Keys()
    yield keys
    await keys.close()


class Operation(NamedTuple):
    method: str
    path: str
    scope: str


async def operations(person: Person) -> list[Operation]:
    """Those for people who are signed in, with the scope that the document says; ids in paths are nobody's."""
    document = await person.get("/openapi.json")
    return [
        Operation(method.upper(), _filled(path, operation), _scope_of(operation))
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
        if operation["security"]
    ]


def _filled(path: str, operation: dict[str, Any]) -> str:
    for parameter in operation.get("parameters", []):
        path = path.replace(f"{{{parameter['name']}}}", "nobody")
    return path


def _scope_of(operation: dict[str, Any]) -> str:
    scopes = [scope for way in operation["security"] for scope in way.get("api_key", [])]
    assert len(scopes) <= 1
    return scopes[0] if scopes else ""


# What a key opens


@pytest.mark.asvs("8.2.1", "10.3.2")
async def test_every_scope_opens_the_routes_that_name_it_and_no_other(owner: Person, keys: Keys) -> None:
    routes = await operations(owner)
    scopes = (await owner.get(KEYS))["scopes"]
    assert {route.scope for route in routes} == {"", *scopes}

    for scope in scopes:
        key = await keys.make(owner, scope)
        for route in routes:
            allowed = route.scope == scope

            assert (await key.code(route.method, route.path) == "insufficient_scope") is not allowed, (scope, route)


async def test_all_scopes_together_open_nothing_that_touches_the_account(owner: Person, keys: Keys) -> None:
    key = await keys.make(owner, *(await owner.get(KEYS))["scopes"])
    closed = {route.path for route in await operations(owner) if not route.scope}

    for touching in ("password", "totp", "passkeys", "sessions", "api-keys", "roles", "account", "step-up", "email"):
        assert [path for path in closed if path.startswith(f"/v1/auth/{touching}")], touching
    for route in await operations(owner):
        if not route.scope:
            assert await key.code(route.method, route.path) == "insufficient_scope", route


async def test_a_refusal_says_what_would_have_been_right(anna: Person, keys: Keys) -> None:
    key = await keys.make(anna, "messaging.read")

    missing = await key.http.post("/v1/messaging/chats", json={})
    closed = await key.http.get("/v1/auth/sessions")

    assert (missing.status_code, missing.json()["scope"]) == (403, "messaging.write")
    assert missing.headers["www-authenticate"] == 'Bearer error="insufficient_scope", scope="messaging.write"'
    assert (closed.status_code, closed.headers["www-authenticate"]) == (403, 'Bearer error="insufficient_scope"')
    assert "scope" not in closed.json()


async def test_a_program_talks_for_its_owner(anna: Person, boris: Person, keys: Keys) -> None:
    chat_id = await anna.direct_chat(boris)
    key = await keys.make(anna, "messaging.read", "messaging.write", "auth.read_profile")

    sent = await key.http.post(f"/v1/messaging/chats/{chat_id}/messages", json={"ref": "bot-1", "text": "Отчёт готов"})

    assert (sent.status_code, sent.json()["sender_id"]) == (201, anna.id)
    assert (await boris.history(chat_id))[-1]["text"] == "Отчёт готов"
    assert (await key.http.get("/v1/auth/me")).json()["id"] == anna.id


@pytest.mark.asvs("8.3.3")
async def test_a_key_needs_the_permission_too_and_its_owner_may_lose_it(
    owner: Person, new_person: NewPerson, keys: Keys
) -> None:
    anna = await new_person()
    await owner.post(f"/v1/auth/people/{anna.id}/roles", role="compliance")
    await anna.refresh()
    key = await keys.make(anna, "auth.read_audit", "auth.read_profile")
    assert await key.code("GET", "/v1/auth/audit") == ""
    assert (await key.http.get("/v1/auth/me")).json()["permissions"] == ["auth.read_audit"]

    await owner.http.delete(f"/v1/auth/people/{anna.id}/roles/compliance")

    assert await key.code("GET", "/v1/auth/audit") == "missing_permission"
    assert await key.code("GET", "/v1/auth/me") == ""


async def test_a_key_is_nobody_where_nobody_is_needed(anna: Person, keys: Keys) -> None:
    key = await keys.make(anna, "auth.read_profile")

    assert (await key.http.post("/v1/auth/logout", json={})).status_code == 204
    assert (await key.http.get("/v1/auth/setup")).status_code == 200

    assert await key.code("GET", "/v1/auth/me") == ""


@pytest.mark.asvs("8.4.2")
async def test_a_key_opens_no_page_of_the_operators(owner: Person, keys: Keys) -> None:
    key = await keys.make(owner, *(await owner.get(KEYS))["scopes"])

    answer = await key.http.get("/operator/mailbox")

    assert (answer.status_code, answer.json()["code"]) == (401, "unauthenticated")


async def test_a_key_in_a_cookie_is_no_key(server: Server, anna: Person, keys: Keys) -> None:
    key = await keys.make(anna, "auth.read_profile")
    browser = Browser(server, anna.name)
    browser.cookies["__Host-kaif_access"] = key.secret

    answer = await browser.ask("GET", "/v1/auth/me")

    assert (answer.status_code, answer.json()["code"]) == (401, "api_key_refused")
    await browser.http.aclose()


@pytest.mark.parametrize("scheme", ["bearer", "BEARER", "Bearer  "])
async def test_the_scheme_is_read_as_for_any_token(anna: Person, keys: Keys, scheme: str) -> None:
    key = await keys.make(anna, "auth.read_profile")
    key.http.headers["authorization"] = f"{scheme} {key.secret}"

    assert await key.code("GET", "/v1/auth/me") == ""


async def test_a_wrong_key_is_a_problem_with_a_challenge(anna: Person) -> None:
    for secret in (new_api_key(), "kaif_nothing"):
        answer = await anna.http.get("/v1/auth/me", headers={"authorization": f"Bearer {secret}"})

        assert (answer.status_code, answer.json()["code"]) == (401, "api_key_refused")
        assert answer.headers["www-authenticate"] == "Bearer"


async def test_wrong_keys_use_up_the_sign_ins_of_their_address_and_known_ones_go_on(tmp_path: Any, keys: Keys) -> None:
    async with running_server(tmp_path, KAIF_LIMITS_SCALE="1") as server, people(server, "anna") as (anna,):
        key = await keys.make(anna, "auth.read_profile")
        assert await key.code("GET", "/v1/auth/me") == ""
        guesses = [
            await anna.http.get("/v1/auth/me", headers={"authorization": f"Bearer {new_api_key()}"}) for _ in range(12)
        ]
        sign_in = await anna.http.post("/v1/auth/login", json={"login": "anna", "password": "x"})

        assert {guess.status_code for guess in guesses[:5]} == {401}
        assert guesses[-1].status_code == sign_in.status_code == 429
        assert int(guesses[-1].headers["retry-after"]) >= 1
        assert await key.code("GET", "/v1/auth/me") == ""


# Its end


@pytest.mark.asvs("8.3.2")
async def test_a_revoked_key_is_refused_at_once_on_a_connection_that_is_open(anna: Person, keys: Keys) -> None:
    key = await keys.make(anna, "auth.read_profile")
    assert await key.code("GET", "/v1/auth/me") == ""

    assert (await anna.http.delete(f"{KEYS}/{key.id}")).status_code == 204

    assert await key.code("GET", "/v1/auth/me") == "api_key_refused"
    assert (await anna.http.delete(f"{KEYS}/{key.id}")).json()["code"] == "api_key_not_found"


async def test_a_suspended_owners_key_is_refused_and_comes_back_with_them(
    owner: Person, new_person: NewPerson, keys: Keys
) -> None:
    anna = await new_person()
    key = await keys.make(anna, "auth.read_profile")
    assert await key.code("GET", "/v1/auth/me") == ""

    await owner.http.post(f"/v1/auth/people/{anna.id}/suspend", json={})
    assert await key.code("GET", "/v1/auth/me") == "account_suspended"

    await owner.http.post(f"/v1/auth/people/{anna.id}/restore", json={})
    assert await key.code("GET", "/v1/auth/me") == ""


# The socket


async def test_a_program_listens_and_talks_on_the_socket(
    server: Server, anna: Person, boris: Person, keys: Keys
) -> None:
    chat_id = await anna.direct_chat(boris)
    key = await keys.make(anna, "messaging.read", "messaging.write")

    async with opened(server, headers=key.headers) as connection:
        [hello] = await events(connection)
        await connection.send(a_send(chat_id, "bot-2"))
        [entry] = await events(connection)

    assert (hello["type"], hello["user_id"]) == ("hello", anna.id)
    assert (entry["sender_id"], entry["ref"]) == (anna.id, "bot-2")


async def test_a_program_that_may_only_read_hears_and_is_not_heard(
    server: Server, anna: Person, boris: Person, keys: Keys
) -> None:
    chat_id = await anna.direct_chat(boris)
    key = await keys.make(anna, "messaging.read")

    async with opened(server, headers=key.headers) as connection:
        await events(connection)
        mark = {"type": "read", "chat_id": chat_id, "seq": 1}
        await connection.send(f"[{a_send(chat_id, 'bot-3')},{json.dumps(mark)}]")
        [refused] = await events(connection)
        entry = await boris.post_message(chat_id, "Слышно?")
        [heard] = await events(connection)

    assert (refused["type"], refused["ref"], refused["code"]) == ("refused", "bot-3", "insufficient_scope")
    assert (heard["seq"], heard["text"]) == (entry["seq"], "Слышно?")
    assert "bot-3" not in [one.get("ref") for one in await anna.history(chat_id)]
    [chat] = [one for one in (await anna.get("/v1/messaging/chats", limit=200))["chats"] if one["id"] == chat_id]
    assert chat["unread"] > 0


@pytest.mark.parametrize(
    ("scopes", "status", "code"),
    [(["messaging.write"], 403, "insufficient_scope"), ([], 401, "api_key_refused")],
    ids=["no reading", "no key"],
)
async def test_a_refused_upgrade_is_a_problem(
    server: Server, anna: Person, keys: Keys, scopes: list[str], status: int, code: str
) -> None:
    secret = (await keys.make(anna, *scopes)).secret if scopes else new_api_key()

    with pytest.raises(InvalidStatus) as refused:
        async with opened(server, headers={"authorization": f"Bearer {secret}"}):
            pass

    assert refused.value.response.status_code == status
    assert json.loads(refused.value.response.body or b"")["code"] == code


async def test_many_sockets_open_at_once_with_a_key_that_was_never_seen(
    server: Server, anna: Person, keys: Keys
) -> None:
    key = await keys.make(anna, "messaging.read")

    async def hello() -> str:
        async with opened(server, headers=key.headers) as connection:
            return str((await events(connection))[0]["user_id"])

    assert set(await asyncio.gather(*[hello() for _ in range(10)])) == {anna.id}


async def test_revoking_a_key_closes_its_sockets_within_a_second_and_no_other(
    server: Server, anna: Person, keys: Keys
) -> None:
    key = await keys.make(anna, "messaging.read")
    async with opened(server, headers=key.headers) as ended, opened(server, anna) as other:
        await events(ended)
        await events(other)

        await anna.http.delete(f"{KEYS}/{key.id}")

        assert await closed_with(ended, within_s=1) == 4001
        await other.ping()


async def test_whoever_goes_away_before_the_answer_leaves_nothing_behind(
    server: Server, anna: Person, keys: Keys
) -> None:
    key, complained = await keys.make(anna, "messaging.read"), server.complaints()
    head = f"GET /v1/socket HTTP/1.1\r\nhost: {server.host}\r\nupgrade: websocket\r\nconnection: upgrade\r\n"
    for _ in range(20):
        _, writer = await asyncio.open_connection(server.host, server.port)
        writer.write(f"{head}authorization: Bearer {key.secret}\r\n\r\n".encode())
        writer.close()

    assert await key.code("GET", "/v1/messaging/chats") == ""

    async def is_calm() -> bool:
        return "kaif_sockets 0.0" in (await anna.http.get("/metrics")).text

    await eventually(is_calm)
    assert server.complaints() == complained


# What is kept of it


async def test_no_key_reaches_the_access_log_or_a_list(server: Server, anna: Person, keys: Keys) -> None:
    key = await keys.make(anna, "auth.read_profile")
    last = await key.http.get("/v1/auth/me")
    await until(lambda: any(line["request_id"] == last.headers["x-request-id"] for line in server.access_log()))

    assert not [line for line in server.access_log() if key.secret[5:30] in str(line)]
    assert key.secret[5:30] not in str(await anna.get(KEYS))

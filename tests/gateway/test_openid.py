"""The wire of OpenID Connect: statuses, headers and bodies as its standards have them, whatever is sent."""

import base64
import hashlib
import secrets
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import parse_qs, quote, urlencode, urlsplit

import httpx
import pytest
from tests.gateway.conftest import NewPerson
from tests.gateway.test_cookies import Browser
from tests.gateway.wire import exchange
from tests.harness import Person, Server
from tests.waiting import until

REDIRECT_URI = "https://wiki.example/signed-in"
FORM = {"content-type": "application/x-www-form-urlencoded"}


class Wire:
    """An application that speaks HTTP by hand."""

    def __init__(self, url: str, application: dict[str, Any], secret: str, person: Person) -> None:
        self.id, self.secret, self.person = application["id"], secret, person
        self.verifier = secrets.token_urlsafe(32)
        self.http = httpx.AsyncClient(base_url=url, timeout=20, trust_env=False)

    @property
    def basic(self) -> dict[str, str]:
        return basic(self.id, self.secret)

    def query(self, **changes: str) -> str:
        digest = hashlib.sha256(self.verifier.encode()).digest()
        usual = {
            "response_type": "code",
            "client_id": self.id,
            "redirect_uri": REDIRECT_URI,
            "scope": "openid email offline_access",
            "code_challenge": base64.urlsafe_b64encode(digest).rstrip(b"=").decode(),
            "code_challenge_method": "S256",
        }
        return urlencode({**usual, **changes})

    async def code(self) -> str:
        body = {"query": self.query(), "begun": "", "user_id": self.person.id}
        returned = await self.person.post("/v1/auth/authorizations/allow", **body)
        return str(parse_qs(urlsplit(returned["redirect_to"]).query)["code"][0])

    def redeeming(self, code: str, **changes: str) -> dict[str, str]:
        usual = {"grant_type": "authorization_code", "code": code, "redirect_uri": REDIRECT_URI}
        return {**usual, "code_verifier": self.verifier, **changes}

    async def tokens(self) -> dict[str, Any]:
        answer = await self.http.post("/oauth/token", data=self.redeeming(await self.code()), headers=self.basic)
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    async def user_info(self, token: str) -> httpx.Response:
        return await self.http.get("/oauth/userinfo", headers={"authorization": f"Bearer {token}"})


def basic(name: str, password: str) -> dict[str, str]:
    return {"authorization": "Basic " + base64.b64encode(f"{name}:{password}".encode()).decode()}


@pytest.fixture
async def wire(server: Server, owner: Person, new_person: NewPerson) -> AsyncIterator[Wire]:
    added = await owner.post(
        "/v1/auth/applications",
        name="Wiki",
        kind="web",
        redirect_uris=[REDIRECT_URI],
        scopes=["openid", "email", "offline_access"],
    )
    wire = Wire(server.url, added["application"], added["secret"], await new_person())
    yield wire
    await wire.http.aclose()


def assert_error(answer: httpx.Response, status: int, error: str) -> None:
    assert (answer.status_code, answer.json()["error"]) == (status, error), answer.text
    assert answer.json()["error_description"] and answer.headers["cache-control"] == "no-store"
    assert answer.headers["content-type"] == "application/json"


# What is where


async def test_everything_is_where_the_document_says(server: Server, wire: Wire) -> None:
    document = (await wire.http.get("/.well-known/openid-configuration")).json()

    assert document["issuer"] == server.url
    assert document == (await wire.http.get("/.well-known/oauth-authorization-server")).json()
    for name, address in document.items():
        if name.endswith(("_endpoint", "_uri")):
            assert address.startswith(f"{server.url}/oauth/")
            assert (await wire.http.get(address)).status_code in (200, 401, 405), name


async def test_documents_may_be_kept_a_while_and_tokens_not_at_all(wire: Wire) -> None:
    for path in ("/.well-known/openid-configuration", "/oauth/jwks.json"):
        assert (await wire.http.get(path)).headers["cache-control"] == "public, max-age=600"
    answer = await wire.http.post("/oauth/token", data=wire.redeeming(await wire.code()), headers=wire.basic)
    assert answer.headers["cache-control"] == "no-store"
    assert answer.json().keys() == {
        "access_token", "token_type", "expires_in", "scope", "id_token", "refresh_token",
    }  # fmt: skip


async def test_keys_of_our_own_interface_stay_apart(wire: Wire) -> None:
    own = (await wire.http.get("/.well-known/jwks.json")).json()["keys"]
    theirs = (await wire.http.get("/oauth/jwks.json")).json()["keys"]

    assert {key["alg"] for key in own} == {"Ed25519"} and {key["alg"] for key in theirs} <= {"ES256", "RS256"}
    assert not [name for key in theirs for name in key if name in ("d", "p", "q")]


async def test_pages_of_other_sites_read_what_browsers_need_and_send_no_cookies(wire: Wire) -> None:
    origin = {"origin": "https://page.example"}
    answers = [
        await wire.http.get("/.well-known/openid-configuration", headers=origin),
        await wire.http.get("/oauth/jwks.json", headers=origin),
        await wire.http.post("/oauth/token", data={"grant_type": "x"}, headers=origin),
        await wire.http.post("/oauth/revoke", data={"token": "x"}, headers=origin),
        await wire.http.get("/oauth/userinfo", headers=origin),
        await wire.http.get("/oauth/userinfo", headers={**origin, "authorization": "Bearer x"}),
    ]
    for answer in answers:
        assert answer.headers["access-control-allow-origin"] == "*"
        assert "access-control-allow-credentials" not in answer.headers
    for path in ("/oauth/token", "/oauth/userinfo", "/oauth/revoke", "/oauth/jwks.json"):
        preflight = await wire.http.options(path, headers={**origin, "access-control-request-headers": "authorization"})
        assert preflight.status_code == 204
        assert "authorization" in preflight.headers["access-control-allow-headers"]
    for answer in (
        await wire.http.post("/oauth/introspect", data={"token": "x"}, headers={**origin, **wire.basic}),
        await wire.http.get("/v1/auth/me", headers=origin),
        await wire.http.get("/oauth/authorize", headers=origin),
    ):
        assert "access-control-allow-origin" not in answer.headers


@pytest.mark.parametrize("path", ["token", "revoke", "introspect"])
async def test_what_takes_forms_takes_them_by_post(wire: Wire, path: str) -> None:
    for method in ("GET", "PUT", "DELETE"):
        answer = await wire.http.request(method, f"/oauth/{path}")
        assert (answer.status_code, answer.json()["code"]) == (405, "method_not_allowed")
        assert "POST" in answer.headers["allow"]


# How an application proves itself


@pytest.mark.asvs("10.4.10")
async def test_by_basic_by_form_or_not_at_all(wire: Wire) -> None:
    form = {"client_id": wire.id, "client_secret": wire.secret}
    code = await wire.code()
    assert (await wire.http.post("/oauth/token", data={**wire.redeeming(code), **form})).status_code == 200

    odd = basic(quote(wire.id, safe=""), "".join(f"%{ord(letter):02x}" for letter in wire.secret))
    code = await wire.code()
    assert (await wire.http.post("/oauth/token", data=wire.redeeming(code), headers=odd)).status_code == 200


async def test_whoever_does_not_prove_itself_is_told_how_to(wire: Wire) -> None:
    code = await wire.code()
    for headers, form in (
        ({}, {}),
        ({}, {"client_id": wire.id}),
        ({}, {"client_id": wire.id, "client_secret": "wrong"}),
        (basic(wire.id, "wrong"), {}),
        (basic("nobody", wire.secret), {}),
        ({"authorization": "Basic !!!"}, {}),
        ({"authorization": "Basic " + base64.b64encode(b"no colon").decode()}, {}),
        ({"authorization": "Basic " + base64.b64encode(b"\xff:\xff").decode()}, {}),
        ({"authorization": f"Bearer {wire.person.access_token}"}, {}),
    ):
        answer = await wire.http.post("/oauth/token", data={**wire.redeeming(code), **form}, headers=headers)
        assert_error(answer, 401, "invalid_client")
        assert answer.headers["www-authenticate"].startswith("Basic ")
    assert (await wire.http.post("/oauth/token", data=wire.redeeming(code), headers=wire.basic)).status_code == 200


async def test_two_proofs_at_once_are_an_error(wire: Wire) -> None:
    for form in (
        {"client_secret": wire.secret},
        {"client_id": "another"},
        {"client_id": wire.id, "client_secret": "x"},
    ):
        answer = await wire.http.post("/oauth/token", data={**wire.redeeming("x"), **form}, headers=wire.basic)
        assert_error(answer, 400, "invalid_request")


# Forms


@pytest.mark.parametrize(
    "body",
    [
        "grant_type=authorization_code&grant_type=authorization_code",
        "grant_type=authorization_code&code=a&code=b",
        "%ff=1",
        "&".join(f"a{number}=1" for number in range(60)),
        "grant_type=authorization_code&code=" + "a" * 3000,
        "",
        "grant_type=",
        "code=x",
        "ё",
    ],
)
async def test_a_form_that_is_none_is_an_error(wire: Wire, body: str) -> None:
    answer = await wire.http.post("/oauth/token", content=body.encode(), headers={**FORM, **wire.basic})

    assert_error(answer, 400, "invalid_request")


@pytest.mark.parametrize("name", ["code", "code_verifier", "redirect_uri", "grant_type", "client_id"])
async def test_a_parameter_that_is_given_twice_spoils_a_good_request(wire: Wire, name: str) -> None:
    form = {**wire.redeeming(await wire.code()), "client_id": wire.id, "client_secret": wire.secret}
    twice = f"{urlencode(form)}&{urlencode({name: form[name]})}"

    assert_error(await wire.http.post("/oauth/token", content=twice, headers=FORM), 400, "invalid_request")
    assert (await wire.http.post("/oauth/token", data=form)).status_code == 200, "the code was not spent"


async def test_other_kinds_of_bodies_are_not_read(wire: Wire) -> None:
    for content_type in ("application/json", "multipart/form-data; boundary=x", "text/plain", ""):
        headers = {"content-type": content_type, **wire.basic}
        answer = await wire.http.post("/oauth/token", content=b'{"grant_type":"refresh_token"}', headers=headers)
        assert_error(answer, 400, "invalid_request")


async def test_errors_have_the_names_of_the_standard(wire: Wire) -> None:
    for form, error in (
        (wire.redeeming("x"), "invalid_grant"),
        (wire.redeeming("x", code_verifier=""), "invalid_request"),
        ({"grant_type": "refresh_token", "refresh_token": "x"}, "invalid_grant"),
        ({"grant_type": "password", "username": "anna", "password": "x"}, "unsupported_grant_type"),
    ):
        assert_error(await wire.http.post("/oauth/token", data=form, headers=wire.basic), 400, error)
    tokens = await wire.tokens()
    wider = {"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"], "scope": "openid profile"}
    assert_error(await wire.http.post("/oauth/token", data=wider, headers=wire.basic), 400, "invalid_scope")


@pytest.mark.asvs("14.2.1")
async def test_parameters_in_the_address_count_for_nothing(wire: Wire) -> None:
    query = urlencode({**wire.redeeming(await wire.code()), "client_id": wire.id, "client_secret": wire.secret})

    answer = await wire.http.post(f"/oauth/token?{query}", headers=FORM)

    assert answer.status_code == 401


# Tokens


async def test_the_claims_are_read_by_get_and_by_post(wire: Wire) -> None:
    tokens = await wire.tokens()
    bearer = {"authorization": f"Bearer {tokens['access_token']}"}

    got, posted = await wire.user_info(tokens["access_token"]), await wire.http.post("/oauth/userinfo", headers=bearer)

    assert (
        got.json()
        == posted.json()
        # The address is not confirmed.
        == {"sub": wire.person.id}
    )
    assert got.headers["cache-control"] == "no-store"


async def test_no_token_and_a_wrong_one_are_told_apart(wire: Wire) -> None:
    none, other = await wire.http.get("/oauth/userinfo"), await wire.http.get("/oauth/userinfo", headers=wire.basic)
    for answer in (none, other):
        assert (answer.status_code, answer.headers["www-authenticate"]) == (401, 'Bearer realm="Kaif Ozero"')
    for token in ("x", "x" * 3000, "\xff", wire.person.access_token, wire.person.refresh_token):
        answer = await wire.http.get(
            "/oauth/userinfo", headers={b"authorization": b"Bearer " + token.encode("latin-1")}
        )
        assert_error(answer, 401, "invalid_token")
        assert 'error="invalid_token"' in answer.headers["www-authenticate"]


async def test_our_own_interface_takes_none_of_them(wire: Wire) -> None:
    tokens = await wire.tokens()

    for name in ("access_token", "id_token", "refresh_token"):
        for path in ("/v1/auth/me", "/v1/messaging/chats"):
            answer = await wire.http.get(path, headers={"authorization": f"Bearer {tokens[name]}"})
            assert (answer.status_code, answer.json()["code"]) == (401, "unauthenticated")
    refreshed = await wire.http.post("/v1/auth/refresh", json={"refresh_token": tokens["refresh_token"]})
    assert refreshed.json()["code"] == "session_ended"


async def test_a_revoked_token_is_not_active(wire: Wire) -> None:
    tokens = await wire.tokens()
    token = {"token": tokens["access_token"], "token_type_hint": "refresh_token"}
    before = await wire.http.post("/oauth/introspect", data=token, headers=wire.basic)
    assert (before.json()["active"], before.json()["sub"]) == (True, wire.person.id)

    revoked = await wire.http.post("/oauth/revoke", data=token, headers=wire.basic)
    assert (revoked.status_code, revoked.content) == (200, b"")

    assert (await wire.http.post("/oauth/introspect", data=token, headers=wire.basic)).json() == {"active": False}
    assert (await wire.user_info(tokens["access_token"])).status_code == 401
    for path in ("revoke", "introspect"):
        assert_error(await wire.http.post(f"/oauth/{path}", data=token), 401, "invalid_client")
        assert_error(await wire.http.post(f"/oauth/{path}", data={}, headers=wire.basic), 400, "invalid_request")


@pytest.mark.asvs("16.2.5")
async def test_nothing_secret_reaches_the_access_log(server: Server, wire: Wire) -> None:
    code = await wire.code()
    answer = await wire.http.post("/oauth/token", data=wire.redeeming(code), headers=wire.basic)
    tokens = answer.json()
    last = await wire.http.get(f"/oauth/authorize?{wire.query(state='a-state-of-ours')}")
    await until(lambda: any(line["request_id"] == last.headers["x-request-id"] for line in server.access_log()))

    log = str(server.access_log()) + server.complaints()
    assert "/oauth/token" in log and "/oauth/authorize" in log
    for secret in (code, wire.secret, tokens["access_token"], tokens["refresh_token"], "a-state-of-ours"):
        assert secret not in log


# The page where people decide


async def test_the_page_is_ours_can_not_be_framed_and_tells_nobody_its_address(wire: Wire) -> None:
    page = await wire.http.get(f"/oauth/authorize?{wire.query()}")

    assert (page.status_code, page.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert "frame-ancestors 'none'" in page.headers["content-security-policy"]
    assert page.headers["referrer-policy"] == "no-referrer"
    assert "set-cookie" not in page.headers
    assert (await wire.http.head("/oauth/authorize")).status_code == 200
    assert (await wire.http.put("/oauth/authorize")).status_code == 405


async def test_a_form_that_is_sent_to_the_page_becomes_its_address(server: Server, wire: Wire) -> None:
    sent = await wire.http.post("/oauth/authorize", content=wire.query(), headers=FORM)

    assert (sent.status_code, sent.headers["location"]) == (303, f"/oauth/authorize?{wire.query()}")
    for body in (b"a=\r\nset-cookie: x=1", b"a=" + b"x" * 9000, b"a=\xd1\x91", b"a=b c"):
        assert (await wire.http.post("/oauth/authorize", content=body, headers=FORM)).status_code == 400
    raw = b"POST /oauth/authorize HTTP/1.1\r\nhost: x\r\ncontent-length: 3\r\ncontent-type: text/plain\r\n\r\na=b"
    assert (await exchange(server.url, raw)).status == 400


async def test_only_a_page_of_ours_decides_for_whom_is_signed_in(server: Server, wire: Wire) -> None:
    browser = Browser(server, wire.person.name)
    await browser.log_in()
    consider, allow = {"query": wire.query()}, {"query": wire.query(), "begun": "", "user_id": wire.person.id}

    for path, body in (("consider", consider), ("allow", allow)):
        for headers in ({"origin": "https://evil.example"}, {"kaif_session": None}, {"origin": None}):
            answer = await browser.ask("POST", f"/v1/auth/authorizations/{path}", body, **headers)
            assert "code=" not in answer.text, (path, headers)
            if path == "allow":
                assert (answer.status_code, answer.json()["code"]) == (403, "foreign_origin")
    assert (await browser.ask("GET", "/v1/auth/allowed-applications")).json() == {"applications": []}

    answer = await browser.ask("POST", "/v1/auth/authorizations/allow", allow)
    assert answer.json()["redirect_to"].startswith(f"{REDIRECT_URI}?code=")
    await browser.http.aclose()


async def test_a_stranger_is_told_what_is_wrong_and_sent_nowhere(wire: Wire) -> None:
    for query, code in (
        (wire.query(client_id="nobody"), "application_unknown"),
        (wire.query(redirect_uri="https://evil.example/"), "redirect_uri_refused"),
        ("", "authorization_malformed"),
        ("a b", "invalid"),
        ("x" * 9000, "invalid"),
    ):
        for path in ("consider", "refuse"):
            answer = await wire.http.post(f"/v1/auth/authorizations/{path}", json={"query": query})
            assert answer.json()["code"] == code
            assert "evil.example" not in answer.text and "location" not in answer.headers

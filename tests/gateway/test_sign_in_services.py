"""Sign-in services at the edge: cookies as for a password, and nothing of a sign-in in a log."""

from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest
from tests.elsewhere import SECRET, Liar
from tests.gateway.conftest import NewPerson
from tests.gateway.test_cookies import Browser
from tests.harness import Person, Server
from tests.waiting import until

from kaif.interfaces.auth.identities import Authorization
from kaif.kernel.clock import now_us

SIGN_IN = "/v1/auth/services/sign-in"
REGISTER = "/v1/auth/services/register"


@pytest.fixture
async def liar() -> AsyncIterator[Liar]:
    """Who tells the truth in this file."""
    liar = Liar(now_us)
    await liar.start()
    yield liar
    await liar.stop()


@pytest.fixture
async def provider(owner: Person, liar: Liar) -> AsyncIterator[dict[str, Any]]:
    added = await owner.post(
        "/v1/auth/providers", kind="oidc", name="Elsewhere", issuer=liar.url, client_id="kaif", client_secret=SECRET
    )
    yield added
    await owner.http.delete(f"/v1/auth/providers/{added['id']}")


@pytest.fixture
async def person(new_person: NewPerson, liar: Liar) -> Person:
    person = await new_person()
    liar.subject, liar.email = f"subject-of-{person.name}", f"{person.name}@elsewhere.example"
    return person


@pytest.fixture
async def browser(server: Server, person: Person) -> AsyncIterator[Browser]:
    browser = Browser(server, person.name)
    yield browser
    await browser.http.aclose()


async def answer(asking: Browser | Person, liar: Liar, path: str, provider: dict[str, Any]) -> dict[str, str]:
    """What a page sends that was left for the service and has come back."""
    if isinstance(asking, Person):
        begun = await asking.post(path, provider_id=provider["id"])
    else:
        begun = (await asking.ask("POST", path, {"provider_id": provider["id"]})).json()
    granted = liar.grant(msgspec.convert(begun, Authorization))
    return {name: value for name, value in msgspec.to_builtins(granted).items() if value}


async def link(person: Person, liar: Liar, provider: dict[str, Any]) -> Any:
    return await person.post("/v1/auth/identities", **await answer(person, liar, "/v1/auth/identities/begin", provider))


async def test_a_service_puts_the_tokens_into_cookies(
    browser: Browser, person: Person, liar: Liar, provider: dict[str, Any]
) -> None:
    await link(person, liar, provider)

    given = await browser.ask("POST", SIGN_IN, await answer(browser, liar, f"{SIGN_IN}/begin", provider))

    assert given.status_code == 200
    assert (given.json()["access_token"], given.json()["refresh_token"]) == ("", "")
    assert browser.cookies.keys() == {"__Host-kaif_access", "__Host-kaif_refresh"}
    assert (await browser.ask("GET", "/v1/auth/me")).json()["id"] == person.id


async def test_a_stranger_registers_into_cookies_too(
    browser: Browser, person: Person, liar: Liar, provider: dict[str, Any]
) -> None:
    refused = await browser.ask("POST", SIGN_IN, await answer(browser, liar, f"{SIGN_IN}/begin", provider))
    assert (refused.status_code, refused.json()["code"]) == (403, "registration_needed")
    assert browser.set_cookies == []

    body = {"ticket": refused.json()["ticket"], "username": f"{person.name}-2", "email": liar.email}
    made = await browser.ask("POST", REGISTER, body)

    assert (made.status_code, made.json()["user"]["email_confirmed"]) == (201, True)
    assert browser.cookies.keys() == {"__Host-kaif_access", "__Host-kaif_refresh"}


@pytest.mark.asvs("7.6.2")
@pytest.mark.parametrize("path", [SIGN_IN, REGISTER, f"{SIGN_IN}/begin"])
async def test_another_site_signs_nobody_in(browser: Browser, path: str) -> None:
    refused = await browser.ask("POST", path, {}, origin="https://evil.example")

    assert (refused.status_code, refused.json()["code"]) == (403, "foreign_origin")
    assert browser.set_cookies == []


async def test_the_session_says_on_which_device_it_was_opened(
    browser: Browser, person: Person, liar: Liar, provider: dict[str, Any]
) -> None:
    await link(person, liar, provider)
    firefox = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"

    body = await answer(browser, liar, f"{SIGN_IN}/begin", provider)
    await browser.ask("POST", SIGN_IN, body, user_agent=firefox)

    sessions = (await browser.ask("GET", "/v1/auth/sessions")).json()["sessions"]
    assert [session["device"] for session in sessions if session["current"]] == ["Firefox, Linux"]


@pytest.mark.asvs("8.2.3")
async def test_everybody_sees_the_services_and_nobody_their_secrets(
    server: Server, provider: dict[str, Any], owner: Person
) -> None:
    stranger = Person(server.url, "stranger")

    services = (await stranger.get("/v1/auth/services"))["services"]

    assert {"id": provider["id"], "kind": "oidc", "name": "Elsewhere"} in services
    assert all(service.keys() == {"id", "kind", "name"} for service in services)
    assert SECRET not in (await owner.http.get("/v1/auth/providers")).text
    await stranger.close()


async def test_a_person_unlinks_what_they_have_linked(person: Person, liar: Liar, provider: dict[str, Any]) -> None:
    linked = await link(person, liar, provider)
    assert (await person.get("/v1/auth/identities"))["identities"] == [linked]

    assert (await person.http.delete(f"/v1/auth/identities/{linked['id']}")).status_code == 204

    assert (await person.get("/v1/auth/identities"))["identities"] == []


async def test_the_operator_changes_switches_and_checks(owner: Person, liar: Liar, provider: dict[str, Any]) -> None:
    path = f"/v1/auth/providers/{provider['id']}"

    changed = await owner.post(path, name="Lighthouse", enabled=False)
    assert (changed["name"], changed["enabled"], changed["has_secret"]) == ("Lighthouse", False, True)
    assert (await owner.http.post(f"{path}/check", json={})).status_code == 204

    liar.document = {"issuer": "https://elsewhere.example"}
    refused = await owner.http.post(f"{path}/check", json={})
    assert (refused.status_code, refused.json()["code"], refused.json()["reason"]) == (422, "issuer_unfit", "issuer")


@pytest.mark.parametrize(
    "fields",
    [
        {"kind": "facebook", "client_id": "x"},
        {"kind": "oidc", "client_id": ""},
        {"kind": "oidc", "client_id": "x", "client_secret": "two words"},
        {"kind": "oidc", "client_id": "x", "issuer": "https://a.example/\n"},
        {"kind": "oidc", "client_id": "x", "name": "a" * 41},
        {"kind": "oidc", "client_id": "x", "sealed_secret": "x"},
    ],
    ids=str,
)
async def test_what_can_not_be_a_provider_is_invalid(owner: Person, fields: dict[str, str]) -> None:
    refused = await owner.http.post("/v1/auth/providers", json=fields)

    assert (refused.status_code, refused.json()["code"]) == (422, "invalid")


@pytest.mark.parametrize("fields", [{"state": ""}, {"state": "a" * 129}, {"code": "a" * 4097}, {"iss": "ё"}], ids=str)
async def test_what_can_not_be_an_answer_is_invalid(browser: Browser, fields: dict[str, str]) -> None:
    refused = await browser.ask("POST", SIGN_IN, {"state": "x", "secret": "x", "code": "x", **fields})

    assert (refused.status_code, refused.json()["code"]) == (422, "invalid")


async def test_nothing_of_a_sign_in_reaches_the_access_log(
    server: Server, browser: Browser, person: Person, liar: Liar, provider: dict[str, Any]
) -> None:
    body = await answer(browser, liar, f"{SIGN_IN}/begin", provider)
    query = f"code={body['code']}&state={body['state']}"

    page = await browser.ask("GET", f"/sign-in/callback?{query}")
    last = await browser.ask("POST", SIGN_IN, body)
    await until(lambda: any(line["request_id"] == last.headers["x-request-id"] for line in server.access_log()))

    assert page.headers["content-type"].startswith("text/html")
    assert page.headers["referrer-policy"] == "no-referrer"
    lines = [*map(str, server.access_log()), *server.complaints().splitlines()]
    assert [line for line in lines if SIGN_IN in line]
    assert not [
        line for line in lines if body["state"] in line or body["secret"] in line or last.json()["ticket"] in line
    ]

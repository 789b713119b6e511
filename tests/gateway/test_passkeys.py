"""Passkeys at the edge: cookies as for a password, and problems that a page can tell apart."""

from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest
from tests.gateway.conftest import NewPerson
from tests.gateway.test_cookies import Browser
from tests.harness import Person, Server
from tests.softkey import SoftKey, encoded
from tests.waiting import until

from kaif.interfaces.auth.passkeys import CreationOptions, RequestOptions

SIGN_IN = "/v1/auth/passkeys/sign-in"


@pytest.fixture
async def person(new_person: NewPerson) -> Person:
    return await new_person()


@pytest.fixture
async def key(server: Server, person: Person) -> SoftKey:
    """A passkey of theirs, of whose server browsers know only the name."""
    key = SoftKey()
    key.origin, key.rp_id = f"http://localhost:{server.port}", "localhost"
    options = msgspec.convert(await person.post("/v1/auth/passkeys/begin"), CreationOptions)
    await person.post("/v1/auth/passkeys", name="Laptop", credential=msgspec.to_builtins(key.create(options)))
    return key


@pytest.fixture
async def browser(server: Server, person: Person) -> AsyncIterator[Browser]:
    browser = Browser(server, person.name)
    yield browser
    await browser.http.aclose()


async def credential(browser: Browser, key: SoftKey) -> dict[str, Any]:
    begun = await browser.ask("POST", f"{SIGN_IN}/begin", {})
    assert begun.json()["allowCredentials"] == []
    return dict(msgspec.to_builtins(key.get(msgspec.convert(begun.json(), RequestOptions))))


async def test_a_passkey_puts_the_tokens_into_cookies(browser: Browser, person: Person, key: SoftKey) -> None:
    answer = await browser.ask("POST", SIGN_IN, {"credential": await credential(browser, key)})

    assert answer.status_code == 200
    assert (answer.json()["access_token"], answer.json()["refresh_token"]) == ("", "")
    assert browser.cookies.keys() == {"__Host-kaif_access", "__Host-kaif_refresh"}
    assert (await browser.ask("GET", "/v1/auth/me")).json()["id"] == person.id


async def test_the_session_says_on_which_device_it_was_opened(browser: Browser, key: SoftKey) -> None:
    body = {"credential": await credential(browser, key)}
    firefox = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"

    await browser.ask("POST", SIGN_IN, body, user_agent=firefox)

    sessions = (await browser.ask("GET", "/v1/auth/sessions")).json()["sessions"]
    assert [session["device"] for session in sessions if session["current"]] == ["Firefox, Linux"]


async def test_a_passkey_given_to_another_site_is_refused(browser: Browser, key: SoftKey) -> None:
    body = {"credential": await credential(browser, key)}

    answer = await browser.ask("POST", SIGN_IN, body, origin="https://evil.example")

    assert (answer.status_code, answer.json()["code"]) == (403, "foreign_origin")
    assert browser.set_cookies == []


async def test_what_a_browser_says_beside_is_no_fault(browser: Browser, key: SoftKey) -> None:
    given = await credential(browser, key)
    given |= {"authenticatorAttachment": "platform", "clientExtensionResults": {"credProps": {"rk": True}}}

    assert (await browser.ask("POST", SIGN_IN, {"credential": given})).status_code == 200


async def test_a_passkey_that_is_not_known_is_told_so_and_sets_no_cookie(browser: Browser, key: SoftKey) -> None:
    key.id = SoftKey().id

    answer = await browser.ask("POST", SIGN_IN, {"credential": await credential(browser, key)})

    assert (answer.status_code, answer.json()["code"]) == (403, "passkey_unknown")
    assert browser.set_cookies == []


async def test_a_passkey_is_listed_renamed_and_removed(person: Person, key: SoftKey) -> None:
    [passkey] = (await person.http.get("/v1/auth/passkeys")).json()["passkeys"]
    assert (passkey["name"], passkey["last_used_at"], passkey["cloned"]) == ("Laptop", None, False)

    await person.post(f"/v1/auth/passkeys/{passkey['id']}/name", name="Phone")
    assert (await person.http.get("/v1/auth/passkeys")).json()["passkeys"][0]["name"] == "Phone"

    assert (await person.http.delete(f"/v1/auth/passkeys/{passkey['id']}")).status_code == 204
    assert (await person.http.get("/v1/auth/passkeys")).json()["passkeys"] == []


async def test_oversized_fields_are_invalid(person: Person, key: SoftKey) -> None:
    given = {"id": "A" * 2000, "rawId": "AA", "type": "public-key", "response": {}}

    answer = await person.http.post("/v1/auth/passkeys", json={"name": "Key", "credential": given})

    assert (answer.status_code, answer.json()["code"]) == (422, "invalid")


async def test_nobody_touches_passkeys_without_a_session(person: Person) -> None:
    del person.http.headers["authorization"]

    assert (await person.http.get("/v1/auth/passkeys")).status_code == 401
    assert (await person.http.delete("/v1/auth/passkeys/1")).status_code == 401
    for path in ("begin", "step-up/begin", "1/name"):
        assert (await person.http.post(f"/v1/auth/passkeys/{path}", json={})).status_code == 401


async def test_no_challenge_or_credential_reaches_the_access_log(
    server: Server, browser: Browser, key: SoftKey
) -> None:
    given = await credential(browser, key)
    last = await browser.ask("POST", SIGN_IN, {"credential": given})
    await until(lambda: any(line["request_id"] == last.headers["x-request-id"] for line in server.access_log()))

    lines = [*map(str, server.access_log()), *server.complaints().splitlines()]
    assert [line for line in lines if SIGN_IN in line]
    assert not [line for line in lines if encoded(key.id) in line or given["response"]["signature"] in line]

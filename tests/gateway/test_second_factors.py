"""Signing in with two steps, at the edge: no cookie before the second one."""

from collections.abc import AsyncIterator

import pyotp
import pytest
from tests.gateway.conftest import NewPerson
from tests.gateway.test_cookies import Browser
from tests.harness import Person, Server
from tests.waiting import until

SECOND_STEP = "/v1/auth/login/second-factor"


@pytest.fixture
async def careful(new_person: NewPerson) -> Person:
    """Someone whose app shows codes; the first recovery code is `recovery_code`."""
    person = await new_person()
    secret = (await person.post("/v1/auth/totp"))["secret"]
    await person.post("/v1/auth/totp/confirm", code=pyotp.TOTP(secret).now())
    return person


@pytest.fixture
async def recovery_code(careful: Person) -> str:
    return str((await careful.post("/v1/auth/recovery-codes"))["codes"][0])


@pytest.fixture
async def browser(server: Server, careful: Person) -> AsyncIterator[Browser]:
    browser = Browser(server, careful.name)
    yield browser
    await browser.http.aclose()


async def test_after_the_password_a_browser_has_a_challenge_and_no_cookie(browser: Browser) -> None:
    answer = await browser.log_in()

    problem = answer.json()
    assert (answer.status_code, problem["code"]) == (401, "second_factor_required")
    assert problem["methods"] == ["totp", "recovery_code"] and len(problem["challenge"]) >= 32
    assert browser.set_cookies == []
    assert answer.headers["cache-control"] == "no-store"


async def test_the_code_puts_the_tokens_into_cookies(browser: Browser, recovery_code: str) -> None:
    challenge = (await browser.log_in()).json()["challenge"]

    answer = await browser.ask("POST", SECOND_STEP, {"challenge": challenge, "code": recovery_code})

    assert answer.status_code == 200
    assert (answer.json()["access_token"], answer.json()["refresh_token"]) == ("", "")
    assert browser.cookies.keys() == {"__Host-kaif_access", "__Host-kaif_refresh"}
    assert (await browser.ask("GET", "/v1/auth/me")).json()["username"] == browser.name


async def test_a_wrong_code_is_told_by_its_field_and_sets_no_cookie(browser: Browser) -> None:
    challenge = (await browser.log_in()).json()["challenge"]

    answer = await browser.ask("POST", SECOND_STEP, {"challenge": challenge, "code": "aaaa-bbbb"})

    assert (answer.status_code, answer.json()["code"], answer.json()["path"]) == (422, "invalid_code", "$.code")
    assert browser.set_cookies == []


async def test_a_second_step_from_another_site_is_refused(browser: Browser, recovery_code: str) -> None:
    challenge = (await browser.log_in()).json()["challenge"]

    answer = await browser.ask(
        "POST", SECOND_STEP, {"challenge": challenge, "code": recovery_code}, origin="https://evil.example"
    )

    assert (answer.status_code, answer.json()["code"]) == (403, "foreign_origin")
    assert browser.set_cookies == []


async def test_without_the_header_the_tokens_are_in_the_body(browser: Browser, recovery_code: str) -> None:
    challenge = (await browser.log_in()).json()["challenge"]

    answer = await browser.ask(
        "POST", SECOND_STEP, {"challenge": challenge, "code": recovery_code}, kaif_session=None, origin=None
    )

    assert answer.json()["access_token"] and answer.json()["refresh_token"]
    assert browser.set_cookies == []


async def test_who_guesses_too_often_is_told_when_to_come_again(careful: Person) -> None:
    for _ in range(10):
        await careful.http.post("/v1/auth/step-up", json={"password": "not the password"})

    answer = await careful.http.post("/v1/auth/step-up", json={"password": "not the password"})

    assert (answer.status_code, answer.json()["code"]) == (429, "too_many_tries")
    assert 3500 < int(answer.headers["retry-after"]) <= 3600


async def test_nobody_touches_second_factors_without_a_session(careful: Person) -> None:
    del careful.http.headers["authorization"]

    assert (await careful.http.get("/v1/auth/second-factors")).status_code == 401
    for path in ("totp", "totp/confirm", "totp/remove", "recovery-codes", "step-up"):
        assert (await careful.http.post(f"/v1/auth/{path}", json={})).status_code == 401


async def test_no_secret_reaches_the_access_log(server: Server, browser: Browser, recovery_code: str) -> None:
    challenge = (await browser.log_in()).json()["challenge"]
    last = await browser.ask("POST", SECOND_STEP, {"challenge": challenge, "code": recovery_code})
    await until(lambda: any(line["request_id"] == last.headers["x-request-id"] for line in server.access_log()))

    lines = [*map(str, server.access_log()), *server.complaints().splitlines()]
    assert not [line for line in lines if challenge in line or recovery_code in line]
    assert [line for line in lines if "/v1/auth/recovery-codes" in line]

"""Sessions at the edge: where they come from, and that nothing of an ended one is good any more."""

import time
from typing import Any

import pytest
from tests.gateway.conftest import NewPerson
from tests.gateway.test_sockets import closed_with, events, opened
from tests.gateway.wire import exchange
from tests.harness import PASSWORD, Person, Server

AT_ONCE_S = 1


async def sessions_of(person: Person) -> list[dict[str, Any]]:
    sessions: list[dict[str, Any]] = (await person.get("/v1/auth/sessions"))["sessions"]
    return sessions


async def another_device(server: Server, person: Person) -> Person:
    return await Person(server.url, person.name).log_in()


async def is_over(person: Person) -> bool:
    """For its access token and its refresh token."""
    me = await person.http.get("/v1/auth/me")
    refresh = await person.http.post("/v1/auth/refresh", json={"refresh_token": person.refresh_token})
    codes = {answer.json().get("code") for answer in (me, refresh)}
    assert len(codes) == 1, "one of its tokens is still good"
    return codes == {"session_ended"}


def a_login(person: Person, agent: bytes) -> bytes:
    body = f'{{"login":"{person.name}","password":"{PASSWORD}"}}'.encode()
    return (
        b"POST /v1/auth/login HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
        + b"X-Forwarded-For: 203.0.113.7\r\n"
        + agent
        + b"Content-Length: %d\r\n\r\n" % len(body)
        + body
    )


async def test_a_session_names_the_program_and_the_address_that_opened_it(new_person: NewPerson) -> None:
    person = await new_person()

    [session] = await sessions_of(person)

    # What a peer that is no proxy of ours says of its address counts for nothing; the loopback is 127/8.
    assert (session["device"], session["kind"], session["current"]) == ("python-httpx", "other", True)
    assert session["address"].startswith("127.")


@pytest.mark.parametrize(
    ("agent", "device"),
    [
        (b"", ""),
        (b"User-Agent: \r\n", ""),
        (b"User-Agent: bot\xc3\xa9\x9f\xff-7/1.0\r\n", "bot-7"),
        (b"User-Agent: " + b"x" * 20_000 + b"\r\n", ""),
        (b"User-Agent: " + b" " * 300 + b"bot/1.0\r\n", "bot"),
        (b"User-Agent: Mozilla/5.0 (X11; Linux) " + b"x" * 300 + b" Firefox/133.0\r\n", "Linux"),
        (b"User-Agent: one/1\r\nUser-Agent: two/2\r\n", "one"),
    ],
    ids=["none", "empty", "odd letters", "long", "spaces", "cut", "twice"],
)
async def test_whatever_a_program_calls_itself_a_session_opens(
    server: Server, new_person: NewPerson, agent: bytes, device: str
) -> None:
    person = await new_person()

    answer = await exchange(server.url, a_login(person, agent))

    assert answer.status == 200
    newest = (await sessions_of(person))[1]
    assert (newest["device"], newest["address"].startswith("127.")) == (device, True)


@pytest.mark.asvs("7.4.1")
async def test_an_ended_session_is_over_for_its_socket_and_its_tokens_at_once(
    server: Server, new_person: NewPerson
) -> None:
    laptop = await new_person()
    phone = await another_device(server, laptop)
    phone_session = next(one["id"] for one in await sessions_of(phone) if one["current"])

    async with opened(server, phone) as at_phone, opened(server, laptop) as at_laptop:
        await events(at_phone), await events(at_laptop)
        started = time.monotonic()
        answer = await laptop.http.delete(f"/v1/auth/sessions/{phone_session}")
        assert await closed_with(at_phone) == 4001
        took_s = time.monotonic() - started

        assert answer.status_code == 204 and answer.content == b""
        assert took_s < AT_ONCE_S
        assert await is_over(phone)
        assert not await is_over(laptop)
        await at_laptop.ping()
        assert len(await sessions_of(laptop)) == 1
    await phone.close()


async def test_all_others_are_over_and_the_one_that_asks_is_not(server: Server, new_person: NewPerson) -> None:
    laptop = await new_person()
    others = [await another_device(server, laptop) for _ in range(2)]

    answer = await laptop.http.delete("/v1/auth/sessions")

    assert answer.status_code == 204
    assert [await is_over(other) for other in others] == [True, True]
    assert not await is_over(laptop)
    for other in others:
        await other.close()


@pytest.mark.asvs("8.2.2")
async def test_anothers_session_is_not_found(new_person: NewPerson) -> None:
    anna, boris = await new_person(), await new_person()
    [session] = await sessions_of(boris)

    answer = await anna.http.delete(f"/v1/auth/sessions/{session['id']}")

    assert (answer.status_code, answer.json()["code"]) == (404, "session_not_found")
    assert not await is_over(boris)


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/v1/auth/sessions"),
        ("DELETE", "/v1/auth/sessions"),
        ("DELETE", "/v1/auth/sessions/01k9"),
        ("POST", "/v1/auth/people/01k9/suspend"),
        ("POST", "/v1/auth/people/01k9/restore"),
    ],
)
async def test_nobody_gets_in_without_a_session(server: Server, method: str, path: str) -> None:
    answer = await Person(server.url, "nobody").http.request(method, path)

    assert (answer.status_code, answer.json()["code"]) == (401, "unauthenticated")


@pytest.mark.asvs("7.4.2")
async def test_a_suspended_account_is_out_at_once_until_it_is_restored(
    server: Server, owner: Person, new_person: NewPerson
) -> None:
    person = await new_person()
    credentials = {"login": person.name, "password": PASSWORD}

    async with opened(server, person) as at_socket:
        await events(at_socket)
        answer = await owner.http.post(f"/v1/auth/people/{person.id}/suspend", json={})
        assert answer.status_code == 204
        assert await closed_with(at_socket, within_s=AT_ONCE_S) == 4001
    assert await is_over(person)
    refused = await person.http.post("/v1/auth/login", json=credentials)
    assert (refused.status_code, refused.json()["code"]) == (403, "account_suspended")

    assert (await owner.http.post(f"/v1/auth/people/{person.id}/restore", json={})).status_code == 204
    assert (await person.http.post("/v1/auth/login", json=credentials)).status_code == 200


async def test_a_member_suspends_nobody(owner: Person, new_person: NewPerson) -> None:
    member = await new_person()

    for action in ("suspend", "restore"):
        answer = await member.http.post(f"/v1/auth/people/{owner.id}/{action}", json={})

        assert (answer.status_code, answer.json()["code"]) == (403, "missing_permission")
    assert (await owner.http.get("/v1/auth/me")).status_code == 200


async def test_each_session_names_the_program_that_opened_it_whoever_was_signed_in(new_person: NewPerson) -> None:
    person = await new_person()
    credentials = {"login": person.name, "password": PASSWORD}

    for agent in ("curl/8.5.0", "wget/1.2"):
        await person.http.post("/v1/auth/login", json=credentials, headers={"user-agent": agent})

    assert [session["device"] for session in await sessions_of(person)] == ["python-httpx", "wget", "curl"]

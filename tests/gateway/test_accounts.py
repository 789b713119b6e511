"""One's own account over HTTP: what the edge adds to the service."""

import re
from pathlib import Path

import pytest
from tests.gateway.conftest import NewPerson
from tests.harness import PASSWORD, Person, Server, running_server
from tests.waiting import eventually

from kaif.engines.mail.mailbox import DevMailbox


async def link(server: Server, address: str, page: str) -> str:
    """The token of the newest letter to that address which leads to that page."""
    mailbox = DevMailbox(server.data / "mailbox")
    found: list[str] = []

    async def come() -> bool:
        letters = [kept.letter for kept in await mailbox.letters() if kept.letter.to == address]
        found[:] = [token for letter in letters for token in re.findall(rf"/{page}#(\S+)", letter.text)]
        return bool(found)

    await eventually(come)
    return found[0]


async def test_a_link_of_a_letter_works_for_whoever_opens_it(server: Server, new_person: NewPerson) -> None:
    person = await new_person()
    assert (await person.get("/v1/auth/me"))["email_confirmed"] is False
    stranger = Person(server.url, "stranger")
    token = await link(server, f"{person.name}@example.org", "confirm")

    confirmed = await stranger.post("/v1/auth/email/confirm", token=token)

    assert confirmed == {"email": f"{person.name}@example.org"}
    assert (await person.get("/v1/auth/me"))["email_confirmed"] is True
    again = await stranger.http.post("/v1/auth/email/confirm", json={"token": token})
    assert (again.status_code, again.json()["code"]) == (403, "link_spent")
    await stranger.close()


@pytest.mark.asvs("6.3.8")
async def test_known_and_unknown_addresses_are_answered_alike(server: Server, new_person: NewPerson) -> None:
    person = await new_person()

    answers = [
        await person.http.post("/v1/auth/password/forgot", json={"email": f"{name}@example.org"})
        for name in (person.name, "nobody-at-all")
    ]

    assert [(answer.status_code, answer.content) for answer in answers] == [(204, b"")] * 2
    known, unknown = [
        {name: value for name, value in answer.headers.items() if not name.startswith(("x-request-id", "ratelimit"))}
        for answer in answers
    ]
    assert {**known, "date": ""} == {**unknown, "date": ""}


@pytest.mark.asvs("7.4.1")
async def test_a_reset_ends_the_access_tokens_that_are_still_unexpired(server: Server, new_person: NewPerson) -> None:
    person = await new_person()
    await person.http.post("/v1/auth/password/forgot", json={"email": f"{person.name}@example.org"})
    token = await link(server, f"{person.name}@example.org", "reset")

    wanted = {"token": token, "password": "a quiet lake and two boats"}
    assert (await person.http.post("/v1/auth/password/reset", json=wanted)).status_code == 204

    async def ended() -> bool:
        answer = await person.http.get("/v1/auth/me")
        return answer.status_code == 401 and answer.json()["code"] == "session_ended"

    await eventually(ended)


async def test_a_wrong_current_password_is_forbidden_and_keeps_the_session(new_person: NewPerson) -> None:
    person = await new_person()

    answer = await person.http.post(
        "/v1/auth/password", json={"current_password": "not the password", "password": "a quiet lake and two boats"}
    )

    assert (answer.status_code, answer.json()["code"]) == (403, "wrong_password")
    assert await person.get("/v1/auth/me")


async def test_a_weak_password_is_named_by_its_field(server: Server) -> None:
    person = Person(server.url, "weak-person")

    answer = await person.http.post(
        "/v1/auth/register",
        json={"username": "weak-person", "email": "weak@example.org", "password": "password12345678"},
    )

    assert (answer.status_code, answer.json()["code"]) == (422, "password_breached")
    assert answer.json()["path"] == "$.password"
    await person.close()


async def test_who_leaves_in_a_browser_leaves_no_cookie_behind(server: Server, new_person: NewPerson) -> None:
    person = await new_person()
    person.http.headers.pop("authorization")
    origin = {"kaif-session": "cookie", "origin": server.url}
    signed_in = await person.http.post(
        "/v1/auth/login", json={"login": person.name, "password": PASSWORD}, headers=origin
    )
    cookies = "; ".join(line.partition(";")[0] for line in signed_in.headers.get_list("set-cookie"))

    left = await person.http.post(
        "/v1/auth/account/delete", json={"password": PASSWORD}, headers={**origin, "cookie": cookies}
    )

    assert left.status_code == 200
    assert all("Max-Age=0" in line for line in left.headers.get_list("set-cookie"))
    assert left.headers["clear-site-data"] == '"cache", "cookies"'


async def test_letters_are_limited(tmp_path: Path) -> None:
    async with running_server(tmp_path, KAIF_LIMITS_SCALE="1") as server:
        owner = await Person(server.url, "owner").set_up(server.setup_code)

        resent = [await owner.http.post("/v1/auth/email/confirmation", json={}) for _ in range(6)]
        forgot = [
            await owner.http.post("/v1/auth/password/forgot", json={"email": "owner@example.org"}) for _ in range(11)
        ]
        await owner.close()

    assert [answer.status_code for answer in resent] == [204] * 5 + [429]
    assert [answer.status_code for answer in forgot] == [204] * 10 + [429]


@pytest.mark.asvs("16.2.5")
async def test_no_token_of_a_letter_is_written_to_a_log(server: Server, new_person: NewPerson) -> None:
    person = await new_person()
    token = await link(server, f"{person.name}@example.org", "confirm")
    await person.post("/v1/auth/email/confirm", token=token)

    async def logged() -> bool:
        return any(line["route"] == "/v1/auth/email/confirm" for line in server.access_log())

    await eventually(logged)
    seal = token.partition(".")[2]
    assert seal not in str(server.access_log()) + server.said() + server.complaints()

"""What operators and guests meet at the edge: who may join, the directory, and what the log says of where from."""

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from tests.gateway.conftest import NewPerson
from tests.harness import PASSWORD, Person, Server


@pytest.fixture
async def guest(server: Server) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=server.url, trust_env=False) as http:
        yield http


@pytest.fixture
async def by_invitation(owner: Person) -> AsyncIterator[None]:
    """While the test lasts; the server is that of other tests, too."""
    await owner.post("/v1/auth/registration", mode="invitation")
    yield
    await owner.post("/v1/auth/registration", mode="open")


async def asked(owner: Person, what: str) -> Any:
    answer = await owner.http.get(f"/v1/auth/{what}")
    assert answer.is_success, answer.text
    return answer.json()


def account(name: str, **more: str) -> dict[str, str]:
    return {"username": name, "email": f"{name}@example.org", "password": PASSWORD, **more}


@pytest.mark.usefixtures("by_invitation")
async def test_a_guest_joins_by_an_invitation_and_not_without_one(owner: Person, guest: httpx.AsyncClient) -> None:
    assert (await guest.get("/v1/auth/registration")).json() == {"mode": "invitation"}
    answer = await owner.http.post("/v1/auth/invitations", json={"note": "one"})
    assert (answer.status_code, answer.headers["cache-control"]) == (201, "no-store")
    token = answer.json()["token"]

    refused = await guest.post("/v1/auth/register", json=account("uninvited"))
    looked = await guest.post("/v1/auth/invitations/look", json={"token": token})
    joined = await guest.post("/v1/auth/register", json=account("invited", invitation=token))
    again = await guest.post("/v1/auth/register", json=account("another", invitation=token))

    assert (refused.status_code, refused.json()["code"]) == (403, "invitation_required")
    assert (looked.status_code, looked.json()) == (200, {"email": None})
    assert joined.status_code == 201
    assert (again.status_code, again.json()["code"]) == (403, "invitation_used_up")


@pytest.mark.parametrize("token", ["", "x", "ключ", "a" * 257, 7])
async def test_what_is_no_token_is_refused_as_such(guest: httpx.AsyncClient, token: object) -> None:
    answer = await guest.post("/v1/auth/invitations/look", json={"token": token})

    assert (answer.status_code, answer.json()["code"]) in [(403, "invitation_unknown"), (422, "invalid")]


@pytest.mark.parametrize(
    "wanted",
    [
        {"uses": 0},
        {"uses": 1001},
        {"days": 0},
        {"days": 366},
        {"note": "x" * 201},
        {"email": "nobody"},
        {"role": "Owner!"},
        {"language": "de"},
        {"unknown": 1},
    ],
)
async def test_an_invitation_has_bounds(owner: Person, wanted: dict[str, object]) -> None:
    answer = await owner.http.post("/v1/auth/invitations", json=wanted)

    assert (answer.status_code, answer.json()["code"]) == (422, "invalid")


async def test_the_directory_is_asked_by_its_address(owner: Person, new_person: NewPerson) -> None:
    person = await new_person()
    await owner.http.post(f"/v1/auth/people/{person.id}/suspend", json={})

    found = await asked(owner, f"accounts?query={person.name}&suspended=true&email_confirmed=false&limit=1")
    nobody = await asked(owner, f"accounts?query={person.name}&suspended=false")

    assert ([one["id"] for one in found["accounts"]], found["next_before"]) == ([person.id], None)
    assert nobody["accounts"] == []
    for bad in ("limit=101", "suspended=perhaps", "before=A", "role=%25", "nothing=1"):
        assert (await owner.http.get(f"/v1/auth/accounts?{bad}")).status_code == 422, bad


async def test_the_log_is_asked_for_a_time_with_its_offset(owner: Person) -> None:
    page = await asked(owner, "audit?since=2020-01-01T00:00:00%2B03:00&until=2020-01-02T00:00:00Z")
    assert page == {"entries": [], "people": [], "next_before": None}

    for bad in ("2020-01-01T00:00:00", "yesterday"):
        assert (await owner.http.get(f"/v1/auth/audit?since={bad}")).status_code == 422, bad


async def test_the_log_says_from_where_an_operator_acted(owner: Person, new_person: NewPerson) -> None:
    person = await new_person()

    await owner.http.delete(f"/v1/auth/accounts/{person.id}/sessions")

    [entry] = (await asked(owner, f"audit?action=sessions_taken&user_id={person.id}"))["entries"]
    assert (entry["actor_id"], entry["details"]["address"][:4]) == (owner.id, "127.")
    assert (await person.http.get("/v1/auth/me")).json()["code"] == "session_ended"


@pytest.mark.parametrize(
    ("path", "given"),
    [
        ("step-up", {"password": "a wrong password"}),
        ("password", {"current_password": "a wrong password", "password": "a quiet lake and two boats"}),
        ("email", {"email": "other@example.org", "password": "a wrong password"}),
        ("account/delete", {"password": "a wrong password"}),
    ],
    ids=["step up", "password", "address", "leaving"],
)
async def test_the_log_says_from_where_somebody_failed_to_prove_who_they_are(
    owner: Person, new_person: NewPerson, path: str, given: dict[str, str]
) -> None:
    """In a session that was left open, or stolen."""
    person = await new_person()

    assert (await person.http.post(f"/v1/auth/{path}", json=given)).json()["code"] == "wrong_password"

    [entry] = (await asked(owner, f"audit?action=step_up_failed&user_id={person.id}"))["entries"]
    assert entry["details"].get("address", "")[:4] == "127."

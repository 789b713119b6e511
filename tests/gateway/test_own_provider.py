"""Two servers of ours: people of one sign in at the other, which knows it as a sign-in service like any."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import parse_qsl, urlsplit

import pytest
from tests.gateway.conftest import NewPerson
from tests.harness import Person, Server, running_server

SIGN_IN = "/v1/auth/services/sign-in"
SCOPES = ["openid", "profile", "email"]
KINDS = {"with a secret": ("web", "ES256"), "by RS256": ("web", "RS256"), "with PKCE alone": ("browser", "ES256")}


class Neighbours(NamedTuple):
    """The one where people have their accounts is `server`; this is the other, and each as the other knows it."""

    url: str
    operator: Person
    provider: dict[str, Any]
    application: dict[str, Any]


@pytest.fixture(params=list(KINDS.values()), ids=list(KINDS))
async def neighbours(
    request: pytest.FixtureRequest, server: Server, owner: Person, tmp_path: Path
) -> AsyncIterator[Neighbours]:
    kind, algorithm = request.param
    # A redirect URI without TLS is on 127.0.0.1 itself.
    async with running_server(tmp_path, "127.0.0.1") as other:
        operator = await Person(other.url, "operator").set_up(other.setup_code)
        added = await owner.post(
            "/v1/auth/applications",
            name="Neighbours",
            kind=kind,
            redirect_uris=[(await operator.get("/v1/auth/providers"))["redirect_uri"]],
            scopes=SCOPES,
            id_token_algorithm=algorithm,
        )
        provider = await operator.post(
            "/v1/auth/providers",
            kind="oidc",
            name="Lake",
            issuer=server.url,
            client_id=added["application"]["id"],
            client_secret=added["secret"],
        )
        yield Neighbours(other.url, operator, provider, added["application"])
        await operator.close()
        await owner.http.delete(f"/v1/auth/applications/{added['application']['id']}")


async def come_back(guest: Person, at_home: Person, begun: dict[str, Any]) -> dict[str, str]:
    """The person goes where they are sent, allows what they read there, and brings back the answer."""
    address = urlsplit(begun["url"])
    assert begun["url"].startswith(f"{at_home.url}/oauth/authorize?")
    asked = await at_home.post("/v1/auth/authorizations/consider", query=address.query, begun="")
    back = asked["redirect_to"]
    if asked["step"] == "consent":
        body = {"query": address.query, "begun": asked["begun"], "user_id": at_home.id}
        back = (await at_home.post("/v1/auth/authorizations/allow", **body))["redirect_to"]
    assert back.startswith(f"{guest.url}/sign-in/callback?")
    return {**dict(parse_qsl(urlsplit(back).query)), "secret": begun["secret"]}


async def answer_of(guest: Person, at_home: Person, neighbours: Neighbours) -> dict[str, str]:
    begun = await guest.post(f"{SIGN_IN}/begin", provider_id=neighbours.provider["id"])
    return await come_back(guest, at_home, begun)


async def test_a_person_of_ours_signs_in_at_another_server_of_ours(
    new_person: NewPerson, neighbours: Neighbours
) -> None:
    at_home, guest = await new_person(), Person(neighbours.url, "guest")

    needed = (await guest.http.post(SIGN_IN, json=await answer_of(guest, at_home, neighbours))).json()
    assert (needed["code"], needed["username"], needed["email"], needed["email_verified"]) == (
        "registration_needed",
        at_home.name,
        "",
        False,
    )
    registration = {"ticket": needed["ticket"], "username": at_home.name, "email": f"{at_home.name}@example.org"}
    made = await guest.post("/v1/auth/services/register", **registration)
    again = await guest.post(SIGN_IN, **await answer_of(guest, at_home, neighbours))

    guest.keep(again)
    assert again["user"]["id"] == made["user"]["id"]
    # Whom they are there says nothing of whom they are here.
    assert again["user"]["id"] != at_home.id
    [linked] = (await guest.get("/v1/auth/identities"))["identities"]
    assert linked["provider_id"] == neighbours.provider["id"]
    await guest.close()


async def test_whose_access_has_ended_there_is_asked_again_and_is_the_same_person_here(
    new_person: NewPerson, neighbours: Neighbours
) -> None:
    at_home, guest = await new_person(), Person(neighbours.url, "guest")
    needed = (await guest.http.post(SIGN_IN, json=await answer_of(guest, at_home, neighbours))).json()
    registration = {"ticket": needed["ticket"], "username": at_home.name, "email": f"{at_home.name}@example.org"}
    made = await guest.post("/v1/auth/services/register", **registration)

    code = await answer_of(guest, at_home, neighbours)
    allowed = f"/v1/auth/allowed-applications/{neighbours.application['id']}"
    assert (await at_home.http.delete(allowed)).status_code == 204
    refused = await guest.http.post(SIGN_IN, json=code)

    assert (refused.status_code, refused.json()["code"]) == (403, "service_refused")
    assert refused.json()["reason"] == "invalid_grant"
    again = await guest.post(SIGN_IN, **await answer_of(guest, at_home, neighbours))
    assert again["user"]["id"] == made["user"]["id"]
    await guest.close()


@pytest.mark.asvs("10.1.2")
async def test_the_answer_for_somebody_else_signs_nobody_in(new_person: NewPerson, neighbours: Neighbours) -> None:
    at_home, attacker = await new_person(), await new_person()
    guest = Person(neighbours.url, "guest")
    begun = await guest.post(f"{SIGN_IN}/begin", provider_id=neighbours.provider["id"])
    theirs = await answer_of(Person(neighbours.url, "attacker"), attacker, neighbours)

    own = await come_back(guest, at_home, begun)
    refused = await guest.http.post(SIGN_IN, json={**own, "code": theirs["code"]})

    assert (refused.status_code, refused.json()["reason"]) == (403, "invalid_grant")
    await guest.close()

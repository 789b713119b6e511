"""A mail program's one request ends letters (RFC 8058); a person's visit asks first; what is forged does neither."""

import hmac

import httpx
import pytest
from tests.harness import Person, Server
from tests.waiting import eventually

from kaif.services.auth.tokens import Signer

PATH = "/letters/unsubscribe"
ONE_CLICK = {"List-Unsubscribe": "One-Click"}


@pytest.fixture
def token(server: Server, anna: Person) -> str:
    key = Signer((server.data / "secrets" / "signing-key.json").read_text()).key_for("declined digests")
    return f"{anna.id}.{hmac.digest(key, anna.id.encode(), 'sha256').hex()}"


async def test_a_mail_program_s_post_ends_them_and_a_visit_does_not(server: Server, anna: Person, token: str) -> None:
    wanted = {"every": "day", "at": 540, "time_zone": "Europe/Moscow", "language": "ru"}
    assert (await anna.http.post("/v1/messaging/digest", json=wanted)).json() == wanted
    async with httpx.AsyncClient(base_url=server.url, trust_env=False) as program:
        visit = await program.get(PATH, params={"token": token})
        assert (visit.status_code, visit.headers["location"]) == (303, f"/unsubscribe#{token}")
        assert (await anna.http.get("/v1/messaging/digest")).json() == wanted

        assert (await program.post(PATH, params={"token": token}, data=ONE_CLICK)).status_code == 200
        assert (await program.put(PATH, params={"token": token})).status_code == 405

    async def over() -> bool:
        return bool((await anna.http.get("/v1/messaging/digest")).json()["every"] == "never")

    await eventually(over)


async def test_what_is_no_token_of_ours_ends_nothing_and_becomes_no_header(server: Server, token: str) -> None:
    async with httpx.AsyncClient(base_url=server.url, trust_env=False) as program:
        twice = f"token={token}&token={token}"
        for query in ("", "token=", "token=a%0d%0aset-cookie:%20x", "token=%D1%8F", twice, "x=1"):
            for method in ("GET", "POST"):
                answer = await program.request(method, f"{PATH}?{query}")
                assert (answer.status_code, "set-cookie" in answer.headers) == (422, False), (method, query)
        forged = await program.post(PATH, params={"token": token[:-1] + "z"})
        assert (forged.status_code, forged.json()["code"]) == (422, "unknown_token")
        declined = await program.post("/v1/auth/digests/decline", json={"token": token})
        assert declined.status_code == 204

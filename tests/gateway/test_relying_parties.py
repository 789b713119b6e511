"""Stock clients sign people in, unchanged: oauth4webapi and openid-client against a running server."""

from pathlib import Path
from typing import Any

import pytest
from tests import relying_parties
from tests.gateway.conftest import NewPerson
from tests.harness import Person, running_split

LIBRARIES = ["oauth4webapi.js", "openid-client.js"]
SCOPES = ["openid", "profile", "email", "offline_access"]
LOOPBACK = "http://127.0.0.1/signed-in"

# How the application proves itself; its kind, its redirect URI, the one that it gives, and how ID tokens are signed.
APPLICATIONS = {
    "confidential, basic": ("basic", "web", "https://wiki.example/cb", "https://wiki.example/cb", "ES256"),
    "confidential, post": ("post", "web", "https://wiki.example/cb", "https://wiki.example/cb", "ES256"),
    "confidential, RS256": ("basic", "web", "https://wiki.example/cb", "https://wiki.example/cb", "RS256"),
    "public page": ("none", "browser", "https://page.example/", "https://page.example/", "ES256"),
    "public program": ("none", "native", LOOPBACK, "http://127.0.0.1:49152/signed-in", "ES256"),
}


async def settings_of(owner: Person, person: Person, application: tuple[str, ...]) -> dict[str, Any]:
    method, kind, registered, given, algorithm = application
    added = await owner.post(
        "/v1/auth/applications",
        name="Wiki",
        kind=kind,
        redirect_uris=[registered],
        scopes=SCOPES,
        id_token_algorithm=algorithm,
    )
    return {
        "issuer": owner.url,
        "clientId": added["application"]["id"],
        "clientSecret": added["secret"],
        "method": method,
        "redirectUri": given,
        "person": {"id": person.id, "accessToken": person.access_token},
    }


def assert_signed_in(result: dict[str, Any], settings: dict[str, Any], name: str) -> None:
    claims, user_info = result["claims"], result["userInfo"]
    assert (claims["sub"], claims["iss"], claims["aud"]) == (
        settings["person"]["id"],
        settings["issuer"],
        settings["clientId"],
    )
    assert user_info["preferred_username"] == name
    # It is not confirmed.
    assert "email" not in user_info
    assert result["scope"] == " ".join(SCOPES)
    assert result["afterRevocation"] == "invalid_grant"
    if settings["method"] != "none":
        assert (result["introspected"]["active"], result["introspected"]["client_id"]) == (True, settings["clientId"])


@pytest.mark.parametrize("library", LIBRARIES)
@pytest.mark.parametrize("application", APPLICATIONS.values(), ids=APPLICATIONS)
async def test_a_stock_client_signs_a_person_in(
    owner: Person, new_person: NewPerson, library: str, application: tuple[str, ...]
) -> None:
    person = await new_person()
    settings = await settings_of(owner, person, application)

    assert_signed_in(await relying_parties.run(library, settings), settings, person.name)


async def test_a_stock_client_signs_a_person_in_where_auth_is_another_process(
    tmp_path: Path, migrated_postgres_url: str, redis_url: str
) -> None:
    async with running_split(tmp_path, migrated_postgres_url, redis_url) as split:
        owner = await Person(split.url, "owner").set_up(split.setup_code)
        settings = await settings_of(owner, owner, APPLICATIONS["confidential, basic"])

        assert_signed_in(await relying_parties.run("openid-client.js", settings), settings, "owner")
        await owner.close()

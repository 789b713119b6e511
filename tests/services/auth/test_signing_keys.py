"""Keys of ID tokens: published before they sign, for as long as what they signed counts, and never in the clear."""

import asyncio
from pathlib import Path

import pytest
from joserfc.jws import extract_compact
from tests.services.auth.accounts import actor_of
from tests.services.auth.home import Home, at_home
from tests.services.auth.relying_parties import Party, a_party, add_party, verified

from kaif.interfaces.auth import Nothing, Tokens
from kaif.interfaces.auth.applications import RotateSigningKeys
from kaif.kernel.actor import NOBODY
from kaif.kernel.clock import DAY_US, MINUTE_US
from kaif.kernel.sealing import Sealer
from kaif.services.auth.openid.signing_keys import SigningKeys


@pytest.fixture
async def cast(home: Home) -> tuple[Party, Tokens]:
    return await a_party(home)


async def kids(home: Home) -> list[str]:
    return [key["kid"] for key in (await home.openid.get_id_token_keys(NOBODY, Nothing())).keys]


async def signer_of(home: Home, party: Party, tokens: Tokens) -> str:
    issued = await party.redeem(await party.code(tokens, scope="openid"))
    await verified(home, issued.id_token)
    return str(extract_compact(issued.id_token.encode()).headers()["kid"])


async def states(home: Home, owner: Tokens) -> list[str]:
    return [key.state for key in (await home.applications.list_signing_keys(actor_of(owner), Nothing())).keys]


async def test_a_key_is_followed_by_the_next_one_without_a_gap(home: Home, cast: tuple[Party, Tokens]) -> None:
    party, owner = cast
    first = await signer_of(home, party, owner)
    assert await kids(home) == [first]

    home.now_us += 89 * DAY_US
    [_, second] = await kids(home)
    assert await signer_of(home, party, owner) == first
    assert await states(home, owner) == ["next", "current"]

    home.now_us += DAY_US
    assert await signer_of(home, party, owner) == second
    assert await kids(home) == [first, second], "what the first one signed still counts"
    home.now_us += 69 * MINUTE_US
    assert await states(home, owner) == ["current", "previous"]
    home.now_us += MINUTE_US
    assert await kids(home) == [second]


async def test_a_server_that_nobody_asked_for_a_year_publishes_before_it_signs(
    home: Home, cast: tuple[Party, Tokens]
) -> None:
    party, owner = cast
    first = await signer_of(home, party, owner)
    home.now_us += 365 * DAY_US

    assert await signer_of(home, party, owner) == first
    [_, second] = await kids(home)
    home.now_us += DAY_US
    assert await signer_of(home, party, owner) == second


async def test_the_operator_rotates_before_the_time(home: Home, cast: tuple[Party, Tokens]) -> None:
    party, owner = cast
    first = await signer_of(home, party, owner)
    await home.applications.rotate_signing_keys(actor_of(owner), RotateSigningKeys())
    await home.applications.rotate_signing_keys(actor_of(owner), RotateSigningKeys())

    [_, second] = await kids(home)
    assert await signer_of(home, party, owner) == first
    home.now_us += DAY_US
    assert await signer_of(home, party, owner) == second


async def test_a_key_in_wrong_hands_is_replaced_at_once(home: Home, cast: tuple[Party, Tokens]) -> None:
    party, owner = cast
    first = await signer_of(home, party, owner)

    listed = await home.applications.rotate_signing_keys(actor_of(owner), RotateSigningKeys(at_once=True))

    assert [key.state for key in listed.keys] == ["current"]
    assert first not in await kids(home)
    assert await signer_of(home, party, owner) == listed.keys[0].kid


async def test_an_application_that_needs_rsa_gets_it_and_others_do_not(home: Home, cast: tuple[Party, Tokens]) -> None:
    party, owner = cast
    old_fashioned = await add_party(home, owner, name="Old", algorithm="RS256")
    keys = {key["kid"]: key for key in (await home.openid.get_id_token_keys(NOBODY, Nothing())).keys}
    assert {(key["kty"], key["alg"], key["use"]) for key in keys.values()} == {
        ("EC", "ES256", "sig"),
        ("RSA", "RS256", "sig"),
    }

    issued = await old_fashioned.redeem(await old_fashioned.code(owner))
    await verified(home, issued.id_token, "RS256")

    assert keys[await signer_of(home, party, owner)]["alg"] == "ES256"
    assert not [name for key in keys.values() for name in key if name in ("d", "p", "q", "dp", "dq", "qi", "k")]


async def test_ten_who_ask_at_once_find_one_key(home: Home) -> None:
    asked = await asyncio.gather(*[home.openid.get_id_token_keys(NOBODY, Nothing()) for _ in range(10)])

    assert len({key["kid"] for keys in asked for key in keys.keys}) == 1


async def test_under_another_signing_key_of_the_server_new_ones_are_made(
    home: Home, cast: tuple[Party, Tokens]
) -> None:
    party, owner = cast
    first = await signer_of(home, party, owner)
    other = SigningKeys(home.database, Sealer(bytes(32)), lambda: home.now_us)

    token = await other.sign("ES256", {"sub": "anna"})

    assert (await other.claims_of(token)) == {"sub": "anna"}
    assert len(await kids(home)) >= 2 and first in await kids(home)


async def test_another_server_signs_with_another_key(tmp_path: Path, cast: tuple[Party, Tokens], home: Home) -> None:
    (tmp_path / "other").mkdir()
    async with at_home(tmp_path / "other", f"sqlite:{tmp_path / 'other' / 'kaif.db'}") as other:
        party, owner = await a_party(other)
        foreign = (await party.redeem(await party.code(owner))).id_token

        with pytest.raises(Exception, match="key"):
            await verified(home, foreign)

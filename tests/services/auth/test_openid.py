"""Codes and tokens of applications: good once, for one application, for as long as they should, and no longer."""

import asyncio
from typing import Any

import pytest
from tests.services.auth.accounts import AUDITOR, PASSWORD, actor_of, log_in, register, session_of
from tests.services.auth.home import NEW_PASSWORD, PUBLIC_URL, Home
from tests.services.auth.relying_parties import ISSUER, REDIRECT_URI, Party, a_party, add_party, challenge_of, verified

from kaif.interfaces.auth import Nothing, Tokens
from kaif.interfaces.auth.accounts import ChangePassword, ConfirmEmail, DeleteAccount, ForgetPassword, ResetPassword
from kaif.interfaces.auth.applications import ChangeApplication, RemoveApplication, RenewSecret
from kaif.interfaces.auth.audit import Audit, ListAudit
from kaif.interfaces.auth.directory import OfAccount
from kaif.interfaces.auth.openid import (
    ClientProof,
    EndAccess,
    GetClaims,
    InvalidClient,
    InvalidGrant,
    InvalidRequest,
    InvalidScope,
    InvalidToken,
    IssuedTokens,
    TokenOfClient,
    TokenRequest,
    UnsupportedGrantType,
)
from kaif.interfaces.auth.sessions import Restore, Sessions, Suspend
from kaif.kernel.actor import NOBODY
from kaif.kernel.clock import DAY_US, SECOND_US
from kaif.kernel.errors import Unauthenticated
from kaif.kernel.tokens import Verifier


@pytest.fixture
async def party(home: Home) -> Party:
    party, _ = await a_party(home)
    return party


@pytest.fixture
async def anna(home: Home, party: Party) -> Tokens:
    return await register(home.auth, "anna", "Анна Ветрова")


async def owner_of(home: Home) -> Tokens:
    return await log_in(home.auth, "owner")


async def audited(home: Home) -> list[str]:
    entries = (await home.services[Audit].list_audit(AUDITOR, ListAudit(limit=200))).entries
    return [entry.action for entry in entries]


async def is_dead(party: Party, issued: IssuedTokens) -> bool:
    """Neither its access token nor its refresh token is good for anything."""
    with pytest.raises(InvalidToken):
        await party.claims(issued)
    with pytest.raises(InvalidGrant):
        await party.refresh(issued.refresh_token)
    assert not (await party.introspect(issued.access_token)).active
    return not (await party.introspect(issued.refresh_token)).active


# What a code gives


@pytest.mark.asvs("9.2.4", "10.3.3")
async def test_a_code_gives_an_id_token_of_the_person_for_the_application_alone(
    home: Home, party: Party, anna: Tokens
) -> None:
    home.now_us += 5 * SECOND_US
    answer = await party.allow(anna)
    issued = await party.redeem(answer["code"])

    assert (answer["state"], answer["iss"]) == ("a state of ours", ISSUER)
    now_s = home.now_us // SECOND_US
    claims = await verified(home, issued.id_token)
    assert claims.pop("at_hash")
    assert claims == {
        "iss": ISSUER,
        "sub": anna.user.id,
        "aud": party.id,
        "iat": now_s,
        "exp": now_s + 600,
        "auth_time": now_s - 5,
        "nonce": "n-0S6_WzA2Mj",
    }
    assert (issued.token_type, issued.expires_in, issued.scope) == ("Bearer", 600, "openid profile email")


@pytest.mark.asvs("8.2.3", "10.3.2")
async def test_the_claims_are_those_of_the_scopes(home: Home, party: Party, anna: Tokens) -> None:
    bare = await party.claims(await party.signed_in(anna, "openid"))
    profile = await party.claims(await party.signed_in(anna, "openid profile"))
    email = await party.claims(await party.signed_in(anna, "openid email"))

    assert (bare.sub, bare.name, bare.preferred_username, bare.email, bare.email_verified) == (
        anna.user.id, None, None, None, None,
    )  # fmt: skip
    assert (profile.name, profile.preferred_username, profile.locale, profile.email) == (
        "Анна Ветрова", "anna", "en", None,
    )  # fmt: skip
    assert (email.name, email.email, email.email_verified) == (None, None, None)


async def test_an_address_is_told_once_its_owner_has_confirmed_it(home: Home, party: Party, anna: Tokens) -> None:
    """Until then it may be a stranger's, and an application that takes it for granted would let them in there."""
    issued = await party.signed_in(anna)
    assert (await party.claims(issued)).email is None
    await home.accounts.confirm_email(NOBODY, ConfirmEmail(await home.token("anna@example.org")))

    claims = await party.claims(issued)
    assert (claims.email, claims.email_verified) == ("anna@example.org", True)


@pytest.mark.asvs("10.4.11")
async def test_what_an_application_may_not_ask_for_it_does_not_get(home: Home, party: Party, anna: Tokens) -> None:
    modest = await add_party(home, await owner_of(home), name="Modest", scopes=["openid", "profile"])
    issued = await modest.signed_in(anna, "openid profile email offline_access nonsense")

    assert (issued.scope, issued.refresh_token) == ("openid profile", None)
    assert (await modest.claims(issued)).email is None


@pytest.mark.asvs("10.4.4")
async def test_only_offline_access_gives_a_refresh_token(party: Party, anna: Tokens) -> None:
    assert (await party.signed_in(anna, "openid profile")).refresh_token is None
    assert (await party.signed_in(anna, "openid offline_access")).refresh_token


# A code is good once


@pytest.mark.asvs("10.4.2")
async def test_a_code_that_comes_again_takes_back_what_it_gave(home: Home, party: Party, anna: Tokens) -> None:
    code = await party.code(anna, scope="openid offline_access")
    issued = await party.redeem(code)

    with pytest.raises(InvalidGrant):
        await party.redeem(code)

    assert await is_dead(party, issued)
    assert "application_code_reused" in await audited(home)


@pytest.mark.asvs("10.4.2")
async def test_of_ten_who_bring_one_code_at_once_one_gets_tokens(party: Party, anna: Tokens) -> None:
    code = await party.code(anna)

    results = await asyncio.gather(*[party.redeem(code) for _ in range(10)], return_exceptions=True)

    assert sum(isinstance(result, IssuedTokens) for result in results) == 1
    assert sum(isinstance(result, InvalidGrant) for result in results) == 9


@pytest.mark.asvs("10.4.3")
@pytest.mark.parametrize(("after_s", "good"), [(59, True), (60, False)])
async def test_a_code_is_good_for_a_minute(home: Home, party: Party, anna: Tokens, after_s: int, good: bool) -> None:
    code = await party.code(anna)
    home.now_us += after_s * SECOND_US

    if good:
        assert await party.redeem(code)
    else:
        with pytest.raises(InvalidGrant):
            await party.redeem(code)


WRONG: dict[str, dict[str, Any]] = {
    "another redirect URI": {"redirect_uri": REDIRECT_URI + "/"},
    "a wrong verifier": {"code_verifier": "v" * 43},
    "a verifier that is too short": {"code_verifier": "v" * 42},
}


@pytest.mark.asvs("10.4.6")
@pytest.mark.parametrize("wrong", WRONG.values(), ids=WRONG)
async def test_a_code_is_good_for_what_it_was_given_for(party: Party, anna: Tokens, wrong: dict[str, Any]) -> None:
    code = await party.code(anna)

    with pytest.raises(InvalidGrant):
        await party.redeem(code, **wrong)
    # Whoever guesses does so once.
    with pytest.raises(InvalidGrant):
        await party.redeem(code)


@pytest.mark.asvs("10.4.6")
async def test_the_challenge_is_no_verifier(party: Party, anna: Tokens) -> None:
    """It would be one with the method "plain"."""
    with pytest.raises(InvalidGrant):
        await party.redeem(await party.code(anna), code_verifier=challenge_of(party.verifier))


@pytest.mark.asvs("10.4.6")
@pytest.mark.parametrize("missing", ["code_verifier", "redirect_uri"])
async def test_nothing_of_what_makes_a_code_safe_can_be_left_out(party: Party, anna: Tokens, missing: str) -> None:
    code = await party.code(anna)

    with pytest.raises(InvalidRequest):
        await party.redeem(code, **{missing: ""})
    assert await party.redeem(code), "a mistake has not cost the code"


async def test_a_code_of_one_application_is_nothing_to_another(home: Home, party: Party, anna: Tokens) -> None:
    other = await add_party(home, await owner_of(home), name="Another")
    code = await party.code(anna)

    with pytest.raises(InvalidGrant):
        await other.redeem(code, code_verifier=party.verifier)
    assert await party.redeem(code), "the other one has not spent it"


async def test_what_was_never_a_code_is_refused(party: Party, anna: Tokens) -> None:
    for made_up in ("x", "a" * 43, "код"):
        with pytest.raises(InvalidGrant):
            await party.redeem(made_up)


# Whose token it is


@pytest.mark.asvs("10.4.10")
@pytest.mark.parametrize("secret", ["", "wrong", "a" * 43])
async def test_an_application_with_a_secret_proves_itself_by_it(party: Party, anna: Tokens, secret: str) -> None:
    code = await party.code(anna)
    liar = ClientProof(party.id, secret)

    with pytest.raises(InvalidClient):
        await party.redeem(code, client=liar)
    for ask in (party.home.openid.introspect_token, party.home.openid.revoke_token):
        with pytest.raises(InvalidClient):
            await ask(NOBODY, TokenOfClient(client=liar, token="x"))
    assert await party.redeem(code)


async def test_an_application_that_is_not_known_gets_nothing(party: Party) -> None:
    for client_id in ("", "nobody", "\x00", "x" * 500, party.id.upper()):
        with pytest.raises(InvalidClient):
            await party.redeem("code", client=ClientProof(client_id, party.secret))


async def test_a_public_application_has_no_secret_and_takes_none(home: Home, party: Party, anna: Tokens) -> None:
    page = await add_party(home, await owner_of(home), "https://page.example/", kind="browser")
    assert page.secret == ""
    with pytest.raises(InvalidClient):
        await page.redeem(await page.code(anna), client=ClientProof(page.id, "anything"))

    issued = await page.signed_in(anna)

    assert (await page.claims(issued)).sub == anna.user.id
    assert await page.refresh(issued.refresh_token)
    with pytest.raises(InvalidClient):
        await page.introspect(issued.access_token)


async def test_a_renewed_secret_takes_the_place_of_the_old_one(home: Home, party: Party, anna: Tokens) -> None:
    code = await party.code(anna)
    renewed = await home.applications.renew_secret(actor_of(await owner_of(home)), RenewSecret(party.id))

    with pytest.raises(InvalidClient):
        await party.redeem(code)
    party.secret = renewed.secret
    assert await party.redeem(code)


@pytest.mark.asvs("10.4.4")
async def test_other_grants_are_not_given(party: Party) -> None:
    for grant_type in ("password", "client_credentials", "implicit", "urn:ietf:params:oauth:grant-type:device_code"):
        with pytest.raises(UnsupportedGrantType):
            await party.home.openid.issue_tokens(NOBODY, TokenRequest(client=party.proof, grant_type=grant_type))
    with pytest.raises(InvalidRequest):
        await party.home.openid.issue_tokens(NOBODY, TokenRequest(client=party.proof))


# Refreshing


async def test_a_refresh_token_is_exchanged_for_the_next(home: Home, party: Party, anna: Tokens) -> None:
    first = await party.signed_in(anna)
    home.now_us += DAY_US
    second = await party.refresh(first.refresh_token)

    assert (await party.claims(second)).name == "Анна Ветрова"
    claims = await verified(home, second.id_token)
    assert "nonce" not in claims
    assert claims["auth_time"] == (await verified(home, first.id_token))["auth_time"]
    assert await party.refresh(second.refresh_token)


@pytest.mark.asvs("10.4.5")
async def test_a_refresh_token_that_comes_again_ends_the_whole_family(home: Home, party: Party, anna: Tokens) -> None:
    first = await party.signed_in(anna)
    second = await party.refresh(first.refresh_token)

    with pytest.raises(InvalidGrant):
        await party.refresh(first.refresh_token)

    assert await is_dead(party, second)
    assert "application_token_stolen" in await audited(home)


@pytest.mark.asvs("10.4.5")
async def test_of_ten_who_bring_one_refresh_token_at_once_one_gets_tokens(party: Party, anna: Tokens) -> None:
    first = await party.signed_in(anna)

    results = await asyncio.gather(*[party.refresh(first.refresh_token) for _ in range(10)], return_exceptions=True)

    assert sum(isinstance(result, IssuedTokens) for result in results) == 1
    assert sum(isinstance(result, InvalidGrant) for result in results) == 9


async def test_another_sign_in_outlives_a_family_that_ends(party: Party, anna: Tokens) -> None:
    phone, laptop = await party.signed_in(anna), await party.signed_in(anna)
    await party.refresh(phone.refresh_token)
    with pytest.raises(InvalidGrant):
        await party.refresh(phone.refresh_token)

    assert await party.refresh(laptop.refresh_token)


async def test_an_application_does_not_refresh_the_token_of_another(home: Home, party: Party, anna: Tokens) -> None:
    other = await add_party(home, await owner_of(home), name="Another")
    first = await party.signed_in(anna)

    with pytest.raises(InvalidGrant):
        await other.refresh(first.refresh_token)
    assert await party.refresh(first.refresh_token), "the other one has not spent it"


async def test_a_made_up_refresh_token_ends_nothing(party: Party, anna: Tokens) -> None:
    first = await party.signed_in(anna)
    assert first.refresh_token
    grant_id, random, seal = first.refresh_token.split(".")
    for made_up in (f"{grant_id}.{'x' * 43}.{seal}", f"{grant_id}.{random}.{'0' * 64}", grant_id, "x", "..", "токен"):
        with pytest.raises(InvalidGrant):
            await party.refresh(made_up)

    assert await party.refresh(first.refresh_token)


@pytest.mark.parametrize(("days", "good"), [(29, True), (30, False)])
async def test_a_refresh_token_that_is_not_used_for_a_month_is_good_no_more(
    home: Home, party: Party, anna: Tokens, days: int, good: bool
) -> None:
    first = await party.signed_in(anna)
    home.now_us += days * DAY_US

    if good:
        assert await party.refresh(first.refresh_token)
    else:
        with pytest.raises(InvalidGrant):
            await party.refresh(first.refresh_token)


@pytest.mark.asvs("7.6.1", "10.4.8")
async def test_half_a_year_after_the_sign_in_no_refresh_helps(home: Home, party: Party, anna: Tokens) -> None:
    issued = await party.signed_in(anna)
    for _ in range(8):
        home.now_us += 20 * DAY_US
        issued = await party.refresh(issued.refresh_token)
    home.now_us += 20 * DAY_US

    with pytest.raises(InvalidGrant):
        await party.refresh(issued.refresh_token)


async def test_a_narrower_scope_is_for_one_token_and_a_wider_one_for_none(
    home: Home, party: Party, anna: Tokens
) -> None:
    await home.accounts.confirm_email(NOBODY, ConfirmEmail(await home.token("anna@example.org")))
    first = await party.signed_in(anna, "openid email offline_access")
    for wider in ("openid profile", "openid admin", "email"):
        with pytest.raises(InvalidScope):
            await party.refresh(first.refresh_token, scope=wider)

    narrow = await party.refresh(first.refresh_token, scope="openid")
    assert (narrow.scope, (await party.claims(narrow)).email) == ("openid", None)
    assert (await party.claims(await party.refresh(narrow.refresh_token))).email == "anna@example.org"


# Until when


@pytest.mark.parametrize(("after_s", "good"), [(599, True), (600, False)])
async def test_an_access_token_is_good_for_ten_minutes(
    home: Home, party: Party, anna: Tokens, after_s: int, good: bool
) -> None:
    issued = await party.signed_in(anna)
    home.now_us += after_s * SECOND_US

    assert (await party.introspect(issued.access_token)).active is good
    if not good:
        with pytest.raises(InvalidToken):
            await party.claims(issued)


@pytest.mark.asvs("7.6.1")
async def test_suspended_people_are_nobody_to_applications_at_once(home: Home, party: Party, anna: Tokens) -> None:
    issued, code = await party.signed_in(anna), await party.code(anna)
    owner, sessions = actor_of(await owner_of(home)), home.services[Sessions]
    await sessions.suspend(owner, Suspend(anna.user.id))

    assert await is_dead(party, issued)
    with pytest.raises(InvalidGrant):
        await party.redeem(code)
    await sessions.restore(owner, Restore(anna.user.id))
    assert await is_dead(party, issued), "access is given anew, not found again"


async def test_people_who_are_gone_are_nobody_to_applications(home: Home, party: Party, anna: Tokens) -> None:
    issued, code = await party.signed_in(anna), await party.code(anna)
    await home.accounts.delete_account(actor_of(anna), DeleteAccount(PASSWORD))

    assert await is_dead(party, issued)
    with pytest.raises(InvalidGrant):
        await party.redeem(code)
    for table in ("auth_consents", "auth_codes", "auth_application_grants", "auth_application_tokens"):
        assert await home.database.fetch(tuple, f"SELECT * FROM {table}") == [], "nothing is kept of them"


@pytest.mark.asvs("10.4.9")
async def test_ended_access_ends_everything_at_once(home: Home, party: Party, anna: Tokens) -> None:
    issued, code = await party.signed_in(anna), await party.code(anna)
    boris = await register(home.auth, "boris")
    his = await party.signed_in(boris)
    await home.authorizations.end_access(actor_of(anna), EndAccess(party.id))

    assert await is_dead(party, issued)
    with pytest.raises(InvalidGrant):
        await party.redeem(code)
    assert (await party.claims(his)).sub == boris.user.id


async def test_a_removed_application_is_left_with_nothing(home: Home, party: Party, anna: Tokens) -> None:
    issued = await party.signed_in(anna)
    await home.applications.remove_application(actor_of(await owner_of(home)), RemoveApplication(party.id))

    with pytest.raises(InvalidToken):
        await party.claims(issued)
    with pytest.raises(InvalidClient):
        await party.refresh(issued.refresh_token)


async def test_what_an_application_may_ask_no_more_its_tokens_give_no_more(
    home: Home, party: Party, anna: Tokens
) -> None:
    issued = await party.signed_in(anna)
    less = ChangeApplication(party.id, "Wiki", [REDIRECT_URI], ["openid", "offline_access"], "ES256", "")
    await home.applications.change_application(actor_of(await owner_of(home)), less)

    assert (await party.claims(issued)).email is None
    assert (await party.refresh(issued.refresh_token)).scope == "openid offline_access"


async def test_a_changed_password_leaves_applications_alone(home: Home, party: Party, anna: Tokens) -> None:
    issued = await party.signed_in(anna)
    await home.accounts.change_password(actor_of(anna), ChangePassword(PASSWORD, NEW_PASSWORD))
    await home.services[Sessions].end_other_sessions(actor_of(anna), Nothing())

    assert await party.claims(issued)
    assert await party.refresh(issued.refresh_token)


async def test_a_password_that_was_reset_by_letter_takes_everything_back(
    home: Home, party: Party, anna: Tokens
) -> None:
    issued = await party.signed_in(anna)
    await home.accounts.forget_password(NOBODY, ForgetPassword("anna@example.org"))
    token = await home.token("anna@example.org", 2)
    await home.accounts.reset_password(NOBODY, ResetPassword(token, NEW_PASSWORD))

    assert await is_dead(party, issued)


async def test_a_reset_that_an_operator_forces_takes_everything_back(home: Home, party: Party, anna: Tokens) -> None:
    issued = await party.signed_in(anna)
    await home.directory.force_reset(actor_of(await owner_of(home)), OfAccount(anna.user.id))

    assert await is_dead(party, issued)


# Taking back and asking


async def test_an_access_token_is_revoked_alone_and_a_refresh_token_with_all_that_came_of_it(
    party: Party, anna: Tokens
) -> None:
    issued = await party.signed_in(anna)
    await party.revoke(issued.access_token)
    with pytest.raises(InvalidToken):
        await party.claims(issued)

    second = await party.refresh(issued.refresh_token)
    await party.revoke(second.refresh_token)
    await party.revoke("never a token of ours")

    assert await is_dead(party, second)


async def test_no_application_revokes_or_sees_the_tokens_of_another(home: Home, party: Party, anna: Tokens) -> None:
    other = await add_party(home, await owner_of(home), name="Another")
    issued = await party.signed_in(anna)
    for token in (issued.access_token, issued.refresh_token):
        await other.revoke(token)
        assert not (await other.introspect(token)).active

    assert (await party.introspect(issued.access_token)).active
    assert await party.refresh(issued.refresh_token)


async def test_introspection_tells_what_a_token_is_good_for(home: Home, party: Party, anna: Tokens) -> None:
    issued, now_s = await party.signed_in(anna), home.now_us // SECOND_US

    access, refresh = await party.introspect(issued.access_token), await party.introspect(issued.refresh_token)

    assert (access.active, access.scope, access.client_id, access.sub, access.token_type) == (
        True, "openid profile email offline_access", party.id, anna.user.id, "Bearer",
    )  # fmt: skip
    assert (access.iat, access.exp, access.iss) == (now_s, now_s + 600, ISSUER)
    assert (refresh.active, refresh.exp) == (True, now_s + 30 * 86400)
    for nonsense in ("x", issued.id_token, "a.b.c"):
        assert not (await party.introspect(nonsense)).active
    with pytest.raises(InvalidRequest):
        await party.introspect("")


# What is not to be confused


def foreign_tokens(issued: IssuedTokens) -> list[str]:
    return [issued.id_token, issued.access_token, issued.refresh_token or ""]


@pytest.mark.asvs("9.2.2", "10.3.1")
async def test_our_own_interface_takes_no_token_of_an_application(home: Home, party: Party, anna: Tokens) -> None:
    own_keys = (await home.auth.get_keys(NOBODY, Nothing())).keys
    issued = await party.signed_in(anna)
    both = own_keys + (await home.openid.get_id_token_keys(NOBODY, Nothing())).keys

    for token in foreign_tokens(issued):
        for keys in (own_keys, both):
            with pytest.raises(Unauthenticated):
                Verifier(keys).verify(token.encode(), home.now_us / SECOND_US)
    assert {key["kid"] for key in own_keys}.isdisjoint(key["kid"] for key in both[len(own_keys) :])


@pytest.mark.asvs("9.2.2", "10.3.1")
async def test_applications_get_nothing_for_a_token_of_our_own(home: Home, party: Party, anna: Tokens) -> None:
    for own in (anna.access_token, anna.refresh_token, session_of(anna)):
        with pytest.raises(InvalidToken):
            await home.openid.get_claims(NOBODY, GetClaims(own))
        with pytest.raises(InvalidGrant):
            await party.refresh(own)
        with pytest.raises(InvalidGrant):
            await party.redeem(own)
        assert not (await party.introspect(own)).active
    issued = await party.signed_in(anna)
    for wrong in (issued.id_token, issued.refresh_token or ""):
        with pytest.raises(InvalidToken):
            await home.openid.get_claims(NOBODY, GetClaims(wrong))


async def test_the_database_holds_no_token_that_is_good(home: Home, party: Party, anna: Tokens) -> None:
    issued, code = await party.signed_in(anna), await party.code(anna)
    kept: list[tuple[Any, ...]] = []
    for table in (
        "auth_applications", "auth_codes", "auth_application_grants", "auth_application_tokens", "auth_id_token_keys",
        "auth_audit",
    ):  # fmt: skip
        kept += await home.database.fetch(tuple, f"SELECT * FROM {table}")
    text = str(kept)

    assert issued.access_token not in text and (issued.refresh_token or "-") not in text
    assert code not in text and party.secret not in text and '"d"' not in text


async def test_the_document_names_what_there_is(home: Home, party: Party) -> None:
    document = await home.openid.get_metadata(NOBODY, Nothing())

    assert (document.issuer, document.token_endpoint) == (PUBLIC_URL, f"{PUBLIC_URL}/oauth/token")
    assert document.code_challenge_methods_supported == ["S256"]
    assert document.response_types_supported == ["code"]

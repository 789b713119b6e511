"""An application asks to know somebody: who is asked what, what is remembered, and who is sent where."""

import asyncio
from typing import Any
from urllib.parse import urlsplit

import pytest
from joserfc import jwt
from joserfc.jwk import ECKey, OctKey
from tests.services.auth.accounts import AUDITOR, PASSWORD, actor_of, log_in, register
from tests.services.auth.home import PUBLIC_URL, Home
from tests.services.auth.relying_parties import ISSUER, REDIRECT_URI, Party, a_party, add_party, verified

from kaif.interfaces.auth import Nothing, Refresh, SessionEnded, Tokens
from kaif.interfaces.auth.audit import Audit, Audited, ListAudit
from kaif.interfaces.auth.factors import SecondFactors, StepUp, StepUpRequired
from kaif.interfaces.auth.openid import (
    AccessNotFound,
    AccountSwitched,
    AllowAuthorization,
    EndAccess,
)
from kaif.interfaces.auth.sessions import Sessions, Suspend
from kaif.kernel.actor import NOBODY, Actor
from kaif.kernel.clock import MINUTE_US, SECOND_US
from kaif.kernel.errors import KaifError
from kaif.services.auth import store
from kaif.services.auth.openid import applications_store


@pytest.fixture
async def party(home: Home) -> Party:
    party, _ = await a_party(home)
    return party


@pytest.fixture
async def anna(home: Home, party: Party) -> Tokens:
    return await register(home.auth, "anna", "Анна Ветрова")


async def step(party: Party, tokens: Tokens, **changes: str | None) -> str:
    return (await party.consider(actor_of(tokens), **changes)).step


async def audited(home: Home, action: str) -> list[Audited]:
    entries = (await home.services[Audit].list_audit(AUDITOR, ListAudit(limit=200))).entries
    return [entry for entry in entries if entry.action == action]


async def prove(home: Home, tokens: Tokens) -> None:
    await home.services[SecondFactors].step_up(actor_of(tokens), StepUp(PASSWORD))


# Who is asked what


@pytest.mark.asvs("7.6.2", "10.7.1")
async def test_a_stranger_signs_in_then_decides_and_is_sent_back_with_a_code(
    home: Home, party: Party, anna: Tokens
) -> None:
    stranger = await party.consider(NOBODY, login_hint="anna@example.org")
    assert (stranger.step, stranger.account, stranger.login_hint) == ("sign_in", None, "anna@example.org")

    asked = await party.consider(actor_of(anna), begun=stranger.begun)
    assert asked.step == "consent"
    assert (asked.asking.name, asked.asking.returns_to) == ("Wiki", "wiki.example")
    assert asked.asking.scopes == ["openid", "profile", "email"]
    assert asked.account and (asked.account.username, asked.account.email) == ("anna", "anna@example.org")

    answer = await party.allow(anna, begun=asked.begun)
    assert set(answer) == {"code", "state", "iss"}
    assert (await party.claims(await party.redeem(answer["code"]))).sub == anna.user.id


@pytest.mark.asvs("10.7.1")
async def test_what_was_allowed_is_not_asked_again(home: Home, party: Party, anna: Tokens) -> None:
    await party.allow(anna)

    again = await party.answer(actor_of(anna))

    assert set(again) == {"code", "state", "iss"}
    assert await party.redeem(again["code"])
    assert await step(party, anna, scope="openid") == "return"
    assert await step(party, anna, scope="openid profile email offline_access") == "consent"
    assert len(await audited(home, "application_allowed")) == 1
    assert len(await audited(home, "application_signed_in")) == 2


async def test_what_is_allowed_later_joins_what_was_allowed_before(party: Party, anna: Tokens) -> None:
    await party.allow(anna, scope="openid email")
    await party.allow(anna, scope="openid profile")

    assert await step(party, anna, scope="openid profile email") == "return"


async def test_what_one_has_allowed_nobody_else_has(home: Home, party: Party, anna: Tokens) -> None:
    await party.allow(anna)
    other = await add_party(home, await log_in(home.auth, "owner"), name="Another")
    boris = await register(home.auth, "boris")

    assert await step(party, boris) == "consent"
    assert await step(other, anna) == "consent"


@pytest.mark.asvs("10.7.1")
async def test_a_program_of_the_device_asks_each_time(home: Home, party: Party, anna: Tokens) -> None:
    owner = await log_in(home.auth, "owner")
    program = await add_party(home, owner, "http://127.0.0.1/cb", name="Program", kind="native")
    await program.allow(anna)

    asked = await program.consider(actor_of(anna))
    assert (asked.step, asked.asking.returns_to) == ("consent", "")
    assert (await program.answer(actor_of(anna), prompt="none"))["error"] == "consent_required"


@pytest.mark.parametrize("prompt", ["consent", "select_account", "consent select_account"])
async def test_an_application_may_want_people_asked_again(party: Party, anna: Tokens, prompt: str) -> None:
    await party.allow(anna)

    assert await step(party, anna, prompt=prompt) == "consent"
    assert "code" in await party.allow(anna, prompt=prompt)


async def test_who_refuses_is_sent_back_with_that(party: Party, anna: Tokens) -> None:
    answer = await party.refuse()

    assert (answer["error"], answer["state"], answer["iss"]) == ("access_denied", "a state of ours", ISSUER)
    assert "code" not in answer


async def test_only_the_account_that_was_shown_allows(home: Home, party: Party, anna: Tokens) -> None:
    boris = await register(home.auth, "boris")
    shown = AllowAuthorization(party.query(), "", anna.user.id)

    with pytest.raises(AccountSwitched):
        await home.authorizations.allow_authorization(actor_of(boris), shown)


async def test_a_session_that_has_ended_allows_nothing(home: Home, party: Party, anna: Tokens) -> None:
    await party.allow(anna)
    await home.auth.log_out(actor_of(anna), Refresh())

    assert await step(party, anna) == "sign_in"
    with pytest.raises(AccountSwitched):
        await party.allow(anna)


async def test_who_is_suspended_between_two_looks_gets_no_code(home: Home, party: Party, anna: Tokens) -> None:
    await party.allow(anna)
    owner = actor_of(await log_in(home.auth, "owner"))
    await home.services[Sessions].suspend(owner, Suspend(anna.user.id))

    assert await step(party, anna) == "sign_in"


async def test_ten_who_allow_at_once_give_ten_codes_and_one_consent(home: Home, party: Party, anna: Tokens) -> None:
    answers = await asyncio.gather(*[party.allow(anna) for _ in range(10)])

    assert len({answer["code"] for answer in answers}) == 10
    listed = await home.authorizations.list_allowed_applications(actor_of(anna), Nothing())
    assert [each.name for each in listed.applications] == ["Wiki"]


async def test_access_that_ends_while_an_application_asks_is_ended(home: Home, party: Party, anna: Tokens) -> None:
    await party.allow(anna)
    asking = asyncio.gather(*[party.consider(actor_of(anna)) for _ in range(5)])
    ending = home.authorizations.end_access(actor_of(anna), EndAccess(party.id))
    results, _ = await asyncio.gather(asking, ending)

    assert await step(party, anna) == "consent"
    for considered in results:
        if considered.step == "return":
            code = considered.redirect_to.partition("code=")[2].partition("&")[0]
            with pytest.raises(KaifError):
                await party.redeem(code)


async def test_access_that_ends_between_two_looks_gives_no_code(home: Home, party: Party, anna: Tokens) -> None:
    await party.allow(anna)
    async with home.database.transaction() as tx:
        await store.locked_account(tx, anna.user.id)
        asking = asyncio.create_task(party.consider(actor_of(anna)))
        # By now it has found the consent, and waits for the account.
        await asyncio.sleep(0.2)
        await applications_store.end_consent(tx, anna.user.id, party.id)

    assert (await asking).step == "consent"


# Silence


async def test_who_must_not_be_asked_is_not_asked(home: Home, party: Party, anna: Tokens) -> None:
    assert (await party.answer(NOBODY, prompt="none"))["error"] == "login_required"
    assert (await party.answer(actor_of(anna), prompt="none"))["error"] == "consent_required"

    await party.allow(anna)
    answer = await party.answer(actor_of(anna), prompt="none")
    assert await party.redeem(answer["code"])
    home.now_us += 61 * SECOND_US
    assert (await party.answer(actor_of(anna), prompt="none", max_age="60"))["error"] == "login_required"


async def test_silently_nobody_learns_whose_address_it_is(party: Party, anna: Tokens) -> None:
    """An application without the scope could try addresses out."""
    await party.allow(anna)

    for hint in ("anna@example.org", "boris@example.org"):
        assert "code" in await party.answer(actor_of(anna), prompt="none", login_hint=hint)


async def test_who_is_signed_in_as_somebody_else_is_asked_first(party: Party, anna: Tokens) -> None:
    await party.allow(anna)

    assert await step(party, anna, login_hint="boris@example.org") == "consent"
    assert await step(party, anna, login_hint="ANNA@example.org") == "return"
    assert await step(party, anna, login_hint="anna") == "return"


# How lately


@pytest.mark.asvs("7.6.1")
async def test_who_must_prove_it_anew_does_so_after_the_application_asked(
    home: Home, party: Party, anna: Tokens
) -> None:
    await party.allow(anna)
    home.now_us += SECOND_US
    asked = await party.consider(actor_of(anna), prompt="login")
    assert (asked.step, asked.methods) == ("prove", ["password"])
    with pytest.raises(StepUpRequired):
        await party.allow(anna, begun=asked.begun, prompt="login")

    home.now_us += SECOND_US
    await prove(home, anna)

    assert (await party.consider(actor_of(anna), begun=asked.begun, prompt="login")).step == "return"
    code = (await party.allow(anna, begun=asked.begun, prompt="login"))["code"]
    claims = await verified(home, (await party.redeem(code)).id_token)
    assert claims["auth_time"] == home.now_us // SECOND_US


async def test_a_sign_in_proves_it_too(home: Home, party: Party, anna: Tokens) -> None:
    asked = await party.consider(NOBODY, prompt="login")
    home.now_us += SECOND_US
    again = await log_in(home.auth, "anna")

    assert (await party.consider(actor_of(again), begun=asked.begun, prompt="login")).step == "consent"


@pytest.mark.parametrize("wish", [{"prompt": "login"}, {"max_age": "0"}])
async def test_a_proof_counts_for_one_request_and_not_for_long(
    home: Home, party: Party, anna: Tokens, wish: dict[str, Any]
) -> None:
    asked = await party.consider(actor_of(anna), **wish)
    home.now_us += SECOND_US
    await prove(home, anna)
    home.now_us += SECOND_US

    for begun in ("", "1.0", f"1.{asked.begun.partition('.')[2]}", "x" * 100, "1800000000000000.код"):
        assert (await party.consider(actor_of(anna), begun=begun, **wish)).step == "prove"
    another = await party.consider(actor_of(anna), begun=asked.begun, state="another", **wish)
    assert another.step == "prove", "the proof was for another request"
    home.now_us += 30 * MINUTE_US
    assert (await party.consider(actor_of(anna), begun=asked.begun, **wish)).step == "prove"


@pytest.mark.asvs("7.6.1")
@pytest.mark.parametrize(("age_s", "wanted"), [(60, "consent"), (61, "prove")])
async def test_an_application_says_how_old_a_proof_may_be(
    home: Home, party: Party, anna: Tokens, age_s: int, wanted: str
) -> None:
    home.now_us += age_s * SECOND_US

    assert await step(party, anna, max_age="60") == wanted


# Whom it is after


async def test_an_application_that_knows_somebody_gets_nobody_else(home: Home, party: Party, anna: Tokens) -> None:
    id_token = (await party.signed_in(anna)).id_token
    boris = await register(home.auth, "boris")
    await party.allow(boris)

    assert await step(party, anna, id_token_hint=id_token, scope="openid") == "return"
    shown = await party.consider(actor_of(boris), id_token_hint=id_token)
    assert shown.step == "sign_in" and shown.account and shown.account.username == "boris"
    assert (await party.answer(actor_of(boris), id_token_hint=id_token, prompt="none"))["error"] == "login_required"
    with pytest.raises(AccountSwitched):
        await party.allow(boris, id_token_hint=id_token)


@pytest.mark.asvs("9.1.2", "9.2.4")
async def test_a_hint_that_we_did_not_sign_lets_nobody_in_silently(home: Home, party: Party, anna: Tokens) -> None:
    real = (await party.signed_in(anna)).id_token
    head, body, signature = real.split(".")
    claims = {"iss": ISSUER, "aud": party.id, "sub": anna.user.id}
    [public] = (await home.openid.get_id_token_keys(NOBODY, Nothing())).keys
    none = f"eyJhbGciOiJub25lIn0.{body}."
    # The public key as the secret of an HMAC: a verifier that asks the token for its algorithm takes it.
    confused = jwt.encode(
        {"alg": "HS256", "kid": public["kid"]}, claims, OctKey.import_key(public["x"]), algorithms=["HS256"]
    )
    stranger = ECKey.generate_key("P-256")
    foreign = jwt.encode({"alg": "ES256", "kid": public["kid"]}, claims, stranger, algorithms=["ES256"])
    embedded = jwt.encode(
        {"alg": "ES256", "jwk": stranger.as_dict(private=False)}, claims, stranger, algorithms=["ES256"]
    )
    other = await add_party(home, await log_in(home.auth, "owner"), name="Another")
    of_another = (await other.signed_in(anna)).id_token
    own = anna.access_token

    for hint in (none, confused, foreign, embedded, f"{head}.{body}.{signature[:-4]}AAAA", of_another, own, "x", "a.b"):
        answer = await party.answer(actor_of(anna), id_token_hint=hint, prompt="none", scope="openid")
        assert answer["error"] == "login_required", hint
    answer = await party.answer(actor_of(anna), id_token_hint=real, prompt="none", scope="openid")
    assert "code" in answer


# What was allowed


@pytest.mark.asvs("10.4.9", "10.7.3")
async def test_people_see_what_they_have_allowed_and_end_it(home: Home, party: Party, anna: Tokens) -> None:
    allowed_at_us = home.now_us
    await party.allow(anna, scope="openid email")
    home.now_us += MINUTE_US
    await party.answer(actor_of(anna), scope="openid")

    [listed] = (await home.authorizations.list_allowed_applications(actor_of(anna), Nothing())).applications
    assert (listed.id, listed.name, listed.scopes) == (party.id, "Wiki", ["openid", "email"])
    assert (listed.used_at - listed.allowed_at).total_seconds() == 60
    assert listed.allowed_at.timestamp() * SECOND_US == allowed_at_us
    own_data = await home.own_data.export_own_data(actor_of(anna), Nothing())
    assert own_data.allowed_applications == [listed]

    await home.authorizations.end_access(actor_of(anna), EndAccess(party.id))

    assert (await home.authorizations.list_allowed_applications(actor_of(anna), Nothing())).applications == []
    assert await step(party, anna, scope="openid") == "consent"
    assert [entry.details["application"] for entry in await audited(home, "application_access_ended")] == [party.id]
    for action in ("application_allowed", "application_access_ended"):
        assert [entry.details["name"] for entry in await audited(home, action)] == ["Wiki"]
    with pytest.raises(AccessNotFound):
        await home.authorizations.end_access(actor_of(anna), EndAccess(party.id))


@pytest.mark.asvs("8.2.2")
async def test_nobody_ends_the_access_that_another_gave(home: Home, party: Party, anna: Tokens) -> None:
    await party.allow(anna)
    boris = await register(home.auth, "boris")

    with pytest.raises(AccessNotFound):
        await home.authorizations.end_access(actor_of(boris), EndAccess(party.id))
    assert await step(party, anna) == "return"
    assert (await home.authorizations.list_allowed_applications(actor_of(boris), Nothing())).applications == []


async def test_answers_go_to_the_address_that_was_asked_for(home: Home, party: Party, anna: Tokens) -> None:
    considered = await party.consider(actor_of(anna), prompt="none")

    assert considered.redirect_to.startswith(f"{REDIRECT_URI}?")
    assert urlsplit(considered.redirect_to).fragment == ""
    assert ISSUER == PUBLIC_URL


async def test_a_token_that_outlived_its_session_allows_nothing(home: Home, party: Party, anna: Tokens) -> None:
    """Gateways remember an ended session; should one not, the database does."""
    actor: Actor = actor_of(anna)
    considered = await party.consider(actor)
    await home.services[Sessions].end_other_sessions(Actor(actor.user_id), Nothing())

    with pytest.raises((AccountSwitched, SessionEnded)):
        await party.allow(anna, begun=considered.begun)

"""A second factor that the operator requires: nobody gets past it, and nobody is locked out by it."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.harness import Services, wired_services
from tests.services.auth.accounts import AUDITOR, PASSWORD, actor_of, log_in, refresh, register, set_up
from tests.services.auth.second_factors import Time, answer, turn_on
from tests.softkey import ORIGIN, SoftKey

from kaif.gateway.identity import Identity
from kaif.interfaces.auth import Nothing, Tokens
from kaif.interfaces.auth.accounts import ChangePassword
from kaif.interfaces.auth.api_keys import READ_PROFILE, ExchangeApiKey, MakeApiKey
from kaif.interfaces.auth.audit import ListAudit
from kaif.interfaces.auth.directory import OfAccount
from kaif.interfaces.auth.factors import LogInWithSecondFactor, SecondFactorRequired, StepUp, StepUpRequired
from kaif.interfaces.auth.passkeys import (
    AddPasskey,
    BeginSecondStep,
    Passkey,
    RemovePasskey,
    SignInWithPasskey,
)
from kaif.interfaces.auth.required_factors import LastSecondFactor, RequiredOf, RequireFactors
from kaif.interfaces.auth.roles import Grant
from kaif.kernel.actor import NOBODY, Actor
from kaif.kernel.errors import KaifError, MissingPermission
from kaif.kernel.tokens import TokenExpired


@pytest.fixture
def time() -> Time:
    return Time()


@pytest.fixture
async def services(database_url: str, tmp_path: Path, time: Time) -> AsyncIterator[Services]:
    async with wired_services(tmp_path, database_url, clock=time, public_url=ORIGIN) as services:
        yield services


@pytest.fixture
async def owner(services: Services) -> Tokens:
    return await set_up(services.auth)


@pytest.fixture
async def anna(services: Services, owner: Tokens) -> Tokens:
    return await register(services.auth, "anna")


@pytest.fixture
async def identity(services: Services) -> AsyncIterator[Identity]:
    """Of a gateway: it tells the time by its own clock, to which tokens of the year 2027 are good."""
    identity = Identity(services.auth, services.cache)
    await identity.start()
    yield identity
    await identity.close()


async def require(services: Services, owner: Tokens, required_of: RequiredOf) -> None:
    await services.requirement.require_factors(actor_of(owner), RequireFactors(required_of))


async def add_passkey(services: Services, tokens: Tokens) -> tuple[SoftKey, Passkey]:
    key = SoftKey()
    options = await services.passkeys.begin_passkey(actor_of(tokens), Nothing())
    return key, await services.passkeys.add_passkey(actor_of(tokens), AddPasskey("Laptop", key.create(options)))


async def must_enrol(services: Services, tokens: Tokens) -> bool:
    """As the next token says."""
    return (await refresh(services.auth, tokens)).user.must_enrol


def says(identity: Identity, tokens: Tokens) -> Actor:
    return identity.verify(tokens.access_token.encode()).actor


# Of whom


@pytest.mark.asvs("6.3.3")
@pytest.mark.parametrize(
    ("required_of", "of_owner", "of_anna"),
    [("optional", False, False), ("operators", True, False), ("everyone", True, True)],
)
async def test_it_is_required_of_those_whom_the_rule_names(
    services: Services, owner: Tokens, anna: Tokens, required_of: RequiredOf, of_owner: bool, of_anna: bool
) -> None:
    await require(services, owner, required_of)

    assert (await services.requirement.get_required_factors(actor_of(owner), Nothing())).required_of == required_of
    assert await must_enrol(services, owner) is of_owner
    assert await must_enrol(services, anna) is of_anna
    assert (await log_in(services.auth, "anna")).user.must_enrol is of_anna
    assert (await register(services.auth, "boris")).user.must_enrol is of_anna


@pytest.mark.asvs("6.3.3")
async def test_who_is_given_a_role_becomes_one_of_the_operators(
    services: Services, owner: Tokens, anna: Tokens, identity: Identity, time: Time
) -> None:
    await require(services, owner, "operators")
    anna = await refresh(services.auth, anna)
    assert not says(identity, anna).must_enrol

    await services.roles.grant_role(actor_of(owner), Grant(anna.user.id, "seller"))
    anna = await refresh(services.auth, anna)
    assert not says(identity, anna).must_enrol, "a seller's role opens no page of operators"
    time.passes(1)
    await services.roles.grant_role(actor_of(owner), Grant(anna.user.id, "support"))

    with pytest.raises(TokenExpired):
        says(identity, anna)
    anna = await refresh(services.auth, anna)
    assert says(identity, anna).must_enrol
    assert anna.user.must_enrol


async def test_only_who_manages_roles_decides_it_and_it_is_audited_once(
    services: Services, owner: Tokens, anna: Tokens, time: Time
) -> None:
    with pytest.raises(MissingPermission):
        await require(services, anna, "everyone")
    with pytest.raises(MissingPermission):
        await services.requirement.get_required_factors(actor_of(anna), Nothing())

    await require(services, owner, "everyone")
    await require(services, owner, "everyone")

    entries = (await services.audit.list_audit(AUDITOR, ListAudit("required_factors_changed"))).entries
    assert [(entry.actor_id, entry.details["mode"]) for entry in entries] == [(owner.user.id, "everyone")]
    time.passes(16 * 60)
    with pytest.raises(StepUpRequired):
        await require(services, owner, "optional")


# At once


@pytest.mark.asvs("6.3.3", "8.3.2")
async def test_sessions_that_are_open_hear_of_it_at_once(
    services: Services, owner: Tokens, anna: Tokens, identity: Identity, time: Time
) -> None:
    assert not says(identity, anna).must_enrol
    time.passes(1)

    await require(services, owner, "everyone")

    with pytest.raises(TokenExpired):
        says(identity, anna)
    anna = await refresh(services.auth, anna)
    assert says(identity, anna).must_enrol
    time.passes(1)
    await turn_on(services, time, actor_of(anna))
    with pytest.raises(TokenExpired):
        says(identity, anna)
    anna = await refresh(services.auth, anna)
    assert not says(identity, anna).must_enrol


async def test_a_gateway_that_starts_later_knows_it_too(
    services: Services, owner: Tokens, anna: Tokens, time: Time
) -> None:
    time.passes(1)
    await require(services, owner, "everyone")
    identity = Identity(services.auth, services.cache)
    await identity.start()

    with pytest.raises(TokenExpired):
        says(identity, anna)
    await identity.close()


async def test_lifting_it_frees_whoever_has_none(
    services: Services, owner: Tokens, anna: Tokens, identity: Identity, time: Time
) -> None:
    await require(services, owner, "everyone")
    anna = await refresh(services.auth, anna)
    time.passes(1)

    await require(services, owner, "optional")

    with pytest.raises(TokenExpired):
        says(identity, anna)
    assert not await must_enrol(services, anna)


async def test_an_operator_who_takes_the_factors_away_leads_their_owner_back(
    services: Services, owner: Tokens, anna: Tokens, identity: Identity, time: Time
) -> None:
    await require(services, owner, "everyone")
    await turn_on(services, time, actor_of(anna))
    await turn_on(services, time, actor_of(owner))
    anna = await refresh(services.auth, anna)
    assert not says(identity, anna).must_enrol
    time.passes(1)

    await services.directory.take_second_factors(actor_of(owner), OfAccount(anna.user.id))

    with pytest.raises(TokenExpired):
        says(identity, anna)
    assert await must_enrol(services, anna)


async def test_api_keys_are_not_asked(services: Services, owner: Tokens, anna: Tokens, identity: Identity) -> None:
    made = await services.api_keys.make_api_key(actor_of(anna), MakeApiKey("a bot", [READ_PROFILE], 30))
    await require(services, owner, "everyone")

    exchanged = await services.api_keys.exchange(NOBODY, ExchangeApiKey(made.secret))

    verified = identity.read(exchanged.access_token.encode())
    assert not verified.actor.must_enrol
    assert not identity.is_outdated(verified)


# Passkeys: two factors in themselves, but not beside the password that was given instead


@pytest.mark.asvs("6.3.3", "6.3.4")
async def test_who_has_a_passkey_gives_it_after_the_password_where_it_is_required(
    services: Services, owner: Tokens, anna: Tokens
) -> None:
    key, _ = await add_passkey(services, anna)
    assert await log_in(services.auth, "anna"), "nothing is required: the password is enough"
    await require(services, owner, "everyone")

    with pytest.raises(SecondFactorRequired) as required:
        await log_in(services.auth, "anna")

    assert required.value.details["methods"] == ["passkey"]
    given = str(required.value.details["challenge"])
    with pytest.raises(KaifError):
        await answer(services, given, "000000")
    options = await services.passkeys.begin_passkey_second_step(NOBODY, BeginSecondStep(given))
    tokens = await services.factors.log_in_with_second_factor(
        NOBODY, LogInWithSecondFactor(given, credential=key.get(options))
    )
    assert not tokens.user.must_enrol


async def test_a_passkey_alone_is_enough(services: Services, owner: Tokens, anna: Tokens) -> None:
    key, _ = await add_passkey(services, anna)
    await require(services, owner, "everyone")

    options = await services.passkeys.begin_passkey_sign_in(NOBODY, Nothing())
    tokens = await services.passkeys.sign_in_with_passkey(NOBODY, SignInWithPasskey(key.get(options)))

    assert not tokens.user.must_enrol


async def test_a_password_renews_no_session_whose_owner_has_a_passkey(
    services: Services, owner: Tokens, anna: Tokens, time: Time
) -> None:
    key, _ = await add_passkey(services, anna)
    await require(services, owner, "everyone")
    time.passes(16 * 60)

    with pytest.raises(StepUpRequired) as required:
        await services.factors.begin_totp(actor_of(anna), Nothing())
    assert required.value.details["methods"] == ["passkey"]
    with pytest.raises(StepUpRequired):
        await services.factors.step_up(actor_of(anna), StepUp(PASSWORD))
    with pytest.raises(StepUpRequired):
        await services.factors.begin_totp(actor_of(anna), Nothing())
    with pytest.raises(StepUpRequired):
        await services.accounts.change_password(actor_of(anna), ChangePassword(PASSWORD, "a quiet lake and two boats"))

    options = await services.passkeys.begin_passkey_step_up(actor_of(anna), Nothing())
    await services.factors.step_up(actor_of(anna), StepUp(credential=key.get(options)))
    assert await services.factors.begin_totp(actor_of(anna), Nothing())


# The last one


async def test_the_last_factor_stays_while_it_is_required(
    services: Services, owner: Tokens, anna: Tokens, time: Time
) -> None:
    await require(services, owner, "everyone")
    await turn_on(services, time, actor_of(anna))
    with pytest.raises(LastSecondFactor):
        await services.factors.remove_totp(actor_of(anna), Nothing())

    _, passkey = await add_passkey(services, anna)
    await services.factors.remove_totp(actor_of(anna), Nothing())
    await services.factors.remove_totp(actor_of(anna), Nothing())
    with pytest.raises(LastSecondFactor):
        await services.passkeys.remove_passkey(actor_of(anna), RemovePasskey(passkey.id))
    assert not await must_enrol(services, anna)

    await require(services, owner, "optional")
    await services.passkeys.remove_passkey(actor_of(anna), RemovePasskey(passkey.id))


async def test_of_two_factors_removed_at_once_one_stays(
    services: Services, owner: Tokens, anna: Tokens, time: Time
) -> None:
    await require(services, owner, "everyone")
    await turn_on(services, time, actor_of(anna))
    _, passkey = await add_passkey(services, anna)

    outcomes = await asyncio.gather(
        services.factors.remove_totp(actor_of(anna), Nothing()),
        services.passkeys.remove_passkey(actor_of(anna), RemovePasskey(passkey.id)),
        return_exceptions=True,
    )

    assert sorted(type(outcome).__name__ for outcome in outcomes) == ["LastSecondFactor", "Nothing"]
    assert not await must_enrol(services, anna)


async def test_whoever_it_is_not_required_of_removes_what_they_like(
    services: Services, owner: Tokens, anna: Tokens, time: Time
) -> None:
    await require(services, owner, "operators")
    await turn_on(services, time, actor_of(anna))

    await services.factors.remove_totp(actor_of(anna), Nothing())

    assert not await must_enrol(services, anna)


async def test_it_outdates_the_tokens_of_before_by_whichever_clock(
    services: Services, owner: Tokens, anna: Tokens, identity: Identity, time: Time
) -> None:
    """Of two machines one may be behind, and clocks are set back."""
    await services.roles.grant_role(actor_of(owner), Grant(anna.user.id, "support"))
    anna = await refresh(services.auth, anna)
    time.passes(-2)

    rules: list[RequiredOf] = ["everyone", "optional"]
    for required_of in rules:
        await require(services, owner, required_of)

        with pytest.raises(TokenExpired):
            says(identity, anna)
        anna = await refresh(services.auth, anna)
        assert says(identity, anna).must_enrol is (required_of == "everyone")

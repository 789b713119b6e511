"""Signing in by a service elsewhere, of which a real issuer of another make says who somebody is."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import msgspec
import pyotp
import pytest
from tests.elsewhere import SECRET, Issuer, running_issuer
from tests.services.auth.accounts import PASSWORD, actor_of, log_in, register, set_up
from tests.services.auth.home import Home, at_home
from tests.services.auth.sign_in_services import (
    REDIRECT_URI,
    add_issuer,
    begin,
    link,
    needed,
    sign_in,
    sign_up,
    wanted,
)

from kaif.interfaces.auth import EmailTaken, Nothing, Register, Tokens, UsernameTaken
from kaif.interfaces.auth.accounts import ConfirmEmail, DeleteAccount, ForgetPassword, ResetPassword
from kaif.interfaces.auth.factors import (
    ChallengeEnded,
    ConfirmTotp,
    LogInWithSecondFactor,
    SecondFactorRequired,
    StepUp,
    StepUpRequired,
)
from kaif.interfaces.auth.identities import (
    BeginAtService,
    GivenIdentity,
    IdentityNotFound,
    IdentityNotYours,
    IdentityTaken,
    LinkInSettings,
    RegistrationEnded,
    RegistrationNeeded,
    ServiceAlreadyLinked,
    ServiceDenied,
    ServiceNotFound,
    ServiceRefused,
    ServiceSignInEnded,
)
from kaif.interfaces.auth.passkeys import LastWayIn
from kaif.interfaces.auth.providers import ChangeProvider, GivenProvider, Provider
from kaif.interfaces.auth.sessions import AccountSuspended, Suspend
from kaif.kernel.actor import NOBODY, Actor
from kaif.kernel.clock import now_us
from kaif.kernel.errors import KaifError
from kaif.services.auth.providers import store as identity_store

MINUTE_US = 60_000_000
ANNAS = "anna@elsewhere.example"


@pytest.fixture(scope="module")
def process() -> Iterator[Issuer]:
    with running_issuer(REDIRECT_URI) as issuer:
        yield issuer


@pytest.fixture
def issuer(process: Issuer) -> Issuer:
    process.sign_in_as("anna")
    process.refuse(False)
    process.verify_addresses(True)
    return process


@pytest.fixture
async def home(database_url: str, tmp_path: Path) -> AsyncIterator[Home]:
    async with at_home(tmp_path, database_url) as home:
        # The issuer's clock can't be set.
        home.now_us = now_us()
        yield home


@pytest.fixture
async def owner(home: Home) -> Actor:
    return actor_of(await set_up(home.auth))


@pytest.fixture
async def provider(home: Home, owner: Actor, issuer: Issuer) -> Provider:
    return await add_issuer(home, owner, issuer.url)


async def turn_on(home: Home, actor: Actor) -> pyotp.TOTP:
    """Confirmed by the code of the step before, so that the present one is still good."""
    app = pyotp.TOTP((await home.factors.begin_totp(actor, Nothing())).secret)
    await home.factors.confirm_totp(actor, ConfirmTotp(code_of(app, home, -30)))
    return app


def code_of(app: pyotp.TOTP, home: Home, late_s: int = 0) -> str:
    return app.at(home.now_us // 1_000_000 + late_s)


# Whom nobody knows, and whom the server knows already


async def test_a_stranger_chooses_a_username_and_then_signs_in_without_a_password(
    home: Home, issuer: Issuer, provider: Provider
) -> None:
    first = await sign_up(home, provider, issuer.visit, "Anya")
    second = await sign_in(home, provider, issuer.visit)

    assert (first.user.username, first.user.email, first.user.email_confirmed) == ("anya", ANNAS, True)
    assert first.user.has_password is False
    assert second.user == first.user
    assert first.refresh_token != second.refresh_token
    assert await home.user(second) == first.user
    [made] = [entry for entry in await home.audited("account_created") if entry.subject_id == first.user.id]
    assert made.details["provider"] == provider.id


async def test_a_stranger_is_told_what_the_service_says_of_them(home: Home, issuer: Issuer, provider: Provider) -> None:
    details = (await needed(home, provider, issuer.visit)).details

    assert {name: details[name] for name in details if name != "ticket"} == {
        "service": "Elsewhere",
        "username": "anna",
        "display_name": "Anna",
        "email": ANNAS,
        "email_verified": True,
    }


async def test_who_is_welcome_with_a_verified_address_has_no_link_to_open(
    home: Home, issuer: Issuer, provider: Provider
) -> None:
    await sign_up(home, provider, issuer.visit)

    letter = await home.letter(ANNAS)

    assert letter.subject == "Welcome" and "/confirm" not in letter.text


async def test_an_address_that_the_service_does_not_vouch_for_is_to_be_confirmed(
    home: Home, issuer: Issuer, provider: Provider
) -> None:
    issuer.verify_addresses(False)

    tokens = await sign_up(home, provider, issuer.visit)

    assert tokens.user.email_confirmed is False
    assert "/confirm#" in (await home.letter(ANNAS)).text


async def test_another_address_than_the_verified_one_is_to_be_confirmed(
    home: Home, issuer: Issuer, provider: Provider
) -> None:
    tokens = await sign_up(home, provider, issuer.visit, email="boris@example.org")

    assert (tokens.user.email, tokens.user.email_confirmed) == ("boris@example.org", False)
    assert "/confirm#" in (await home.letter("boris@example.org")).text


async def test_what_can_be_mended_leaves_the_ticket_good(home: Home, issuer: Issuer, provider: Provider) -> None:
    asked = await needed(home, provider, issuer.visit)
    with pytest.raises(UsernameTaken):
        await home.identities.register_by_service(NOBODY, wanted(asked, "owner"))

    tokens = await home.identities.register_by_service(NOBODY, wanted(asked))

    assert tokens.user.username == "anna"
    with pytest.raises(RegistrationEnded):
        await home.identities.register_by_service(NOBODY, wanted(asked, "anna2", "anna2@example.org"))


async def test_a_ticket_makes_one_account_however_many_come_with_it(
    home: Home, issuer: Issuer, provider: Provider
) -> None:
    asked = await needed(home, provider, issuer.visit)

    outcomes = await asyncio.gather(
        *(
            home.identities.register_by_service(NOBODY, wanted(asked, f"anna{n}", f"anna{n}@example.org"))
            for n in range(10)
        ),
        return_exceptions=True,
    )

    assert sum(isinstance(outcome, Tokens) for outcome in outcomes) == 1
    assert {type(outcome) for outcome in outcomes} <= {Tokens, RegistrationEnded}
    rows: list[tuple[int]] = await home.database.fetch(tuple, "SELECT count(*) FROM auth_users")
    assert rows == [(2,)]


async def test_a_stranger_with_two_tickets_makes_one_account(home: Home, issuer: Issuer, provider: Provider) -> None:
    tickets = [await needed(home, provider, issuer.visit) for _ in range(2)]
    await home.identities.register_by_service(NOBODY, wanted(tickets[0]))

    with pytest.raises(IdentityTaken):
        await home.identities.register_by_service(NOBODY, wanted(tickets[1], "anna2", "anna2@example.org"))


async def test_of_who_never_comes_back_nothing_is_kept(home: Home, issuer: Issuer, provider: Provider) -> None:
    await needed(home, provider, issuer.visit)
    home.now_us += 16 * MINUTE_US

    begun = await begin(home, provider)

    assert await home.database.fetch(tuple, "SELECT * FROM auth_newcomers") == []
    assert len(await home.database.fetch(tuple, "SELECT * FROM auth_authorizations")) == 1
    assert begun.url


async def test_a_ticket_runs_out(home: Home, issuer: Issuer, provider: Provider) -> None:
    asked = await needed(home, provider, issuer.visit)
    home.now_us += 15 * MINUTE_US

    with pytest.raises(RegistrationEnded):
        await home.identities.register_by_service(NOBODY, wanted(asked))


@pytest.mark.asvs("6.8.1", "10.5.2")
@pytest.mark.parametrize("verified", [True, False], ids=["verified", "not verified"])
async def test_an_address_takes_nobodys_account_over(
    home: Home, issuer: Issuer, provider: Provider, verified: bool
) -> None:
    victim = await register(home.auth, "victim")
    async with home.database.transaction() as tx:
        sql = "UPDATE auth_users SET email = :email, email_confirmed_at_us = 1 WHERE id = :id"
        await tx.execute(sql, email=ANNAS, id=victim.user.id)
    issuer.verify_addresses(verified)

    # Whoever has not proved there that it is theirs is not told that somebody has it here.
    with pytest.raises(LinkInSettings if verified else RegistrationNeeded):
        await sign_in(home, provider, issuer.visit)

    assert (await home.identities.list_identities(actor_of(victim), Nothing())).identities == []


@pytest.mark.asvs("6.3.8")
async def test_an_address_that_somebody_has_only_named_is_whose_service_vouches_for_it(
    home: Home, issuer: Issuer, provider: Provider
) -> None:
    await home.auth.register(NOBODY, Register("squatter", ANNAS, PASSWORD))

    anna = await sign_up(home, provider, issuer.visit)

    assert (anna.user.email, anna.user.email_confirmed) == (ANNAS, True)


async def test_an_address_that_is_confirmed_meanwhile_leaves_the_ticket_good(
    home: Home, issuer: Issuer, provider: Provider
) -> None:
    asked = await needed(home, provider, issuer.visit)
    await home.auth.register(NOBODY, Register("first", ANNAS, PASSWORD))
    await home.accounts.confirm_email(NOBODY, ConfirmEmail(await home.token(ANNAS)))

    with pytest.raises(EmailTaken):
        await home.identities.register_by_service(NOBODY, wanted(asked))

    assert await home.identities.register_by_service(NOBODY, wanted(asked, "anna", "other@example.org"))


async def test_an_account_without_a_password_opens_to_none(home: Home, issuer: Issuer, provider: Provider) -> None:
    await sign_up(home, provider, issuer.visit)

    for password in ("", " ", PASSWORD):
        with pytest.raises(KaifError) as raised:
            await log_in(home.auth, "anna", password)
        assert raised.value.code == "invalid_credentials"


async def test_a_letter_gives_the_account_a_password(home: Home, issuer: Issuer, provider: Provider) -> None:
    await sign_up(home, provider, issuer.visit)
    await home.letter(ANNAS)

    await home.accounts.forget_password(NOBODY, ForgetPassword(ANNAS))
    await home.accounts.reset_password(NOBODY, ResetPassword(await home.token(ANNAS, 2), "two boats on a lake"))

    assert (await log_in(home.auth, "anna", "two boats on a lake")).user.has_password is True
    assert (await sign_in(home, provider, issuer.visit)).user.username == "anna"


@pytest.mark.asvs("6.3.4", "6.8.4")
async def test_a_second_factor_is_asked_for_all_the_same(home: Home, issuer: Issuer, provider: Provider) -> None:
    anna = actor_of(await sign_up(home, provider, issuer.visit))
    app = await turn_on(home, anna)

    with pytest.raises(SecondFactorRequired) as raised:
        await sign_in(home, provider, issuer.visit)

    challenge = str(raised.value.details["challenge"])
    tokens = await home.factors.log_in_with_second_factor(NOBODY, LogInWithSecondFactor(challenge, code_of(app, home)))
    assert tokens.user.id == anna.user_id


async def test_a_suspended_account_stays_shut(home: Home, owner: Actor, issuer: Issuer, provider: Provider) -> None:
    anna = await sign_up(home, provider, issuer.visit)
    await home.sessions.suspend(owner, Suspend(anna.user.id))

    with pytest.raises(AccountSuspended):
        await sign_in(home, provider, issuer.visit)


async def test_who_left_and_comes_again_is_a_stranger(home: Home, issuer: Issuer, provider: Provider) -> None:
    anna = actor_of(await register(home.auth, "anna"))
    await link(home, anna, provider, issuer.visit)
    await home.accounts.delete_account(anna, DeleteAccount(PASSWORD))

    await needed(home, provider, issuer.visit)


@pytest.mark.asvs("6.8.1", "10.5.2")
async def test_a_service_knows_people_by_its_own_names_alone(
    home: Home, owner: Actor, issuer: Issuer, provider: Provider
) -> None:
    """Two services may both have an "anna"."""
    await sign_up(home, provider, issuer.visit)
    another = await add_issuer(home, owner, issuer.url, client_id="kaif-public", secret="")

    with pytest.raises(LinkInSettings):
        await sign_in(home, another, issuer.visit)


@pytest.mark.parametrize(("client_id", "secret"), [("kaif-public", ""), ("kaif-es256", "another-secret")])
async def test_public_clients_and_other_signatures_work_too(
    home: Home, owner: Actor, issuer: Issuer, client_id: str, secret: str
) -> None:
    provider = await add_issuer(home, owner, issuer.url, client_id=client_id, secret=secret)

    assert (await sign_up(home, provider, issuer.visit)).user.username == "anna"


async def test_a_wrong_secret_signs_nobody_in(home: Home, owner: Actor, issuer: Issuer) -> None:
    provider = await add_issuer(home, owner, issuer.url, secret="mistyped")

    with pytest.raises(ServiceRefused) as raised:
        await sign_in(home, provider, issuer.visit)

    assert raised.value.details["reason"] == "invalid_client"


async def test_who_refuses_there_is_told_so_here(home: Home, issuer: Issuer, provider: Provider) -> None:
    issuer.refuse(True)

    with pytest.raises(ServiceDenied):
        await sign_in(home, provider, issuer.visit)

    assert (await home.audited("sign_in_failed"))[0].details["code"] == "service_denied"


# A state is good once


async def test_an_answer_counts_once(home: Home, issuer: Issuer, provider: Provider) -> None:
    await sign_up(home, provider, issuer.visit)
    answer = await issuer.visit(await begin(home, provider))

    outcomes = await asyncio.gather(
        *(home.identities.sign_in_by_service(NOBODY, answer) for _ in range(10)), return_exceptions=True
    )

    assert sum(isinstance(outcome, Tokens) for outcome in outcomes) == 1
    assert {type(outcome) for outcome in outcomes} == {Tokens, ServiceSignInEnded}


async def test_an_answer_comes_in_time_or_not_at_all(home: Home, issuer: Issuer, provider: Provider) -> None:
    answer = await issuer.visit(await begin(home, provider))
    home.now_us += 10 * MINUTE_US

    with pytest.raises(ServiceSignInEnded):
        await home.identities.sign_in_by_service(NOBODY, answer)


@pytest.mark.asvs("7.6.2", "10.1.2", "10.2.1")
async def test_another_browser_finishes_nothing(home: Home, issuer: Issuer, provider: Provider) -> None:
    """Somebody who is led to an attacker's answer must not land in the attacker's account."""
    await sign_up(home, provider, issuer.visit)
    begun, others = await begin(home, provider), await begin(home, provider)
    answer = await issuer.visit(begun)

    for secret in (others.secret, begun.state, "guessed"):
        with pytest.raises(ServiceSignInEnded):
            await home.identities.sign_in_by_service(NOBODY, msgspec.structs.replace(answer, secret=secret))
    # Nor does it keep the right one from finishing.
    assert (await home.identities.sign_in_by_service(NOBODY, answer)).user.username == "anna"


@pytest.mark.asvs("10.1.2", "10.2.1")
async def test_a_code_of_another_sign_in_is_refused(home: Home, issuer: Issuer, provider: Provider) -> None:
    """Injected into the victim's own flow, a code does not fit its verifier."""
    stolen = await issuer.visit(await begin(home, provider))
    own = await issuer.visit(await begin(home, provider))

    with pytest.raises(ServiceRefused) as raised:
        await home.identities.sign_in_by_service(NOBODY, msgspec.structs.replace(own, code=stolen.code))
    assert raised.value.details["reason"] == "invalid_grant"


async def test_nothing_that_was_begun_is_kept_in_the_clear(home: Home, issuer: Issuer, provider: Provider) -> None:
    begun = await begin(home, provider)

    rows = str(await home.database.fetch(tuple, "SELECT * FROM auth_authorizations"))
    rows += str(await home.database.fetch(tuple, "SELECT * FROM auth_providers"))

    assert begun.state not in rows and begun.secret not in rows and SECRET not in rows
    assert len(begun.state) >= 43 and len(begun.secret) >= 43


async def test_a_purpose_is_not_another(home: Home, owner: Actor, issuer: Issuer, provider: Provider) -> None:
    sign_in_answer = await issuer.visit(await begin(home, provider))
    link_answer = await issuer.visit(await home.identities.begin_link(owner, BeginAtService(provider.id)))

    for use_case, actor, answer in (
        (home.identities.link_identity, owner, sign_in_answer),
        (home.identities.prove_by_service, owner, sign_in_answer),
        (home.identities.sign_in_by_service, NOBODY, link_answer),
        (home.identities.prove_by_service, owner, link_answer),
    ):
        with pytest.raises(ServiceSignInEnded):
            await use_case(actor, answer)


async def test_a_link_that_one_began_is_not_finished_by_another(
    home: Home, owner: Actor, issuer: Issuer, provider: Provider
) -> None:
    anna = actor_of(await register(home.auth, "anna"))
    answer = await issuer.visit(await home.identities.begin_link(anna, BeginAtService(provider.id)))

    with pytest.raises(ServiceSignInEnded):
        await home.identities.link_identity(owner, answer)
    await home.identities.link_identity(anna, answer)


# Links


async def test_a_service_that_was_linked_signs_in_to_that_account(
    home: Home, owner: Actor, issuer: Issuer, provider: Provider
) -> None:
    await home.accounts.confirm_email(owner, ConfirmEmail(await home.token("owner@example.org")))
    linked = await link(home, owner, provider, issuer.visit)

    assert (linked.name, linked.label, linked.usable) == ("Elsewhere", ANNAS, True)
    tokens = await sign_in(home, provider, issuer.visit)
    assert (tokens.user.id, tokens.user.email) == (owner.user_id, "owner@example.org")
    [identity] = (await home.identities.list_identities(owner, Nothing())).identities
    assert (await home.own_data.export_own_data(owner, Nothing())).linked_services == [identity]
    assert (identity.id, identity.last_used_at is not None) == (linked.id, True)
    assert (await home.audited("identity_linked"))[0].details == {"provider": provider.id}
    assert "Elsewhere now signs in" in (await home.letter("owner@example.org", 2)).text


@pytest.mark.asvs("6.5.6")
async def test_what_was_unlinked_signs_in_no_more(home: Home, owner: Actor, issuer: Issuer, provider: Provider) -> None:
    await home.accounts.confirm_email(owner, ConfirmEmail(await home.token("owner@example.org")))
    linked = await link(home, owner, provider, issuer.visit)

    await home.identities.unlink_identity(owner, GivenIdentity(linked.id))

    await needed(home, provider, issuer.visit)
    assert len(await home.audited("identity_unlinked")) == 1
    assert "no longer signs in" in (await home.letter("owner@example.org", 3)).text


async def test_what_somebody_has_linked_nobody_else_can(
    home: Home, owner: Actor, issuer: Issuer, provider: Provider
) -> None:
    await sign_up(home, provider, issuer.visit)

    with pytest.raises(IdentityTaken):
        await link(home, owner, provider, issuer.visit)


async def test_ten_links_at_once_are_one(home: Home, issuer: Issuer, provider: Provider) -> None:
    people = [actor_of(await register(home.auth, f"person{n}")) for n in range(10)]
    home.now_us += 1
    answers = [
        await issuer.visit(await home.identities.begin_link(person, BeginAtService(provider.id))) for person in people
    ]

    outcomes = await asyncio.gather(
        *(home.identities.link_identity(*pair) for pair in zip(people, answers, strict=True)), return_exceptions=True
    )

    assert [type(outcome) for outcome in outcomes].count(IdentityTaken) == 9


async def test_one_account_has_one_link_at_a_service(
    home: Home, owner: Actor, issuer: Issuer, provider: Provider
) -> None:
    begun = await home.identities.begin_link(owner, BeginAtService(provider.id))
    await link(home, owner, provider, issuer.visit)

    issuer.sign_in_as("boris")
    with pytest.raises(ServiceAlreadyLinked):
        await home.identities.link_identity(owner, await issuer.visit(begun))
    with pytest.raises(ServiceAlreadyLinked):
        await link(home, owner, provider, issuer.visit)


@pytest.mark.asvs("7.5.1")
async def test_links_are_made_and_undone_by_somebody_who_is_there(
    home: Home, owner: Actor, issuer: Issuer, provider: Provider
) -> None:
    linked = await link(home, owner, provider, issuer.visit)
    begun = await home.identities.begin_service_step_up(owner, BeginAtService(provider.id))
    assert begun.url
    home.now_us += 16 * MINUTE_US

    with pytest.raises(StepUpRequired):
        await home.identities.unlink_identity(owner, GivenIdentity(linked.id))
    with pytest.raises(StepUpRequired):
        await home.identities.begin_link(owner, BeginAtService(provider.id))


async def test_a_link_waits_for_who_must_prove_themselves_meanwhile(
    home: Home, owner: Actor, issuer: Issuer, provider: Provider
) -> None:
    home.now_us += 14 * MINUTE_US
    answer = await issuer.visit(await home.identities.begin_link(owner, BeginAtService(provider.id)))
    home.now_us += 2 * MINUTE_US
    with pytest.raises(StepUpRequired):
        await home.identities.link_identity(owner, answer)
    await home.factors.step_up(owner, StepUp(PASSWORD))
    home.now_us -= 16 * MINUTE_US

    assert await home.identities.link_identity(owner, answer)


@pytest.mark.asvs("8.2.2")
async def test_nobody_unlinks_what_is_anothers(home: Home, owner: Actor, issuer: Issuer, provider: Provider) -> None:
    await sign_up(home, provider, issuer.visit)
    rows: list[tuple[str]] = await home.database.fetch(tuple, "SELECT id FROM auth_identities")

    with pytest.raises(IdentityNotFound):
        await home.identities.unlink_identity(owner, GivenIdentity(rows[0][0]))  # type: ignore[arg-type]
    assert len(await home.database.fetch(tuple, "SELECT id FROM auth_identities")) == 1


async def test_the_last_way_in_is_kept(home: Home, owner: Actor, issuer: Issuer, provider: Provider) -> None:
    anna = actor_of(await sign_up(home, provider, issuer.visit))
    [only] = (await home.identities.list_identities(anna, Nothing())).identities

    with pytest.raises(LastWayIn):
        await home.identities.unlink_identity(anna, GivenIdentity(only.id))


async def test_a_service_that_is_switched_off_is_no_way_in(
    home: Home, owner: Actor, issuer: Issuer, provider: Provider
) -> None:
    anna = actor_of(await sign_up(home, provider, issuer.visit))
    another = await add_issuer(home, owner, issuer.url, client_id="kaif-public", secret="")
    await link(home, anna, another, issuer.visit)
    await home.providers.change_provider(owner, ChangeProvider(another.id, enabled=False))
    first, second = (await home.identities.list_identities(anna, Nothing())).identities

    with pytest.raises(LastWayIn):
        await home.identities.unlink_identity(anna, GivenIdentity(first.id))
    await home.identities.unlink_identity(anna, GivenIdentity(second.id))


async def test_of_two_that_are_unlinked_at_once_one_stays(
    home: Home, owner: Actor, issuer: Issuer, provider: Provider
) -> None:
    anna = actor_of(await sign_up(home, provider, issuer.visit))
    another = await add_issuer(home, owner, issuer.url, client_id="kaif-public", secret="")
    await link(home, anna, another, issuer.visit)
    both = (await home.identities.list_identities(anna, Nothing())).identities

    outcomes = await asyncio.gather(
        *(home.identities.unlink_identity(anna, GivenIdentity(each.id)) for each in both), return_exceptions=True
    )

    assert sorted(type(outcome).__name__ for outcome in outcomes) == ["LastWayIn", "Nothing"]


# Stepping up without a password


async def test_an_account_without_a_password_proves_itself_by_the_service(
    home: Home, issuer: Issuer, provider: Provider
) -> None:
    anna = actor_of(await sign_up(home, provider, issuer.visit))
    home.now_us += 16 * MINUTE_US
    with pytest.raises(StepUpRequired) as raised:
        await home.factors.begin_totp(anna, Nothing())
    assert raised.value.details["methods"] == ["service"]
    home.now_us -= 16 * MINUTE_US

    begun = await home.identities.begin_service_step_up(anna, BeginAtService(provider.id))
    proof = await home.identities.prove_by_service(anna, await issuer.visit(begun))
    assert proof.methods == []
    home.now_us += 4 * MINUTE_US
    outcomes = await asyncio.gather(
        *(home.factors.step_up(anna, StepUp(challenge=proof.challenge)) for _ in range(10)), return_exceptions=True
    )

    assert sorted(type(outcome).__name__ for outcome in outcomes) == ["Nothing", *["ServiceSignInEnded"] * 9]
    home.now_us += 14 * MINUTE_US
    await home.factors.begin_totp(anna, Nothing())


async def test_a_proof_runs_out(home: Home, issuer: Issuer, provider: Provider) -> None:
    anna = actor_of(await sign_up(home, provider, issuer.visit))
    begun = await home.identities.begin_service_step_up(anna, BeginAtService(provider.id))
    proof = await home.identities.prove_by_service(anna, await issuer.visit(begun))
    home.now_us += 5 * MINUTE_US

    with pytest.raises(ServiceSignInEnded):
        await home.factors.step_up(anna, StepUp(challenge=proof.challenge))


async def test_who_is_somebody_else_there_proves_nothing(home: Home, issuer: Issuer, provider: Provider) -> None:
    """Whether or not that one has an account here."""
    anna = actor_of(await sign_up(home, provider, issuer.visit))
    issuer.sign_in_as("boris")

    async def prove() -> None:
        begun = await home.identities.begin_service_step_up(anna, BeginAtService(provider.id))
        with pytest.raises(IdentityNotYours):
            await home.identities.prove_by_service(anna, await issuer.visit(begun))
        [failed, *_] = await home.audited("step_up_failed")
        assert failed.subject_id == anna.user_id
        assert failed.details == {"by": "service", "code": "identity_not_yours"}

    await prove()
    await sign_up(home, provider, issuer.visit, "boris")
    await prove()
    assert len(await home.audited("step_up_failed")) == 2


async def test_a_proof_is_good_for_its_account_alone(
    home: Home, owner: Actor, issuer: Issuer, provider: Provider
) -> None:
    anna = actor_of(await sign_up(home, provider, issuer.visit))
    begun = await home.identities.begin_service_step_up(anna, BeginAtService(provider.id))
    proof = await home.identities.prove_by_service(anna, await issuer.visit(begun))

    for challenge in (proof.challenge, "guessed"):
        with pytest.raises(ServiceSignInEnded):
            await home.factors.step_up(owner, StepUp(challenge=challenge))


async def test_a_proof_ends_with_the_link_that_it_came_by(
    home: Home, owner: Actor, issuer: Issuer, provider: Provider
) -> None:
    """Whoever takes a service away does so because somebody else has it."""
    linked = await link(home, owner, provider, issuer.visit)
    begun = await home.identities.begin_service_step_up(owner, BeginAtService(provider.id))
    proof = await home.identities.prove_by_service(owner, await issuer.visit(begun))

    await home.identities.unlink_identity(owner, GivenIdentity(linked.id))

    with pytest.raises(ServiceSignInEnded):
        await home.factors.step_up(owner, StepUp(challenge=proof.challenge))


@pytest.mark.asvs("6.8.4")
async def test_a_proof_wants_the_code_where_there_is_a_second_factor(
    home: Home, issuer: Issuer, provider: Provider
) -> None:
    anna = actor_of(await sign_up(home, provider, issuer.visit))
    app = await turn_on(home, anna)
    begun = await home.identities.begin_service_step_up(anna, BeginAtService(provider.id))
    proof = await home.identities.prove_by_service(anna, await issuer.visit(begun))
    assert proof.methods == ["totp", "recovery_code"]

    for code in ("", "000000"):
        with pytest.raises(KaifError) as raised:
            await home.factors.step_up(anna, StepUp(challenge=proof.challenge, code=code))
        assert raised.value.code == "invalid_code"
    await home.factors.step_up(anna, StepUp(challenge=proof.challenge, code=code_of(app, home)))


# What the operator has switched off


async def test_who_is_switched_off_vouches_for_nobody(
    home: Home, owner: Actor, issuer: Issuer, provider: Provider
) -> None:
    await sign_up(home, provider, issuer.visit)
    answer = await issuer.visit(await begin(home, provider))
    await home.providers.change_provider(owner, ChangeProvider(provider.id, enabled=False))

    assert (await home.identities.list_services(NOBODY, Nothing())).services == []
    with pytest.raises(ServiceNotFound):
        await begin(home, provider)
    with pytest.raises(ServiceNotFound):
        await home.identities.sign_in_by_service(NOBODY, answer)

    await home.providers.change_provider(owner, ChangeProvider(provider.id, enabled=True))
    await sign_in(home, provider, issuer.visit)


async def test_what_is_removed_takes_its_links_along(
    home: Home, owner: Actor, issuer: Issuer, provider: Provider
) -> None:
    asked = await needed(home, provider, issuer.visit)
    await link(home, owner, provider, issuer.visit)
    await home.providers.remove_provider(owner, GivenProvider(provider.id))

    assert (await home.identities.list_identities(owner, Nothing())).identities == []
    with pytest.raises(RegistrationEnded):
        await home.identities.register_by_service(NOBODY, wanted(asked))
    again = await add_issuer(home, owner, issuer.url)
    await needed(home, again, issuer.visit)


async def test_what_a_service_has_vouched_for_is_not_believed_once_it_is_switched_off(
    home: Home, owner: Actor, issuer: Issuer, provider: Provider
) -> None:
    anna = actor_of(await sign_up(home, provider, issuer.visit))
    begun = await home.identities.begin_service_step_up(anna, BeginAtService(provider.id))
    proof = await home.identities.prove_by_service(anna, await issuer.visit(begun))
    app = await turn_on(home, anna)
    with pytest.raises(SecondFactorRequired) as under_way:
        await sign_in(home, provider, issuer.visit)

    for enabled in (False, True):
        await home.providers.change_provider(owner, ChangeProvider(provider.id, enabled=enabled))

    code = code_of(app, home)
    with pytest.raises(ServiceSignInEnded):
        await home.factors.step_up(anna, StepUp(challenge=proof.challenge, code=code))
    with pytest.raises(ChallengeEnded):
        await home.factors.log_in_with_second_factor(
            NOBODY, LogInWithSecondFactor(str(under_way.value.details["challenge"]), code)
        )


async def test_a_service_that_is_switched_off_at_this_moment_vouches_for_nobody(
    home: Home, owner: Actor, issuer: Issuer, provider: Provider
) -> None:
    anna = actor_of(await sign_up(home, provider, issuer.visit))
    begun = await home.identities.begin_service_step_up(anna, BeginAtService(provider.id))
    back = [await issuer.visit(begun), await issuer.visit(await begin(home, provider))]
    before = await openings(home)

    async with home.database.transaction() as tx:
        # As whoever switches it off does.
        await tx.execute("UPDATE auth_providers SET enabled = 0")
        await identity_store.hold_identities(tx, provider.id)
        coming = [
            asyncio.ensure_future(home.identities.prove_by_service(anna, back[0])),
            asyncio.ensure_future(home.identities.sign_in_by_service(NOBODY, back[1])),
        ]
        # Long enough for both to hear the service out, and to wait for what is held here.
        await asyncio.wait(coming, timeout=0.5)

    done = await asyncio.gather(*coming, return_exceptions=True)
    assert {type(outcome) for outcome in done} <= {ServiceSignInEnded, ServiceNotFound}
    assert await openings(home) == before


async def openings(home: Home) -> int:
    return len(await home.audited("signed_in")) + len(await home.audited("stepped_up"))

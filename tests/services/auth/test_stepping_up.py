"""Stepping up: a session that has been left alone does nothing dangerous until its owner is seen again."""

from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest
from tests.harness import Services, wired_services
from tests.services.auth.accounts import AUDITOR, PASSWORD, actor_of, log_in, refresh, set_up
from tests.services.auth.home import Home
from tests.services.auth.second_factors import Time, answer, challenge, guess, sign_in, step_up, turn_on

from kaif.interfaces.auth import Nothing, Refresh, SessionEnded, Tokens, WrongPassword
from kaif.interfaces.auth.accounts import ChangeEmail, ChangePassword, DeleteAccount
from kaif.interfaces.auth.audit import ListAudit
from kaif.interfaces.auth.directory import OfAccount, TakeApiKey
from kaif.interfaces.auth.factors import (
    ChallengeEnded,
    ConfirmTotp,
    InvalidCode,
    StepUp,
    StepUpRequired,
    TooManyTries,
)
from kaif.interfaces.auth.identities import ServiceSignInEnded
from kaif.interfaces.auth.invitations import Invite, SetRegistration
from kaif.interfaces.auth.parked_events import ThatEvent
from kaif.interfaces.auth.passkeys import BeginSecondStep
from kaif.interfaces.auth.roles import READ_AUDIT, DefineRole, DropRole, Grant
from kaif.interfaces.auth.sessions import Restore, Suspend
from kaif.kernel.actor import NOBODY, Actor, SessionId, UserId
from kaif.kernel.clock import SECOND_US
from kaif.kernel.errors import KaifError
from kaif.kernel.ids import new_id
from kaif.services.auth.factors import challenges
from kaif.services.auth.model import hash_of

MINUTE_S = 60
NO_KEY = SessionId(new_id())

Act = Callable[[Services, Tokens], Awaitable[object]]
DANGEROUS: dict[str, Act] = {
    "elsewhere": lambda services, tokens: services.auth.require_recent_sign_in(actor_of(tokens), Nothing()),
    "beginning": lambda services, tokens: services.factors.begin_totp(actor_of(tokens), Nothing()),
    "confirming": lambda services, tokens: services.factors.confirm_totp(actor_of(tokens), ConfirmTotp("000000")),
    "removing": lambda services, tokens: services.factors.remove_totp(actor_of(tokens), Nothing()),
    "renewing": lambda services, tokens: services.factors.renew_recovery_codes(actor_of(tokens), Nothing()),
}


# By an operator, to somebody else's account or to what roles permit.
OPERATORS: dict[str, Callable[[Home, Actor, UserId], Awaitable[object]]] = {
    "suspending": lambda home, owner, other: home.sessions.suspend(owner, Suspend(other)),
    "restoring": lambda home, owner, other: home.sessions.restore(owner, Restore(other)),
    "granting": lambda home, owner, other: home.roles.grant_role(owner, Grant(other, "admin")),
    "revoking": lambda home, owner, other: home.roles.revoke_role(owner, Grant(other, "clerk")),
    "defining": lambda home, owner, _: home.roles.define_role(owner, DefineRole("clerk", [])),
    "dropping": lambda home, owner, _: home.roles.drop_role(owner, DropRole("clerk")),
    "a forced reset": lambda home, owner, other: home.directory.force_reset(owner, OfAccount(other)),
    "taking sessions": lambda home, owner, other: home.directory.take_sessions(owner, OfAccount(other)),
    "taking a key": lambda home, owner, other: home.directory.take_api_key(owner, TakeApiKey(other, NO_KEY)),
    "dropping an event": lambda home, owner, _: home.parked_events.drop_parked_event(
        owner, ThatEvent("auth.letters", 1)
    ),
    "opening registration": lambda home, owner, _: home.invitations.set_registration(owner, SetRegistration("closed")),
    "inviting": lambda home, owner, _: home.invitations.invite(owner, Invite()),
    "inviting into a role": lambda home, owner, _: home.invitations.invite(owner, Invite(role="clerk")),
    "taking factors": lambda home, owner, other: home.directory.take_second_factors(owner, OfAccount(other)),
}


PROVED_BY_PASSWORD: dict[str, Act] = {
    "the address": lambda services, tokens: services.accounts.change_email(
        actor_of(tokens), ChangeEmail("thief@example.org", PASSWORD)
    ),
    "the password": lambda services, tokens: services.accounts.change_password(
        actor_of(tokens), ChangePassword(PASSWORD, "a quiet lake and two boats")
    ),
    "all of it": lambda services, tokens: services.accounts.delete_account(actor_of(tokens), DeleteAccount(PASSWORD)),
}


@pytest.fixture
def time() -> Time:
    return Time()


@pytest.fixture
async def services(database_url: str, tmp_path: Path, time: Time) -> AsyncIterator[Services]:
    async with wired_services(tmp_path, database_url, clock=time) as services:
        yield services


@pytest.fixture
async def tokens(services: Services) -> Tokens:
    return await set_up(services.auth)


async def renew_codes(services: Services, tokens: Tokens) -> None:
    await services.factors.renew_recovery_codes(actor_of(tokens), Nothing())


@pytest.mark.asvs("7.5.1", "7.5.3", "10.3.4")
@pytest.mark.parametrize("act", DANGEROUS.values(), ids=DANGEROUS)
async def test_what_is_dangerous_wants_the_person_again_after_fifteen_minutes(
    services: Services, time: Time, tokens: Tokens, act: Act
) -> None:
    time.passes(15 * MINUTE_S + 1)

    with pytest.raises(StepUpRequired) as required:
        await act(services, tokens)

    assert required.value.details == {"methods": ["password"]}


@pytest.mark.asvs("7.5.3")
@pytest.mark.parametrize("act", OPERATORS.values(), ids=OPERATORS)
async def test_what_an_operator_does_to_others_wants_them_again_and_changes_nothing_before(
    home: Home, act: Callable[[Home, Actor, UserId], Awaitable[object]]
) -> None:
    owner, boris = await home.owner_and("boris")
    operator = actor_of(owner)
    await home.roles.define_role(operator, DefineRole("clerk", [READ_AUDIT]))
    await home.roles.grant_role(operator, Grant(boris.user.id, "clerk"))
    home.now_us += (15 * MINUTE_S + 1) * SECOND_US
    before = await home.audit.list_audit(AUDITOR, ListAudit())

    with pytest.raises(StepUpRequired):
        await act(home, operator, boris.user.id)

    assert (await home.audit.list_audit(AUDITOR, ListAudit())).entries == before.entries
    assert (await refresh(home.auth, boris)).user.roles == ["clerk"]
    assert (await home.invitations.get_registration(NOBODY, Nothing())).mode == "open"


async def test_within_fifteen_minutes_nobody_is_asked(services: Services, time: Time, tokens: Tokens) -> None:
    time.passes(15 * MINUTE_S)

    assert await services.factors.begin_totp(actor_of(tokens), Nothing())


@pytest.mark.asvs("7.5.3", "10.3.4")
async def test_refreshing_proves_nothing(services: Services, time: Time, tokens: Tokens) -> None:
    time.passes(16 * MINUTE_S)
    tokens = await refresh(services.auth, tokens)

    with pytest.raises(StepUpRequired):
        await services.factors.begin_totp(actor_of(tokens), Nothing())


async def test_the_password_renews_a_session_without_a_second_factor(
    services: Services, time: Time, tokens: Tokens
) -> None:
    time.passes(16 * MINUTE_S)
    await step_up(services, tokens)

    time.passes(15 * MINUTE_S)
    assert await services.factors.begin_totp(actor_of(tokens), Nothing())


@pytest.mark.asvs("7.5.3")
async def test_with_a_second_factor_a_code_is_needed_too_and_spent(
    services: Services, time: Time, tokens: Tokens
) -> None:
    app = await turn_on(services, time, actor_of(tokens))
    time.passes(16 * MINUTE_S)

    with pytest.raises(StepUpRequired) as required:
        await renew_codes(services, tokens)
    assert required.value.details == {"methods": ["password", "totp", "recovery_code"]}
    for code in ("", app.wrong_code()):
        with pytest.raises(InvalidCode):
            await step_up(services, tokens, code)
    with pytest.raises(StepUpRequired):
        await renew_codes(services, tokens)

    code = app.code()
    await step_up(services, tokens, code)
    await renew_codes(services, tokens)
    with pytest.raises(InvalidCode):
        await step_up(services, tokens, code)


@pytest.mark.parametrize("act", PROVED_BY_PASSWORD.values(), ids=PROVED_BY_PASSWORD)
@pytest.mark.asvs("7.5.1")
async def test_with_a_second_factor_the_password_alone_takes_nothing_from_a_session_that_was_left_open(
    services: Services, time: Time, tokens: Tokens, act: Act
) -> None:
    app = await turn_on(services, time, actor_of(tokens))
    time.passes(16 * MINUTE_S)

    with pytest.raises(StepUpRequired) as required:
        await act(services, tokens)
    assert required.value.details == {"methods": ["password", "totp", "recovery_code"]}

    await step_up(services, tokens, app.code())
    if act is not PROVED_BY_PASSWORD["all of it"]:
        assert await act(services, tokens) == Nothing()


async def test_knowing_the_password_buys_no_new_guesses_at_codes(
    services: Services, time: Time, tokens: Tokens
) -> None:
    app = await turn_on(services, time, actor_of(tokens))
    time.passes(16 * MINUTE_S)
    for _ in range(10):
        with pytest.raises(InvalidCode):
            await step_up(services, tokens, app.wrong_code())
        with pytest.raises(KaifError):
            await services.accounts.change_email(actor_of(tokens), ChangeEmail("owner@example.org", PASSWORD))

    with pytest.raises(TooManyTries):
        await step_up(services, tokens, app.wrong_code())


async def test_a_recovery_code_serves_as_well_once(services: Services, time: Time, tokens: Tokens) -> None:
    app = await turn_on(services, time, actor_of(tokens))
    time.passes(16 * MINUTE_S)

    await step_up(services, tokens, app.recovery_codes[0])

    with pytest.raises(InvalidCode):
        await step_up(services, tokens, app.recovery_codes[0])
    await services.factors.remove_totp(actor_of(tokens), Nothing())


async def test_a_wrong_password_renews_nothing_and_spends_no_code(
    services: Services, time: Time, tokens: Tokens
) -> None:
    app = await turn_on(services, time, actor_of(tokens))
    time.passes(16 * MINUTE_S)

    for password in ("", "not the password"):
        with pytest.raises(WrongPassword):
            await step_up(services, tokens, app.code(), password)

    with pytest.raises(StepUpRequired):
        await renew_codes(services, tokens)
    await step_up(services, tokens, app.code())


async def test_a_session_opened_by_a_password_alone_can_not_undo_the_second_factor(
    services: Services, time: Time, tokens: Tokens
) -> None:
    elsewhere = await log_in(services.auth, "owner")
    app = await turn_on(services, time, actor_of(tokens))

    with pytest.raises(StepUpRequired):
        await services.factors.remove_totp(actor_of(elsewhere), Nothing())
    await renew_codes(services, tokens)

    signed_in = await sign_in(services, app.code())
    await services.factors.remove_totp(actor_of(signed_in), Nothing())


async def test_stepping_up_in_one_session_is_not_in_another(services: Services, time: Time, tokens: Tokens) -> None:
    elsewhere = await log_in(services.auth, "owner")
    time.passes(16 * MINUTE_S)

    await step_up(services, tokens)

    with pytest.raises(StepUpRequired):
        await services.factors.begin_totp(actor_of(elsewhere), Nothing())


async def test_a_session_that_ended_does_nothing(services: Services, tokens: Tokens) -> None:
    await services.auth.log_out(actor_of(tokens), Refresh())

    with pytest.raises(SessionEnded):
        await services.factors.begin_totp(actor_of(tokens), Nothing())
    with pytest.raises(SessionEnded):
        await step_up(services, tokens)


async def test_guesses_at_the_password_are_limited_until_an_hour_has_passed(
    services: Services, time: Time, tokens: Tokens
) -> None:
    for _ in range(10):
        with pytest.raises(WrongPassword):
            await step_up(services, tokens, password="not the password")

    with pytest.raises(TooManyTries) as limited:
        await step_up(services, tokens)
    assert limited.value.details == {"retry_after_ms": 3_600_000}
    time.passes(60 * MINUTE_S)
    await step_up(services, tokens)


async def test_guesses_at_the_sign_in_do_not_keep_the_owner_from_stepping_up(
    services: Services, time: Time, tokens: Tokens
) -> None:
    app = await turn_on(services, time, actor_of(tokens))
    await guess(services, app, 10)

    await step_up(services, tokens, app.code())


async def test_each_proof_is_in_the_log_whether_it_was_one_or_not_and_so_is_a_wish_for_another_address(
    services: Services, time: Time, tokens: Tokens
) -> None:
    app, owner = await turn_on(services, time, actor_of(tokens)), actor_of(tokens)
    time.passes(16 * MINUTE_S)
    for code, password in ((app.wrong_code(), PASSWORD), (app.code(), "not the password")):
        with pytest.raises(KaifError):
            await step_up(services, tokens, code, password)
    await step_up(services, tokens, app.code())
    with pytest.raises(WrongPassword):
        await services.accounts.change_email(owner, ChangeEmail("new@example.org", "not the password"))
    await services.accounts.change_email(owner, ChangeEmail("new@example.org", PASSWORD))
    for _ in range(10):
        with pytest.raises(WrongPassword):
            await step_up(services, tokens, password="not the password")
    with pytest.raises(TooManyTries):
        await step_up(services, tokens)

    log = (await services.audit.list_audit(AUDITOR, ListAudit(user_id=owner.user_id, limit=200))).entries[::-1]
    log = [one for one in log if one.action in ("stepped_up", "step_up_failed", "email_change_asked")]
    wrong = ("step_up_failed", {"by": "password", "code": "wrong_password"})
    assert [(one.action, one.details) for one in log] == [
        ("step_up_failed", {"by": "password", "code": "invalid_code"}),
        wrong,
        ("stepped_up", {"by": "password"}),
        wrong,
        ("email_change_asked", {}),
        *[wrong] * 10,
        ("step_up_failed", {"by": "password", "code": "too_many_tries"}),
    ]
    assert {(one.actor_id, one.subject_id) for one in log} == {(owner.user_id, owner.user_id)}
    assert "new@example.org" not in repr(log) and "not the password" not in repr(log)


@pytest.mark.asvs("6.5.1")
async def test_a_challenge_is_good_for_what_it_was_made_for(services: Services, time: Time, tokens: Tokens) -> None:
    app, owner = await turn_on(services, time, actor_of(tokens)), actor_of(tokens)
    to_sign_in, to_step_up = await challenge(services), "of a sign-in service, which has vouched for the owner"
    async with services.database.transaction() as tx:
        ends_at_us = time.now_us + MINUTE_S * SECOND_US
        await challenges.add(tx, hash_of(to_step_up), "step_up", owner.user_id, time.now_us, ends_at_us)

    with pytest.raises(ServiceSignInEnded):
        await services.factors.step_up(owner, StepUp(challenge=to_sign_in, code=app.code()))
    with pytest.raises(ChallengeEnded):
        await answer(services, to_step_up, app.code())
    with pytest.raises(ChallengeEnded):
        await services.passkeys.begin_passkey_second_step(NOBODY, BeginSecondStep(to_step_up))

    # Neither took a try, or the code.
    await services.factors.step_up(owner, StepUp(challenge=to_step_up, code=app.code()))
    assert await answer(services, to_sign_in, app.recovery_codes[0])

"""Second factors: what is confirmed counts, what is used is spent, and a password alone opens nothing."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.harness import Services, wired_services
from tests.services.auth.accounts import PASSWORD, actor_of, log_in, refresh, register, set_up
from tests.services.auth.second_factors import App, Time, answer, challenge, guess, sign_in, turn_on

from kaif.interfaces.auth import InvalidCredentials, Nothing, Tokens
from kaif.interfaces.auth.accounts import ChangePassword, PasswordTooShort
from kaif.interfaces.auth.factors import (
    ChallengeEnded,
    ConfirmTotp,
    InvalidCode,
    PasswordTooShortAlone,
    SecondFactorOff,
    SecondFactorRequired,
    SecondFactorState,
    TooManyTries,
    TotpAlreadyOn,
    TotpNotBegun,
)
from kaif.kernel.actor import Actor
from kaif.kernel.clock import as_datetime

SHORT = "hv7 qlat"


@pytest.fixture
def time() -> Time:
    return Time()


@pytest.fixture
async def services(database_url: str, tmp_path: Path, time: Time) -> AsyncIterator[Services]:
    async with wired_services(tmp_path, database_url, clock=time) as services:
        yield services


@pytest.fixture
async def owner(services: Services) -> Actor:
    return actor_of(await set_up(services.auth))


@pytest.fixture
async def app(services: Services, time: Time, owner: Actor) -> App:
    return await turn_on(services, time, owner)


async def state(services: Services, actor: Actor) -> SecondFactorState:
    return await services.factors.get_second_factors(actor, Nothing())


def content(folder: Path) -> bytes:
    """All that the database has written."""
    return b"".join(path.read_bytes() for path in folder.glob("kaif.db*"))


async def sessions_count(services: Services) -> int:
    rows: list[tuple[int]] = await services.database.fetch(tuple, "SELECT count(*) FROM auth_sessions")
    return rows[0][0]


# Turning on and off


async def test_what_is_only_begun_counts_for_nothing(services: Services, owner: Actor) -> None:
    await services.factors.begin_totp(owner, Nothing())

    assert await state(services, owner) == SecondFactorState(None, 0)
    assert await log_in(services.auth, "owner")


async def test_a_code_of_the_app_turns_it_on(services: Services, time: Time, owner: Actor) -> None:
    app = await turn_on(services, time, owner)

    assert await state(services, owner) == SecondFactorState(as_datetime(time.now_us), 10)
    assert len(set(app.recovery_codes)) == 10


async def test_a_wrong_code_does_not_turn_it_on_and_may_be_mended(services: Services, time: Time, owner: Actor) -> None:
    begun = await services.factors.begin_totp(owner, Nothing())
    app = App(time, begun.secret, [])

    with pytest.raises(InvalidCode):
        await services.factors.confirm_totp(owner, ConfirmTotp(app.wrong_code()))
    assert (await state(services, owner)).totp_since is None

    await services.factors.confirm_totp(owner, ConfirmTotp(app.code()))
    assert (await state(services, owner)).totp_since is not None


async def test_beginning_again_replaces_what_was_begun(services: Services, time: Time, owner: Actor) -> None:
    first = App(time, (await services.factors.begin_totp(owner, Nothing())).secret, [])
    second = App(time, (await services.factors.begin_totp(owner, Nothing())).secret, [])

    with pytest.raises(InvalidCode):
        await services.factors.confirm_totp(owner, ConfirmTotp(first.code()))
    assert await services.factors.confirm_totp(owner, ConfirmTotp(second.code()))


async def test_what_was_not_begun_is_not_confirmed(services: Services, owner: Actor, app: App) -> None:
    with pytest.raises(TotpNotBegun):
        await services.factors.confirm_totp(owner, ConfirmTotp(app.code()))


async def test_what_is_on_is_not_begun_again(services: Services, owner: Actor, app: App) -> None:
    with pytest.raises(TotpAlreadyOn):
        await services.factors.begin_totp(owner, Nothing())


async def test_of_twenty_confirmations_at_once_one_gives_the_codes(
    services: Services, time: Time, owner: Actor
) -> None:
    code = App(time, (await services.factors.begin_totp(owner, Nothing())).secret, []).code(-30)

    done = await asyncio.gather(
        *[services.factors.confirm_totp(owner, ConfirmTotp(code)) for _ in range(20)], return_exceptions=True
    )

    given = [outcome for outcome in done if not isinstance(outcome, BaseException)]
    assert len(given) == 1
    assert {type(outcome) for outcome in done if outcome not in given} == {TotpNotBegun}
    assert await sign_in(services, given[0].codes[0])


async def test_one_persons_factor_is_not_anothers(services: Services, owner: Actor, app: App) -> None:
    anna = actor_of(await register(services.auth, "anna"))

    assert await state(services, anna) == SecondFactorState(None, 0)
    assert await log_in(services.auth, "anna")


@pytest.mark.asvs("6.5.6")
async def test_when_it_is_removed_a_password_is_enough_and_old_codes_are_gone(
    services: Services, time: Time, owner: Actor, app: App
) -> None:
    open_challenge = await challenge(services)
    for _ in range(2):
        await services.factors.remove_totp(owner, Nothing())

    assert await state(services, owner) == SecondFactorState(None, 0)
    assert await log_in(services.auth, "owner")
    with pytest.raises(ChallengeEnded):
        await answer(services, open_challenge, app.recovery_codes[0])
    await turn_on(services, time, owner)
    with pytest.raises(InvalidCode):
        await sign_in(services, app.recovery_codes[0])


async def test_removing_forgets_what_was_begun(services: Services, time: Time, owner: Actor) -> None:
    begun = await services.factors.begin_totp(owner, Nothing())
    await services.factors.remove_totp(owner, Nothing())

    with pytest.raises(TotpNotBegun):
        await services.factors.confirm_totp(owner, ConfirmTotp(App(time, begun.secret, []).code()))


@pytest.mark.asvs("6.5.2", "13.3.1")
async def test_secrets_and_codes_are_not_readable_in_the_database_file(tmp_path: Path, time: Time) -> None:
    async with wired_services(tmp_path, f"sqlite:{tmp_path / 'kaif.db'}", clock=time) as services:
        owner = actor_of(await set_up(services.auth))
        begun = await services.factors.begin_totp(owner, Nothing())
        await services.factors.remove_totp(owner, Nothing())
        app = await turn_on(services, time, owner)
        open_challenge = await challenge(services)

    stored = content(tmp_path).lower()
    assert b"auth_totp_begun" in stored
    for secret in (begun.secret, app.secret, open_challenge, *app.recovery_codes):
        assert secret.lower().encode() not in stored
        assert secret.lower().replace("-", "").encode() not in stored


# Signing in


@pytest.mark.asvs("6.3.3")
async def test_the_right_password_opens_nothing_and_asks_for_a_code(services: Services, app: App) -> None:
    before = await sessions_count(services)

    with pytest.raises(SecondFactorRequired) as required:
        await log_in(services.auth, "owner")

    assert required.value.details["methods"] == ["totp", "recovery_code"]
    assert await sessions_count(services) == before


async def test_a_wrong_password_tells_nothing_of_the_second_factor(services: Services, app: App) -> None:
    with pytest.raises(InvalidCredentials) as refused:
        await log_in(services.auth, "owner", "not the password")

    assert refused.value.details == {}


async def test_a_code_of_the_app_opens_the_session(services: Services, owner: Actor, app: App) -> None:
    tokens = await sign_in(services, app.code())

    assert tokens.user.id == owner.user_id
    assert await refresh(services.auth, tokens)


async def test_a_code_is_taken_as_apps_show_it(services: Services, app: App) -> None:
    code = app.code()

    assert await sign_in(services, f" {code[:3]} {code[3:]} ")


@pytest.mark.asvs("6.5.8")
@pytest.mark.parametrize("late_s", [-60, 60])
async def test_a_code_of_another_time_is_refused(services: Services, app: App, late_s: int) -> None:
    with pytest.raises(InvalidCode):
        await sign_in(services, app.code(late_s))


@pytest.mark.asvs("6.5.1")
async def test_a_code_is_good_once(services: Services, app: App) -> None:
    code = app.code()
    await sign_in(services, code)

    with pytest.raises(InvalidCode):
        await sign_in(services, code)


async def test_the_code_that_turned_it_on_is_spent(services: Services, app: App) -> None:
    with pytest.raises(InvalidCode):
        await sign_in(services, app.code(-30))


async def test_a_code_older_than_one_that_was_used_is_spent(services: Services, app: App) -> None:
    await sign_in(services, app.code(30))

    with pytest.raises(InvalidCode):
        await sign_in(services, app.code())


@pytest.mark.asvs("6.5.1")
async def test_of_a_code_given_by_ten_at_once_one_gets_in(services: Services, app: App) -> None:
    challenges = [await challenge(services) for _ in range(10)]

    done = await asyncio.gather(*[answer(services, given, app.code()) for given in challenges], return_exceptions=True)

    assert sorted(type(outcome).__name__ for outcome in done) == ["InvalidCode"] * 9 + ["Tokens"]


async def test_codes_of_another_account_are_refused(services: Services, time: Time, app: App) -> None:
    anna = await turn_on(services, time, actor_of(await register(services.auth, "anna")))

    for code in (app.code(), app.recovery_codes[0]):
        with pytest.raises(InvalidCode):
            await sign_in(services, code, "anna")
    assert await sign_in(services, anna.code(), "anna")
    assert await sign_in(services, app.code(), "owner")


# Challenges


async def test_a_challenge_opens_one_session(services: Services, app: App) -> None:
    given = await challenge(services)
    await answer(services, given, app.code())

    with pytest.raises(ChallengeEnded):
        await answer(services, given, app.code(30))


async def test_a_challenge_of_which_nothing_is_known_is_refused(services: Services, app: App) -> None:
    for given in ("", "nonsense", "é" * 128, "\x00"):
        with pytest.raises(ChallengeEnded):
            await answer(services, given, app.code())


async def test_a_challenge_is_good_for_five_minutes(services: Services, time: Time, app: App) -> None:
    kept, late = await challenge(services), await challenge(services)

    time.passes(299)
    assert await answer(services, kept, app.code())
    time.passes(1)
    with pytest.raises(ChallengeEnded):
        await answer(services, late, app.code(30))


async def test_a_challenge_has_five_tries(services: Services, app: App) -> None:
    four, five = await challenge(services), await challenge(services)

    await guess(services, app, 4, four)
    assert await answer(services, four, app.code())
    await guess(services, app, 5, five)
    with pytest.raises(ChallengeEnded):
        await answer(services, five, app.code(30))


async def test_a_challenges_tries_are_counted_for_recovery_codes_too(services: Services, app: App) -> None:
    given = await challenge(services)

    for _ in range(5):
        with pytest.raises(InvalidCode):
            await answer(services, given, "aaaa-aaaa-aaaa-aaaa")
    with pytest.raises(ChallengeEnded):
        await answer(services, given, app.recovery_codes[0])


# Guessing


@pytest.mark.asvs("6.3.1")
async def test_an_account_bears_ten_guesses_in_an_hour_whatever_challenge_they_come_by(
    services: Services, time: Time, app: App
) -> None:
    await guess(services, app, 10)

    time.passes(1800)
    with pytest.raises(TooManyTries) as limited:
        await sign_in(services, app.code())
    assert limited.value.details == {"retry_after_ms": 1_800_000}
    time.passes(1799)
    with pytest.raises(TooManyTries):
        await sign_in(services, app.code())
    time.passes(1)
    assert await sign_in(services, app.code())


async def test_of_thirty_guesses_at_once_ten_are_looked_at(services: Services, app: App) -> None:
    challenges = [await challenge(services) for _ in range(30)]

    done = await asyncio.gather(
        *[answer(services, given, app.wrong_code()) for given in challenges], return_exceptions=True
    )

    assert sorted(type(outcome).__name__ for outcome in done) == ["InvalidCode"] * 10 + ["TooManyTries"] * 20


async def test_a_right_code_forgives_the_guesses_before_it(services: Services, app: App) -> None:
    await guess(services, app, 9)
    await sign_in(services, app.code())

    await guess(services, app, 10)


async def test_guesses_at_one_account_are_no_others(services: Services, time: Time, app: App) -> None:
    anna = await turn_on(services, time, actor_of(await register(services.auth, "anna")))

    await guess(services, app, 10)

    assert await sign_in(services, anna.code(), "anna")


async def test_whoever_guesses_keeps_the_owner_of_a_recovery_code_not_out(services: Services, app: App) -> None:
    await guess(services, app, 10)

    assert await sign_in(services, app.recovery_codes[0])


# Recovery codes


@pytest.mark.asvs("6.5.1")
async def test_a_recovery_code_opens_one_session(services: Services, owner: Actor, app: App) -> None:
    code = app.recovery_codes[3]
    assert await sign_in(services, code.upper().replace("-", " "))

    assert (await state(services, owner)).recovery_codes_left == 9
    with pytest.raises(InvalidCode):
        await sign_in(services, code)
    assert await sign_in(services, app.recovery_codes[4])


@pytest.mark.asvs("6.5.1")
async def test_of_a_recovery_code_given_by_ten_at_once_one_gets_in(services: Services, app: App) -> None:
    challenges = [await challenge(services) for _ in range(10)]

    done = await asyncio.gather(
        *[answer(services, given, app.recovery_codes[0]) for given in challenges], return_exceptions=True
    )

    assert len([outcome for outcome in done if isinstance(outcome, Tokens)]) == 1


async def test_when_the_last_one_is_used_only_the_app_is_offered(services: Services, app: App) -> None:
    for code in app.recovery_codes:
        await sign_in(services, code)

    with pytest.raises(SecondFactorRequired) as required:
        await log_in(services.auth, "owner")
    assert required.value.details["methods"] == ["totp"]


@pytest.mark.asvs("6.5.6")
async def test_new_recovery_codes_replace_all_of_the_old_ones(services: Services, owner: Actor, app: App) -> None:
    await sign_in(services, app.recovery_codes[0])

    renewed = (await services.factors.renew_recovery_codes(owner, Nothing())).codes

    assert (await state(services, owner)).recovery_codes_left == 10
    with pytest.raises(InvalidCode):
        await sign_in(services, app.recovery_codes[1])
    assert await sign_in(services, renewed[1])


async def test_without_a_second_factor_there_is_nothing_to_recover(services: Services, owner: Actor) -> None:
    with pytest.raises(SecondFactorOff):
        await services.factors.renew_recovery_codes(owner, Nothing())


# A short password


async def test_beside_a_second_factor_a_shorter_password_does_and_the_factor_must_stay(
    services: Services, time: Time
) -> None:
    accounts = services.accounts
    anna = actor_of(await set_up(services.auth))
    with pytest.raises(PasswordTooShort):
        await accounts.change_password(anna, ChangePassword(PASSWORD, SHORT))
    await turn_on(services, time, anna)

    await accounts.change_password(anna, ChangePassword(PASSWORD, SHORT))

    with pytest.raises(PasswordTooShortAlone):
        await services.factors.remove_totp(anna, Nothing())
    await accounts.change_password(anna, ChangePassword(SHORT, PASSWORD))
    await services.factors.remove_totp(anna, Nothing())
    with pytest.raises(PasswordTooShort):
        await accounts.change_password(anna, ChangePassword(PASSWORD, SHORT))


async def test_no_short_password_is_left_alone_when_both_change_at_once(services: Services, time: Time) -> None:
    anna = actor_of(await set_up(services.auth))
    await turn_on(services, time, anna)

    await asyncio.gather(
        services.accounts.change_password(anna, ChangePassword(PASSWORD, SHORT)),
        services.factors.remove_totp(anna, Nothing()),
        return_exceptions=True,
    )

    state = await services.factors.get_second_factors(anna, Nothing())
    rows: list[tuple[int]] = await services.database.fetch(tuple, "SELECT short_password FROM auth_users")
    assert state.totp_since or not rows[0][0]

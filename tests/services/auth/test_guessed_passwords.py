"""Whoever guesses passwords waits longer and longer; whose password it is comes in all the same."""

import asyncio

import pytest
from tests.services.auth.accounts import PASSWORD, a_set_up, actor_of, log_in, register, set_up
from tests.services.auth.home import Home

from kaif.interfaces.auth import InvalidCredentials, Tokens
from kaif.interfaces.auth.accounts import ChangePassword, ConfirmEmail
from kaif.interfaces.auth.factors import TooManyTries
from kaif.kernel.actor import Actor
from kaif.kernel.clock import MINUTE_US, SECOND_US
from kaif.services.auth.defences import attempts, sign_in_guard
from kaif.services.auth.defences.pacing import LOGIN, MEMORY_US, NETWORK, PAIR, Pace

HOME = Actor(address="203.0.113.7", agent="curl/8")


def network(number: int) -> Actor:
    return Actor(address=f"10.{number // 256}.{number % 256}.9")


async def guess(home: Home, login: str, asking: Actor = HOME) -> type[Exception]:
    """Wrongly; what comes of it."""
    with pytest.raises((InvalidCredentials, TooManyTries)) as refused:
        await log_in(home.auth, login, "not the password", asking)
    return refused.type


async def guess_times(home: Home, login: str, times: int, asking: Actor = HOME) -> None:
    for _ in range(times):
        assert await guess(home, login, asking) is InvalidCredentials


async def waits_s(home: Home, login: str, asking: Actor = HOME) -> float:
    with pytest.raises(TooManyTries) as refused:
        await log_in(home.auth, login, PASSWORD, asking)
    return float(str(refused.value.details["retry_after_ms"])) / 1000


async def guess_everywhere(home: Home, login: str, times: int) -> None:
    """Each time from another network, as a botnet does."""
    for number in range(times):
        assert await guess(home, login, network(number)) is InvalidCredentials


async def guess_everyone(home: Home, people: int, asking: Actor) -> None:
    for number in range(people):
        assert await guess(home, f"person-{number}", asking) is InvalidCredentials


async def noticed(home: Home) -> list[str]:
    """What the audit log holds of networks that try a list."""
    rows: list[tuple[str]] = await home.database.fetch(
        tuple, "SELECT details FROM auth_audit WHERE action = 'stuffing_suspected'"
    )
    return [row[0] for row in rows]


# The rule


def test_what_is_free_costs_nothing_and_each_failure_more_doubles_the_wait() -> None:
    pace = Pace(3, 60 * SECOND_US)

    waits = [pace.wait_us(failures, 0, 0) // SECOND_US for failures in range(12)]

    assert waits == [0, 0, 0, 1, 2, 4, 8, 16, 32, 60, 60, 60]


def test_a_wait_ends_and_no_number_of_failures_makes_it_longer_than_its_bound() -> None:
    assert PAIR.wait_us(10**9, 0, 0) == PAIR.wait_us_max
    assert PAIR.wait_us(10**9, 0, PAIR.wait_us_max) == 0
    assert PAIR.wait_us(10**9, 0, PAIR.wait_us_max - 1) == 1


# One account from one network


@pytest.mark.asvs("6.3.1")
async def test_after_ten_failures_even_the_right_password_waits_and_ever_longer(
    embedded_home: Home,
) -> None:
    await set_up(embedded_home.auth)
    await guess_times(embedded_home, "owner", PAIR.free)

    assert await waits_s(embedded_home, "owner") == 1
    embedded_home.now_us += SECOND_US
    await guess_times(embedded_home, "owner", 1)
    assert await waits_s(embedded_home, "owner") == 2
    embedded_home.now_us += 2 * SECOND_US
    await guess_times(embedded_home, "owner", 1)
    assert await waits_s(embedded_home, "owner") == 4


async def test_whoever_waits_comes_in_and_starts_anew(home: Home) -> None:
    await set_up(home.auth)
    await guess_times(home, "owner", PAIR.free)
    home.now_us += SECOND_US

    await log_in(home.auth, "owner", PASSWORD, HOME)

    await guess_times(home, "owner", PAIR.free)


@pytest.mark.asvs("6.3.8")
async def test_nobody_tells_by_waiting_whose_an_address_is(embedded_home: Home) -> None:
    owner = await set_up(embedded_home.auth)
    await embedded_home.accounts.confirm_email(
        actor_of(owner), ConfirmEmail(await embedded_home.token("owner@example.org"))
    )
    assert (await embedded_home.user(owner)).email_confirmed
    addresses = ["owner@example.org", "nobody@example.org"]

    # By one network, and then by all the world.
    await guess_times(embedded_home, "owner", PAIR.free)
    assert await guess(embedded_home, " OWNER ") is TooManyTries
    told = [await guess(embedded_home, address) for address in addresses]
    await guess_everywhere(embedded_home, "owner", LOGIN.free - PAIR.free)
    assert await guess(embedded_home, "owner", network(9999)) is TooManyTries
    told += [await guess(embedded_home, address, network(9999)) for address in addresses]

    assert told == [InvalidCredentials] * 4


@pytest.mark.asvs("6.3.8")
async def test_nobody_tells_by_waiting_whether_there_is_an_account(embedded_home: Home) -> None:
    await set_up(embedded_home.auth)
    told = {
        login: [await guess(embedded_home, login) for _ in range(PAIR.free + 1)] for login in ["owner", "nobody-here"]
    }

    assert told["owner"] == told["nobody-here"]
    assert told["owner"][-1] is TooManyTries


@pytest.mark.asvs("6.3.1")
async def test_of_guesses_at_the_same_time_no_more_are_made_than_one_after_the_other(home: Home) -> None:
    await set_up(home.auth)

    told = await asyncio.gather(*[guess(home, "owner") for _ in range(3 * PAIR.free)])

    assert told.count(InvalidCredentials) == PAIR.free


async def test_refused_tries_make_nobody_wait_longer_and_an_hour_forgets_all(
    embedded_home: Home,
) -> None:
    await set_up(embedded_home.auth)
    await guess_times(embedded_home, "owner", PAIR.free)
    for _ in range(5):
        assert await guess(embedded_home, "owner") is TooManyTries
    assert await waits_s(embedded_home, "owner") == 1
    embedded_home.now_us += MEMORY_US

    await guess_times(embedded_home, "owner", PAIR.free)


async def test_what_was_typed_as_a_name_is_not_kept(embedded_home: Home) -> None:
    await set_up(embedded_home.auth)
    await guess(embedded_home, "my secret in the wrong field")

    rows: list[tuple[str]] = await embedded_home.database.fetch(tuple, "SELECT subject FROM auth_attempts")

    # Beside letters to the owner's address, which are counted in the same place.
    subjects = [subject for (subject,) in rows if not subject.startswith(("welcome:", "claims:"))]
    assert len(subjects) == 3 and not any("secret" in subject for subject in subjects)


# One account from everywhere


@pytest.mark.asvs("6.3.1", "8.2.4")
async def test_a_botnet_at_one_account_waits_and_its_owner_at_home_does_not(embedded_home: Home) -> None:
    await embedded_home.auth.set_up(HOME, a_set_up())
    await guess_everywhere(embedded_home, "owner", LOGIN.free)

    assert await guess(embedded_home, "owner", network(9999)) is TooManyTries
    await log_in(embedded_home.auth, "owner", PASSWORD, HOME)
    assert await waits_s(embedded_home, "owner", network(9999)) <= 60


async def test_one_account_that_is_attacked_delays_no_other(embedded_home: Home) -> None:
    await set_up(embedded_home.auth)
    await register(embedded_home.auth, "anna")
    await guess_everywhere(embedded_home, "owner", LOGIN.free)

    await log_in(embedded_home.auth, "anna", PASSWORD, network(9999))


# Many accounts from one network


@pytest.mark.asvs("6.3.1")
async def test_a_list_of_leaked_passwords_is_noticed_slowed_and_written_down_once(home: Home) -> None:
    await set_up(home.auth)
    await guess_everyone(home, NETWORK.free, network(1))

    assert await guess(home, "somebody-else", network(1)) is TooManyTries
    assert await guess(home, "somebody-else", network(2)) is InvalidCredentials
    home.now_us += MINUTE_US
    assert await guess(home, "yet-another", network(1)) is InvalidCredentials
    assert await noticed(home) == ['{"network":"10.0.1.0/24","address":"10.0.1.9"}']


async def test_many_failures_at_one_account_are_no_list(embedded_home: Home) -> None:
    await set_up(embedded_home.auth)
    for _ in range(NETWORK.free + 5):
        await guess_times(embedded_home, "owner", 1, network(1))
        embedded_home.now_us += PAIR.wait_us_max

    assert await noticed(embedded_home) == []


@pytest.mark.asvs("8.2.4")
async def test_people_of_an_attackers_network_who_were_there_before_come_in(embedded_home: Home) -> None:
    await embedded_home.auth.set_up(network(1), a_set_up())
    await guess_everyone(embedded_home, NETWORK.free, network(1))

    await log_in(embedded_home.auth, "owner", PASSWORD, network(1))


async def test_a_class_that_signs_in_from_a_new_room_is_no_attack(home: Home) -> None:
    await set_up(home.auth)
    for number in range(NETWORK.free + 5):
        await register(home.auth, f"pupil-{number}")

    for number in range(NETWORK.free + 5):
        await guess_times(home, f"pupil-{number}", 1, network(7))
        await log_in(home.auth, f"pupil-{number}", PASSWORD, network(7))

    assert await noticed(home) == []


# The password, given once more in a session


@pytest.mark.asvs("6.3.1")
async def test_a_stolen_session_does_not_guess_the_password(home: Home) -> None:
    tokens = await set_up(home.auth)
    told = await asyncio.gather(*[guess_within(home, tokens) for _ in range(15)])

    assert told.count("wrong_password") == 10 and told.count("too_many_tries") == 5


async def guess_within(home: Home, tokens: Tokens) -> str:
    try:
        await home.accounts.change_password(actor_of(tokens), ChangePassword("not the password", "a new one of length"))
    except Exception as error:
        return str(getattr(error, "code", error))
    return "changed"


async def test_what_no_longer_counts_is_forgotten_faster_than_strangers_can_add_to_it(home: Home) -> None:
    # Three from each sign-in of a stranger, since the last time that they were cleared up.
    async with home.database.transaction() as tx:
        lapsed = [(f"stranger-{number}", 1, 0) for number in range(3 * sign_in_guard.FORGET_EVERY)]
        await tx.insert("auth_attempts", ("subject", "failures", "last_us"), lapsed)

    async with home.database.transaction() as tx:
        await attempts.forget_lapsed(tx, home.now_us)

    assert await home.database.fetch(tuple, "SELECT subject FROM auth_attempts") == []

"""Accounts: set up once, registered, found, and nobody's secrets in the database."""

import asyncio
import time
from pathlib import Path

import pytest
from tests.harness import Services
from tests.services.auth.accounts import (
    PASSWORD,
    a_registration,
    a_set_up,
    actor_of,
    log_in,
    refresh,
    register,
    set_up,
)

from kaif.interfaces.auth import (
    BadDisplayName,
    FindPeople,
    GetPeople,
    InvalidCredentials,
    Nothing,
    Register,
    SetupCodeWrong,
    SetupRequired,
    Tokens,
    UsernameTaken,
)
from kaif.interfaces.auth.roles import PERMISSIONS
from kaif.kernel.actor import NOBODY, UserId


async def find(services: Services, query: str, limit: int = 20) -> list[str]:
    """Usernames."""
    found = await services.auth.find_people(NOBODY, FindPeople(query, limit))
    return [person.username for person in found.people]


def content(folder: Path) -> bytes:
    """All that the database has written."""
    return b"".join(path.read_bytes() for path in folder.glob("kaif.db*"))


async def test_the_first_account_is_the_owners_and_then_the_server_is_set_up(services: Services) -> None:
    assert (await services.auth.get_setup(NOBODY, Nothing())).needed

    tokens = await set_up(services.auth)

    assert tokens.user.roles == ["owner"]
    assert set(tokens.user.permissions) == PERMISSIONS
    assert not (await services.auth.get_setup(NOBODY, Nothing())).needed
    with pytest.raises(SetupCodeWrong):
        await services.auth.set_up(NOBODY, a_set_up("second"))


@pytest.mark.asvs("6.4.1")
@pytest.mark.parametrize("code", ["", "wrong", "set-up-code ", "пароль"])
async def test_a_wrong_set_up_code_makes_nothing(embedded: Services, code: str) -> None:
    with pytest.raises(SetupCodeWrong):
        await embedded.auth.set_up(NOBODY, a_set_up(code=code))

    assert (await embedded.auth.get_setup(NOBODY, Nothing())).needed


@pytest.mark.asvs("6.3.2")
async def test_a_new_server_knows_nobody(services: Services) -> None:
    [(accounts,)] = await services.database.fetch(tuple, "SELECT COUNT(*) FROM auth_users")

    assert accounts == 0


async def test_of_twenty_set_ups_at_once_exactly_one_succeeds(services: Services) -> None:
    wanted = [services.auth.set_up(NOBODY, a_set_up(f"owner{number}")) for number in range(20)]

    done = await asyncio.gather(*wanted, return_exceptions=True)

    owners = [outcome for outcome in done if isinstance(outcome, Tokens)]
    assert len(owners) == 1
    assert {type(outcome) for outcome in done if outcome not in owners} == {SetupCodeWrong}
    assert await find(services, "") == [owners[0].user.username]


@pytest.mark.asvs("6.3.2")
async def test_nobody_registers_before_the_set_up(services: Services) -> None:
    with pytest.raises(SetupRequired):
        await register(services.auth, "anna")


async def test_who_registers_is_a_member_under_small_letters(services: Services) -> None:
    await set_up(services.auth)

    user = (await services.auth.register(NOBODY, Register("Anna", "Anna@Example.ORG", PASSWORD))).user

    assert (user.username, user.email, user.display_name, user.roles) == ("anna", "anna@example.org", "Anna", [])


async def test_names_are_taken_whatever_their_letters(services: Services) -> None:
    await set_up(services.auth)
    await register(services.auth, "anna")

    with pytest.raises(UsernameTaken):
        await services.auth.register(NOBODY, Register("ANNA", "other@example.org", PASSWORD))


async def test_of_ten_registrations_of_a_name_at_once_exactly_one_succeeds(services: Services) -> None:
    await set_up(services.auth)
    wanted = [Register("anna", f"anna{number}@example.org", PASSWORD) for number in range(10)]

    done = await asyncio.gather(*[services.auth.register(NOBODY, one) for one in wanted], return_exceptions=True)

    assert sorted(type(outcome).__name__ for outcome in done) == ["Tokens"] + ["UsernameTaken"] * 9


@pytest.mark.parametrize("display_name", ["...", "An\u200bna", "\u202eannA", "a\nb", "   "])
async def test_a_name_that_deceives_is_refused(embedded: Services, display_name: str) -> None:
    await set_up(embedded.auth)

    with pytest.raises(BadDisplayName):
        await embedded.auth.register(NOBODY, a_registration("anna", display_name))


@pytest.mark.parametrize("login", ["anna", "ANNA", " anna ", "anna@example.org", "Anna@Example.org"])
async def test_one_logs_in_by_name_or_address_in_any_letters(services: Services, login: str) -> None:
    await set_up(services.auth)
    registered = await register(services.auth, "anna")
    async with services.database.transaction() as tx:
        await tx.execute("UPDATE auth_users SET email_confirmed_at_us = 1 WHERE id = :id", id=registered.user.id)

    tokens = await log_in(services.auth, login)

    assert tokens.user.id == registered.user.id
    assert tokens.refresh_token != registered.refresh_token


@pytest.mark.asvs("6.3.8")
async def test_an_unknown_name_and_a_wrong_password_are_refused_alike(services: Services) -> None:
    await set_up(services.auth)

    with pytest.raises(InvalidCredentials) as wrong:
        await log_in(services.auth, "owner", "not the password")
    with pytest.raises(InvalidCredentials) as unknown:
        await log_in(services.auth, "nobody")
    assert (str(wrong.value), wrong.value.details) == (str(unknown.value), unknown.value.details)


@pytest.mark.asvs("6.3.8")
async def test_a_login_of_nobody_costs_as_much_work_as_anyones(guarded: Services) -> None:
    await set_up(guarded.auth)

    async def work_s(login: str) -> float:
        # The processor's time, of all threads: another program's load does not count.
        started = time.process_time()
        with pytest.raises(InvalidCredentials):
            await log_in(guarded.auth, login, "not the password")
        return time.process_time() - started

    somebody = sorted([await work_s("owner") for _ in range(5)])[2]
    nobody = sorted([await work_s("nobody") for _ in range(5)])[2]
    assert 0.5 < nobody / somebody < 2


async def test_me_is_who_asks(services: Services) -> None:
    tokens = await set_up(services.auth)

    assert await services.auth.get_me(actor_of(tokens), Nothing()) == tokens.user


async def test_people_are_found_by_the_beginning_of_a_name_or_of_a_word(services: Services) -> None:
    await set_up(services.auth)
    await register(services.auth, "anna", "Анна Ветрова")
    await register(services.auth, "boris", "Борис Ветров-Ёлкин")

    assert await find(services, "ВЕТ") == ["anna", "boris"]
    assert await find(services, "ветрова") == ["anna"]
    assert await find(services, " Ann ") == ["anna"]
    assert await find(services, "етров") == []


async def test_signs_that_mean_something_to_sql_mean_nothing_in_a_search(services: Services) -> None:
    await set_up(services.auth)

    for query in ["%", "_wner", "own%", "'", "owner' OR '1'='1", "\\", "*"]:
        assert await find(services, query) == []


async def test_an_empty_search_finds_the_newest_people(services: Services) -> None:
    await services.newcomers("anna", "boris", "clara")

    assert await find(services, " ", limit=2) == ["clara", "boris"]


async def test_of_people_asked_for_those_who_exist_are_given(services: Services) -> None:
    tokens = await set_up(services.auth)

    found = await services.auth.get_people(NOBODY, GetPeople([tokens.user.id, UserId("nobody")]))

    assert [person.id for person in found.people] == [tokens.user.id]


@pytest.mark.asvs("13.3.1")
async def test_what_must_stay_secret_is_not_in_the_database_file(embedded: Services, tmp_path: Path) -> None:
    tokens = await set_up(embedded.auth)
    newer = await refresh(embedded.auth, tokens)

    stored = content(tmp_path)
    assert b"owner@example.org" in stored
    for given in (tokens, newer):
        assert given.access_token.encode() not in stored
        assert given.refresh_token.partition(".")[2].encode() not in stored
    assert PASSWORD.encode() not in stored and b"set-up-code" not in stored

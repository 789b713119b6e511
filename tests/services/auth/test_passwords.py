"""Password hashing: right or wrong, and never more of it than the machine can bear."""

import asyncio
from collections.abc import Iterator
from typing import Any

import argon2
import pytest

from kaif.kernel.errors import Busy
from kaif.services.auth.passwords.hashing import LEAST_COST, WAITING_MAX, HashCost, Passwords


@pytest.fixture
def passwords() -> Iterator[Passwords]:
    passwords = Passwords(cost=LEAST_COST)
    yield passwords
    passwords.close()


@pytest.mark.asvs("11.4.2")
async def test_without_a_setting_a_guess_costs_three_passes_over_64_mib() -> None:
    passwords = Passwords()

    kept = await passwords.hash("a password of some length")

    assert kept.startswith("$argon2id$v=19$m=65536,t=3,p=1$")
    assert await passwords.verify(kept, "a password of some length")
    passwords.close()


@pytest.mark.asvs("11.4.2")
async def test_the_right_password_is_told_from_a_wrong_one(passwords: Passwords) -> None:
    kept = await passwords.hash("пароль 🦔 of any letters\x00")

    assert kept.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    assert await passwords.verify(kept, "пароль 🦔 of any letters\x00")
    assert not await passwords.verify(kept, "пароль 🦔 of any letters")
    assert not await passwords.verify(None, "a password that nobody has")
    assert not await passwords.verify("", "a password that nobody has")


@pytest.mark.asvs("6.2.8")
async def test_a_password_counts_to_its_last_letter_and_in_its_case(passwords: Passwords) -> None:
    long = "Ёлка у озера, лодка у причала, " * 12
    kept = await passwords.hash(long)

    assert await passwords.verify(kept, long)
    for other in (long[:-1], long.lower(), long.strip(), long + " ", long[:72], long[:128]):
        assert not await passwords.verify(kept, other)


async def test_equal_passwords_have_different_hashes(passwords: Passwords) -> None:
    assert await passwords.hash("equal") != await passwords.hash("equal")


async def test_a_hash_of_weaker_times_is_outdated(passwords: Passwords) -> None:
    weaker = argon2.PasswordHasher(time_cost=1, memory_cost=8192, parallelism=1).hash("x")

    assert passwords.outdated(weaker)
    assert not passwords.outdated(await passwords.hash("x"))


@pytest.mark.asvs("6.3.8")
@pytest.mark.parametrize("kept_at", [HashCost(8 * 1024, 1), HashCost(19 * 1024 - 4, 2), LEAST_COST])
async def test_a_wrong_password_costs_the_same_whenever_the_right_one_was_chosen(
    passwords: Passwords, kept_at: HashCost, monkeypatch: pytest.MonkeyPatch
) -> None:
    worked_kib: list[int] = []
    real = argon2.low_level.hash_secret

    def counted(**given: Any) -> bytes:
        worked_kib.append(given["time_cost"] * given["memory_cost"])
        return real(**given)

    kept = kept_at.hasher().hash("the right one")
    monkeypatch.setattr("argon2._password_hasher.hash_secret", counted)

    assert not await passwords.verify(kept, "a wrong one")

    assert abs(kept_at.work_kib + sum(worked_kib) - LEAST_COST.work_kib) <= 16
    assert await passwords.verify(kept, "the right one")


async def test_who_comes_when_too_many_wait_is_told_to_come_again(passwords: Passwords) -> None:
    waiting = [asyncio.create_task(passwords.verify(None, "x")) for _ in range(WAITING_MAX)]
    await asyncio.sleep(0)

    with pytest.raises(Busy) as busy:
        await passwords.verify(None, "x")

    assert busy.value.details == {"retry_after_ms": 2000}
    for task in waiting:
        task.cancel()
    await asyncio.wait(waiting)
    assert await passwords.verify(None, "x") is False

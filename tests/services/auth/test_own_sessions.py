"""People see where they are signed in, and end it: one session, or all but the one in their hands."""

import asyncio

import pytest
from tests.harness import Services
from tests.services.auth.accounts import AUDITOR, actor_of, log_in, refresh, register, session_of, set_up

from kaif.interfaces.auth import SESSIONS_ENDED, Nothing, SessionEnded, Tokens
from kaif.interfaces.auth.audit import ListAudit
from kaif.interfaces.auth.sessions import EndSession, SessionNotFound
from kaif.kernel.actor import NOBODY, SessionId
from kaif.services.auth.model import SESSIONS_MAX


async def listed(services: Services, tokens: Tokens) -> list[SessionId]:
    return [one.id for one in (await services.sessions.list_sessions(actor_of(tokens), Nothing())).sessions]


async def heard_ends(services: Services) -> list[bytes]:
    """What gateways are told from now on."""
    told: list[bytes] = []
    await services.cache.subscribe(SESSIONS_ENDED, told.append)
    return told


async def ended(services: Services) -> list[SessionId]:
    return (await services.auth.get_withdrawn(NOBODY, Nothing())).session_ids


async def is_over(services: Services, tokens: Tokens) -> bool:
    try:
        await refresh(services.auth, tokens)
    except SessionEnded:
        return True
    return False


FOR_EVER = 9_000_000_000_000_000


async def used_at(services: Services, tokens: Tokens, times_us: list[int], prefix: str = "s") -> None:
    """More sessions of the account, each with its last use."""
    columns = ("id", "user_id", "refresh_hash", "created_at_us", "refreshed_at_us", "expires_at_us")
    async with services.database.transaction() as tx:
        many = [
            (f"{prefix}{n}", tokens.user.id, f"{prefix}{n}", 1, time_us, FOR_EVER) for n, time_us in enumerate(times_us)
        ]
        await tx.insert("auth_sessions", columns, many)


@pytest.mark.asvs("7.5.2")
async def test_the_session_that_asks_comes_first_and_then_the_newest_use(services: Services) -> None:
    first = await set_up(services.auth)
    second, third = await log_in(services.auth, "owner"), await log_in(services.auth, "owner")
    await refresh(services.auth, second)

    sessions = (await services.sessions.list_sessions(actor_of(first), Nothing())).sessions

    assert [session.id for session in sessions] == [session_of(tokens) for tokens in (first, second, third)]
    assert [session.current for session in sessions] == [True, False, False]


@pytest.mark.asvs("8.2.2")
async def test_nobody_sees_the_sessions_of_another(services: Services) -> None:
    owner = await set_up(services.auth)
    anna = await register(services.auth, "anna")

    assert await listed(services, owner) == [session_of(owner)]
    assert await listed(services, anna) == [session_of(anna)]


async def test_a_list_is_bounded_and_keeps_the_session_that_asks(services: Services) -> None:
    tokens = await set_up(services.auth)
    await used_at(services, tokens, [FOR_EVER] * (SESSIONS_MAX + 5))

    sessions = await listed(services, tokens)

    assert len(sessions) == SESSIONS_MAX
    assert sessions[0] == session_of(tokens)


@pytest.mark.asvs("7.5.2")
async def test_one_session_is_ended_and_every_gateway_is_told(services: Services) -> None:
    laptop, phone = await set_up(services.auth), await log_in(services.auth, "owner")
    told = await heard_ends(services)

    await services.sessions.end_session(actor_of(laptop), EndSession(session_of(phone)))

    assert told == [session_of(phone).encode()]
    assert await ended(services) == [session_of(phone)]
    assert await listed(services, laptop) == [session_of(laptop)]
    assert await is_over(services, phone)
    assert not await is_over(services, laptop)


@pytest.mark.asvs("8.2.2")
async def test_a_session_of_anothers_and_one_that_is_none_are_not_found_alike(services: Services) -> None:
    owner, anna = await set_up(services.auth), await register(services.auth, "anna")
    told = await heard_ends(services)

    for session_id in (session_of(anna), SessionId("01k9")):
        with pytest.raises(SessionNotFound):
            await services.sessions.end_session(actor_of(owner), EndSession(session_id))

    assert told == [] and await ended(services) == []
    assert not await is_over(services, anna)


async def test_a_session_ends_once(services: Services) -> None:
    laptop, phone = await set_up(services.auth), await log_in(services.auth, "owner")
    told = await heard_ends(services)
    ending = [services.sessions.end_session(actor_of(laptop), EndSession(session_of(phone))) for _ in range(10)]

    done = await asyncio.gather(*ending, return_exceptions=True)

    assert sorted(type(outcome).__name__ for outcome in done) == ["Nothing"] + ["SessionNotFound"] * 9
    assert len(told) == 1


@pytest.mark.asvs("7.4.3", "7.5.2")
async def test_all_others_end_and_the_one_that_asks_goes_on(services: Services) -> None:
    laptop = await set_up(services.auth)
    others = [await log_in(services.auth, "owner") for _ in range(3)]
    anna = await register(services.auth, "anna")
    told = await heard_ends(services)

    for _ in range(2):
        await services.sessions.end_other_sessions(actor_of(laptop), Nothing())

    assert sorted(told) == sorted(session_of(tokens).encode() for tokens in others)
    assert sorted(await ended(services)) == sorted(map(session_of, others))
    assert [await is_over(services, tokens) for tokens in (laptop, anna, *others)] == [False, False, True, True, True]


async def test_one_session_too_many_ends_the_one_that_was_least_recently_used(services: Services) -> None:
    first, anna = await set_up(services.auth), await register(services.auth, "anna")
    await used_at(services, first, [1000 + n for n in range(SESSIONS_MAX - 1)])
    await used_at(services, anna, [1], "anna")
    told = await heard_ends(services)

    newest = await log_in(services.auth, "owner")

    assert told == [b"s0"] and await ended(services) == [SessionId("s0")]
    sessions = await listed(services, newest)
    assert len(sessions) == SESSIONS_MAX and {session_of(first), session_of(newest)} < {*sessions}
    assert SessionId("anna0") in await listed(services, anna)
    page = await services.audit.list_audit(AUDITOR, ListAudit("sessions_displaced"))
    assert [(one.subject_id, one.details["count"]) for one in page.entries] == [(first.user.id, 1)]


async def test_however_many_sign_in_at_once_a_hundred_sessions_remain_and_all_new_ones(services: Services) -> None:
    first = await set_up(services.auth)
    # One of them by a clock that is ahead.
    await used_at(services, first, [1000 + n for n in range(SESSIONS_MAX - 2)] + [FOR_EVER])

    new = await asyncio.gather(*(log_in(services.auth, "owner") for _ in range(10)))

    sessions = await listed(services, new[0])
    assert len(sessions) == SESSIONS_MAX
    assert {session_of(one) for one in new} < {*sessions}
    assert sorted(await ended(services)) == sorted(SessionId(f"s{n}") for n in range(10))


async def test_below_the_bound_no_sign_in_ends_a_session(services: Services) -> None:
    first = await set_up(services.auth)
    await used_at(services, first, [1] * (SESSIONS_MAX - 2))

    await log_in(services.auth, "owner")

    assert not await ended(services)
    assert not (await services.audit.list_audit(AUDITOR, ListAudit("sessions_displaced"))).entries

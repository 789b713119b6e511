"""An owner takes an account's access away, at once, and gives it back; an owner with access always remains."""

import asyncio

import pytest
from tests.harness import Services
from tests.services.auth.accounts import PASSWORD, actor_of, log_in, refresh, register, session_of, set_up

from kaif.interfaces.auth import SESSIONS_ENDED, InvalidCredentials, Nothing, PersonNotFound, SessionEnded, Tokens
from kaif.interfaces.auth.accounts import DeleteAccount
from kaif.interfaces.auth.roles import BeyondYourOwn, Grant, LastOwner
from kaif.interfaces.auth.sessions import AccountSuspended, OwnAccount, Restore, Suspend
from kaif.kernel.actor import NOBODY, Actor, UserId
from kaif.kernel.errors import Forbidden


async def suspend(services: Services, owner: Tokens, other: Tokens) -> None:
    await services.sessions.suspend(actor_of(owner), Suspend(other.user.id))


async def restore(services: Services, owner: Tokens, other: Tokens) -> None:
    await services.sessions.restore(actor_of(owner), Restore(other.user.id))


async def another_owner(services: Services, first: Tokens) -> Tokens:
    second = await register(services.auth, "second")
    await services.roles.grant_role(actor_of(first), Grant(second.user.id, "owner"))
    return await log_in(services.auth, "second")


async def test_an_owner_who_is_suspended_is_none_to_remain(services: Services) -> None:
    owner = await set_up(services.auth)
    second = await another_owner(services, owner)
    await suspend(services, owner, second)

    with pytest.raises(LastOwner):
        await services.accounts.delete_account(actor_of(owner), DeleteAccount(PASSWORD))
    with pytest.raises(LastOwner):
        await services.roles.revoke_role(actor_of(owner), Grant(owner.user.id, "owner"))

    assert (await services.roles.revoke_role(actor_of(owner), Grant(second.user.id, "owner"))).roles == []


@pytest.mark.asvs("7.4.2")
async def test_all_sessions_of_a_suspended_account_end_at_once(services: Services) -> None:
    owner, anna = await set_up(services.auth), await register(services.auth, "anna")
    phone = await log_in(services.auth, "anna")
    told: list[bytes] = []
    await services.cache.subscribe(SESSIONS_ENDED, told.append)

    await suspend(services, owner, anna)

    assert sorted(told) == sorted(session_of(tokens).encode() for tokens in (anna, phone))
    ended = (await services.auth.get_withdrawn(NOBODY, Nothing())).session_ids
    assert sorted(ended) == sorted(map(session_of, (anna, phone)))
    for tokens in (anna, phone):
        with pytest.raises(SessionEnded):
            await refresh(services.auth, tokens)
    assert await refresh(services.auth, owner)


async def test_who_is_suspended_is_told_so_only_with_the_right_password(services: Services) -> None:
    owner, anna = await set_up(services.auth), await register(services.auth, "anna")
    await suspend(services, owner, anna)

    with pytest.raises(AccountSuspended):
        await log_in(services.auth, "anna")
    with pytest.raises(InvalidCredentials):
        await log_in(services.auth, "anna", "not the password")


async def test_a_restored_account_signs_in_again_and_its_old_sessions_stay_ended(services: Services) -> None:
    owner, anna = await set_up(services.auth), await register(services.auth, "anna")
    await suspend(services, owner, anna)

    await restore(services, owner, anna)

    assert (await log_in(services.auth, "anna")).user == anna.user
    with pytest.raises(SessionEnded):
        await refresh(services.auth, anna)


async def test_suspending_and_restoring_may_be_repeated(services: Services) -> None:
    owner, anna = await set_up(services.auth), await register(services.auth, "anna")

    for _ in range(2):
        await suspend(services, owner, anna)
    for _ in range(2):
        await restore(services, owner, anna)

    assert await log_in(services.auth, "anna")


@pytest.mark.asvs("7.4.2")
async def test_sign_ins_that_race_with_a_suspension_leave_no_session_behind(guarded: Services) -> None:
    owner, anna = await set_up(guarded.auth), await register(guarded.auth, "anna")
    signing_in = [asyncio.ensure_future(log_in(guarded.auth, "anna")) for _ in range(10)]
    await asyncio.wait(signing_in, return_when=asyncio.FIRST_COMPLETED)

    await suspend(guarded, owner, anna)

    done = await asyncio.gather(*signing_in, return_exceptions=True)
    assert all(isinstance(outcome, Tokens | AccountSuspended) for outcome in done)
    assert AccountSuspended in map(type, done)
    left = await guarded.sessions.list_sessions(Actor(anna.user.id), Nothing())
    assert left.sessions == []


async def test_only_who_manages_people_suspends_and_restores(services: Services) -> None:
    owner, anna = await set_up(services.auth), await register(services.auth, "anna")

    for actor in (actor_of(anna), NOBODY):
        with pytest.raises(Forbidden):
            await services.sessions.suspend(actor, Suspend(owner.user.id))
        with pytest.raises(Forbidden):
            await services.sessions.restore(actor, Restore(owner.user.id))

    assert await refresh(services.auth, owner)


async def test_nobody_shuts_out_or_lets_in_who_may_do_more_than_they(services: Services) -> None:
    owner, anna = await set_up(services.auth), await register(services.auth, "anna")
    member = await register(services.auth, "member")
    await services.roles.grant_role(actor_of(owner), Grant(anna.user.id, "support"))
    support = await refresh(services.auth, anna)

    for attempt in (suspend, restore):
        with pytest.raises(BeyondYourOwn):
            await attempt(services, support, owner)
    await suspend(services, support, member)

    assert await refresh(services.auth, owner)
    with pytest.raises(SessionEnded):
        await refresh(services.auth, member)


async def test_nobody_suspends_themselves(services: Services) -> None:
    owner = await set_up(services.auth)

    with pytest.raises(OwnAccount):
        await suspend(services, owner, owner)

    assert await refresh(services.auth, owner)


async def test_somebody_who_is_not_there_is_not_found(services: Services) -> None:
    owner = await set_up(services.auth)

    with pytest.raises(PersonNotFound):
        await services.sessions.suspend(actor_of(owner), Suspend(UserId("01k9")))
    with pytest.raises(PersonNotFound):
        await services.sessions.restore(actor_of(owner), Restore(UserId("01k9")))


async def test_of_two_owners_who_suspend_each_other_at_once_one_remains(services: Services) -> None:
    first = await set_up(services.auth)
    second = await another_owner(services, first)

    done = await asyncio.gather(
        suspend(services, first, second), suspend(services, second, first), return_exceptions=True
    )

    assert sorted(type(outcome).__name__ for outcome in done) == ["Forbidden", "NoneType"]


async def test_a_suspended_owner_restores_nobody(services: Services) -> None:
    first = await set_up(services.auth)
    second = await another_owner(services, first)
    await suspend(services, first, second)

    with pytest.raises(Forbidden):
        await restore(services, second, second)

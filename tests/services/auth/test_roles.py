"""Roles: granted and taken at once, never beyond one's own, and the server keeps an owner."""

import asyncio

import msgspec
import pytest
from tests.harness import Services
from tests.services.auth.accounts import PASSWORD, actor_of, log_in, refresh, register, set_up
from tests.services.auth.home import Home

from kaif.interfaces.auth import PERMISSIONS_CHANGED, Nothing, PermissionChange, PersonNotFound, Tokens
from kaif.interfaces.auth.accounts import DeleteAccount
from kaif.interfaces.auth.factors import StepUpRequired
from kaif.interfaces.auth.invitations import Invite
from kaif.interfaces.auth.roles import (
    MANAGE_ROLES,
    PERMISSIONS,
    READ_AUDIT,
    READ_MAILBOX,
    BeyondYourOwn,
    DefineRole,
    DropRole,
    Grant,
    HeldBy,
    LastOwner,
    RoleBuiltIn,
    RoleNotFound,
    UnknownPermission,
)
from kaif.kernel.actor import NOBODY, Actor, Permission, UserId
from kaif.kernel.clock import MINUTE_US, SECOND_US
from kaif.kernel.errors import MissingPermission
from kaif.services.auth.invitations import store as invitation_store
from kaif.services.auth.roles import grants


async def permissions_of(services: Services, tokens: Tokens) -> tuple[Tokens, set[Permission]]:
    """As the next tokens of the session say."""
    newer = await refresh(services.auth, tokens)
    return newer, set(newer.user.permissions)


async def changes(services: Services) -> list[UserId]:
    """Whose change is announced from now on."""
    heard: list[UserId] = []
    decode = msgspec.msgpack.Decoder(PermissionChange).decode
    await services.cache.subscribe(PERMISSIONS_CHANGED, lambda payload: heard.append(decode(payload).user_id))
    return heard


async def test_only_who_manages_roles_does_so(services: Services) -> None:
    owner = actor_of(await set_up(services.auth))
    everything_else = msgspec.structs.replace(owner, permissions=PERMISSIONS - {MANAGE_ROLES})

    for acting in (
        services.roles.list_roles(everything_else, Nothing()),
        services.roles.define_role(everything_else, DefineRole("clerk", [])),
        services.roles.drop_role(everything_else, DropRole("clerk")),
        services.roles.grant_role(everything_else, Grant(owner.user_id, "seller")),
        services.roles.revoke_role(everything_else, Grant(owner.user_id, "seller")),
    ):
        with pytest.raises(MissingPermission):
            await acting


@pytest.mark.asvs("8.3.2")
async def test_who_is_granted_a_role_may_do_what_it_permits_with_the_next_token(services: Services) -> None:
    owner = actor_of(await set_up(services.auth))
    anna = await register(services.auth, "anna")
    heard = await changes(services)

    granted = await services.roles.grant_role(owner, Grant(anna.user.id, "compliance"))

    assert granted.roles == ["compliance"]
    assert heard == [anna.user.id]
    newer, permissions = await permissions_of(services, anna)
    assert permissions == {READ_AUDIT}
    assert newer.user.roles == ["compliance"]


async def test_a_role_that_is_taken_away_permits_nothing_more(services: Services) -> None:
    owner = actor_of(await set_up(services.auth))
    anna = await register(services.auth, "anna")
    await services.roles.grant_role(owner, Grant(anna.user.id, "compliance"))
    await services.roles.grant_role(owner, Grant(anna.user.id, "seller"))
    heard = await changes(services)

    left = await services.roles.revoke_role(owner, Grant(anna.user.id, "compliance"))

    assert left.roles == ["seller"]
    assert heard == [anna.user.id]
    assert (await permissions_of(services, anna))[1] == set()


async def test_gateways_that_missed_it_can_ask_whose_permissions_changed(services: Services) -> None:
    owner = actor_of(await set_up(services.auth))
    anna = await register(services.auth, "anna")
    await services.roles.grant_role(owner, Grant(anna.user.id, "support"))

    withdrawn = await services.auth.get_withdrawn(NOBODY, Nothing())

    assert [change.user_id for change in withdrawn.permissions] == [anna.user.id]


async def test_granting_and_revoking_twice_is_no_error_and_told_once(services: Services) -> None:
    owner = actor_of(await set_up(services.auth))
    anna = await register(services.auth, "anna")
    heard = await changes(services)

    for _ in range(2):
        await services.roles.grant_role(owner, Grant(anna.user.id, "support"))
    for _ in range(2):
        await services.roles.revoke_role(owner, Grant(anna.user.id, "support"))

    assert heard == [anna.user.id] * 2


async def test_the_servers_own_roles_permit_what_they_are_defined_to_at_once(services: Services) -> None:
    owner = actor_of(await set_up(services.auth))
    anna = await register(services.auth, "anna")
    await services.roles.define_role(owner, DefineRole("postmaster", [READ_MAILBOX]))
    await services.roles.grant_role(owner, Grant(anna.user.id, "postmaster"))
    anna, permissions = await permissions_of(services, anna)
    assert permissions == {READ_MAILBOX}

    await services.roles.define_role(owner, DefineRole("postmaster", [READ_AUDIT]))

    anna, permissions = await permissions_of(services, anna)
    assert permissions == {READ_AUDIT}
    await services.roles.drop_role(owner, DropRole("postmaster"))
    anna, permissions = await permissions_of(services, anna)
    assert (permissions, anna.user.roles) == (set(), [])
    with pytest.raises(RoleNotFound):
        await services.roles.grant_role(owner, Grant(anna.user.id, "postmaster"))


@pytest.mark.asvs("8.2.1")
async def test_nobody_gives_or_takes_or_defines_more_than_they_may_do(services: Services) -> None:
    owner = actor_of(await set_up(services.auth))
    anna = await register(services.auth, "anna")
    await services.roles.define_role(owner, DefineRole("clerk", [READ_MAILBOX]))
    await services.roles.grant_role(owner, Grant(anna.user.id, "admin"))
    admin = actor_of((await permissions_of(services, anna))[0])
    assert admin.permissions == PERMISSIONS - {READ_MAILBOX}

    for attempt in (
        services.roles.grant_role(admin, Grant(admin.user_id, "owner")),
        services.roles.grant_role(admin, Grant(admin.user_id, "clerk")),
        services.roles.revoke_role(admin, Grant(owner.user_id, "owner")),
        services.roles.define_role(admin, DefineRole("mine", [READ_MAILBOX])),
        services.roles.define_role(admin, DefineRole("clerk", [])),
        services.roles.drop_role(admin, DropRole("clerk")),
    ):
        with pytest.raises(BeyondYourOwn) as refused:
            await attempt
        assert refused.value.details == {"permission": READ_MAILBOX}
    assert (await services.roles.grant_role(admin, Grant(admin.user_id, "support"))).roles == ["admin", "support"]


async def test_what_is_not_there_is_not_granted(services: Services) -> None:
    owner = actor_of(await set_up(services.auth))

    with pytest.raises(RoleNotFound):
        await services.roles.grant_role(owner, Grant(owner.user_id, "wizard"))
    with pytest.raises(PersonNotFound):
        await services.roles.grant_role(owner, Grant(UserId("0" * 26), "support"))
    with pytest.raises(PersonNotFound):
        await services.roles.revoke_role(owner, Grant(UserId("0" * 26), "support"))
    with pytest.raises(UnknownPermission):
        await services.roles.define_role(owner, DefineRole("wizard", [Permission("auth.fly")]))
    for built_in in ("owner", "member"):
        with pytest.raises(RoleBuiltIn):
            await services.roles.define_role(owner, DefineRole(built_in, []))
        with pytest.raises(RoleBuiltIn):
            await services.roles.drop_role(owner, DropRole(built_in))


async def test_who_has_left_is_given_no_role(services: Services) -> None:
    owner, anna = await set_up(services.auth), await register(services.auth, "anna")
    await services.accounts.delete_account(actor_of(anna), DeleteAccount(PASSWORD))

    with pytest.raises(PersonNotFound):
        await services.roles.grant_role(actor_of(owner), Grant(anna.user.id, "owner"))


async def test_two_owners_who_dismiss_each_other_at_once_leave_one(services: Services) -> None:
    anna, boris = await set_up(services.auth), await register(services.auth, "boris")
    await services.roles.grant_role(actor_of(anna), Grant(boris.user.id, "owner"))
    owners = [actor_of(anna), actor_of(await log_in(services.auth, "boris"))]

    outcomes = await asyncio.gather(
        *[services.roles.revoke_role(one, Grant(other.user_id, "owner")) for one, other in _both_ways(owners)],
        return_exceptions=True,
    )

    assert sum(isinstance(outcome, LastOwner) for outcome in outcomes) == 1
    assert sum(not isinstance(outcome, BaseException) for outcome in outcomes) == 1


async def test_the_list_tells_built_in_roles_from_the_servers_own(services: Services) -> None:
    owner = actor_of(await set_up(services.auth))
    await services.roles.define_role(owner, DefineRole("clerk", [READ_MAILBOX, READ_AUDIT]))

    listed = (await services.roles.list_roles(owner, Nothing())).roles

    assert [role.name for role in listed if not role.built_in] == ["clerk"]
    assert listed[-1].permissions == [READ_AUDIT, READ_MAILBOX]
    assert {"member", "seller", "moderator", "support", "compliance", "admin", "owner"} == {
        role.name for role in listed if role.built_in
    }


def _both_ways(owners: list[Actor]) -> list[tuple[Actor, Actor]]:
    one, other = owners
    return [(one, other), (other, one)]


@pytest.mark.asvs("7.5.3", "8.4.2")
async def test_only_a_fresh_session_gives_power(home: Home) -> None:
    owner, anna = await home.owner_and("anna")
    home.now_us += 16 * MINUTE_US

    with pytest.raises(StepUpRequired):
        await home.roles.grant_role(actor_of(owner), Grant(anna.user.id, "support"))
    with pytest.raises(StepUpRequired):
        await home.roles.define_role(actor_of(owner), DefineRole("clerk", [READ_MAILBOX]))

    assert (await home.user(anna)).roles == []


async def test_what_is_taken_away_outdates_the_tokens_of_before_by_whichever_clock(home: Home) -> None:
    """Of two machines one may be behind, and clocks are set back."""
    owner, anna = await home.owner_and("anna")
    await home.roles.grant_role(actor_of(owner), Grant(anna.user.id, "compliance"))
    [given] = (await home.auth.get_withdrawn(NOBODY, Nothing())).permissions
    home.now_us -= 2 * SECOND_US

    await home.roles.revoke_role(actor_of(owner), Grant(anna.user.id, "compliance"))

    [taken] = (await home.auth.get_withdrawn(NOBODY, Nothing())).permissions
    assert taken.user_id == given.user_id == anna.user.id
    assert taken.at_us > given.at_us


async def test_a_role_that_is_dropped_at_this_moment_is_given_to_nobody(home: Home) -> None:
    owner, anna = await home.owner_and("anna")
    actor = actor_of(owner)
    await home.roles.define_role(actor, DefineRole("clerk", [READ_MAILBOX]))

    async with home.database.transaction() as tx:
        # As whoever drops it does: by now they have seen that nobody holds it.
        await grants.drop(tx, "clerk")
        await invitation_store.revoke_into(tx, "clerk", home.now_us)
        await grants.lock_privileged(tx)
        coming = [
            asyncio.ensure_future(home.roles.grant_role(actor, Grant(anna.user.id, "clerk"))),
            asyncio.ensure_future(home.invitations.invite(actor, Invite(role="clerk"))),
        ]
        # Long enough for both to come to where they wait, or past it.
        await asyncio.wait(coming, timeout=0.3)

    done = await asyncio.gather(*coming, return_exceptions=True)
    assert [type(outcome) for outcome in done] == [RoleNotFound] * 2
    assert (await home.user(anna)).roles == []


async def test_services_are_told_which_roles_somebody_holds_and_what_each_permits(services: Services) -> None:
    owner = actor_of(await set_up(services.auth))
    anna = await register(services.auth, "anna")

    async def held() -> list[tuple[str, list[Permission], bool]]:
        roles = (await services.roles.list_held_roles(NOBODY, HeldBy(anna.user.id))).roles
        return [(role.name, role.permissions, role.built_in) for role in roles]

    assert await held() == [("member", [], True)]
    await services.roles.define_role(owner, DefineRole("postmaster", [READ_MAILBOX]))
    await services.roles.grant_role(owner, Grant(anna.user.id, "postmaster"))
    await services.roles.grant_role(owner, Grant(anna.user.id, "compliance"))
    assert await held() == [
        ("member", [], True),
        ("compliance", [READ_AUDIT], True),
        ("postmaster", [READ_MAILBOX], False),
    ]
    await services.roles.drop_role(owner, DropRole("postmaster"))
    assert await held() == [("member", [], True), ("compliance", [READ_AUDIT], True)]
    for nobody in (UserId("nobody"), UserId("")):
        with pytest.raises(PersonNotFound):
            await services.roles.list_held_roles(NOBODY, HeldBy(nobody))

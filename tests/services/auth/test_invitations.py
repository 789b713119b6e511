"""Who may join is what the operator chose, and an invitation lets in whom it is for, as often as it says."""

import asyncio
from typing import Any

import pytest
from tests.services.auth.accounts import PASSWORD, actor_of, log_in, refresh, register, set_up
from tests.services.auth.home import Home
from tests.waiting import eventually

from kaif.interfaces.auth import EmailTaken, Nothing, Register, Tokens, UsernameTaken
from kaif.interfaces.auth.accounts import ConfirmEmail, DeleteAccount, LinkSpent, ResetPassword
from kaif.interfaces.auth.audit import ListAudit
from kaif.interfaces.auth.invitations import (
    InvitationExpired,
    InvitationForAnother,
    InvitationNotFound,
    InvitationRequired,
    InvitationRevoked,
    InvitationState,
    InvitationUnknown,
    InvitationUsedUp,
    Invite,
    Invited,
    ListInvitations,
    LookAtInvitation,
    OneAddressOneUse,
    RegistrationClosed,
    RegistrationMode,
    RevokeInvitation,
    SetRegistration,
)
from kaif.interfaces.auth.roles import BeyondYourOwn, DefineRole, DropRole, Grant, RoleNotFound
from kaif.interfaces.auth.sessions import Suspend
from kaif.kernel.actor import NOBODY
from kaif.kernel.clock import DAY_US
from kaif.kernel.errors import MissingPermission


async def opened(home: Home, mode: RegistrationMode = "invitation") -> Tokens:
    """The owner of a server with this mode."""
    owner = await set_up(home.auth)
    await home.invitations.set_registration(actor_of(owner), SetRegistration(mode))
    return owner


async def invite(home: Home, maker: Tokens, **wanted: Any) -> Invited:
    return await home.invitations.invite(actor_of(maker), Invite(**wanted))


async def token_of(home: Home, maker: Tokens, **wanted: Any) -> str:
    token = (await invite(home, maker, **wanted)).token
    assert token
    return token


async def come(home: Home, token: str, name: str = "guest", email: str = "") -> Tokens:
    wanted = Register(name, email or f"{name}@example.org", PASSWORD, invitation=token)
    return await home.auth.register(NOBODY, wanted)


async def with_role(home: Home, owner: Tokens, name: str, role: str) -> Tokens:
    """Of somebody whom the owner has given the role, whatever the mode is."""
    guest = await come(home, await token_of(home, owner), name)
    await home.roles.grant_role(actor_of(owner), Grant(guest.user.id, role))
    return await refresh(home.auth, guest)


async def state(home: Home, owner: Tokens, invitation_id: str) -> InvitationState:
    page = await home.invitations.list_invitations(actor_of(owner), ListInvitations())
    return next(one.state for one in page.invitations if one.id == invitation_id)


async def test_by_invitation_only_who_is_invited_gets_an_account(home: Home) -> None:
    owner = await opened(home)

    with pytest.raises(InvitationRequired):
        await come(home, "")
    guest = await come(home, await token_of(home, owner))

    assert (guest.user.roles, guest.user.email_confirmed) == ([], False)
    assert await log_in(home.auth, "guest")


async def test_a_closed_server_takes_nobody_and_an_open_one_everybody(home: Home) -> None:
    owner = await opened(home)
    token = await token_of(home, owner)

    await home.invitations.set_registration(actor_of(owner), SetRegistration("closed"))
    for given in ("", token):
        with pytest.raises(RegistrationClosed):
            await come(home, given)
    with pytest.raises(RegistrationClosed):
        await home.invitations.look_at_invitation(NOBODY, LookAtInvitation(token))

    await home.invitations.set_registration(actor_of(owner), SetRegistration("open"))
    assert await register(home.auth, "anybody")
    assert await come(home, token)


async def test_everybody_may_ask_who_may_join(home: Home) -> None:
    assert (await home.invitations.get_registration(NOBODY, Nothing())).mode == "open"
    await opened(home, "closed")

    assert (await home.invitations.get_registration(NOBODY, Nothing())).mode == "closed"


async def test_a_stranger_learns_no_names_from_a_server_that_does_not_take_them(home: Home) -> None:
    await opened(home)

    with pytest.raises(InvitationRequired):
        await come(home, "", "owner")


@pytest.mark.asvs("2.3.2")
async def test_of_ten_who_come_at_once_for_the_last_use_one_gets_it(home: Home) -> None:
    owner = await opened(home)
    token = await token_of(home, owner)

    done = await asyncio.gather(*[come(home, token, f"guest-{n}") for n in range(10)], return_exceptions=True)

    assert sorted(type(outcome).__name__ for outcome in done) == ["InvitationUsedUp"] * 9 + ["Tokens"]
    page = await home.invitations.list_invitations(actor_of(owner), ListInvitations())
    assert [(one.uses, one.uses_max, one.state) for one in page.invitations] == [(1, 1, "used_up")]


@pytest.mark.asvs("2.3.2")
async def test_an_invitation_is_good_as_often_as_it_says(home: Home) -> None:
    owner = await opened(home)
    token = await token_of(home, owner, uses=3)

    for n in range(3):
        await come(home, token, f"guest-{n}")
    with pytest.raises(InvitationUsedUp):
        await come(home, token)


@pytest.mark.asvs("2.3.3")
async def test_a_registration_that_fails_uses_nothing_up(home: Home) -> None:
    owner = await opened(home)
    token = await token_of(home, owner)

    with pytest.raises(UsernameTaken):
        await come(home, token, "owner", "new@example.org")
    twice = await asyncio.gather(
        come(home, await token_of(home, owner), "twin"),
        come(home, await token_of(home, owner), "twin"),
        return_exceptions=True,
    )

    assert sorted(type(outcome).__name__ for outcome in twice) == ["Tokens", "UsernameTaken"]
    page = await home.invitations.list_invitations(actor_of(owner), ListInvitations())
    assert sorted(one.uses for one in page.invitations) == [0, 0, 1]
    assert await come(home, token)


async def test_an_expired_or_revoked_invitation_says_which_it_is(home: Home) -> None:
    owner = await opened(home)
    old, taken_back = await invite(home, owner, days=1), await invite(home, owner, days=30)
    assert old.token and taken_back.token
    await home.invitations.revoke_invitation(actor_of(owner), RevokeInvitation(taken_back.invitation.id))
    await home.invitations.revoke_invitation(actor_of(owner), RevokeInvitation(taken_back.invitation.id))
    home.now_us += DAY_US

    for invited, error in [(old, InvitationExpired), (taken_back, InvitationRevoked)]:
        with pytest.raises(error):
            await come(home, invited.token or "")
        with pytest.raises(error):
            await home.invitations.look_at_invitation(NOBODY, LookAtInvitation(invited.token or ""))
    assert await state(home, owner, old.invitation.id) == "expired"
    assert await state(home, owner, taken_back.invitation.id) == "revoked"


async def test_a_token_that_was_changed_or_made_up_is_none(home: Home) -> None:
    owner = await opened(home)
    invited = await invite(home, owner)
    token = invited.token or ""
    id_, _, seal = token.partition(".")
    other = id_[:-1] + ("1" if id_[-1] == "0" else "0")

    for lie in (id_, f"{id_}.", f"{id_}.{'0' * 64}", f"{other}.{seal}", token.upper(), token + "a", "жеребёнок"):
        with pytest.raises(InvitationUnknown):
            await come(home, lie)


async def test_the_link_of_another_letter_is_no_invitation_and_an_invitation_opens_no_account(home: Home) -> None:
    owner = await opened(home)
    confirmation = await home.token("owner@example.org")

    with pytest.raises(InvitationUnknown):
        await come(home, confirmation)
    with pytest.raises(LinkSpent):
        await home.accounts.reset_password(NOBODY, ResetPassword(await token_of(home, owner), PASSWORD))


async def test_an_invitation_by_letter_admits_its_address_alone_and_proves_it(home: Home) -> None:
    owner = await opened(home)
    invited = await invite(home, owner, email="Anna@Example.org", language="ru")
    assert invited.token is None, "whoever invites does not read the invited one's mail"

    token = await home.token("anna@example.org")
    offer = await home.invitations.look_at_invitation(NOBODY, LookAtInvitation(token))
    assert offer.email == "anna@example.org"
    with pytest.raises(InvitationForAnother):
        await come(home, token, "anna", "other@example.org")
    anna = await come(home, token, "anna")

    assert anna.user.email_confirmed
    welcome = await home.letter("anna@example.org", 2)
    assert "/confirm#" not in welcome.text
    assert "Приглашение" in (await home.letter("anna@example.org")).subject


async def test_the_address_of_who_came_by_letter_and_left_is_forgotten(home: Home) -> None:
    owner = await opened(home)
    invited = await invite(home, owner, email="anna@example.org", note="Anna of the pier")
    token = await home.token("anna@example.org")
    anna = await come(home, token, "anna")

    await home.accounts.delete_account(actor_of(anna), DeleteAccount(PASSWORD))

    [left] = (await home.invitations.list_invitations(actor_of(owner), ListInvitations())).invitations
    assert (left.id, left.email, left.note, left.state) == (invited.invitation.id, None, "", "used_up")
    with pytest.raises(InvitationUsedUp):
        await come(home, token, "anna")


async def test_an_invitation_for_one_address_is_good_once_and_for_a_new_address(home: Home) -> None:
    owner = await opened(home)

    with pytest.raises(OneAddressOneUse):
        await invite(home, owner, email="anna@example.org", uses=2)
    await home.accounts.confirm_email(actor_of(owner), ConfirmEmail(await home.token("owner@example.org")))
    with pytest.raises(EmailTaken):
        await invite(home, owner, email="OWNER@example.org")


async def test_a_role_comes_with_the_account_and_works_at_once(home: Home) -> None:
    owner = await opened(home)

    helper = await come(home, await token_of(home, owner, role="support"), "helper")

    assert helper.user.roles == ["support"]
    assert "auth.manage_people" in helper.user.permissions


async def test_nobody_invites_into_a_role_that_permits_more_than_they_may(home: Home) -> None:
    owner = await opened(home)
    admin = await with_role(home, owner, "admin-1", "admin")
    await home.roles.define_role(actor_of(owner), DefineRole("host", [*admin.user.permissions[:1]]))
    await home.roles.define_role(actor_of(owner), DefineRole("greeter", _permissions("auth.manage_invitations")))
    greeter = await with_role(home, owner, "greeter-1", "greeter")

    with pytest.raises(BeyondYourOwn):
        await invite(home, admin, role="owner")
    with pytest.raises(MissingPermission):
        await invite(home, greeter, role="greeter")
    with pytest.raises(RoleNotFound):
        await invite(home, admin, role="nothing")
    assert await invite(home, admin, role="support")
    assert await invite(home, greeter)


def _permissions(*names: str) -> Any:
    return list(names)


async def test_an_invitation_dies_with_the_authority_of_who_made_it(home: Home) -> None:
    owner = await opened(home)
    admin = await with_role(home, owner, "admin-1", "admin")
    plain, privileged = await invite(home, admin), await invite(home, admin, role="support")
    await home.roles.define_role(actor_of(owner), DefineRole("greeter", _permissions("auth.manage_invitations")))
    await home.roles.grant_role(actor_of(owner), Grant(admin.user.id, "greeter"))

    await home.roles.revoke_role(actor_of(owner), Grant(admin.user.id, "admin"))

    assert await state(home, owner, plain.invitation.id) == "good"
    assert await state(home, owner, privileged.invitation.id) == "void"
    with pytest.raises(InvitationRevoked):
        await come(home, privileged.token or "")

    await home.sessions.suspend(actor_of(owner), Suspend(admin.user.id))
    with pytest.raises(InvitationRevoked):
        await come(home, plain.token or "")


async def test_a_role_that_was_dropped_is_not_given_even_when_it_comes_back(home: Home) -> None:
    owner = await opened(home)
    await home.roles.define_role(actor_of(owner), DefineRole("guard", []))
    invited = await invite(home, owner, role="guard")

    await home.roles.drop_role(actor_of(owner), DropRole("guard"))
    await home.roles.define_role(actor_of(owner), DefineRole("guard", _permissions("auth.read_audit")))

    with pytest.raises(InvitationRevoked):
        await come(home, invited.token or "")


async def test_operators_see_all_invitations_page_by_page_and_members_none(home: Home) -> None:
    owner = await opened(home)
    admin = await with_role(home, owner, "admin-1", "admin")
    for note in ("one", "two", "three"):
        await invite(home, admin, note=f" {note} ", uses=5)

    first = await home.invitations.list_invitations(actor_of(owner), ListInvitations(limit=3))
    rest = await home.invitations.list_invitations(actor_of(owner), ListInvitations(before=first.next_before))

    assert [one.note for one in first.invitations] == ["three", "two", "one"]
    assert {one.made_by.username for one in first.invitations} == {"admin-1"}
    assert ([one.uses for one in rest.invitations], rest.next_before) == ([1], None)
    member = await come(home, await token_of(home, owner), "member")
    for attempt in (
        home.invitations.list_invitations(actor_of(member), ListInvitations()),
        home.invitations.invite(actor_of(member), Invite()),
        home.invitations.revoke_invitation(actor_of(member), RevokeInvitation(first.invitations[0].id)),
        home.invitations.set_registration(actor_of(member), SetRegistration("open")),
    ):
        with pytest.raises(MissingPermission):
            await attempt


async def test_nobody_revokes_an_invitation_into_a_role_beyond_their_own(home: Home) -> None:
    owner = await opened(home)
    admin = await with_role(home, owner, "admin-1", "admin")
    invited = await invite(home, owner, role="owner")

    with pytest.raises(BeyondYourOwn):
        await home.invitations.revoke_invitation(actor_of(admin), RevokeInvitation(invited.invitation.id))
    with pytest.raises(InvitationNotFound):
        await home.invitations.revoke_invitation(actor_of(owner), RevokeInvitation("01k9"))


async def test_the_log_tells_who_invited_and_who_came_and_no_token(home: Home) -> None:
    owner = await opened(home)
    invited = await invite(home, owner, role="support")
    guest = await come(home, invited.token or "")
    await home.invitations.revoke_invitation(actor_of(owner), RevokeInvitation(invited.invitation.id))

    entries = (await home.audit.list_audit(actor_of(owner), ListAudit())).entries
    told = {entry.action: entry for entry in reversed(entries)}

    assert told["registration_changed"].details["mode"] == "invitation"
    assert told["invitation_made"].details == {"invitation": invited.invitation.id, "uses": 1, "role": "support"}
    assert told["invitation_revoked"].actor_id == owner.user.id
    come_in = next(e for e in entries if e.action == "account_created" and e.actor_id == guest.user.id)
    assert come_in.details["invitation"] == invited.invitation.id
    seal = (invited.token or "").partition(".")[2]
    assert seal not in str(entries)


async def all_waiting(home: Home, people: int) -> None:
    """Until so many have seen that the invitation is good, and wait for its row. On SQLite they wait to begin."""

    async def blocked() -> bool:
        sql = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE '%auth_invitations%'"
        rows: list[tuple[int]] = await home.database.fetch(tuple, sql)
        return rows[0][0] >= people

    if home.database.dialect == "postgres":
        await eventually(blocked)


@pytest.mark.parametrize("uses", [1, 2])
async def test_of_those_who_see_the_last_uses_at_the_same_moment_no_more_come_in(home: Home, uses: int) -> None:
    owner = await opened(home)
    token = await token_of(home, owner, uses=uses)

    async with home.database.transaction() as tx:
        await tx.fetch(tuple, "SELECT id FROM auth_invitations FOR UPDATE")
        coming = [asyncio.ensure_future(come(home, token, f"guest-{n}")) for n in range(4)]
        await all_waiting(home, 4)
    done = await asyncio.gather(*coming, return_exceptions=True)

    names = sorted(type(outcome).__name__ for outcome in done)
    assert names == ["InvitationUsedUp"] * (4 - uses) + ["Tokens"] * uses


async def test_who_comes_at_the_moment_of_the_revocation_does_not_get_in(home: Home) -> None:
    owner = await opened(home)
    token = await token_of(home, owner)

    async with home.database.transaction() as tx:
        await tx.execute("UPDATE auth_invitations SET revoked_at_us = :now_us", now_us=home.now_us)
        coming = asyncio.ensure_future(come(home, token))
        await all_waiting(home, 1)
    with pytest.raises(InvitationRevoked):
        await coming

    page = await home.invitations.list_invitations(actor_of(owner), ListInvitations())
    assert page.invitations[0].uses == 0

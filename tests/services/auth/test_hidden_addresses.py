"""Whether somebody has an address is told to nobody but them."""

import asyncio
from typing import Any

import argon2
import pytest
from tests.services.auth.accounts import PASSWORD, actor_of, log_in, register, set_up
from tests.services.auth.home import NEW_PASSWORD, Home, token_in
from tests.waiting import eventually

from kaif.interfaces.auth import EmailTaken, InvalidCredentials, Nothing, Register, Tokens
from kaif.interfaces.auth.accounts import (
    ChangeEmail,
    ConfirmEmail,
    DeleteAccount,
    ForgetPassword,
    LinkSpent,
    ResetPassword,
)
from kaif.interfaces.auth.directory import FindAccounts
from kaif.interfaces.auth.invitations import Invite, ListInvitations
from kaif.kernel.actor import NOBODY

ANNA = "anna@example.org"
NAMED = "Somebody gave your e-mail address"


async def owned(home: Home) -> Tokens:
    """Anna, whose address is confirmed."""
    _, anna = await home.owner_and("anna")
    await home.accounts.confirm_email(NOBODY, ConfirmEmail(await home.token(ANNA)))
    return anna


async def claim(home: Home, name: str, email: str = ANNA, password: str = PASSWORD) -> Tokens:
    return await home.auth.register(NOBODY, Register(name, email, password))


async def links(home: Home, number: int) -> dict[str, str]:
    """The tokens of that many letters for a new password, each by the name of its account."""

    async def resets() -> list[str]:
        return [letter.text for letter in await home.letters(ANNA) if "/reset#" in letter.text]

    async def come() -> bool:
        return len(await resets()) >= number

    await eventually(come)
    found = [letter for letter in await home.letters(ANNA) if "/reset#" in letter.text]
    return {letter.text.split("account @")[1].split()[0]: token_in(letter) for letter in found}


def without_what_is_new(tokens: Tokens) -> dict[str, Any]:
    user = {name: getattr(tokens.user, name) for name in tokens.user.__struct_fields__}
    for name in ("id", "username", "display_name", "email"):
        assert user.pop(name)
    return {**user, "expires_in": tokens.expires_in, "tokens": bool(tokens.access_token and tokens.refresh_token)}


@pytest.mark.asvs("6.3.8")
async def test_a_known_address_and_an_unknown_one_are_answered_alike_and_cost_the_same(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    await owned(home)
    hashed: list[str] = []
    real = argon2.PasswordHasher.hash

    def counted(hasher: argon2.PasswordHasher, password: str, **how: Any) -> str:
        hashed.append(password)
        return real(hasher, password, **how)

    monkeypatch.setattr(argon2.PasswordHasher, "hash", counted)

    known = await claim(home, "vera")
    of_known, hashed[:] = len(hashed), []
    unknown = await claim(home, "gleb", "gleb@example.org")

    assert without_what_is_new(known) == without_what_is_new(unknown)
    assert of_known == len(hashed) == 1


@pytest.mark.asvs("6.3.8")
async def test_the_owner_is_told_and_gets_no_link_that_would_give_the_address_away(home: Home) -> None:
    await owned(home)

    await claim(home, "vera")

    letter = await home.letter(ANNA, 2)
    assert letter.subject == NAMED
    assert "@anna" in letter.text and "@vera" not in letter.text and "#" not in letter.text


@pytest.mark.asvs("6.3.8")
async def test_what_a_stranger_does_later_with_the_address_tells_them_nothing_either(home: Home) -> None:
    await owned(home)
    vera = await claim(home, "vera")

    await home.accounts.resend_confirmation(actor_of(vera), Nothing())
    await home.accounts.change_email(actor_of(vera), ChangeEmail(ANNA, PASSWORD))
    gleb = await claim(home, "gleb", "gleb@example.org")
    await home.accounts.change_email(actor_of(gleb), ChangeEmail(ANNA, PASSWORD))

    # Neither their own password nor a wrong one signs in by it, whether or not it is somebody's.
    for address in (ANNA, "nobody@example.org"):
        await claim(home, f"again-{address[:4]}", address, NEW_PASSWORD)
        with pytest.raises(InvalidCredentials):
            await log_in(home.auth, address, NEW_PASSWORD)
    assert (await home.user(vera)).email_confirmed is False
    await home.letter(ANNA, 4)
    assert {letter.subject for letter in (await home.letters(ANNA))[1:]} == {NAMED}


async def test_the_owner_is_told_three_times_in_an_hour_at_most(home: Home) -> None:
    await owned(home)

    for number in range(5):
        await claim(home, f"vera-{number}")
    await home.accounts.forget_password(NOBODY, ForgetPassword(ANNA))
    await links(home, 1)

    assert [letter.subject for letter in await home.letters(ANNA)].count(NAMED) == 3


async def test_a_mailbox_is_not_filled_with_welcomes_before_anybody_has_confirmed_it(home: Home) -> None:
    await set_up(home.auth)

    await asyncio.gather(*[claim(home, f"vera-{number}") for number in range(10)])
    last = await claim(home, "last")
    await home.letter(ANNA, 5)
    await home.accounts.resend_confirmation(actor_of(last), Nothing())

    await home.letter(ANNA, 6)
    subjects = [letter.subject for letter in await home.letters(ANNA)]
    assert len([subject for subject in subjects if subject.startswith("Welcome")]) == 5


async def test_the_owner_signs_in_by_the_address_whoever_else_names_it(home: Home) -> None:
    anna = await owned(home)
    for number in range(3):
        await claim(home, f"vera-{number}")

    assert (await log_in(home.auth, ANNA)).user.id == anna.user.id
    assert (await log_in(home.auth, "vera-0")).user.username == "vera-0"


async def test_a_reset_is_the_owners_whoever_else_names_the_address(home: Home) -> None:
    anna = await owned(home)
    await claim(home, "vera")

    await home.accounts.forget_password(NOBODY, ForgetPassword(ANNA))
    found = await links(home, 1)
    await home.accounts.reset_password(NOBODY, ResetPassword(found["anna"], NEW_PASSWORD))

    assert list(found) == ["anna"]
    assert (await log_in(home.auth, ANNA, NEW_PASSWORD)).user.id == anna.user.id
    assert (await log_in(home.auth, "vera")).user.username == "vera"


async def test_of_many_who_name_an_address_the_first_to_confirm_has_it(home: Home) -> None:
    await set_up(home.auth)
    names = [f"vera-{number}" for number in range(5)]
    for name in names:
        await claim(home, name)
    await home.letter(ANNA, 5)
    tokens = [token_in(letter) for letter in await home.letters(ANNA)]

    done = await asyncio.gather(
        *[home.accounts.confirm_email(NOBODY, ConfirmEmail(token)) for token in tokens], return_exceptions=True
    )

    assert sorted(type(one).__name__ for one in done) == ["ConfirmedEmail"] + ["EmailTaken"] * 4


async def test_squatters_lock_nobody_out_whether_they_come_before_or_after(home: Home) -> None:
    await set_up(home.auth)
    await claim(home, "earlier")
    anna = await register(home.auth, "anna")
    for number in range(6):
        await claim(home, f"later-{number}")
    assert (await log_in(home.auth, "anna")).user.id == anna.user.id

    await home.accounts.forget_password(NOBODY, ForgetPassword(ANNA))
    found = await links(home, 5)
    await home.accounts.reset_password(NOBODY, ResetPassword(found["anna"], NEW_PASSWORD))

    assert list(found)[:2] == ["earlier", "anna"] and len(found) == 5
    assert (await log_in(home.auth, ANNA, NEW_PASSWORD)).user.id == anna.user.id
    # The address is hers now: what a squatter's letter held opens nothing any more.
    with pytest.raises(LinkSpent):
        await home.accounts.reset_password(NOBODY, ResetPassword(found["earlier"], NEW_PASSWORD))
    with pytest.raises(InvalidCredentials):
        await log_in(home.auth, "earlier", NEW_PASSWORD)


async def test_an_invitation_gives_the_address_to_its_reader_whoever_has_named_it(home: Home) -> None:
    owner = await set_up(home.auth)
    await claim(home, "vera")

    await home.invitations.invite(actor_of(owner), Invite(email=ANNA))
    token = await home.token(ANNA, 2)
    anna = await home.auth.register(NOBODY, Register("anna", ANNA, PASSWORD, invitation=token))

    assert anna.user.email_confirmed
    assert (await log_in(home.auth, ANNA)).user.id == anna.user.id
    with pytest.raises(EmailTaken):
        await home.invitations.invite(actor_of(owner), Invite(email=ANNA))


async def test_who_comes_by_an_invitation_to_an_address_that_is_theirs_already_may_know_it(home: Home) -> None:
    owner = await set_up(home.auth)
    await home.invitations.invite(actor_of(owner), Invite(email=ANNA))
    token = await home.token(ANNA)
    await register(home.auth, "anna")
    await home.accounts.confirm_email(NOBODY, ConfirmEmail(await home.token(ANNA, 2)))

    with pytest.raises(EmailTaken):
        await home.auth.register(NOBODY, Register("anna2", ANNA, PASSWORD, invitation=token))


async def test_who_leaves_takes_nothing_of_the_owner_of_an_address_that_they_named(home: Home) -> None:
    owner = await set_up(home.auth)
    await home.invitations.invite(actor_of(owner), Invite(email=ANNA, note="from the choir"))
    token = await home.token(ANNA)
    anna = await home.auth.register(NOBODY, Register("anna", ANNA, PASSWORD, invitation=token))
    vera = await claim(home, "vera")

    await home.accounts.delete_account(actor_of(vera), DeleteAccount(PASSWORD))

    page = (await home.directory.find_accounts(actor_of(owner), FindAccounts(ANNA))).accounts
    assert [one.id for one in page] == [anna.user.id]
    [kept] = (await home.invitations.list_invitations(actor_of(owner), ListInvitations())).invitations
    assert (kept.email, kept.note) == (ANNA, "from the choir")
    assert (await log_in(home.auth, ANNA)).user.id == anna.user.id


async def test_an_address_that_its_owner_gives_up_is_free(home: Home) -> None:
    anna = await owned(home)
    vera = await claim(home, "vera")
    await home.letter(ANNA, 2)

    await home.accounts.delete_account(actor_of(anna), DeleteAccount(PASSWORD))
    await home.accounts.resend_confirmation(actor_of(vera), Nothing())

    await home.accounts.confirm_email(NOBODY, ConfirmEmail(await home.token(ANNA, 3)))
    assert (await log_in(home.auth, ANNA)).user.id == vera.user.id

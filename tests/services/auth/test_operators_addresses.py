"""A letter opens no account with a role at an address that nobody has proved: it may be a stranger's, by a slip."""

import pytest
from tests.services.auth.accounts import AUDITOR, PASSWORD, actor_of, log_in, refresh
from tests.services.auth.home import NEW_PASSWORD, Home
from tests.services.auth.test_bots import make
from tests.services.auth.test_hidden_addresses import claim
from tests.services.auth.test_named_mailboxes import all_sent
from tests.services.auth.test_squatters import ANNA, add_passkey, enter_by_passkey, make_key, reset, turn_on

from kaif.interfaces.auth import InvalidCredentials, PersonNotFound
from kaif.interfaces.auth.accounts import (
    ChangeEmail,
    ChangePassword,
    ConfirmEmail,
    ConfirmSignedIn,
    ForgetPassword,
    LinkSpent,
    ResetPassword,
)
from kaif.interfaces.auth.audit import ListAudit
from kaif.interfaces.auth.directory import AccountIsBot, AddressUnconfirmed, OfAccount, TakeApiKey
from kaif.interfaces.auth.factors import SecondFactorRequired
from kaif.interfaces.auth.roles import Grant
from kaif.kernel.actor import NOBODY
from kaif.kernel.clock import MINUTE_US
from kaif.services.auth.audit.log import AuditLog
from kaif.services.auth.operating import handed_links
from kaif.services.auth.tokens import Signer

OWNER = "owner@example.org"


async def handed_out(home: Home, username: str) -> str:
    """What whoever has the machine hands over."""
    audit = AuditLog("a key", lambda: home.now_us)
    link_id = await handed_links.hand_out(home.database, audit, username, lambda: home.now_us)
    return Signer(home.signing_key).link_token(link_id)


@pytest.mark.asvs("6.4.3")
async def test_no_link_goes_to_a_mistyped_address_of_who_has_a_role_and_whoever_asks_hears_the_same(home: Home) -> None:
    await home.owner_and("anna")

    assert await home.accounts.forget_password(NOBODY, ForgetPassword(OWNER)) == await home.accounts.forget_password(
        NOBODY, ForgetPassword("nobody@example.org")
    )
    # Members get theirs; letters leave in their order.
    await reset(home)

    assert ["/reset#" in letter.text for letter in await home.letters(OWNER)] == [False]


async def test_a_link_of_before_opens_nothing_once_its_account_has_a_role(home: Home) -> None:
    owner, anna = await home.owner_and("anna")
    await home.accounts.forget_password(NOBODY, ForgetPassword(ANNA))
    token = await home.token(ANNA, 2)
    await home.roles.grant_role(actor_of(owner), Grant(anna.user.id, "support"))

    with pytest.raises(LinkSpent):
        await home.accounts.reset_password(NOBODY, ResetPassword(token, NEW_PASSWORD))

    assert await log_in(home.auth, "anna")
    assert not (await home.user(anna)).email_confirmed


async def test_a_letter_alone_proves_no_address_of_who_has_a_role(home: Home) -> None:
    owner, anna = await home.owner_and("anna")
    welcome = ConfirmEmail(await home.token(OWNER))

    for stranger in (NOBODY, actor_of(anna)):
        with pytest.raises(ConfirmSignedIn):
            await home.accounts.confirm_email(stranger, welcome)
    assert not (await home.user(owner)).email_confirmed
    # Nothing was spent.
    await home.accounts.confirm_email(actor_of(owner), welcome)

    await home.accounts.change_email(actor_of(owner), ChangeEmail("onwer@example.org", PASSWORD))
    mistyped = ConfirmEmail(await home.token("onwer@example.org"))
    with pytest.raises(ConfirmSignedIn):
        await home.accounts.confirm_email(NOBODY, mistyped)
    await home.accounts.forget_password(NOBODY, ForgetPassword("onwer@example.org"))
    await all_sent(home)
    assert len(await home.letters("onwer@example.org")) == 1
    assert (await home.user(owner)).email == OWNER
    # At the one that is proved they get a letter like anybody.
    await home.accounts.forget_password(NOBODY, ForgetPassword(OWNER))
    await home.accounts.reset_password(NOBODY, ResetPassword(await home.token(OWNER, 3), NEW_PASSWORD))
    assert await log_in(home.auth, OWNER, NEW_PASSWORD)


async def test_an_operator_hears_why_such_a_reset_is_refused_and_nothing_is_taken(home: Home) -> None:
    owner, anna = await home.owner_and("anna")
    await home.roles.grant_role(actor_of(owner), Grant(anna.user.id, "support"))
    await turn_on(home, anna)
    await home.accounts.change_password(actor_of(anna), ChangePassword(PASSWORD, "pier-42-tea"))

    for act in (home.directory.force_reset, home.directory.take_second_factors):
        with pytest.raises(AddressUnconfirmed):
            await act(actor_of(owner), OfAccount(anna.user.id))

    assert await refresh(home.auth, anna)
    with pytest.raises(SecondFactorRequired):
        await log_in(home.auth, "anna", "pier-42-tea")
    await all_sent(home)
    assert len(await home.letters(ANNA)) == 1


async def test_what_operators_take_is_not_told_to_an_address_that_nobody_has_proved(home: Home) -> None:
    owner, anna = await home.owner_and("anna")
    key = await make_key(home, anna)
    await turn_on(home, anna)

    await home.directory.take_api_key(actor_of(owner), TakeApiKey(anna.user.id, key.key.id))
    await home.directory.take_second_factors(actor_of(owner), OfAccount(anna.user.id))
    await all_sent(home)

    assert len(await home.letters(ANNA)) == 1


# By whoever has the machine


@pytest.mark.asvs("6.4.3")
async def test_a_link_that_is_handed_over_sets_a_password_once_and_proves_no_address(home: Home) -> None:
    owner, _ = await home.owner_and("anna")
    passkey = await add_passkey(home, owner)
    older, token = await handed_out(home, "owner"), await handed_out(home, "@Owner")

    with pytest.raises(LinkSpent):
        await home.accounts.reset_password(NOBODY, ResetPassword(older, NEW_PASSWORD))
    await home.accounts.reset_password(NOBODY, ResetPassword(token, NEW_PASSWORD))

    with pytest.raises(LinkSpent):
        await home.accounts.reset_password(NOBODY, ResetPassword(token, "a pier in the morning fog"))
    with pytest.raises(InvalidCredentials):
        await log_in(home.auth, "owner")
    assert not (await log_in(home.auth, "owner", NEW_PASSWORD)).user.email_confirmed
    # What is the owner's stays: the address told nothing of whose the account is.
    assert await enter_by_passkey(home, passkey)
    told = (await home.audit.list_audit(AUDITOR, ListAudit("reset_link_handed_out"))).entries
    assert [(entry.actor_id, entry.subject_id) for entry in told] == [("", owner.user.id)] * 2
    await all_sent(home)
    assert len(await home.letters(OWNER)) == 1


async def test_no_stranger_takes_the_place_of_a_link_that_was_handed_over(home: Home) -> None:
    """Whoever knows an address can ask for letters to it, and perhaps none come."""
    await home.owner_and("anna")
    await home.register_in("en", "boris")
    token = await handed_out(home, "anna")
    home.now_us += 2 * MINUTE_US

    await home.accounts.forget_password(NOBODY, ForgetPassword(ANNA))
    # Letters leave in their order: by the time of this one, hers would have left.
    await home.accounts.forget_password(NOBODY, ForgetPassword("boris@example.org"))
    await home.letter("boris@example.org", 2)

    await home.accounts.reset_password(NOBODY, ResetPassword(token, NEW_PASSWORD))
    assert await log_in(home.auth, "anna", NEW_PASSWORD)


async def test_a_link_is_handed_over_for_people_who_are_here_alone(embedded_home: Home) -> None:
    owner, _ = await embedded_home.owner_and("anna")
    bot = await make(embedded_home, owner)

    with pytest.raises(AccountIsBot):
        await handed_out(embedded_home, bot.bot.person.username)
    with pytest.raises(PersonNotFound):
        await handed_out(embedded_home, "nobody")
    embedded_home.now_us -= 31 * 60 * 1_000_000
    token = await handed_out(embedded_home, "anna")
    embedded_home.now_us += 31 * 60 * 1_000_000
    await claim(embedded_home, "vera")
    with pytest.raises(LinkSpent):
        await embedded_home.accounts.reset_password(NOBODY, ResetPassword(token, NEW_PASSWORD))

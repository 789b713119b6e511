"""Whose mailbox is named by strangers gets few letters of theirs."""

import asyncio

import pytest
from tests.services.auth.accounts import PASSWORD, actor_of, set_up
from tests.services.auth.home import NEW_PASSWORD, Home
from tests.services.auth.test_hidden_addresses import ANNA, claim
from tests.services.auth.test_squatters import add_wallet, make_key
from tests.waiting import eventually

from kaif.interfaces.auth import Nothing, Tokens
from kaif.interfaces.auth.accounts import ChangeEmail, ChangePassword, ConfirmEmail, ForgetPassword
from kaif.interfaces.auth.directory import OfAccount
from kaif.interfaces.auth.wallets import UnlinkWallet
from kaif.kernel.actor import NOBODY
from kaif.kernel.clock import MINUTE_US
from kaif.services.auth.reactions import CLAIMS_MAX


async def all_sent(home: Home) -> None:
    """What was due before has been sent, or will never be: letters leave in their order."""
    marker = f"marker-{len(await home.letters('last@example.org'))}"
    await claim(home, marker, "last@example.org")
    count = int(marker.removeprefix("marker-"))

    async def come() -> bool:
        return len(await home.letters("last@example.org")) > count

    await eventually(come)


async def ask_often(home: Home, asking: Tokens) -> None:
    for _ in range(5):
        await home.accounts.resend_confirmation(actor_of(asking), Nothing())
        await home.accounts.change_email(actor_of(asking), ChangeEmail(ANNA, PASSWORD))


async def test_however_many_accounts_ask_for_links_to_it_a_mailbox_is_not_filled(home: Home) -> None:
    await set_up(home.auth)
    strangers = [await claim(home, f"vera-{number}") for number in range(6)]

    await asyncio.gather(*[ask_often(home, one) for one in strangers])
    await all_sent(home)

    assert len(await home.letters(ANNA)) == CLAIMS_MAX


async def test_after_an_hour_without_letters_the_mailbox_gets_them_again(home: Home) -> None:
    await set_up(home.auth)
    strangers = [await claim(home, f"vera-{number}") for number in range(3)]
    for one in strangers:
        await ask_often(home, one)
    await all_sent(home)
    home.now_us += 60 * MINUTE_US

    await home.accounts.resend_confirmation(actor_of(strangers[0]), Nothing())

    await home.accounts.confirm_email(NOBODY, ConfirmEmail(await home.token(ANNA, CLAIMS_MAX + 1)))


async def test_a_full_mailbox_keeps_nobody_from_a_new_password(home: Home) -> None:
    await set_up(home.auth)
    strangers = [await claim(home, f"vera-{number}") for number in range(3)]
    for one in strangers:
        await ask_often(home, one)
    await all_sent(home)

    await home.accounts.forget_password(NOBODY, ForgetPassword(ANNA))

    await home.letter(ANNA, CLAIMS_MAX + 3)


@pytest.mark.asvs("6.3.7")
async def test_what_a_stranger_does_in_their_account_is_not_told_to_the_mailbox_that_they_named(home: Home) -> None:
    await set_up(home.auth)
    vera = await claim(home, "vera")

    await home.accounts.change_password(actor_of(vera), ChangePassword(PASSWORD, NEW_PASSWORD))
    await home.accounts.change_email(actor_of(vera), ChangeEmail("vera@example.org", NEW_PASSWORD))
    await make_key(home, vera)
    await add_wallet(home, vera)
    [wallet] = (await home.wallets.list_wallets(actor_of(vera), Nothing())).wallets
    await home.wallets.unlink_wallet(actor_of(vera), UnlinkWallet(wallet.id))
    await home.accounts.confirm_email(NOBODY, ConfirmEmail(await home.token("vera@example.org")))
    await all_sent(home)

    assert len(await home.letters(ANNA)) == 1


async def test_what_operators_have_sent_there_counts_as_well(home: Home) -> None:
    owner = await set_up(home.auth)
    vera = await claim(home, "vera")

    for _ in range(CLAIMS_MAX + 2):
        await home.directory.send_confirmation(actor_of(owner), OfAccount(vera.user.id))
    await all_sent(home)

    assert len(await home.letters(ANNA)) == CLAIMS_MAX

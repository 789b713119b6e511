"""Nothing that opens an account slips in behind whoever ends its sessions, or changes its password, at that moment."""

import asyncio
from collections.abc import Awaitable, Callable

import pyotp
import pytest
from tests.services.auth.accounts import PASSWORD, actor_of, log_in, set_up
from tests.services.auth.home import NEW_PASSWORD, Home
from tests.softkey import SoftKey
from tests.softwallets import EthereumWallet

from kaif.interfaces.auth import Nothing, SessionEnded, Tokens
from kaif.interfaces.auth.accounts import (
    ChangeEmail,
    ChangePassword,
    ConfirmEmail,
    ForgetPassword,
    LinkSpent,
    ResetPassword,
)
from kaif.interfaces.auth.api_keys import READ_PROFILE, MakeApiKey
from kaif.interfaces.auth.factors import ChallengeEnded, ConfirmTotp, LogInWithSecondFactor, SecondFactorRequired
from kaif.interfaces.auth.passkeys import AddPasskey
from kaif.interfaces.auth.wallets import GivenProof
from kaif.kernel.actor import NOBODY
from kaif.services.auth import store
from kaif.services.auth.letters import links
from kaif.services.auth.sessions import store as stored_sessions

# Ready to be sent, when everything before it has been done.
Act = Callable[[], Awaitable[object]]


async def an_api_key(home: Home, tokens: Tokens) -> Act:
    return lambda: home.api_keys.make_api_key(actor_of(tokens), MakeApiKey("Bot", [READ_PROFILE]))


async def a_passkey(home: Home, tokens: Tokens) -> Act:
    created = SoftKey().create(await home.passkeys.begin_passkey(actor_of(tokens), Nothing()))
    return lambda: home.passkeys.add_passkey(actor_of(tokens), AddPasskey("Phone", created))


async def a_wallet(home: Home, tokens: Tokens) -> Act:
    wallet = EthereumWallet()
    proof = wallet.prove(await home.wallets.begin_wallet_link(actor_of(tokens), wallet.begin()))
    return lambda: home.wallets.link_wallet(actor_of(tokens), GivenProof(proof))


async def new_recovery_codes(home: Home, tokens: Tokens) -> Act:
    await turn_on(home, tokens)
    return lambda: home.factors.renew_recovery_codes(actor_of(tokens), Nothing())


async def an_end_of_the_second_factor(home: Home, tokens: Tokens) -> Act:
    await turn_on(home, tokens)
    return lambda: home.factors.remove_totp(actor_of(tokens), Nothing())


@pytest.mark.parametrize("prepare", [an_api_key, a_passkey, a_wallet, new_recovery_codes, an_end_of_the_second_factor])
async def test_what_comes_while_the_sessions_are_ended_comes_too_late(
    home: Home, prepare: Callable[[Home, Tokens], Awaitable[Act]]
) -> None:
    owner = await set_up(home.auth)
    act = await prepare(home, owner)

    async with home.database.transaction() as tx:
        assert await store.locked_account(tx, owner.user.id)
        coming = asyncio.ensure_future(act())
        # By now it waits for the account, or for its turn to write.
        await asyncio.sleep(0.2)
        await stored_sessions.end_all(tx, owner.user.id, home.now_us)

    with pytest.raises(SessionEnded):
        await coming


async def turn_on(home: Home, tokens: Tokens) -> pyotp.TOTP:
    begun = await home.factors.begin_totp(actor_of(tokens), Nothing())
    app = pyotp.TOTP(begun.secret)
    await home.factors.confirm_totp(actor_of(tokens), ConfirmTotp(app.at(home.now_us // 1_000_000)))
    return app


async def change(home: Home, tokens: Tokens) -> None:
    await home.accounts.change_password(actor_of(tokens), ChangePassword(PASSWORD, NEW_PASSWORD))


async def reset(home: Home, tokens: Tokens) -> None:
    # After the letters of welcome and of the second step.
    await home.letter(tokens.user.email, 2)
    await home.accounts.forget_password(NOBODY, ForgetPassword(tokens.user.email))
    await home.accounts.reset_password(NOBODY, ResetPassword(await home.token(tokens.user.email, 3), NEW_PASSWORD))


@pytest.mark.parametrize("renew", [change, reset])
async def test_a_sign_in_that_waits_for_its_second_step_ends_with_the_password_it_began_with(
    home: Home, renew: Callable[[Home, Tokens], Awaitable[None]]
) -> None:
    _, anna = await home.owner_and("anna")
    await home.accounts.confirm_email(NOBODY, ConfirmEmail(await home.token(anna.user.email)))
    app = await turn_on(home, anna)
    with pytest.raises(SecondFactorRequired) as under_way:
        await log_in(home.auth, "anna")

    await renew(home, anna)

    code = app.at(home.now_us // 1_000_000 + 30)
    with pytest.raises(ChallengeEnded):
        await home.factors.log_in_with_second_factor(
            NOBODY, LogInWithSecondFactor(str(under_way.value.details["challenge"]), code)
        )


async def test_who_confirms_an_address_and_who_withdraws_the_link_do_not_wait_for_each_other(home: Home) -> None:
    _, anna = await home.owner_and("anna")
    await home.accounts.change_email(actor_of(anna), ChangeEmail("new@example.org", PASSWORD))
    token = await home.token("new@example.org")

    async with home.database.transaction() as tx:
        await store.locked_account(tx, anna.user.id)
        confirming = asyncio.create_task(home.accounts.confirm_email(NOBODY, ConfirmEmail(token)))
        await asyncio.sleep(0.1)
        await links.withdraw(tx, anna.user.id, [links.NEW_EMAIL])

    [done] = await asyncio.gather(confirming, return_exceptions=True)
    assert isinstance(done, LinkSpent)

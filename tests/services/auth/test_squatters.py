"""Whoever makes an account with a stranger's address keeps no way into it once that stranger claims it by letter."""

import pyotp
import pytest
from tests.services.auth.accounts import PASSWORD, actor_of, log_in, refresh
from tests.services.auth.home import NEW_PASSWORD, Home, token_in
from tests.softkey import SoftKey
from tests.softwallets import EthereumWallet
from tests.waiting import eventually

from kaif.engines.mail import Letter
from kaif.interfaces.auth import SESSIONS_ENDED, InvalidCredentials, Nothing, SessionEnded, Tokens
from kaif.interfaces.auth.accounts import ConfirmEmail, ForgetPassword, LinkSpent, OfLink, ResetPassword
from kaif.interfaces.auth.api_keys import READ_PROFILE, ApiKeyRefused, ExchangeApiKey, MakeApiKey, NewApiKey
from kaif.interfaces.auth.directory import OfAccount
from kaif.interfaces.auth.factors import ChallengeEnded, ConfirmTotp, LogInWithSecondFactor, SecondFactorRequired
from kaif.interfaces.auth.passkeys import AddPasskey, PasskeyUnknown, SignInWithPasskey
from kaif.interfaces.auth.wallets import GivenProof, WalletUnknown
from kaif.kernel.actor import NOBODY

ANNA = "anna@example.org"


async def reset(home: Home, password: str = NEW_PASSWORD) -> None:
    """By the owner of the address, who has its letters."""
    before = len(await links(home))
    await home.accounts.forget_password(NOBODY, ForgetPassword(ANNA))

    async def come() -> bool:
        return len(await links(home)) > before

    await eventually(come)
    await home.accounts.reset_password(NOBODY, ResetPassword(token_in((await links(home))[-1]), password))


async def links(home: Home) -> list[Letter]:
    """Letters for a new password; others may come between them."""
    return [letter for letter in await home.letters(ANNA) if "/reset#" in letter.text]


async def add_passkey(home: Home, tokens: Tokens) -> SoftKey:
    key = SoftKey()
    options = await home.passkeys.begin_passkey(actor_of(tokens), Nothing())
    await home.passkeys.add_passkey(actor_of(tokens), AddPasskey("Phone", key.create(options)))
    return key


async def enter_by_passkey(home: Home, key: SoftKey) -> Tokens:
    options = await home.passkeys.begin_passkey_sign_in(NOBODY, Nothing())
    return await home.passkeys.sign_in_with_passkey(NOBODY, SignInWithPasskey(key.get(options)))


async def add_wallet(home: Home, tokens: Tokens) -> EthereumWallet:
    wallet = EthereumWallet()
    challenge = await home.wallets.begin_wallet_link(actor_of(tokens), wallet.begin())
    await home.wallets.link_wallet(actor_of(tokens), GivenProof(wallet.prove(challenge)))
    return wallet


async def enter_by_wallet(home: Home, wallet: EthereumWallet) -> Tokens:
    challenge = await home.wallets.begin_wallet_sign_in(NOBODY, wallet.begin())
    return await home.wallets.sign_in_by_wallet(NOBODY, GivenProof(wallet.prove(challenge)))


async def make_key(home: Home, tokens: Tokens) -> NewApiKey:
    return await home.api_keys.make_api_key(actor_of(tokens), MakeApiKey("Bot", [READ_PROFILE]))


async def turn_on(home: Home, tokens: Tokens) -> pyotp.TOTP:
    begun = await home.factors.begin_totp(actor_of(tokens), Nothing())
    app = pyotp.TOTP(begun.secret)
    await home.factors.confirm_totp(actor_of(tokens), ConfirmTotp(app.at(home.now_us // 1_000_000)))
    return app


@pytest.mark.asvs("6.4.3")
async def test_a_reset_leaves_whoever_made_the_account_with_a_strangers_address_no_way_in(home: Home) -> None:
    _, squatter = await home.owner_and("anna")
    passkey, wallet = await add_passkey(home, squatter), await add_wallet(home, squatter)
    api_key, app = await make_key(home, squatter), await turn_on(home, squatter)
    with pytest.raises(SecondFactorRequired) as under_way:
        await log_in(home.auth, "anna")
    heard: list[bytes] = []
    await home.cache.subscribe(SESSIONS_ENDED, heard.append)

    await reset(home)

    with pytest.raises(PasskeyUnknown):
        await enter_by_passkey(home, passkey)
    with pytest.raises(WalletUnknown):
        await enter_by_wallet(home, wallet)
    with pytest.raises(ApiKeyRefused):
        await home.api_keys.exchange(NOBODY, ExchangeApiKey(api_key.secret))
    with pytest.raises(SessionEnded):
        await refresh(home.auth, squatter)
    challenge = LogInWithSecondFactor(str(under_way.value.details["challenge"]), app.at(home.now_us // 1_000_000 + 30))
    with pytest.raises(ChallengeEnded):
        await home.factors.log_in_with_second_factor(NOBODY, challenge)
    with pytest.raises(InvalidCredentials):
        await log_in(home.auth, "anna", PASSWORD)
    assert api_key.key.id.encode() in heard
    # Codes alone open nothing; no reset takes a second factor away.
    with pytest.raises(SecondFactorRequired):
        await log_in(home.auth, ANNA, NEW_PASSWORD)


async def test_who_claims_an_account_so_is_told_what_was_removed(home: Home) -> None:
    await home.owner_and("anna")

    await reset(home)

    letter = await home.letter(ANNA, 3)
    assert letter.subject == "Your password was set, and the account is yours alone"
    assert "passkeys, wallets" in letter.text
    assert (await log_in(home.auth, ANNA, NEW_PASSWORD)).user.email_confirmed
    [entry] = await home.audited("password_reset")
    assert entry.details == {"first_proof": True}


async def test_whose_address_was_confirmed_keeps_all_but_sessions(home: Home) -> None:
    _, anna = await home.owner_and("anna")
    await home.accounts.confirm_email(NOBODY, ConfirmEmail(await home.token(ANNA)))
    passkey, wallet = await add_passkey(home, anna), await add_wallet(home, anna)
    api_key = await make_key(home, anna)

    await reset(home)

    assert (await enter_by_passkey(home, passkey)).user.id == anna.user.id
    assert (await enter_by_wallet(home, wallet)).user.id == anna.user.id
    assert await home.api_keys.exchange(NOBODY, ExchangeApiKey(api_key.secret))
    [entry] = await home.audited("password_reset")
    assert entry.details == {"first_proof": False}


async def test_a_reset_that_an_operator_forces_ends_a_strangers_ways_in_as_well(home: Home) -> None:
    owner, squatter = await home.owner_and("anna")
    passkey = await add_passkey(home, squatter)
    await home.directory.force_reset(actor_of(owner), OfAccount(squatter.user.id))

    async def come() -> bool:
        return bool(await links(home))

    await eventually(come)
    await home.accounts.reset_password(NOBODY, ResetPassword(token_in((await links(home))[0]), NEW_PASSWORD))

    with pytest.raises(PasskeyUnknown):
        await enter_by_passkey(home, passkey)


async def test_after_the_first_proof_a_reset_takes_no_more_than_any(home: Home) -> None:
    await home.owner_and("anna")
    await reset(home)
    anna = await log_in(home.auth, ANNA, NEW_PASSWORD)
    passkey = await add_passkey(home, anna)
    home.now_us += 2 * 60 * 1_000_000

    await reset(home, "a pier in the morning fog")

    assert await enter_by_passkey(home, passkey)


async def test_whoever_reads_the_letter_hears_whose_account_it_would_confirm(home: Home) -> None:
    _, stranger = await home.owner_and("anna")
    token = await home.token(ANNA)

    seen = await home.accounts.consider_email(NOBODY, OfLink(token))
    assert (seen.account.username, seen.email, seen.is_actor) == ("anna", ANNA, False)
    assert (await home.accounts.consider_email(actor_of(stranger), OfLink(token))).is_actor

    await home.accounts.disown_email(NOBODY, OfLink(token))

    for spent in (
        home.accounts.consider_email(NOBODY, OfLink(token)),
        home.accounts.disown_email(NOBODY, OfLink(token)),
        home.accounts.confirm_email(NOBODY, ConfirmEmail(token)),
    ):
        with pytest.raises(LinkSpent):
            await spent
    assert not (await home.user(stranger)).email_confirmed
    assert [entry.subject_id for entry in await home.audited("email_disowned")] == [stranger.user.id]


async def test_a_link_for_a_new_password_tells_of_no_account_and_is_not_disowned(home: Home) -> None:
    await home.owner_and("anna")
    await home.accounts.forget_password(NOBODY, ForgetPassword(ANNA))

    async def come() -> bool:
        return bool(await links(home))

    await eventually(come)
    token = token_in((await links(home))[0])

    for asked in (home.accounts.consider_email, home.accounts.disown_email):
        with pytest.raises(LinkSpent):
            await asked(NOBODY, OfLink(token))
    await home.accounts.reset_password(NOBODY, ResetPassword(token, NEW_PASSWORD))

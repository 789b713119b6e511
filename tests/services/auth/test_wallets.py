"""Wallets: what they sign opens, registers, links and proves once, for whom and what it was asked, and nothing else."""

import asyncio
from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from tests.services.auth.accounts import AUDITOR, PASSWORD, actor_of, log_in, register, set_up
from tests.services.auth.home import PUBLIC_URL, Home
from tests.services.auth.second_factors import App
from tests.softwallets import EthereumWallet, TonWallet, changed

from kaif.interfaces.auth import InvalidCredentials, Nothing, SetupRequired, Tokens, UsernameTaken
from kaif.interfaces.auth.accounts import ChangeEmail, ConfirmEmail, DeleteAccount
from kaif.interfaces.auth.audit import Audited, ListAudit
from kaif.interfaces.auth.factors import (
    ConfirmTotp,
    InvalidCode,
    LogInWithSecondFactor,
    SecondFactorRequired,
    StepUp,
    StepUpRequired,
)
from kaif.interfaces.auth.invitations import InvitationRequired, Invite, RegistrationClosed, SetRegistration
from kaif.interfaces.auth.passkeys import LastWayIn
from kaif.interfaces.auth.sessions import AccountSuspended, Suspend
from kaif.interfaces.auth.wallets import (
    WALLETS_MAX,
    BadWalletAddress,
    BeginWallet,
    EthereumProof,
    GivenProof,
    RegisterByWallet,
    TonProof,
    TooManyWallets,
    UnlinkWallet,
    Wallet,
    WalletAlreadyLinked,
    WalletChallenge,
    WalletElsewhere,
    WalletNotFound,
    WalletProofEnded,
    WalletRefused,
    WalletRegistrationEnded,
    WalletTaken,
    WalletUnknown,
    WalletUnsupported,
)
from kaif.kernel.actor import NOBODY, Actor
from kaif.kernel.clock import MINUTE_US, as_datetime

AnyWallet = EthereumWallet | TonWallet
KINDS: list[type[AnyWallet]] = [EthereumWallet, TonWallet]


@pytest.fixture(params=KINDS, ids=["ethereum", "ton"])
def wallet(request: pytest.FixtureRequest) -> AnyWallet:
    made: AnyWallet = request.param()
    return made


def signed(home: Home, wallet: AnyWallet, challenge: WalletChallenge) -> EthereumProof | TonProof:
    return wallet.prove(challenge, home.now_us) if isinstance(wallet, TonWallet) else wallet.prove(challenge)


async def sign_in_proof(home: Home, wallet: AnyWallet) -> EthereumProof | TonProof:
    return signed(home, wallet, await home.wallets.begin_wallet_sign_in(NOBODY, wallet.begin()))


async def enter(home: Home, proof: EthereumProof | TonProof, asking: Actor = NOBODY) -> Tokens:
    return await home.wallets.sign_in_by_wallet(asking, GivenProof(proof))


async def sign_in(home: Home, wallet: AnyWallet) -> Tokens:
    return await enter(home, await sign_in_proof(home, wallet))


async def link_proof(home: Home, tokens: Tokens, wallet: AnyWallet) -> EthereumProof | TonProof:
    return signed(home, wallet, await home.wallets.begin_wallet_link(actor_of(tokens), wallet.begin()))


async def link(home: Home, tokens: Tokens, wallet: AnyWallet) -> Wallet:
    return await home.wallets.link_wallet(actor_of(tokens), GivenProof(await link_proof(home, tokens, wallet)))


async def unlink(home: Home, tokens: Tokens, wallet: Wallet) -> None:
    await home.wallets.unlink_wallet(actor_of(tokens), UnlinkWallet(wallet.id))


async def ticket(home: Home, wallet: AnyWallet) -> str:
    with pytest.raises(WalletUnknown) as unknown:
        await sign_in(home, wallet)
    return str(unknown.value.details["ticket"])


def wanted(ticket: str, name: str = "vera") -> RegisterByWallet:
    return RegisterByWallet(ticket, name, f"{name}@example.org")


async def register_by(home: Home, wallet: AnyWallet, name: str = "vera") -> Tokens:
    return await home.wallets.register_by_wallet(NOBODY, wanted(await ticket(home, wallet), name))


async def wallets_of(home: Home, tokens: Tokens) -> list[Wallet]:
    return (await home.wallets.list_wallets(actor_of(tokens), Nothing())).wallets


async def told(home: Home, *actions: str) -> list[Audited]:
    page = await home.audit.list_audit(AUDITOR, ListAudit(limit=200))
    return [entry for entry in page.entries[::-1] if entry.action in actions]


def shown(wallet: AnyWallet) -> str:
    return wallet.friendly if isinstance(wallet, TonWallet) else wallet.address


# Signing in


async def test_a_linked_wallet_signs_its_owner_in(home: Home, wallet: AnyWallet) -> None:
    owner = await set_up(home.auth)
    linked = await link(home, owner, wallet)
    assert (linked.chain, linked.address, linked.last_used_at) == (wallet.chain, shown(wallet), None)

    tokens = await sign_in(home, wallet)

    assert tokens.user.id == owner.user.id
    [listed] = await wallets_of(home, tokens)
    assert listed.last_used_at == as_datetime(home.now_us)


@pytest.mark.asvs("6.3.4")
async def test_a_second_factor_is_still_asked_for(home: Home, wallet: AnyWallet) -> None:
    owner = await set_up(home.auth)
    await link(home, owner, wallet)
    app = await turn_on(home, owner)

    with pytest.raises(SecondFactorRequired) as required:
        await sign_in(home, wallet)

    details = required.value.details
    assert (details["methods"], details["username"]) == (["totp", "recovery_code"], "owner")
    answer = LogInWithSecondFactor(str(details["challenge"]), app.code())
    assert (await home.factors.log_in_with_second_factor(NOBODY, answer)).user.id == owner.user.id


class _Time:
    def __init__(self, home: Home) -> None:
        self._home = home

    @property
    def now_us(self) -> int:
        return self._home.now_us


async def turn_on(home: Home, tokens: Tokens) -> App:
    begun = await home.factors.begin_totp(actor_of(tokens), Nothing())
    app = App(_Time(home), begun.secret, [])  # type: ignore[arg-type]
    confirmed = await home.factors.confirm_totp(actor_of(tokens), ConfirmTotp(app.code(-30)))
    return app._replace(recovery_codes=confirmed.codes)


async def test_a_suspended_account_is_not_entered(home: Home, wallet: AnyWallet) -> None:
    owner, anna = await home.owner_and("anna")
    await link(home, anna, wallet)
    await home.sessions.suspend(actor_of(owner), Suspend(anna.user.id))

    with pytest.raises(AccountSuspended):
        await sign_in(home, wallet)


async def test_one_of_ten_uses_of_a_nonce_at_once_counts(home: Home, wallet: AnyWallet) -> None:
    owner = await set_up(home.auth)
    await link(home, owner, wallet)
    proof = await sign_in_proof(home, wallet)

    outcomes = await asyncio.gather(*[enter(home, proof) for _ in range(10)], return_exceptions=True)

    assert sorted(type(outcome).__name__ for outcome in outcomes) == ["Tokens"] + ["WalletProofEnded"] * 9


async def test_a_proof_is_good_for_five_minutes(home: Home, wallet: AnyWallet) -> None:
    owner = await set_up(home.auth)
    await link(home, owner, wallet)
    in_time, late = await sign_in_proof(home, wallet), await sign_in_proof(home, wallet)

    home.now_us += 5 * MINUTE_US - 1
    assert await enter(home, in_time)
    home.now_us += 1
    with pytest.raises(WalletProofEnded):
        await enter(home, late)


async def test_a_nonce_that_was_never_made_is_none(home: Home, wallet: AnyWallet) -> None:
    owner = await set_up(home.auth)
    await link(home, owner, wallet)
    challenge = await home.wallets.begin_wallet_sign_in(NOBODY, wallet.begin())
    other = msgspec.structs.replace(challenge, nonce="0" * 32)

    with pytest.raises(WalletProofEnded):
        await enter(home, signed(home, wallet, other))


async def test_a_refused_proof_spends_its_nonce_and_is_told_in_the_audit_log(home: Home, wallet: AnyWallet) -> None:
    owner = await set_up(home.auth)
    await link(home, owner, wallet)
    proof = await sign_in_proof(home, wallet)
    forged = msgspec.structs.replace(proof, signature=(await sign_in_proof(home, wallet)).signature)

    with pytest.raises(WalletRefused):
        await enter(home, forged, Actor(address="203.0.113.7"))
    with pytest.raises(WalletProofEnded):
        await enter(home, proof)

    entries = await told(home, "sign_in_failed")
    assert [entry.details for entry in entries] == [
        {"wallet": "wallet_refused", "address": "203.0.113.7"},
        {"wallet": "wallet_proof_ended"},
    ]


async def test_a_proof_for_one_purpose_is_none_for_another(home: Home, wallet: AnyWallet) -> None:
    owner, anna = await home.owner_and("anna")
    await link(home, owner, wallet)

    to_link = await link_proof(home, anna, wallet)
    with pytest.raises(WalletProofEnded):
        await enter(home, to_link)
    with pytest.raises(WalletProofEnded):
        await home.wallets.link_wallet(actor_of(owner), GivenProof(to_link))
    with pytest.raises(WalletProofEnded):
        await home.factors.step_up(actor_of(anna), StepUp(wallet=to_link))
    to_sign_in = await sign_in_proof(home, wallet)
    with pytest.raises(WalletProofEnded):
        await home.wallets.link_wallet(actor_of(anna), GivenProof(to_sign_in))


async def test_a_proof_of_one_chain_is_none_of_another(home: Home) -> None:
    ethereum, ton = EthereumWallet(), TonWallet()
    challenge = await home.wallets.begin_wallet_sign_in(NOBODY, ethereum.begin())

    with pytest.raises(WalletProofEnded):
        await enter(home, ton.prove(challenge, home.now_us))


# What an Ethereum wallet signs


async def test_the_message_names_this_server_the_wallet_and_the_purpose(home: Home) -> None:
    owner, wallet = await set_up(home.auth), EthereumWallet()

    to_sign_in = await home.wallets.begin_wallet_sign_in(NOBODY, BeginWallet("ethereum", wallet.address, 56))
    to_link = await home.wallets.begin_wallet_link(actor_of(owner), wallet.begin())

    assert to_sign_in.message.startswith(
        f"ozero.example wants you to sign in with your Ethereum account:\n{wallet.address}\n\nSign in to Kaif Ozero.\n"
    )
    assert f"\nURI: {PUBLIC_URL}\n" in to_sign_in.message and "\nChain ID: 56\n" in to_sign_in.message
    assert f"\nNonce: {to_sign_in.nonce}\n" in to_sign_in.message
    assert "Let this wallet sign in to the account owner at Kaif Ozero." in to_link.message


MESSAGE_CHANGES = {
    "another domain": ("ozero.example wants", "evil.example wants"),
    "another uri": (f"URI: {PUBLIC_URL}", "URI: https://evil.example"),
    "another version": ("Version: 1", "Version: 2"),
    "another chain": ("Chain ID: 1", "Chain ID: 137"),
    "another nonce": ("Nonce: ", "Nonce: 0"),
    "another statement": ("Sign in to Kaif Ozero.", "Give away everything."),
    "an earlier time": ("Issued At: 20", "Issued At: 19"),
    "a later end": ("Expiration Time: 20", "Expiration Time: 21"),
    "no end": ("\nExpiration Time: ", "\nNot Before: "),
    "one line more": ("Version: 1", "Version: 1\nResources:"),
}


@pytest.mark.parametrize(("old", "new"), MESSAGE_CHANGES.values(), ids=MESSAGE_CHANGES)
async def test_a_message_that_was_changed_in_any_way_proves_nothing(embedded_home: Home, old: str, new: str) -> None:
    home, wallet = embedded_home, EthereumWallet()
    await link(home, await set_up(home.auth), wallet)
    challenge = await home.wallets.begin_wallet_sign_in(NOBODY, wallet.begin())
    assert old in challenge.message

    signature = wallet.sign(challenge.message.replace(old, new))

    with pytest.raises(WalletRefused):
        await enter(home, EthereumProof(nonce=challenge.nonce, signature=signature))


async def test_a_message_with_the_address_in_small_letters_proves_nothing(embedded_home: Home) -> None:
    home, wallet = embedded_home, EthereumWallet()
    await link(home, await set_up(home.auth), wallet)
    challenge = await home.wallets.begin_wallet_sign_in(NOBODY, wallet.begin())

    signature = wallet.sign(challenge.message.replace(wallet.address, wallet.address.lower()))

    with pytest.raises(WalletRefused):
        await enter(home, EthereumProof(nonce=challenge.nonce, signature=signature))


async def test_another_wallet_signs_for_itself_alone(embedded_home: Home) -> None:
    home, mine, theirs = embedded_home, EthereumWallet(), EthereumWallet()
    await link(home, await set_up(home.auth), mine)
    challenge = await home.wallets.begin_wallet_sign_in(NOBODY, mine.begin())

    with pytest.raises(WalletRefused):
        await enter(home, theirs.prove(challenge))


@pytest.mark.parametrize("signature", ["", "0x", "0x0", "00" * 65, "ff" * 65, "0x" + "11" * 64])
async def test_what_is_no_signature_is_refused(embedded_home: Home, signature: str) -> None:
    challenge = await embedded_home.wallets.begin_wallet_sign_in(NOBODY, EthereumWallet().begin())

    with pytest.raises(WalletRefused):
        await enter(embedded_home, EthereumProof(nonce=challenge.nonce, signature=signature))


async def test_what_only_a_contract_could_check_is_told_so(embedded_home: Home) -> None:
    challenge = await embedded_home.wallets.begin_wallet_sign_in(NOBODY, EthereumWallet().begin())

    with pytest.raises(WalletUnsupported):
        await enter(embedded_home, EthereumProof(nonce=challenge.nonce, signature="0x" + "64926492" * 40))


@pytest.mark.parametrize("address", ["", "0x12", "0x5aaeb6053F3E94C9b9A09f33669435E7Ef1BeAed", "vitalik.eth"])
async def test_nothing_is_begun_for_what_is_no_address(embedded_home: Home, address: str) -> None:
    with pytest.raises(BadWalletAddress):
        await embedded_home.wallets.begin_wallet_sign_in(NOBODY, BeginWallet("ethereum", address))


# What a TON wallet signs


async def ton_challenge(home: Home, wallet: TonWallet) -> WalletChallenge:
    await link(home, await set_up(home.auth), wallet)
    return await home.wallets.begin_wallet_sign_in(NOBODY, wallet.begin())


@pytest.mark.parametrize("version", ["WalletV3R1", "WalletV3R2", "WalletV4R1", "WalletV4R2", "WalletV5R1"])
async def test_every_usual_version_of_a_wallet_signs_in(embedded_home: Home, version: str) -> None:
    wallet = TonWallet(version)
    challenge = await ton_challenge(embedded_home, wallet)

    assert (await enter(embedded_home, wallet.prove(challenge, embedded_home.now_us))).user.username == "owner"


@pytest.mark.parametrize(
    "domain", ["evil.example", "ozero.example.evil.example", "ozero.example:8443", "xozero.example", ""]
)
async def test_what_was_signed_for_another_server_is_refused(embedded_home: Home, domain: str) -> None:
    wallet = TonWallet()
    challenge = await ton_challenge(embedded_home, wallet)

    with pytest.raises(WalletElsewhere):
        await enter(embedded_home, wallet.prove(challenge, embedded_home.now_us, domain=domain))


@pytest.mark.parametrize(("late_s", "good"), [(-300, True), (-301, False), (60, True), (61, False)])
async def test_the_wallets_own_time_is_near_ours(embedded_home: Home, late_s: int, good: bool) -> None:
    wallet = TonWallet()
    challenge = await ton_challenge(embedded_home, wallet)
    proof = wallet.prove(challenge, embedded_home.now_us, late_s=late_s)

    if good:
        assert await enter(embedded_home, proof)
    else:
        with pytest.raises(WalletProofEnded):
            await enter(embedded_home, proof)


# What somebody else could say who wants to be taken for the owner: of the owner's proof, and of their own.
TON_FORGERIES: dict[str, Callable[[TonWallet, TonProof, TonProof], TonProof]] = {
    "their signature": lambda _, mine, theirs: changed(mine, signature=theirs.signature),
    "their key and signature": lambda _, mine, theirs: changed(
        mine, signature=theirs.signature, public_key=theirs.public_key
    ),
    "all but the address": lambda _, mine, theirs: changed(theirs, address=mine.address),
    "their key": lambda _, mine, theirs: changed(mine, public_key=theirs.public_key),
    "their state": lambda _, mine, theirs: changed(mine, state_init=theirs.state_init),
    "no key": lambda _, mine, __: changed(mine, public_key=""),
    "the master chain": lambda wallet, mine, _: changed(mine, address=f"-1:{wallet.hash}"),
    "a friendly address": lambda wallet, mine, _: changed(mine, address=wallet.friendly),
    "a later time": lambda _, mine, __: changed(mine, timestamp=mine.timestamp + 1),
    "a state cut short": lambda _, mine, __: changed(mine, state_init=mine.state_init[:-8]),
    "no state": lambda _, mine, __: changed(mine, state_init=""),
    "a state that is no base64": lambda _, mine, __: changed(mine, state_init="=" + mine.state_init[1:]),
    "a signature cut short": lambda _, mine, __: changed(mine, signature=mine.signature[:-4]),
    "no signature": lambda _, mine, __: changed(mine, signature=""),
}


@pytest.mark.parametrize("forge", TON_FORGERIES.values(), ids=TON_FORGERIES)
async def test_what_is_not_the_wallets_own_proves_nothing(
    embedded_home: Home, forge: Callable[[TonWallet, TonProof, TonProof], TonProof]
) -> None:
    wallet, now_us = TonWallet(), embedded_home.now_us
    challenge = await ton_challenge(embedded_home, wallet)

    forged = forge(wallet, wallet.prove(challenge, now_us), TonWallet().prove(challenge, now_us))

    with pytest.raises(WalletRefused):
        await enter(embedded_home, forged)


@pytest.mark.parametrize("names_key_of", ["itself", "the owner"])
async def test_who_signs_for_an_address_with_another_key_proves_nothing(embedded_home: Home, names_key_of: str) -> None:
    mine, imposter = TonWallet(), TonWallet()
    challenge = await ton_challenge(embedded_home, mine)

    imposter.hash = mine.hash
    proof = imposter.prove(challenge, embedded_home.now_us)
    forged = proof if names_key_of == "itself" else changed(proof, public_key=mine.public_key.hex())

    for one in (forged, changed(forged, state_init=mine.state_init)):
        with pytest.raises((WalletRefused, WalletProofEnded)):
            await enter(embedded_home, one)
    entries = await told(embedded_home, "sign_in_failed")
    assert entries[0].details == {"wallet": "wallet_refused"}


async def test_a_wallet_of_the_master_chain_is_refused(embedded_home: Home) -> None:
    wallet = TonWallet(workchain=-1)
    challenge = await embedded_home.wallets.begin_wallet_sign_in(NOBODY, wallet.begin())

    with pytest.raises(WalletRefused):
        await enter(embedded_home, wallet.prove(challenge, embedded_home.now_us))


async def test_a_wallet_of_unknown_code_is_told_so(embedded_home: Home) -> None:
    wallet = TonWallet("WalletV2R2")
    challenge = await embedded_home.wallets.begin_wallet_sign_in(NOBODY, wallet.begin())

    with pytest.raises(WalletUnsupported):
        await enter(embedded_home, wallet.prove(challenge, embedded_home.now_us))


async def test_who_came_by_a_wallet_mends_a_mistyped_address_soon_after_a_sign_in(
    home: Home, wallet: AnyWallet
) -> None:
    await set_up(home.auth)
    vera = await register_by(home, wallet)
    home.now_us += 16 * MINUTE_US
    wanted = ChangeEmail("vera.true@example.org")
    with pytest.raises(StepUpRequired):
        await home.accounts.change_email(actor_of(vera), wanted)

    await home.accounts.change_email(actor_of(await sign_in(home, wallet)), wanted)
    await home.accounts.confirm_email(NOBODY, ConfirmEmail(await home.token("vera.true@example.org")))

    assert (await home.user(vera)).email == "vera.true@example.org"


# Registering


async def test_an_unknown_wallet_makes_an_account_without_a_password(home: Home, wallet: AnyWallet) -> None:
    await set_up(home.auth)

    tokens = await register_by(home, wallet)

    assert (tokens.user.username, tokens.user.email_confirmed) == ("vera", False)
    assert (await sign_in(home, wallet)).user.id == tokens.user.id
    for password in (PASSWORD, "x"):
        with pytest.raises(InvalidCredentials):
            await log_in(home.auth, "vera", password)
    [created] = [entry for entry in await told(home, "account_created") if entry.subject_id == tokens.user.id]
    assert created.details["wallet"] == wallet.chain


async def test_the_address_that_was_given_is_confirmed_by_letter(home: Home, wallet: AnyWallet) -> None:
    await set_up(home.auth)
    tokens = await register_by(home, wallet)

    await home.accounts.confirm_email(NOBODY, ConfirmEmail(await home.token("vera@example.org")))

    assert (await home.user(tokens)).email_confirmed


async def test_a_ticket_makes_one_account_of_ten_at_once(home: Home, wallet: AnyWallet) -> None:
    await set_up(home.auth)
    given = await ticket(home, wallet)

    outcomes = await asyncio.gather(
        *[home.wallets.register_by_wallet(NOBODY, wanted(given, f"vera{number}")) for number in range(10)],
        return_exceptions=True,
    )

    made = [one for one in outcomes if isinstance(one, Tokens)]
    assert len(made) == 1
    assert all(isinstance(one, WalletRegistrationEnded | WalletTaken) for one in outcomes if one not in made)
    assert (await sign_in(home, wallet)).user.id == made[0].user.id


async def test_two_tickets_of_one_wallet_make_one_account(home: Home, wallet: AnyWallet) -> None:
    await set_up(home.auth)
    first, second = await ticket(home, wallet), await ticket(home, wallet)
    await home.wallets.register_by_wallet(NOBODY, wanted(first))

    with pytest.raises(WalletTaken):
        await home.wallets.register_by_wallet(NOBODY, wanted(second, "boris"))


async def test_a_ticket_that_was_used_is_spent_even_when_its_wallet_is_free_again(home: Home) -> None:
    await set_up(home.auth)
    wallet = EthereumWallet()
    given = await ticket(home, wallet)
    vera = await home.wallets.register_by_wallet(NOBODY, wanted(given))
    await link(home, vera, TonWallet())
    await unlink(home, vera, (await wallets_of(home, vera))[0])

    with pytest.raises(WalletRegistrationEnded):
        await home.wallets.register_by_wallet(NOBODY, wanted(given, "boris"))


async def test_a_taken_name_leaves_the_ticket_good(home: Home, wallet: AnyWallet) -> None:
    await home.owner_and("anna")
    given = await ticket(home, wallet)

    with pytest.raises(UsernameTaken):
        await home.wallets.register_by_wallet(NOBODY, wanted(given, "anna"))

    assert await home.wallets.register_by_wallet(NOBODY, wanted(given))


async def test_a_ticket_is_good_for_fifteen_minutes(home: Home, wallet: AnyWallet) -> None:
    await set_up(home.auth)
    given = await ticket(home, wallet)
    home.now_us += 15 * MINUTE_US

    with pytest.raises(WalletRegistrationEnded):
        await home.wallets.register_by_wallet(NOBODY, wanted(given))
    with pytest.raises(WalletRegistrationEnded):
        await home.wallets.register_by_wallet(NOBODY, wanted("made-up"))


async def test_nobody_registers_before_the_owner(home: Home, wallet: AnyWallet) -> None:
    with pytest.raises(SetupRequired):
        await register_by(home, wallet)


async def test_where_registration_is_closed_no_wallet_makes_an_account(home: Home, wallet: AnyWallet) -> None:
    owner = await set_up(home.auth)
    given = await ticket(home, wallet)
    await home.invitations.set_registration(actor_of(owner), SetRegistration("closed"))

    with pytest.raises(RegistrationClosed):
        await home.wallets.register_by_wallet(NOBODY, wanted(given))


async def test_a_wallet_registers_by_an_invitation_where_one_is_needed(home: Home, wallet: AnyWallet) -> None:
    owner = await set_up(home.auth)
    await home.invitations.set_registration(actor_of(owner), SetRegistration("invitation"))
    invited = await home.invitations.invite(actor_of(owner), Invite())
    given = await ticket(home, wallet)
    with pytest.raises(InvitationRequired):
        await home.wallets.register_by_wallet(NOBODY, wanted(given))

    request = msgspec.structs.replace(wanted(given), invitation=invited.token or "")

    assert (await home.wallets.register_by_wallet(NOBODY, request)).user.username == "vera"


async def test_who_comes_by_a_wallet_and_an_invited_address_is_not_told_of_a_service(home: Home) -> None:
    owner = await set_up(home.auth)
    await home.invitations.invite(actor_of(owner), Invite(email="vera@example.org"))
    given = wanted(await ticket(home, EthereumWallet()))
    invitation = await home.token("vera@example.org")

    tokens = await home.wallets.register_by_wallet(NOBODY, msgspec.structs.replace(given, invitation=invitation))

    assert tokens.user.email_confirmed
    assert "By an invitation" in (await home.letter("vera@example.org", 2)).text


# Linking


@pytest.mark.asvs("6.3.7")
async def test_linking_and_unlinking_are_told_by_letter_and_in_the_audit_log(home: Home, wallet: AnyWallet) -> None:
    await set_up(home.auth)
    anna = await home.register_in("ru", "anna")
    await home.accounts.confirm_email(NOBODY, ConfirmEmail(await home.token("anna@example.org")))
    linked = await link(home, anna, wallet)
    await unlink(home, anna, linked)

    subjects = [(await home.letter("anna@example.org", number)).subject for number in (2, 3)]
    assert subjects == ["Кошелёк привязан к аккаунту", "Кошелёк отвязан"]
    entries = await told(home, "wallet_linked", "wallet_unlinked")
    details = {"chain": wallet.chain, "wallet": shown(wallet)}
    assert [(entry.action, entry.details) for entry in entries] == [
        ("wallet_linked", details),
        ("wallet_unlinked", details),
    ]
    assert await wallets_of(home, anna) == []
    await ticket(home, wallet)


@pytest.mark.asvs("7.5.1")
async def test_linking_and_unlinking_need_the_person_again_after_fifteen_minutes(home: Home, wallet: AnyWallet) -> None:
    owner = await set_up(home.auth)
    linked = await link(home, owner, wallet)
    other = EthereumWallet()
    home.now_us += 15 * MINUTE_US
    begun = await link_proof(home, owner, other)
    home.now_us += 1

    with pytest.raises(StepUpRequired) as required:
        await unlink(home, owner, linked)
    assert required.value.details == {"methods": ["password", "wallet"]}
    with pytest.raises(StepUpRequired):
        await home.wallets.link_wallet(actor_of(owner), GivenProof(begun))
    with pytest.raises(StepUpRequired):
        await home.wallets.begin_wallet_link(actor_of(owner), other.begin())


async def test_one_wallet_has_one_account(home: Home, wallet: AnyWallet) -> None:
    owner, anna = await home.owner_and("anna")
    await link(home, owner, wallet)

    with pytest.raises(WalletTaken):
        await link(home, anna, wallet)
    with pytest.raises(WalletAlreadyLinked):
        await link(home, owner, wallet)

    assert (await sign_in(home, wallet)).user.id == owner.user.id


async def test_a_wallet_that_many_link_at_once_has_one_account(home: Home, wallet: AnyWallet) -> None:
    await set_up(home.auth)
    people = [await register(home.auth, f"person{number}") for number in range(5)]
    proofs = [await link_proof(home, each, wallet) for each in people]

    outcomes = await asyncio.gather(
        *[
            home.wallets.link_wallet(actor_of(each), GivenProof(proof))
            for each, proof in zip(people, proofs, strict=True)
        ],
        return_exceptions=True,
    )

    assert sorted(type(outcome).__name__ for outcome in outcomes) == ["Wallet"] + ["WalletTaken"] * 4


@pytest.mark.asvs("2.3.2")
async def test_an_account_has_at_most_ten_however_many_are_linked_at_once(home: Home) -> None:
    owner = await set_up(home.auth)
    wallets = [EthereumWallet() for _ in range(WALLETS_MAX + 5)]
    proofs = [await link_proof(home, owner, each) for each in wallets]

    outcomes = await asyncio.gather(
        *[home.wallets.link_wallet(actor_of(owner), GivenProof(proof)) for proof in proofs], return_exceptions=True
    )

    assert sum(isinstance(outcome, TooManyWallets) for outcome in outcomes) == 5
    assert len(await wallets_of(home, owner)) == WALLETS_MAX
    with pytest.raises(TooManyWallets):
        await link_proof(home, owner, EthereumWallet())


@pytest.mark.asvs("8.2.2")
async def test_nobody_sees_or_unlinks_anothers_wallet(home: Home, wallet: AnyWallet) -> None:
    owner, anna = await home.owner_and("anna")
    linked = await link(home, owner, wallet)

    with pytest.raises(WalletNotFound):
        await unlink(home, anna, linked)

    assert await wallets_of(home, anna) == []
    assert await sign_in(home, wallet)


async def test_the_last_way_into_an_account_stays(home: Home, wallet: AnyWallet) -> None:
    await set_up(home.auth)
    vera = await register_by(home, wallet)
    [first] = await wallets_of(home, vera)
    with pytest.raises(LastWayIn):
        await unlink(home, vera, first)

    second = await link(home, vera, EthereumWallet())
    outcomes = await asyncio.gather(unlink(home, vera, first), unlink(home, vera, second), return_exceptions=True)

    assert sorted(type(outcome).__name__ for outcome in outcomes) == ["LastWayIn", "NoneType"]
    assert len(await wallets_of(home, vera)) == 1


async def test_wallets_of_a_deleted_account_are_free(home: Home, wallet: AnyWallet) -> None:
    _, anna = await home.owner_and("anna")
    await link(home, anna, wallet)

    await home.accounts.delete_account(actor_of(anna), DeleteAccount(PASSWORD))

    assert await register_by(home, wallet)


# Stepping up


async def step_up_proof(home: Home, tokens: Tokens, wallet: AnyWallet) -> EthereumProof | TonProof:
    return signed(home, wallet, await home.wallets.begin_wallet_step_up(actor_of(tokens), wallet.begin()))


async def test_a_wallet_stands_in_for_the_password_that_an_account_has_not(home: Home, wallet: AnyWallet) -> None:
    await set_up(home.auth)
    vera = await register_by(home, wallet)
    home.now_us += 16 * MINUTE_US
    with pytest.raises(StepUpRequired) as required:
        await home.wallets.begin_wallet_link(actor_of(vera), EthereumWallet().begin())
    assert required.value.details == {"methods": ["wallet"]}

    await home.factors.step_up(actor_of(vera), StepUp(wallet=await step_up_proof(home, vera, wallet)))

    assert await link(home, vera, EthereumWallet())


async def test_a_wallet_does_not_stand_in_for_the_second_factor(home: Home, wallet: AnyWallet) -> None:
    owner = await set_up(home.auth)
    await link(home, owner, wallet)
    app = await turn_on(home, owner)
    home.now_us += 16 * MINUTE_US

    for code in ("", app.wrong_code()):
        proof = await step_up_proof(home, owner, wallet)
        with pytest.raises(InvalidCode):
            await home.factors.step_up(actor_of(owner), StepUp(wallet=proof, code=code))
    with pytest.raises(WalletProofEnded):
        await home.factors.step_up(actor_of(owner), StepUp(wallet=proof, code=app.code()))

    proof = await step_up_proof(home, owner, wallet)
    await home.factors.step_up(actor_of(owner), StepUp(wallet=proof, code=app.code()))
    await home.factors.remove_totp(actor_of(owner), Nothing())


async def test_only_a_wallet_of_ones_own_proves_anything(home: Home, wallet: AnyWallet) -> None:
    owner, anna = await home.owner_and("anna")
    await link(home, owner, wallet)
    with pytest.raises(WalletNotFound):
        await step_up_proof(home, anna, wallet)
    await link(home, anna, TonWallet())
    home.now_us += 16 * MINUTE_US

    for others in (wallet, EthereumWallet()):
        with pytest.raises(WalletNotFound):
            await home.factors.step_up(actor_of(anna), StepUp(wallet=await step_up_proof(home, anna, others)))

    with pytest.raises(StepUpRequired):
        await home.wallets.begin_wallet_link(actor_of(anna), TonWallet().begin())


async def test_what_is_left_undone_is_forgotten(embedded_home: Home) -> None:
    home = embedded_home
    await set_up(home.auth)
    await ticket(home, TonWallet())
    await home.wallets.begin_wallet_sign_in(NOBODY, TonWallet().begin())
    home.now_us += 16 * MINUTE_US

    await ticket(home, TonWallet())
    await home.wallets.begin_wallet_sign_in(NOBODY, TonWallet().begin())

    for table in ("auth_wallet_nonces", "auth_wallet_tickets"):
        rows: list[Any] = await home.database.fetch(tuple, f"SELECT * FROM {table}")
        assert len(rows) == 1, table

"""Operators find people, see how they stand, and act on those who may do no more than they."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pyotp
import pytest
from tests.services.auth.accounts import AUDITOR, PASSWORD, actor_of, log_in, refresh, register, session_of, set_up
from tests.services.auth.home import NEW_PASSWORD, Home
from tests.softkey import SoftKey

from kaif.interfaces.auth import (
    SESSIONS_ENDED,
    InvalidCredentials,
    Nothing,
    PasswordResetRequired,
    PersonNotFound,
    SessionEnded,
    Tokens,
)
from kaif.interfaces.auth.accounts import (
    ChangeEmail,
    ChangeLanguage,
    ChangePassword,
    ConfirmEmail,
    DeleteAccount,
    ForgetPassword,
    LinkSpent,
    ResetPassword,
)
from kaif.interfaces.auth.audit import ListAudit
from kaif.interfaces.auth.directory import (
    AccountDetails,
    FindAccounts,
    NoSecondFactors,
    NothingToConfirm,
    OfAccount,
)
from kaif.interfaces.auth.factors import (
    ChallengeEnded,
    ConfirmTotp,
    LogInWithSecondFactor,
    SecondFactorRequired,
    StepUpRequired,
)
from kaif.interfaces.auth.passkeys import AddPasskey, PasskeyUnknown, SignInWithPasskey
from kaif.interfaces.auth.roles import BeyondYourOwn, Grant
from kaif.interfaces.auth.sessions import OwnAccount, Suspend
from kaif.kernel.actor import NOBODY
from kaif.kernel.clock import MINUTE_US
from kaif.kernel.errors import Forbidden, MissingPermission

SHORT_PASSWORD = "pier-42-tea"

Act = Callable[[Home, Tokens, Tokens], Awaitable[Nothing]]


async def take_sessions(home: Home, operator: Tokens, other: Tokens) -> Nothing:
    return await home.directory.take_sessions(actor_of(operator), OfAccount(other.user.id))


async def force_reset(home: Home, operator: Tokens, other: Tokens) -> Nothing:
    return await home.directory.force_reset(actor_of(operator), OfAccount(other.user.id))


async def send_confirmation(home: Home, operator: Tokens, other: Tokens) -> Nothing:
    return await home.directory.send_confirmation(actor_of(operator), OfAccount(other.user.id))


async def take_second_factors(home: Home, operator: Tokens, other: Tokens) -> Nothing:
    return await home.directory.take_second_factors(actor_of(operator), OfAccount(other.user.id))


ACTS: list[Act] = [take_sessions, force_reset, send_confirmation, take_second_factors]


async def look(home: Home, operator: Tokens, other: Tokens) -> AccountDetails:
    return await home.directory.get_account(actor_of(operator), OfAccount(other.user.id))


async def found(home: Home, operator: Tokens, **wanted: Any) -> list[str]:
    page = await home.directory.find_accounts(actor_of(operator), FindAccounts(**wanted))
    return [account.username for account in page.accounts]


async def made(home: Home, owner: Tokens, name: str, role: str) -> Tokens:
    tokens = await register(home.auth, name)
    await home.roles.grant_role(actor_of(owner), Grant(tokens.user.id, role))
    return await refresh(home.auth, tokens)


async def turn_on(home: Home, tokens: Tokens) -> pyotp.TOTP:
    begun = await home.factors.begin_totp(actor_of(tokens), Nothing())
    app = pyotp.TOTP(begun.secret)
    await home.factors.confirm_totp(actor_of(tokens), ConfirmTotp(app.at(home.now_us // 1_000_000)))
    return app


async def add_passkey(home: Home, tokens: Tokens) -> SoftKey:
    key = SoftKey()
    options = await home.passkeys.begin_passkey(actor_of(tokens), Nothing())
    await home.passkeys.add_passkey(actor_of(tokens), AddPasskey("Phone", key.create(options)))
    return key


async def sign_in_by(home: Home, key: SoftKey) -> Tokens:
    options = await home.passkeys.begin_passkey_sign_in(NOBODY, Nothing())
    return await home.passkeys.sign_in_with_passkey(NOBODY, SignInWithPasskey(key.get(options)))


async def told(home: Home, *actions: str) -> list[tuple[str, str, str]]:
    entries = (await home.audit.list_audit(AUDITOR, ListAudit())).entries
    return [(one.action, one.actor_id, one.subject_id) for one in reversed(entries) if one.action in actions]


# Finding


async def test_people_are_found_by_name_username_address_and_id(home: Home) -> None:
    owner = await set_up(home.auth)
    anna = await register(home.auth, "anna.v", "Анна Ветрова")
    await register(home.auth, "anton_x", "Антон %")

    for query in ("Ветр", "анна ветрова", "ветрова Анна", "@anna.v", "ANNA.V@example.org", "anna.v@ex", anna.user.id):
        assert await found(home, owner, query=query) == ["anna.v"], query
    assert await found(home, owner, query="ан") == ["anton_x", "anna.v"]
    for query in ("%", "_", "anna!", "ветрова антон", "nna"):
        assert "anna.v" not in await found(home, owner, query=query), query


async def test_people_come_newest_first_and_page_by_page_each_once(home: Home) -> None:
    owner = await set_up(home.auth)
    for name in ("anna", "boris", "vera"):
        await register(home.auth, name)

    names, before = [], None
    for _ in range(2):
        page = await home.directory.find_accounts(actor_of(owner), FindAccounts(before=before, limit=2))
        names += [account.username for account in page.accounts]
        before = page.next_before

    assert (names, before) == (["vera", "boris", "anna", "owner"], None)


async def test_filters_show_those_who_are_meant(home: Home) -> None:
    owner = await set_up(home.auth)
    anna, boris = await register(home.auth, "anna"), await made(home, owner, "boris", "support")
    await home.sessions.suspend(actor_of(owner), Suspend(anna.user.id))
    await home.accounts.confirm_email(actor_of(boris), ConfirmEmail(await home.token("boris@example.org")))

    assert await found(home, owner, suspended=True) == ["anna"]
    assert await found(home, owner, suspended=False) == ["boris", "owner"]
    assert await found(home, owner, email_confirmed=True) == ["boris"]
    assert await found(home, owner, email_confirmed=False, suspended=False) == ["owner"]
    assert await found(home, owner, role="support") == [boris.user.username]
    assert await found(home, owner, role="suppor_") == []


async def test_who_has_left_is_not_in_the_directory_and_nothing_is_done_to_them(home: Home) -> None:
    owner, anna = await home.owner_and("anna")
    await home.accounts.change_language(actor_of(anna), ChangeLanguage("ru"))
    await home.accounts.delete_account(actor_of(anna), DeleteAccount(PASSWORD))

    assert await found(home, owner) == ["owner"]
    left = await look(home, owner, anna)
    assert left.left_at and left.language == "en"
    for act in ACTS:
        with pytest.raises(PersonNotFound):
            await act(home, owner, anna)


# Seeing


async def test_an_account_is_seen_with_its_devices_and_ways_in_and_no_secret(home: Home) -> None:
    owner, anna = await home.owner_and("anna")
    await turn_on(home, anna)
    await add_passkey(home, anna)

    details = await look(home, owner, anna)

    assert details.security and details.audit
    assert [session.id for session in details.security.sessions] == [session_of(anna)]
    assert details.security.totp_since and details.security.recovery_codes_left == 10
    assert [passkey.name for passkey in details.security.passkeys] == ["Phone"]
    assert details.security.last_sign_in_at and details.security.has_password
    assert details.audit.entries[0].action == "passkey_added"
    assert [person.username for person in details.audit.people] == ["anna"]
    assert "argon2" not in repr(details)


@pytest.mark.asvs("8.2.3")
async def test_support_sees_no_log_and_nothing_of_how_the_owner_signs_in(home: Home) -> None:
    owner, anna = await home.owner_and("anna")
    support = await made(home, owner, "support-1", "support")

    assert (await look(home, support, anna)).security
    assert (await look(home, support, anna)).audit is None
    assert (await look(home, support, owner)).security is None


# Acting


async def test_a_member_may_neither_look_nor_act(home: Home) -> None:
    owner, anna = await home.owner_and("anna")

    for act in [*ACTS, look, found_by]:
        with pytest.raises(MissingPermission):
            await act(home, anna, owner)


async def found_by(home: Home, operator: Tokens, _: Tokens) -> Any:
    return await found(home, operator)


@pytest.mark.parametrize("act", ACTS)
async def test_nobody_acts_on_who_may_do_more_or_on_themselves(home: Home, act: Act) -> None:
    owner = await set_up(home.auth)
    support = await made(home, owner, "support-1", "support")

    with pytest.raises(BeyondYourOwn):
        await act(home, support, owner)
    with pytest.raises(OwnAccount):
        await act(home, support, support)

    assert await refresh(home.auth, owner)
    assert await log_in(home.auth, "owner")


@pytest.mark.parametrize("act", ACTS)
async def test_an_operator_who_was_suspended_acts_no_more(home: Home, act: Act) -> None:
    owner, anna = await home.owner_and("anna")
    support = await made(home, owner, "support-1", "support")
    await home.sessions.suspend(actor_of(owner), Suspend(support.user.id))

    with pytest.raises(Forbidden):
        await act(home, support, anna)
    assert await refresh(home.auth, anna)


@pytest.mark.asvs("7.5.3", "8.4.2")
@pytest.mark.parametrize("act", [force_reset, take_second_factors])
async def test_what_can_hardly_be_undone_wants_a_fresh_session(home: Home, act: Act) -> None:
    owner, anna = await home.owner_and("anna")
    await turn_on(home, anna)
    home.now_us += 16 * MINUTE_US

    with pytest.raises(StepUpRequired):
        await act(home, owner, anna)

    details = await look(home, owner, anna)
    assert details.security and details.security.totp_since and details.security.has_password


@pytest.mark.asvs("7.4.5")
async def test_all_sessions_end_at_once_and_the_account_signs_in_again(home: Home) -> None:
    owner, anna = await home.owner_and("anna")
    phone = await log_in(home.auth, "anna")
    ended: list[bytes] = []
    await home.cache.subscribe(SESSIONS_ENDED, ended.append)

    await take_sessions(home, owner, anna)

    assert sorted(ended) == sorted(session_of(one).encode() for one in (anna, phone))
    for tokens in (anna, phone):
        with pytest.raises(SessionEnded):
            await refresh(home.auth, tokens)
    assert await log_in(home.auth, "anna")
    assert await told(home, "sessions_taken") == [("sessions_taken", owner.user.id, anna.user.id)]


@pytest.mark.asvs("6.4.6")
async def test_after_a_forced_reset_only_the_letter_opens_the_account(home: Home) -> None:
    owner, anna = await home.owner_and("anna")
    await home.accounts.confirm_email(NOBODY, ConfirmEmail(await home.token("anna@example.org")))
    key = await add_passkey(home, anna)

    await force_reset(home, owner, anna)

    with pytest.raises(SessionEnded):
        await refresh(home.auth, anna)
    with pytest.raises(InvalidCredentials):
        await log_in(home.auth, "anna")
    with pytest.raises(PasswordResetRequired):
        await sign_in_by(home, key)
    details = await look(home, owner, anna)
    assert details.security and details.security.reset_required_since and not details.security.has_password

    await home.accounts.reset_password(NOBODY, ResetPassword(await home.token("anna@example.org", 3), NEW_PASSWORD))
    assert await log_in(home.auth, "anna", NEW_PASSWORD)
    assert await sign_in_by(home, key)
    assert await told(home, "password_reset_forced") == [("password_reset_forced", owner.user.id, anna.user.id)]


@pytest.mark.asvs("6.3.4", "6.3.6", "6.4.3")
async def test_a_forced_reset_keeps_the_second_factor(home: Home) -> None:
    owner, anna = await home.owner_and("anna")
    await home.accounts.confirm_email(NOBODY, ConfirmEmail(await home.token("anna@example.org")))
    app = await turn_on(home, anna)
    await force_reset(home, owner, anna)
    await home.accounts.reset_password(NOBODY, ResetPassword(await reset_token(home, 1), NEW_PASSWORD))

    with pytest.raises(SecondFactorRequired) as required:
        await log_in(home.auth, "anna", NEW_PASSWORD)
    home.now_us += MINUTE_US
    given = LogInWithSecondFactor(str(required.value.details["challenge"]), app.at(home.now_us // 1_000_000))
    assert await home.factors.log_in_with_second_factor(NOBODY, given)


async def test_what_was_under_way_before_a_forced_reset_comes_to_nothing(home: Home) -> None:
    owner, anna = await home.owner_and("anna")
    app = await turn_on(home, anna)
    with pytest.raises(SecondFactorRequired) as required:
        await log_in(home.auth, "anna")
    await home.accounts.change_email(actor_of(anna), ChangeEmail("thief@example.org", PASSWORD))
    await home.accounts.forget_password(NOBODY, ForgetPassword("anna@example.org"))
    thiefs, older = await home.token("thief@example.org"), await reset_token(home, 1)

    await force_reset(home, owner, anna)

    home.now_us += MINUTE_US
    given = LogInWithSecondFactor(str(required.value.details["challenge"]), app.at(home.now_us // 1_000_000))
    with pytest.raises(ChallengeEnded):
        await home.factors.log_in_with_second_factor(NOBODY, given)
    with pytest.raises(LinkSpent):
        await home.accounts.confirm_email(NOBODY, ConfirmEmail(thiefs))
    with pytest.raises(LinkSpent):
        await home.accounts.reset_password(NOBODY, ResetPassword(older, NEW_PASSWORD))
    # The link that was asked for just before does not hold the new one back.
    await home.accounts.reset_password(NOBODY, ResetPassword(await reset_token(home, 2), NEW_PASSWORD))


async def reset_token(home: Home, number: int) -> str:
    """Of the letter of that number that leads to a new password."""
    at = 0
    for _ in range(number):
        at += 1
        while "/reset#" not in (await home.letter("anna@example.org", at)).text:
            at += 1
    return await home.token("anna@example.org", at)


async def test_sign_ins_that_race_with_a_forced_reset_leave_no_session_behind(home: Home) -> None:
    owner, anna = await home.owner_and("anna")
    signing_in = [asyncio.ensure_future(log_in(home.auth, "anna")) for _ in range(10)]
    await asyncio.wait(signing_in, return_when=asyncio.FIRST_COMPLETED)

    await force_reset(home, owner, anna)

    await asyncio.gather(*signing_in, return_exceptions=True)
    details = await look(home, owner, anna)
    assert details.security and details.security.sessions == []


async def test_a_confirmation_is_sent_again_while_there_is_something_to_confirm(home: Home) -> None:
    owner, anna = await home.owner_and("anna")
    first = await home.token("anna@example.org")

    await send_confirmation(home, owner, anna)

    second = await home.token("anna@example.org", 2)
    with pytest.raises(LinkSpent):
        await home.accounts.confirm_email(NOBODY, ConfirmEmail(first))
    await home.accounts.confirm_email(NOBODY, ConfirmEmail(second))
    with pytest.raises(NothingToConfirm):
        await send_confirmation(home, owner, anna)


async def test_a_password_that_was_good_only_beside_a_factor_goes_with_it(home: Home) -> None:
    owner, anna = await home.owner_and("anna")
    await turn_on(home, anna)
    await home.accounts.change_password(actor_of(anna), ChangePassword(PASSWORD, SHORT_PASSWORD))
    with pytest.raises(SecondFactorRequired):
        await log_in(home.auth, "anna", SHORT_PASSWORD)

    await take_second_factors(home, owner, anna)

    with pytest.raises(SessionEnded):
        await refresh(home.auth, anna)
    with pytest.raises(InvalidCredentials):
        await log_in(home.auth, "anna", SHORT_PASSWORD)
    await home.accounts.reset_password(NOBODY, ResetPassword(await reset_token(home, 1), NEW_PASSWORD))
    assert await log_in(home.auth, "anna", NEW_PASSWORD)


@pytest.mark.asvs("6.3.7", "6.4.4")
async def test_who_lost_all_factors_signs_in_by_the_password_and_is_told(home: Home) -> None:
    owner, anna = await home.owner_and("anna")
    await home.accounts.confirm_email(NOBODY, ConfirmEmail(await home.token("anna@example.org")))
    await turn_on(home, anna)
    key = await add_passkey(home, anna)
    with pytest.raises(SecondFactorRequired):
        await log_in(home.auth, "anna")

    await take_second_factors(home, owner, anna)

    assert await log_in(home.auth, "anna")
    with pytest.raises(PasskeyUnknown):
        await sign_in_by(home, key)
    letter = await home.letter("anna@example.org", 4)
    assert "second step" in letter.subject
    assert await told(home, "second_factors_taken") == [("second_factors_taken", owner.user.id, anna.user.id)]
    with pytest.raises(NoSecondFactors):
        await take_second_factors(home, owner, anna)

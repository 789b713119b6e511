"""One's own account: a proved address, a changed password, another name, and leaving."""

import asyncio

import argon2
import msgspec
import pytest
from tests.services.auth.accounts import (
    PASSWORD,
    a_registration,
    actor_of,
    log_in,
    refresh,
    register,
    session_of,
    set_up,
)
from tests.services.auth.home import NEW_PASSWORD, Home
from tests.waiting import eventually

from kaif.interfaces.auth import (
    SESSIONS_ENDED,
    BadDisplayName,
    EmailTaken,
    FindPeople,
    GetPerson,
    InvalidCredentials,
    LogIn,
    Nothing,
    PersonChanged,
    Register,
    SessionEnded,
    Tokens,
    WrongPassword,
)
from kaif.interfaces.auth.accounts import (
    ChangeAvatarColour,
    ChangeDisplayName,
    ChangeEmail,
    ChangePassword,
    ConfirmedEmail,
    ConfirmEmail,
    DeleteAccount,
    ForgetPassword,
    LinkSpent,
    PasswordBreached,
    PasswordTooObvious,
    ResetPassword,
)
from kaif.interfaces.auth.factors import TooManyTries
from kaif.interfaces.auth.roles import LastOwner
from kaif.kernel.actor import NOBODY
from kaif.kernel.clock import DAY_US, MINUTE_US
from kaif.kernel.errors import KaifError, Unauthenticated
from kaif.services.auth import store
from kaif.services.auth.letters.links import RESET, issue
from kaif.services.auth.tokens import Signer, new_signing_key

OWNER = "owner@example.org"
BORIS = "boris@example.org"
ANNA = "anna@example.org"


async def a_member(home: Home) -> Tokens:
    return (await home.owner_and("boris"))[1]


async def confirm(home: Home, token: str) -> ConfirmedEmail:
    return await home.accounts.confirm_email(NOBODY, ConfirmEmail(token))


async def forget(home: Home, email: str) -> None:
    await home.accounts.forget_password(NOBODY, ForgetPassword(email))


async def reset(home: Home, token: str, password: str = NEW_PASSWORD) -> None:
    await home.accounts.reset_password(NOBODY, ResetPassword(token, password))


async def find(home: Home, query: str) -> list[str]:
    return [person.display_name for person in (await home.auth.find_people(NOBODY, FindPeople(query))).people]


async def subjects(home: Home, address: str) -> list[str]:
    return [letter.subject for letter in await home.letters(address)]


# The address


@pytest.mark.asvs("14.2.1")
async def test_the_letters_link_confirms_the_address_once(home: Home) -> None:
    tokens = await a_member(home)
    assert not (await home.user(tokens)).email_confirmed
    token = await home.token(BORIS)

    assert await confirm(home, token) == ConfirmedEmail(BORIS)

    assert (await home.user(tokens)).email_confirmed
    with pytest.raises(LinkSpent):
        await confirm(home, token)


async def test_of_ten_uses_of_a_link_at_once_one_succeeds(home: Home) -> None:
    await a_member(home)
    token = await home.token(BORIS)

    done = await asyncio.gather(*[confirm(home, token) for _ in range(10)], return_exceptions=True)

    assert sorted(type(outcome).__name__ for outcome in done) == ["ConfirmedEmail"] + ["LinkSpent"] * 9


async def test_a_link_is_good_for_seven_days(home: Home) -> None:
    await a_member(home)
    token = await home.token(BORIS)

    home.now_us += 7 * DAY_US

    with pytest.raises(LinkSpent):
        await confirm(home, token)


async def test_a_link_just_before_its_end_is_good(home: Home) -> None:
    await a_member(home)
    token = await home.token(BORIS)

    home.now_us += 7 * DAY_US - 1

    assert await confirm(home, token)


async def test_a_link_sealed_by_another_key_is_none(home: Home) -> None:
    await a_member(home)
    token = await home.token(BORIS)
    link_id = token.partition(".")[0]

    for forged in (Signer(new_signing_key()).link_token(link_id), link_id, f"{link_id}.", token[:-1], token + "0"):
        with pytest.raises(LinkSpent):
            await confirm(home, forged)

    assert await confirm(home, token)


@pytest.mark.parametrize("token", [".", "é.ü", "\ud800", "a" * 256])
async def test_nonsense_in_place_of_a_link_is_refused(embedded_home: Home, token: str) -> None:
    with pytest.raises(LinkSpent):
        await confirm(embedded_home, token)


async def test_a_link_sent_again_replaces_the_earlier_one(home: Home) -> None:
    tokens = await a_member(home)
    first = await home.token(BORIS)

    await home.accounts.resend_confirmation(actor_of(tokens), Nothing())
    second = await home.token(BORIS, 2)

    with pytest.raises(LinkSpent):
        await confirm(home, first)
    assert await confirm(home, second)


async def test_who_has_confirmed_gets_no_link_again(home: Home) -> None:
    boris, anna = await a_member(home), await register(home.auth, "anna")
    await confirm(home, await home.token(BORIS))

    await home.accounts.resend_confirmation(actor_of(boris), Nothing())
    await home.accounts.resend_confirmation(actor_of(anna), Nothing())

    await home.letter(ANNA, 2)
    assert len(await home.letters(BORIS)) == 1


@pytest.mark.asvs("6.3.7")
async def test_a_new_address_counts_when_its_link_is_opened_and_the_old_one_is_told(home: Home) -> None:
    tokens = await a_member(home)
    await confirm(home, await home.token(BORIS))

    await home.accounts.change_email(actor_of(tokens), ChangeEmail("New@Example.org", PASSWORD))
    token = await home.token("new@example.org")
    assert (await home.user(tokens)).email == BORIS
    assert (await home.letter(BORIS, 2)).subject == "Somebody wants to change your account's address"
    await confirm(home, token)

    user = await home.user(tokens)
    assert (user.email, user.email_confirmed) == ("new@example.org", True)
    assert (await home.letter(BORIS, 3)).subject == "Your account's address was changed"
    assert await log_in(home.auth, "new@example.org")


async def test_links_to_the_old_address_open_nothing_after_the_change(home: Home) -> None:
    tokens = await a_member(home)
    confirmation = await home.token(BORIS)
    await forget(home, BORIS)
    reset_token = await home.token(BORIS, 2)
    await home.accounts.change_email(actor_of(tokens), ChangeEmail("new@example.org", PASSWORD))
    await confirm(home, await home.token("new@example.org"))

    with pytest.raises(LinkSpent):
        await confirm(home, confirmation)
    with pytest.raises(LinkSpent):
        await reset(home, reset_token)


@pytest.mark.asvs("7.5.1")
async def test_an_address_changes_only_with_the_password(home: Home) -> None:
    tokens = await a_member(home)

    with pytest.raises(WrongPassword):
        await home.accounts.change_email(actor_of(tokens), ChangeEmail("new@example.org", "not the password"))


async def test_an_address_that_somebody_confirms_before_the_letter_is_opened_is_taken(home: Home) -> None:
    boris = await a_member(home)
    await home.accounts.change_email(actor_of(boris), ChangeEmail("vera@example.org", PASSWORD))
    token = await home.token("vera@example.org")
    await register(home.auth, "vera")
    await confirm(home, await home.token("vera@example.org", 2))

    with pytest.raises(EmailTaken):
        await confirm(home, token)

    assert (await home.user(boris)).email == BORIS


async def test_a_changed_password_stops_a_change_of_address_that_somebody_asked_for(home: Home) -> None:
    tokens = await a_member(home)
    await home.accounts.change_email(actor_of(tokens), ChangeEmail("thief@example.org", PASSWORD))
    token = await home.token("thief@example.org")

    await home.accounts.change_password(actor_of(tokens), ChangePassword(PASSWORD, NEW_PASSWORD))

    with pytest.raises(LinkSpent):
        await confirm(home, token)


async def test_no_account_fills_the_mailboxes_of_strangers(home: Home) -> None:
    tokens = await a_member(home)
    for number in range(5):
        await home.accounts.resend_confirmation(actor_of(tokens), Nothing())
        await home.accounts.change_email(actor_of(tokens), ChangeEmail(f"stranger-{number}@example.org", PASSWORD))

    with pytest.raises(TooManyTries):
        await home.accounts.change_email(actor_of(tokens), ChangeEmail("one-more@example.org", PASSWORD))
    with pytest.raises(TooManyTries):
        await home.accounts.resend_confirmation(actor_of(tokens), Nothing())

    home.now_us += 60 * MINUTE_US
    await home.accounts.resend_confirmation(actor_of(tokens), Nothing())


# A forgotten password


@pytest.mark.asvs("6.3.7", "6.4.3", "7.4.3")
async def test_a_reset_sets_the_password_ends_all_sessions_and_is_told(home: Home) -> None:
    phone = await a_member(home)
    await confirm(home, await home.token(BORIS))
    laptop = await log_in(home.auth, "boris")
    told: list[bytes] = []
    await home.cache.subscribe(SESSIONS_ENDED, told.append)
    await forget(home, "Boris@Example.org")

    await reset(home, await home.token(BORIS, 2))

    assert await log_in(home.auth, "boris", NEW_PASSWORD)
    with pytest.raises(InvalidCredentials):
        await log_in(home.auth, "boris")
    for tokens in (phone, laptop):
        with pytest.raises(SessionEnded):
            await refresh(home.auth, tokens)
    assert set(told) == {session_of(phone).encode(), session_of(laptop).encode()}
    assert (await home.letter(BORIS, 3)).subject == "Your password was changed"


async def test_whoever_opens_the_letter_of_a_reset_has_proved_the_address(home: Home) -> None:
    await a_member(home)
    await forget(home, BORIS)

    await reset(home, await home.token(BORIS, 2))

    assert (await log_in(home.auth, "boris", NEW_PASSWORD)).user.email_confirmed


@pytest.mark.asvs("6.4.1", "6.4.3")
async def test_a_reset_is_good_once_and_for_thirty_minutes(home: Home) -> None:
    await a_member(home)
    await forget(home, BORIS)
    used = await home.token(BORIS, 2)
    await reset(home, used)
    home.now_us += 2 * MINUTE_US
    await forget(home, BORIS)
    late = await home.token(BORIS, 4)
    home.now_us += 30 * MINUTE_US

    for token in (used, late):
        with pytest.raises(LinkSpent):
            await reset(home, token)


@pytest.mark.asvs("6.4.3")
async def test_of_five_resets_by_one_link_at_once_one_succeeds(home: Home) -> None:
    await a_member(home)
    await forget(home, BORIS)
    token = await home.token(BORIS, 2)
    wanted = [f"{NEW_PASSWORD} {number}" for number in range(5)]

    done = await asyncio.gather(*[reset(home, token, password) for password in wanted], return_exceptions=True)

    assert sorted(type(outcome).__name__ for outcome in done) == ["LinkSpent"] * 4 + ["NoneType"]
    assert await log_in(home.auth, "boris", wanted[done.index(None)])


async def test_a_newer_request_replaces_the_link_of_an_earlier_one(home: Home) -> None:
    await a_member(home)
    await forget(home, BORIS)
    first = await home.token(BORIS, 2)
    home.now_us += MINUTE_US
    await forget(home, BORIS)
    second = await home.token(BORIS, 3)

    with pytest.raises(LinkSpent):
        await reset(home, first)
    await reset(home, second)


async def test_requests_within_a_minute_send_one_letter(home: Home) -> None:
    await a_member(home)
    await register(home.auth, "anna")
    for _ in range(5):
        await forget(home, BORIS)
    await forget(home, ANNA)

    # The requests are heeded in their order.
    await home.letter(ANNA, 2)
    assert await subjects(home, BORIS) == ["Welcome. Please confirm your e-mail address", "A new password"]


async def test_whoever_asks_without_end_can_not_take_the_links_of_the_owner_away(home: Home) -> None:
    await a_member(home)
    await register(home.auth, "anna")
    for number in range(10):
        await forget(home, BORIS)
        await home.letter(BORIS, number + 2)
        home.now_us += MINUTE_US
    for _ in range(10):
        await forget(home, BORIS)
        home.now_us += MINUTE_US
    await forget(home, ANNA)

    # The requests are heeded in their order.
    await home.letter(ANNA, 2)
    assert len(await home.letters(BORIS)) == 11
    await reset(home, await home.token(BORIS, 11))


async def test_an_hour_later_there_are_letters_again(home: Home) -> None:
    await a_member(home)
    await register(home.auth, "anna")
    for number in range(10):
        await forget(home, BORIS)
        await home.letter(BORIS, number + 2)
        home.now_us += MINUTE_US

    home.now_us += 50 * MINUTE_US
    await forget(home, BORIS)

    assert await home.token(BORIS, 12)


async def test_of_an_unknown_address_nothing_is_said_and_nothing_sent(home: Home) -> None:
    await a_member(home)
    await register(home.auth, "anna")

    unknown = await home.accounts.forget_password(NOBODY, ForgetPassword("nobody@example.org"))
    known = await home.accounts.forget_password(NOBODY, ForgetPassword(ANNA))

    await home.letter(ANNA, 2)
    assert unknown == known == Nothing()
    assert await home.letters("nobody@example.org") == []


async def test_a_link_of_one_purpose_serves_no_other(home: Home) -> None:
    await a_member(home)
    confirmation = await home.token(BORIS)
    await forget(home, BORIS)
    reset_token = await home.token(BORIS, 2)

    with pytest.raises(LinkSpent):
        await reset(home, confirmation)
    with pytest.raises(LinkSpent):
        await confirm(home, reset_token)
    await reset(home, reset_token)


@pytest.mark.asvs("2.3.3")
async def test_a_weak_password_does_not_use_the_link_up(home: Home) -> None:
    await a_member(home)
    await forget(home, BORIS)
    token = await home.token(BORIS, 2)

    with pytest.raises(PasswordBreached):
        await reset(home, token, "password12345678")

    await reset(home, token)


# A changed password


@pytest.mark.asvs("6.2.2", "6.3.7", "7.4.3")
async def test_a_changed_password_ends_the_other_sessions_and_is_told(home: Home) -> None:
    phone = await a_member(home)
    await confirm(home, await home.token(BORIS))
    laptop = await log_in(home.auth, "boris")
    home.now_us += DAY_US

    await home.accounts.change_password(actor_of(laptop), ChangePassword(PASSWORD, NEW_PASSWORD))

    assert await refresh(home.auth, laptop)
    with pytest.raises(SessionEnded):
        await refresh(home.auth, phone)
    assert (await home.auth.get_withdrawn(NOBODY, Nothing())).session_ids == [session_of(phone)]
    user = await home.user(laptop)
    assert user.password_changed_at.timestamp() == home.now_us / 1_000_000
    assert (await home.letter(BORIS, 2)).subject == "Your password was changed"


@pytest.mark.asvs("6.2.3", "7.5.1")
async def test_a_password_changes_only_with_the_current_one(home: Home) -> None:
    tokens = await set_up(home.auth)

    with pytest.raises(WrongPassword):
        await home.accounts.change_password(actor_of(tokens), ChangePassword("not the password", NEW_PASSWORD))

    assert await log_in(home.auth, "owner")


@pytest.mark.asvs("6.2.10")
async def test_a_password_is_good_however_old_it_is(home: Home) -> None:
    await set_up(home.auth)

    home.now_us += 10 * 365 * DAY_US

    assert await log_in(home.auth, "owner")


async def test_no_session_opens_with_a_password_that_is_being_changed(home: Home) -> None:
    tokens = await set_up(home.auth)
    attempts = [log_in(home.auth, "owner") for _ in range(6)]
    change = home.accounts.change_password(actor_of(tokens), ChangePassword(PASSWORD, NEW_PASSWORD))

    done = await asyncio.gather(*attempts[:3], change, *attempts[3:], return_exceptions=True)

    opened = [outcome for outcome in done if isinstance(outcome, Tokens)]
    assert all(isinstance(outcome, Tokens | InvalidCredentials | Nothing) for outcome in done)
    for session in opened:
        with pytest.raises(SessionEnded):
            await refresh(home.auth, session)


@pytest.mark.asvs("6.2.11")
@pytest.mark.parametrize("password", ["owner owner owner", "Kaif Ozero 2026!!", "owner@example.org"])
async def test_what_others_know_is_no_password(embedded_home: Home, password: str) -> None:
    tokens = await set_up(embedded_home.auth)

    with pytest.raises(PasswordTooObvious):
        await embedded_home.accounts.change_password(actor_of(tokens), ChangePassword(PASSWORD, password))


@pytest.mark.asvs("6.2.4")
async def test_nobody_registers_with_a_password_that_is_tried_first(embedded_home: Home) -> None:
    await set_up(embedded_home.auth)

    with pytest.raises(PasswordBreached):
        await embedded_home.auth.register(NOBODY, Register("anna", ANNA, "iloveyou12345678"))


async def test_a_password_of_the_same_letters_in_other_code_points_is_the_same(embedded_home: Home) -> None:
    await set_up(embedded_home.auth)
    await embedded_home.auth.register(NOBODY, Register("anna", ANNA, "ёлка у тихого озера ﬁ"))

    assert await embedded_home.auth.log_in(NOBODY, LogIn("anna", "е\u0308лка у тихого озера fi"))


# A name


async def test_another_name_is_seen_and_found_and_the_former_is_not(home: Home) -> None:
    tokens = await set_up(home.auth)

    user = await home.accounts.change_display_name(actor_of(tokens), ChangeDisplayName("  Вера Егорова "))

    assert user == await home.user(tokens)
    assert user.display_name == "Вера Егорова"
    assert await find(home, "егор") == await find(home, "owner") == ["Вера Егорова"]
    await home.accounts.change_display_name(actor_of(tokens), ChangeDisplayName("Лена"))
    assert await find(home, "егор") == []


async def test_renamings_at_once_leave_the_words_of_one_of_them(home: Home) -> None:
    tokens = await set_up(home.auth)
    names = [f"Имя{number}" for number in range(8)]

    await asyncio.gather(
        *[home.accounts.change_display_name(actor_of(tokens), ChangeDisplayName(name)) for name in names]
    )

    assert await find(home, "имя") == [(await home.user(tokens)).display_name]


async def test_a_name_that_deceives_is_refused(home: Home) -> None:
    tokens = await set_up(home.auth)

    with pytest.raises(BadDisplayName):
        await home.accounts.change_display_name(actor_of(tokens), ChangeDisplayName("\u202eannA"))


async def test_a_chosen_colour_is_the_one_that_others_see_until_it_is_given_back(home: Home) -> None:
    _, anna = await home.owner_and("anna")
    assert (await home.auth.get_person(NOBODY, GetPerson(anna.user.id))).avatar_colour is None

    for colour in (5, 2, None):
        user = await home.accounts.change_avatar_colour(actor_of(anna), ChangeAvatarColour(colour))

        person = await home.auth.get_person(NOBODY, GetPerson(anna.user.id))
        found = (await home.auth.find_people(NOBODY, FindPeople("anna"))).people
        assert user.avatar_colour == colour and found == [person] and person.avatar_colour == colour
        bodies: list[tuple[str]] = await home.database.fetch(
            tuple, "SELECT body FROM outbox WHERE name = :name ORDER BY id DESC LIMIT 1", name=PersonChanged.name
        )
        assert msgspec.json.decode(bodies[0][0], type=PersonChanged).person == person


# Leaving


async def test_who_leaves_is_forgotten_and_the_name_is_free(home: Home) -> None:
    _, anna = await home.owner_and("anna")
    await home.letter(ANNA)

    await home.accounts.delete_account(actor_of(anna), DeleteAccount(PASSWORD))

    person = await home.auth.get_person(NOBODY, GetPerson(anna.user.id))
    assert person.display_name == "Удалённый аккаунт"
    assert await find(home, "anna") == [] and await find(home, "") == ["owner"]
    with pytest.raises(SessionEnded):
        await refresh(home.auth, anna)
    for login in ("anna", ANNA, person.username):
        for password in (PASSWORD, "deleted", "a password that nobody has"):
            with pytest.raises(InvalidCredentials):
                await log_in(home.auth, login, password)
    assert await home.auth.register(NOBODY, a_registration("anna"))


async def test_of_who_left_no_address_is_kept(home: Home) -> None:
    _, anna = await home.owner_and("anna")
    await home.accounts.change_email(actor_of(anna), ChangeEmail("new@example.org", PASSWORD))

    await home.accounts.delete_account(actor_of(anna), DeleteAccount(PASSWORD))

    kept: list[tuple[str]] = await home.database.fetch(
        tuple, "SELECT email FROM auth_users UNION ALL SELECT email FROM auth_links"
    )
    assert {row[0] for row in kept if "@" in row[0]} == {OWNER}


async def test_of_who_left_others_hear_a_name_that_says_so(home: Home) -> None:
    _, anna = await home.owner_and("anna")

    await home.accounts.delete_account(actor_of(anna), DeleteAccount(PASSWORD))

    bodies: list[tuple[str]] = await home.database.fetch(
        tuple, "SELECT body FROM outbox WHERE name = :name ORDER BY id DESC LIMIT 1", name=PersonChanged.name
    )
    assert "Удалённый аккаунт" in bodies[0][0] and ANNA not in bodies[0][0]


async def test_one_leaves_only_with_the_password(home: Home) -> None:
    _, anna = await home.owner_and("anna")

    with pytest.raises(WrongPassword):
        await home.accounts.delete_account(actor_of(anna), DeleteAccount("not the password"))

    assert await log_in(home.auth, "anna")


async def test_the_last_owner_stays(home: Home) -> None:
    owner, _ = await home.owner_and("anna")

    with pytest.raises(LastOwner):
        await home.accounts.delete_account(actor_of(owner), DeleteAccount(PASSWORD))

    assert await log_in(home.auth, "owner")


async def test_of_two_owners_who_leave_at_once_one_stays(home: Home) -> None:
    owner, anna = await home.owner_and("anna")
    async with home.database.transaction() as tx:
        await tx.execute("UPDATE auth_users SET roles = 'owner'")

    done = await asyncio.gather(
        *[home.accounts.delete_account(actor_of(one), DeleteAccount(PASSWORD)) for one in (owner, anna)],
        return_exceptions=True,
    )

    assert sorted(type(outcome).__name__ for outcome in done) == ["Erasure", "LastOwner"]


@pytest.mark.asvs("7.4.2")
async def test_who_left_can_do_nothing_more_with_a_token_that_is_still_good(home: Home) -> None:
    _, anna = await home.owner_and("anna")
    await home.accounts.delete_account(actor_of(anna), DeleteAccount(PASSWORD))

    with pytest.raises(Unauthenticated):
        await home.accounts.change_display_name(actor_of(anna), ChangeDisplayName("Анна"))
    with pytest.raises(Unauthenticated):
        await home.accounts.change_password(actor_of(anna), ChangePassword(PASSWORD, NEW_PASSWORD))


async def test_the_links_of_somebody_who_left_open_nothing(home: Home) -> None:
    _, anna = await home.owner_and("anna")
    await register(home.auth, "boris")
    async with home.database.transaction() as tx:
        link_id = await issue(tx, anna.user.id, RESET, ANNA, home.now_us)
    await home.accounts.delete_account(actor_of(anna), DeleteAccount(PASSWORD))

    with pytest.raises(KaifError):
        await reset(home, Signer(home.signing_key).link_token(link_id or ""))
    await forget(home, ANNA)
    await forget(home, BORIS)

    async def told() -> bool:
        return len(await home.letters(BORIS)) == 2

    await eventually(told)
    assert "A new password" not in await subjects(home, ANNA)


async def test_sign_ins_at_once_by_a_hash_that_is_outdated_all_succeed(home: Home) -> None:
    _, anna = await home.owner_and("anna")
    outdated = argon2.PasswordHasher(time_cost=1, memory_cost=8192, parallelism=1).hash(PASSWORD)
    async with home.database.transaction() as tx:
        await tx.execute("UPDATE auth_users SET password_hash = :hash WHERE username = 'anna'", hash=outdated)

    opened = await asyncio.gather(*[log_in(home.auth, "anna") for _ in range(3)])

    assert len({tokens.refresh_token for tokens in opened}) == 3
    account = await store.find_account(home.database, anna.user.id)
    assert account and account.password_hash != outdated

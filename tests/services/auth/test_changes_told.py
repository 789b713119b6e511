"""Whoever changes a way into an account is heard of at its address, if that address is proved."""

import re

import pytest
from tests.services.auth.accounts import actor_of
from tests.services.auth.home import Home
from tests.services.auth.test_squatters import add_passkey, turn_on

from kaif.interfaces.auth import Nothing, Tokens
from kaif.interfaces.auth.accounts import ConfirmEmail
from kaif.interfaces.auth.factors import ConfirmTotp, InvalidCode, StepUpRequired
from kaif.interfaces.auth.passkeys import PasskeyId, PasskeyNotFound, RemovePasskey
from kaif.kernel.actor import NOBODY

ANNA = "anna@example.org"


async def confirmed_anna(home: Home, language: str = "en") -> Tokens:
    await home.owner_and("boris")
    anna = await home.register_in(language, "anna")
    await home.accounts.confirm_email(NOBODY, ConfirmEmail(await home.token(ANNA)))
    return anna


async def remove_passkey(home: Home, anna: Tokens) -> None:
    [passkey] = (await home.passkeys.get_passkeys(actor_of(anna), Nothing())).passkeys
    await home.passkeys.remove_passkey(actor_of(anna), RemovePasskey(passkey.id))


async def subjects_after(home: Home, number: int) -> list[str]:
    """Of her letters after the welcome, once there are so many."""
    await home.letter(ANNA, number + 1)
    return [letter.subject for letter in (await home.letters(ANNA))[1:]]


@pytest.mark.asvs("6.3.7")
async def test_a_passkey_that_comes_or_goes_is_told_by_its_name(home: Home) -> None:
    anna = await confirmed_anna(home)

    await add_passkey(home, anna)
    await remove_passkey(home, anna)

    assert await subjects_after(home, 2) == ["A passkey was added", "A passkey was removed"]
    assert all("“Phone”" in letter.text and "@anna" in letter.text for letter in (await home.letters(ANNA))[1:])


@pytest.mark.asvs("6.3.7")
async def test_the_second_step_and_new_recovery_codes_are_told_of(home: Home) -> None:
    anna = await confirmed_anna(home)

    await turn_on(home, anna)
    codes = (await home.factors.renew_recovery_codes(actor_of(anna), Nothing())).codes
    await home.factors.remove_totp(actor_of(anna), Nothing())

    told = ["The second step was turned on", "New recovery codes", "The second step was turned off"]
    assert await subjects_after(home, 3) == told
    # What the letters tell of is not in them.
    letters = await home.letters(ANNA)
    assert not any(code in letter.text for code in codes for letter in letters)


async def test_what_was_refused_is_no_news(home: Home) -> None:
    anna = await confirmed_anna(home)
    await home.factors.begin_totp(actor_of(anna), Nothing())
    with pytest.raises(InvalidCode):
        await home.factors.confirm_totp(actor_of(anna), ConfirmTotp("000000"))
    with pytest.raises(PasskeyNotFound):
        await home.passkeys.remove_passkey(actor_of(anna), RemovePasskey(PasskeyId("0" * 27)))
    await home.factors.remove_totp(actor_of(anna), Nothing())
    home.now_us += 16 * 60 * 1_000_000
    with pytest.raises(StepUpRequired):
        await home.factors.renew_recovery_codes(actor_of(anna), Nothing())
    home.now_us -= 16 * 60 * 1_000_000

    # The letter that does come is the first one: it has not overtaken any.
    await add_passkey(home, anna)

    assert await subjects_after(home, 1) == ["A passkey was added"]


async def test_an_address_that_nobody_has_proved_hears_nothing_of_it(home: Home) -> None:
    _, squatter = await home.owner_and("anna")

    await add_passkey(home, squatter)
    await turn_on(home, squatter)
    await remove_passkey(home, squatter)
    link = await home.token(ANNA)
    await home.accounts.confirm_email(NOBODY, ConfirmEmail(link))
    await home.factors.renew_recovery_codes(actor_of(squatter), Nothing())

    assert await subjects_after(home, 1) == ["New recovery codes"]


@pytest.mark.parametrize("language", ["ru", "en"])
async def test_each_of_these_letters_is_whole_in_both_languages(embedded_home: Home, language: str) -> None:
    home, anna = embedded_home, await confirmed_anna(embedded_home, language)

    await add_passkey(home, anna)
    await remove_passkey(home, anna)
    await turn_on(home, anna)
    await home.factors.renew_recovery_codes(actor_of(anna), Nothing())
    await home.factors.remove_totp(actor_of(anna), Nothing())

    await subjects_after(home, 5)
    for letter in (await home.letters(ANNA))[1:]:
        assert f'lang="{language}"' in letter.html and "$" not in letter.text + letter.html
        assert bool(re.search("[а-яё]", letter.subject)) == (language == "ru")

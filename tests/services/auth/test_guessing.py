"""Which passwords are refused because they are guessed first, and which are not."""

import hashlib
import random
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.services.auth.accounts import set_up

from kaif.app import compose
from kaif.app.auth import auth_services
from kaif.app.settings import Misconfigured, read_settings
from kaif.interfaces.auth import Auth
from kaif.interfaces.auth.accounts import PasswordBreached, PasswordTooLong, PasswordTooObvious, PasswordTooShort
from kaif.kernel.errors import KaifError
from kaif.services.auth.passwords import guessing
from kaif.services.auth.passwords.breached import BreachedPasswords
from kaif.services.auth.passwords.guessing import refuse_guessable
from kaif.services.auth.passwords.hashing import LEAST_COST, Passwords, normalised
from kaif.services.auth.store import find_by_login
from kaif.services.auth.tokens import new_signing_key

ANNA = ["anna.vetrova", "anna@example.org", "Анна Ветрова"]


def listed(path: Path, passwords: list[str], line_end: str = "\r\n") -> BreachedPasswords:
    hashes = sorted(hashlib.sha1(password.encode()).hexdigest().upper() for password in passwords)
    path.write_text("".join(f"{digest}:{number}{line_end}" for number, digest in enumerate(hashes)), newline="")
    return BreachedPasswords(path)


@pytest.mark.asvs("6.2.5")
@pytest.mark.parametrize(
    "password",
    ["a password of some length", "correct horse battery", "озеро тихое, лодка у причала", "q8#Lm2!vB9zR4tY",
     "847362910573829", "привет как дела друг", "anna likes tea a lot", "🦔🌊🛶🌲🌙⭐🔥🍓🐟🎣🏕🧭🗺🪵🕯"],
)  # fmt: skip
def test_what_nobody_tries_first_is_taken_whatever_its_characters(password: str) -> None:
    refuse_guessable(password, ANNA)


@pytest.mark.asvs("6.2.4")
@pytest.mark.parametrize(
    "password",
    ["password12345678", "Password!Password1", "Passw0rd Passw0rd!", "iloveyou12345678", "monkey dragon 2000",
     "summer2024winter2025", "CorrectHorseBatteryStaple", "ЯЛюблюТебя2024!", "ghbdtnghbdtn12345", "2024 пароль секрет"],
)  # fmt: skip
def test_common_passwords_are_breached_however_they_are_dressed(password: str) -> None:
    with pytest.raises(PasswordBreached) as refused:
        refuse_guessable(password, ANNA)

    assert refused.value.details == {"path": "$.password"}


FREQUENT = [
    word
    for line in Path(guessing.__file__).with_name("frequent_passwords.txt").read_text(encoding="utf-8").splitlines()
    if not line.startswith("#")
    for word in line.split()
]


@pytest.mark.asvs("6.2.4")
def test_each_of_the_many_thousand_frequent_passwords_that_are_long_enough_is_refused() -> None:
    long_enough = [word for word in FREQUENT if len(word) >= 8]

    assert len(long_enough) > 3000 * 5
    for password in long_enough:
        for typed in (password, password.upper()):
            with pytest.raises((PasswordBreached, PasswordTooObvious)):
                refuse_guessable(typed, [], alone=False)
    for password in (password for password in long_enough if len(password) >= 15):
        with pytest.raises((PasswordBreached, PasswordTooObvious)):
            refuse_guessable(password, [])


@pytest.mark.asvs("6.2.4")
@pytest.mark.parametrize(
    "password",
    ["trustno1", "TrustNo1!", "q1w2e3r4t5", "Steelers", "mailcreated5240", "polniypizdec0211", "ｓｔｅｅｌｅｒｓ",
     "steelers-1998!!", "st33lers 12.12.98", "  STEELERS 2024  ", "corvette99999!", "!!!maverick1!?!"],
)  # fmt: skip
def test_a_frequent_password_is_breached_with_whatever_stands_around_it(password: str) -> None:
    with pytest.raises(PasswordBreached):
        refuse_guessable(normalised(password), [], alone=False)


@pytest.mark.asvs("6.2.5")
@pytest.mark.parametrize(
    "password", ["steelers and cabbage", "guitar violin drum", "cabbage under snow", "8x steel doors"]
)
def test_frequent_words_among_others_are_taken(password: str) -> None:
    refuse_guessable(password, [], alone=False)


@pytest.mark.asvs("6.2.11")
@pytest.mark.parametrize(
    "password",
    ["aaaaaaaaaaaaaaaa", "abcabcabcabcabcabc", "x7Kp29qax7Kp29qa", "123456789012345", "qwertyuiopasdfgh",
     "1qaz2wsx3edc4rfv", "йцукенгшщзхъфывапр", "абвгдежзийклмнопр", "zyxwvutsrqponmlk",
     "anna.vetrova1990", "Анна Ветрова 1990", "anna@example.org!", "kaif ozero kaif ozero", "КайфОзеро2024!!!"],
)  # fmt: skip
def test_repetitions_walks_on_a_keyboard_and_what_others_know_are_obvious(password: str) -> None:
    with pytest.raises(PasswordTooObvious):
        refuse_guessable(password, ANNA)


@pytest.mark.asvs("6.2.1", "6.2.9")
def test_lengths_are_of_letters_below_and_of_bytes_above() -> None:
    with pytest.raises(PasswordTooShort):
        refuse_guessable("fourteen signs", [])
    with pytest.raises(PasswordTooShort):
        refuse_guessable(normalised("е\u0308ж" * 7), [])
    mixed = "".join(random.Random(1).choices("абвгдежзиклмнопрсту", k=513))
    refuse_guessable(mixed[:512], [])
    with pytest.raises(PasswordTooLong):
        refuse_guessable(mixed, [])


@pytest.mark.asvs("6.2.1")
def test_beside_a_second_factor_eight_letters_do_and_the_other_rules_hold() -> None:
    refuse_guessable("hv7 qlat", [], alone=False)
    with pytest.raises(PasswordTooShort):
        refuse_guessable("hv7 qla", [], alone=False)
    with pytest.raises(PasswordTooObvious):
        refuse_guessable("abcabcabc", [], alone=False)
    with pytest.raises(PasswordBreached):
        refuse_guessable("password1", [], alone=False)


@given(st.text(max_size=1100), st.lists(st.text(max_size=20), max_size=3))
def test_whatever_is_typed_is_judged_and_breaks_nothing(password: str, about: list[str]) -> None:
    try:
        refuse_guessable(normalised(password), about)
    except KaifError as refused:
        assert refused.status == 422


@pytest.mark.asvs("6.2.12")
def test_every_line_of_the_list_is_found_and_nothing_else(tmp_path: Path) -> None:
    passwords = [f"secret number {number}" for number in range(300)]
    breached = listed(tmp_path / "list", passwords)

    assert all(breached.holds(password) for password in passwords)
    assert not any(breached.holds(f"other number {number}") for number in range(300))


@pytest.mark.parametrize("count", [1, 2, 3])
def test_short_lists_and_those_of_unix_are_read(tmp_path: Path, count: int) -> None:
    passwords = [f"secret number {number}" for number in range(count)]
    breached = listed(tmp_path / "list", passwords, "\n")

    assert all(breached.holds(password) for password in passwords)
    assert not breached.holds("another")


@pytest.mark.asvs("6.2.4", "6.2.12")
async def test_a_listed_password_is_refused(tmp_path: Path) -> None:
    passwords = Passwords(listed(tmp_path / "list", ["a quiet lake and two boats"]), LEAST_COST)

    with pytest.raises(PasswordBreached):
        await passwords.refuse_weak("a quiet lake and two boats", [])
    await passwords.refuse_weak("a quiet lake and two geese", [])
    passwords.close()


@pytest.mark.asvs("16.5.3")
@pytest.mark.parametrize("content", [None, "", "password\n", "5baa61e4c9b93f3f0682250b6cf8331b7ee68fd8:3\n"])
async def test_a_file_that_is_no_such_list_stops_the_start(tmp_path: Path, content: str | None) -> None:
    path = tmp_path / "list"
    if content is not None:
        path.write_text(content)
    settings = read_settings(tmp_path, "127.0.0.1", 0, {"KAIF_BREACHED_PASSWORDS": str(path)})

    with pytest.raises(Misconfigured, match="KAIF_BREACHED_PASSWORDS"):
        async with (
            compose.database_of(settings) as database,
            compose.cache_of(settings) as cache,
            auth_services(settings, database, cache),
        ):
            raise AssertionError("it started")


@pytest.mark.asvs("11.4.2")
@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("KAIF_PASSWORD_MEMORY", "18M"),
        ("KAIF_PASSWORD_MEMORY", "2G"),
        ("KAIF_PASSWORD_PASSES", "1"),
        ("KAIF_PASSWORD_PASSES", "21"),
    ],
)
async def test_a_hash_cheaper_than_the_least_or_dearer_than_anybody_waits_for_stops_the_start(
    tmp_path: Path, name: str, value: str
) -> None:
    settings = read_settings(tmp_path, "127.0.0.1", 0, {name: value})

    with pytest.raises(Misconfigured, match=name):
        async with (
            compose.database_of(settings) as database,
            compose.cache_of(settings) as cache,
            auth_services(settings, database, cache),
        ):
            raise AssertionError("it started")


@pytest.mark.asvs("11.4.2")
async def test_a_guess_costs_what_the_settings_say(tmp_path: Path, migrated_sqlite_url: str) -> None:
    said = {
        "KAIF_DATABASE_URL": migrated_sqlite_url,
        "KAIF_SETUP_CODE": "set-up-code",
        "KAIF_SIGNING_KEY": new_signing_key(),
        "KAIF_PASSWORD_MEMORY": "20M",
        "KAIF_PASSWORD_PASSES": "4",
    }
    settings = read_settings(tmp_path, "127.0.0.1", 0, said)

    async with (
        compose.database_of(settings) as database,
        compose.cache_of(settings) as cache,
        auth_services(settings, database, cache) as services,
    ):
        await set_up(services[Auth])
        account = await find_by_login(database, "owner")

    assert account and account.password_hash.startswith("$argon2id$v=19$m=20480,t=4,p=1$")


async def test_a_hash_from_before_passwords_were_normalised_still_opens() -> None:
    passwords = Passwords(cost=LEAST_COST)
    typed = "е\u0308лка у тихого озера"
    before = LEAST_COST.hasher().hash(typed)

    assert await passwords.verify(before, typed)
    assert not await passwords.verify(before, "елка у тихого озера")
    passwords.close()


async def test_half_a_character_is_no_error() -> None:
    passwords = Passwords(cost=LEAST_COST)

    kept = await passwords.hash("half of an emoji \ud83e")

    assert await passwords.verify(kept, "half of an emoji \ud83e")
    assert not await passwords.verify(kept, "half of an emoji \udd94")
    passwords.close()

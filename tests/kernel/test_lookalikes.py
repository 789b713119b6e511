"""Names that look alike are known as such, by Unicode's list; names that do not are left in peace."""

import importlib.resources
import string
import unicodedata

import msgspec
import pytest

from kaif.kernel.lookalikes import look_alike, skeleton_of_username, skeletons_of


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Анна Ветрова", "Aннa Beтрoвa"),
        ("Вера", "Bepa"),
        ("paypal", "раураl"),
        ("Ivan", "lvan"),
        ("IVAN", "ivan"),
        ("Oleg", "0leg"),
        ("Support", "Supp0rt"),
        ("admin", "adrnin"),
        ("Anna", "𝐀ո\N{COMBINING ACUTE ACCENT}na"),
        ("Boris Lunin", "Boris  Lunin."),
        ("Семён", "Семен"),
    ],
)
def test_what_reads_the_same_looks_alike(one: str, other: str) -> None:
    assert look_alike(one, other)
    assert look_alike(other, one)


@pytest.mark.parametrize(
    ("one", "other"), [("Коля", "Поля"), ("Ира", "Ида"), ("Мила", "Мина"), ("Ann", "Anna"), ("ANNA", "АННА")]
)
def test_what_reads_otherwise_does_not(one: str, other: str) -> None:
    assert not look_alike(one, other)


def test_of_what_usernames_are_made_of_the_short_rule_says_what_the_list_says() -> None:
    letters = string.ascii_lowercase + string.digits
    for letter in letters:
        shown = skeleton_of_username(letter)
        assert look_alike(letter, shown) if shown != letter else True
        for other in letters:
            same = skeleton_of_username(letter) == skeleton_of_username(other)
            assert same == look_alike(letter, other), (letter, other)


def test_every_character_of_the_list_looks_like_what_it_is_listed_with() -> None:
    listed = importlib.resources.files("confusable_homoglyphs").joinpath("confusables.json").read_bytes()
    for letter, others in msgspec.json.decode(listed).items():
        bare = letter.replace("\u200e", "")
        # What is composed is taken apart first, and its marks go.
        if len(bare) == 1 and bare.isalpha() and unicodedata.normalize("NFD", bare) == bare:
            for other in others[:3]:
                shown = other["c"].replace("\u200e", "")
                assert skeletons_of(bare) & skeletons_of(shown) or not shown.isalnum(), (bare, shown)

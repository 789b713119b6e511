"""The form of an API key: found by scanners, long enough for no guess, and safe against slips of the hand."""

import re

import pytest

from kaif.kernel.api_keys import LENGTH, is_well_formed, new_api_key

SECRET = re.compile(r"kaif_[0-9A-Za-z]{49}")


def test_a_key_is_a_prefix_and_letters_that_a_double_click_selects() -> None:
    keys = {new_api_key() for _ in range(1000)}

    assert len(keys) == 1000
    assert all(SECRET.fullmatch(key) and len(key) == LENGTH and is_well_formed(key.encode()) for key in keys)


def test_a_wrong_letter_anywhere_is_noticed() -> None:
    key = new_api_key().encode()

    for place in range(len(key)):
        for letter in b"0Zz-":
            typed = key[:place] + bytes([letter]) + key[place + 1 :]
            assert typed == key or not is_well_formed(typed), typed


def test_two_letters_that_changed_places_are_noticed() -> None:
    key = new_api_key().encode()

    for place in range(len(key) - 1):
        typed = key[:place] + key[place : place + 2][::-1] + key[place + 2 :]
        assert typed == key or not is_well_formed(typed), typed


@pytest.mark.parametrize(
    "change", [lambda key: key[:-1], lambda key: key + b"0", lambda key: b" " + key, lambda _: b""]
)
def test_what_is_cut_or_lengthened_is_no_key(change) -> None:  # type: ignore[no-untyped-def]
    assert not is_well_formed(change(new_api_key().encode()))


def test_bytes_that_are_no_text_are_no_key() -> None:
    assert not is_well_formed(b"kaif_" + b"\xff" * (LENGTH - 5))

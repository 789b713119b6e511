"""Text: what may stand in a name and in a message."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kaif.kernel.text import clean_name, clean_text

any_text = st.text(st.characters(), max_size=40)


@pytest.mark.parametrize("name", ["Анна", "Jean-Luc O'Neill", "李", "Ёж 🦔", "👩‍💻 Аня", "a", "1", "Å"])
def test_ordinary_names_are_let_through(name: str) -> None:
    assert clean_name(name) == name


def test_a_name_is_trimmed_and_composed() -> None:
    assert clean_name("  Й \u00a0") == "Й"
    assert clean_name("\u0418\u0306") == "\u0419"


@pytest.mark.parametrize(
    "name",
    ["", "   ", "...", "🦔", "Anna\nBoris", "Anna\tBoris", "Anna\x00", "An\u200bna", "\u202eannA", "Anna\u2066",
     "An\u00adna",
     "Anna\u3164", "\ufeffAnna", "An\u200dna", "Anna\ud800", "An\u2028na", "Anna\x7f", "Anna\x85x"],
)  # fmt: skip
def test_names_that_are_empty_or_deceive_are_refused(name: str) -> None:
    assert clean_name(name) is None


@pytest.mark.parametrize("text", ["Привет!", "a\nb\tc", "👩‍👩‍👧‍👦 family", "עברית ‏ثم‎ عربي", "x" * 10_000])
def test_ordinary_messages_are_let_through(text: str) -> None:
    assert clean_text(text) == text


def test_a_message_is_trimmed_and_its_line_ends_are_made_one_kind() -> None:
    assert clean_text(" \n a\r\nb \r\n") == "a\nb"


@pytest.mark.parametrize("text", ["", " \n\t ", "a\x00b", "a\ud83d", "a\x1b[31m", "a\x07", "a\u2028b", "a\rb"])
def test_messages_that_are_empty_or_cannot_be_stored_are_refused(text: str) -> None:
    assert clean_text(text) is None


@given(any_text)
def test_whatever_is_let_through_can_be_stored_and_stays_as_it_is(text: str) -> None:
    for clean in (clean_name, clean_text):
        cleaned = clean(text)
        if cleaned is not None:
            assert cleaned.encode() and "\x00" not in cleaned
            assert clean(cleaned) == cleaned


@given(any_text)
def test_a_name_is_one_line(text: str) -> None:
    name = clean_name(text)
    if name is not None:
        assert name.splitlines() == [name]

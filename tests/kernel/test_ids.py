"""Ids: sortable by time, unguessable, of one form."""

import itertools
import time

from kaif.kernel.ids import ALPHABET, LENGTH, new_id


def test_an_id_is_26_letters_that_cannot_be_misread() -> None:
    id = new_id()

    assert len(id) == LENGTH == 26
    assert set(id) <= set(ALPHABET)
    assert not set("ilou") & set(ALPHABET)


def test_later_ids_sort_later_also_within_a_millisecond() -> None:
    ids = [new_id() for _ in range(20_000)]

    assert ids == sorted(ids)


def test_of_two_ids_of_one_millisecond_neither_tells_the_other() -> None:
    numbers = [int("".join(format(ALPHABET.index(letter), "05b") for letter in new_id()), 2) for _ in range(2_000)]

    steps = [later - earlier for earlier, later in itertools.pairwise(numbers)]

    assert min(steps) > 2**20


def test_an_id_holds_the_millisecond_of_its_making() -> None:
    before = time.time_ns() // 1_000_000
    id = new_id()
    after = time.time_ns() // 1_000_000

    made_at_ms = 0
    for letter in id[:10]:
        made_at_ms = made_at_ms * 32 + ALPHABET.index(letter)

    assert before <= made_at_ms <= after


def test_ids_of_one_moment_differ() -> None:
    assert len({new_id() for _ in range(100_000)}) == 100_000


def test_what_follows_the_time_uses_every_letter_in_every_place() -> None:
    """Ids of one millisecond share the first letters of it, which their first one chose."""
    ends = [new_id()[14:] for _ in range(5000)]

    assert all(len({end[place] for end in ends}) == 32 for place in range(12))

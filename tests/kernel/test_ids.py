"""Ids: sortable by time, unguessable, of one form."""

import time

from kaif.kernel.ids import ALPHABET, LENGTH, new_id


def test_an_id_is_26_letters_that_cannot_be_misread() -> None:
    id = new_id()

    assert len(id) == LENGTH == 26
    assert set(id) <= set(ALPHABET)
    assert not set("ilou") & set(ALPHABET)


def test_later_ids_sort_later() -> None:
    ids = []
    for _ in range(20):
        ids.append(new_id())
        time.sleep(0.002)

    assert ids == sorted(ids)


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


def test_the_random_half_uses_every_letter_in_every_place() -> None:
    random_halves = [new_id()[10:] for _ in range(5000)]

    assert all(len({half[place] for half in random_halves}) == 32 for place in range(16))

"""Events: named, keyed, and unchangeable."""

from typing import ClassVar

import pytest

from kaif.kernel.events import Event


class Nameless(Event, frozen=True):
    name: ClassVar[str] = "tea.brewed.v1"
    pot: int


def test_an_event_cannot_be_changed() -> None:
    event = Nameless(pot=1)

    with pytest.raises(AttributeError):
        event.pot = 2  # type: ignore[misc]


def test_an_event_that_names_no_key_cannot_be_ordered() -> None:
    with pytest.raises(TypeError, match="Nameless names no key"):
        _ = Nameless(pot=1).key

"""What is covered is so by one rule, on the server and in the client."""

from pathlib import Path

import msgspec
import pytest

from kaif.interfaces.messaging.content import TextEntity
from kaif.services.messaging.covering import covered, covered_quote


class Vector(msgspec.Struct):
    text: str
    entities: list[TextEntity]
    shown: str


# The client's tests read it too.
VECTORS = msgspec.json.decode((Path(__file__).parents[3] / "web/tests/covered.json").read_bytes(), type=list[Vector])


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector.shown)
def test_a_sign_of_cover_stands_for_each_covered_character(vector: Vector) -> None:
    assert covered(vector.text, vector.entities) == vector.shown


def test_a_quote_of_what_is_covered_is_covered_also_behind_emoji() -> None:
    assert covered_quote("да", "😀😀 да", [TextEntity("spoiler", 5, 2)]) == "▒▒"

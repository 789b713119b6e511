"""The table of security requirements says what the tests show, and leaves none out."""

from itertools import chain

from tests.asvs import PAGE, TESTS, page, shown, status, title_of
from tests.asvs.requirements import CHAPTERS

# How many each section of ASVS 5.0.0 has.
WHOLE = {
    "5.1": 1, "5.2": 6, "5.3": 3, "5.4": 3,
    "6.1": 3, "6.2": 12, "6.3": 8, "6.4": 6, "6.5": 8, "6.6": 4, "6.7": 2, "6.8": 4,
    "7.1": 3, "7.2": 4, "7.3": 2, "7.4": 5, "7.5": 3, "7.6": 2,
    "8.1": 4, "8.2": 4, "8.3": 3, "8.4": 2,
    "9.1": 3, "9.2": 4,
    "10.1": 2, "10.2": 3, "10.3": 5, "10.4": 16, "10.5": 5, "10.6": 2, "10.7": 3,
}  # fmt: skip
REQUIREMENTS = {each.number: each for chapter in CHAPTERS for each in chapter.requirements}


def test_the_table_is_that_of_the_marks() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(shown()), "run: python -m tests.asvs > docs/security/asvs.md"


def test_a_mark_stands_at_a_test_and_names_requirements_that_are_known() -> None:
    for mark in shown():
        assert mark.name.startswith("test_"), mark
        assert REQUIREMENTS.keys() >= set(mark.numbers), mark
        assert len(set(mark.numbers)) == len(mark.numbers), mark


def test_no_mark_is_overlooked() -> None:
    written = sum(path.read_text(encoding="utf-8").count("@pytest.mark.asvs(") for path in TESTS.rglob("test_*.py"))

    # This file writes it once, in the line above.
    assert len(shown()) == written - 1


def test_every_requirement_of_the_chapters_stands_there_once() -> None:
    numbers = [each.number for chapter in CHAPTERS for each in chapter.requirements]
    assert len(numbers) == len(REQUIREMENTS)

    whole = [each.number for chapter in CHAPTERS if chapter.whole for each in chapter.requirements]
    assert whole == [f"{section}.{n}" for section, count in WHOLE.items() for n in range(1, count + 1)]


def test_every_requirement_is_shown_or_has_a_reason() -> None:
    marks = shown()

    for number, requirement in REQUIREMENTS.items():
        tests = [mark for mark in marks if number in mark.numbers]
        assert status(requirement, tests) != "not shown", number
        assert not (requirement.foreign and (tests or requirement.lacking or requirement.documented)), number


def test_the_sections_that_are_named_are_there() -> None:
    for section in chain.from_iterable(each.documented for each in REQUIREMENTS.values()):
        assert title_of(section)

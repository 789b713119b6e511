"""docs/security/asvs.md: which requirements of OWASP ASVS 5.0 are met, and which tests show it.

A test that shows one says so: `@pytest.mark.asvs("6.2.1")`. It must fail when the requirement is broken.
`python -m tests.asvs > docs/security/asvs.md` writes the table anew.
"""

import ast
from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from tests.asvs.requirements import CHAPTERS, Chapter, Requirement

TESTS = Path(__file__).parents[1]
DOCS = TESTS.parent / "docs"
PAGE = DOCS / "security" / "asvs.md"

_INTRODUCTION = """\
# OWASP ASVS 5.0

The [Application Security Verification Standard](https://owasp.org/www-project-application-security-verification-standard/)
asks much of software that signs people in. Here is what Kaif Ozero meets of its chapters on signing in, sessions,
access, tokens, OpenID Connect and files, all of them, and of others what concerns accounts. The words are ours and
short; the standard's own count.

Each link is a test that fails when the requirement is broken, or a section that says what was asked to be said.
"Not here" is what nothing here could break. The table is made from marks on the tests:
`python -m tests.asvs > docs/security/asvs.md`."""


class Shown(NamedTuple):
    """A test that shows requirements; its path is relative to the tests."""

    path: str
    name: str
    numbers: tuple[str, ...]

    @property
    def sentence(self) -> str:
        return self.name.removeprefix("test_").replace("_", " ")


def shown() -> list[Shown]:
    """By all tests, as they stand in their files: nothing is imported."""
    paths = sorted(TESTS.rglob("test_*.py"))
    return [one for path in paths if "node_modules" not in path.parts for one in _shown_in(path)]


def _shown_in(path: Path) -> Iterator[Shown]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            numbers = tuple(number for each in node.decorator_list for number in _numbers(each))
            if numbers:
                yield Shown(path.relative_to(TESTS).as_posix(), node.name, numbers)


def _numbers(decorator: ast.expr) -> list[str]:
    if not isinstance(decorator, ast.Call) or ast.unparse(decorator.func) != "pytest.mark.asvs":
        return []
    numbers = [ast.literal_eval(argument) for argument in decorator.args]
    assert numbers, "a mark names what it shows"
    return numbers


def page(marks: list[Shown]) -> str:
    tests: dict[str, list[Shown]] = defaultdict(list)
    for mark in marks:
        for number in mark.numbers:
            tests[number].append(mark)
    parts = [_INTRODUCTION, _summary(tests), *[_chapter(chapter, tests) for chapter in CHAPTERS]]
    return "\n\n".join(parts) + "\n"


def status(requirement: Requirement, tests: list[Shown]) -> str:
    if requirement.foreign:
        return "not here"
    is_shown = bool(tests or requirement.documented)
    if requirement.lacking:
        return "in part" if is_shown else "no"
    return "yes" if is_shown else "not shown"


def _summary(tests: Mapping[str, list[Shown]]) -> str:
    rows = ["| | Met | In part | Not | Not here |", "|---|---|---|---|---|"]
    for level in (1, 2, 3):
        found = [
            status(each, tests.get(each.number, []))
            for chapter in CHAPTERS
            for each in chapter.requirements
            if each.level == level
        ]
        counts = [str(found.count(name)) for name in ("yes", "in part", "no", "not here")]
        rows.append(f"| Level {level} | {' | '.join(counts)} |")
    return "\n".join(rows)


def _chapter(chapter: Chapter, tests: Mapping[str, list[Shown]]) -> str:
    rows = [f"## {chapter.title}", "", "| | Level | Asked | Met | Shown by; what is missing |", "|---|---|---|---|---|"]
    return "\n".join(rows + [_row(each, tests.get(each.number, [])) for each in chapter.requirements])


def _row(requirement: Requirement, tests: list[Shown]) -> str:
    reasons = [text for text in (requirement.foreign, requirement.lacking) if text]
    links = [*map(_documented, requirement.documented), *map(_link, tests)]
    shown_by = "<br>".join(text for text in (*reasons, "; ".join(links)) if text)
    number, level, words, *_ = requirement
    return f"| {number} | {level} | {words} | {status(requirement, tests)} | {shown_by} |"


def _documented(section: str) -> str:
    return f"[docs/{section.partition('#')[0]}: {title_of(section)}](../{section})"


def _link(test: Shown) -> str:
    return f"[{test.sentence}](../../tests/{test.path})"


def title_of(section: str) -> str:
    """The heading that `FILE.md#anchor` leads to. Raises KeyError."""
    name, _, anchor = section.partition("#")
    lines = (DOCS / name).read_text(encoding="utf-8").splitlines()
    titles = [line.lstrip("#").strip() for line in lines if line.startswith("#")]
    return {_anchor(title): title for title in titles}[anchor]


def _anchor(title: str) -> str:
    """As GitHub and GitLab make it."""
    return "".join(char for char in title.lower().replace(" ", "-") if char.isalnum() or char in "-_")

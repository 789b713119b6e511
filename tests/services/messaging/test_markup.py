"""Marks in messages: what is read as what, and that whatever people type, nothing breaks."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kaif.interfaces.messaging.content import TextEntity
from kaif.services.messaging.markup import ENTITIES_MAX, is_safe, mentioned, parse, utf16_length

PEOPLE = {"anna": "id-anna", "boris.l": "id-boris"}


def utf16_part(text: str, entity: TextEntity) -> str:
    units = text.encode("utf-16-le")
    return units[entity.offset * 2 : (entity.offset + entity.length) * 2].decode("utf-16-le")


def read(text: str) -> tuple[str, list[tuple[str, str]]]:
    """The plain text, and of each entity its kind and what it covers."""
    plain, entities = parse(text, PEOPLE)
    return plain, [(entity.kind, utf16_part(plain, entity)) for entity in entities]


@pytest.mark.parametrize(
    ("written", "plain", "entities"),
    [
        ("просто слова", "просто слова", []),
        ("**да**", "да", [("bold", "да")]),
        ("*да* и _нет_", "да и нет", [("italic", "да"), ("italic", "нет")]),
        ("~~было~~ ||тайна||", "было тайна", [("strike", "было"), ("spoiler", "тайна")]),
        ("`a*b*c`", "a*b*c", [("code", "a*b*c")]),
        ("```python\nx = 1\n```", "x = 1", [("pre", "x = 1")]),
        ("до ```x\ny``` после", "до y после", [("pre", "y")]),
        ("**жирно и _косо_**", "жирно и косо", [("bold", "жирно и косо"), ("italic", "косо")]),
        ("**_оба_**", "оба", [("bold", "оба"), ("italic", "оба")]),
        ("**не _крест** накрест_", "не _крест накрест_", [("bold", "не _крест")]),
        ("[озеро](https://example.org/a)", "озеро", [("link", "озеро")]),
        ("[**озеро**](https://example.org)", "озеро", [("link", "озеро"), ("bold", "озеро")]),
        ("[плохо](javascript:alert)", "[плохо](javascript:alert)", []),
        ("[плохо](data:text/html,x)", "[плохо](data:text/html,x)", []),
        ("> раз\n> два\nтри", "раз\nдва\nтри", [("quote", "раз\nдва")]),
        ("> **раз\nдва**", "**раз\nдва**", [("quote", "**раз")]),
        ("> 1\n```\nx\n```\n> 2", "1\nx\n2", [("quote", "1"), ("pre", "x"), ("quote", "2")]),
        ("@anna, привет", "@anna, привет", [("mention", "@anna")]),
        ("спроси @Boris.L.", "спроси @Boris.L.", [("mention", "@Boris.L")]),
        ("@nobody и @an", "@nobody и @an", []),
        ("#рыбалка и #1", "#рыбалка и #1", [("hashtag", "#рыбалка")]),
        ("см. https://a.org/x_y_z.", "см. https://a.org/x_y_z.", [("url", "https://a.org/x_y_z")]),
        ("(https://ru.org/Озеро_(в))", "(https://ru.org/Озеро_(в))", [("url", "https://ru.org/Озеро_(в)")]),
        ("пишите anna@example.org!", "пишите anna@example.org!", [("email", "anna@example.org")]),
        ("**https://a.org**", "https://a.org", [("bold", "https://a.org"), ("url", "https://a.org")]),
        ("2*3*4 snake_case_name a ** b", "2*3*4 snake_case_name a ** b", []),
        (r"\*\*не жирно\*\*", "**не жирно**", []),
        ("****", "****", []),
        ("|| ||", "|| ||", []),
        ("``` ```", "``` ```", []),
        ("🎣 **да** 🎣", "🎣 да 🎣", [("bold", "да")]),
    ],
)
def test_marks_are_read(written: str, plain: str, entities: list[tuple[str, str]]) -> None:
    assert read(written) == (plain, entities)


def test_a_link_and_a_mention_say_where_they_lead() -> None:
    _, (link, mention) = parse("[озеро](https://example.org/?a=1) @anna", PEOPLE)
    _, (code,) = parse("```python\nprint()\n```", PEOPLE)

    assert link.url == "https://example.org/?a=1"
    assert mention.user_id == "id-anna"
    assert code.language == "python"


def test_offsets_count_utf16_units() -> None:
    _, (bold,) = parse("🎣🎣 **да**", {})

    assert (bold.offset, bold.length) == (5, 2)


def test_names_are_found_in_small_letters_with_and_without_the_dot_of_a_sentence() -> None:
    assert mentioned("спроси @Anna. Или x@y, @ab") == {"anna.", "anna"}


@pytest.mark.parametrize(
    "url", ["javascript:alert(1)", "//evil.org", "http://", "https:///x", "ftp://a.org", "mailto:"]
)
def test_links_lead_nowhere_unsafe(url: str) -> None:
    assert not is_safe(url)


pieces = [*"ab \n*_~|`[]()>#@\\:/.я🎣", "http://a.org", "```", "**", "||", "](", "\n> ", "@aab"]
letters = st.lists(st.sampled_from(pieces), max_size=40).map("".join)


@given(st.one_of(letters, st.text(max_size=80)))
def test_whatever_is_typed_entities_lie_inside_the_text_and_nest(text: str) -> None:
    plain, entities = parse(text, {"aab": "x"})

    length = utf16_length(plain)
    open_ends: list[int] = []
    assert entities == sorted(entities, key=lambda entity: (entity.offset, -entity.length))
    for entity in entities:
        end = entity.offset + entity.length
        assert 0 <= entity.offset < end <= length
        while open_ends and open_ends[-1] <= entity.offset:
            open_ends.pop()
        assert not open_ends or end <= open_ends[-1]
        open_ends.append(end)
        # No surrogate pair is cut in two.
        assert utf16_part(plain, entity).strip() or entity.kind in ("pre",)


@given(letters)
def test_nothing_but_marks_is_ever_lost(text: str) -> None:
    plain, _ = parse(text, {})

    assert [letter for letter in plain if letter in "abя🎣"] == [letter for letter in text if letter in "abя🎣"] or (
        "](" in text or "```" in text
    )
    assert bool(plain.strip()) == bool(text.strip())


@pytest.mark.parametrize(
    "piece",
    [
        "*",
        "**a",
        "[",
        "](",
        "](http://a",
        "```",
        "`\n",
        "||",
        "_a",
        "> ",
        "\n>",
        "a@",
        "@aaa",
        "http://.",
        "\\",
        "#",
        "**a _b ",
        "[a](",
        "a.",
    ],
)
def test_reading_takes_time_in_proportion(piece: str) -> None:
    def seconds(length: int) -> float:
        """Of this process alone, whatever else the machine does; the best of a few."""
        text = (piece * length)[:length]

        def once() -> float:
            began = time.process_time()
            parse(text, {})
            return time.process_time() - began

        return min(once() for _ in range(3))

    # Quadratic work would take 256 times as long.
    assert seconds(64_000) < 100 * seconds(4_000) + 0.1


def test_entities_are_bounded() -> None:
    _, entities = parse("*а* " * 200, {})

    assert len(entities) == ENTITIES_MAX

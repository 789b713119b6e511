"""The index's promise: what is put is found at once, by its words and labels, and survives; what is removed is gone."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kaif.engines.index import Document, Index, IndexTaken, Wanted, open_indexes


@pytest.fixture
async def index(tmp_path: Path) -> AsyncIterator[Index]:
    indexes = open_indexes(f"tantivy:{tmp_path / 'index'}")
    index = await indexes.open("one")
    yield index
    await index.close()
    indexes.close()


def document(id: str, text: str, *labels: str, order: int = 0) -> Document:
    return Document(id, text, labels, order)


async def ids(index: Index, words: str = "", *labels: str) -> list[str]:
    return [hit.id for hit in await index.search(Wanted(words=words, labels=[[label] for label in labels]))]


async def test_what_is_put_is_found_and_what_is_put_in_its_place_is_there_once(index: Index) -> None:
    await index.change([document("a", "первый", "x")], [])
    await index.change([document("a", "второй", "x")], ["a"])

    assert await ids(index, "второй") == ["a"]
    assert await ids(index, "первый") == []
    assert await ids(index, "", "x") == ["a"]


async def test_what_is_removed_is_gone_and_removing_what_is_not_there_is_no_matter(index: Index) -> None:
    await index.change([document("a", "слово"), document("b", "слово")], [])
    await index.change([], ["a", "nobody"])

    assert await ids(index, "слово") == ["b"]


async def test_labels_are_exact_and_a_group_is_a_choice(index: Index) -> None:
    await index.change([document("a", "слово", "chat:1"), document("b", "слово", "chat:10")], [])

    assert await ids(index, "слово", "chat:1") == ["a"]
    assert await ids(index, "слово", "chat") == []
    both = await index.search(Wanted(words="слово", labels=[["chat:1", "chat:10", "chat:x"]]))
    assert {hit.id for hit in both} == {"a", "b"}


async def test_the_greatest_order_comes_first_exactly_even_where_floats_would_not_tell(index: Index) -> None:
    base = 2**62
    await index.change([document(str(n), "слово", order=base + n) for n in range(9)], [])

    assert [hit.order - base for hit in await index.search(Wanted(words="слово", limit=9))] == [*range(8, -1, -1)]
    some = await index.search(Wanted(words="слово", since=base + 3, until=base + 5))
    assert [hit.order - base for hit in some] == [5, 4, 3]


async def test_it_survives_being_closed(tmp_path: Path) -> None:
    for _ in range(2):
        indexes = open_indexes(f"tantivy:{tmp_path / 'index'}")
        index = await indexes.open("one")
        await index.change([document("a", "слово")], ["a"])
        await index.close()
        indexes.close()

    indexes = open_indexes(f"tantivy:{tmp_path / 'index'}")
    index = await indexes.open("one")
    assert await ids(index, "слово") == ["a"]
    await index.close()
    indexes.close()


async def test_a_second_process_is_refused(index: Index, tmp_path: Path) -> None:
    with pytest.raises(IndexTaken):
        open_indexes(f"tantivy:{tmp_path / 'index'}")


async def test_broken_files_begin_anew(tmp_path: Path) -> None:
    (tmp_path / "index" / "one").mkdir(parents=True)
    (tmp_path / "index" / "one" / "meta.json").write_text("{")
    indexes = open_indexes(f"tantivy:{tmp_path / 'index'}")
    index = await indexes.open("one")

    await index.change([document("a", "слово")], [])

    assert await ids(index, "слово") == ["a"]
    await index.close()
    indexes.close()


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=st.text(max_size=60), words=st.text(max_size=20))
async def test_marks_are_places_in_the_text_whatever_it_holds(index: Index, text: str, words: str) -> None:
    marks = index.marked(words, text)

    at = 0
    for start, end in marks or []:
        assert at <= start < end <= len(text)
        at = end


async def test_marks_tell_what_was_found(index: Index) -> None:
    assert index.marked("лодка", "🛶 Лодки и ЛОДКУ") == [(2, 7), (10, 15)]
    assert index.marked("еж", "Ёжик") == [(0, 4)]
    assert index.marked("еж ", "Ёжик") is None
    assert index.marked("лодка весло", "лодка") is None
    assert index.marked("", "лодка") == []

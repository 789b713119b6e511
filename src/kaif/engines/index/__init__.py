"""Finds texts by their words, in Russian and English, and by labels; what it holds can always be made again.

An index holds no truth: it answers with ids, and whoever asks looks up what these are at that moment.
"""

from collections.abc import Iterable, Sequence
from typing import Protocol

import msgspec

from kaif.kernel.errors import KaifError

# Of one search: more words than that are a text, not a question.
WORDS_MAX = 16
# A page of hits, and how far into the most relevant ones one can go.
HITS_MAX = 100
OFFSET_MAX = 1000


class IndexTaken(KaifError):
    code, detail = "index_taken", "Another process writes to this index."


class Document(msgspec.Struct, frozen=True):
    """A text that is found by its words.

    Labels are exact, such as "chat:01k9"; `order` is what "newest first" goes by, 0 or more and less than 2**63.
    """

    id: str
    text: str
    labels: Sequence[str]
    order: int


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """All of the words, in any form; the last one may be the beginning of a word, unless a space follows it.

    Of each group of labels a document has at least one. `until` and `since` bound `order`, both included. Hits come
    with the greatest `order` first, those of one `order` by their ids; or with `by_relevance` the best first.
    """

    words: str = ""
    labels: Sequence[Sequence[str]] = ()
    since: int = 0
    until: int = 2**63 - 1
    by_relevance: bool = False
    limit: int = HITS_MAX
    offset: int = 0


class Hit(msgspec.Struct, frozen=True):
    id: str
    order: int


class Index(Protocol):
    """Raises StorageFull when the disk is full, Unavailable when the index can't be reached."""

    async def change(self, documents: Iterable[Document], removed: Iterable[str]) -> None:
        """Take out what has these ids, then put documents; returns when that is durable and searches show it.

        A document whose id may be there must be among the removed, or it is there twice: to look for each that comes
        costs more than anything else that is done to it. Both are read in another thread, a few at a time.
        """
        ...

    async def search(self, wanted: Wanted) -> list[Hit]: ...

    def has_words(self, text: str) -> bool:
        """Whether anything in the text is a word to search by."""
        ...

    def marked(self, words: str, text: str) -> list[tuple[int, int]] | None:
        """The parts of the text for which the words find it, as [start, end) of its characters, in order.

        None when they don't.
        """
        ...

    async def close(self) -> None: ...


class Indexes(Protocol):
    """All indexes under one address, which one process writes to."""

    def names(self) -> list[str]: ...

    async def open(self, name: str) -> Index:
        """The index of that name; a new and empty one when there is none, or none that can be read."""
        ...

    async def drop(self, name: str) -> None:
        """Erase a closed index; one that is not there is no matter."""
        ...

    def close(self) -> None: ...


def open_indexes(url: str) -> Indexes:
    """`tantivy:FOLDER`. Raises IndexTaken when another process has it."""
    match url.partition(":")[0]:
        case "tantivy":
            from kaif.engines.index.tantivy import TantivyIndexes

            return TantivyIndexes(url.partition(":")[2])
        case scheme:
            raise ValueError(f"no index engine for {scheme!r}")

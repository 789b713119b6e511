"""The embedded index: tantivy in this process, a folder for each index, one writer.

Every text is indexed twice. `stems` holds what both stemmers leave of its words: the Russian one passes over Latin
letters and the English one over Cyrillic, so one chain serves both languages. `words` holds the words as they are, for
the one that is still being typed.
"""

import asyncio
import errno
import fcntl
import logging
import os
import shutil
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

import tantivy
from tantivy import FieldType, Occur, Query

from kaif.engines.index import HITS_MAX, WORDS_MAX, Document, Hit, Index, IndexTaken, Wanted
from kaif.kernel.errors import KaifError, StorageFull, Unavailable
from kaif.kernel.threads import be_nice

log = logging.getLogger("kaif.index")

# tantivy wants at least 15 MB for a writing thread; more makes larger first segments when everything is indexed anew.
WRITER_BYTES = 48_000_000
# Enough for others to come first. By 10 or more the first message after a start was found only after two to four
# seconds where the processors had twice as much to do as they can: a second is promised.
NICE = 5
SEARCHES_AT_ONCE = 2
# In bytes, of UTF-8. Longer ones are keys and hashes, which nobody types.
WORD_BYTES_MAX = 100
# The beginning of a word that is searched for: one letter would find half of everything.
PREFIX_MIN = 2
# Two documents of one `order` are told apart by their ids; as many as these may share one.
SAME_ORDER_MAX = 8

# After so many documents, a fifth of a millisecond, whoever else waits for the interpreter gets it. By itself
# a thread would keep it for five, and one of a lower priority may not even run meanwhile.
DOCUMENTS_AT_ONCE = 50
GIVE_WAY_S = 0.0002

Result = TypeVar("Result")


def _analyzer(*stemmers: str) -> tantivy.TextAnalyzer:
    builder = tantivy.TextAnalyzerBuilder(tantivy.Tokenizer.simple())
    builder = builder.filter(tantivy.Filter.remove_long(WORD_BYTES_MAX)).filter(tantivy.Filter.lowercase())
    for language in stemmers:
        builder = builder.filter(tantivy.Filter.stemmer(language))
    return builder.build()


def _schema() -> tantivy.Schema:
    builder = tantivy.SchemaBuilder()
    builder.add_text_field("id", stored=True, tokenizer_name="raw", index_option="basic")
    builder.add_text_field("labels", tokenizer_name="raw", index_option="basic")
    builder.add_text_field("stems", tokenizer_name="stems", index_option="freq")
    builder.add_text_field("words", tokenizer_name="words", index_option="basic")
    # Signed, as add_integer makes it: an unsigned field would take no signed value, and its writer would die of one.
    builder.add_integer_field("order", fast=True)
    return builder.build()


class TantivyIndexes:
    def __init__(self, folder: str) -> None:
        self._folder = Path(folder)
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._lock = os.open(self._folder / "lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(self._lock)
            raise IndexTaken from None

    def names(self) -> list[str]:
        return sorted(path.name for path in self._folder.iterdir() if path.is_dir())

    async def open(self, name: str) -> Index:
        return await asyncio.to_thread(self._open, self._folder / name)

    def _open(self, folder: Path) -> "TantivyIndex":
        with _translated():
            try:
                folder.mkdir(exist_ok=True, mode=0o700)
                return TantivyIndex(folder)
            except ValueError as error:
                log.warning("the index %s can't be read and begins anew: %s", folder.name, error)
                shutil.rmtree(folder)
                folder.mkdir(mode=0o700)
                return TantivyIndex(folder)

    async def drop(self, name: str) -> None:
        await asyncio.to_thread(shutil.rmtree, self._folder / name, ignore_errors=True)

    def close(self) -> None:
        os.close(self._lock)


class TantivyIndex:
    def __init__(self, folder: Path) -> None:
        """Raises ValueError when the folder holds something else."""
        self._schema = _schema()
        self._stems, self._words = _analyzer("Russian", "English"), _analyzer()
        self._index = tantivy.Index(self._schema, path=str(folder))
        self._index.register_tokenizer("stems", self._stems)
        self._index.register_tokenizer("words", self._words)
        # We reload by ourselves: who has changed something finds it at once.
        self._index.config_reader(reload_policy="manual")
        self._index.reload()
        # Whoever talks comes first. A writer's own threads have the priority of what makes it: the first change.
        self._writing = ThreadPoolExecutor(1, thread_name_prefix="index-writer", initializer=be_nice, initargs=(NICE,))
        self._writer: tantivy.IndexWriter | None = None
        self._reading = ThreadPoolExecutor(SEARCHES_AT_ONCE, thread_name_prefix="index-reader")

    def _new_writer(self) -> tantivy.IndexWriter:
        return self._index.writer(WRITER_BYTES, num_threads=1)

    async def change(self, documents: Iterable[Document], removed: Iterable[str]) -> None:
        await self._in(self._writing, lambda: self._change(documents, removed))

    def _change(self, documents: Iterable[Document], removed: Iterable[str]) -> None:
        with _translated():
            writer = self._writer = self._writer or self._new_writer()
            # Until all of it has gone well: what failed half-way leaves a writer of which nothing is known.
            self._writer = None
            try:
                for id in removed:
                    writer.delete_documents_by_term("id", id)
                for number, document in enumerate(documents, 1):
                    writer.add_document(_document(document))
                    if number % DOCUMENTS_AT_ONCE == 0:
                        time.sleep(GIVE_WAY_S)
                writer.commit()
            except BaseException:
                writer.rollback()
                raise
            self._writer = writer
            self._index.reload()

    async def search(self, wanted: Wanted) -> list[Hit]:
        return await self._in(self._reading, lambda: self._search(wanted))

    def _search(self, wanted: Wanted) -> list[Hit]:
        query = self._query(wanted)
        limit = min(wanted.limit, HITS_MAX)
        with _translated():
            searcher = self._index.searcher()
            if wanted.by_relevance:
                found = searcher.search(query, limit, count=False, offset=wanted.offset).hits
            else:
                more = limit + SAME_ORDER_MAX
                found = searcher.search(query, more, count=False, offset=wanted.offset, order_by_field="order").hits
            addresses = [address for _, address in found]
            orders = searcher.fast_field_values("order", addresses)
            hits = [
                Hit(searcher.doc(address)["id"][0], int(order or 0))
                for address, order in zip(addresses, orders, strict=True)
            ]
        if not wanted.by_relevance:
            hits.sort(key=lambda hit: (-hit.order, hit.id))
        return hits[:limit]

    def _query(self, wanted: Wanted) -> Query:
        parts = self._query_of_words(wanted.words)
        for group in wanted.labels:
            labels = Query.term_set_query(self._schema, "labels", list(group))
            parts.append(Query.const_score_query(labels, 0))
        if (wanted.since, wanted.until) != (0, 2**63 - 1):
            span = Query.range_query(self._schema, "order", FieldType.Integer, wanted.since, wanted.until)
            parts.append(Query.const_score_query(span, 0))
        return Query.boolean_query([(Occur.Must, part) for part in parts]) if parts else Query.all_query()

    def _query_of_words(self, words: str) -> list[Query]:
        stems, beginning = self._taken_apart(words)
        if not stems:
            return []
        *others, last = [Query.term_query(self._schema, "stems", stem, index_option="freq") for stem in stems]
        if beginning:
            # What is only begun stands below a word that is there in one of its forms.
            begun = Query.fuzzy_term_query(self._schema, "words", beginning, distance=0, prefix=True)
            last = Query.boolean_query([(Occur.Should, last), (Occur.Should, Query.const_score_query(begun, 0.1))])
        return [*others, last]

    def _taken_apart(self, words: str) -> tuple[list[str], str]:
        """The stems to find, and the beginning of the last word when it may be one."""
        words = _folded(words)
        stems, plain = self._stems.analyze(words)[:WORDS_MAX], self._words.analyze(words)
        begun = bool(plain) and len(plain) <= WORDS_MAX and words[-1].isalnum() and len(plain[-1]) >= PREFIX_MIN
        return stems, plain[-1] if begun else ""

    def has_words(self, text: str) -> bool:
        return bool(self._words.analyze(text))

    def marked(self, words: str, text: str) -> list[tuple[int, int]] | None:
        stems, beginning = self._taken_apart(words)
        missing, last = set(stems), stems[-1] if stems else ""
        folded = _folded(text)
        marks = []
        plain = self._words.pre_tokenize(folded).tokens
        for token, stem in zip(plain, self._stems.pre_tokenize(folded).tokens, strict=True):
            begun = beginning and token.text.startswith(beginning)
            if begun:
                missing.discard(last)
            missing.discard(stem.text)
            if begun or stem.text in stems:
                marks.append((token.char_offset_from, token.char_offset_to))
        return None if missing else marks

    async def _in(self, threads: ThreadPoolExecutor, work: Callable[[], Result]) -> Result:
        return await asyncio.get_running_loop().run_in_executor(threads, work)

    async def close(self) -> None:
        def let_go() -> None:
            writer, self._writer = self._writer, None
            if writer is not None:
                writer.wait_merging_threads()

        await self._in(self._writing, let_go)
        self._writing.shutdown()
        self._reading.shutdown()


def _document(document: Document) -> tantivy.Document:
    """Field by field: made of a dictionary it would take half as long again."""
    made, text = tantivy.Document(), _folded(document.text)
    made.add_text("id", document.id)
    for label in document.labels:
        made.add_text("labels", label)
    made.add_text("stems", text)
    made.add_text("words", text)
    made.add_integer("order", document.order)
    return made


def _folded(text: str) -> str:
    """Some write "ё" and others don't. The length stays, so that places in the text stay true."""
    return text.replace("ё", "е").replace("Ё", "Е")


class _translated:
    """The engine's errors as ours: it says of all of them only what the system said."""

    def __enter__(self) -> None: ...

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, KaifError) or not isinstance(error, OSError | ValueError):
            return
        if getattr(error, "errno", None) == errno.ENOSPC or "os error 28" in str(error).lower():
            raise StorageFull(retry_after_ms=5000) from error
        raise Unavailable(retry_after_ms=1000) from error

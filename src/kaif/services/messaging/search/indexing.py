"""Keeps indexes as far as the logs, by marks of its own: whatever is interrupted goes on where it stopped.

An index is changed durably before its mark is moved, so a crash between the two repeats a change and never leaves one
out.
A log that grew while nobody listened is found by comparing all marks at the start.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from itertools import groupby, islice
from time import monotonic

from kaif.engines.bus import Bus
from kaif.engines.database import Database
from kaif.engines.index import Document, Index, Indexes
from kaif.interfaces.messaging import ChatId
from kaif.interfaces.messaging.appended import EntriesAppended
from kaif.interfaces.messaging.search import SearchUnavailable
from kaif.kernel.background import Background
from kaif.kernel.clock import Clock
from kaif.kernel.ids import new_id
from kaif.services.messaging.entry_rules import LEAVING_TEXTS
from kaif.services.messaging.search import found
from kaif.services.messaging.search import store as search_store
from kaif.services.messaging.search.found import Source
from kaif.services.messaging.search.store import BUILDING, CURRENT

log = logging.getLogger("kaif.messaging")

CONSUMER = "messaging.index"
# Begins the name of every index of this form. A new form of documents gets a new one: then all are made anew.
FORM = "messages3"
# What is read of the logs at once, inline on an embedded database.
ENTRIES_PAGE = 500
# One change of an index, bounded for the memory that it takes meanwhile. Each is a commit of its own, which costs as
# much by itself as a thousand entries.
ENTRIES_MAX = 10_000
CHARACTERS_MAX = 8_000_000
LOGS_PAGE = 200
# How long a change waits for company. It then rests seven times as long as it worked, so that the index takes an
# eighth of a core from those who talk: 0.4 s at most, two where so much comes that the next change alone is
# worth a commit, and ten where one change could not hold it.
GATHER_S = 0.1
REST = 7
REST_S_MAX = 0.4
MUCH = 2000
REST_S_MAX_OF_MUCH = 2.0
REST_S_MAX_OF_FLOOD = 10.0
# What was edited or deleted waits no longer for the next change: it gets one of its own, ahead of the rest.
HASTE_S = REST_S_MAX
CHANGED_MAX = 500
RETRY_S = 1.0
RETRY_S_MAX = 30.0
# How soon a rebuild that was asked for is noticed.
LOOK_EVERY_S = 1.0


class Follower:
    """One index on its way behind the logs."""

    def __init__(self, database: Database, name: str, index: Index, retry_s: float = RETRY_S) -> None:
        self._database, self.name, self.index, self._retry_s = database, name, index, retry_s
        # Everything that was there when it began is in it.
        self.complete = asyncio.Event()
        self._grown: set[ChatId] = set()
        self._woken = asyncio.Event()
        # The places of messages that say something else since, or nothing any more.
        self._changed: set[tuple[ChatId, int]] = set()
        self._hurried = asyncio.Event()
        # Since when the first of what is being indexed waits, and of what was heard of since. When we begin we can't
        # know how much there is.
        self._indexing_since_s: float | None = monotonic()
        self._grown_since_s: float | None = None
        # Whether the index holds nothing beyond its marks. When we begin we can't know: a change may have become
        # durable of which nobody took note.
        self._is_exact = False

    def hear(self, chat_ids: Iterable[ChatId], changed: Iterable[tuple[ChatId, int]] = ()) -> None:
        if self._grown_since_s is None:
            self._grown_since_s = monotonic()
        self._grown.update(chat_ids)
        self._woken.set()
        # Beyond that they come in their turn.
        self._changed.update(islice(changed, CHANGED_MAX - len(self._changed)))
        if self._changed:
            self._hurried.set()

    @property
    def lag_s(self) -> float:
        """For how long the first of what is not in the index has waited since we heard of it; 0 when nothing does."""
        since_s = self._grown_since_s if self._indexing_since_s is None else self._indexing_since_s
        return 0.0 if since_s is None else monotonic() - since_s

    async def run(self) -> None:
        await self._with_patience(self._catch_up)
        self._indexing_since_s = None
        self.complete.set()
        now_s = asyncio.get_running_loop().time
        rested_at_s = now_s()
        while True:
            await self._woken.wait()
            # After a silence it has rested already.
            await self._rest(max(GATHER_S, rested_at_s - now_s()))
            started_s = now_s()
            entries = await self._with_patience(self._follow)
            ended_s = now_s()
            rested_at_s = ended_s + min(REST * (ended_s - started_s), _rest_s_max(entries))

    async def _rest(self, rest_s: float) -> None:
        """What was edited or deleted does not wait that long: its new words would be found too late."""
        now_s = asyncio.get_running_loop().time
        ends_s = now_s() + rest_s
        while (left_s := ends_s - HASTE_S - now_s()) > 0 and await _is_set_within(self._hurried, left_s):
            # As for any change, in company, and with a rest of its own.
            await asyncio.sleep(GATHER_S)
            began_s = now_s()
            try:
                await self._put_ahead(self._take_changed())
            except Exception:
                # The next change has it too, and says it when that does not go well.
                break
            await asyncio.sleep(min(REST * (now_s() - began_s), HASTE_S))
        await asyncio.sleep(ends_s - now_s())

    async def _with_patience(self, work: Callable[[], Awaitable[int]]) -> int:
        """Until it has gone well; it is said once when it does not."""
        wait_s = self._retry_s
        while True:
            try:
                entries = await work()
            except Exception as error:
                self._is_exact = False
                if wait_s == self._retry_s:
                    log.warning("the index %s falls behind: %s: %s", self.name, type(error).__name__, error)
                await asyncio.sleep(wait_s)
                wait_s = min(wait_s * 2, RETRY_S_MAX)
            else:
                # All that an unnoted change may have been about has been done again.
                self._is_exact = True
                return entries

    async def _catch_up(self) -> int:
        after, entries = "", 0
        while logs := await search_store.all_progress(self._database, self.name, after, LOGS_PAGE):
            entries += await self._index([each.chat_id for each in logs if each.indexed_seq < each.seq])
            after = logs[-1].chat_id
            # The edge lives on this loop too.
            await asyncio.sleep(0)
        return entries

    async def _follow(self) -> int:
        self._woken.clear()
        grown, self._grown = self._grown, set()
        self._indexing_since_s, self._grown_since_s = self._grown_since_s, None
        try:
            entries = await self._index(sorted(grown))
        except BaseException:
            self._grown |= grown
            self._grown_since_s = self._indexing_since_s
            raise
        self._indexing_since_s = None
        return entries

    async def _index(self, chat_ids: Sequence[ChatId]) -> int:
        """How many entries these logs had gained. Often it is of many logs a little each: they are read together."""
        entries, change, after = 0, Change(self._is_exact), (ChatId(""), 0)
        # Heard before the logs are read: where one page is all there is, they come with it.
        changed = self._take_changed()
        while page := await self._page(chat_ids, after):
            if len(page) == ENTRIES_PAGE and not change.entries:
                await self._put_ahead(changed | self._take_changed())
                changed = set()
            for chat_id, rows in groupby(page, key=lambda row: row.chat_id):
                await self._add(change, chat_id, list(rows))
            after = page[-1].chat_id, page[-1].seq
            entries += len(page)
            if change.is_full:
                await self._make(change)
                change = Change(self._is_exact)
            # The edge lives on this loop too.
            await asyncio.sleep(0)
        await self._make(change)
        return entries

    def _take_changed(self) -> set[tuple[ChatId, int]]:
        self._hurried.clear()
        changed, self._changed = self._changed, set()
        return changed

    async def _put_ahead(self, places: set[tuple[ChatId, int]]) -> None:
        """A small change of what others have edited or deleted. What is not indexed yet is when its turn comes, as it
        is then."""
        change = Change(is_exact=False)
        for chat_id, of_chat in groupby(sorted(places), key=lambda place: place[0]):
            seqs = [seq for _, seq in of_chat]
            change.add(await search_store.sources_indexed(self._database, self.name, chat_id, seqs), [])
        await self._make(change)

    async def _page(self, chat_ids: Sequence[ChatId], after: tuple[ChatId, int]) -> list[Source]:
        if not chat_ids:
            return []
        return await search_store.not_indexed(self._database, self.name, chat_ids, after, ENTRIES_PAGE)

    async def _add(self, change: "Change", chat_id: ChatId, page: Sequence[Source]) -> None:
        change.add(page, await self._targets(chat_id, page))
        change.marks[chat_id] = page[-1].seq

    async def _targets(self, chat_id: ChatId, page: Sequence[Source]) -> list[Source]:
        """What the page's entries have changed, as it is now."""
        seqs = {found.searchable(row).target for row in page if row.kind not in LEAVING_TEXTS} - {0}
        return await search_store.sources_at(self._database, chat_id, seqs) if seqs else []

    async def _make(self, change: "Change") -> None:
        if change.entries:
            await self.index.change(change.documents(), change.outdated)
        if change.marks:
            async with self._database.transaction() as tx:
                await search_store.mark(tx, self.name, change.marks)


def _rest_s_max(entries: int) -> float:
    if entries < MUCH:
        return REST_S_MAX
    return REST_S_MAX_OF_MUCH if entries < ENTRIES_MAX else REST_S_MAX_OF_FLOOD


class Change:
    """What is to be put into an index and taken out of it, and how far that brings it.

    What comes after the marks of an index that `is_exact` can't be in it.
    """

    def __init__(self, is_exact: bool) -> None:
        self._is_exact = is_exact
        self.entries: dict[tuple[ChatId, int], Source] = {}
        self.outdated: set[str] = set()
        self.marks: dict[ChatId, int] = {}
        self._characters = 0

    @property
    def is_full(self) -> bool:
        return len(self.entries) >= ENTRIES_MAX or self._characters >= CHARACTERS_MAX

    def add(self, page: Sequence[Source], targets: Sequence[Source]) -> None:
        if not self._is_exact:
            self._take_out(page)
        self._put(page)
        self._take_out(row for row in targets if (row.chat_id, row.seq) not in self.entries)
        self._put(targets)

    def _take_out(self, rows: Iterable[Source]) -> None:
        self.outdated.update(found.document_id(row.chat_id, row.seq) for row in rows)

    def _put(self, rows: Sequence[Source]) -> None:
        self.entries.update(((row.chat_id, row.seq), row) for row in rows)
        self._characters += sum(len(row.body) for row in rows)

    def documents(self) -> Iterator[Document]:
        """Made when they are put: by a thread that gives way to those who talk."""
        return filter(None, map(found.document_of, self.entries.values()))


class Indexer:
    """The current index, and the one that is being built to take its place.

    One process works on them: the one that reads the bus for this consumer. Another one waits for its end.
    """

    def __init__(self, database: Database, indexes: Indexes, bus: Bus, clock: Clock) -> None:
        self._database, self._indexes, self._bus, self._clock = database, indexes, bus, clock
        self._current: Follower | None = None
        self._building: Follower | None = None
        self._tasks: dict[Follower, asyncio.Task[None]] = {}
        self._background = Background()
        bus.subscribe(CONSUMER, EntriesAppended, self.hear)

    async def start(self) -> None:
        """Returns when one can search, in as much as is indexed; or when another process is found to be at it."""
        await self._bus.start()
        if self._bus.holds(CONSUMER):
            await self._open_what_is_known()
        self._background.repeat(self._look, "the indexes can't be looked after", LOOK_EVERY_S)

    async def close(self) -> None:
        await self._bus.close()
        await self._background.close()
        await self._let_go()

    @property
    def index(self) -> Index:
        """What searches ask. Raises SearchUnavailable where another process is at it."""
        follower = self._current or self._building
        if follower is None:
            raise SearchUnavailable
        return follower.index

    @property
    def is_complete(self) -> bool:
        follower = self._current or self._building
        return follower is not None and follower.complete.is_set()

    @property
    def lag_s(self) -> float:
        """Of what searches ask. Raises SearchUnavailable where another process is at it."""
        follower = self._current or self._building
        if follower is None:
            raise SearchUnavailable
        return follower.lag_s

    async def hear(self, event: EntriesAppended) -> None:
        """Only noted: should we die before it is indexed, the start finds it by the marks."""
        for follower in self._tasks:
            changed = ((each.chat_id, seq) for each in event.ranges for seq in each.changed)
            follower.hear((each.chat_id for each in event.ranges), changed)

    async def _look(self) -> float:
        if not self._bus.holds(CONSUMER):
            await self._let_go()
        elif not self._tasks:
            await self._open_what_is_known()
        elif self._building is None:
            # Somebody may have asked for a new one.
            name = (await search_store.indexes(self._database)).get(BUILDING)
            self._building = await self._follow(name) if name else None
        elif self._building.complete.is_set():
            await self._replace()
        return LOOK_EVERY_S

    async def _open_what_is_known(self) -> None:
        known, there = await search_store.indexes(self._database), self._indexes.names()
        lost = [name for name in known.values() if name not in there or not name.startswith(f"{FORM}-")]
        async with self._database.transaction() as tx:
            for name in lost:
                await search_store.forget_index(tx, name)
            if known.get(CURRENT) in (None, *lost) and known.get(BUILDING) in (None, *lost):
                await search_store.add_index(tx, new_name(), self._clock())
        known = await search_store.indexes(self._database)
        for name in there:
            if name not in known.values():
                await self._indexes.drop(name)
        if CURRENT in known:
            self._current = await self._follow(known[CURRENT])
        if BUILDING in known:
            self._building = await self._follow(known[BUILDING])

    async def _follow(self, name: str) -> Follower:
        follower = Follower(self._database, name, await self._indexes.open(name))
        self._tasks[follower] = self._background.run(follower.run())
        return follower

    async def _stop(self, follower: Follower) -> None:
        task = self._tasks.pop(follower)
        task.cancel()
        await asyncio.wait([task])
        await follower.index.close()

    async def _let_go(self) -> None:
        self._current = self._building = None
        for follower in list(self._tasks):
            await self._stop(follower)

    async def _replace(self) -> None:
        """What has been built answers from now on."""
        old, new = self._current, self._building
        assert new
        async with self._database.transaction() as tx:
            if old:
                await search_store.forget_index(tx, old.name)
            await search_store.make_current(tx, new.name)
        self._current, self._building = new, None
        if old:
            await self._stop(old)
            await self._indexes.drop(old.name)


async def _is_set_within(event: asyncio.Event, timeout_s: float) -> bool:
    try:
        await asyncio.wait_for(event.wait(), timeout_s)
    except TimeoutError:
        return False
    return True


def new_name() -> str:
    return f"{FORM}-{new_id()}"

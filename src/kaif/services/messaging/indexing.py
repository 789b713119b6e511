"""Keeps indexes as far as the logs, by marks of its own: whatever is interrupted goes on where it stopped.

An index is changed durably before its mark is moved, so a crash between the two repeats a change and never leaves one
out.
A log that grew while nobody listened is found by comparing all marks at the start.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from itertools import groupby

from kaif.engines.bus import Bus
from kaif.engines.database import Database
from kaif.engines.index import Document, Index, Indexes
from kaif.interfaces.messaging import ChatId
from kaif.interfaces.messaging.appended import EntriesAppended
from kaif.interfaces.messaging.search import SearchUnavailable
from kaif.kernel.background import Background
from kaif.kernel.clock import Clock
from kaif.kernel.ids import new_id
from kaif.services.messaging import found, search_store, store
from kaif.services.messaging.model import StoredEntry
from kaif.services.messaging.search_store import BUILDING, CURRENT, Progress

log = logging.getLogger("kaif.messaging")

CONSUMER = "messaging.index"
# Begins the name of every index of this form. A new form of documents gets a new one: then all are made anew.
FORM = "messages1"
# What leaves the texts before it as they are. Whatever else has a target may have changed it.
LEAVING_TEXTS = ("message", "reacted", "unreacted", "pinned", "unpinned", "voted", "previewed", "renewed")
# What is read of a log at once, inline on an embedded database.
ENTRIES_PAGE = 500
# One change of an index. Each is a commit of its own, which is most of the work when everything is indexed anew.
DOCUMENTS_MAX = 2000
LOGS_PAGE = 200
# How long a change waits for company, and how long at the most when much is said: it then rests four times as long as
# it worked, since a commit costs nearly the same for ten documents as for a thousand.
GATHER_S = 0.1
GATHER_S_MAX = 0.5
REST = 4
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

    def hear(self, chat_ids: Sequence[ChatId]) -> None:
        self._grown.update(chat_ids)
        self._woken.set()

    async def run(self) -> None:
        await self._with_patience(self._catch_up)
        self.complete.set()
        now_s = asyncio.get_running_loop().time
        rested_at_s = now_s()
        while True:
            await self._woken.wait()
            # After a silence it has rested already.
            await asyncio.sleep(max(GATHER_S, rested_at_s - now_s()))
            started_s = now_s()
            await self._with_patience(self._follow)
            ended_s = now_s()
            rested_at_s = ended_s + min(REST * (ended_s - started_s), GATHER_S_MAX)

    async def _with_patience(self, work: Callable[[], Awaitable[None]]) -> None:
        """Until it has gone well; it is said once when it does not."""
        wait_s = self._retry_s
        while True:
            try:
                return await work()
            except Exception as error:
                if wait_s == self._retry_s:
                    log.warning("the index %s falls behind: %s: %s", self.name, type(error).__name__, error)
                await asyncio.sleep(wait_s)
                wait_s = min(wait_s * 2, RETRY_S_MAX)

    async def _catch_up(self) -> None:
        after = ""
        while logs := await search_store.all_progress(self._database, self.name, after, LOGS_PAGE):
            await self._index(logs)
            after = logs[-1].chat_id
            # The edge lives on this loop too.
            await asyncio.sleep(0)

    async def _follow(self) -> None:
        self._woken.clear()
        grown, self._grown = self._grown, set()
        try:
            await self._index_grown(sorted(grown))
        except BaseException:
            self._grown |= grown
            raise

    async def _index_grown(self, chat_ids: Sequence[ChatId]) -> None:
        """Of many logs a little each, so they are read together."""
        change, after = Change(), (ChatId(""), 0)
        while page := await search_store.not_indexed(self._database, self.name, chat_ids, after, ENTRIES_PAGE):
            for chat_id, entries in groupby(page, key=lambda row: row.chat_id):
                await self._add(change, chat_id, list(entries))
            after = page[-1].chat_id, page[-1].seq
            if change.size >= DOCUMENTS_MAX:
                await self._make(change)
                change = Change()
            # The edge lives on this loop too.
            await asyncio.sleep(0)
        await self._make(change)

    async def _index(self, logs: Sequence[Progress]) -> None:
        change = Change()
        for each in logs:
            at = each.indexed_seq
            while at < each.seq:
                page = await store.entries_after(self._database, each.chat_id, at, ENTRIES_PAGE)
                if not page:
                    break
                at = page[-1].seq
                await self._add(change, each.chat_id, page)
                if change.size >= DOCUMENTS_MAX:
                    await self._make(change)
                    change = Change()
        await self._make(change)

    async def _add(self, change: "Change", chat_id: ChatId, page: Sequence[StoredEntry]) -> None:
        change.add(page, await self._targets(chat_id, page))
        change.marks[chat_id] = page[-1].seq

    async def _targets(self, chat_id: ChatId, page: Sequence[StoredEntry]) -> list[StoredEntry]:
        """What the page's entries have changed, as it is now."""
        seqs = {found.searchable(row).target for row in page if row.kind not in LEAVING_TEXTS} - {0}
        return await store.entries_at(self._database, chat_id, seqs) if seqs else []

    async def _make(self, change: "Change") -> None:
        if change.size:
            await self.index.change(list(change.documents.values()), list(change.removed))
        if change.marks:
            async with self._database.transaction() as tx:
                await search_store.mark(tx, self.name, change.marks)


class Change:
    """What is to be put into an index and taken out of it, and how far that brings it."""

    def __init__(self) -> None:
        self.documents: dict[str, Document] = {}
        self.removed: set[str] = set()
        self.marks: dict[ChatId, int] = {}

    @property
    def size(self) -> int:
        return len(self.documents) + len(self.removed)

    def add(self, page: Sequence[StoredEntry], targets: Sequence[StoredEntry]) -> None:
        for row in (*page, *targets):
            id, document = found.document_id(row.chat_id, row.seq), found.document_of(row)
            if document:
                self.documents[id] = document
                self.removed.discard(id)
            else:
                self.documents.pop(id, None)
                self.removed.add(id)


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

    async def hear(self, event: EntriesAppended) -> None:
        """Only noted: should we die before it is indexed, the start finds it by the marks."""
        for follower in self._tasks:
            follower.hear([each.chat_id for each in event.ranges])

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


def new_name() -> str:
    return f"{FORM}-{new_id()}"

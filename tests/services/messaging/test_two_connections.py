"""What two processes do at the same moment, on two connections to PostgreSQL, each waiting where it must."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, cast

import pytest
from tests.harness import Services, wired_services
from tests.services.messaging.chats import log_of, say
from tests.services.messaging.test_discussions import thread, with_comments
from tests.waiting import eventually

from kaif.engines.database import Database, Transaction, Values, open_database
from kaif.interfaces.messaging import ChatId
from kaif.interfaces.messaging.discussions import WriteComment
from kaif.kernel.actor import UserId
from kaif.kernel.clock import now_us
from kaif.services.messaging.attachments.attaching import Attaching, NoFiles
from kaif.services.messaging.discussions import views_store
from kaif.services.messaging.discussions.commenting import Commenting
from kaif.services.messaging.discussions.service import DiscussionsService
from kaif.services.messaging.previews.linking import LinkPlan
from kaif.services.messaging.sending.announcing import Announcer
from kaif.services.messaging.sending.pacing import Pace
from kaif.services.messaging.sending.sender import Sender


@pytest.fixture
async def services(tmp_path: Path, migrated_postgres_url: str) -> AsyncIterator[Services]:
    async with wired_services(tmp_path, migrated_postgres_url) as services:
        yield services


@pytest.fixture
async def other(migrated_postgres_url: str) -> AsyncIterator[Database]:
    """Another process's."""
    database = await open_database(migrated_postgres_url)
    yield database
    await database.close()


async def waits_or_ends(database: Database, task: "asyncio.Task[Any]") -> bool:
    """For a lock that another connection holds; what needs none is done."""
    waiting = await database.fetch(
        tuple, "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
    )
    return bool(waiting) or task.done()


class Lingering:
    """A process that is slow between what it has written and its commit."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.goes_on = asyncio.Event()
        self.has_written = asyncio.Event()

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Transaction]:
        async with self._database.transaction() as tx:
            yield tx
            self.has_written.set()
            await self.goes_on.wait()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._database, name)


class ReadsLong:
    """A transaction that has read, and takes its time before it writes what follows from that."""

    def __init__(self, tx: Transaction) -> None:
        self._tx = tx
        self.has_read, self.goes_on = asyncio.Event(), asyncio.Event()

    async def execute_many(self, sql: str, rows: Sequence[Values]) -> None:
        if "UPDATE messaging_views SET" in sql:
            self.has_read.set()
            await self.goes_on.wait()
        await self._tx.execute_many(sql, rows)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._tx, name)


async def test_of_two_who_note_the_same_views_one_sees_the_others(services: Services, other: Database) -> None:
    block = ChatId("channel"), UserId("anna"), 0

    async def note(database: Database, bits: int) -> dict[tuple[ChatId, int], int]:
        async with database.transaction() as tx:
            return await views_store.add_bits(tx, {block: bits})

    assert await note(other, 0b001) == {("channel", 0): 1}
    async with services.database.transaction() as tx:
        slow = ReadsLong(tx)
        first = asyncio.create_task(views_store.add_bits(cast(Transaction, slow), {block: 0b010}))
        await slow.has_read.wait()
        second = asyncio.create_task(note(other, 0b110))
        await eventually(lambda: waits_or_ends(services.database, second))
        slow.goes_on.set()
        assert await first == {("channel", 1): 1}

    # What both have seen is counted by one of them, and nothing of either is lost.
    assert await second == {("channel", 2): 1}
    (row,) = await views_store.seen_by(other, UserId("anna"), 10)
    assert row.bits == 0b111


async def test_of_two_first_comments_the_second_finds_the_post_that_the_first_has_brought(
    services: Services, other: Database
) -> None:
    channel_id, group_id, (anna, boris, vera) = await with_comments(services, "anna", "boris", "vera")
    post = await say(services, anna, channel_id, "Новость")
    slow = Lingering(other)
    links, announcer = LinkPlan(on=False), Announcer(services.cache)
    attaching = Attaching(cast(Database, slow), NoFiles(), announcer, now_us)
    sender = Sender(cast(Database, slow), announcer, links, Pace(), now_us)
    commenting = Commenting(cast(Database, slow), services.auth, announcer, sender, attaching, links, now_us)
    elsewhere = DiscussionsService(cast(Database, slow), services.auth, commenting, attaching, now_us)

    first = asyncio.create_task(elsewhere.write_comment(boris, WriteComment(channel_id, post.seq, "b", "Первый")))
    await slow.has_written.wait()
    wanted = WriteComment(channel_id, post.seq, "v", "Второй")
    second = asyncio.create_task(services.discussions.write_comment(vera, wanted))
    await eventually(lambda: waits_or_ends(services.database, second))
    slow.goes_on.set()
    await asyncio.gather(first, second)

    found = await thread(services, anna, post)
    assert [entry.text for entry in found.entries] == ["Первый", "Второй"] and found.comments == 2
    brought = [entry for entry in await log_of(services, anna, group_id) if str(entry.sender_id) == channel_id]
    assert len(brought) == 1

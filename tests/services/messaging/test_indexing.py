"""Indexes keep up with the logs through everything: changes, crashes, outages, rebuilds, other processes."""

import asyncio
import shutil
from collections.abc import Iterable
from pathlib import Path
from time import monotonic

import pytest
from tests.harness import Services, wired_services
from tests.services.messaging.chats import direct, group, say
from tests.services.messaging.searches import finds, found, page_of, searching
from tests.waiting import eventually, until

from kaif.app.notifying import FOLLOWING
from kaif.engines.bus.outbox import OutboxBus
from kaif.engines.index import Document, Index, Wanted, open_indexes
from kaif.interfaces.messaging import ChatId, Entry, Outgoing, SendBatch
from kaif.interfaces.messaging.actions import DeleteMessages, EditMessage
from kaif.interfaces.messaging.appended import EntriesAppended
from kaif.interfaces.messaging.search import Search, SearchUnavailable
from kaif.kernel.actor import NOBODY, Actor
from kaif.kernel.clock import now_us
from kaif.kernel.errors import StorageFull
from kaif.kernel.ids import new_id
from kaif.services.messaging.search import store as search_store
from kaif.services.messaging.search.found import document_of
from kaif.services.messaging.search.indexing import GATHER_S, MUCH, REST, REST_S_MAX_OF_MUCH, Follower, new_name
from kaif.services.messaging.search.service import SearchService


async def edit(services: Services, actor: Actor, entry: Entry, text: str) -> None:
    await services.actions.edit_message(actor, EditMessage(entry.chat_id, entry.seq, text))


async def delete(services: Services, actor: Actor, entry: Entry, *, for_everyone: bool) -> None:
    await services.actions.delete_messages(actor, DeleteMessages(entry.chat_id, [entry.seq], for_everyone))


async def test_an_edited_message_is_found_by_what_it_says_now(services: Services, tmp_path: Path) -> None:
    anna, boris = await services.newcomers("anna", "boris")
    chat_id = await direct(services, anna, boris)
    async with searching(tmp_path, services) as search:
        entry = await say(services, anna, chat_id, "встреча в среду")
        await finds(search, boris, "среда", "встреча в среду")

        await edit(services, anna, entry, "встреча в пятницу")

        # The log decides: not even for the moment until the index has heard of it.
        assert await found(search, boris, "среда") == []
        await finds(search, boris, "пятница", "встреча в пятницу", timeout_s=1)


async def test_a_deleted_message_is_not_found_from_that_moment_on(services: Services, tmp_path: Path) -> None:
    anna, boris = await services.newcomers("anna", "boris")
    chat_id = await direct(services, anna, boris)
    async with searching(tmp_path, services) as search:
        entry = await say(services, anna, chat_id, "не то окно")
        await finds(search, boris, "окно", "не то окно")

        await delete(services, anna, entry, for_everyone=True)

        assert await found(search, boris, "окно") == []
        assert await found(search, boris, sender_id=anna.user_id) == []


async def test_what_somebody_deleted_for_themselves_others_find_still(services: Services, tmp_path: Path) -> None:
    anna, boris = await services.newcomers("anna", "boris")
    chat_id = await direct(services, anna, boris)
    async with searching(tmp_path, services) as search:
        entry = await say(services, anna, chat_id, "не то окно")
        await finds(search, boris, "окно", "не то окно")

        await delete(services, boris, entry, for_everyone=False)

        assert await found(search, boris, "окно") == []
        assert await found(search, anna, "окно") == ["не то окно"]


async def test_what_is_deleted_leaves_the_index_itself(embedded: Services, tmp_path: Path) -> None:
    """Not only the answers: a deleted text has no business on a disk."""
    anna, boris = await embedded.newcomers("anna", "boris")
    chat_id = await direct(embedded, anna, boris)
    indexes = open_indexes(f"tantivy:{tmp_path / 'own'}")
    index = await indexes.open("one")
    follower = Follower(embedded.database, "one", index)
    task = asyncio.ensure_future(follower.run())
    entry = await say(embedded, anna, chat_id, "не то окно")
    follower.hear([chat_id])
    await eventually(lambda: _holds(index, "окно"))

    await delete(embedded, anna, entry, for_everyone=True)
    follower.hear([chat_id])

    await eventually(lambda: _lacks(index, "окно"), timeout_s=2)
    task.cancel()
    await index.close()


async def _holds(index: Index, words: str) -> bool:

    return bool(await index.search(Wanted(words=words)))


async def _lacks(index: Index, words: str) -> bool:
    return not await _holds(index, words)


async def test_what_was_said_while_no_index_listened_is_found_later(services: Services, tmp_path: Path) -> None:
    anna, boris = await services.newcomers("anna", "boris")
    chat_id = await direct(services, anna, boris)
    await say(services, anna, chat_id, "давно сказано")
    async with searching(tmp_path, services) as search:
        await finds(search, anna, "давно", "давно сказано")
    await say(services, anna, chat_id, "сказано в тишине")

    async with searching(tmp_path, services) as search:
        await finds(search, anna, "сказано", "сказано в тишине", "давно сказано")
        await eventually(lambda: _is_complete(search, anna))


async def _is_complete(search: Search, actor: Actor) -> bool:
    return (await page_of(search, actor, "сказано")).complete


async def test_an_event_that_was_lost_after_it_was_heard_leaves_nothing_behind(
    services: Services, tmp_path: Path
) -> None:
    """A process dies between hearing of a log's growth and indexing it: the bus will not repeat that event."""
    anna, boris = await services.newcomers("anna", "boris")
    chat_id = await direct(services, anna, boris)
    async with searching(tmp_path, services) as search:
        await say(services, anna, chat_id, "до сбоя")
        await finds(search, anna, "сбой", "до сбоя")
    bus = OutboxBus(services.database, FOLLOWING)
    heard: list[EntriesAppended] = []

    async def hear_and_die(event: EntriesAppended) -> None:
        heard.append(event)

    bus.subscribe("messaging.index", EntriesAppended, hear_and_die)
    await bus.start()
    await say(services, anna, chat_id, "во время сбоя")
    await until(lambda: bool(heard))
    await bus.close()

    async with searching(tmp_path, services) as search:
        await finds(search, anna, "сбой", "во время сбоя", "до сбоя")


class DyingIndex:
    """The process is gone before its work is done, or before anybody can take note of it."""

    def __init__(self, index: Index, deaths: list[str]) -> None:
        self._index, self.deaths = index, deaths

    async def change(self, documents: Iterable[Document], removed: Iterable[str]) -> None:
        death = self.deaths.pop() if self.deaths else ""
        if death == "before":
            raise StorageFull
        await self._index.change(documents, removed)
        if death == "after":
            raise StorageFull


@pytest.mark.parametrize("deaths", [["before"], ["after"], ["before", "after", "before"]])
async def test_a_change_is_found_once_wherever_the_process_died(
    embedded: Services, tmp_path: Path, deaths: list[str]
) -> None:
    anna, boris = await embedded.newcomers("anna", "boris")
    chat_id = await direct(embedded, anna, boris)
    for number in range(5):
        await say(embedded, anna, chat_id, f"эхо {number}")
    indexes = open_indexes(f"tantivy:{tmp_path / 'own'}")
    index = await indexes.open("one")
    dying = DyingIndex(index, list(deaths))
    follower = Follower(embedded.database, "one", dying, retry_s=0.01)  # type: ignore[arg-type]
    task = asyncio.ensure_future(follower.run())
    await follower.complete.wait()
    assert len(await index.search(Wanted(words="эхо"))) == 5

    # And once more, when it only follows.
    dying.deaths += deaths
    for number in range(5):
        await say(embedded, anna, chat_id, f"эхо {number}")
    follower.hear([chat_id])

    async def noted() -> bool:
        (progress,) = await search_store.all_progress(embedded.database, "one", "", 10)
        return progress.indexed_seq == progress.seq == 11

    await eventually(noted)
    assert len(await index.search(Wanted(words="эхо"))) == 10
    task.cancel()
    await index.close()


class HeldIndex:
    """Changes nothing until it is let go."""

    def __init__(self, index: Index) -> None:
        self._index, self.free = index, asyncio.Event()
        self.free.set()

    async def change(self, documents: Iterable[Document], removed: Iterable[str]) -> None:
        await self.free.wait()
        await self._index.change(documents, removed)


class Standing:
    """What searches ask of an indexer."""

    is_complete = True

    def __init__(self, index: Index) -> None:
        self.index = index


async def send_many(services: Services, actor: Actor, chat_id: ChatId, count: int) -> None:
    said = [Outgoing(actor.user_id, chat_id, new_id(), f"слово{number}") for number in range(count)]
    for start in range(0, count, 500):
        await services.messaging.send_batch(NOBODY, SendBatch(said[start : start + 500]))


async def test_what_is_deleted_or_edited_is_not_found_any_more_while_thousands_of_messages_wait(
    services: Services, tmp_path: Path
) -> None:
    anna, boris = await services.newcomers("anna", "boris")
    chat_id = await direct(services, anna, boris)
    indexes = open_indexes(f"tantivy:{tmp_path / 'own'}")
    index = await indexes.open("one")
    held, search = HeldIndex(index), SearchService(services.database, Standing(index))  # type: ignore[arg-type]
    follower = Follower(services.database, "one", held)  # type: ignore[arg-type]
    task = asyncio.ensure_future(follower.run())
    wrong, old = [await say(services, anna, chat_id, text) for text in ("не то окно", "встреча в среду")]
    follower.hear([chat_id])
    await finds(search, boris, "среда", "встреча в среду")

    held.free.clear()
    await send_many(services, anna, chat_id, 3000)
    await delete(services, anna, wrong, for_everyone=True)
    await edit(services, anna, old, "встреча в пятницу")
    follower.hear([chat_id])

    assert await found(search, boris, "слово2999") == []
    assert await found(search, boris, "окно") == await found(search, boris, "среда") == []
    held.free.set()
    await finds(search, boris, "пятница", "встреча в пятницу")
    assert await found(search, boris, "слово2999 ") == ["слово2999"]
    assert not await _holds(index, "окно")
    task.cancel()
    await index.close()
    indexes.close()


class SlowIndex:
    """Says what each of its changes was about. Large ones take as long as an index rests for most."""

    def __init__(self, index: Index) -> None:
        self._index, self.took_long = index, asyncio.Event()
        self.changes: list[list[str]] = []

    async def change(self, documents: Iterable[Document], removed: Iterable[str]) -> None:
        given = list(documents)
        if len(given) > 1000:
            await asyncio.sleep(REST_S_MAX_OF_MUCH / REST)
            self.took_long.set()
        await self._index.change(given, removed)
        self.changes.append([document.text for document in given])


async def test_an_edit_and_a_deletion_are_indexed_ahead_of_the_thousands_of_messages_that_wait(
    services: Services, tmp_path: Path
) -> None:
    anna, boris = await services.newcomers("anna", "boris")
    chat_id = await direct(services, anna, boris)
    wrong, old = [await say(services, anna, chat_id, text) for text in ("не то окно", "встреча в среду")]
    indexes = open_indexes(f"tantivy:{tmp_path / 'own'}")
    index = await indexes.open("one")
    slow, search = SlowIndex(index), SearchService(services.database, Standing(index))  # type: ignore[arg-type]
    follower = Follower(services.database, "one", slow)  # type: ignore[arg-type]
    task = asyncio.ensure_future(follower.run())
    await follower.complete.wait()
    slow.changes.clear()

    await send_many(services, anna, chat_id, MUCH)
    await delete(services, anna, wrong, for_everyone=True)
    await edit(services, anna, old, "встреча в пятницу")
    follower.hear([chat_id], [(chat_id, wrong.seq), (chat_id, old.seq)])

    await slow.took_long.wait()
    assert slow.changes == [["встреча в пятницу"]]
    assert await found(search, boris, "пятница") == ["встреча в пятницу"]
    assert not await _holds(index, "окно")

    # And while it rests from so many.
    await until(lambda: len(slow.changes) == 2)
    await say(services, anna, chat_id, "новость")
    await edit(services, anna, old, "встреча в субботу")
    follower.hear([chat_id], [(chat_id, old.seq)])

    await finds(search, boris, "суббота", "встреча в субботу")
    assert not await _holds(index, "новость")
    await finds(search, boris, "новость", "новость")
    assert len(await index.search(Wanted(words="встреча"))) == 1
    task.cancel()
    await index.close()
    indexes.close()


async def test_an_edit_of_what_waits_itself_is_found_once(services: Services, tmp_path: Path) -> None:
    anna, boris = await services.newcomers("anna", "boris")
    chat_id = await direct(services, anna, boris)
    indexes = open_indexes(f"tantivy:{tmp_path / 'own'}")
    index = await indexes.open("one")
    follower = Follower(services.database, "one", index)
    task = asyncio.ensure_future(follower.run())
    await follower.complete.wait()

    await send_many(services, anna, chat_id, 700)
    entry = await say(services, anna, chat_id, "встреча в среду")
    await edit(services, anna, entry, "встреча в пятницу")
    follower.hear([chat_id], [(chat_id, entry.seq)])

    await eventually(lambda: _holds(index, "слово699 "))
    await eventually(lambda: _holds(index, "пятница"))
    assert len(await index.search(Wanted(words="встреча"))) == 1
    task.cancel()
    await index.close()
    indexes.close()


async def test_the_lag_is_the_age_of_the_first_that_waits(embedded: Services, tmp_path: Path) -> None:
    anna, boris = await embedded.newcomers("anna", "boris")
    chat_id = await direct(embedded, anna, boris)
    indexes = open_indexes(f"tantivy:{tmp_path / 'own'}")
    index = await indexes.open("one")
    held = HeldIndex(index)
    follower = Follower(embedded.database, "one", held)  # type: ignore[arg-type]
    assert follower.lag_s > 0
    task = asyncio.ensure_future(follower.run())
    await follower.complete.wait()
    assert follower.lag_s == 0

    held.free.clear()
    await say(embedded, anna, chat_id, "раз")
    began_s = monotonic()
    follower.hear([chat_id])
    # It is being indexed by now, and what comes later waits less long.
    await asyncio.sleep(2 * GATHER_S)
    follower.hear([chat_id])
    assert 2 * GATHER_S <= follower.lag_s <= monotonic() - began_s

    held.free.set()
    await until(lambda: follower.lag_s == 0)
    task.cancel()
    await index.close()
    indexes.close()


async def test_whatever_waited_when_the_process_died_is_found_once_by_the_next(
    embedded: Services, tmp_path: Path
) -> None:
    """It dies after the index has changed and before anybody could take note of it."""
    anna, boris = await embedded.newcomers("anna", "boris")
    chat_id = await direct(embedded, anna, boris)
    indexes = open_indexes(f"tantivy:{tmp_path / 'own'}")
    index = await indexes.open("one")
    dying = DyingIndex(index, ["after"])
    follower = Follower(embedded.database, "one", dying, retry_s=60)  # type: ignore[arg-type]
    await send_many(embedded, anna, chat_id, 2500)
    task = asyncio.ensure_future(follower.run())
    await eventually(lambda: _holds(index, "слово2499 "))
    task.cancel()

    await send_many(embedded, anna, chat_id, 10)
    follower = Follower(embedded.database, "one", index)
    task = asyncio.ensure_future(follower.run())
    await follower.complete.wait()

    for number in range(0, 2500, 49):
        hits = await index.search(Wanted(words=f"слово{number} "))
        assert len(hits) == (2 if number < 10 else 1)
    task.cancel()
    await index.close()
    indexes.close()


async def test_what_many_logs_have_gained_together_is_indexed_to_the_last_entry(
    services: Services, tmp_path: Path
) -> None:
    anna, boris, vera = await services.newcomers("anna", "boris", "vera")
    chats = [await direct(services, anna, boris), await direct(services, anna, vera), await group(services, anna)]
    indexes = open_indexes(f"tantivy:{tmp_path / 'own'}")
    index = await indexes.open("one")
    follower = Follower(services.database, "one", index)
    task = asyncio.ensure_future(follower.run())
    await follower.complete.wait()

    # More than two pages, whose edges fall into logs.
    said = [Outgoing(anna.user_id, chats[number % 3], new_id(), f"слово{number}") for number in range(1200)]
    for start in (0, 600):
        await services.messaging.send_batch(NOBODY, SendBatch(said[start : start + 600]))
    follower.hear(chats)

    async def caught_up() -> bool:
        progress = await search_store.all_progress(services.database, "one", "", 10)
        return all(each.indexed_seq == each.seq for each in progress)

    await eventually(caught_up)
    missing = [message.text for message in said if not await index.search(Wanted(words=message.text + " "))]
    task.cancel()
    await index.close()
    indexes.close()
    assert missing == []


async def test_an_index_that_is_newer_than_a_restored_database_shows_nothing_twice_nor_what_is_another_message(
    services: Services, tmp_path: Path
) -> None:
    anna, boris = await services.newcomers("anna", "boris")
    chat_id = await direct(services, anna, boris)
    async with searching(tmp_path, services) as search:
        lost = [await say(services, boris, chat_id, text) for text in ("вести с озера", "озеро https://example.org")]
        await finds(search, anna, "озеро", "озеро https://example.org", "вести с озера")
    async with services.database.transaction() as tx:
        await tx.execute("DELETE FROM messaging_entries WHERE seq >= :seq", seq=lost[0].seq)
        await tx.execute("UPDATE messaging_chats SET seq = :seq", seq=lost[0].seq - 1)
        await tx.execute("UPDATE messaging_index_marks SET seq = :seq", seq=lost[0].seq - 1)

    async with searching(tmp_path, services) as search:
        await eventually(lambda: _is_complete(search, anna))
        for text in ("на озере тихо", "лодка на озере"):
            await say(services, anna, chat_id, text)

        await finds(search, anna, "озеро", "лодка на озере", "на озере тихо")
        assert sorted(await found(search, anna, "озеро", order="best")) == ["лодка на озере", "на озере тихо"]
        # Of what stood there before.
        assert await found(search, anna, has="link") == await found(search, anna, sender_id=boris.user_id) == []


@pytest.mark.parametrize("order", ["newest", "best"])
async def test_what_an_index_holds_twice_is_found_once(embedded: Services, tmp_path: Path, order: str) -> None:
    anna, boris = await embedded.newcomers("anna", "boris")
    chat_id = await direct(embedded, anna, boris)
    entry = await say(embedded, anna, chat_id, "эхо")
    indexes = open_indexes(f"tantivy:{tmp_path / 'own'}")
    index = await indexes.open("one")
    (row,) = await search_store.sources_at(embedded.database, chat_id, [entry.seq])
    document = document_of(row)
    assert document
    await index.change([document, document], [])

    search = SearchService(embedded.database, Standing(index))  # type: ignore[arg-type]
    assert await found(search, anna, "эхо", order=order) == ["эхо"]
    await index.close()
    indexes.close()


async def test_an_index_whose_files_are_gone_or_broken_is_made_anew(services: Services, tmp_path: Path) -> None:
    anna, boris = await services.newcomers("anna", "boris")
    chat_id = await direct(services, anna, boris)
    await say(services, anna, chat_id, "вечное слово")
    async with searching(tmp_path, services) as search:
        await finds(search, anna, "слово", "вечное слово")
    shutil.rmtree(tmp_path / "index")

    async with searching(tmp_path, services) as search:
        await finds(search, anna, "слово", "вечное слово")


async def test_a_rebuild_answers_from_the_old_index_until_the_new_one_is_complete(
    services: Services, tmp_path: Path
) -> None:
    anna, boris = await services.newcomers("anna", "boris")
    chat_id = await direct(services, anna, boris)
    texts = [f"страница {number}" for number in range(50)]
    for text in texts:
        await say(services, anna, chat_id, text)
    async with searching(tmp_path, services) as search:
        await finds(search, anna, "страница", *reversed(texts))
        await eventually(lambda: _has_only_a_current_one(services))
        before = await search_store.indexes(services.database)
        async with services.database.transaction() as tx:
            assert await search_store.add_index(tx, new_name(), now_us())

        async def replaced() -> bool:
            assert await found(search, anna, "страница") == [*reversed(texts)]
            now = await search_store.indexes(services.database)
            return "building" not in now and now["current"] != before["current"]

        await eventually(replaced)
        await say(services, anna, chat_id, "страница последняя")
        await finds(search, anna, "последняя", "страница последняя")
        assert len(await found(search, anna, "страница")) == 51
    assert [path.name for path in (tmp_path / "index").iterdir() if path.is_dir()] == [
        (await search_store.indexes(services.database))["current"]
    ]


async def _has_only_a_current_one(services: Services) -> bool:
    return list(await search_store.indexes(services.database)) == ["current"]


async def test_two_processes_never_work_on_the_index_and_the_second_takes_over(
    postgres_url: str, tmp_path: Path
) -> None:

    async with wired_services(tmp_path, postgres_url) as services:
        anna, boris = await services.newcomers("anna", "boris")
        chat_id = await direct(services, anna, boris)
        async with searching(tmp_path / "one", services) as first:
            await say(services, anna, chat_id, "одна хозяйка")
            await finds(first, anna, "хозяйка", "одна хозяйка")

            waiting = searching(tmp_path / "two", services)
            second = await waiting.__aenter__()
            with pytest.raises(SearchUnavailable):
                await found(second, anna, "хозяйка")
            await asyncio.sleep(1.5)
            await finds(first, anna, "хозяйка", "одна хозяйка")

        async def second_answers() -> bool:
            try:
                return await found(second, anna, "хозяйка") == ["одна хозяйка"]
            except SearchUnavailable:
                return False

        await eventually(second_answers)
        await waiting.__aexit__(None, None, None)


async def test_a_thousand_messages_in_many_chats_are_all_indexed(services: Services, tmp_path: Path) -> None:
    anna, *others = await services.newcomers("anna", *(f"friend{number}" for number in range(10)))
    chats = [await direct(services, anna, other) for other in others]
    async with searching(tmp_path, services) as search:
        await asyncio.gather(*(say(services, anna, chats[n % 10], f"слово номер{n}") for n in range(1000)))

        async def all_there() -> bool:
            return len(await found(search, anna, "слово", limit=50)) == 1000

        await eventually(all_there, timeout_s=20)

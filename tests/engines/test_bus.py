"""The bus's promise: at least once, in the order of each key, whatever happens in between."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import ClassVar

import asyncpg
import msgspec
import pytest
from tests.servers import PostgresServer
from tests.waiting import eventually, until

from kaif.engines.bus import Retries, store
from kaif.engines.bus.outbox import OutboxBus, Timing
from kaif.engines.bus.store import drop_parked, next_events, trim
from kaif.engines.database import Database, open_database
from kaif.kernel.clock import now_us
from kaif.kernel.errors import KaifError, Unavailable
from kaif.kernel.events import Event

RETRIES = Retries(retry_min_ms=5, retry_max_ms=20, attempts_max=3)
FAST = Timing(poll_max_ms=100, retry_parked_ms=20, lease_ms=600, retries=RETRIES, close_ms_max=300)
PATIENT = msgspec.structs.replace(FAST, retries=msgspec.structs.replace(RETRIES, attempts_max=1000))


class Ordered(Event, frozen=True):
    name: ClassVar[str] = "shop.ordered.v1"
    number: int
    shop: str = "tea"

    @property
    def key(self) -> str:
        return self.shop


class Cancelled(Event, frozen=True):
    name: ClassVar[str] = "shop.cancelled.v1"
    number: int

    @property
    def key(self) -> str:
        return "tea"


class Shelf:
    """Takes note of the orders that come, and can be told to fail on some."""

    def __init__(self) -> None:
        self.numbers: list[int] = []
        self.fails_on: set[int] = set()
        self.attempts = 0
        self.error: Exception = ValueError("no such tea")

    async def take(self, event: Ordered | Cancelled) -> None:
        self.attempts += 1
        if event.number in self.fails_on:
            raise self.error
        self.numbers.append(event.number)


@asynccontextmanager
async def running(
    database: Database,
    reaction: Callable[[Ordered], Awaitable[None]],
    timing: Timing = FAST,
    consumer: str = "shelf",
) -> AsyncIterator[OutboxBus]:
    bus = OutboxBus(database, timing)
    bus.subscribe(consumer, Ordered, reaction)
    await bus.start()
    yield bus
    await bus.close()


@pytest.fixture
async def elsewhere(database: Database, empty_database_url: str) -> AsyncIterator[Database]:
    """The database as another process sees it; an embedded one belongs to a single process."""
    if database.dialect == "sqlite":
        yield database
        return
    other = await open_database(empty_database_url)
    yield other
    await other.close()


async def publish(database: Database, *events: Event) -> None:
    async with database.transaction() as tx:
        for event in events:
            await tx.publish(event)


async def orders(database: Database, first: int, last: int) -> None:
    await publish(database, *[Ordered(number=number) for number in range(first, last + 1)])


async def test_events_come_in_order_each_once_when_nothing_fails(database: Database) -> None:
    shelf = Shelf()
    async with running(database, shelf.take):
        for number in range(1, 500, 50):
            await orders(database, number, number + 49)

        await until(lambda: len(shelf.numbers) >= 500)

    assert shelf.numbers == list(range(1, 501))


async def test_concurrent_publishers_lose_nothing(database: Database) -> None:
    shelf = Shelf()
    async with running(database, shelf.take):
        await asyncio.gather(*[orders(database, number, number) for number in range(200)])

        await until(lambda: len(shelf.numbers) >= 200)

    assert sorted(shelf.numbers) == list(range(200))


async def test_an_event_of_this_process_comes_without_waiting_for_the_next_look(database: Database) -> None:
    shelf = Shelf()
    async with running(database, shelf.take, msgspec.structs.replace(FAST, poll_min_ms=60_000, poll_max_ms=60_000)):
        await asyncio.sleep(0.05)
        await orders(database, 1, 1)

        await until(lambda: shelf.numbers == [1], timeout_s=2)


async def test_whoever_does_not_want_an_event_is_not_woken_by_it(database: Database) -> None:
    """Consumers of rare things must not run with every message of a busy server."""
    shelf, timing = Shelf(), msgspec.structs.replace(FAST, poll_min_ms=60_000, poll_max_ms=60_000)
    async with running(database, shelf.take, timing):
        await asyncio.sleep(0.05)
        await publish(database, Cancelled(number=1))
        await asyncio.sleep(0.1)

        position: list[tuple[int]] = await database.fetch(tuple, "SELECT id FROM outbox_consumers")
        assert position == [(0,)]

        await orders(database, 2, 2)
        await until(lambda: shelf.numbers == [2], timeout_s=2)


async def test_a_consumer_that_gathers_gets_everything_though_it_looks_seldom(database: Database) -> None:
    shelf, timing = Shelf(), msgspec.structs.replace(FAST, gather_ms=50)
    async with running(database, shelf.take, timing):
        for number in range(1, 21):
            await orders(database, number, number)

        await until(lambda: shelf.numbers == list(range(1, 21)))


async def test_a_consumer_that_rests_does_not_when_more_is_there_than_it_took(database: Database) -> None:
    shelf, timing = Shelf(), msgspec.structs.replace(FAST, rest_ms=60_000)
    async with database.transaction() as tx:
        for number in range(1, 251):
            await tx.publish(Ordered(number=number))

    async with running(database, shelf.take, timing):
        await until(lambda: shelf.numbers == list(range(1, 251)))

        await orders(database, 251, 251)
        await asyncio.sleep(0.05)
        assert shelf.numbers[-1] == 250


async def test_an_event_of_another_process_is_found(database: Database) -> None:
    shelf = Shelf()
    async with running(database, shelf.take):
        database.on_published.clear()  # The signal stays within its process.
        await orders(database, 1, 1)

        await until(lambda: shelf.numbers == [1])


async def test_events_of_a_transaction_that_failed_never_come(database: Database) -> None:
    shelf = Shelf()
    async with running(database, shelf.take):
        with pytest.raises(ZeroDivisionError):
            async with database.transaction() as tx:
                await tx.publish(Ordered(number=1))
                raise ZeroDivisionError
        await orders(database, 2, 2)

        await until(lambda: shelf.numbers != [])

    assert shelf.numbers == [2]


async def test_each_consumer_gets_every_event_it_asked_for_and_no_other(database: Database) -> None:
    ordered, both = Shelf(), Shelf()
    bus = OutboxBus(database, FAST)
    bus.subscribe("ordered", Ordered, ordered.take)
    bus.subscribe("both", Ordered, both.take)
    bus.subscribe("both", Cancelled, both.take)
    await bus.start()

    await publish(database, Ordered(number=1), Cancelled(number=2), Ordered(number=3))
    await until(lambda: (ordered.numbers, both.numbers) == ([1, 3], [1, 2, 3]))
    await bus.close()


async def test_events_nobody_asked_for_are_passed_by(database: Database) -> None:
    shelf = Shelf()
    await publish(database, *[Cancelled(number=number) for number in range(250)])
    async with running(database, shelf.take):
        await orders(database, 1, 1)

        await until(lambda: shelf.numbers == [1])

    assert await next_events(database, "shelf", 10) == []


async def test_a_failing_reaction_is_tried_again_before_later_events(database: Database) -> None:
    shelf = Shelf()
    shelf.fails_on = {1}
    async with running(database, shelf.take, PATIENT) as bus:
        await orders(database, 1, 3)
        await until(lambda: shelf.attempts >= 3)
        assert shelf.numbers == []

        shelf.fails_on.clear()
        await until(lambda: shelf.numbers == [1, 2, 3])

        assert await bus.parked() == []


async def test_an_event_that_fails_for_ever_is_parked_and_the_others_go_on(
    database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    shelf = Shelf()
    shelf.fails_on = {2}
    async with running(database, shelf.take) as bus:
        await orders(database, 1, 3)
        await until(lambda: shelf.numbers == [1, 3])

        [parked] = await bus.parked("shelf")
        assert await bus.parked("another") == []

    assert (parked.name, parked.key, parked.attempts) == ("shop.ordered.v1", "tea", 3)
    assert parked.error == "ValueError: no such tea"
    assert "shelf parked event" in caplog.text


async def test_a_parked_event_can_be_retried_by_the_operator(database: Database) -> None:
    shelf = Shelf()
    shelf.fails_on = {1}
    async with running(database, shelf.take) as bus:
        await orders(database, 1, 2)
        await until(lambda: shelf.numbers == [2])
        [parked] = await bus.parked()

        await ask_retry(database, parked.id)
        await eventually(lambda: is_parked(bus, attempts=[4]))

        shelf.fails_on.clear()
        await ask_retry(database, parked.id)
        await eventually(lambda: is_parked(bus, attempts=[]))
        assert shelf.numbers == [2, 1]
        assert await ask_retry(database, parked.id) is None


async def test_a_retry_may_be_asked_for_anywhere_and_is_made_where_the_consumer_is(database: Database) -> None:
    shelf, other = Shelf(), Shelf()
    shelf.fails_on = {1}
    async with running(database, shelf.take) as bus:
        await orders(database, 1, 1)
        await eventually(lambda: is_parked(bus, attempts=[3]))
    [parked] = await bus.parked()

    await ask_retry(database, parked.id)
    async with running(database, other.take, consumer="another"):
        await asyncio.sleep(0.2)
    assert [again.retry_asked for again in await bus.parked()] == [1]
    shelf.fails_on.clear()
    async with running(database, shelf.take) as bus:
        await eventually(lambda: is_parked(bus, attempts=[]))

    assert shelf.numbers == [1]


async def test_what_was_dropped_while_it_was_tried_again_does_not_come_back(database: Database) -> None:
    began, go_on = asyncio.Event(), asyncio.Event()

    async def fail_slowly(_: Ordered) -> None:
        began.set()
        await go_on.wait()
        raise ValueError

    go_on.set()
    async with running(database, fail_slowly) as bus:
        await orders(database, 1, 1)
        await eventually(lambda: is_parked(bus, attempts=[3]))
        [parked] = await bus.parked()
        go_on.clear()
        began.clear()

        await ask_retry(database, parked.id)
        await began.wait()
        async with database.transaction() as tx:
            assert await drop_parked(tx, "shelf", parked.id) == parked.name
        go_on.set()

    assert await bus.parked() == []


async def is_parked(bus: OutboxBus, *, attempts: list[int]) -> bool:
    """Whether so many events are parked, after so many attempts each."""
    return [parked.attempts for parked in await bus.parked()] == attempts


async def ask_retry(database: Database, id: int) -> str | None:
    async with database.transaction() as tx:
        return await store.ask_retry(tx, "shelf", id)


async def test_an_event_that_cannot_be_read_is_parked_at_once(database: Database) -> None:
    shelf = Shelf()
    async with database.transaction() as tx:
        await tx.execute(
            "INSERT INTO outbox (name, key, body, at_us) VALUES (:name, 'tea', '{\"number\":\"many\"}', 0)",
            name=Ordered.name,
        )
    async with running(database, shelf.take) as bus:
        await orders(database, 1, 1)
        await until(lambda: shelf.numbers == [1])

        [parked] = await bus.parked()
        assert (parked.attempts, shelf.attempts) == (1, 1)


async def test_an_outage_of_what_a_reaction_needs_parks_nothing(database: Database) -> None:
    shelf = Shelf()
    shelf.fails_on, shelf.error = {1}, Unavailable()
    async with running(database, shelf.take) as bus:
        await orders(database, 1, 1)
        await until(lambda: shelf.attempts > 3 * RETRIES.attempts_max)

        shelf.fails_on.clear()
        await until(lambda: shelf.numbers == [1])
        assert await bus.parked() == []


async def test_a_subscription_may_be_more_or_less_patient_than_the_bus(database: Database) -> None:
    hasty, patient = Shelf(), Shelf()
    for shelf in (hasty, patient):
        shelf.fails_on, shelf.error = {1}, Unavailable()
    bus = OutboxBus(database, msgspec.structs.replace(FAST, retries=Retries(retry_min_ms=1, outage_attempts_max=5)))
    bus.subscribe("hasty", Ordered, hasty.take, Retries(retry_min_ms=1, outage_attempts_max=2))
    bus.subscribe("patient", Ordered, patient.take, Retries(retry_min_ms=1, retry_max_ms=2, outage_attempts_max=9999))
    await bus.start()
    await orders(database, 1, 1)

    await until(lambda: patient.attempts > 50)

    assert [(parked.consumer, parked.attempts) for parked in await bus.parked()] == [("hasty", 2)]
    await bus.close()


async def test_a_reaction_that_never_ends_is_given_up(database: Database) -> None:
    done: list[int] = []

    async def hang_on_the_first(event: Ordered) -> None:
        await asyncio.sleep(60 if event.number == 1 else 0)
        done.append(event.number)

    async with running(database, hang_on_the_first, msgspec.structs.replace(FAST, reaction_ms_max=20)) as bus:
        await orders(database, 1, 2)
        await until(lambda: done == [2])

        assert [parked.error for parked in await bus.parked()] == ["TimeoutError: "]


async def test_a_cancellation_that_leaks_out_of_a_reaction_does_not_end_the_reader(database: Database) -> None:
    done: list[int] = []

    async def leak_on_the_first(event: Ordered) -> None:
        if event.number == 1:
            raise asyncio.CancelledError
        done.append(event.number)

    async with running(database, leak_on_the_first):
        await orders(database, 1, 2)

        await until(lambda: done == [2])


async def test_after_a_restart_a_consumer_goes_on_where_it_was(database: Database) -> None:
    shelf = Shelf()
    async with running(database, shelf.take):
        await orders(database, 1, 10)
        await until(lambda: len(shelf.numbers) == 10)
    await orders(database, 11, 20)

    async with running(database, shelf.take):
        await until(lambda: len(shelf.numbers) >= 20)

    assert shelf.numbers == list(range(1, 21))


async def test_a_new_consumer_starts_with_the_oldest_event_kept(database: Database) -> None:
    shelf = Shelf()
    await orders(database, 1, 3)

    async with running(database, shelf.take):
        await until(lambda: shelf.numbers == [1, 2, 3])


async def test_an_event_whose_reaction_was_killed_comes_again(database: Database) -> None:
    shelf, begun = Shelf(), asyncio.Event()

    async def never_finish(event: Ordered) -> None:
        begun.set()
        await asyncio.sleep(60)

    async with running(database, never_finish):
        await orders(database, 1, 2)
        await begun.wait()

    async with running(database, shelf.take):
        await until(lambda: shelf.numbers == [1, 2])


async def test_the_position_is_not_saved_before_the_reaction_has_succeeded(database: Database) -> None:
    waiting: list[int] = []

    async def look(event: Ordered) -> None:
        waiting.extend(msgspec.json.decode(row.body)["number"] for row in await next_events(database, "shelf", 10))

    async with running(database, look, msgspec.structs.replace(FAST, save_ms=0)):
        await orders(database, 1, 2)
        await until(lambda: len(waiting) >= 3)

    assert waiting == [1, 2, 2]


async def test_closing_lets_a_running_reaction_finish(database: Database) -> None:
    done: list[int] = []
    begun, may_end = asyncio.Event(), asyncio.Event()

    async def take_until_told(event: Ordered) -> None:
        begun.set()
        await may_end.wait()
        done.append(event.number)

    async with running(database, take_until_told):
        await orders(database, 1, 5)
        await begun.wait()
        # By then it is being closed.
        asyncio.get_running_loop().call_later(0.1, may_end.set)
    assert done == [1]

    async with running(database, take_until_told):
        await until(lambda: done == [1, 2, 3, 4, 5])


async def test_two_processes_never_both_read_for_a_consumer(database: Database, elsewhere: Database) -> None:
    here, there = Shelf(), Shelf()
    async with running(database, here.take), running(elsewhere, there.take):
        for number in range(100):
            await orders(database, number, number)
        await until(lambda: len(here.numbers + there.numbers) >= 100)
        await asyncio.sleep(0.2)

    assert sorted(here.numbers + there.numbers) == list(range(100))
    assert not here.numbers or not there.numbers


async def test_another_process_takes_over_at_once_from_one_that_closed(database: Database, elsewhere: Database) -> None:
    here, there = Shelf(), Shelf()
    slow = msgspec.structs.replace(FAST, lease_ms=60_000)
    async with running(database, here.take, slow):
        await orders(database, 1, 1)
        await until(lambda: here.numbers == [1])
    await orders(database, 2, 2)

    async with running(elsewhere, there.take, slow):
        await until(lambda: there.numbers == [2])


async def test_another_process_takes_over_from_one_that_died(database: Database, elsewhere: Database) -> None:
    shelf = Shelf()
    async with database.transaction() as tx:
        await tx.execute(
            "INSERT INTO outbox_consumers (consumer, holder, held_until_us) VALUES ('shelf', 'the dead', :until_us)",
            until_us=now_us() + 300_000,
        )
    await orders(database, 1, 1)
    async with running(database, shelf.take):
        assert shelf.numbers == []

        await until(lambda: shelf.numbers == [1])


async def test_whoever_lost_the_lease_does_not_move_the_position(database: Database) -> None:
    begun, finish = asyncio.Event(), asyncio.Event()

    async def wait(event: Ordered) -> None:
        begun.set()
        await finish.wait()

    async with running(database, wait):
        await orders(database, 1, 1)
        await begun.wait()
        async with database.transaction() as tx:
            await tx.execute(
                "UPDATE outbox_consumers SET holder = 'another', held_until_us = :until_us",
                until_us=now_us() + 60_000_000,
            )
        finish.set()
        await asyncio.sleep(0.2)

        assert len(await next_events(database, "shelf", 10)) == 1


async def test_old_events_that_everyone_has_passed_are_removed(database: Database) -> None:
    shelf = Shelf()
    async with running(database, shelf.take):
        await orders(database, 1, 10)
        await until(lambda: len(shelf.numbers) == 10)
    await orders(database, 11, 12)

    assert await trim(database, before_us=now_us() - 60_000_000, limit=100) == 0
    assert await trim(database, before_us=now_us() + 1, limit=4) == 4
    assert await trim(database, before_us=now_us() + 1, limit=100) == 6

    [(left,)] = await database.fetch(tuple, "SELECT count(*) FROM outbox")
    assert left == 2


async def test_old_events_that_one_consumer_has_not_passed_are_kept(database: Database) -> None:
    shelf = Shelf()
    async with database.transaction() as tx:
        await tx.execute("INSERT INTO outbox_consumers (consumer) VALUES ('a slow one')")
    async with running(database, shelf.take):
        await orders(database, 1, 10)
        await until(lambda: len(shelf.numbers) == 10)

    assert await trim(database, before_us=now_us() + 1, limit=100) == 0


async def test_on_postgresql_an_event_of_a_transaction_that_commits_late_is_not_skipped(postgres_url: str) -> None:
    database = await open_database(postgres_url)
    await migrate(database)
    shelf = Shelf()
    async with running(database, shelf.take):
        late = await asyncpg.connect(postgres_url)
        await late.execute("BEGIN")
        await late.execute(INSERT_ORDER, '{"number":1}')
        await orders(database, 2, 3)
        await asyncio.sleep(0.3)
        assert shelf.numbers == []

        await late.execute("COMMIT")
        await until(lambda: len(shelf.numbers) == 3)

    assert shelf.numbers == [1, 2, 3]
    await late.close()
    await database.close()


async def test_on_postgresql_ids_taken_early_by_a_late_transaction_are_not_skipped(postgres_url: str) -> None:
    """The transaction with the greater number takes the smaller id, and the other way round."""
    database = await open_database(postgres_url)
    await migrate(database)
    shelf = Shelf()
    async with running(database, shelf.take):
        first, second = await asyncpg.connect(postgres_url), await asyncpg.connect(postgres_url)
        await first.execute("BEGIN; SELECT pg_current_xact_id()")
        await second.execute("BEGIN; SELECT pg_current_xact_id()")
        await second.execute(INSERT_ORDER, '{"number":1}')
        await first.execute(INSERT_ORDER, '{"number":2}')
        await first.execute("COMMIT")
        await until(lambda: shelf.numbers == [2])

        await second.execute("COMMIT")
        await until(lambda: shelf.numbers == [2, 1])
    await first.close()
    await second.close()
    await database.close()


async def test_on_postgresql_the_bus_outlives_a_restart_of_the_database(
    postgres_server: PostgresServer, postgres_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    database = await open_database(postgres_url)
    await migrate(database)
    shelf = Shelf()
    async with running(database, shelf.take):
        await orders(database, 1, 1)
        await until(lambda: shelf.numbers == [1])

        postgres_server.stop()
        await asyncio.sleep(1)
        postgres_server.start()

        async def published() -> bool:
            try:
                await orders(database, 2, 2)
            except KaifError:
                return False
            return True

        await eventually(published, timeout_s=40)
        # What was handled just before is handled again if its position could not be saved any more.
        await until(lambda: shelf.numbers in ([1, 2], [1, 1, 2]), timeout_s=40)

    assert "shelf can't read events" in caplog.text
    await database.close()


INSERT_ORDER = f"INSERT INTO outbox (name, key, body, at_us) VALUES ('{Ordered.name}', 'tea', $1, 0)"


async def migrate(database: Database) -> None:
    from tests.engines.conftest import OUTBOX

    await database.migrate("outbox", OUTBOX)

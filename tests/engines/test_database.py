"""The database's promises, kept by SQLite and by PostgreSQL."""

import asyncio
import contextlib
import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import msgspec
import pytest
from tests.disks import SmallDisk
from tests.engines.conftest import OUTBOX
from tests.servers import PostgresServer
from tests.waiting import eventually

from kaif.engines.database import AlreadyExists, Database, open_database
from kaif.engines.database.migrations import MigrationRefused
from kaif.engines.database.postgres import STATEMENT_TIMEOUT_S
from kaif.engines.database.sqlite import GROUP_TRANSACTIONS_MAX
from kaif.kernel.errors import KaifError, StorageFull, Unavailable

NOTES = "CREATE TABLE notes (name TEXT PRIMARY KEY, number BIGINT NOT NULL);\n"
INSERT = "INSERT INTO notes (name, number) VALUES (:name, :number)"


class Note(msgspec.Struct, frozen=True):
    name: str
    number: int


@pytest.fixture
async def notes(database: Database, tmp_path: Path) -> Database:
    """A database with a table of notes."""
    await database.migrate("notes", migrations(tmp_path, {"0001_notes.sql": NOTES}))
    return database


@pytest.fixture
async def elsewhere(notes: Database, empty_database_url: str) -> AsyncIterator[Database]:
    """Another process on the same data."""
    other = await open_database(empty_database_url)
    yield other
    await other.close()


def migrations(tmp_path: Path, files: dict[str, str]) -> Path:
    folder = tmp_path / "migrations"
    folder.mkdir(parents=True, exist_ok=True)
    for name, sql in files.items():
        (folder / name).write_text(sql)
    return folder


async def write(database: Database, name: str, number: int = 0) -> None:
    async with database.transaction() as tx:
        await tx.execute(INSERT, name=name, number=number)


async def names(database: Database) -> list[str]:
    return [name for (name,) in await database.fetch(tuple, "SELECT name FROM notes ORDER BY name")]


async def test_what_a_transaction_wrote_is_there_for_other_processes(notes: Database, elsewhere: Database) -> None:
    async with notes.transaction() as tx:
        assert await tx.execute(INSERT, name="a", number=1) == 1
        assert await tx.fetch(Note, "SELECT name, number FROM notes") == [Note("a", 1)]
        assert await elsewhere.fetch(Note, "SELECT name, number FROM notes") == []

    assert await elsewhere.fetch(Note, "SELECT name, number FROM notes") == [Note("a", 1)]
    assert await elsewhere.fetch(tuple, "SELECT name, number FROM notes") == [("a", 1)]


async def test_execute_tells_how_many_rows_it_changed(notes: Database) -> None:
    async with notes.transaction() as tx:
        await tx.execute_many(INSERT, [(name, 1) for name in "abc"])

        assert await tx.execute("UPDATE notes SET number = 2 WHERE name IN :names", names=["a", "b", "z"]) == 2
        assert await tx.execute("DELETE FROM notes WHERE number = :number", number=7) == 0


@pytest.mark.asvs("2.3.3")
async def test_a_transaction_that_fails_leaves_nothing(notes: Database) -> None:
    with pytest.raises(ZeroDivisionError):
        async with notes.transaction() as tx:
            await tx.execute(INSERT, name="a", number=1)
            raise ZeroDivisionError
    await write(notes, "b")

    assert await names(notes) == ["b"]


async def test_a_transaction_that_is_cancelled_leaves_nothing(notes: Database) -> None:
    begun = asyncio.Event()

    async def write_slowly() -> None:
        async with notes.transaction() as tx:
            await tx.execute(INSERT, name="a", number=1)
            begun.set()
            await asyncio.sleep(60)

    task = asyncio.create_task(write_slowly())
    await begun.wait()
    task.cancel()
    await asyncio.wait([task])
    await write(notes, "b")

    assert await names(notes) == ["b"]


async def test_a_taken_key_undoes_the_whole_transaction(notes: Database) -> None:
    await write(notes, "a")

    with pytest.raises(AlreadyExists):
        async with notes.transaction() as tx:
            await tx.execute(INSERT, name="b", number=1)
            await tx.execute(INSERT, name="a", number=1)
    await write(notes, "c")

    assert await names(notes) == ["a", "c"]


async def test_concurrent_transactions_are_all_durable_once_acknowledged(notes: Database, elsewhere: Database) -> None:
    await asyncio.gather(*[write(notes, f"{number:03}", number) for number in range(200)])

    assert await names(elsewhere) == [f"{number:03}" for number in range(200)]


async def test_one_that_fails_does_no_harm_to_those_that_share_its_commit(notes: Database) -> None:
    results = await asyncio.gather(
        *[write(notes, "same" if number in (50, 100, 150) else f"{number:03}") for number in range(200)],
        return_exceptions=True,
    )

    assert [type(result) for result in results if result is not None] == [AlreadyExists, AlreadyExists]
    assert len(await names(notes)) == 198


async def test_one_that_is_cancelled_does_no_harm_to_those_that_share_its_commit(notes: Database) -> None:
    tasks = [asyncio.create_task(write(notes, f"{number:03}")) for number in range(100)]
    await asyncio.sleep(0)
    for task in tasks[::10]:
        task.cancel()
    await asyncio.wait(tasks)

    acknowledged = {f"{number:03}" for number, task in enumerate(tasks) if not task.cancelled()}
    assert len(acknowledged) == 90
    assert acknowledged <= set(await names(notes))


async def test_increments_of_one_row_by_many_all_count(notes: Database) -> None:
    await write(notes, "counter")

    async def increment() -> None:
        async with notes.transaction() as tx:
            await tx.execute("UPDATE notes SET number = number + 1 WHERE name = 'counter'")

    await asyncio.gather(*[increment() for _ in range(100)])

    assert await notes.fetch(tuple, "SELECT number FROM notes") == [(100,)]


async def test_reads_do_not_wait_for_a_transaction(notes: Database) -> None:
    await write(notes, "a", 1)
    find = notes.lookup(Note, "SELECT name, number FROM notes WHERE name IN :keys")
    async with notes.transaction() as tx:
        await tx.execute("UPDATE notes SET number = 2")

        assert await asyncio.wait_for(notes.fetch(tuple, "SELECT number FROM notes"), 1) == [(1,)]
        assert await asyncio.wait_for(find("a"), 1) == Note("a", 1)


async def test_a_list_of_keys(notes: Database) -> None:
    async with notes.transaction() as tx:
        await tx.execute_many(INSERT, [(name, ord(name)) for name in "abc"])

    by_number = "SELECT name, number FROM notes WHERE number IN :numbers ORDER BY name"
    assert await notes.fetch(Note, by_number, numbers=[97, 99]) == [Note("a", 97), Note("c", 99)]
    assert await notes.fetch(Note, by_number, numbers=[]) == []


async def test_a_list_of_pairs(database: Database) -> None:
    async with database.transaction() as tx:
        await tx.execute("CREATE TABLE tags (note TEXT, tag TEXT)")
        for note, tag in [("a", "x"), ("a", "y"), ("b", "x")]:
            await tx.execute("INSERT INTO tags (note, tag) VALUES (:note, :tag)", note=note, tag=tag)

    chosen = "SELECT note, tag FROM tags WHERE (note, tag) IN :pairs AND tag <> :but ORDER BY note"
    assert await database.fetch(tuple, chosen, pairs=[("a", "x"), ("b", "x"), ("b", "y")], but="z") == [
        ("a", "x"),
        ("b", "x"),
    ]


async def test_text_comes_back_as_it_was_written(notes: Database) -> None:
    strange = "Привет, 👩‍👩‍👧 '); DROP TABLE notes; -- :name $1 %s \\ \n"
    await write(notes, strange)

    assert await names(notes) == [strange]


async def test_lookups_find_each_its_own_row(notes: Database) -> None:
    async with notes.transaction() as tx:
        await tx.execute_many(INSERT, [(str(number), number) for number in range(0, 1000, 2)])
    find = notes.lookup(Note, "SELECT name, number FROM notes WHERE name IN :keys")

    found = await asyncio.gather(*[find(str(number // 2)) for number in range(2000)])

    assert found == [Note(str(n // 2), n // 2) if n // 2 % 2 == 0 else None for n in range(2000)]


async def test_on_postgresql_lookups_of_one_moment_share_a_statement(postgres_url: str) -> None:
    database = await open_database(postgres_url)
    async with database.transaction() as tx:
        await tx.execute("CREATE TABLE notes (name TEXT PRIMARY KEY)")
        await tx.execute("CREATE SEQUENCE statements")
        await tx.execute_many("INSERT INTO notes VALUES (:name)", [(str(n),) for n in range(500)])
    # The uncorrelated subquery runs once per statement.
    find = database.lookup(Note, "SELECT name, (SELECT nextval('statements')) FROM notes WHERE name IN :keys")

    found = await asyncio.gather(*[find(str(number)) for number in range(500)])

    assert len({note.number for note in found if note}) <= 2
    await database.close()


async def test_on_postgresql_a_lookup_that_fails_fails_for_everyone_and_the_next_one_works(postgres_url: str) -> None:
    database = await open_database(postgres_url)
    find = database.lookup(Note, "SELECT name, number FROM notes WHERE name IN :keys")
    failures = await asyncio.gather(find("a"), find("b"), return_exceptions=True)
    assert [type(failure) for failure in failures] == [asyncpg.UndefinedTableError] * 2

    async with database.transaction() as tx:
        await tx.execute(NOTES)

    assert await find("a") is None
    await database.close()


async def test_under_a_burst_the_first_acknowledgements_do_not_wait_for_the_last(tmp_path: Path) -> None:
    database = await open_database(f"sqlite:{tmp_path / 'kaif.db'}")
    await database.migrate("notes", migrations(tmp_path, {"0001_notes.sql": NOTES}))
    ran = 0

    async def write_one(number: int) -> int:
        nonlocal ran
        async with database.transaction() as tx:
            await tx.execute(INSERT, name=str(number), number=number)
            ran += 1
        return ran

    ran_at_acknowledgement = await asyncio.gather(*[write_one(number) for number in range(1000)])

    assert min(ran_at_acknowledgement) <= GROUP_TRANSACTIONS_MAX
    await database.close()


async def test_migrations_apply_once_and_in_order(database: Database, tmp_path: Path) -> None:
    folder = migrations(
        tmp_path,
        {
            "0002_more.sql": "ALTER TABLE notes ADD COLUMN more TEXT;\n-- A word after the end.",
            "0001_notes.sql": NOTES,
            "0003_last.sql": "INSERT INTO notes (name, number, more) VALUES ('last', 3, 'x')",
        },
    )
    await database.migrate("notes", folder)
    await database.migrate("notes", folder)

    assert await database.fetch(tuple, "SELECT name, number, more FROM notes") == [("last", 3, "x")]


async def test_a_dialect_may_have_its_own_variant_of_a_migration(database: Database, tmp_path: Path) -> None:
    folder = migrations(
        tmp_path,
        {"0001_a.sql": "CREATE TABLE a (x INT);", "0001_a.postgres.sql": "CREATE TABLE a (x INT DEFAULT 5);"},
    )
    await database.migrate("a", folder)
    async with database.transaction() as tx:
        await tx.execute("INSERT INTO a DEFAULT VALUES")

    expected = 5 if database.dialect == "postgres" else None
    assert await database.fetch(tuple, "SELECT x FROM a") == [(expected,)]


async def test_a_migration_and_whoever_waits_for_it_may_take_longer_than_a_statement(
    postgres_url: str, tmp_path: Path
) -> None:
    """Takes as long as a statement may."""
    folder = migrations(tmp_path, {"0001_slow.sql": f"SELECT pg_sleep({STATEMENT_TIMEOUT_S + 1});\n{NOTES}"})
    databases = [await open_database(postgres_url) for _ in range(2)]

    await asyncio.gather(*[database.migrate("notes", folder) for database in databases])

    assert await databases[0].fetch(tuple, "SELECT number FROM migrations WHERE service = 'notes'") == [(1,)]
    for database in databases:
        await database.close()


async def test_a_migration_that_fails_leaves_nothing(database: Database, tmp_path: Path) -> None:
    folder = migrations(tmp_path, {"0001_notes.sql": NOTES, "0002_bad.sql": "CREATE TABLE more (x INT);\nNONSENSE;"})

    with pytest.raises((sqlite3.OperationalError, asyncpg.PostgresSyntaxError)):
        await database.migrate("notes", folder)

    migrations(tmp_path, {"0002_bad.sql": "CREATE TABLE more (x INT);"})
    await database.migrate("notes", folder)
    assert await names(database) == []


async def test_a_migration_that_was_changed_afterwards_is_refused(notes: Database, tmp_path: Path) -> None:
    folder = migrations(tmp_path, {"0001_notes.sql": NOTES + "-- changed"})

    with pytest.raises(MigrationRefused, match="notes 0001 was changed after it had been applied"):
        await notes.migrate("notes", folder)


async def test_data_of_a_newer_version_are_refused(notes: Database, tmp_path: Path) -> None:
    await notes.migrate("notes", migrations(tmp_path, {"0002_next.sql": "CREATE TABLE next (x INT);"}))
    (tmp_path / "migrations" / "0002_next.sql").unlink()

    with pytest.raises(MigrationRefused, match=r"newer version of Kaif Ozero \(notes 0002\)"):
        await notes.migrate("notes", tmp_path / "migrations")


async def test_two_processes_that_start_at_once_migrate_once(
    notes: Database, elsewhere: Database, tmp_path: Path
) -> None:
    folder = migrations(tmp_path, {f"000{n}_t.sql": f"CREATE TABLE t{n} (x INT);" for n in range(2, 9)})

    await asyncio.gather(notes.migrate("notes", folder), elsewhere.migrate("notes", folder))

    assert await notes.fetch(tuple, "SELECT count(*) FROM migrations WHERE service = 'notes'") == [(8,)]


async def test_a_migration_during_writes_disturbs_neither(notes: Database, tmp_path: Path) -> None:
    folder = migrations(tmp_path, {"0002_more.sql": "CREATE TABLE more (x INT);"})
    writes = [asyncio.create_task(write(notes, str(number))) for number in range(50)]
    await asyncio.sleep(0)

    await notes.migrate("notes", folder)
    await asyncio.gather(*writes)

    assert len(await names(notes)) == 50


async def test_what_a_migration_makes_is_there_at_once_for_those_who_read_just_before(
    notes: Database, tmp_path: Path
) -> None:
    (tmp_path / "0001_more.sql").write_text("CREATE TABLE more (id TEXT);")
    await notes.fetch(tuple, "SELECT 1 FROM notes")

    await notes.migrate("more", tmp_path)

    assert await notes.fetch(tuple, "SELECT id FROM more") == []


async def test_a_migration_among_those_who_never_stop_writing_has_its_turn(notes: Database, tmp_path: Path) -> None:
    over = False

    async def write_on(writer: int) -> None:
        number = 0
        while not over:
            await write(notes, f"{writer}: {number}")
            number += 1

    writers = [asyncio.create_task(write_on(writer)) for writer in range(10)]
    for number in range(2, 12):
        folder = migrations(tmp_path / str(number), {f"0002_more_{number}.sql": f"CREATE TABLE more_{number} (x INT);"})
        await asyncio.wait_for(notes.migrate(f"more {number}", folder), 10)
    over = True

    await asyncio.gather(*writers)


async def test_a_backup_made_while_others_write_is_consistent(tmp_path: Path) -> None:
    database = await open_database(f"sqlite:{tmp_path / 'kaif.db'}")
    await database.migrate("notes", migrations(tmp_path, {"0001_notes.sql": NOTES}))
    await write(database, "acknowledged before")
    over = False

    async def write_pairs(writer: int) -> None:
        number = 0
        while not over:
            number += 1
            async with database.transaction() as tx:
                await tx.execute(INSERT, name=f"{writer}+{number}", number=number)
                await tx.execute(INSERT, name=f"{writer}-{number}", number=-number)

    writers = [asyncio.create_task(write_pairs(writer)) for writer in range(5)]
    await eventually(lambda: has_rows(database, 20))
    await database.backup(tmp_path / "backup.db")
    over = True
    await asyncio.gather(*writers)
    await database.close()

    copy = await open_database(f"sqlite:{tmp_path / 'backup.db'}")
    [(total, count)] = await copy.fetch(tuple, "SELECT sum(number), count(*) FROM notes")
    assert total == 0
    assert count >= 20
    assert "acknowledged before" in await names(copy)
    await copy.close()


async def has_rows(database: Database, count: int) -> bool:
    return len(await names(database)) >= count


async def test_on_a_full_disk_nothing_is_acknowledged_that_is_lost_and_space_mends_it(small_disk: SmallDisk) -> None:
    database = await open_database(f"sqlite:{small_disk.folder / 'kaif.db'}")
    await database.migrate("notes", migrations(small_disk.folder, {"0001_notes.sql": NOTES}))
    acknowledged: set[str] = set()

    async def write_much(name: str) -> None:
        await write(database, name + "x" * 50_000)
        acknowledged.add(name + "x" * 50_000)

    failures: list[BaseException] = []
    while not failures:
        results = await asyncio.gather(
            *[write_much(f"{len(acknowledged)}-{number} ") for number in range(5)], return_exceptions=True
        )
        failures = [result for result in results if result is not None]
    assert {type(failure) for failure in failures} == {StorageFull}
    assert set(await names(database)) == acknowledged

    small_disk.make_space()
    await write_much("after")
    assert set(await names(database)) == acknowledged
    await database.close()


async def test_one_too_large_for_the_disk_takes_with_it_nothing_that_was_acknowledged(small_disk: SmallDisk) -> None:
    """It overflows SQLite's page cache, so that the disk is full before the commit."""
    database = await open_database(f"sqlite:{small_disk.folder / 'kaif.db'}")
    await database.migrate("notes", migrations(small_disk.folder, {"0001_notes.sql": NOTES}))

    async def write_too_much() -> None:
        async with database.transaction() as tx:
            for number in range(100):
                await tx.execute(INSERT, name=f"{number} " + "x" * 1_000_000, number=number)

    small, large = await asyncio.gather(write(database, "small"), write_too_much(), return_exceptions=True)

    assert isinstance(large, StorageFull)
    assert (await names(database) == ["small"]) if small is None else isinstance(small, StorageFull)
    await write(database, "after")
    assert (await names(database))[0] == "after"
    await database.close()


async def test_a_postgresql_with_a_full_disk_says_so_and_goes_on(postgres_url: str) -> None:
    database = await open_database(postgres_url)

    with pytest.raises(StorageFull):
        async with database.transaction() as tx:
            await tx.execute("DO $$ BEGIN RAISE EXCEPTION 'no space' USING ERRCODE = 'disk_full'; END $$")

    assert await database.fetch(tuple, "SELECT 1") == [(1,)]
    await database.close()


async def test_a_postgresql_that_restarts_is_unavailable_and_then_back(
    postgres_server: PostgresServer, postgres_url: str
) -> None:
    database = await open_database(postgres_url)
    assert await database.fetch(tuple, "SELECT 1") == [(1,)]

    postgres_server.stop()
    with pytest.raises(Unavailable):
        await asyncio.wait_for(database.fetch(tuple, "SELECT 1"), 2)
    postgres_server.start()

    async def answers() -> bool:
        with contextlib.suppress(Unavailable):
            return await database.fetch(tuple, "SELECT 1") == [(1,)]
        return False

    await eventually(answers)
    await database.close()


async def test_more_transactions_than_connections_wait_for_their_turn(postgres_url: str) -> None:
    database = await open_database(postgres_url)

    async def hold_a_connection() -> None:
        async with database.transaction() as tx:
            await tx.fetch(tuple, "SELECT pg_sleep(0.02)")

    await asyncio.gather(*[hold_a_connection() for _ in range(100)])
    await database.close()


async def test_a_value_of_the_wrong_type_is_a_mistake_and_no_outage(postgres_url: str) -> None:
    database = await open_database(postgres_url)

    with pytest.raises(asyncpg.DataError):
        await database.fetch(tuple, "SELECT CAST(:number AS BIGINT)", number="many")
    await database.close()


async def test_without_a_server_opening_says_so() -> None:
    with pytest.raises(Unavailable):
        await open_database("postgresql://kaif@127.0.0.1:1/kaif")


async def test_a_file_that_cannot_be_opened_is_unavailable(tmp_path: Path) -> None:
    with pytest.raises(Unavailable):
        await open_database(f"sqlite:{tmp_path / 'missing' / 'kaif.db'}")


async def test_a_database_in_memory_has_readers_that_see_its_writers() -> None:
    database = await open_database("sqlite::memory:")
    await database.migrate("outbox", OUTBOX)

    assert await database.fetch(tuple, "SELECT count(*) FROM outbox") == [(0,)]
    await database.close()


async def test_everything_acknowledged_survives_closing_at_once(tmp_path: Path) -> None:
    url = f"sqlite:{tmp_path / 'kaif.db'}"
    database = await open_database(url)
    await database.migrate("notes", migrations(tmp_path, {"0001_notes.sql": NOTES}))
    writes = [asyncio.create_task(write(database, f"{number:02}")) for number in range(20)]
    await asyncio.sleep(0)

    await database.close()
    results = await asyncio.gather(*writes, return_exceptions=True)

    again = await open_database(url)
    acknowledged = [f"{number:02}" for number, result in enumerate(results) if result is None]
    assert await names(again) == acknowledged
    assert all(result is None or isinstance(result, (KaifError, sqlite3.ProgrammingError)) for result in results)
    await again.close()

"""The embedded database: one file, one writer whose commits are shared, readers that never wait for it.

A statement takes about ten microseconds, so statements run inline on the event loop; only the
commit, which waits for the disk, leaves it. Transactions that arrive during a commit run as
savepoints of the next one and are acknowledged together after its fsync.
"""

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Generic

import msgspec

from kaif.engines.database import AlreadyExists, Damaged, Dialect, Lookup, Published, Row, Values, outbox
from kaif.engines.database.migrations import Applied, Migration, pending, read_migrations
from kaif.engines.database.statements import for_sqlite, for_sqlite_rows, insert_for_sqlite
from kaif.kernel.clock import now_us
from kaif.kernel.errors import StorageFull, Unavailable
from kaif.kernel.events import Event

# A group is closed after this many transactions, so that the first of them does not wait for ever
# and the loop, on which their statements run, gets to other work.
GROUP_TRANSACTIONS_MAX = 200

# What a savepoint may have to bring back is kept in memory: on a disk it would be a write for each changed page.
_SAVEPOINTS_IN_MEMORY = "temp_store=memory"
_WRITER = (
    "journal_mode=wal",
    "synchronous=full",
    "wal_autocheckpoint=4000",
    "cache_size=-65536",
    _SAVEPOINTS_IN_MEMORY,
)
_READER = ("query_only=on", "cache_size=-65536", "mmap_size=268435456")

_MIGRATIONS = """
CREATE TABLE IF NOT EXISTS migrations (
  service TEXT NOT NULL, number INTEGER NOT NULL, name TEXT NOT NULL,
  checksum TEXT NOT NULL, applied_at_us INTEGER NOT NULL, PRIMARY KEY (service, number)
)
"""


class Sqlite:
    dialect: Dialect = "sqlite"

    def __init__(self, path: str) -> None:
        if path == ":memory:":
            # Two connections to ":memory:" would see two databases.
            self._folder = TemporaryDirectory(prefix="kaif-")
            path = str(Path(self._folder.name, "kaif.db"))
        self._path = path
        self.on_published: list[Published] = []
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="sqlite")
        self._turn = asyncio.Lock()
        # Taken until the commit, so that a group can't grow past its bound while it waits for its turn to commit.
        self._seats = asyncio.Semaphore(GROUP_TRANSACTIONS_MAX)
        self._group: Group | None = None
        with _translated():
            self._writer = _connect(path, *_WRITER)
            self._reader = Reader(_connect(path, *_READER))

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator["SqliteTransaction"]:
        async with self._seats:
            try:
                async with self._turn:
                    with _translated():
                        group = self._join_group()
                        try:
                            yield SqliteTransaction(self._writer, group)
                        except BaseException:
                            self._undo(group)
                            raise
                        self._leave_group(group)
            except AlreadyExists:
                # The row in the way may be of this very group: whoever looks for it now must find it.
                await asyncio.shield(group.committed)
                raise
            await asyncio.shield(group.committed)

    def _join_group(self) -> "Group":
        if self._group is None:
            self._writer.execute("BEGIN IMMEDIATE")
            self._group = Group(asyncio.get_running_loop().create_future())
            asyncio.get_running_loop().call_soon(self._commit_when_quiet, self._group)
        self._group.transactions += 1
        if self._group.transactions > 1:
            self._writer.execute("SAVEPOINT one")
        return self._group

    def _leave_group(self, group: "Group") -> None:
        if group.transactions > 1:
            self._writer.execute("RELEASE one")

    def _undo(self, group: "Group") -> None:
        if self._writer.in_transaction and group.transactions == 1:
            # Nobody has joined it: all that there is goes, and a savepoint, which costs a copy of each page, is spared.
            self._group = None
            self._writer.execute("ROLLBACK")
            group.committed.set_result(None)
        elif self._writer.in_transaction:
            self._writer.execute("ROLLBACK TO one")
            self._writer.execute("RELEASE one")
        else:
            # A full disk makes SQLite roll back everything, also the group's transactions that had gone well.
            self._group = None
            group.fail(StorageFull(retry_after_ms=5000))

    def _commit_when_quiet(self, group: "Group") -> None:
        """Whoever already stands in line may still join; then the group is closed."""
        loop = asyncio.get_running_loop()
        if self._turn.locked() and group.transactions < GROUP_TRANSACTIONS_MAX:
            loop.call_soon(self._commit_when_quiet, group)
        else:
            group.commit = loop.create_task(self._commit(group))

    async def _commit(self, group: "Group") -> None:
        async with self._turn:
            if self._group is group:
                await self._finish(group)

    async def _finish(self, group: "Group") -> None:
        """Commit it; whoever calls has the turn."""
        self._group = None
        try:
            with _translated():
                await asyncio.get_running_loop().run_in_executor(self._thread, self._writer.execute, "COMMIT")
        except Exception as error:
            if self._writer.in_transaction:
                self._writer.execute("ROLLBACK")
            group.fail(error)
        else:
            group.committed.set_result(None)
            if group.published:
                for call in self.on_published:
                    call(frozenset(group.published))

    async def fetch(self, shape: type[Row], sql: str, **params: Any) -> list[Row]:
        with _translated():
            return _fetch(self._reader.connection(), shape, sql, params)

    def lookup(self, shape: type[Row], sql: str) -> Lookup[Row]:
        return SqliteLookup(self._reader, shape, sql)

    async def migrate(self, service: str, folder: Path) -> None:
        async with self._turn:
            if self._group is not None:
                await self._finish(self._group)
            with _translated():
                # A migration may sort all there is.
                self._writer.execute("PRAGMA temp_store=default")
                try:
                    self._migrate(service, folder)
                finally:
                    self._writer.execute(f"PRAGMA {_SAVEPOINTS_IN_MEMORY}")
        # All of this may have been one turn, and somebody may have read before it.
        self._reader.let_go()

    def _migrate(self, service: str, folder: Path) -> None:
        self._writer.execute("BEGIN IMMEDIATE")
        try:
            self._writer.execute(_MIGRATIONS)
            applied = _fetch(
                self._writer,
                Applied,
                "SELECT number, checksum FROM migrations WHERE service = :service",
                {"service": service},
            )
            for migration in pending(service, read_migrations(folder, "sqlite"), applied):
                self._apply(service, migration)
        except BaseException:
            self._writer.execute("ROLLBACK")
            raise
        self._writer.execute("COMMIT")

    def _apply(self, service: str, migration: Migration) -> None:
        for statement in _statements(migration.sql):
            self._writer.execute(statement)
        self._writer.execute(
            "INSERT INTO migrations VALUES (?, ?, ?, ?, ?)",
            (service, migration.number, migration.name, migration.checksum, now_us()),
        )

    async def backup(self, target: Path) -> None:
        def copy() -> None:
            with _translated():
                source = _connect(self._path)
                source.execute("VACUUM INTO ?", (str(target),))
                source.close()

        await asyncio.to_thread(copy)

    async def is_sound(self) -> bool:
        try:
            found: list[tuple[str]] = await self.fetch(tuple, "PRAGMA quick_check")
        except Damaged:
            return False
        return found == [("ok",)]

    async def close(self) -> None:
        async with self._turn:
            group = self._group
        if group is not None:
            await asyncio.wait([group.committed])
        async with self._turn:
            self._reader.close()
            self._writer.close()
            self._thread.shutdown()


class Reader:
    """Reads of one turn of the loop share a snapshot, whose making costs more than a read by key.

    The snapshot is opened by the turn's first read and let go at the start of the next turn. A commit
    is told to whoever waits for it in a later turn than the one in which it was made, so everyone reads
    what they wrote.
    """

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._is_open = False

    def connection(self) -> sqlite3.Connection:
        if not self._is_open:
            self._connection.execute("BEGIN")
            self._is_open = True
            asyncio.get_running_loop().call_soon(self.let_go)
        return self._connection

    def let_go(self) -> None:
        """Whoever reads next sees all that is committed by now."""
        if self._is_open:
            self._is_open = False
            if self._connection.in_transaction:
                self._connection.execute("COMMIT")

    def close(self) -> None:
        self.let_go()
        self._connection.close()


class Group:
    """Transactions that share one commit."""

    __slots__ = ("commit", "committed", "published", "transactions")

    def __init__(self, committed: asyncio.Future[None]) -> None:
        self.committed = committed
        self.transactions = 0
        self.published: set[str] = set()
        self.commit: asyncio.Task[None] | None = None

    def fail(self, error: Exception) -> None:
        self.committed.set_exception(error)
        self.committed.exception()  # Whoever waits gets it; when nobody does, that is no news for the log.


class SqliteTransaction:
    __slots__ = ("_connection", "_group")

    def __init__(self, connection: sqlite3.Connection, group: "Group") -> None:
        self._connection = connection
        self._group = group

    async def fetch(self, shape: type[Row], sql: str, **params: Any) -> list[Row]:
        return _fetch(self._connection, shape, sql, params)

    async def execute(self, sql: str, **params: Any) -> int:
        statement, lists = for_sqlite(sql)
        return self._connection.execute(statement, _with_json(params, lists)).rowcount

    async def execute_many(self, sql: str, rows: Sequence[Values]) -> None:
        self._connection.executemany(for_sqlite_rows(sql), rows)

    async def insert(self, table: str, columns: tuple[str, ...], rows: Sequence[Values]) -> None:
        self._connection.executemany(insert_for_sqlite(table, columns), rows)

    async def publish(self, event: Event) -> None:
        self._connection.execute(outbox.PUBLISH, outbox.row(event))
        self._group.published.add(event.name)


class SqliteLookup(Generic[Row]):
    """Inline reads are as cheap one by one, so nothing is batched here."""

    def __init__(self, reader: Reader, shape: type[Row], sql: str) -> None:
        self._connection = reader.connection
        self._shape = shape
        self._sql = sql.replace("IN :keys", "= ?")

    async def __call__(self, key: str) -> Row | None:
        try:
            row = self._connection().execute(self._sql, (key,)).fetchone()
        except sqlite3.Error:
            with _translated():
                raise
        return self._shape(*row) if row else None


def _connect(path: str, *pragmas: str) -> sqlite3.Connection:
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False, cached_statements=512, timeout=10)
    for pragma in pragmas:
        connection.execute(f"PRAGMA {pragma}")
    return connection


def _fetch(connection: sqlite3.Connection, shape: type[Row], sql: str, params: dict[str, Any]) -> list[Row]:
    statement, lists = for_sqlite(sql)
    rows = connection.execute(statement, _with_json(params, lists) if lists else params)
    if shape is tuple:
        return rows.fetchall()
    return [shape(*row) for row in rows]


def _with_json(params: dict[str, Any], lists: Sequence[str]) -> dict[str, Any]:
    for name in lists:
        params[name] = msgspec.json.encode(params[name]).decode()
    return params


def _statements(script: str) -> list[str]:
    statements, statement = [], ""
    for line in script.splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            statements.append(statement)
            statement = ""
    return [*statements, statement]


class _translated:
    """The driver's errors as ours."""

    def __enter__(self) -> None: ...

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if not isinstance(error, sqlite3.Error):
            return
        name = getattr(error, "sqlite_errorname", "")
        if name in ("SQLITE_CONSTRAINT_UNIQUE", "SQLITE_CONSTRAINT_PRIMARYKEY"):
            raise AlreadyExists from error
        if name == "SQLITE_FULL" or name.startswith("SQLITE_IOERR"):
            raise StorageFull(retry_after_ms=5000) from error
        if name.startswith(("SQLITE_CORRUPT", "SQLITE_NOTADB")):
            raise Damaged from error
        if name.startswith(("SQLITE_BUSY", "SQLITE_CANTOPEN", "SQLITE_READONLY")):
            raise Unavailable(retry_after_ms=1000) from error

"""PostgreSQL by asyncpg."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic

import asyncpg

from kaif.engines.database import AlreadyExists, Dialect, Lookup, Published, Row, Values, outbox
from kaif.engines.database.migrations import Applied, pending, read_migrations
from kaif.engines.database.statements import for_postgres, update_for_postgres
from kaif.kernel.clock import now_us
from kaif.kernel.errors import StorageFull, Unavailable
from kaif.kernel.events import Event

if TYPE_CHECKING:
    Pool = asyncpg.Pool[asyncpg.Record]
    Connection = asyncpg.pool.PoolConnectionProxy[asyncpg.Record]

POOL_SIZE = 10
LOOKUPS_IN_FLIGHT_MAX = 2
CONNECTION_WAIT_S = 5
CLOSE_S_MAX = 5
STATEMENT_TIMEOUT_S = 15
# A migration may rewrite all there is, and another process waits for it.
MIGRATION_TIMEOUT_S = 24 * 3600

# From so many rows on, an UPDATE that joins arrays is cheaper than one for each row.
UPDATES_AS_ONE_MIN = 4

# The types of a statement's parameters, which PostgreSQL infers from the table.
_types: dict[str, tuple[str, ...]] = {}

# Any fixed number will do; it only has to be the same in every process of ours.
_MIGRATION_LOCK = 0x6B616966

_MIGRATIONS = """
CREATE TABLE IF NOT EXISTS migrations (
  service TEXT NOT NULL, number INTEGER NOT NULL, name TEXT NOT NULL,
  checksum TEXT NOT NULL, applied_at_us BIGINT NOT NULL, PRIMARY KEY (service, number)
)
"""


class _Unreset(asyncpg.Connection):
    """asyncpg resets a connection's session state on every release; we keep none, so that query is spared."""

    def get_reset_query(self) -> str:
        return ""


async def open_postgres(url: str) -> "Postgres":
    with _translated():
        pool = await asyncpg.create_pool(
            url,
            min_size=2,
            max_size=POOL_SIZE,
            timeout=CONNECTION_WAIT_S,
            connection_class=_Unreset,
            statement_cache_size=1000,
            command_timeout=STATEMENT_TIMEOUT_S,
            server_settings={"application_name": "kaif", "jit": "off"},
        )
    return Postgres(pool)


class Postgres:
    dialect: Dialect = "postgres"

    def __init__(self, pool: "Pool") -> None:
        self._pool = pool
        self.on_published: list[Published] = []

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator["PostgresTransaction"]:
        with _translated():
            async with self._pool.acquire(timeout=CONNECTION_WAIT_S) as connection:
                tx = PostgresTransaction(connection)
                async with connection.transaction():
                    yield tx
        if tx.published:
            for call in self.on_published:
                call(frozenset(tx.published))

    async def fetch(self, shape: type[Row], sql: str, **params: Any) -> list[Row]:
        with _translated():
            async with self._pool.acquire(timeout=CONNECTION_WAIT_S) as connection:
                return await PostgresTransaction(connection).fetch(shape, sql, **params)

    def lookup(self, shape: type[Row], sql: str) -> Lookup[Row]:
        return PostgresLookup(self, shape, sql)

    async def migrate(self, service: str, folder: Path) -> None:
        async with self.transaction() as tx:
            await tx.run_script(f"SELECT pg_advisory_xact_lock({_MIGRATION_LOCK})")
            await tx.execute(_MIGRATIONS)
            applied = await tx.fetch(
                Applied, "SELECT number, checksum FROM migrations WHERE service = :service", service=service
            )
            for migration in pending(service, read_migrations(folder, "postgres"), applied):
                await tx.run_script(migration.sql)
                await tx.execute(
                    "INSERT INTO migrations VALUES (:service, :number, :name, :checksum, :now)",
                    service=service,
                    number=migration.number,
                    name=migration.name,
                    checksum=migration.checksum,
                    now=now_us(),
                )

    async def backup(self, target: Path) -> None:
        raise Unavailable("On PostgreSQL use pg_dump or its continuous archiving.")

    async def is_sound(self) -> bool:
        """PostgreSQL checks its own pages; whether it answers is all that is ours to ask."""
        await self.fetch(tuple, "SELECT 1")
        return True

    async def close(self) -> None:
        try:
            await asyncio.wait_for(self._pool.close(), CLOSE_S_MAX)
        except TimeoutError:
            self._pool.terminate()


class PostgresTransaction:
    __slots__ = ("_connection", "published")

    def __init__(self, connection: "Connection") -> None:
        self._connection = connection
        self.published: set[str] = set()

    async def fetch(self, shape: type[Row], sql: str, **params: Any) -> list[Row]:
        statement = for_postgres(sql)
        rows = await self._connection.fetch(statement.sql, *statement.arguments(params))
        if shape is tuple:
            return [tuple(row) for row in rows]  # type: ignore[misc]
        return [shape(*row) for row in rows]

    async def execute(self, sql: str, **params: Any) -> int:
        statement = for_postgres(sql)
        status: str = await self._connection.execute(statement.sql, *statement.arguments(params))
        count = status.rpartition(" ")[2]
        return int(count) if count.isdigit() else 0

    async def execute_many(self, sql: str, rows: Sequence[Values]) -> None:
        statement = for_postgres(sql).sql
        if len(rows) < UPDATES_AS_ONE_MIN or not statement.lstrip().startswith("UPDATE"):
            await self._connection.executemany(statement, rows)
            return
        if statement not in _types:
            prepared = await self._connection.prepare(statement)
            _types[statement] = tuple(kind.name for kind in prepared.get_parameters())
        await self._connection.execute(update_for_postgres(sql, _types[statement]), *zip(*rows, strict=True))

    async def insert(self, table: str, columns: tuple[str, ...], rows: Sequence[Values]) -> None:
        # COPY costs the server and us less than half of what INSERT does.
        await self._connection.copy_records_to_table(table, records=rows, columns=columns)

    async def publish(self, event: Event) -> None:
        await self.execute(outbox.PUBLISH, **outbox.row(event))
        self.published.add(event.name)

    async def run_script(self, sql: str) -> None:
        await self._connection.execute(sql, timeout=MIGRATION_TIMEOUT_S)


class PostgresLookup(Generic[Row]):
    """Keys that are asked for while a read is under way go together into the next one."""

    def __init__(self, database: Postgres, shape: type[Row], sql: str) -> None:
        self._database, self._shape, self._sql = database, shape, sql
        self._waiting: dict[str, asyncio.Future[Row | None]] = {}
        self._readers: set[asyncio.Task[None]] = set()

    async def __call__(self, key: str) -> Row | None:
        found = self._waiting.get(key)
        if found is None:
            found = self._waiting[key] = asyncio.get_running_loop().create_future()
            if len(self._readers) < LOOKUPS_IN_FLIGHT_MAX:
                reader = asyncio.get_running_loop().create_task(self._read())
                self._readers.add(reader)
                reader.add_done_callback(self._readers.discard)
        return await asyncio.shield(found)

    async def _read(self) -> None:
        while self._waiting:
            batch, self._waiting = self._waiting, {}
            try:
                rows: list[tuple[Any, ...]] = await self._database.fetch(tuple, self._sql, keys=list(batch))
                for row in rows:
                    batch.pop(row[0]).set_result(self._shape(*row))
            except Exception as error:
                for future in batch.values():
                    future.set_exception(error)
                    future.exception()
                continue
            for future in batch.values():
                future.set_result(None)


@contextlib.contextmanager
def _translated() -> Iterator[None]:
    """The driver's errors as ours."""
    try:
        yield
    except asyncpg.UniqueViolationError as error:
        raise AlreadyExists from error
    except (asyncpg.DataError, asyncpg.UnsupportedClientFeatureError):
        # A value of the wrong type is our mistake and no outage, though asyncpg puts it under InterfaceError.
        raise
    except asyncpg.DiskFullError as error:
        raise StorageFull(retry_after_ms=5000) from error
    except (
        OSError,
        TimeoutError,
        asyncpg.PostgresConnectionError,
        asyncpg.InterfaceError,
        asyncpg.OperatorInterventionError,
        asyncpg.InsufficientResourcesError,
        asyncpg.TransactionRollbackError,
    ) as error:
        raise Unavailable(retry_after_ms=1000) from error

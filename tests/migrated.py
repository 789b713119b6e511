"""Databases with every table in them: made once for a test process, and copied or cleaned for each test."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

import asyncpg
from tests.servers import PostgresServer

from kaif.engines import database as outbox
from kaif.engines.database import open_database
from kaif.services import auth, media, messaging

Result = TypeVar("Result")

OWNERS = {"outbox": outbox, "auth": auth, "messaging": messaging, "media": media}


def migrate_all(url: str) -> None:
    """What the system does at its start; whatever is forgotten here it still does then."""
    # In a thread of its own: a test that runs on a loop may be the first that needs it.
    with ThreadPoolExecutor(1) as thread:
        thread.submit(asyncio.run, _migrate_all(url)).result()


async def _migrate_all(url: str) -> None:
    database = await open_database(url)
    for name, owner in OWNERS.items():
        assert owner.__file__
        await database.migrate(name, Path(owner.__file__).parent / "migrations")
    await database.close()


# Of what is left when nothing was forgotten: tests that change more than rows get a new database after them.
_SHAPE = """
    SELECT md5(string_agg(line, ';' ORDER BY line)) FROM (
        SELECT concat_ws(' ', c.relname, c.relkind, a.attname, a.atttypid, a.attnotnull) AS line
        FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND NOT a.attisdropped
        WHERE c.relnamespace = 'public'::regnamespace
        UNION ALL SELECT concat_ws(' ', 'constraint', conname, conrelid::regclass, pg_get_constraintdef(oid))
        FROM pg_constraint WHERE connamespace = 'public'::regnamespace
        UNION ALL SELECT concat_ws(' ', 'trigger', tgname, tgrelid::regclass, tgenabled) FROM pg_trigger
        UNION ALL SELECT concat_ws(' ', 'function', proname, md5(prosrc)) FROM pg_proc
        WHERE pronamespace = 'public'::regnamespace
        UNION ALL SELECT concat_ws(' ', 'schema', nspname) FROM pg_namespace WHERE nspname !~ '^pg_t'
    ) AS shape
"""

_END_ALL_OTHERS = """
    SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'
"""


class CleanDatabase:
    """On PostgreSQL: what migrations leave, by removing all else that is there, for a copy takes ten times as long."""

    def __init__(self, server: PostgresServer) -> None:
        self._server = server
        # Over one connection, which has planned it all: each test would wait for another one longer than for the rest.
        self._runner = asyncio.Runner()
        self._thread = ThreadPoolExecutor(1, "cleaning")
        self._connection: asyncpg.Connection | None = None
        self._make()

    def _make(self) -> None:
        self.url = self._server.create_database()
        migrate_all(self.url)
        self._shape = self._run(_remember)

    def clean(self) -> None:
        if not self._run(self._clean):
            self._server.drop_database(self.url)
            self._connection = None
            self._make()

    async def _clean(self, connection: asyncpg.Connection) -> bool:
        """False when there is more to mend than rows."""
        await connection.execute(_END_ALL_OTHERS)
        if await connection.fetchval(_SHAPE) != self._shape:
            return False
        await connection.execute("SELECT kept.clean()")
        return True

    def close(self) -> None:
        self._run(asyncpg.Connection.close)
        self._thread.submit(self._runner.close).result()
        self._thread.shutdown()

    def _run(self, work: Callable[[asyncpg.Connection], Awaitable[Result]]) -> Result:
        # In a thread, for the caller may run in a loop.
        return self._thread.submit(self._runner.run, self._run_over_it(work)).result()

    async def _run_over_it(self, work: Callable[[asyncpg.Connection], Awaitable[Result]]) -> Result:
        if self._connection is not None:
            # A test may have stopped the server meanwhile.
            with contextlib.suppress(asyncpg.PostgresConnectionError, asyncpg.InterfaceError, OSError):
                return await work(self._connection)
        self._connection = await asyncpg.connect(self.url)
        return await work(self._connection)


async def _remember(connection: asyncpg.Connection) -> str:
    """Keep the rows that there are, and how to leave those alone; returns the shape of what is to be left."""
    tables = [row[0] for row in await connection.fetch("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")]
    sequences = [row[0] for row in await connection.fetch("SELECT sequencename FROM pg_sequences")]
    kept = [table for table in tables if await connection.fetchval(f"SELECT EXISTS (SELECT FROM {table})")]
    await connection.execute("CREATE SCHEMA kept")
    for table in kept:
        await connection.execute(f"CREATE TABLE kept.{table} AS TABLE {table}")
    steps = [
        *[f"DELETE FROM public.{table};" for table in tables],
        *[f"INSERT INTO public.{table} OVERRIDING SYSTEM VALUE TABLE kept.{table};" for table in kept],
        *[f"ALTER SEQUENCE public.{sequence} RESTART;" for sequence in sequences],
    ]
    # Neither foreign keys nor triggers, such as the one that keeps the audit log as it is.
    await connection.execute(
        "CREATE FUNCTION kept.clean() RETURNS void LANGUAGE plpgsql SET session_replication_role = replica"
        f" AS $$ BEGIN {' '.join(steps)} END $$"
    )
    shape: str = await connection.fetchval(_SHAPE)
    return shape

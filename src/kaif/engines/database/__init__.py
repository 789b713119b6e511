"""A transactional store for rows, and for the events that leave with them.

SQL is written once, portably, with `:names`. Two extensions spare the dialects: `IN :keys` takes a
list, and `(a, b) IN :pairs` a list of tuples of text. `FOR UPDATE` may stand at the end of a SELECT;
where one writer works at a time it means nothing. A statement that a dialect can't share lives in
that engine or in a `.postgres.sql` migration, never in a service.
"""

from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any, Literal, Protocol, TypeVar

from kaif.kernel.errors import Conflict, KaifError
from kaif.kernel.events import Event

Row = TypeVar("Row")
Found = TypeVar("Found", covariant=True)
Values = tuple[Any, ...]
Published = Callable[[frozenset[str]], None]
Dialect = Literal["sqlite", "postgres"]


class AlreadyExists(Conflict):
    """A row with this key is already there; nothing of the transaction remains."""

    code = "already_exists"


class Damaged(KaifError):
    """The file is not a database, or a broken one."""

    code, detail = "storage_damaged", "The database is damaged: restore a backup."


class Transaction(Protocol):
    """All of it becomes durable together, or nothing does."""

    async def fetch(self, shape: type[Row], sql: str, **params: Any) -> list[Row]:
        """Rows as `shape(*columns)`; `shape` is a struct, or `tuple` for the columns themselves."""
        ...

    async def execute(self, sql: str, **params: Any) -> int:
        """How many rows the statement changed. Raises AlreadyExists on a taken unique key."""
        ...

    async def execute_many(self, sql: str, rows: Sequence[Values]) -> None:
        """The statement for each row, whose values are in the order in which the names first appear.

        No two rows of an UPDATE may address the same row of the table: an engine may run them as one.
        """
        ...

    async def insert(self, table: str, columns: tuple[str, ...], rows: Sequence[Values]) -> None:
        """New rows, by the engine's fastest way. Raises AlreadyExists on a taken unique key."""
        ...

    async def publish(self, event: Event) -> None:
        """Announce the event if, and only if, the transaction commits."""
        ...


class Reads(Protocol):
    """A database, or a transaction of it: both read alike."""

    async def fetch(self, shape: type[Row], sql: str, **params: Any) -> list[Row]: ...


class Lookup(Protocol[Found]):
    """Reads by key: lookups of one moment share one statement."""

    async def __call__(self, key: str) -> Found | None: ...


class Database(Protocol):
    """Raises StorageFull when the disk is full and Unavailable when it can't be reached."""

    dialect: Dialect
    # Called on the event loop with the names of the events that a transaction of this process has made durable.
    on_published: list[Published]

    def transaction(self) -> AbstractAsyncContextManager[Transaction]: ...

    async def fetch(self, shape: type[Row], sql: str, **params: Any) -> list[Row]:
        """What is committed, in one consistent statement outside any transaction."""
        ...

    def lookup(self, shape: type[Row], sql: str) -> Lookup[Row]:
        """A batched read: `sql` has `IN :keys` and its first column is the key, a string."""
        ...

    async def migrate(self, service: str, folder: Path) -> None:
        """Apply the folder's migrations that are not yet applied; one process at a time."""
        ...

    async def backup(self, target: Path) -> None:
        """A consistent copy of everything committed so far, while others read and write."""
        ...

    async def is_sound(self) -> bool:
        """Whether the engine finds what it keeps intact, so far as it can tell from here."""
        ...

    async def close(self) -> None: ...


async def is_sound(url: str) -> bool:
    """Open the database and ask it. Raises Unavailable when it can't be reached."""
    try:
        database = await open_database(url)
    except Damaged:
        return False
    try:
        return await database.is_sound()
    finally:
        await database.close()


async def open_database(url: str) -> Database:
    """`sqlite:PATH` (`sqlite::memory:` is a temporary file) or `postgresql://user:password@host/name`."""
    match url.partition(":")[0]:
        case "sqlite":
            from kaif.engines.database.sqlite import Sqlite

            return Sqlite(url.partition(":")[2])
        case "postgresql" | "postgres":
            from kaif.engines.database.postgres import open_postgres

            return await open_postgres(url)
        case scheme:
            raise ValueError(f"no database engine for {scheme!r}")

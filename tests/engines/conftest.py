"""Every database engine, for the suites that run against each of them."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from kaif.engines import database as databases
from kaif.engines.database import Database, open_database

OUTBOX = Path(databases.__file__).parent / "migrations"


@pytest.fixture(params=["sqlite", "postgres"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:{tmp_path / 'kaif.db'}"
    return str(request.getfixturevalue("postgres_url"))


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    """With the tables of the outbox."""
    database = await open_database(database_url)
    await database.migrate("outbox", OUTBOX)
    yield database
    await database.close()

"""A database of each engine, for the suites that run against all of them, and a server of somebody else's."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.elsewhere import Service

from kaif.engines import database as databases
from kaif.engines.database import Database, open_database

OUTBOX = Path(databases.__file__).parent / "migrations"


@pytest.fixture
async def database(empty_database_url: str) -> AsyncIterator[Database]:
    """With the tables of the outbox."""
    database = await open_database(empty_database_url)
    await database.migrate("outbox", OUTBOX)
    yield database
    await database.close()


@pytest.fixture
async def service() -> AsyncIterator[Service]:
    service = Service()
    await service.start()
    yield service
    await service.stop()

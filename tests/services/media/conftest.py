"""Media on each database and on each store."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.services.media.home import Home, at_home


@pytest.fixture(params=["sqlite-folder", "postgres-s3"])
async def home(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Home]:
    """What a database and a store do has nothing to do with each other, so two pairs show as much as four would."""
    database, _, store = str(request.param).partition("-")
    database_url = request.getfixturevalue(f"migrated_{database}_url")
    blobs_url = request.getfixturevalue("s3_url") if store == "s3" else ""
    async with at_home(tmp_path, database_url, blobs_url) as home:
        yield home


@pytest.fixture
async def small_home(migrated_sqlite_url: str, tmp_path: Path) -> AsyncIterator[Home]:
    """On SQLite alone, for what the database has no part in."""
    async with at_home(tmp_path, migrated_sqlite_url) as home:
        yield home

"""Media on each database; S3 where the store of content is at stake."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.services.media.home import Home, at_home


@pytest.fixture
async def home(database_url: str, tmp_path: Path) -> AsyncIterator[Home]:
    async with at_home(tmp_path, database_url) as home:
        yield home


@pytest.fixture
async def small_home(migrated_sqlite_url: str, tmp_path: Path) -> AsyncIterator[Home]:
    """On SQLite alone, for what the database has no part in."""
    async with at_home(tmp_path, migrated_sqlite_url) as home:
        yield home

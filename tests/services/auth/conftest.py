"""Auth alone, with letters that can be read and a clock that the test sets."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.services.auth.home import Home, at_home


@pytest.fixture
async def home(database_url: str, tmp_path: Path) -> AsyncIterator[Home]:
    async with at_home(tmp_path, database_url) as home:
        yield home


@pytest.fixture
async def embedded_home(tmp_path: Path, migrated_sqlite_url: str) -> AsyncIterator[Home]:
    """On SQLite alone, for what the database has no part in."""
    async with at_home(tmp_path, migrated_sqlite_url) as home:
        yield home

"""Homes whose clock a test sets, and a site whose pages messages link to."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.services.messaging.attached import FilesHome, with_files
from tests.services.messaging.dues import Home, at_home
from tests.services.messaging.sites import Site


@pytest.fixture
async def home(database_url: str, tmp_path: Path) -> AsyncIterator[Home]:
    async with at_home(tmp_path, database_url) as home:
        yield home


@pytest.fixture
async def small_home(migrated_sqlite_url: str, tmp_path: Path) -> AsyncIterator[Home]:
    """On SQLite alone, for what the database has no part in."""
    async with at_home(tmp_path, migrated_sqlite_url) as home:
        yield home


@pytest.fixture
async def files_home(database_url: str, tmp_path: Path) -> AsyncIterator[FilesHome]:
    async with with_files(tmp_path, database_url) as home:
        yield home


@pytest.fixture
async def small_files_home(migrated_sqlite_url: str, tmp_path: Path) -> AsyncIterator[FilesHome]:
    async with with_files(tmp_path, migrated_sqlite_url) as home:
        yield home


@pytest.fixture
async def site() -> AsyncIterator[Site]:
    site = Site()
    await site.start()
    yield site
    await site.stop()

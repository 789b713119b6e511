"""The services as `kaif up` wires them, on each database."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.harness import Services, wired_services


@pytest.fixture
async def services(database_url: str, tmp_path: Path) -> AsyncIterator[Services]:
    async with wired_services(tmp_path, database_url) as services:
        yield services


@pytest.fixture
async def embedded(tmp_path: Path, migrated_sqlite_url: str) -> AsyncIterator[Services]:
    """On SQLite alone, for what the database has no part in."""
    async with wired_services(tmp_path, migrated_sqlite_url) as services:
        yield services

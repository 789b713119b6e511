"""The services as `kaif up` wires them, on each database."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.harness import Services, wired_services

from kaif.services.auth.passwords.hashing import LEAST_COST


@pytest.fixture
async def services(database_url: str, tmp_path: Path) -> AsyncIterator[Services]:
    async with wired_services(tmp_path, database_url) as services:
        yield services


@pytest.fixture
async def embedded(tmp_path: Path, migrated_sqlite_url: str) -> AsyncIterator[Services]:
    """On SQLite alone, for what the database has no part in."""
    async with wired_services(tmp_path, migrated_sqlite_url) as services:
        yield services


@pytest.fixture
async def guarded(database_url: str, tmp_path: Path) -> AsyncIterator[Services]:
    """With passwords that cost what they cost at least, for what the time that they take has a part in."""
    async with wired_services(tmp_path, database_url, hash_cost=LEAST_COST) as services:
        yield services

"""Databases with every table in them: made once for a test process and copied for each test."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from kaif.engines import database as outbox
from kaif.engines.database import open_database
from kaif.services import auth, messaging

OWNERS = {"outbox": outbox, "auth": auth, "messaging": messaging}


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

"""The audit log from the command line."""

import asyncio
import os
from pathlib import Path
from typing import BinaryIO

import msgspec

from kaif.app.anchors import Anchors
from kaif.app.folder import audit_key_in
from kaif.app.settings import Settings
from kaif.engines.database import open_database
from kaif.services.auth.audit import store as audit_store
from kaif.services.auth.audit.chain import Verification


def verify(settings: Settings) -> int:
    """How many entries the log has, all of them sound. Raises Broken, Misconfigured."""
    key = settings.audit_key or audit_key_in(settings.data)
    # Before the database: what is appended meanwhile lies beyond these.
    anchors = Anchors(settings.audit_anchors).all()
    return asyncio.run(_verify(settings, Verification(key.encode(), anchors)))


async def _verify(settings: Settings, verification: Verification) -> int:
    database = await open_database(settings.database_url)
    try:
        added = True
        while added:
            # The server may be writing: a round in which nothing came is one in which the head did not move.
            head, added = await audit_store.head(database), False
            async for page in audit_store.chain(database, verification.end.seq):
                added = True
                for link in page:
                    verification.take(link)
        verification.finish(head)
        return head.seq
    finally:
        await database.close()


def export(settings: Settings, target: Path) -> int:
    """How many entries were written. The file is new, and its owner's alone."""
    descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        return asyncio.run(_export(settings, file))


async def _export(settings: Settings, file: BinaryIO) -> int:
    database = await open_database(settings.database_url)
    count = 0
    try:
        async for page in audit_store.chain(database):
            file.writelines(msgspec.json.encode(link) + b"\n" for link in page)
            count += len(page)
    finally:
        await database.close()
    return count

"""The audit log's anchors: its end, written down outside the database, so that a shortened log is noticed."""

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import BinaryIO

import msgspec

from kaif.engines.database import Database
from kaif.kernel.errors import KaifError
from kaif.services.auth.audit import store as audit_store
from kaif.services.auth.audit.chain import Broken, Head

ANCHOR_EVERY_S = 1.0
# A line is about a hundred.
LINE_BYTES_MAX = 1024


class Anchors:
    """A file to which lines are only added. It is worth most on another disk than the database's."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def add(self, head: Head) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
        with os.fdopen(descriptor, "a+b") as file:
            _drop_half_a_line(file)
            file.write(msgspec.json.encode(head) + b"\n")
            file.flush()
            os.fsync(file.fileno())

    def all(self) -> list[Head]:
        """Raises Broken when the file was damaged; a last line without its end is one of a crash."""
        if not self._path.exists():
            return []
        lines = self._path.read_bytes().splitlines(keepends=True)
        try:
            return [msgspec.json.decode(line, type=Head) for line in lines if line.endswith(b"\n")]
        except msgspec.MsgspecError as error:
            raise Broken(f"{self._path} was changed: it holds a line that is no anchor.") from error


def _drop_half_a_line(file: BinaryIO) -> None:
    """A crash or a full disk may have left one, and what is added to it would be no anchor."""
    size = file.seek(0, os.SEEK_END)
    start = file.seek(max(0, size - LINE_BYTES_MAX))
    tail = file.read()
    if tail and not tail.endswith(b"\n"):
        file.truncate(start + tail.rfind(b"\n") + 1)


@asynccontextmanager
async def anchoring(database: Database, anchors: Anchors) -> AsyncIterator[None]:
    """For the length of the block, and once more at its end."""
    written = Head(0, "")

    async def write() -> None:
        nonlocal written
        # A full disk or a database that is away: the next time will do.
        with contextlib.suppress(KaifError, OSError):
            head = await audit_store.head(database)
            if head != written:
                await asyncio.to_thread(anchors.add, head)
                written = head

    async def keep_writing() -> None:
        while True:
            await asyncio.sleep(ANCHOR_EVERY_S)
            await write()

    task = asyncio.get_running_loop().create_task(keep_writing())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait([task])
        await write()

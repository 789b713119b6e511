"""Has what came whole looked at for viruses before anything else opens it."""

import asyncio
from collections.abc import AsyncIterator

from kaif.engines.database import Database
from kaif.engines.scanner import Scanner, TooLargeToScan
from kaif.interfaces.media import Infected, TooLargeToCheck
from kaif.services.media.content import READ_AT_ONCE, Content

# A call waits so long for a scan that goes on; whoever asks again waits for the same one.
WITHIN_S = 8.0
SCANS_MAX = 256


class Scans:
    """Those under way, and those that found nothing until they are forgotten.

    `larger` says whether files that the scanner does not take are taken unscanned.
    """

    def __init__(self, database: Database, content: Content, scanner: Scanner, *, larger: bool) -> None:
        self._database, self._content, self._scanner, self._larger = database, content, scanner, larger
        self._tasks: dict[str, asyncio.Task[None]] = {}

    async def is_clean(self, holder_id: str, size: int) -> bool:
        """False when it takes another call. Raises Infected, TooLargeToCheck, ScannerUnavailable."""
        task = self._tasks.get(holder_id)
        if task is None:
            if len(self._tasks) >= SCANS_MAX:
                self.forget(next(iter(self._tasks)))
            task = self._tasks[holder_id] = asyncio.ensure_future(self._scan(holder_id, size))
        await asyncio.wait({task}, timeout=WITHIN_S)
        if not task.done() or task.cancelled():
            return False
        if task.exception():
            self.forget(holder_id)
        await task
        return True

    def forget(self, holder_id: str) -> None:
        if task := self._tasks.pop(holder_id, None):
            task.cancel()

    async def close(self) -> None:
        tasks = list(self._tasks.values())
        for holder_id in list(self._tasks):
            self.forget(holder_id)
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _scan(self, holder_id: str, size: int) -> None:
        try:
            found = await self._scanner.scan(self._pieces(holder_id, size))
        except TooLargeToScan:
            if not self._larger:
                raise TooLargeToCheck from None
            return
        if found:
            raise Infected(found=found)

    async def _pieces(self, holder_id: str, size: int) -> AsyncIterator[bytes]:
        for at in range(0, size, READ_AT_ONCE):
            yield await self._content.read(self._database, holder_id, at, min(READ_AT_ONCE, size - at))

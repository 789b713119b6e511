"""Has what came whole looked at for viruses before anything else opens it."""

from collections.abc import AsyncIterator
from typing import Literal

from kaif.engines.database import Database
from kaif.engines.scanner import Scanner, TooLargeToScan
from kaif.interfaces.media import Infected, TooLargeToCheck
from kaif.services.media.content.parts import READ_AT_ONCE, Content
from kaif.services.media.outlasting import Outlasting

# A call waits no longer than this.
SCAN_S = 8.0
SCANS_MAX = 256


class Scans:
    """Those under way, and those that found nothing until they are forgotten.

    `larger` says whether files that the scanner does not take are taken unscanned.
    """

    def __init__(self, database: Database, content: Content, scanner: Scanner, *, larger: bool) -> None:
        self._database, self._content, self._scanner, self._larger = database, content, scanner, larger
        self._scans = Outlasting[Literal[True]](SCAN_S, SCANS_MAX)

    async def is_clean(self, holder_id: str, size: int) -> bool:
        """False when it takes another call. Raises Infected, TooLargeToCheck, ScannerUnavailable."""
        return await self._scans.wait(holder_id, lambda: self._scan(holder_id, size)) is True

    def forget(self, holder_id: str) -> None:
        self._scans.forget(holder_id)

    async def close(self) -> None:
        await self._scans.close()

    async def _scan(self, holder_id: str, size: int) -> Literal[True]:
        """Raises Infected, TooLargeToCheck, ScannerUnavailable."""
        try:
            found = await self._scanner.scan(self._pieces(holder_id, size))
        except TooLargeToScan:
            if not self._larger:
                raise TooLargeToCheck from None
            return True
        if found:
            raise Infected(found=found)
        return True

    async def _pieces(self, holder_id: str, size: int) -> AsyncIterator[bytes]:
        for at in range(0, size, READ_AT_ONCE):
            yield await self._content.read(self._database, holder_id, at, min(READ_AT_ONCE, size - at))

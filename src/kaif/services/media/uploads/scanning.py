"""Has what came whole looked at for viruses before anything else opens it."""

from collections.abc import AsyncIterator

from kaif.engines.database import Database
from kaif.engines.scanner import Scanner, TooLargeToScan
from kaif.interfaces.media import Infected, TooLargeToCheck
from kaif.services.media.content.parts import READ_AT_ONCE, Content


class Scans:
    """`larger` says whether files that the scanner does not take are taken unscanned."""

    def __init__(self, database: Database, content: Content, scanner: Scanner, *, larger: bool) -> None:
        self._database, self._content, self._scanner, self._larger = database, content, scanner, larger

    async def must_be_clean(self, holder_id: str, size: int) -> None:
        """Raises Infected, TooLargeToCheck, ScannerUnavailable."""
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

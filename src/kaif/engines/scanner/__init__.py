"""Looks for viruses in what strangers send."""

from collections.abc import AsyncIterator
from typing import Protocol

from kaif.kernel.errors import Unavailable


class ScannerUnavailable(Unavailable):
    code, detail = "scanner_unavailable", "Files can't be checked for viruses now: none is taken. Try again later."


class TooLargeToScan(Exception):
    """The scanner takes no content of this size."""


class Scanner(Protocol):
    async def scan(self, pieces: AsyncIterator[bytes]) -> str:
        """The name of what was found, and nothing when that is nothing. Raises ScannerUnavailable, TooLargeToScan."""
        ...

    async def ping(self) -> None:
        """Raises ScannerUnavailable."""
        ...


class NoScanner:
    """Where the operator wants none."""

    async def scan(self, pieces: AsyncIterator[bytes]) -> str:
        return ""

    async def ping(self) -> None:
        return


def open_scanner(url: str) -> Scanner:
    """`tcp://host:port` or `unix:PATH` of a clamd, or nothing. Raises ValueError."""
    if not url:
        return NoScanner()
    from kaif.engines.scanner.clamd import Clamd

    return Clamd(url)

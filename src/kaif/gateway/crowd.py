"""Things that come and go, and the moment when the last one has gone."""

import asyncio
import contextlib
from collections.abc import Iterator
from typing import Generic, TypeVar

T = TypeVar("T")


class Crowd(Generic[T]):
    def __init__(self) -> None:
        self._present: set[T] = set()
        self._empty = asyncio.Event()
        self._empty.set()

    def add(self, one: T) -> None:
        self._present.add(one)
        self._empty.clear()

    def discard(self, one: T) -> None:
        self._present.discard(one)
        if not self._present:
            self._empty.set()

    def __iter__(self) -> Iterator[T]:
        """Those present now, whoever comes or goes meanwhile."""
        return iter(list(self._present))

    async def gone(self, within_s: float) -> None:
        """Return when all have gone, or the time is up."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._empty.wait(), within_s)

"""Whose turn it is: who is waited for goes first, and never finds every place taken by work that can wait."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Literal

from kaif.kernel.errors import Busy

# Somebody waits for what is urgent; the rest is done when there is time.
Priority = Literal["urgent", "background"]
_ORDER: tuple[Priority, ...] = ("urgent", "background")
RETRY_AFTER_MS = 2000


class Turns:
    def __init__(self, count: int, waiting_max: int) -> None:
        assert count > 0
        self._free = count
        # One place stays for what is urgent, where there is more than one.
        self._free_for_background = max(1, count - 1)
        self._waiting: dict[Priority, deque[asyncio.Future[None]]] = {priority: deque() for priority in _ORDER}
        self._waiting_max = waiting_max

    @asynccontextmanager
    async def one(self, priority: Priority) -> AsyncIterator[None]:
        """Raises Busy when too many wait already."""
        await self._take(priority)
        try:
            yield
        finally:
            self._give_back(priority)

    async def _take(self, priority: Priority) -> None:
        if self._has_room(priority) and not self._waiting[priority]:
            self._occupy(priority)
            return
        queue = self._waiting[priority]
        if len(queue) >= self._waiting_max:
            raise Busy(retry_after_ms=RETRY_AFTER_MS)
        turn = asyncio.get_running_loop().create_future()
        queue.append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if turn in queue:
                queue.remove(turn)
            else:
                # The turn came in the same moment in which its owner went away.
                self._give_back(priority)
            raise

    def _has_room(self, priority: Priority) -> bool:
        return self._free > 0 and (priority == "urgent" or self._free_for_background > 0)

    def _occupy(self, priority: Priority) -> None:
        self._free -= 1
        self._free_for_background -= priority == "background"

    def _give_back(self, priority: Priority) -> None:
        self._free += 1
        self._free_for_background += priority == "background"
        for next_priority in _ORDER:
            queue = self._waiting[next_priority]
            while queue and self._has_room(next_priority):
                self._occupy(next_priority)
                queue.popleft().set_result(None)

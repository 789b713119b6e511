"""Whose turn it is: who is waited for goes first, and never finds every place taken by work that can wait.

Of what is as urgent, people have a turn each in turn: who brings much waits for it, and nobody else does.
"""

import asyncio
from collections import OrderedDict, deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Literal

from kaif.kernel.errors import Busy

# Somebody waits for what is urgent; the rest is done when there is time.
Priority = Literal["urgent", "background"]
_ORDER: tuple[Priority, ...] = ("urgent", "background")
RETRY_AFTER_MS = 2000
# Of all that may wait, nobody's takes more than one part in so many.
SHARES = 4


class Turns:
    def __init__(self, count: int, waiting_max: int) -> None:
        assert count > 0
        self._free = count
        # One place stays for what is urgent, where there is more than one.
        self._free_for_background = max(1, count - 1)
        self._waiting = {priority: _Queue() for priority in _ORDER}
        self._waiting_max = waiting_max

    @asynccontextmanager
    async def one(self, priority: Priority, whose: str = "") -> AsyncIterator[None]:
        """Raises Busy when too many wait already, or too many of theirs."""
        await self._take(priority, whose)
        try:
            yield
        finally:
            self._give_back(priority)

    async def _take(self, priority: Priority, whose: str) -> None:
        if self._has_room(priority) and not self._waiting[priority]:
            self._occupy(priority)
            return
        queue = self._waiting[priority]
        of_one_max = max(1, self._waiting_max // SHARES) if whose else self._waiting_max
        if len(queue) >= self._waiting_max or queue.of(whose) >= of_one_max:
            raise Busy(retry_after_ms=RETRY_AFTER_MS)
        turn = asyncio.get_running_loop().create_future()
        queue.add(whose, turn)
        try:
            await turn
        except asyncio.CancelledError:
            if not queue.remove(whose, turn):
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
                queue.next().set_result(None)


class _Queue:
    """Those who wait, each in a row of their own, of which the next one's first goes next."""

    def __init__(self) -> None:
        self._rows: OrderedDict[str, deque[asyncio.Future[None]]] = OrderedDict()
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def of(self, whose: str) -> int:
        return len(self._rows.get(whose, ()))

    def add(self, whose: str, turn: asyncio.Future[None]) -> None:
        self._rows.setdefault(whose, deque()).append(turn)
        self._count += 1

    def next(self) -> asyncio.Future[None]:
        whose, row = self._rows.popitem(last=False)
        turn = row.popleft()
        if row:
            # Behind all others.
            self._rows[whose] = row
        self._count -= 1
        return turn

    def remove(self, whose: str, turn: asyncio.Future[None]) -> bool:
        """False when its turn has come."""
        row = self._rows.get(whose, deque())
        if turn not in row:
            return False
        row.remove(turn)
        if not row:
            del self._rows[whose]
        self._count -= 1
        return True

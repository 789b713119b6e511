"""Does what is due, in every process that runs it: rows of a table say what and when, so nothing goes with a process.

Each row is done in a transaction of its own that locks it, does the work and removes or moves it: of two processes one
waits for the other and finds it done, and a crash undoes both. Time is what the clock says at each look, never a long
sleep, so a clock that is set forward or back is followed within a second.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping

from kaif.engines.database import Database
from kaif.kernel.background import Background
from kaif.kernel.clock import SECOND_US, Clock
from kaif.services.messaging.due import store as due_store
from kaif.services.messaging.due.model import DueKind
from kaif.services.messaging.due.store import Waiting

log = logging.getLogger("kaif.messaging")

AT_ONCE = 20
LOOK_EVERY_S = 1.0
# For what could not be done, through no fault of its own or by one of ours: others go on meanwhile.
AGAIN_US = 30 * SECOND_US

# Given the row's id; decides under the row's lock whether it is still due.
Deed = Callable[[str], Awaitable[None]]


class DueQueue:
    def __init__(
        self, database: Database, deeds: Mapping[DueKind, Deed], clock: Clock, look_every_s: float = LOOK_EVERY_S
    ) -> None:
        self._database, self._deeds, self._clock, self._look_every_s = database, deeds, clock, look_every_s
        self._background = Background()

    def start(self) -> None:
        self._background.repeat(self._look, "what is due waits", self._look_every_s)

    async def close(self) -> None:
        await self._background.close()

    async def _look(self) -> float:
        return 0 if await self.do_due() else self._look_every_s

    async def do_due(self) -> bool:
        """Whether there may be more. Raises Unavailable and the like when nothing can be done at all."""
        waiting = await due_store.due(self._database, self._clock(), AT_ONCE)
        await asyncio.gather(*(self._do(each) for each in waiting))
        return len(waiting) == AT_ONCE

    async def _do(self, waiting: Waiting) -> None:
        try:
            await self._deeds[waiting.kind](waiting.id)
        except Exception as error:
            log.warning("%s %s is put off: %s: %s", waiting.kind, waiting.id, type(error).__name__, error)
            async with self._database.transaction() as tx:
                await due_store.look_again(tx, waiting.id, self._clock() + AGAIN_US)

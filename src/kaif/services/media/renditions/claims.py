"""Who makes something just now, of all processes: everyone else waits, and goes on where a process has died."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

from kaif.engines.database import Database, Transaction
from kaif.kernel.background import Background
from kaif.kernel.clock import SECOND_US, Clock
from kaif.kernel.errors import Busy, Unavailable
from kaif.kernel.ids import new_id
from kaif.services.media.renditions import store as renditions_store

# Whoever makes says so again and again; a process that died is replaced after this long.
LEASE_S = 10.0
# Soon at first, for what is made at once.
_LOOK_AGAIN_S, _LOOK_AGAIN_S_MAX = 0.1, 1.0


class ClaimLost(Exception):
    """It took this process so long to say that it is still there that another one is at it."""


class Claim:
    def __init__(self, database: Database, clock: Clock, media_id: str, name: str) -> None:
        self._database, self._clock = database, clock
        self._media_id, self._name, self._maker = media_id, name, new_id()

    async def must_be_ours(self, tx: Transaction) -> None:
        """Joined to what is done by it: nobody else has it until the transaction ends. Raises ClaimLost."""
        if not await self._is_ours(tx):
            raise ClaimLost

    async def take(self) -> bool:
        async with self._database.transaction() as tx:
            return await self._is_ours(tx)

    async def stay(self) -> None:
        while True:
            await asyncio.sleep(LEASE_S / 3)
            # For a moment only, or somebody else takes it, and what ends the work tells us.
            with contextlib.suppress(Unavailable):
                await self.take()

    async def let_go(self) -> None:
        async with self._database.transaction() as tx:
            await renditions_store.stop_making(tx, self._media_id, self._name, self._maker)

    async def _is_ours(self, tx: Transaction) -> bool:
        now_us = self._clock()
        until_us = now_us + int(LEASE_S * SECOND_US)
        return await renditions_store.become_maker(tx, self._media_id, self._name, self._maker, now_us, until_us)


class Claims:
    def __init__(self, database: Database, clock: Clock) -> None:
        self._database, self._clock = database, clock
        self._background = Background()

    async def close(self) -> None:
        await self._background.close()

    @contextlib.asynccontextmanager
    async def held(self, media_id: str, name: str, within_s: float | None = None) -> AsyncIterator[Claim]:
        """As soon as nobody else has it: what is to be made may be there by then. Raises Busy."""
        claim = Claim(self._database, self._clock, media_id, name)
        staying: asyncio.Task[None] | None = None
        try:
            await _taken(claim, within_s)
            staying = self._background.run(claim.stay())
            yield claim
        finally:
            if staying:
                staying.cancel()
            # Also if we were stopped in the moment in which we took it.
            await claim.let_go()


async def _taken(claim: Claim, within_s: float | None) -> None:
    wait_s = _LOOK_AGAIN_S
    try:
        async with asyncio.timeout(within_s):
            while not await claim.take():
                await asyncio.sleep(wait_s)
                wait_s = min(wait_s * 1.5, _LOOK_AGAIN_S_MAX)
    except TimeoutError:
        raise Busy(retry_after_ms=1000) from None

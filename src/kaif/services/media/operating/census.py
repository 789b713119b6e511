"""Counts what is stored. There may be millions of files, so they are counted in portions between which others work, and
at most once a minute, however many ask."""

import asyncio
from collections import defaultdict

import msgspec

from kaif.engines.database import Database
from kaif.interfaces.media import Kind
from kaif.interfaces.media.storage import Amount
from kaif.kernel.actor import UserId
from kaif.kernel.clock import MINUTE_US, Clock
from kaif.services.media.operating import storage_store

AT_ONCE = 2000
COUNTED_FOR_US = MINUTE_US

NONE = Amount(0, 0)


class Counted(msgspec.Struct, frozen=True):
    at_us: int
    kinds: dict[Kind, Amount]
    owners: dict[UserId, Amount]


class Census:
    def __init__(self, database: Database, clock: Clock, at_once: int = AT_ONCE) -> None:
        self._database, self._clock, self._at_once = database, clock, at_once
        self._counted: Counted | None = None
        self._one_at_a_time = asyncio.Lock()

    async def counted(self) -> Counted:
        async with self._one_at_a_time:
            if self._counted is None or self._clock() >= self._counted.at_us + COUNTED_FOR_US:
                self._counted = await self._count()
            return self._counted

    async def _count(self) -> Counted:
        at_us = self._clock()
        kinds, owners = defaultdict[Kind, Amount](lambda: NONE), defaultdict[UserId, Amount](lambda: NONE)
        after = ""
        while page := await storage_store.sizes_after(self._database, after, self._at_once):
            for row in page:
                kinds[row.kind] = _with(kinds[row.kind], row.size)
                owners[row.owner_id] = _with(owners[row.owner_id], row.size)
            after = page[-1].id
            await asyncio.sleep(0)
        return Counted(at_us, dict(kinds), dict(owners))


def _with(amount: Amount, size: int) -> Amount:
    return Amount(amount.count + 1, amount.bytes + size)

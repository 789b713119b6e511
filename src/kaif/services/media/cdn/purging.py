"""Tells a CDN what it is to forget, as long as it takes.

What was withdrawn stands in our table, by the transaction that withdrew it, so no crash loses it. The CDN is told of it
at once, and once more a minute later: what was on its way to it while it was told has come by then. Any number of
processes may do this.
"""

from kaif.engines.cdn import PREFIXES_AT_ONCE_MAX, Purger, PurgeRefused
from kaif.engines.database import Database
from kaif.kernel.background import Background
from kaif.kernel.clock import DAY_US, SECOND_US, Clock
from kaif.services.media.cdn import store as cdn_store
from kaif.services.media.cdn.links import CdnLinks
from kaif.services.media.cdn.store import StoredGiven

LOOK_EVERY_S = 1.0
# A call that has not ended by then has failed.
LEASE_US = 60 * SECOND_US
TOLD_AGAIN_US = 60 * SECOND_US
TOLD_TIMES = 2
RETRY_S, RETRY_S_MAX = 2, 300
FORGET_EVERY_US = 60 * SECOND_US
# What can't be told for so long has been stale for most of it.
GIVE_UP_US = DAY_US
ERROR_CHARACTERS_MAX = 500


class Purging:
    def __init__(
        self,
        database: Database,
        links: CdnLinks,
        purger: Purger,
        clock: Clock,
        look_every_s: float = LOOK_EVERY_S,
    ) -> None:
        self._database, self._links, self._purger, self._clock = database, links, purger, clock
        self._look_every_s = look_every_s
        # The CDN wants to be left alone until then, unless an operator knows better.
        self._not_before_us = self._forget_at_us = 0
        self._background = Background()

    def start(self) -> None:
        if self._links.on:
            self._background.repeat(self._look, "a CDN can't be told what to forget", self._look_every_s)

    async def close(self) -> None:
        await self._background.close()
        await self._purger.close()

    async def _look(self) -> float:
        return 0 if await self.purge() else self._look_every_s

    async def purge(self) -> bool:
        """Whether there may be more. Raises PurgeRefused, after it has noted when to try again."""
        now_us = self._clock()
        is_resting = now_us < self._not_before_us
        rows = await cdn_store.due(self._database, now_us, PREFIXES_AT_ONCE_MAX, hurried=is_resting)
        taken = await self._take(rows, now_us)
        if taken:
            try:
                await self._purger.purge([self._links.prefix(row.media_id) for row in taken])
            except PurgeRefused as refused:
                await self._put_off(taken, refused)
                raise
            await self._note_told(taken)
        await self._forget(now_us)
        return len(rows) == PREFIXES_AT_ONCE_MAX

    async def _forget(self, now_us: int) -> None:
        if now_us >= self._forget_at_us:
            self._forget_at_us = now_us + FORGET_EVERY_US
            async with self._database.transaction() as tx:
                await cdn_store.forget(tx, now_us, now_us - GIVE_UP_US)

    async def _take(self, rows: list[StoredGiven], now_us: int) -> list[StoredGiven]:
        if not rows:
            return []
        async with self._database.transaction() as tx:
            return [row for row in rows if await cdn_store.put_off(tx, row, now_us + LEASE_US)]

    async def _note_told(self, rows: list[StoredGiven]) -> None:
        async with self._database.transaction() as tx:
            for row in rows:
                again = self._clock() + TOLD_AGAIN_US if row.told + 1 < TOLD_TIMES else 0
                await cdn_store.note_told(tx, row, again)

    async def _put_off(self, rows: list[StoredGiven], refused: PurgeRefused) -> None:
        attempts = min(row.attempts for row in rows)
        wait_s = max(refused.retry_after_s, min(RETRY_S * 2 ** min(attempts, 10), RETRY_S_MAX))
        self._not_before_us = self._clock() + wait_s * SECOND_US
        async with self._database.transaction() as tx:
            for row in rows:
                await cdn_store.note_refused(tx, row, str(refused)[:ERROR_CHARACTERS_MAX], self._not_before_us)

"""Names of the parts that are written next: the collector knows each of them before anything is written under it, and
so finds what was written by whoever died before the end."""

import secrets

from kaif.engines.database import Database, Transaction
from kaif.kernel.clock import MINUTE_US, Clock
from kaif.services.media import model, store

# Long before the collector takes what is written under them for garbage.
USED_WITHIN_US = 10 * MINUTE_US
UPLOADS_MAX = 256


class PartNames:
    """What goes on gets the names of its next parts with the transaction that keeps those before: one of its own would
    come between two writes, and the disk would wait for it."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database, self._clock = database, clock
        # By upload: since when, and which. Those that nobody uses the collector takes away.
        self._next: dict[str, tuple[int, list[str]]] = {}

    async def take(self, upload_id: str, count: int) -> list[str]:
        since_us, names = self._next.pop(upload_id, (0, []))
        if self._clock() - since_us > USED_WITHIN_US:
            names = []
        if len(names) < count:
            async with self._database.transaction() as tx:
                names = names + await self.reserve(tx, count - len(names))
        return names[:count]

    async def reserve(self, tx: Transaction, count: int) -> list[str]:
        names = [secrets.token_hex(16) for _ in range(count)]
        for name in names:
            await store.throw_away(tx, name, self._clock() + model.GARBAGE_LIVES_US)
        return names

    def keep(self, upload_id: str, names: list[str]) -> None:
        """For `take`, once they are certain to be known."""
        if len(self._next) >= UPLOADS_MAX:
            del self._next[next(iter(self._next))]
        self._next[upload_id] = (self._clock(), names)

    def forget(self, upload_id: str) -> None:
        self._next.pop(upload_id, None)

"""Has it written down when people were here: seldom, many at once, and so that a gateway that dies loses little.

Whoever leaves is noted within seconds. Whoever stays is noted every few minutes: of a gateway that is killed their last
visit is known to that.
"""

import contextlib

from kaif.gateway.presence import PresenceBoard
from kaif.interfaces.messaging.last_seen import NOTED_MAX, LastSeen, NoteSeen
from kaif.kernel.actor import NOBODY, UserId
from kaif.kernel.background import Background
from kaif.kernel.errors import KaifError

GATHER_S = 2.0
# Half of the five minutes that people take for "just now".
STAYING_EVERY_S = 150.0


class LastSeenNotes:
    def __init__(
        self,
        last_seen: LastSeen,
        presence: PresenceBoard,
        gather_s: float = GATHER_S,
        staying_every_s: float = STAYING_EVERY_S,
    ) -> None:
        self._last_seen, self._presence = last_seen, presence
        self._gather_s, self._staying_every_s = gather_s, staying_every_s
        self._left: set[UserId] = set()
        self._waited_s = 0.0
        self._background = Background()

    def start(self) -> None:
        self._presence.on_leave = self._left.add
        self._background.repeat(self._look, "when people were here is not written down", self._gather_s)

    async def close(self) -> None:
        """Everybody's connection ends with this."""
        await self._background.close()
        self._left |= self._presence.here
        with contextlib.suppress(KaifError):
            await self._note()

    async def _look(self) -> float:
        self._waited_s += self._gather_s
        if self._waited_s >= self._staying_every_s:
            self._waited_s = 0.0
            self._left |= self._presence.here
        await self._note()
        return self._gather_s

    async def _note(self) -> None:
        """What can't be written now waits for the next time; there are never more than have been here."""
        noting = list(self._left)
        for start in range(0, len(noting), NOTED_MAX):
            portion = noting[start : start + NOTED_MAX]
            await self._last_seen.note_seen(NOBODY, NoteSeen(portion))
            self._left.difference_update(portion)

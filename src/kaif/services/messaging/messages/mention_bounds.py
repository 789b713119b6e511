"""Keeps of a person's unread mentions in a chat the newest: somebody who never reads is mentioned without end.

It goes round the table, a bounded part at each step, so that whoever writes has no part in it. Every process does so:
what two of them take away is the same.
"""

from kaif.engines.database import Database
from kaif.interfaces.messaging import ChatId
from kaif.kernel.actor import UserId
from kaif.kernel.background import Background
from kaif.services.messaging.messages import mention_store

# Five times as many as are ever shown at once.
KEPT_MAX = 500
# Rows that a step looks at, in the order of their key, and takes away at once.
LOOKED_AT = 20_000
TAKEN_AT_ONCE = 1000
STEP_EVERY_S = 60.0

_BEGINNING = UserId(""), ChatId("")


class MentionBounds:
    def __init__(self, database: Database, looked_at: int = LOOKED_AT) -> None:
        self._database, self._looked_at = database, looked_at
        self._after = _BEGINNING
        self._background = Background()

    def start(self) -> None:
        self._background.repeat(self._look, "mentions that nobody reads are not taken away", STEP_EVERY_S)

    async def close(self) -> None:
        await self._background.close()

    async def _look(self) -> float:
        await self.step()
        return STEP_EVERY_S

    async def step(self) -> bool:
        """Go on; whether that was the end of the round."""
        counted = await mention_store.count_after(self._database, *self._after, self._looked_at)
        for user_id, chat_id, count in counted:
            if count > KEPT_MAX:
                await self._bound(user_id, chat_id)
        ended = sum(count for _, _, count in counted) < self._looked_at
        # The last one may go on behind what was looked at: it is looked at again, by itself if there was no other.
        if ended:
            self._after = _BEGINNING
        else:
            self._after = counted[-2][:2] if len(counted) > 1 else counted[0][:2]
        return ended

    async def _bound(self, user_id: UserId, chat_id: ChatId) -> None:
        taken = TAKEN_AT_ONCE
        while taken == TAKEN_AT_ONCE:
            async with self._database.transaction() as tx:
                taken = await mention_store.keep_newest(tx, user_id, chat_id, KEPT_MAX, TAKEN_AT_ONCE)

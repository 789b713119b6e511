"""How fast a chat can be filled: by one person or program, and by all of its bots together.

Kept in the memory of each process, by the same rule as the limits of requests: it costs a message no question to the
database or the cache. Processes tell each other afterwards what was taken (`pace_sharing`). What was taken for messages
that were not written in the end is given back.
"""

import time
from collections.abc import Callable

from kaif.interfaces.messaging import ChatId
from kaif.interfaces.messaging.errors import TooManyMessages
from kaif.kernel.actor import UserId
from kaif.kernel.limits import Limit, Limits, in_ms

# A message a second is more than anybody reads; a hundred at once is what can be forwarded.
OF_ONE = Limit("messages_in_chat", per_minute=60, burst=100)
# Bots of one chat could set each other off.
OF_BOTS = Limit("messages_of_bots_in_chat", per_minute=60, burst=60)

# In which chat, by whom, and whether it is a bot.
Taken = tuple[ChatId, UserId, bool]


class Pace:
    def __init__(self, scale: float = 1.0, clock: Callable[[], float] = time.monotonic) -> None:
        """`scale` multiplies every rate and burst; `clock` counts seconds from any moment."""
        self._limits = Limits(scale, clock)
        # What the other processes have not been told of.
        self._untold: dict[Taken, int] = {}

    def take(self, chat_id: ChatId, sender_id: UserId, *, is_bot: bool) -> Taken:
        """What one message takes. Raises TooManyMessages, and takes nothing then."""
        wait_s = self._limits.wait_s(OF_ONE, chat_id + sender_id)
        if is_bot and not wait_s:
            wait_s = self._limits.wait_s(OF_BOTS, chat_id)
            if wait_s:
                self._limits.give_back(OF_ONE, chat_id + sender_id)
        if wait_s:
            raise TooManyMessages(retry_after_ms=in_ms(wait_s))
        taken = chat_id, sender_id, is_bot
        self._untold[taken] = self._untold.get(taken, 0) + 1
        return taken

    def give_back(self, taken: Taken) -> None:
        chat_id, sender_id, is_bot = taken
        self._limits.give_back(OF_ONE, chat_id + sender_id)
        if is_bot:
            self._limits.give_back(OF_BOTS, chat_id)
        self._untold[taken] = self._untold.get(taken, 0) - 1

    def untold(self) -> list[tuple[Taken, int]]:
        """How much was taken, less what was given back, since this was last asked."""
        untold, self._untold = self._untold, {}
        return [(taken, count) for taken, count in untold.items() if count]

    def note(self, taken: Taken, count: int) -> None:
        """Another process has let this pass; it counts here too, even where there was not so much left."""
        chat_id, sender_id, is_bot = taken
        self._limits.note(OF_ONE, chat_id + sender_id, count)
        if is_bot:
            self._limits.note(OF_BOTS, chat_id, count)

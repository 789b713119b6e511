"""What vanishing messages promise: those written while a chat has a timer are deleted for everyone when it runs out."""

from typing import Literal, Protocol

import msgspec

from kaif.interfaces.messaging import Chat, GivenChatId
from kaif.kernel.actor import Actor
from kaif.kernel.remote import repeatable

# Off, a day, a week, thirty days.
VanishAfter = Literal[0, 86_400, 604_800, 2_592_000]


class SetTimer(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """0 ends it. What was written before stays under the timer of when it was written."""

    chat_id: GivenChatId
    vanish_after_s: VanishAfter


class Vanishing(Protocol):
    @repeatable
    async def set_timer(self, actor: Actor, request: SetTimer) -> Chat:
        """Have messages from now on vanish after a time. The log says so.

        Needs `info` in groups and channels; in direct chats either of the two may. Raises ChatNotFound, RightMissing,
        PersonNotReachable.
        """
        ...

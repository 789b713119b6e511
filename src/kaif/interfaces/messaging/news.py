"""What messaging tells every gateway: what is new in logs, what passes beside them, and who sees whom anew."""

import msgspec

from kaif.interfaces.messaging import ChatId, ChatKind
from kaif.kernel.actor import UserId

# Channels of the cache on which the service tells every gateway what is to be delivered.
ENTRIES = "messaging.entries"
SIGNALS = "messaging.signals"
REACH = "messaging.reach"


class Delivery(msgspec.Struct, frozen=True, array_like=True):
    """New entries of one chat, as JSON, for everyone in it; `joined` and `left` change who that is.

    Without entries it says only that, and `first_seq` is the place of the next one.
    """

    chat_id: ChatId
    kind: ChatKind
    first_seq: int
    entries: list[bytes]
    joined: list[UserId] = []
    left: list[UserId] = []
    # Where not everybody sees who comes and goes: who does (`naming`).
    seers: list[UserId] | None = None


# On ENTRIES: some news was lost, nobody knows which, so everybody asks what is newest.
NEWS_LOST: list[Delivery] = []


class Signal(msgspec.Struct, frozen=True, array_like=True):
    """An event beside the log for everyone in a chat, or for one of them, as JSON; losing it harms nothing."""

    chat_id: ChatId
    event: bytes
    user_id: UserId = UserId("")
    # Nobody is in the chat any more.
    closes: bool = False


class Reach(msgspec.Struct, frozen=True, array_like=True):
    """In these chats it has changed who sees whom: whoever is in them looks anew."""

    chat_ids: list[ChatId]

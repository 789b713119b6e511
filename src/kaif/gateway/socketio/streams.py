"""How far each chat that a device listens to has been sent to it, free of I/O.

The positions travel with every entry, as the offset of Socket.IO's connection state recovery. So the client holds all
that is needed to go on, at any gateway: what it missed comes from the log, and nothing is kept for it meanwhile.
"""

import re

from kaif.interfaces.messaging import ChatId

# An offset is sent with every entry.
CHATS_MAX = 50
_OFFSET = re.compile(r"[0-9a-z]{1,26}:\d{1,15}(?:,[0-9a-z]{1,26}:\d{1,15}){0,49}")


class Stream:
    """`sent` is the newest entry that the device was sent, `newest` the newest there is."""

    __slots__ = ("newest", "sent")

    def __init__(self, sent: int, newest: int) -> None:
        self.sent, self.newest = sent, newest


class Streams:
    def __init__(self) -> None:
        self._streams: dict[ChatId, Stream] = {}

    def __contains__(self, chat_id: ChatId) -> bool:
        return chat_id in self._streams

    @property
    def is_full(self) -> bool:
        return len(self._streams) >= CHATS_MAX

    @property
    def offset(self) -> str:
        return ",".join([f"{chat_id}:{stream.sent}" for chat_id, stream in self._streams.items()])

    def join(self, chat_id: ChatId, sent: int, newest: int) -> None:
        """From after `sent`; what does not exist yet was not sent."""
        self._streams[chat_id] = Stream(min(sent, newest), newest)

    def leave(self, chat_id: ChatId) -> None:
        self._streams.pop(chat_id, None)

    def expect(self, chat_id: ChatId, seq: int) -> None:
        """Entries up to this one exist."""
        if stream := self._streams.get(chat_id):
            stream.newest = max(stream.newest, seq)

    def is_next(self, chat_id: ChatId, seq: int) -> bool:
        stream = self._streams.get(chat_id)
        return stream is not None and seq == stream.sent + 1

    def advance(self, chat_id: ChatId, seq: int) -> None:
        """The entry is being sent."""
        stream = self._streams[chat_id]
        stream.sent = seq
        stream.newest = max(stream.newest, seq)

    def behind(self) -> tuple[ChatId, int] | None:
        """A chat with entries to send, and after which."""
        for chat_id, stream in self._streams.items():
            if stream.sent < stream.newest:
                return chat_id, stream.sent
        return None


def parse_offset(offset: object) -> dict[ChatId, int]:
    """What a client says that it has; nothing when it is not of our making."""
    if not isinstance(offset, str) or not _OFFSET.fullmatch(offset):
        return {}
    pairs = (pair.partition(":") for pair in offset.split(","))
    return {ChatId(chat_id): int(seq) for chat_id, _, seq in pairs}

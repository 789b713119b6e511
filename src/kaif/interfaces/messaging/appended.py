"""What messaging tells other readers of its logs: that they have grown, and how far; never what was said."""

from typing import ClassVar

import msgspec

from kaif.interfaces.messaging import ChatId
from kaif.kernel.events import Event


class Range(msgspec.Struct, frozen=True, omit_defaults=True):
    """Consecutive entries of one chat. `changed` are the places of messages that say something else by them, or nothing
    any more."""

    chat_id: ChatId
    first_seq: int
    last_seq: int
    changed: list[int] = []


class EntriesAppended(Event, frozen=True, kw_only=True):
    """Entries have become durable: one event for everything that was appended together, a range for each chat.

    It goes by the key of its first chat, so two events of a chat may overtake each other. A consumer reads the log from
    its own mark of that chat up to `last_seq`: then neither order nor repetition matters, and nothing is left out.
    """

    name: ClassVar[str] = "messaging.entries_appended.v1"
    ranges: list[Range]

    @property
    def key(self) -> str:
        return self.ranges[0].chat_id

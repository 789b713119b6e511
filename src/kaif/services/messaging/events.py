"""What messaging tells itself by the bus: work that goes on after the answer, whatever happens to the process."""

from typing import ClassVar

from kaif.interfaces.messaging import ChatId
from kaif.kernel.events import Event


class ChatDeleted(Event, frozen=True, kw_only=True):
    """What was in the chat is to be swept."""

    name: ClassVar[str] = "messaging.chat_deleted.v1"
    chat_id: ChatId

    @property
    def key(self) -> str:
        return self.chat_id

"""What messaging tells itself by the bus: work that goes on after the answer, whatever happens to the process."""

from typing import ClassVar

from kaif.interfaces.messaging import ChatId
from kaif.kernel.actor import UserId
from kaif.kernel.events import Event


class ChatDeleted(Event, frozen=True, kw_only=True):
    """What was in the chat is to be swept."""

    name: ClassVar[str] = "messaging.chat_deleted.v1"
    chat_id: ChatId

    @property
    def key(self) -> str:
        return self.chat_id


class BotCalled(Event, frozen=True, kw_only=True):
    """There may be something to tell a bot at its address that is no entry of a chat."""

    name: ClassVar[str] = "messaging.bot_called.v1"
    bot_id: UserId

    @property
    def key(self) -> str:
        return self.bot_id

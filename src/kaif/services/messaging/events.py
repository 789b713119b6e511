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


class TopicDeleted(Event, frozen=True, kw_only=True):
    """What was in the topic is to be deleted."""

    name: ClassVar[str] = "messaging.topic_deleted.v1"
    chat_id: ChatId
    topic_id: int

    @property
    def key(self) -> str:
        return self.chat_id


class PurgeAsked(Event, frozen=True, kw_only=True):
    """All that somebody wrote in the chat is to be deleted."""

    name: ClassVar[str] = "messaging.purge_asked.v1"
    chat_id: ChatId
    user_id: UserId

    @property
    def key(self) -> str:
        return self.chat_id


class ButtonPressed(Event, frozen=True, kw_only=True):
    """Of a bot that is called at an address."""

    name: ClassVar[str] = "messaging.button_pressed.v1"
    bot_id: UserId

    @property
    def key(self) -> str:
        return self.bot_id


class OutgoingWebhookSet(Event, frozen=True, kw_only=True):
    """A bot is to be called, be it for the first time, elsewhere or again."""

    name: ClassVar[str] = "messaging.outgoing_webhook_set.v1"
    bot_id: UserId

    @property
    def key(self) -> str:
        return self.bot_id

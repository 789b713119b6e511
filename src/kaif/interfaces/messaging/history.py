"""What messaging promises about taking one's history along: all of it, in a form that people or programs can read."""

from datetime import datetime
from typing import Literal, Protocol

import msgspec

from kaif.interfaces.auth import Nothing
from kaif.interfaces.messaging import Chat, ChatId, Cursor, GivenChatId
from kaif.interfaces.messaging.reminders import Reminder
from kaif.interfaces.messaging.scheduled import Scheduled
from kaif.interfaces.messaging.webhooks import Webhook
from kaif.kernel.actor import Actor
from kaif.kernel.limits import Limit
from kaif.kernel.remote import repeatable

# A part holds some hundred messages: a large history takes thousands.
EXPORT = Limit("export", per_minute=1200, burst=120)


class ExportHistory(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Of one chat, or of all that the person is in. `html` is a page that opens without a network."""

    format: Literal["json", "html"] = "json"
    language: Literal["ru", "en"] = "en"
    chat_id: GivenChatId | None = None
    cursor: Cursor = ""


class HistoryPart(msgspec.Struct, frozen=True):
    """Parts put one after another are the file; `next_cursor` is null in the last one."""

    content: str
    next_cursor: str | None


class Membership(msgspec.Struct, frozen=True):
    """A chat that the person is in, as they see it, and what they are there."""

    chat: Chat
    role: str


class PressedButton(msgspec.Struct, frozen=True):
    """That the person has pressed a bot's button, as it is kept for the bot."""

    chat_id: ChatId
    seq: int
    data: str
    at: datetime


class ViewedPosts(msgspec.Struct, frozen=True):
    """Posts of a channel that were shown to the person, so that each of them counts them once."""

    chat_id: ChatId
    seqs: list[int]


class OwnMessagingData(msgspec.Struct, frozen=True):
    """All that messaging holds about a person but for the logs, which `export_history` gives in parts."""

    exported_at: datetime
    username: str
    display_name: str
    memberships: list[Membership]
    pressed: list[PressedButton]
    webhooks: list[Webhook]
    scheduled: list[Scheduled]
    reminders: list[Reminder]
    viewed: list[ViewedPosts]
    last_seen_at: datetime | None


class History(Protocol):
    @repeatable
    async def export_history(self, actor: Actor, request: ExportHistory) -> HistoryPart:
        """The next part of a file with everything that the person may read. Raises ChatNotFound, BadCursor."""
        ...

    @repeatable
    async def export_own_messaging_data(self, actor: Actor, request: Nothing) -> OwnMessagingData:
        """What is held about the actor."""
        ...

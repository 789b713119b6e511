"""What reminders promise: at their time one's saved messages name the message, with its words if it still has any."""

from datetime import datetime
from typing import Annotated, Protocol

import msgspec
from msgspec import Meta

from kaif.interfaces.auth import Nothing
from kaif.interfaces.messaging import ChatId, GivenChatId, Ref, Seq
from kaif.kernel.actor import Actor
from kaif.kernel.errors import Conflict, Invalid, NotFound
from kaif.kernel.ids import PATTERN
from kaif.kernel.remote import repeatable

# Of one person in one chat.
REMINDERS_MAX = 100
REMINDERS_LISTED_MAX = 1000


class RemindMe(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`ref` makes it safe to repeat."""

    chat_id: GivenChatId
    seq: Seq
    ref: Ref
    remind_at: Annotated[datetime, Meta(tz=True)]


class Reminder(msgspec.Struct, frozen=True):
    id: str
    chat_id: ChatId
    seq: int
    remind_at: datetime


class Reminders(msgspec.Struct, frozen=True):
    """The earliest first."""

    reminders: list[Reminder]


class OfReminder(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    reminder_id: Annotated[str, Meta(pattern=PATTERN)]


class ReminderNotFound(NotFound):
    code, detail = "reminder_not_found", "There is no such reminder, or its time has come."


class BadReminderTime(Invalid):
    code, detail = "bad_reminder_time", "A reminder is for a time that is to come, within a year."


class TooManyReminders(Conflict):
    code, detail = "too_many_reminders", "So many reminders wait in this chat that no more can."


class MessageReminders(Protocol):
    """Nobody but oneself knows of one's reminders."""

    @repeatable
    async def remind_me(self, actor: Actor, request: RemindMe) -> Reminder:
        """Be reminded of a message. Repeating a ref returns the first reminder.

        Raises ChatNotFound, MessageNotFound, BadReminderTime, TooManyReminders.
        """
        ...

    @repeatable
    async def list_reminders(self, actor: Actor, request: Nothing) -> Reminders:
        """One's own that are still to come."""
        ...

    @repeatable
    async def delete_reminder(self, actor: Actor, request: OfReminder) -> Nothing:
        """Raises ReminderNotFound."""
        ...

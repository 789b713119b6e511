"""What scheduled messages promise: each is sent once when its time comes, whoever is here, or kept with the reason."""

from datetime import datetime
from typing import Annotated, Protocol

import msgspec
from msgspec import Meta

from kaif.interfaces.auth import Nothing
from kaif.interfaces.messaging import Caption, ChatId, Entry, GivenChatId, Quote, Ref, Seq, TopicId
from kaif.interfaces.messaging.attached import Attachment, GivenAttachments
from kaif.kernel.actor import Actor
from kaif.kernel.errors import Conflict, Invalid, NotFound
from kaif.kernel.ids import PATTERN
from kaif.kernel.remote import repeatable

# Of one person in one chat, those that could not be sent among them.
SCHEDULED_MAX = 100
SCHEDULED_LISTED_MAX = 1000
AHEAD_DAYS_MAX = 366

# With its offset: what a clock on a wall shows is no time of the server's.
SendAt = Annotated[datetime, Meta(tz=True)]
GivenScheduledId = Annotated[str, Meta(pattern=PATTERN)]


class ScheduleMessage(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`ref` is the message's own: what waits under it is sent under it, so that neither is ever there twice. Its
    files stay as long as it waits, whatever becomes of them elsewhere; with files it needs no words. `quote` is a part
    of what `reply_to` says; it goes without it where that says so no longer. With `post` the chat is a channel, and
    this a comment on that post of it (discussions.py), which answers the post where `reply_to` is a comment no longer.
    """

    chat_id: GivenChatId
    ref: Ref
    text: Caption
    send_at: SendAt
    reply_to: Seq | None = None
    silent: bool = False
    topic_id: TopicId = 0
    attachments: GivenAttachments = []
    quote: Quote = ""
    without_preview: bool = False
    post: Seq | None = None


class Scheduled(msgspec.Struct, frozen=True):
    """A message that waits, its text as it was written; `failure` is the code of why it could not be sent, or empty."""

    id: str
    chat_id: ChatId
    ref: str
    text: str
    send_at: datetime
    reply_to: int
    silent: bool
    failure: str
    topic_id: int
    attachments: list[Attachment] = []
    quote: str = ""
    without_preview: bool = False
    post: int | None = None


class ListScheduled(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Of one chat, or of all, those among them of chats that one is no longer in."""

    chat_id: GivenChatId | None = None


class ScheduledList(msgspec.Struct, frozen=True):
    """The earliest first."""

    messages: list[Scheduled]


class ChangeScheduled(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is null stays as it is."""

    scheduled_id: GivenScheduledId
    text: Caption | None = None
    send_at: SendAt | None = None
    silent: bool | None = None


class OfScheduled(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    scheduled_id: GivenScheduledId


class ScheduledNotFound(NotFound):
    code, detail = "scheduled_not_found", "No such message waits: it was sent or deleted, or it is not yours."


class BadSendTime(Invalid):
    code, detail = "bad_send_time", "A message waits for a time that is to come, within a year."


class TooManyScheduled(Conflict):
    code, detail = "too_many_scheduled", "So many messages wait in this chat that no more can."


class AlreadySent(Conflict):
    code, detail = "already_sent", "A message with this reference stands in the chat already."


class ScheduledMessages(Protocol):
    """Seen by nobody but their author. What one may do in the chat is decided when the time has come."""

    @repeatable
    async def schedule_message(self, actor: Actor, request: ScheduleMessage) -> Scheduled:
        """Have a message sent later. Repeating a ref returns what waits under it.

        Raises ChatNotFound, PersonNotReachable, MayNotSend, BadText, BadQuote, BadSendTime, TooManyScheduled,
        AlreadySent; of a comment also NotAChannel, NoDiscussion, MessageNotFound, ChatSuspended, CommentsForMembers,
        MemberBanned, BadReply.
        """
        ...

    @repeatable
    async def list_scheduled(self, actor: Actor, request: ListScheduled) -> ScheduledList:
        """One's own that wait, and those that could not be sent."""
        ...

    @repeatable
    async def change_scheduled(self, actor: Actor, request: ChangeScheduled) -> Scheduled:
        """Change what is still to come; one that could not be sent waits again, for a new time.

        Raises ScheduledNotFound, BadText, BadSendTime.
        """
        ...

    @repeatable
    async def delete_scheduled(self, actor: Actor, request: OfScheduled) -> Nothing:
        """It will not be sent. Raises ScheduledNotFound."""
        ...

    async def send_scheduled(self, actor: Actor, request: OfScheduled) -> Entry:
        """Send it now. Raises ScheduledNotFound, and what send_message raises: then it stays as it is."""
        ...

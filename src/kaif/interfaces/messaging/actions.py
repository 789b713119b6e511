"""What one can do with messages that stand in a log (docs/realtime.md, "What is done with messages").

Each action is an entry of its own, so that everybody learns of it in the log's one order; what a message is
now stands with the message alone. Repeating an action changes nothing more.
"""

from datetime import datetime
from typing import Annotated, Protocol

import msgspec
from msgspec import Meta

from kaif.interfaces.auth import Nothing, Person
from kaif.interfaces.messaging import Caption, ChatId, Cursor, Entry, GivenChatId, Ref, Seq, TopicId
from kaif.interfaces.messaging.content import ButtonRows, TextEntity
from kaif.kernel.actor import Actor
from kaif.kernel.errors import Conflict, Forbidden, Invalid, NotFound
from kaif.kernel.limits import Limit
from kaif.kernel.remote import repeatable

# Each is an entry that goes to everybody in the chat.
ACT = Limit("act_on_message", per_minute=240, burst=60)

EDIT_WITHIN_S = 48 * 60 * 60
EDITS_MAX = 100
REACTIONS_DISTINCT_MAX = 20
PINS_MAX = 100
# By one person in one chat: the list is looked at with every page.
HIDDEN_MAX = 10_000

Seqs = Annotated[list[Seq], Meta(min_length=1, max_length=100)]
# The longest emoji known (a family, or a flag of a region) has a dozen code points.
GivenEmoji = Annotated[str, Meta(min_length=1, max_length=32)]


class OfMessage(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    chat_id: GivenChatId
    seq: Seq


class EditMessage(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`buttons` that are null stay as they are; new ones alone are no edit that shows. Attachments stay: where there
    are some, no words are needed.
    """

    chat_id: GivenChatId
    seq: Seq
    text: Caption
    buttons: ButtonRows | None = None


class Version(msgspec.Struct, frozen=True):
    """What a message said until it was edited, and since when."""

    at: datetime
    text: str
    entities: list[TextEntity]


class Versions(msgspec.Struct, frozen=True):
    """Newest first; the present one is not among them."""

    versions: list[Version]


class DeleteMessages(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`for_everyone` erases them; otherwise they are gone for oneself alone, on all of one's devices."""

    chat_id: GivenChatId
    seqs: Seqs
    for_everyone: bool


class React(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    chat_id: GivenChatId
    seq: Seq
    emoji: GivenEmoji


class ListReactions(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    chat_id: GivenChatId
    seq: Seq
    limit: Annotated[int, Meta(ge=1, le=200)] = 50
    cursor: Cursor = ""


class Reacted(msgspec.Struct, frozen=True):
    person: Person
    emoji: str
    at: datetime


class Reactors(msgspec.Struct, frozen=True):
    """Newest first; `next_cursor` is null on the last page."""

    reactions: list[Reacted]
    next_cursor: str | None


class OfChat(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    chat_id: GivenChatId


class Pins(msgspec.Struct, frozen=True):
    """The pinned messages, the last one pinned first."""

    messages: list[Entry]


class Readers(msgspec.Struct, frozen=True):
    """Who has read a message, without its author."""

    people: list[Person]


class ForwardedMessage(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A message of another chat, and one's own reference for what becomes of it here."""

    seq: Seq
    ref: Ref


class ForwardMessages(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Into `chat_id`, in the order given; in a group with topics into that of `topic_id`."""

    chat_id: GivenChatId
    from_chat_id: GivenChatId
    messages: Annotated[list[ForwardedMessage], Meta(min_length=1, max_length=100)]
    silent: bool = False
    topic_id: TopicId = 0


class Forwarded(msgspec.Struct, frozen=True):
    """The new messages, in the order asked for."""

    entries: list[Entry]


class HiddenEvent(msgspec.Struct, frozen=True, tag_field="type", tag="hidden"):
    """To one person's devices: these messages are gone for them; `hidden` counts all such of the chat."""

    chat_id: ChatId
    seqs: list[int]
    hidden: int


class MessageNotFound(NotFound):
    code, detail = "message_not_found", "There is no such message, or it was deleted."


class NotYourMessage(Forbidden):
    code, detail = "not_your_message", "Only its author may do this with a message."


class MayNotPin(Forbidden):
    code, detail = "may_not_pin", "You may not pin messages in this chat."


class NotEditable(Conflict):
    code, detail = "not_editable", "What was forwarded, a poll, a place or a contact can't be edited."


class EditTooLate(Conflict):
    code, detail = "edit_too_late", "A message can be edited for 48 hours."


class TooManyEdits(Conflict):
    code, detail = "too_many_edits", "This message has been edited too often."


class NotAnEmoji(Invalid):
    code, detail = "not_an_emoji", "A reaction is one emoji."


class TooManyReactions(Conflict):
    code, detail = "too_many_reactions", "This message has no room for another kind of reaction."


class TooManyPins(Conflict):
    code, detail = "too_many_pins", "This chat has no room for another pinned message."


class TooManyHidden(Conflict):
    code, detail = "too_many_hidden", "You have deleted too many messages of this chat for yourself alone."


class ReadersNotShown(Conflict):
    code, detail = "readers_not_shown", "In so large a group it is not shown who has read a message."


class ReceiptsOff(Conflict):
    code, detail = "receipts_off", "You show nobody what you have read, so you see nobody's either."


class MessageActions(Protocol):
    """Whoever names a chat must be in it, else ChatNotFound is raised; whoever names something that is not a message,
    or one that was deleted, gets MessageNotFound.
    """

    @repeatable
    async def get_message(self, actor: Actor, request: OfMessage) -> Entry:
        """A message as it is now; one that was deleted says so."""
        ...

    @repeatable
    async def edit_message(self, actor: Actor, request: EditMessage) -> Entry:
        """Let one's own message say something else, within EDIT_WITHIN_S; returns what it is now.

        What one may not write here any more is not said by an edit either. Raises NotYourMessage, NotEditable,
        EditTooLate, TooManyEdits, BadText, BadButtons, ButtonsForBots, MayNotSend, LinksNotAllowed, TopicClosed,
        RestrictedInTopic.
        """
        ...

    @repeatable
    async def list_versions(self, actor: Actor, request: OfMessage) -> Versions:
        """What a message said before it was edited: whoever is in the chat may see it."""
        ...

    @repeatable
    async def delete_messages(self, actor: Actor, request: DeleteMessages) -> Nothing:
        """Erase messages for everyone, with their earlier versions, reactions and quotes; or hide them from oneself.

        Those that were deleted before are passed over. If one may not be deleted, none is.
        Raises NotYourMessage, TooManyHidden.
        """
        ...

    @repeatable
    async def add_reaction(self, actor: Actor, request: React) -> Nothing:
        """React with one emoji; each person once with each. Raises NotAnEmoji, TooManyReactions."""
        ...

    @repeatable
    async def remove_reaction(self, actor: Actor, request: React) -> Nothing:
        """Take a reaction back."""
        ...

    @repeatable
    async def list_reactions(self, actor: Actor, request: ListReactions) -> Reactors:
        """Who reacted with what. Raises BadCursor."""
        ...

    @repeatable
    async def pin_message(self, actor: Actor, request: OfMessage) -> Nothing:
        """Put a message where everybody finds it. Raises MayNotPin, TooManyPins."""
        ...

    @repeatable
    async def unpin_message(self, actor: Actor, request: OfMessage) -> Nothing:
        """Take it from there. Raises MayNotPin."""
        ...

    @repeatable
    async def list_pins(self, actor: Actor, request: OfChat) -> Pins:
        """The chat's pinned messages, as they are now."""
        ...

    @repeatable
    async def list_readers(self, actor: Actor, request: OfMessage) -> Readers:
        """Whose read mark has passed a message. Raises MembersHidden, ReceiptsOff; ReadersNotShown in large groups."""
        ...

    @repeatable
    async def forward_messages(self, actor: Actor, request: ForwardMessages) -> Forwarded:
        """Say in one chat what stands in another, naming who wrote it first. Repeating a ref returns the first entry.

        If one of them is not there, none is forwarded. Raises MessageNotFound, MayNotSend, MediaNotAllowed,
        TopicNotFound, TopicClosed, RestrictedInTopic, Busy, StorageFull.
        """
        ...

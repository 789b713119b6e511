"""What moving messages to another topic of their group promises."""

from typing import Protocol

import msgspec

from kaif.interfaces.auth import Nothing
from kaif.interfaces.messaging import GivenChatId, TopicId
from kaif.interfaces.messaging.actions import Seqs
from kaif.kernel.actor import Actor
from kaif.kernel.errors import Conflict
from kaif.kernel.remote import repeatable

# After that only those who look after topics move what one has written.
MOVE_WITHIN_S = 48 * 3600
# All that follows in the two topics is counted anew, in one transaction.
MOVED_PAST_MAX = 10_000


class MoveMessages(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    chat_id: GivenChatId
    seqs: Seqs
    topic_id: TopicId


class MoveTooLate(Conflict):
    code, detail = "move_too_late", "One's own message can be moved for 48 hours."


class TooFarBack(Conflict):
    code, detail = "too_far_back", f"More than {MOVED_PAST_MAX} entries of these topics follow it."


class Moving(Protocol):
    @repeatable
    async def move_messages(self, actor: Actor, request: MoveMessages) -> Nothing:
        """Messages of a group with topics go to another of its topics; their places in the log stay.

        One's own for MOVE_WITHIN_S, into and out of topics in which one may write; with the right `topics` those of
        anybody. What is there already is passed over. If one may not be moved, none is.
        It keeps the pace of writing: each counts as a message, and in slow mode the whole move as one.
        Raises ChatNotFound, TopicsOff, ChatSuspended, MessageNotFound, NotYourMessage, MoveTooLate, MayNotSend,
        TooFarBack, SlowMode, TooManyMessages; of either topic TopicNotFound, TopicClosed, RestrictedInTopic.
        """
        ...

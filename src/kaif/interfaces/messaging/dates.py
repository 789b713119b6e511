"""Where in a chat's log a moment stands: for whoever wants to read what was said on a day."""

from datetime import datetime
from typing import Annotated, Protocol

import msgspec
from msgspec import Meta

from kaif.interfaces.messaging import GivenChatId, TopicId
from kaif.kernel.actor import Actor
from kaif.kernel.remote import repeatable


class FindDate(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """With `topic_id` in that topic of a group alone."""

    chat_id: GivenChatId
    at: Annotated[datetime, Meta(tz=True)]
    topic_id: TopicId | None = None


class FoundDate(msgspec.Struct, frozen=True):
    """`seq` is of a message; null where nothing was said from then on."""

    seq: int | None


class Dates(Protocol):
    @repeatable
    async def find_date(self, actor: Actor, request: FindDate) -> FoundDate:
        """The first message that the actor can see, at the moment or after it.

        Raises ChatNotFound; of a topic TopicsOff, TopicNotFound.
        """
        ...

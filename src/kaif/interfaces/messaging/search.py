"""What messaging promises about search: people find what was said in the chats they are in now, and nothing else."""

from datetime import datetime
from typing import Annotated, Literal, Protocol

import msgspec
from msgspec import Meta

from kaif.interfaces.auth import GivenUserId, Nothing
from kaif.interfaces.messaging import Cursor, Entry, EntryKind, GivenChatId, TopicId
from kaif.kernel.actor import Actor
from kaif.kernel.errors import Invalid, Unavailable
from kaif.kernel.limits import Limit
from kaif.kernel.remote import repeatable

# While somebody types, each letter may be a search.
SEARCH = Limit("search", per_minute=240, burst=60)


class SearchMessages(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """All of the words, in any of their Russian or English forms; unless a space follows it, the last may be a
    beginning. Without words, what the filters let through.

    `topic_id` is one of `chat_id`. `until` is the first moment that is too late. The best first goes no further than
    some thousand.
    """

    words: Annotated[str, Meta(max_length=256)] = ""
    chat_id: GivenChatId | None = None
    topic_id: TopicId | None = None
    sender_id: GivenUserId | None = None
    kind: EntryKind | None = None
    has: Literal["link", "poll", "location", "contact", "image", "video", "audio", "voice", "file"] | None = None
    since: Annotated[datetime, Meta(tz=True)] | None = None
    until: Annotated[datetime, Meta(tz=True)] | None = None
    order: Literal["newest", "best"] = "newest"
    limit: Annotated[int, Meta(ge=1, le=50)] = 20
    cursor: Cursor = ""


class Piece(msgspec.Struct, frozen=True, omit_defaults=True):
    """A part of a fragment; `found` when it is why the message was found."""

    text: str
    found: bool = False


class FoundMessage(msgspec.Struct, frozen=True):
    """The message as it is now, and in `fragment` the part of its text that shows why it was found."""

    entry: Entry
    fragment: list[Piece]


class FoundMessages(msgspec.Struct, frozen=True):
    """Not `complete` while the server is still reading its logs: then older messages may be missing."""

    messages: list[FoundMessage]
    next_cursor: str | None
    complete: bool


class NothingToFind(Invalid):
    code, detail = "nothing_to_find", "Give a word, or a filter other than the chat."


class SearchUnavailable(Unavailable):
    code, detail = "search_unavailable", "Search is not answering now. Try again in a moment."


class IndexLag(msgspec.Struct, frozen=True):
    """For how long the first of what is not in the index has waited since search heard of it; 0 when nothing does."""

    seconds: float


class Search(Protocol):
    @repeatable
    async def search_messages(self, actor: Actor, request: SearchMessages) -> FoundMessages:
        """A page of the messages in the actor's chats. A message is found within a second of being sent or changed.

        Raises ChatNotFound, BadCursor, NothingToFind; Invalid when it is given a topic without its chat.
        """
        ...

    @repeatable
    async def get_lag(self, actor: Actor, request: Nothing) -> IndexLag:
        """For services alone: what the operator's monitoring asks again and again. Raises SearchUnavailable."""
        ...

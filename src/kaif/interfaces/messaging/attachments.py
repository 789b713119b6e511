"""What messaging promises about the files of its messages: those in the chat find them, and they alone see them."""

from datetime import datetime
from typing import Annotated, Literal, Protocol

import msgspec
from msgspec import Meta

from kaif.interfaces.media import GivenMediaId, MediaId
from kaif.interfaces.messaging import ChatId, Cursor, Entry, GivenChatId, TopicId
from kaif.kernel.actor import Actor
from kaif.kernel.remote import repeatable

ASKED_MAX = 100
PLACES_MAX = 20

# `media` is pictures and films.
WantedKind = Literal["media", "image", "video", "audio", "voice", "file"]


class ListAttachments(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    chat_id: GivenChatId
    kind: WantedKind = "media"
    limit: Annotated[int, Meta(ge=1, le=100)] = 50
    cursor: Cursor = ""
    topic_id: TopicId | None = None


class AttachmentPage(msgspec.Struct, frozen=True):
    """Messages with an attachment of that kind, the newest first; an album is one of them, with all that it holds.

    `next_cursor` is null on the last page. The seq of any message is a cursor too: what is older than it comes next.
    """

    entries: list[Entry]
    next_cursor: str | None


class AskedFiles(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    media_ids: Annotated[list[GivenMediaId], Meta(min_length=1, max_length=ASKED_MAX)]


class ShownFiles(msgspec.Struct, frozen=True):
    """Those of them; and of those the ones that are shown as files, to be saved as they are."""

    media_ids: list[MediaId]
    as_files: list[MediaId] = []


class SentPlace(msgspec.Struct, frozen=True):
    """A message of the actor's. `left` is true of a chat that they are not in any more."""

    media_id: MediaId
    chat_id: ChatId
    seq: int
    at: datetime
    left: bool = False


class SentPlaces(msgspec.Struct, frozen=True):
    """Of each file the newest 20."""

    places: list[SentPlace]


class Attachments(Protocol):
    @repeatable
    async def list_attachments(self, actor: Actor, request: ListAttachments) -> AttachmentPage:
        """What has been sent in a chat, or in one of its topics. Raises ChatNotFound, TopicNotFound, BadCursor."""
        ...

    @repeatable
    async def where_sent(self, actor: Actor, request: AskedFiles) -> SentPlaces:
        """In which messages of their own the actor shows these files, and in which posts of channels that they look
        after."""
        ...

    @repeatable
    async def which_are_shown(self, actor: Actor, request: AskedFiles) -> ShownFiles:
        """For media: which of these files the actor sees at this moment, in a message of a chat that they are in, in a
        comment that they read, or in a report that they look at."""
        ...

    @repeatable
    async def which_are_files(self, actor: Actor, request: AskedFiles) -> ShownFiles:
        """For media: which of these are sent as files, to be saved as they are, in any message, whoever sees it; also
        in one that is on its way, and in reports."""
        ...

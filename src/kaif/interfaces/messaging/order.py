"""What a person's own order of their chats promises: seen by nobody else, and the same on all their devices."""

from datetime import datetime
from typing import Annotated, Protocol

import msgspec
from msgspec import Meta

from kaif.interfaces.auth import Nothing
from kaif.interfaces.messaging import Chat, ChatId, ChatKind, GivenChatId, Quote, Seq, TopicId
from kaif.interfaces.messaging.attached import Attachment, DraftAttachments
from kaif.kernel.actor import Actor
from kaif.kernel.errors import Conflict, Invalid
from kaif.kernel.remote import repeatable

PINNED_MAX = 20
FOLDERS_MAX = 20
FOLDER_CHATS_MAX = 200
DRAFTS_MAX = 500

FolderName = Annotated[str, Meta(min_length=1, max_length=32)]


class ArrangeChat(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is null stays as it is. A chat is muted until a time; one that has passed ends it."""

    chat_id: GivenChatId
    archived: bool | None = None
    pinned: bool | None = None
    marked_unread: bool | None = None
    muted_until: Annotated[datetime, Meta(tz=True)] | None = None


class Folder(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The chats that are named, and those of these kinds; of them only unread ones, or only those that may be heard."""

    name: FolderName
    chats: Annotated[list[GivenChatId], Meta(max_length=FOLDER_CHATS_MAX)] = []
    kinds: Annotated[list[ChatKind], Meta(max_length=4)] = []
    unread_only: bool = False
    without_muted: bool = False


class Folders(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """In the person's order."""

    folders: Annotated[list[Folder], Meta(max_length=FOLDERS_MAX)]


class KeepDraft(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`written_at` is the moment on the device; one in the future counts as now. An empty text without files gives
    the draft up, unless it answers something. Its files, the actor's own, stay as long as it does, and may be more than
    one message carries.

    In a group with topics there is one for each, by `topic_id`; and one for the comments on each `post` of a channel.
    `reply_to` is then a comment, and `quote` the part of it that is answered.
    """

    chat_id: GivenChatId
    text: Annotated[str, Meta(max_length=4096)]
    written_at: datetime
    reply_to: Annotated[int, Meta(ge=0, le=2**53)] = 0
    attachments: DraftAttachments = []
    quote: Quote = ""
    topic_id: TopicId | None = None
    post: Seq | None = None


class Draft(msgspec.Struct, frozen=True):
    chat_id: ChatId
    text: str
    written_at: datetime
    reply_to: int = 0
    attachments: list[Attachment] = []
    quote: str = ""
    topic_id: int | None = None
    post: int | None = None


class Drafts(msgspec.Struct, frozen=True):
    """Those that hold something, newest first; at most DRAFTS_MAX."""

    drafts: list[Draft]


class TooManyPinned(Conflict):
    code, detail = "too_many_pinned", "There are as many pinned chats as there can be."


class BadFolder(Invalid):
    code, detail = "bad_folder", "A folder needs a name with a letter or digit and no invisible characters."


class OwnOrder(Protocol):
    """Whoever names a chat must be in it: otherwise ChatNotFound is raised."""

    @repeatable
    async def arrange_chat(self, actor: Actor, request: ArrangeChat) -> Chat:
        """Archive, mute or pin a chat, or mark it as unread: for oneself. Raises TooManyPinned."""
        ...

    @repeatable
    async def list_folders(self, actor: Actor, request: Nothing) -> Folders:
        """The actor's folders."""
        ...

    @repeatable
    async def arrange_folders(self, actor: Actor, request: Folders) -> Folders:
        """Put these in the place of all that were there. Raises BadFolder."""
        ...

    @repeatable
    async def keep_draft(self, actor: Actor, request: KeepDraft) -> Draft:
        """Keep it unless a newer one is kept; returns the one that stays.

        Raises BadText, BadAttachments, MediaNotFound, TopicNotFound, MessageNotFound, Unavailable.
        """
        ...

    @repeatable
    async def list_drafts(self, actor: Actor, request: Nothing) -> Drafts:
        """The actor's drafts, in chats that they are in."""
        ...

"""What comments on a channel's posts promise: messages of a group that is linked to it, each post with its thread."""

from typing import Annotated, Protocol

import msgspec
from msgspec import Meta

from kaif.interfaces.auth import Nothing
from kaif.interfaces.messaging import Caption, ChatId, Entry, GivenChatId, Quote, Ref, RightName, Seq
from kaif.interfaces.messaging.attached import GivenAttachments
from kaif.kernel.actor import Actor
from kaif.kernel.errors import Conflict, Forbidden, NotFound
from kaif.kernel.remote import repeatable


class Discussion(msgspec.Struct, frozen=True):
    """Of a channel. In an `open` one whoever reads the channel reads comments, and joins the group with their first.

    `joined` says whether the actor is in the group, `rights` what they may do there; of who is not, what they may once
    their first comment has let them in.
    """

    chat_id: ChatId
    group_id: ChatId
    title: str
    open: bool
    joined: bool
    rights: list[RightName] = []


class FoundDiscussion(msgspec.Struct, frozen=True):
    """Null where posts of the channel take no comments."""

    discussion: Discussion | None


class OfChannel(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    chat_id: GivenChatId


class LinkDiscussion(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """To a channel; linking the same group again changes who may comment."""

    chat_id: GivenChatId
    group_id: GivenChatId
    open: bool = True


class WriteComment(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """On the post at `seq` of the channel; `reply_to` is another comment on it. As in `SendMessage`."""

    chat_id: GivenChatId
    seq: Seq
    ref: Ref
    text: Caption = ""
    reply_to: Seq | None = None
    quote: Quote = ""
    silent: bool = False
    without_preview: bool = False
    attachments: GivenAttachments = []


class ListComments(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The next after `after`, or the last before `before`, or the newest: places in the group."""

    chat_id: GivenChatId
    seq: Seq
    after: Annotated[int, Meta(ge=0, le=2**53)] | None = None
    before: Seq | None = None
    limit: Annotated[int, Meta(ge=1, le=200)] = 50


class Thread(msgspec.Struct, frozen=True):
    """Comments on one post, which are entries of the group, in ascending order of `seq`.

    `root_seq` is the place in the group of the post that they answer, and 0 while there is none; `comments` counts all.
    """

    group_id: ChatId
    root_seq: int
    comments: int
    entries: list[Entry]


class NoDiscussion(NotFound):
    code, detail = "no_discussion", "Posts of this channel take no comments."


class NotLinkable(Conflict):
    code, detail = "not_linkable", "Comments of a channel go to a group of the same owner."


class GroupIsLinked(Conflict):
    code, detail = "group_is_linked", "This group is the discussion of another channel."


class CommentsForMembers(Forbidden):
    code, detail = "comments_for_members", "Only members of the channel's group comment here."


class Discussions(Protocol):
    """Whoever names a chat must be in it: otherwise ChatNotFound is raised. Raises NotAChannel, NoDiscussion.

    Comments are messages of the group: what is done with them is asked for there (actions.py), by its members.
    """

    @repeatable
    async def get_discussion(self, actor: Actor, request: OfChannel) -> FoundDiscussion:
        """Where comments on a channel's posts go, if anywhere."""
        ...

    @repeatable
    async def link_discussion(self, actor: Actor, request: LinkDiscussion) -> Discussion:
        """By the owner of both. What was said on the posts in this group before is there again.

        Raises OwnersOnly, NotLinkable, GroupIsLinked.
        """
        ...

    @repeatable
    async def unlink_discussion(self, actor: Actor, request: OfChannel) -> Nothing:
        """By the owner of the channel, or, naming the group, by the group's; both stay. Raises OwnersOnly."""
        ...

    @repeatable
    async def write_comment(self, actor: Actor, request: WriteComment) -> Entry:
        """Answer a post; the first comment lets the post into the group, and its writer too where it is open.

        Raises MessageNotFound, ChatSuspended, CommentsForMembers, BadReply, and what keeps somebody from joining the
        group or from writing there: MemberBanned, TooManyMembers, NotForBots, MayNotSend, SlowMode and the like.
        """
        ...

    @repeatable
    async def list_comments(self, actor: Actor, request: ListComments) -> Thread:
        """A page of a post's thread. Raises MessageNotFound, ChatSuspended, CommentsForMembers, MemberBanned."""
        ...

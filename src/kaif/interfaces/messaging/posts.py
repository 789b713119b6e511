"""What posts of a channel promise beside what they say: how many have seen each, and how many comments it has."""

from typing import Annotated, Protocol

import msgspec
from msgspec import Meta

from kaif.interfaces.messaging import ChatId, GivenChatId, Seq
from kaif.kernel.actor import Actor
from kaif.kernel.errors import Conflict
from kaif.kernel.limits import Limit
from kaif.kernel.remote import repeatable

VIEWED_MAX = 100
# Whoever scrolls through a channel asks a few times a second.
VIEW = Limit("view_posts", per_minute=240, burst=60)


class ViewPosts(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Posts that have just been shown to the actor."""

    chat_id: GivenChatId
    seqs: Annotated[list[Seq], Meta(min_length=1, max_length=VIEWED_MAX)]


class PostCounts(msgspec.Struct, frozen=True):
    """Of one post; `views` counts each person once, `comments` is null where posts take none (discussions.py)."""

    seq: int
    views: int
    comments: int | None


class CountedPosts(msgspec.Struct, frozen=True):
    """In the order of `seq`; without what is no message."""

    posts: list[PostCounts]


class PostsEvent(msgspec.Struct, frozen=True, tag_field="type", tag="posts"):
    """To everyone in the channel, now and then: how these posts stand by now."""

    chat_id: ChatId
    posts: list[PostCounts]


class NotAChannel(Conflict):
    code, detail = "not_a_channel", "Only channels have posts."


class ChannelPosts(Protocol):
    """Whoever names a chat must be in it: otherwise ChatNotFound is raised. Nobody learns who has seen a post."""

    @repeatable
    async def view_posts(self, actor: Actor, request: ViewPosts) -> CountedPosts:
        """Count the actor among those who have seen these posts, and tell how they stand.

        A view is counted within seconds, once for each person and post. What was told is never taken back; a process
        that dies forgets the views of its last second, until they are told again. Raises NotAChannel.
        """
        ...

"""What topics of a group promise: each is a part of the group's one log, with unread messages and a mute of its own."""

from datetime import datetime
from typing import Annotated, Protocol

import msgspec
from msgspec import Meta

from kaif.interfaces.auth import GivenUserId, Nothing, Person
from kaif.interfaces.messaging import Chat, ChatId, Entry, GivenChatId, Ref, TopicId
from kaif.kernel.actor import Actor, UserId
from kaif.kernel.errors import Conflict, Forbidden, Invalid, NotFound
from kaif.kernel.remote import repeatable

# What has no other topic; its title is the client's to say.
GENERAL = 0
TOPICS_MAX = 200
RESTRICTED_MAX = 1000
CHOSEN_MAX = 1000

TopicTitle = Annotated[str, Meta(min_length=1, max_length=128)]
# A single emoji, or empty for the first letter of the title.
Icon = Annotated[str, Meta(max_length=32)]
TopicColour = Annotated[int, Meta(ge=0, le=7)]


class Topic(msgspec.Struct, frozen=True):
    """A topic as one member sees it.

    `id` is the `seq` of the entry that made it, or 0 for what has no other topic (GENERAL), which alone can be hidden.
    In a topic that is closed or hidden only admins write; in one with `chosen_only` those do whom they have chosen as
    well, and `chosen` says that the actor is one. `restricted` says that the actor in particular may not.
    """

    chat_id: ChatId
    id: int
    title: str
    icon: str
    colour: int
    creator_id: UserId
    made_at: datetime
    closed: bool
    hidden: bool
    pinned_at: datetime | None
    unread: int
    read_seq: int
    others_read_seq: int
    last_entry: Entry | None
    # How it is for the actor alone.
    muted_until: datetime | None
    restricted: bool
    may_write: bool
    chosen_only: bool = False
    chosen: bool = False


class Topics(msgspec.Struct, frozen=True):
    """Pinned ones first, then those with the newest entries; all of them, at most TOPICS_MAX and GENERAL."""

    topics: list[Topic]


class ListTopics(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    chat_id: GivenChatId


class SwitchTopics(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    chat_id: GivenChatId
    on: bool


class MakeTopic(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Repeating a `ref` gives the topic that was made first."""

    chat_id: GivenChatId
    title: TopicTitle
    ref: Ref
    icon: Icon = ""
    colour: TopicColour = 0


class OfTopic(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    chat_id: GivenChatId
    topic_id: TopicId


class ChangeTopic(OfTopic, frozen=True, forbid_unknown_fields=True):
    """What is null stays as it is."""

    title: TopicTitle | None = None
    icon: Icon | None = None
    colour: TopicColour | None = None
    closed: bool | None = None
    hidden: bool | None = None
    pinned: bool | None = None
    chosen_only: bool | None = None


class MuteTopic(OfTopic, frozen=True, forbid_unknown_fields=True):
    """Until a time; one that has passed ends it."""

    until: Annotated[datetime, Meta(tz=True)]


class RestrictInTopic(OfTopic, frozen=True, forbid_unknown_fields=True):
    user_id: GivenUserId
    restricted: bool


class ChooseInTopic(OfTopic, frozen=True, forbid_unknown_fields=True):
    user_id: GivenUserId
    may_write: bool


class Chosen(msgspec.Struct, frozen=True):
    """At most CHOSEN_MAX."""

    people: list[Person]


class Restricted(msgspec.Struct, frozen=True):
    """At most RESTRICTED_MAX."""

    people: list[Person]


class TopicsOff(Conflict):
    code, detail = "topics_off", "This chat has no topics."


class OnlyGroupsHaveTopics(Conflict):
    code, detail = "only_groups_have_topics", "Only groups have topics."


class TopicNotFound(NotFound):
    code, detail = "topic_not_found", "There is no such topic here."


class TopicClosed(Forbidden):
    code, detail = "topic_closed", "Only admins write in this topic."


class RestrictedInTopic(Forbidden):
    code, detail = "restricted_in_topic", "You may not write in this topic."


class TooManyTopics(Conflict):
    code, detail = "too_many_topics", "The group has as many topics as it can have."


class TooManyRestricted(Conflict):
    code, detail = "too_many_restricted", "As many people as can be are restricted in this topic."


class TooManyChosen(Conflict):
    code, detail = "too_many_chosen", "As many people as can be are chosen to write in this topic."


class BadTopicTitle(Invalid):
    code, detail = "bad_topic_title", "A topic needs a title with a letter or digit and no invisible characters."


class BadTopicChange(Invalid):
    code, detail = (
        "bad_topic_change",
        "Only the topic of what has no other can be hidden; it has no title and stays.",
    )


class GroupTopics(Protocol):
    """Whoever names a chat must be in it: otherwise ChatNotFound is raised. Raises TopicsOff, TopicNotFound.

    Messages go into a topic with `topic_id` of `send_message`; its entries are read and marked with that of
    `list_entries` and `mark_read`. A mark without a topic is one of all topics.
    """

    @repeatable
    async def switch_topics(self, actor: Actor, request: SwitchTopics) -> Chat:
        """Let the group have topics, or show it as one log again. Needs `topics`.

        Raises RightMissing, OnlyGroupsHaveTopics.
        """
        ...

    @repeatable
    async def list_topics(self, actor: Actor, request: ListTopics) -> Topics:
        """The group's topics."""
        ...

    @repeatable
    async def make_topic(self, actor: Actor, request: MakeTopic) -> Topic:
        """Needs `topics`. Raises RightMissing, BadTopicTitle, NotAnEmoji, TooManyTopics."""
        ...

    @repeatable
    async def change_topic(self, actor: Actor, request: ChangeTopic) -> Topic:
        """Needs `topics`. Raises RightMissing, BadTopicTitle, BadTopicChange, NotAnEmoji."""
        ...

    @repeatable
    async def delete_topic(self, actor: Actor, request: OfTopic) -> Nothing:
        """For everybody and for good; its messages are deleted by and by. Needs `topics` and `delete`.

        Raises RightMissing, BadTopicChange.
        """
        ...

    @repeatable
    async def mute_topic(self, actor: Actor, request: MuteTopic) -> Topic:
        """For oneself."""
        ...

    @repeatable
    async def restrict_in_topic(self, actor: Actor, request: RestrictInTopic) -> Nothing:
        """Let a member not write there any more, or again. Needs `ban`.

        Raises RightMissing, MemberNotFound, BeyondYourRights, TooManyRestricted.
        """
        ...

    @repeatable
    async def choose_in_topic(self, actor: Actor, request: ChooseInTopic) -> Nothing:
        """Let a member write where those who were chosen do (`chosen_only`), or no longer. Needs `topics`.

        Raises RightMissing, MemberNotFound, TooManyChosen.
        """
        ...

    @repeatable
    async def list_chosen(self, actor: Actor, request: OfTopic) -> Chosen:
        """Who was chosen to write there, also while everybody may. Needs `topics`. Raises RightMissing."""
        ...

    @repeatable
    async def list_restricted(self, actor: Actor, request: OfTopic) -> Restricted:
        """Who may not write there in particular. Needs `ban`. Raises RightMissing."""
        ...

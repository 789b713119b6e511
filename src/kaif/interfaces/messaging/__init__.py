"""What messaging promises: an acknowledged entry is durable, gapless in its chat's order, never lost, never doubled."""

from datetime import datetime
from typing import Annotated, Literal, NewType, Protocol

import msgspec
from msgspec import Meta

from kaif.interfaces.auth import GivenUserId, Nothing, Person
from kaif.interfaces.media import MediaId
from kaif.interfaces.messaging.attached import Attachment, GivenAttachments
from kaif.interfaces.messaging.cards import Card, NewPoll
from kaif.interfaces.messaging.content import (
    Button,
    ButtonRows,
    LinkPreview,
    MessagePlace,
    Origin,
    Reaction,
    TextEntity,
)
from kaif.kernel.actor import Actor, Scope, UserId
from kaif.kernel.ids import PATTERN
from kaif.kernel.limits import Limit
from kaif.kernel.remote import repeatable

ChatId = NewType("ChatId", str)
# As a request gives it: of the form of an id, whether or not there is one.
GivenChatId = Annotated[ChatId, Meta(pattern=PATTERN)]
Seq = Annotated[int, Meta(ge=1, le=2**53)]
Ref = Annotated[str, Meta(min_length=1, max_length=64, pattern=r"^[\x21-\x7e]+$(?!\n)")]
Text = Annotated[str, Meta(min_length=1, max_length=4096)]
# Of what may have no words of its own.
Caption = Annotated[str, Meta(max_length=4096)]
Title = Annotated[str, Meta(min_length=1, max_length=128)]
Cursor = Annotated[str, Meta(max_length=64, pattern=r"^[0-9a-z-]*$")]
# Of members that are found by name it holds a word.
MemberCursor = Annotated[str, Meta(max_length=256, pattern=r"^[0-9a-z-]*$")]
ChatKind = Literal["direct", "group", "channel", "saved"]
# The `seq` of the entry that made the topic; 0 is the one of all that has no other.
TopicId = Annotated[int, Meta(ge=0, le=2**53)]
Quote = Annotated[str, Meta(max_length=1024)]
EntryKind = Literal[
    "message",
    "created",
    "joined",
    "left",
    "renamed",
    "changed",
    "promoted",
    "demoted",
    "restricted",
    "unrestricted",
    "banned",
    "transferred",
    "suspended",
    "restored",
    "timer",
    "edited",
    "deleted",
    "reacted",
    "unreacted",
    "pinned",
    "unpinned",
    "topic_made",
    "topic_changed",
    "topic_closed",
    "topic_reopened",
    "topic_deleted",
    "topic_moved",
    "moved",
    "voted",
    "closed",
    "previewed",
    "renewed",
]
Role = Literal["owner", "admin", "member"]
# What one may do in a chat. The last four are for admins alone.
RightName = Literal["send", "media", "links", "invite", "pin", "info", "delete", "ban", "admins", "topics", "edit"]
RightNames = Annotated[list[RightName], Meta(max_length=11)]

# The group of the cache in which gateways note who is connected.
PRESENCE = "presence"

# One person's messages, by whichever way they come.
SEND = Limit("send", per_minute=600, burst=100)

# Of API keys.
READ_SCOPE = Scope("messaging.read")
WRITE_SCOPE = Scope("messaging.write")

# In larger groups read marks are not shown to others: each one would have to go to everybody.
READ_MARKS_SHOWN_MEMBERS_MAX = 100
# In larger groups admins alone see who is there, unless the owner decides otherwise.
MEMBERS_SHOWN_MAX = 1000
# Larger chats are listed without the first of their members: nobody is known by them.
PEOPLE_SHOWN_MEMBERS_MAX = 200
# Of a chat as many unread mentions are named, the first ones.
MENTIONS_SHOWN_MAX = 100


class Entry(msgspec.Struct, frozen=True, omit_defaults=True, tag_field="type", tag="entry"):
    """One line of a chat's log: the same JSON over HTTP and on the socket (docs/realtime.md).

    `text` says what a `card` is in words, so that it can be read, found and told of wherever cards are not known.

    A message carries what it is now: `version` is the `seq` of the last action that changed it. An entry of an action
    names its `target`, and carries that message as `message`. What differs from person to person, `mine` of a reaction
    and `hidden`, is said only in answers to one person.
    `topic_id` is that of a message, and of what was done with a topic; there is none where it says nothing.
    A `topic_moved` says in `topic_id` that so many messages, `count`, went from there to `to_topic_id`, called `title`.
    A `timer` says how long messages from then on stay, absent for good.
    `without_preview` is said where its writer wants no `preview` of its first link.
    In a group that hides its members whoever does not look after it sees of `user_ids` at most their own, with
    `people_count` for all, and the chat's id as `sender_id` (`naming`).
    What is posted in a channel that does not sign has the chat's own id as `sender_id`. What a webhook posts carries
    its name as `webhook`, and as `sender_id` its own id, which is nobody's.
    """

    chat_id: ChatId
    seq: int
    kind: EntryKind
    sender_id: UserId
    at: datetime
    ref: str = ""
    text: str = ""
    reply_to: int = 0
    user_ids: list[UserId] = []
    title: str = ""
    entities: list[TextEntity] = []
    quote: str = ""
    forward: Origin | None = None
    silent: bool = False
    edited_at: datetime | None = None
    deleted: bool = False
    hidden: bool = False
    pinned: bool = False
    reactions: list[Reaction] = []
    version: int = 0
    target: int = 0
    emoji: str = ""
    message: "Entry | None" = None
    card: Card | None = None
    buttons: list[list[Button]] = []
    webhook: str = ""
    topic_id: int = 0
    reminder: MessagePlace | None = None
    vanish_after_s: int = 0
    preview: LinkPreview | None = None
    without_preview: bool = False
    attachments: list[Attachment] = []
    to_topic_id: int = 0
    count: int = 0
    people_count: int = 0


class Chat(msgspec.Struct, frozen=True):
    """A chat as one member sees it.

    `people` are the first ten; of channels, of chats whose members are hidden and of those with more than
    PEOPLE_SHOWN_MEMBERS_MAX there are none. `rights` is what the actor may do here, `default_rights` what members may.
    `name` is the chat's public one, or empty; `slow_mode_s` how long a member waits between messages. `hidden` counts
    the messages that the actor has deleted for themselves.
    """

    id: ChatId
    kind: ChatKind
    title: str
    created_at: datetime
    seq: int
    unread: int
    read_seq: int
    others_read_seq: int
    members_count: int
    people: list[Person]
    last_entry: Entry | None
    hidden: int
    description: str
    name: str
    role: Role
    rights: list[RightName]
    default_rights: list[RightName]
    restricted_until: datetime | None
    slow_mode_s: int
    members_hidden: bool
    signed: bool
    # How long messages that are written now stay; 0 for good.
    vanish_after_s: int
    # How the actor alone has arranged it.
    archived: bool
    muted_until: datetime | None
    pinned_at: datetime | None
    marked_unread: bool
    # Of a direct chat: the actor has blocked the other one; a stranger has begun it and waits for an answer.
    blocked: bool
    unanswered: bool
    # Whether the group is shown by topics (interfaces/messaging/topics.py).
    topics: bool
    # Whether links of messages are looked up (interfaces/messaging/previews.py).
    previews: bool
    # The id of its picture, which media shows to whoever is in it, and to everyone if its name is public.
    avatar: MediaId | None = None
    # Of a group: unread messages that mention the actor or answer them, the first MENTIONS_SHOWN_MAX in order.
    mentions: list[int] = []
    # Why moderators have closed it to everybody (interfaces/messaging/suspension.py); empty where they have not.
    suspended: str = ""
    # How many ask to be let in, for admins who answer them.
    join_requests: int = 0


class CreateChat(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`ref` makes a group's or channel's creation safe to repeat; a direct chat and `saved` exist once."""

    kind: ChatKind
    members: Annotated[list[GivenUserId], Meta(max_length=200)] = []
    title: Title | None = None
    ref: Ref | None = None


class ListChats(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    limit: Annotated[int, Meta(ge=1, le=200)] = 50
    cursor: Cursor = ""


class Chats(msgspec.Struct, frozen=True):
    """Newest activity first; `next_cursor` is null on the last page."""

    chats: list[Chat]
    next_cursor: str | None


class GetChat(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    chat_id: GivenChatId


class SendMessage(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`text` is written in the marks of docs/realtime.md; `quote` is the part of `reply_to`'s text that is answered.

    A `silent` message is not to make a sound. In a group with topics it goes into that of `topic_id`. `buttons` are for
    bots. With `without_preview` its link is not looked up. With `attachments` it needs no words. What comes `late` was
    written before its writer could see what stands above it, which stays unread.
    """

    chat_id: GivenChatId
    ref: Ref
    text: Caption = ""
    reply_to: Seq | None = None
    quote: Quote = ""
    silent: bool = False
    buttons: ButtonRows = []
    topic_id: TopicId = 0
    without_preview: bool = False
    attachments: GivenAttachments = []
    late: bool = False


class ListEntries(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The next after `after`, or the last before `before`, or the newest. `topic_id` asks for a topic alone."""

    chat_id: GivenChatId
    after: Annotated[int, Meta(ge=0, le=2**53)] | None = None
    before: Seq | None = None
    limit: Annotated[int, Meta(ge=1, le=200)] = 50
    topic_id: TopicId | None = None


class Entries(msgspec.Struct, frozen=True):
    """In ascending order of `seq`."""

    entries: list[Entry]


class Log(msgspec.Struct, frozen=True):
    """In ascending order of `seq`; `seers` are those who see who comes and goes, None where everybody does."""

    entries: list[Entry]
    seers: list[UserId] | None = None


class MarkRead(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """With `topic_id` of that topic alone."""

    chat_id: GivenChatId
    seq: Seq
    topic_id: TopicId | None = None


class ReadMark(msgspec.Struct, frozen=True):
    seq: int
    unread: int


class ChatMember(Person, frozen=True, kw_only=True):
    """Somebody in a chat: an admin's chosen rights, or what a restriction takes from a member, null being for ever."""

    role: Role
    rights: list[RightName]
    taken: list[RightName]
    restricted_until: datetime | None


class ListMembers(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Everybody, or only the owner and the admins, who come as one page.

    With a `query` those of everybody whose names have words that begin so, in the order of these words. Such a page
    may be short, even empty, with more to come: it ends where enough people have been looked at.
    """

    chat_id: GivenChatId
    limit: Annotated[int, Meta(ge=1, le=200)] = 100
    cursor: MemberCursor = ""
    who: Literal["all", "staff"] = "all"
    query: Annotated[str, Meta(max_length=64)] = ""


class Members(msgspec.Struct, frozen=True):
    members: list[ChatMember]
    next_cursor: str | None


class AddMembers(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    chat_id: GivenChatId
    user_ids: Annotated[list[GivenUserId], Meta(min_length=1, max_length=200)]


class RemoveMember(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    chat_id: GivenChatId
    user_id: GivenUserId


class Outgoing(msgspec.Struct, frozen=True, array_like=True):
    """A message on its way into the log, with its sender, for whom the gateway vouches."""

    sender_id: UserId
    chat_id: ChatId
    ref: str
    text: str
    reply_to: int | None = None
    quote: str = ""
    silent: bool = False
    # What is forwarded has been read once already: its text holds no marks.
    forward: Origin | None = None
    entities: list[TextEntity] = []
    card: Card | NewPoll | None = None
    buttons: list[list[Button]] = []
    topic_id: int = 0
    # So has what reminds of a message.
    reminder: MessagePlace | None = None
    without_preview: bool = False
    # Files that media holds for it, and the name under which it does: the message takes the hold over.
    attachments: list[Attachment] = []
    hold: str = ""
    late: bool = False


class SendBatch(msgspec.Struct, frozen=True, array_like=True):
    messages: list[Outgoing]


class Outcome(msgspec.Struct, frozen=True, array_like=True):
    """What became of one message: its place, or why there is none.

    `repeated` holds the first entry when the `ref` had been used; it was delivered long ago,
    so the gateway gives it to the sender alone.
    """

    seq: int = 0
    repeated: Entry | None = None
    code: str = ""
    detail: str = ""
    retry_after_ms: int = 0


class Outcomes(msgspec.Struct, frozen=True, array_like=True):
    """In the order of the batch."""

    outcomes: list[Outcome]


class Standing(msgspec.Struct, frozen=True, array_like=True):
    """A chat that a person is in, its newest entry, and the other one of a direct chat if the two see each other.

    In a `closed` one, where a block stands between the two, neither hears the other one type.
    """

    chat_id: ChatId
    kind: ChatKind
    seq: int
    peer_id: UserId
    closed: bool = False


class Standings(msgspec.Struct, frozen=True, array_like=True):
    """With the number of the newest press of a bot's buttons (in `bots`); 0 for people."""

    chats: list[Standing]
    callbacks: int = 0


class Messaging(Protocol):
    """Whoever names a chat must be in it: otherwise ChatNotFound is raised, or in a batch is that message's outcome.

    What is raised stands in `errors`, or with its topic.
    """

    async def create_chat(self, actor: Actor, request: CreateChat) -> Chat:
        """A new group or channel, or the direct chat with one person or oneself (`saved`), which exists once.

        Raises UnknownMember, BadTitle, PersonNotReachable, InvitationNeeded; Invalid when a direct chat is not with one
        other person; NotForBots for a bot that makes a group or channel.
        """
        ...

    @repeatable
    async def list_chats(self, actor: Actor, request: ListChats) -> Chats:
        """A page of the actor's chats. Raises BadCursor."""
        ...

    @repeatable
    async def get_chat(self, actor: Actor, request: GetChat) -> Chat:
        """One chat, as the actor sees it."""
        ...

    @repeatable
    async def send_message(self, actor: Actor, request: SendMessage) -> Entry:
        """Append a message; returns when it is durable. Repeating a ref returns the first entry.

        Attachments are the actor's own files. Raises BadText, BadReply, BadQuote, BadButtons, ButtonsForBots,
        MayNotSend, LinksNotAllowed, SlowMode, PersonNotReachable, TopicNotFound, TopicClosed, RestrictedInTopic, Busy,
        StorageFull; for attachments BadAttachments, MediaNotAllowed, MediaNotFound, Unavailable.
        """
        ...

    @repeatable
    async def list_entries(self, actor: Actor, request: ListEntries) -> Entries:
        """A page of a chat's log, or of a topic. Raises TopicsOff, TopicNotFound; Invalid when it is given both `after`
        and `before`.
        """
        ...

    @repeatable
    async def mark_read(self, actor: Actor, request: MarkRead) -> ReadMark:
        """Everything up to `seq` is read; a mark never moves back. Raises TopicsOff, TopicNotFound; Invalid when
        there is no such entry.
        """
        ...

    @repeatable
    async def list_members(self, actor: Actor, request: ListMembers) -> Members:
        """A page of the people in the chat, the oldest accounts first. Raises MembersHidden, BadCursor."""
        ...

    @repeatable
    async def add_members(self, actor: Actor, request: AddMembers) -> Chat:
        """Let people in; those who are in already are passed over. In a channel only admins may.

        Raises NotAGroup, RightMissing, UnknownMember, MemberBanned, TooManyMembers, InvitationNeeded.
        """
        ...

    @repeatable
    async def remove_member(self, actor: Actor, request: RemoveMember) -> Nothing:
        """Leave, or remove someone; they may come back. Raises NotAGroup, RightMissing, OwnerMustStay.

        When the owner of a group leaves, an admin takes over, or else whoever has the oldest account.
        """
        ...

    @repeatable
    async def send_batch(self, actor: Actor, request: SendBatch) -> Outcomes:
        """For gateways: append many people's messages in one commit, in the given order. Raises Busy, StorageFull."""
        ...

    @repeatable
    async def list_log(self, actor: Actor, request: ListEntries) -> Log:
        """For gateways: as `list_entries`, but the same for everyone in the chat, and with the names of all."""
        ...

    @repeatable
    async def get_standings(self, actor: Actor, request: Nothing) -> Standings:
        """For gateways: the actor's chats, with what is newest in each."""
        ...

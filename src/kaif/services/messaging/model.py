"""The rules of chats, free of storage."""

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

import msgspec

from kaif.interfaces.auth import Person, PersonKind
from kaif.interfaces.media import MediaId
from kaif.interfaces.messaging import (
    BadCursor,
    BadText,
    BadTitle,
    Chat,
    ChatId,
    ChatKind,
    ChatMember,
    Entry,
    EntryKind,
    Notify,
    Outgoing,
    Role,
    SlowMode,
)
from kaif.interfaces.messaging.appended import Range
from kaif.interfaces.messaging.attached import Attachment
from kaif.interfaces.messaging.cards import Card
from kaif.interfaces.messaging.content import Button, LinkPreview, MessagePlace, Origin, Reaction, TextEntity
from kaif.kernel.actor import UserId
from kaif.kernel.clock import SECOND_US, as_datetime
from kaif.kernel.errors import Invalid
from kaif.kernel.text import clean_name, clean_text
from kaif.services.messaging import buttons, card_rules, markup
from kaif.services.messaging.rights import USUAL, Member, is_restricted, names_of, rights_of

MEMBERS_MAX = 200_000
PEOPLE_SHOWN = 10
TEXT_CHARS_MAX = 4096

# The clocks of a server's machines may differ by so much.
CLOCKS_DIFFER_US = 60 * SECOND_US

TELL_EVERY_US = SECOND_US
TELL_EVERY_US_MAX = 30 * SECOND_US
# What everybody hears goes to so many people a second, whatever the size of the chat.
TOLD_PEOPLE_PER_S = 1000

# Of a chat's `topics`.
TOPICS_ON, TOPICS_OFF_AGAIN = 1, 2

# Entries that leave the texts before them as they are. Whatever else has a target may have changed it.
LEAVING_TEXTS = ("message", "reacted", "unreacted", "pinned", "unpinned", "voted", "previewed", "renewed")

OWNER: Role = "owner"
ADMIN: Role = "admin"
MEMBER: Role = "member"


class Body(msgspec.Struct, frozen=True, omit_defaults=True):
    """What is stored of an entry beside its columns: of a message all that it is now, of an action its target.

    Texts of quotes stand apart (`quoted`), so that they go with the message that they are from.
    """

    text: str = ""
    reply_to: int = 0
    user_ids: list[UserId] = []
    title: str = ""
    entities: list[TextEntity] = []
    quoted: bool = False
    forward: Origin | None = None
    silent: bool = False
    edited_at_us: int = 0
    edits: int = 0
    deleted: bool = False
    pinned: bool = False
    reactions: dict[str, int] = {}
    version: int = 0
    target: int = 0
    emoji: str = ""
    # A channel speaks for whoever wrote it.
    as_chat: bool = False
    card: Card | None = None
    buttons: list[list[Button]] = []
    # The name of the webhook that posted it.
    webhook: str = ""
    topic_id: int = 0
    reminder: MessagePlace | None = None
    vanish_after_s: int = 0
    preview: LinkPreview | None = None
    without_preview: bool = False
    attachments: list[Attachment] = []
    to_topic_id: int = 0
    count: int = 0


class Words(msgspec.Struct, frozen=True, omit_defaults=True):
    """The Body of most messages, with nothing else to look at."""

    text: str = ""
    reply_to: int = 0


class StoredEntry(msgspec.Struct, frozen=True):
    """A row of messaging_entries."""

    chat_id: ChatId
    seq: int
    kind: EntryKind
    sender_id: UserId
    at_us: int
    messages: int
    ref: str | None
    body: str


# Whether a group hides its members: by how many they are, or as its owner has decided.
MEMBERS_BY_SIZE, MEMBERS_HIDDEN, MEMBERS_SHOWN = 0, 1, 2


class StoredChat(msgspec.Struct, frozen=True):
    """A chat with one member's marks, as the lists need it."""

    id: ChatId
    kind: ChatKind
    title: str
    created_at_us: int
    active_at_us: int
    seq: int
    messages: int
    members: int
    read_seq: int
    read_messages: int
    others_read_seq: int
    hidden: int
    description: str
    name: str | None
    default_rights: int
    slow_mode_s: int
    members_hidden: int
    signed: int
    vanish_after_s: int
    role: Role
    rights: int
    taken: int
    taken_until_us: int
    archived: int
    muted_until_us: int
    pinned_at_us: int
    marked_unread: int
    blocked: int
    unanswered: int
    marks_shown: int
    topics: int
    previews: int
    avatar: MediaId | None
    suspended: str
    notify: Notify

    @property
    def member(self) -> Member:
        return Member(
            self.kind,
            self.default_rights,
            self.role,
            self.rights,
            self.taken,
            self.taken_until_us,
            suspended=self.suspended,
        )


class StoredPerson(msgspec.Struct, frozen=True):
    """The beginning of a row that says what somebody did, with their name."""

    user_id: UserId
    username: str
    display_name: str
    avatar_colour: int | None
    kind: PersonKind
    avatar: str | None

    @property
    def person(self) -> Person:
        return Person(self.user_id, self.username, self.display_name, self.avatar_colour, self.kind, self.avatar)


class StoredMember(msgspec.Struct, frozen=True):
    """Somebody in a chat, as its lists need it."""

    id: UserId
    username: str
    display_name: str
    avatar_colour: int | None
    kind: PersonKind
    avatar: str | None
    role: Role
    rights: int
    taken: int
    taken_until_us: int


class Place(msgspec.Struct):
    """Where a chat's log ends, advanced while a batch is appended, and what bears on appending to it.

    `members_seq` grows with every change of who is in the chat and of what they may do there; `shown_seq` is the last
    entry that is something to see by itself: a message, or who came and went.
    """

    chat_id: ChatId
    kind: ChatKind
    seq: int = 0
    messages: int = 0
    members_seq: int = 0
    shown_seq: int = 0
    default_rights: int = int(USUAL)
    slow_mode_s: int = 0
    signed: int = 0
    # How many blocks stand between the two of a direct chat.
    closed: int = 0
    # Whether messages are counted by topics, and whether topics are shown (migrations/0095_topics.sql).
    topics: int = 0
    # Whether it is, or was, the discussion of a channel, where answers may be comments.
    threads: int = 0
    # Why moderators have closed it, if they have.
    suspended: str = ""
    # The time that the newest entry bears, and whether the one before it bears a later one.
    written_at_us: int = 0
    jumped: bool = False
    # Where not everybody sees who comes and goes: who does. Found out when there is such news.
    seers: list[UserId] | None = None

    def come_to(self, now_us: int) -> None:
        """What is appended from here on is written now, by a clock that may be wrong; or be behind another process's.

        Such a little as that no chat sees. What is more is not held up: a clock that was far ahead for a moment would
        stop the chat's time until then.
        """
        ahead_us = self.written_at_us - now_us
        if 0 < ahead_us <= CLOCKS_DIFFER_US:
            return
        self.jumped = self.jumped or ahead_us > 0
        self.written_at_us = now_us

    @property
    def speaks(self) -> bool:
        """Whether what is written here is shown as the chat's own word."""
        return self.kind == "channel" and not self.signed


# What people take for a link, whether or not a client makes it one.
_LINK = re.compile(r"(?i)\b(?:https?://|www\.)\S|\b(?:[a-z0-9-]{1,63}\.)+(?:com|org|net|info|io|me|ru|su|рф|ton)\b")

_body = msgspec.json.Decoder(Body)
_encode = msgspec.json.Encoder().encode


def entry_of(row: StoredEntry, quote: str = "") -> Entry:
    return entry_with(row, body_of(row), quote)


def entry_with(row: StoredEntry, body: Body, quote: str = "") -> Entry:
    return Entry(
        row.chat_id,
        row.seq,
        row.kind,
        UserId(row.chat_id) if body.as_chat else row.sender_id,
        as_datetime(row.at_us),
        row.ref or "",
        body.text,
        body.reply_to,
        body.user_ids,
        body.title,
        body.entities,
        quote,
        body.forward,
        body.silent,
        as_datetime(body.edited_at_us) if body.edited_at_us else None,
        body.deleted,
        False,
        body.pinned,
        [Reaction(emoji, count) for emoji, count in body.reactions.items()] if body.reactions else [],
        body.version,
        body.target,
        body.emoji,
        card=body.card,
        buttons=body.buttons,
        webhook=body.webhook,
        topic_id=body.topic_id,
        reminder=body.reminder,
        vanish_after_s=body.vanish_after_s,
        preview=body.preview,
        without_preview=body.without_preview,
        attachments=body.attachments,
        to_topic_id=body.to_topic_id,
        count=body.count,
    )


def body_of(row: StoredEntry) -> Body:
    return _body.decode(row.body)


def shown_sender(place: Place, sender_id: UserId) -> UserId:
    """As whom the entry is shown to everyone."""
    return UserId(place.chat_id) if place.speaks else sender_id


def must_not_hurry(place: Place, last_us: int, now_us: int) -> None:
    """In a slow group the next message waits; `last_us` is when its writer wrote before. Raises SlowMode."""
    next_at_us = last_us + place.slow_mode_s * SECOND_US
    # A time to come is one of a clock that was wrong, and nobody waits for it.
    if now_us < next_at_us and last_us <= now_us + CLOCKS_DIFFER_US:
        raise SlowMode(retry_after_ms=(next_at_us - now_us) // 1000 + 1)


def without_words(body: Body) -> Body:
    """What is left of a message that was deleted."""
    return Body(
        deleted=True,
        reply_to=body.reply_to,
        as_chat=body.as_chat,
        webhook=body.webhook,
        topic_id=body.topic_id,
    )


def encoded(body: Body) -> str:
    return _encode(body).decode()


def encoded_body_of(entry: Entry) -> str:
    """Of an entry that is new: nothing has been done to it yet."""
    as_chat = str(entry.sender_id) == entry.chat_id
    more = as_chat or entry.entities or entry.quote or entry.forward or entry.silent or entry.topic_id
    rare = entry.card or entry.buttons or entry.webhook or entry.reminder or entry.without_preview or entry.attachments
    if entry.kind == "message" and not (more or rare):
        return _encode(Words(entry.text, entry.reply_to)).decode()
    return encoded(
        Body(
            entry.text,
            entry.reply_to,
            entry.user_ids,
            entry.title,
            entry.entities,
            bool(entry.quote),
            entry.forward,
            entry.silent,
            target=entry.target,
            emoji=entry.emoji,
            as_chat=as_chat,
            card=entry.card,
            buttons=entry.buttons,
            webhook=entry.webhook,
            topic_id=entry.topic_id,
            reminder=entry.reminder,
            vanish_after_s=entry.vanish_after_s,
            without_preview=entry.without_preview,
            attachments=entry.attachments,
            to_topic_id=entry.to_topic_id,
            count=entry.count,
        )
    )


def message_at(place: Place, message: Outgoing, at: datetime, people: Mapping[str, UserId]) -> Entry:
    """The message as the chat's next entry; `people` are those whom it may mention. Raises BadText, BadButtons."""
    text, entities = cleaned_caption(message.text, message.attachments), message.entities
    if message.forward is None and message.reminder is None and message.card is None:
        text, entities = markup.parse(text, people)
    rows = buttons.checked(message.buttons) if message.buttons else []
    place.seq += 1
    place.messages += 1
    place.shown_seq = place.seq
    return Entry(
        message.chat_id,
        place.seq,
        "message",
        shown_sender(place, message.sender_id),
        at,
        message.ref,
        text,
        message.reply_to or 0,
        entities=entities,
        quote=message.quote,
        forward=message.forward,
        silent=message.silent,
        card=card_rules.placed(message.card, at) if message.card else None,
        buttons=rows,
        topic_id=message.topic_id,
        reminder=message.reminder,
        without_preview=message.without_preview,
        attachments=message.attachments,
    )


def ranges_of(entries: Iterable[Entry]) -> list[Range]:
    """Of entries in the order of their places."""
    firsts: dict[ChatId, int] = {}
    lasts: dict[ChatId, int] = {}
    changed: dict[ChatId, list[int]] = {}
    for entry in entries:
        firsts.setdefault(entry.chat_id, entry.seq)
        lasts[entry.chat_id] = entry.seq
        if entry.target and entry.kind not in LEAVING_TEXTS:
            changed.setdefault(entry.chat_id, []).append(entry.target)
    return [Range(chat_id, first, lasts[chat_id], changed.get(chat_id, [])) for chat_id, first in firsts.items()]


def chat_of(
    row: StoredChat,
    people: list[Person],
    last_entry: Entry | None,
    now_us: int,
    unread: int | None = None,
    mentions: Sequence[int] = (),
    join_requests: int = 0,
) -> Chat:
    """`unread` of one with topics is the sum of theirs."""
    restricted = is_restricted(row.member, now_us)
    return Chat(
        row.id,
        row.kind,
        row.title,
        as_datetime(row.created_at_us),
        row.seq,
        row.messages - row.read_messages if unread is None else unread,
        row.read_seq,
        row.others_read_seq,
        row.members,
        people,
        last_entry,
        row.hidden,
        row.description,
        row.name or "",
        row.role,
        names_of(rights_of(row.member, now_us)),
        names_of(row.default_rights) if row.kind == "group" else [],
        as_datetime(row.taken_until_us) if restricted and row.taken_until_us else None,
        row.slow_mode_s,
        bool(row.members_hidden),
        bool(row.signed),
        row.vanish_after_s,
        bool(row.archived),
        as_datetime(row.muted_until_us) if row.muted_until_us > now_us else None,
        as_datetime(row.pinned_at_us) if row.pinned_at_us else None,
        bool(row.marked_unread),
        bool(row.blocked),
        bool(row.unanswered),
        row.topics == TOPICS_ON,
        bool(row.previews),
        row.avatar,
        list(mentions),
        row.suspended,
        join_requests,
        row.notify,
    )


def member_of(row: StoredMember, now_us: int) -> ChatMember:
    restricted = is_restricted(Member("group", 0, row.role, row.rights, row.taken, row.taken_until_us), now_us)
    return ChatMember(
        row.id,
        row.username,
        row.display_name,
        row.avatar_colour,
        row.kind,
        row.avatar,
        role=row.role,
        rights=names_of(row.rights) if row.role == "admin" else [],
        taken=names_of(row.taken) if restricted else [],
        restricted_until=as_datetime(row.taken_until_us) if restricted and row.taken_until_us else None,
    )


def erased_name(user_id: UserId) -> str:
    """What remains of an account: nobody else can have it (PersonErased.remains)."""
    return f"deleted-{user_id}"


def told_every_us(members: int) -> int:
    """How often everybody in so large a chat hears of what changes all the time, such as votes and views."""
    return min(max(TELL_EVERY_US, members * SECOND_US // TOLD_PEOPLE_PER_S), TELL_EVERY_US_MAX)


def cleaned_text(text: str) -> str:
    cleaned = clean_text(text)
    if cleaned is None or len(cleaned) > TEXT_CHARS_MAX:
        raise BadText(path="$.text")
    return cleaned


def cleaned_caption(text: str, attachments: Sequence[object]) -> str:
    """What has attachments needs no words. Raises BadText."""
    return "" if attachments and not text.strip() else cleaned_text(text)


def cleaned_title(title: str | None) -> str:
    cleaned = clean_name(title or "")
    if cleaned is None:
        raise BadTitle(path="$.title")
    return cleaned


def once_direct(one: UserId, other: UserId) -> str:
    return "direct:" + ":".join(sorted((one, other)))


def once_made(kind: ChatKind, creator: UserId, ref: str) -> str:
    return f"{kind}:{creator}:{ref}"


def once_saved(owner: UserId) -> str:
    return f"saved:{owner}"


def has_link(text: str) -> bool:
    return _LINK.search(text) is not None


def only_other(actor_id: UserId, members: list[UserId]) -> UserId:
    """A direct chat is with exactly one other person."""
    others = set(members) - {actor_id}
    if len(others) != 1:
        raise Invalid("A direct chat is with one other person.", path="$.members")
    return others.pop()


def chat_cursor(row: StoredChat) -> str:
    return f"{row.active_at_us}-{row.id}"


def parse_chat_cursor(cursor: str) -> tuple[int, ChatId]:
    active_at_us, _, chat_id = cursor.partition("-")
    if not active_at_us.isascii() or not active_at_us.isdigit() or len(active_at_us) > 18:
        raise BadCursor(path="$.cursor")
    return int(active_at_us), ChatId(chat_id)


def parse_person_cursor(cursor: str) -> tuple[int, str]:
    """When somebody did something, and who it was."""
    at_us, _, user_id = cursor.partition("-")
    if not at_us.isascii() or not at_us.isdigit() or len(at_us) > 18:
        raise BadCursor(path="$.cursor")
    return int(at_us), user_id

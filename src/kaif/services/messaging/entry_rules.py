"""The rules of entries: what is stored of each, how a message becomes the next one, and what a log's end knows."""

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

import msgspec

from kaif.interfaces.messaging import ChatId, ChatKind, Entry, EntryKind, Outgoing
from kaif.interfaces.messaging.appended import Range
from kaif.interfaces.messaging.attached import Attachment
from kaif.interfaces.messaging.cards import Card
from kaif.interfaces.messaging.content import Button, LinkPreview, MessagePlace, Origin, Reaction, TextEntity
from kaif.interfaces.messaging.errors import BadText
from kaif.kernel.actor import UserId
from kaif.kernel.clock import SECOND_US, as_datetime
from kaif.kernel.text import clean_text
from kaif.services.messaging import buttons, card_rules, markup
from kaif.services.messaging.rights import USUAL

TEXT_CHARS_MAX = 4096

# The clocks of a server's machines may differ by so much.
CLOCKS_DIFFER_US = 60 * SECOND_US

# Entries that leave the texts before them as they are. Whatever else has a target may have changed it.
LEAVING_TEXTS = ("message", "reacted", "unreacted", "pinned", "unpinned", "voted", "previewed", "renewed")


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


def cleaned_text(text: str) -> str:
    cleaned = clean_text(text)
    if cleaned is None or len(cleaned) > TEXT_CHARS_MAX:
        raise BadText(path="$.text")
    return cleaned


def cleaned_caption(text: str, attachments: Sequence[object]) -> str:
    """What has attachments needs no words. Raises BadText."""
    return "" if attachments and not text.strip() else cleaned_text(text)


def has_link(text: str) -> bool:
    return _LINK.search(text) is not None

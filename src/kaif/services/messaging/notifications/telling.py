"""Who is told of a message, and what is shown of it: rules without storage."""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec

from kaif.engines.push import MESSAGE_BYTES_MAX, Alert, Urgency
from kaif.interfaces.messaging import ChatId, ChatKind
from kaif.interfaces.messaging.attached import Attachment
from kaif.interfaces.messaging.notifications import EVERYTHING_TOLD_MEMBERS_MAX, WEEKDAYS, Notify, Weekday
from kaif.kernel.actor import UserId
from kaif.kernel.base64url import base64url
from kaif.kernel.clock import MINUTE_US, as_datetime
from kaif.services.messaging import card_rules, entry_rules, model
from kaif.services.messaging.attachments import model as files
from kaif.services.messaging.covering import covered
from kaif.services.messaging.entry_rules import StoredEntry

TOLD_WITHIN_US = 60 * MINUTE_US
# More does not fit on a lock screen.
TEXT_CHARACTERS_MAX = 200


class Message(msgspec.Struct, frozen=True):
    """A message of the log that can be told of; `addressed` are those whom it mentions or answers."""

    seq: int
    sender_id: UserId
    shown_sender_id: UserId
    at_us: int
    text: str
    silent: bool
    reminds: bool
    addressed: frozenset[UserId]
    # The name of the webhook that posted it.
    webhook: str = ""
    topic_id: int = 0
    attachments: list[Attachment] = []

    def words(self, language: str) -> str:
        """What is said of it on one line, and what stands for files that come without a word."""
        if not self.attachments:
            return shortened(self.text)
        text = self.text.strip() or files.words_for(self.attachments, language)
        return shortened(f"{files.icon_of(self.attachments)} {text}")


class Recipient(msgspec.Struct, frozen=True):
    """Somebody in a chat, and what they want to be told of it."""

    user_id: UserId
    kind: ChatKind
    title: str
    members: int
    read_seq: int
    muted_until_us: int
    notify: Notify
    preview: int
    mentions_only: int
    topics: int

    @property
    def only_addressed(self) -> bool:
        if self.notify == "mentions":
            return True
        if self.kind != "group":
            return False
        return bool(self.mentions_only) or self.members > EVERYTHING_TOLD_MEMBERS_MAX


class Listener(Recipient, frozen=True):
    """One device of somebody in a chat, as the store has it."""

    subscription_id: str
    language: str
    quiet_from: int
    quiet_until: int
    time_zone: str
    quiet_days: int
    service: str = "web"

    @property
    def is_browser(self) -> bool:
        """What goes to one is encrypted for it alone."""
        return self.service == "web"


class Shown(msgspec.Struct, frozen=True, omit_defaults=True):
    """What the browser's worker reads (web/src/service-worker.js). `badge` counts all that is unread; `topic_id` is
    where it was said in a group with topics."""

    chat_id: ChatId
    seq: int
    title: str
    author: str
    text: str
    badge: int
    language: str
    silent: bool = False
    deleted: bool = False
    topic_id: int | None = None


# Of a group with topics: how far each person has read in each, and until when they hear nothing of it.
InTopics = Mapping[tuple[UserId, int], tuple[int, int]]


def messages_of(rows: Sequence[StoredEntry], authors: Mapping[int, UserId], after_us: int) -> list[Message]:
    """Those of the entries that are messages, still there, and not older; `authors` wrote what is answered."""
    messages = []
    for row in rows:
        if row.kind != "message" or row.at_us < after_us:
            continue
        body = entry_rules.body_of(row)
        if body.deleted:
            continue
        addressed = {UserId(part.user_id) for part in body.entities if part.kind == "mention"}
        if body.reply_to in authors:
            addressed.add(authors[body.reply_to])
        shown_sender = UserId(row.chat_id) if body.as_chat else row.sender_id
        # Not to be read on a lock screen either.
        text = covered(body.text, body.entities)
        if body.card:
            text = f"{card_rules.ICONS[type(body.card)]} {text}"
        messages.append(
            Message(
                row.seq,
                row.sender_id,
                shown_sender,
                row.at_us,
                text,
                body.silent,
                body.reminder is not None,
                frozenset(addressed),
                body.webhook,
                body.topic_id,
                body.attachments,
            )
        )
    return messages


def newest_told(messages: Sequence[Message], listener: Listener, now_us: int, in_topics: InTopics) -> Message | None:
    """The last of the messages that the device is to be told of, if there is one."""
    if listener.notify == "none" or listener.muted_until_us > now_us:
        return None
    return next((message for message in reversed(messages) if _is_wanted(message, listener, now_us, in_topics)), None)


def wanted(messages: Sequence[Message], recipient: Recipient, now_us: int, in_topics: InTopics) -> list[Message]:
    """Those that they have not read, did not write, and want to hear of."""
    return [message for message in messages if _is_wanted(message, recipient, now_us, in_topics)]


def _is_wanted(message: Message, recipient: Recipient, now_us: int, in_topics: InTopics) -> bool:
    read_seq, muted_until_us = in_topics.get((recipient.user_id, message.topic_id), (0, 0))
    # What one has written is for others, but for what one had written to oneself for later.
    for_them = message.reminds or message.sender_id != recipient.user_id
    unread = message.seq > max(recipient.read_seq, read_seq)
    heard = muted_until_us <= now_us and (not recipient.only_addressed or recipient.user_id in message.addressed)
    return unread and for_them and heard


def is_quiet(listener: Listener, now_us: int) -> bool:
    if listener.quiet_from == listener.quiet_until:
        return False
    zone = zone_of(listener.time_zone) or ZoneInfo("UTC")
    now = as_datetime(now_us).astimezone(zone)
    minute, today = now.hour * 60 + now.minute, now.weekday()
    if listener.quiet_from < listener.quiet_until:
        return listener.quiet_from <= minute < listener.quiet_until and _holds(listener.quiet_days, today)
    if minute >= listener.quiet_from:
        return _holds(listener.quiet_days, today)
    # What began yesterday lasts beyond midnight.
    return minute < listener.quiet_until and _holds(listener.quiet_days, (today - 1) % 7)


def day_bits(days: Iterable[Weekday]) -> int:
    """Monday is the lowest of the seven bits."""
    return sum(1 << WEEKDAYS.index(day) for day in set(days))


def days_of(bits: int) -> list[Weekday]:
    return [day for number, day in enumerate(WEEKDAYS) if _holds(bits, number)]


def _holds(bits: int, number: int) -> bool:
    return bool(bits >> number & 1)


def zone_of(name: str) -> ZoneInfo | None:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return None


def urgency_of(message: Message, listener: Listener) -> Urgency:
    if message.silent:
        return "low"
    return "high" if listener.kind == "direct" or listener.user_id in message.addressed else "normal"


def topic_of(chat_id: ChatId) -> str:
    """One for each chat, in the 32 signs that RFC 8030, 5.4 allows."""
    return base64url(hashlib.sha256(chat_id.encode()).digest())[:32]


# What has no other topic, as clients call it (web/src/locales).
_GENERAL = {"ru": "Общее", "en": "General"}
# What a phone shows by itself where it is not to show what was written.
_NEW_MESSAGE = {"ru": "Новое сообщение", "en": "New message"}
_DELETED = {"ru": "Сообщение удалено", "en": "Message deleted"}


def topic_named(topic_id: int, titles: Mapping[int, str], language: str) -> str:
    """Empty for one that is no longer there."""
    return titles.get(topic_id) or ("" if topic_id else _GENERAL[language])


def _title(listener: Listener, topic: str) -> str:
    return f"{listener.title} · {topic}" if topic else listener.title


def shown(chat_id: ChatId, message: Message, listener: Listener, author: str, badge: int, topic: str = "") -> Alert:
    """`topic` is what it is called, in a group that has topics."""
    title = author if listener.kind == "direct" else _title(listener, topic)
    text = message.words(listener.language) if listener.preview else ""
    if not (listener.preview or listener.is_browser):
        # Whoever brings it reads it: without a preview they don't learn who wrote either.
        title = author = ""
    words = text or _NEW_MESSAGE[listener.language]
    if text and listener.kind != "direct":
        words = f"{author}: {text}"
    topic_id = message.topic_id if listener.topics == model.TOPICS_ON else None
    shown = Shown(
        chat_id, message.seq, title, author, text, badge, listener.language, message.silent, topic_id=topic_id
    )
    return _alert(shown, words)


def shown_deleted(chat_id: ChatId, seq: int, listener: Listener, badge: int) -> Alert:
    named = listener.kind != "direct" and (listener.preview or listener.is_browser)
    title = listener.title if named else ""
    shown = Shown(chat_id, seq, title, "", "", badge, listener.language, silent=True, deleted=True)
    return _alert(shown, _DELETED[listener.language])


def _alert(shown: Shown, words: str) -> Alert:
    content = msgspec.json.encode(shown)
    assert len(content) <= MESSAGE_BYTES_MAX, "every part of it is bounded"
    return Alert(content, shown.title, words, shown.badge, shown.silent, topic_of(shown.chat_id))


def shortened(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= TEXT_CHARACTERS_MAX else line[: TEXT_CHARACTERS_MAX - 1].rstrip() + "…"

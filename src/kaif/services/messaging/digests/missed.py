"""When somebody is told by letter of what they have missed, and of how much: rules without storage."""

from collections.abc import Mapping, Sequence
from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

import msgspec

from kaif.interfaces.auth import Language
from kaif.interfaces.auth.digest_letters import DigestChat, DigestLine
from kaif.interfaces.messaging import ChatId
from kaif.interfaces.messaging.digests import LINES_SHOWN_MAX, TOLD_WITHIN_DAYS, DigestSettings, Every
from kaif.kernel.actor import UserId
from kaif.kernel.clock import DAY_US, MINUTE_US, as_datetime, as_us
from kaif.services.messaging.notifications.telling import Message, Recipient, topic_named, zone_of

WAITED_US = 60 * MINUTE_US

_marks = msgspec.json.Decoder(dict[ChatId, int]).decode


class StoredDigest(msgspec.Struct, frozen=True):
    """What somebody wants, and how far it has got."""

    user_id: UserId
    every: Every
    at_minute: int
    time_zone: str
    language: Language
    since_us: int
    due_at_us: int = 0
    attempts: int = 0
    pending_id: str = ""
    pending: str = "{}"

    @property
    def settings(self) -> DigestSettings:
        return DigestSettings(self.every, self.at_minute, self.time_zone, self.language)

    @property
    def marks(self) -> dict[ChatId, int]:
        """Of the letter that is under way: the newest message of each chat."""
        return _marks(self.pending)

    def told_after_us(self, now_us: int) -> int:
        """Chosen by a clock that was ahead, it is as if it had been so before all of it."""
        since_us = self.since_us if self.since_us <= now_us else 0
        return max(since_us, now_us - TOLD_WITHIN_DAYS * DAY_US)

    def next_us(self, now_us: int) -> int:
        """When to look again, should nothing wait: before that no message can have waited long enough."""
        if self.every == "hour":
            return now_us + WAITED_US
        return next_daily_us(self.at_minute, self.time_zone, now_us)


class Missed(Recipient, frozen=True):
    """A chat of somebody's in which something is unread, as the store has it."""

    chat_id: ChatId
    seq: int
    digest_seq: int
    unanswered: int
    companion: str

    @property
    def told_seq(self) -> int:
        return max(self.read_seq, self.digest_seq)


def next_daily_us(minute: int, time_zone: str, now_us: int) -> int:
    """The next time that clocks there show it; on a day that lacks the hour, as much later as they were moved."""
    zone = zone_of(time_zone) or ZoneInfo("UTC")
    now = as_datetime(now_us).astimezone(zone)
    at = datetime.combine(now.date(), time(minute // 60, minute % 60), zone)
    while as_us(at) <= now_us:
        at = datetime.combine(at.date() + timedelta(days=1), at.time(), zone)
    return as_us(at)


def due_us(digest: StoredDigest, oldest_us: int, now_us: int) -> int:
    """When the oldest of what waits is to be told of."""
    # What is from a time to come has waited for a time that nobody knows.
    waits = digest.every == "hour" and oldest_us < now_us + WAITED_US
    return oldest_us + WAITED_US if waits else now_us


def told(
    row: Missed,
    messages: Sequence[Message],
    authors: dict[UserId, str],
    language: Language,
    topics: Mapping[int, str] | None = None,
) -> DigestChat:
    """How the letter tells of a chat. Strangers have no words in it: they could be anybody's advertisement.

    `topics` are those of a group that has them, by what they are called.
    """
    if row.unanswered:
        return DigestChat(row.chat_id, "", len(messages), [])
    lines = []
    if row.preview:
        lines = [
            DigestLine(
                authors.get(each.shown_sender_id, row.title),
                each.words(language),
                "" if topics is None else topic_named(each.topic_id, topics, language),
            )
            for each in messages[-LINES_SHOWN_MAX:]
        ]
    return DigestChat(row.chat_id, row.companion if row.kind == "direct" else row.title, len(messages), lines)

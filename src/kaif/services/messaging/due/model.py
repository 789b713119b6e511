"""What stands in the queue of what is due."""

from collections.abc import Iterable
from typing import Literal

import msgspec

from kaif.interfaces.media import MediaId
from kaif.interfaces.messaging import ChatId, Entry
from kaif.interfaces.messaging.attached import Attachment
from kaif.interfaces.messaging.reminders import Reminder
from kaif.interfaces.messaging.scheduled import Scheduled
from kaif.kernel.actor import UserId
from kaif.kernel.clock import as_datetime, as_us
from kaif.kernel.ids import new_id

DueKind = Literal["message", "reminder", "vanish", "files", "picture"]
NOBODYS = UserId("")


class StoredDue(msgspec.Struct, frozen=True):
    """A row of messaging_due."""

    id: str
    kind: DueKind
    user_id: UserId
    chat_id: ChatId
    once: str
    due_at_us: int
    look_at_us: int
    failure: str
    body: str
    # Of what is to vanish: when it was decided when to look.
    set_at_us: int = 0


class ScheduledBody(msgspec.Struct, frozen=True, omit_defaults=True):
    """The body of a message that waits."""

    ref: str
    text: str
    reply_to: int = 0
    silent: bool = False
    topic_id: int = 0
    attachments: list[Attachment] = []
    hold: str = ""
    quote: str = ""
    without_preview: bool = False
    # Of the channel's: then this is a comment.
    post: int | None = None


class Reminded(msgspec.Struct, frozen=True):
    """The body of a reminder: of which message of the chat."""

    seq: int


class PictureLook(msgspec.Struct, frozen=True):
    """The body of a look at whether any preview shows a picture."""

    media_id: MediaId


class Period(msgspec.Struct, frozen=True):
    """The body of a time during which a chat's messages were to vanish: between these two entries, 0 for to this day.

    The log has been gone through up to and with `done_seq`. What stands up to `seen_seq` was there at `seen_at_us`: so
    it is noted where something bears a time to come.
    """

    after_us: int
    first_seq: int
    last_seq: int
    done_seq: int
    seen_seq: int = 0
    seen_at_us: int = 0

    def covers(self, seq: int) -> bool:
        return self.first_seq < seq and (self.last_seq == 0 or seq <= self.last_seq)


_scheduled_body = msgspec.json.Decoder(ScheduledBody)
_reminded = msgspec.json.Decoder(Reminded)
_picture = msgspec.json.Decoder(PictureLook)
_period = msgspec.json.Decoder(Period)


def scheduled_body_of(row: StoredDue) -> ScheduledBody:
    return _scheduled_body.decode(row.body)


def hold_of_scheduled(body: str) -> str:
    """What keeps the files of a message that waits; empty where it has none."""
    return _scheduled_body.decode(body).hold


def reminded_of(row: StoredDue) -> Reminded:
    return _reminded.decode(row.body)


def picture_of(row: StoredDue) -> MediaId:
    return _picture.decode(row.body).media_id


def period_of(row: StoredDue) -> Period:
    return _period.decode(row.body)


def periods_of(rows: Iterable[StoredDue]) -> list[Period]:
    return [period_of(row) for row in rows]


def copy_to_vanish(copy: Entry, at_us: int) -> StoredDue:
    """Of this one message, which is to go then: a period of its own, that its chat's timer has no part in."""
    written_at_us = as_us(copy.at)
    period = Period(at_us - written_at_us, copy.seq - 1, copy.seq, copy.seq - 1)
    once = f"vanish:{copy.chat_id}:{copy.seq}:copy"
    return StoredDue(new_id(), "vanish", NOBODYS, copy.chat_id, once, at_us, at_us, "", encoded(period), written_at_us)


def reminder_of(row: StoredDue) -> Reminder:
    return Reminder(row.id, row.chat_id, reminded_of(row).seq, as_datetime(row.due_at_us))


def encoded(body: msgspec.Struct) -> str:
    return msgspec.json.encode(body).decode()


def scheduled_of(row: StoredDue) -> Scheduled:
    body = scheduled_body_of(row)
    return Scheduled(
        row.id,
        row.chat_id,
        body.ref,
        body.text,
        as_datetime(row.due_at_us),
        body.reply_to,
        body.silent,
        row.failure,
        body.topic_id,
        body.attachments,
        body.quote,
        body.without_preview,
        body.post,
    )

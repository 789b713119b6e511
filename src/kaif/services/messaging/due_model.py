"""What stands in the queue of what is due."""

from typing import Literal

import msgspec

from kaif.interfaces.messaging import ChatId
from kaif.interfaces.messaging.scheduled import Scheduled
from kaif.kernel.actor import UserId
from kaif.kernel.clock import as_datetime

DueKind = Literal["message"]


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


class Words(msgspec.Struct, frozen=True, omit_defaults=True):
    """The body of a message that waits."""

    ref: str
    text: str
    reply_to: int = 0
    silent: bool = False


_words = msgspec.json.Decoder(Words)


def words_of(row: StoredDue) -> Words:
    return _words.decode(row.body)


def encoded(body: msgspec.Struct) -> str:
    return msgspec.json.encode(body).decode()


def scheduled_of(row: StoredDue) -> Scheduled:
    words = words_of(row)
    return Scheduled(
        row.id,
        row.chat_id,
        words.ref,
        words.text,
        as_datetime(row.due_at_us),
        words.reply_to,
        words.silent,
        row.failure,
    )

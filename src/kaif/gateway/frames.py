"""What travels on a socket, beside the entries themselves (docs/realtime.md)."""

from typing import Annotated

import msgspec
from msgspec import Meta

from kaif.interfaces.messaging import ChatId, GivenChatId, MarkRead, SendMessage, TopicId
from kaif.kernel.actor import UserId

FRAME_BYTES_MAX = 64 * 1024
# Of the frames that go out: many client libraries take no more than a megabyte.
JOINED_BYTES_MAX = 512 * 1024


class Send(SendMessage, frozen=True, forbid_unknown_fields=True, tag_field="type", tag="send"):
    pass


class Read(MarkRead, frozen=True, forbid_unknown_fields=True, tag_field="type", tag="read"):
    pass


class Typing(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="type", tag="typing"):
    chat_id: GivenChatId
    topic_id: TopicId | None = None


Event = Send | Read | Typing
Events = Annotated[list[Event], Meta(max_length=100)]


class Hello(msgspec.Struct, frozen=True, omit_defaults=True, tag_field="type", tag="hello"):
    """`callbacks` is the number of the newest press of a bot's buttons."""

    user_id: UserId
    chats: dict[ChatId, int]
    online: list[UserId]
    callbacks: int = 0


class Refused(msgspec.Struct, frozen=True, omit_defaults=True, tag_field="type", tag="refused"):
    ref: str
    code: str
    detail: str
    retry_after_ms: int = 0


class TypingOf(msgspec.Struct, frozen=True, omit_defaults=True, tag_field="type", tag="typing"):
    """`topic_id` is where, as the one who types says; it may be no topic at all."""

    chat_id: ChatId
    user_id: UserId
    topic_id: int | None = None


class Presence(msgspec.Struct, frozen=True, tag_field="type", tag="presence"):
    user_id: UserId
    online: bool


class CloseCode:
    GOING_AWAY = 1001
    RESUME = 4000
    UNAUTHENTICATED = 4001
    MALFORMED = 4002
    FLOODING = 4008


encode = msgspec.json.Encoder().encode
decode = msgspec.json.Decoder(Event | Events).decode


def joined(events: list[bytes]) -> list[bytes]:
    """Texts of frames that hold several events each, as many as fit."""
    if len(events) == 1:
        return events
    texts: list[bytes] = []
    first = size = 0
    for place, event in enumerate(events):
        if size and size + len(event) > JOINED_BYTES_MAX:
            texts.append(_array(events[first:place]))
            first, size = place, 0
        size += len(event)
    return [*texts, _array(events[first:])]


def _array(events: list[bytes]) -> bytes:
    return events[0] if len(events) == 1 else b"[" + b",".join(events) + b"]"


def text_frame(payload: bytes) -> bytes:
    """A whole unmasked WebSocket text frame (RFC 6455, 5.2), made once and written to every reader."""
    length = len(payload)
    if length < 126:
        return bytes((0x81, length)) + payload
    if length < 65536:
        return b"\x81\x7e" + length.to_bytes(2, "big") + payload
    return b"\x81\x7f" + length.to_bytes(8, "big") + payload


def payload_of(frame: bytes) -> bytes:
    """What `text_frame` was given."""
    return frame[2 if frame[1] < 126 else 4 if frame[1] == 126 else 10 :]

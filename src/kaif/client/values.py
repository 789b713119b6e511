"""What the server says, as values. Fields and kinds that a newer server adds are no errors."""

from datetime import datetime
from typing import Any

import msgspec


class Entry(msgspec.Struct, frozen=True):
    """One line of a chat's log. `data` is all of it as it came, for kinds that are newer than this client."""

    chat_id: str
    seq: int
    kind: str
    sender_id: str
    at: datetime
    ref: str = ""
    text: str = ""
    reply_to: int = 0
    user_ids: list[str] = []
    title: str = ""
    data: dict[str, Any] = {}


class Person(msgspec.Struct, frozen=True):
    id: str
    username: str
    display_name: str


class Chat(msgspec.Struct, frozen=True):
    """A chat as the client's account sees it."""

    id: str
    kind: str
    title: str
    seq: int
    unread: int
    read_seq: int
    members_count: int
    people: list[Person]


class Tokens(msgspec.Struct, frozen=True):
    """A session's proof. A refresh token works once: whoever keeps it must keep each new one (docs/sessions.md)."""

    access_token: str
    refresh_token: str


def entry_of(event: dict[str, Any]) -> Entry:
    return msgspec.convert({**event, "data": event}, Entry)

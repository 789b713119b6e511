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
    # Where a group hides its members, instead of their names.
    people_count: int = 0
    # Of a group with topics: which one, 0 being what has no other. What is done in a topic names it, too.
    topic_id: int = 0
    data: dict[str, Any] = {}

    @property
    def attachments(self) -> list[dict[str, Any]]:
        """Each with its `media_id`, `kind`, `name`, `type` and `size` (docs/realtime.md)."""
        return list(self.data.get("attachments", ()))

    @property
    def command(self) -> "Command | None":
        """What the message begins with, if that is a command: `/deploy@lakebot now`."""
        for entity in self.data.get("entities", ()):
            if entity["kind"] == "command" and entity["offset"] == 0:
                # A command has nothing but ASCII, where all ways of counting agree.
                written, rest = self.text[: entity["length"]], self.text[entity["length"] :]
                return Command(written[1:].partition("@")[0].lower(), rest.strip(), entity.get("user_id", ""))
        return None


class Command(msgspec.Struct, frozen=True):
    """`bot_id` is whom it is for, or empty where it doesn't say: then it is for every bot of the chat."""

    name: str
    rest: str
    bot_id: str = ""


class Callback(Entry, frozen=True, kw_only=True):
    """Somebody (`sender_id`) has pressed a button of the bot's under the message `seq`; its `kind` is "callback".

    `button` is the button's data. `number` counts the bot's presses; they stand in no chat's log.
    """

    id: str
    number: int
    button: str


class Button(msgspec.Struct, frozen=True, omit_defaults=True):
    """Under a message of a bot's: with `data`, 64 bytes at most, it comes back to the bot; with `url` it opens that."""

    text: str
    data: str = ""
    url: str = ""


class File(msgspec.Struct, frozen=True, omit_defaults=True, rename={"sent_as": "as"}):
    """A file that goes with a message: shown by what it is (`media`), as a `file` to be saved, or as a `voice`."""

    media_id: str
    sent_as: str = "media"
    spoiler: bool = False


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


def callback_of(event: dict[str, Any]) -> Callback:
    return Callback(
        event["chat_id"],
        event["seq"],
        "callback",
        event["user_id"],
        msgspec.convert(event["at"], datetime),
        data=event,
        id=event["id"],
        number=event["number"],
        button=event["data"],
    )


def entry_of(event: dict[str, Any]) -> Entry:
    return msgspec.convert({**event, "data": event}, Entry)

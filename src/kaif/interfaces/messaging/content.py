"""What a message holds beside its text: the parts of it that are more than letters, reactions, where it came from.

Offsets and lengths count UTF-16 code units, as strings do in JavaScript, Java and Swift: an emoji outside the basic
plane is two.
"""

from datetime import datetime
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from kaif.interfaces.media import MediaId
from kaif.kernel.actor import UserId

EntityKind = Literal[
    "bold",
    "italic",
    "strike",
    "code",
    "pre",
    "spoiler",
    "quote",
    "link",
    "url",
    "email",
    "mention",
    "hashtag",
    "command",
]


class TextEntity(msgspec.Struct, frozen=True, omit_defaults=True):
    """A part of the text. Entities nest or lie apart, they never cross; outer ones come first.

    `url` is where a `link` leads, always by http, https or mailto; `user_id` is whom a `mention` names, or the bot that
    a `command` is for; `language` is what a `pre` (a block of code) is written in.
    """

    kind: EntityKind
    offset: int
    length: int
    url: str = ""
    user_id: str = ""
    language: str = ""


class Reaction(msgspec.Struct, frozen=True, omit_defaults=True):
    """How many reacted with an emoji, and whether one did so oneself: what goes to everybody doesn't say the latter."""

    emoji: str
    count: int
    mine: bool = False


class Button(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """Under a message of a bot's: it goes to the bot with `data`, of 64 bytes at most, or opens `url`; one of both."""

    text: Annotated[str, Meta(min_length=1, max_length=64)]
    data: Annotated[str, Meta(max_length=64)] = ""
    url: Annotated[str, Meta(max_length=512)] = ""


BUTTONS_IN_ROW_MAX = 8
BUTTON_ROWS_MAX = 8
ButtonRow = Annotated[list[Button], Meta(min_length=1, max_length=BUTTONS_IN_ROW_MAX)]
ButtonRows = Annotated[list[ButtonRow], Meta(max_length=BUTTON_ROWS_MAX)]


class MessagePlace(msgspec.Struct, frozen=True):
    """Of which message a reminder is."""

    chat_id: str
    seq: int


class PreviewPicture(msgspec.Struct, frozen=True, omit_defaults=True):
    """A file of media's, made small, of no site's own bytes. Sides are in pixels; `thumbhash` is base64 and paints a
    placeholder at once."""

    media_id: MediaId
    width: int
    height: int
    thumbhash: str = ""


class LinkPreview(msgspec.Struct, frozen=True, omit_defaults=True):
    """What the page says of itself to which the first link of a message leads: a stranger's words, as plain text.

    `url` is the link, `host` where the page was found in the end, whatever it calls its `site`. `picture` is what the
    page shows itself by, if it does.
    """

    url: str
    host: str
    title: str
    site: str = ""
    description: str = ""
    picture: PreviewPicture | None = None


class Origin(msgspec.Struct, frozen=True, omit_defaults=True):
    """Who wrote first what was forwarded, and when; `sender_id` is empty where they do not want to be named.

    Of a channel's own word it is the channel's id, and `seq` the post's; where the channel was public, with the `title`
    that it had and its `name`, by which whoever does not follow it finds it.
    """

    sender_id: UserId
    at: datetime
    title: str = ""
    seq: int = 0
    name: str = ""

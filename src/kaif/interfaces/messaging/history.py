"""What messaging promises about taking one's history along: all of it, in a form that people or programs can read."""

from typing import Annotated, Literal, Protocol

import msgspec
from msgspec import Meta

from kaif.interfaces.media import MediaId
from kaif.interfaces.messaging import Cursor, GivenChatId
from kaif.kernel.actor import Actor
from kaif.kernel.limits import Limit
from kaif.kernel.remote import repeatable

# A part holds some hundred messages: a large history takes thousands.
EXPORT = Limit("export", per_minute=1200, burst=120)


class ExportHistory(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Of one chat, or of all that the person is in, and then what they wrote themselves in those that they have left.
    `html` is a page that opens without a network; that of all chats says what else is held, too. Its times are those of
    the time zone (IANA). `with_files` is for whoever lays the files beside it.
    """

    format: Literal["json", "html"] = "json"
    language: Literal["ru", "en"] = "en"
    chat_id: GivenChatId | None = None
    cursor: Cursor = ""
    with_files: bool = False
    time_zone: Annotated[str, Meta(max_length=64)] = "UTC"


class HistoryFile(msgspec.Struct, frozen=True):
    """A file that is beside the history at `path`, by which the history names it. `size` is in bytes: what
    media serves of a picture may be smaller."""

    media_id: MediaId
    path: str
    size: int


class HistoryPart(msgspec.Struct, frozen=True):
    """Parts put one after another are the file; `next_cursor` is null in the last one.

    `entries` counts those of the log that it took. `files` are those of its messages, if they were asked for: media
    gives their content to those who may still see it.
    """

    content: str
    next_cursor: str | None
    entries: int = 0
    files: list[HistoryFile] = []


class History(Protocol):
    @repeatable
    async def export_history(self, actor: Actor, request: ExportHistory) -> HistoryPart:
        """The next part of a file with everything that the person may read, and all that they wrote.

        Raises ChatNotFound, BadCursor, UnknownTimeZone.
        """
        ...

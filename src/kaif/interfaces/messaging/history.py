"""What messaging promises about taking one's history along: all of it, in a form that people or programs can read."""

from typing import Literal, Protocol

import msgspec

from kaif.interfaces.media import MediaId
from kaif.interfaces.messaging import Cursor, GivenChatId
from kaif.kernel.actor import Actor
from kaif.kernel.limits import Limit
from kaif.kernel.remote import repeatable

# A part holds some hundred messages: a large history takes thousands.
EXPORT = Limit("export", per_minute=1200, burst=120)


class ExportHistory(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Of one chat, or of all that the person is in. `html` is a page that opens without a network; that of
    all chats says what else is held, too. `with_files` is for whoever lays the files beside it.
    """

    format: Literal["json", "html"] = "json"
    language: Literal["ru", "en"] = "en"
    chat_id: GivenChatId | None = None
    cursor: Cursor = ""
    with_files: bool = False


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
        """The next part of a file with everything that the person may read. Raises ChatNotFound, BadCursor."""
        ...

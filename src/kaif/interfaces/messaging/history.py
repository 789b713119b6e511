"""What messaging promises about taking one's history along: all of it, in a form that people or programs can read."""

from typing import Literal, Protocol

import msgspec

from kaif.interfaces.messaging import Cursor, GivenChatId
from kaif.kernel.actor import Actor
from kaif.kernel.limits import Limit
from kaif.kernel.remote import repeatable

# A part holds some hundred messages: a large history takes thousands.
EXPORT = Limit("export", per_minute=1200, burst=120)


class ExportHistory(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Of one chat, or of all that the person is in. `html` is a page that opens without a network; that of
    all chats says what else is held, too.
    """

    format: Literal["json", "html"] = "json"
    language: Literal["ru", "en"] = "en"
    chat_id: GivenChatId | None = None
    cursor: Cursor = ""


class HistoryPart(msgspec.Struct, frozen=True):
    """Parts put one after another are the file; `next_cursor` is null in the last one."""

    content: str
    next_cursor: str | None


class History(Protocol):
    @repeatable
    async def export_history(self, actor: Actor, request: ExportHistory) -> HistoryPart:
        """The next part of a file with everything that the person may read. Raises ChatNotFound, BadCursor."""
        ...

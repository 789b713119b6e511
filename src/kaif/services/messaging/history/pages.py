"""A history as a file, written in parts: JSON for programs, or a page of HTML for people."""

from collections.abc import Sequence
from datetime import datetime
from typing import Literal, Protocol
from zoneinfo import ZoneInfo

import msgspec

from kaif.interfaces.messaging import Chat, ChatId, ChatKind, Entry
from kaif.kernel.actor import UserId
from kaif.services.messaging.attachments import model as files
from kaif.services.messaging.history.html_pages import Beside, HtmlPages
from kaif.services.messaging.history.words import Language

FORMAT = "kaif-ozero.messages.v1"

_json = msgspec.json.Encoder().encode


class Pages(Protocol):
    """How a file begins, how each chat begins and ends in it, how its entries are written, and how it ends."""

    def begin(self, me: UserId, at: datetime) -> str: ...

    def begin_chat(self, chat: Chat, title: str, *, first: bool) -> str: ...

    def begin_left(self, id: ChatId, kind: ChatKind, title: str, *, first: bool) -> str: ...

    def entries(self, entries: Sequence[Entry], beside: Beside, *, first: bool) -> str: ...

    def end_chat(self) -> str: ...

    def end(self) -> str: ...


def pages_of(format: Literal["json", "html"], language: Language, with_files: bool, zone: ZoneInfo) -> Pages:
    return JsonPages(with_files) if format == "json" else HtmlPages(language, with_files, zone)


class JsonPages:
    def __init__(self, with_files: bool) -> None:
        self._with_files = with_files

    def begin(self, me: UserId, at: datetime) -> str:
        return f'{{"format":"{FORMAT}","person_id":"{me}","exported_at":"{at.isoformat()}","chats":['

    def begin_chat(self, chat: Chat, title: str, *, first: bool) -> str:
        head = msgspec.structs.replace(chat, last_entry=None)
        return f'{"" if first else ","}\n{{"chat":{_json(head).decode()},"entries":['

    def begin_left(self, id: ChatId, kind: ChatKind, title: str, *, first: bool) -> str:
        head = {"id": id, "kind": kind, "title": title}
        return f'{"" if first else ","}\n{{"left":true,"chat":{_json(head).decode()},"entries":['

    def entries(self, entries: Sequence[Entry], beside: Beside, *, first: bool) -> str:
        lines = [_json(self._line(entry, beside)).decode() for entry in entries]
        return ("" if first or not lines else ",") + ",".join(f"\n{line}" for line in lines)

    def _line(self, entry: Entry, beside: Beside) -> dict[str, object]:
        # What an action changed stands in its own place.
        line: dict[str, object] = msgspec.to_builtins(msgspec.structs.replace(entry, message=None))
        if self._with_files and entry.attachments:
            line["attachments"] = [
                {**msgspec.to_builtins(one), "path": files.kept_at(one)} for one in entry.attachments
            ]
        return {**line, "sender": beside.people.get(entry.sender_id)}

    def end_chat(self) -> str:
        return "]}"

    def end(self) -> str:
        return "\n]}\n"

"""A history as a file, written in parts: JSON for programs, or one page of HTML that needs nothing but itself."""

import base64
import hashlib
from collections.abc import Mapping, Sequence
from html import escape
from typing import Literal, Protocol

import msgspec

from kaif.interfaces.auth import Person
from kaif.interfaces.messaging import Chat, Entry
from kaif.interfaces.messaging.attached import Attachment
from kaif.interfaces.messaging.cards import Card, Contact, Location, Poll, PollOption
from kaif.interfaces.messaging.content import LinkPreview
from kaif.kernel.actor import UserId
from kaif.services.messaging import cards, files

Language = Literal["ru", "en"]
People = Mapping[UserId, Person]

FORMAT = "kaif-ozero.messages.v1"

_json = msgspec.json.Encoder().encode


class Pages(Protocol):
    """How a file begins, how each chat begins and ends in it, how its entries are written, and how it ends."""

    def begin(self, me: UserId, at: str) -> str: ...

    def begin_chat(self, chat: Chat, title: str, *, first: bool) -> str: ...

    def entries(self, entries: Sequence[Entry], people: People, *, first: bool) -> str: ...

    def end_chat(self) -> str: ...

    def end(self) -> str: ...


def pages_of(format: Literal["json", "html"], language: Language) -> Pages:
    return JsonPages() if format == "json" else HtmlPages(language)


class JsonPages:
    def begin(self, me: UserId, at: str) -> str:
        return f'{{"format":"{FORMAT}","person_id":"{me}","exported_at":"{at}","chats":['

    def begin_chat(self, chat: Chat, title: str, *, first: bool) -> str:
        head = msgspec.structs.replace(chat, last_entry=None)
        return f'{"" if first else ","}\n{{"chat":{_json(head).decode()},"entries":['

    def entries(self, entries: Sequence[Entry], people: People, *, first: bool) -> str:
        lines = []
        for entry in entries:
            # What an action changed stands in its own place.
            alone = msgspec.structs.replace(entry, message=None)
            lines.append(_json({**msgspec.to_builtins(alone), "sender": people.get(entry.sender_id)}).decode())
        return ("" if first or not lines else ",") + ",".join(f"\n{line}" for line in lines)

    def end_chat(self) -> str:
        return "]}"

    def end(self) -> str:
        return "\n]}\n"


# What was done with messages shows in the messages.
_ACTIONS = (
    "edited",
    "deleted",
    "reacted",
    "unreacted",
    "pinned",
    "unpinned",
    "voted",
    "closed",
    "previewed",
    "renewed",
    "topic_changed",
)

_STYLE = """
:root{color-scheme:light dark;--line:#8884;--in:#8881}
body{max-width:46rem;margin:0 auto;padding:1.5rem 1rem;font:15px/1.45 system-ui,sans-serif;overflow-wrap:anywhere}
h1{font-size:1.4rem}h3{margin:1.5rem 0 .5rem;font-size:1rem}
h2{margin:2.5rem 0 1rem;padding-bottom:.5rem;border-bottom:1px solid var(--line);font-size:1.15rem}
ol{list-style:none;margin:0;padding:0}li{margin:.4rem 0;padding:.5rem .75rem;border-radius:.75rem;background:var(--in)}
li.note{background:none;text-align:center;opacity:.75}
time{opacity:.7;font-size:.85em;font-variant-numeric:tabular-nums}p{margin:.15rem 0 0;white-space:pre-wrap}
ul{list-style:none;margin:.25rem 0 0;padding:0}ul li{margin:.15rem 0;padding:0;background:none}
blockquote{margin:.25rem 0;padding-left:.6rem;border-left:3px solid var(--line);opacity:.8}
"""

_WORDS: dict[Language, dict[str, str]] = {
    "ru": {
        "title": "История сообщений",
        "made": "Сохранено",
        "created": "создаёт чат",
        "topic_made": "открывает тему",
        "topic_closed": "закрывает тему",
        "topic_reopened": "снова открывает тему",
        "topic_deleted": "удаляет тему",
        "joined": "добавляет:",
        "left": "Вышли:",
        "answers": "Ответ на сообщение",
        "someone": "Участник",
        "other": "действие",
        "deleted": "Сообщение удалено",
        "timer": "меняет, сколько хранятся новые сообщения",
        "edited": "изменено",
        "voters": "Проголосовало",
        "mine": "ваш ответ",
        "right": "верно",
    },
    "en": {
        "title": "History of messages",
        "made": "Saved",
        "created": "creates the chat",
        "topic_made": "opens the topic",
        "topic_closed": "closes the topic",
        "topic_reopened": "reopens the topic",
        "topic_deleted": "deletes the topic",
        "joined": "adds:",
        "left": "Left:",
        "answers": "In reply to message",
        "someone": "Member",
        "other": "action",
        "deleted": "Message deleted",
        "timer": "changes how long new messages stay",
        "edited": "edited",
        "voters": "Votes",
        "mine": "your answer",
        "right": "correct",
    },
}


class HtmlPages:
    def __init__(self, language: Language) -> None:
        self._language, self._words = language, _WORDS[language]

    def begin(self, me: UserId, at: str) -> str:
        style = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
        policy = f"default-src 'none'; style-src 'sha256-{style}'; base-uri 'none'; form-action 'none'"
        title = escape(self._words["title"])
        return (
            f'<!doctype html>\n<html lang="{self._language}">\n<head>\n<meta charset="utf-8">\n'
            f'<meta http-equiv="content-security-policy" content="{escape(policy)}">\n'
            '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
            f"<title>{title}</title>\n<style>{_STYLE}</style>\n</head>\n<body>\n<h1>{title}</h1>\n"
            f"<p>{escape(self._words['made'])} <time>{escape(at)}</time></p>\n"
        )

    def begin_chat(self, chat: Chat, title: str, *, first: bool) -> str:
        return f'<section id="{chat.id}">\n<h2>{escape(title)}</h2>\n<ol>\n'

    def entries(self, entries: Sequence[Entry], people: People, *, first: bool) -> str:
        return "".join(self._entry(entry, people) for entry in entries)

    def _entry(self, entry: Entry, people: People) -> str:
        if entry.hidden or entry.kind in _ACTIONS:
            return ""
        author = escape(entry.webhook) or self._name(entry.sender_id, people)
        at = f'<time datetime="{entry.at.isoformat()}">{entry.at:%Y-%m-%d %H:%M} UTC</time>'
        if entry.kind != "message":
            return f'<li id="{entry.chat_id}-{entry.seq}" class="note">{author} {self._deed(entry, people)} {at}</li>\n'
        answer = ""
        if entry.reply_to:
            place = f"{entry.chat_id}-{entry.reply_to}"
            answer = f'<blockquote><a href="#{place}">{self._words["answers"]} {entry.reply_to}</a></blockquote>'
        card = self._card(entry.card, people) + self._files(entry.attachments) + _preview(entry.preview)
        place = f"{entry.chat_id}-{entry.seq}"
        return f'<li id="{place}"><b>{author}</b> {at}{answer}<p>{self._text(entry)}</p>{card}</li>\n'

    def _text(self, entry: Entry) -> str:
        if entry.deleted:
            return f"<i>{self._words['deleted']}</i>"
        edited = f" <i>({self._words['edited']})</i>" if entry.edited_at else ""
        reactions = " ".join(f"{escape(each.emoji)} {each.count}" for each in entry.reactions)
        return f"{escape(entry.text)}{edited}{f'<br><small>{reactions}</small>' if reactions else ''}"

    def _card(self, card: Card | None, people: People) -> str:
        match card:
            case Poll():
                return self._poll(card)
            case Location():
                return f"<p>{escape(cards.coordinates(card))}</p>"
            case Contact():
                return f"<p>{self._name(card.user_id, people)}</p>"
            case _:
                return ""

    def _files(self, attachments: Sequence[Attachment]) -> str:
        """Their content is with media: it is taken along by the ids that the file for programs names."""
        lines = (f"<li>{files.ICONS[one.kind]} {escape(one.name)}</li>" for one in attachments)
        return f"<ul>{''.join(lines)}</ul>" if attachments else ""

    def _poll(self, poll: Poll) -> str:
        lines = []
        shares = cards.percents([option.votes for option in poll.options], poll.voters)
        for place, (option, share) in enumerate(zip(poll.options, shares, strict=True)):
            notes = [f"{share} %", *self._notes(option, right=place == poll.correct)]
            lines.append(f"<li>{escape(option.text)}: {option.votes} ({', '.join(notes)})</li>")
        explained = f"<p><i>{escape(poll.explanation)}</i></p>" if poll.explanation else ""
        return f"<ul>{''.join(lines)}</ul><p><small>{self._words['voters']}: {poll.voters}</small></p>{explained}"

    def _notes(self, option: PollOption, *, right: bool) -> list[str]:
        return [self._words[word] for word, so in (("mine", option.mine), ("right", right)) if so]

    def _deed(self, entry: Entry, people: People) -> str:
        whom = ", ".join(self._name(user_id, people) for user_id in entry.user_ids)
        match entry.kind:
            case "created" | "topic_made" | "topic_closed" | "topic_reopened" | "topic_deleted":
                return f"{self._words[entry.kind]} {escape(entry.title)}".strip()
            case "joined" | "left":
                return f"{self._words[entry.kind]} {whom}"
            case "timer":
                return self._words[entry.kind]
            case kind:
                return f"({self._words['other']}: {escape(kind)})"

    def _name(self, user_id: UserId, people: People) -> str:
        person = people.get(user_id)
        return escape(person.display_name if person else self._words["someone"])

    def end_chat(self) -> str:
        return "</ol>\n</section>\n"

    def end(self) -> str:
        return "</body>\n</html>\n"


def _preview(preview: LinkPreview | None) -> str:
    """In words alone: where it leads the text of the message says."""
    if preview is None:
        return ""
    site = " · ".join(escape(part) for part in (preview.site, preview.host) if part)
    described = f"<br>{escape(preview.description)}" if preview.description else ""
    return f"<blockquote><small>{site}</small><br><b>{escape(preview.title)}</b>{described}</blockquote>"

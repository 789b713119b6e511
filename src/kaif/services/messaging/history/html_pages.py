"""A history as one page of HTML that needs nothing but itself, and the files beside it where they were taken along."""

import base64
import hashlib
from collections.abc import Mapping, Sequence
from datetime import datetime
from html import escape
from urllib.parse import quote
from zoneinfo import ZoneInfo

import msgspec

from kaif.interfaces.auth import Person
from kaif.interfaces.messaging import Chat, ChatId, ChatKind, Entry
from kaif.interfaces.messaging.attached import Attachment
from kaif.interfaces.messaging.cards import Card, Contact, Location, Poll, PollOption
from kaif.interfaces.messaging.content import Button, LinkPreview, Origin
from kaif.kernel.actor import UserId
from kaif.services.messaging import card_rules
from kaif.services.messaging.attachments import model as files
from kaif.services.messaging.covering import covered
from kaif.services.messaging.history.rich_text import html_of, link, time_of
from kaif.services.messaging.history.words import WORDS, Language

# Of the message that is answered, so much is said where no part of it was quoted.
_ANSWERED_CHARACTERS_MAX = 120
_UNITS = ("KB", "MB", "GB")

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
    "moved",
    "renewed",
    "topic_changed",
)

_STYLE = """
:root{color-scheme:light dark;--line:#8884;--in:#8881}
body{max-width:46rem;margin:0 auto;padding:1.5rem 1rem;font:15px/1.45 system-ui,sans-serif;overflow-wrap:anywhere}
h1{font-size:1.4rem}h3{margin:1.5rem 0 .5rem;font-size:1rem}
h2{margin:2.5rem 0 1rem;padding-bottom:.5rem;border-bottom:1px solid var(--line);font-size:1.15rem}
ol{list-style:none;margin:0;padding:0}li{margin:.4rem 0;padding:.5rem .75rem;border-radius:.75rem;background:var(--in)}
li:target{outline:2px solid Highlight}
li.note{background:none;text-align:center;opacity:.75}
time,.topic{opacity:.75;font-size:.85em;font-variant-numeric:tabular-nums}.topic{float:right;margin-left:1rem}
p,.text{margin:.15rem 0 0;white-space:pre-wrap}
ul{list-style:none;margin:.25rem 0 0;padding:0}ul li{margin:.15rem 0;padding:0;background:none}
blockquote{margin:.25rem 0;padding-left:.6rem;border-left:3px solid var(--line);opacity:.85}
pre{margin:.25rem 0;padding:.5rem .6rem;border-radius:.5rem;background:var(--in);white-space:pre-wrap}
code,pre{font:.9em/1.45 ui-monospace,monospace}.named{font-weight:600}
.spoiler:not(:hover,:focus){color:transparent;background:var(--line);border-radius:.2rem}
.spoiler:not(:hover,:focus) *{color:transparent}
.files{display:flex;flex-wrap:wrap;gap:.4rem}.files li{max-width:100%}
img,video{display:block;max-width:100%;max-height:15rem;border-radius:.5rem}audio{display:block;max-width:100%}
.button{display:inline-block;
  margin:.15rem .3rem 0 0;padding:.1rem .6rem;border:1px solid var(--line);border-radius:.5rem}
"""
_STYLE_HASH = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
_POLICY = f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; base-uri 'none'; form-action 'none'"
# Browsers differ in whether a page that was opened from a folder has an origin of its own.
_POLICY_WITH_FILES = _POLICY + "; img-src 'self' file:; media-src 'self' file:"


class Beside(msgspec.Struct, frozen=True):
    """What is told of entries beside what is in them: who people are, by which names channels and topics go, and the
    messages that are answered.
    """

    people: Mapping[UserId, Person] = {}
    channels: Mapping[str, str] = {}
    topics: Mapping[int, str] = {}
    answered: Mapping[int, Entry] = {}

    def name_of(self, id: str, unknown: str) -> str:
        person = self.people.get(UserId(id))
        return person.display_name if person else self.channels.get(id, unknown)


class HtmlPages:
    def __init__(self, language: Language, with_files: bool, zone: ZoneInfo) -> None:
        self._language, self._with_files, self._zone = language, with_files, zone
        self._words = {key: escape(words) for key, words in WORDS[language].items()}

    def begin(self, me: UserId, at: datetime) -> str:
        policy = _POLICY_WITH_FILES if self._with_files else _POLICY
        title = self._words["title"]
        return (
            f'<!doctype html>\n<html lang="{self._language}">\n<head>\n<meta charset="utf-8">\n'
            f'<meta http-equiv="content-security-policy" content="{escape(policy)}">\n'
            '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
            f"<title>{title}</title>\n<style>{_STYLE}</style>\n</head>\n<body>\n<h1>{title}</h1>\n"
            f"<p>{self._words['made']} {time_of(at, self._zone)}. {self._words['zone']} {escape(self._zone.key)}</p>\n"
        )

    def begin_chat(self, chat: Chat, title: str, *, first: bool) -> str:
        return f'<section id="{chat.id}">\n<h2>{escape(title)}</h2>\n<ol>\n'

    def begin_left(self, id: ChatId, kind: ChatKind, title: str, *, first: bool) -> str:
        note = f'<p class="left">{self._words["left_behind"]}</p>'
        return f'<section id="{id}">\n<h2>{escape(title)}</h2>\n{note}\n<ol>\n'

    def entries(self, entries: Sequence[Entry], beside: Beside, *, first: bool) -> str:
        return "".join(self._entry(entry, beside) for entry in entries)

    def _entry(self, entry: Entry, beside: Beside) -> str:
        if entry.hidden or entry.kind in _ACTIONS:
            return ""
        at = time_of(entry.at, self._zone)
        place = _place(entry.chat_id, entry.seq)
        if entry.kind != "message":
            deed = self._nameless(entry, beside) or f"{self._author(entry, beside)} {self._deed(entry, beside)}"
            return f'<li id="{place}" class="note">{deed} {at}</li>\n'
        head = f"{self._topic(entry, beside)}<b>{self._author(entry, beside)}</b> {at}"
        return f'<li id="{place}">{head}{self._before(entry, beside)}{self._content(entry, beside)}</li>\n'

    def _author(self, entry: Entry, beside: Beside) -> str:
        return escape(entry.webhook) or self._name(entry.sender_id, beside)

    def _topic(self, entry: Entry, beside: Beside) -> str:
        title = beside.topics.get(entry.topic_id) if entry.topic_id else None
        if title is None:
            return ""
        where = _place(entry.chat_id, entry.topic_id)
        return f'<span class="topic">{self._words["topic"]} <a href="#{where}">{escape(title)}</a></span>'

    def _before(self, entry: Entry, beside: Beside) -> str:
        """Where it comes from, and what it answers."""
        if entry.deleted:
            return ""
        return self._origin(entry.forward, beside) + self._reminder(entry) + self._answered(entry, beside)

    def _origin(self, origin: Origin | None, beside: Beside) -> str:
        if origin is None:
            return ""
        words = self._words["forwarded_hidden"]
        if origin.sender_id:
            words = f"{self._words['forwarded']} {escape(origin.title) or self._name(origin.sender_id, beside)}"
        return f"<p><small>{words}, {time_of(origin.at, self._zone)}</small></p>"

    def _reminder(self, entry: Entry) -> str:
        if entry.reminder is None:
            return ""
        where = _place(entry.reminder.chat_id, entry.reminder.seq)
        return f'<p><small><a href="#{where}">{self._words["reminds"]}</a></small></p>'

    def _answered(self, entry: Entry, beside: Beside) -> str:
        if not entry.reply_to:
            return ""
        where = _place(entry.chat_id, entry.reply_to)
        answered = beside.answered.get(entry.reply_to)
        author = f"<br><b>{self._author(answered, beside)}</b>" if answered else ""
        said = entry.quote or (_shortened(answered) if answered else "")
        said = f"<br>{escape(said)}" if said else ""
        label = f"{self._words['answers']} {entry.reply_to}"
        return f'<blockquote><a href="#{where}">{label}</a>{author}{said}</blockquote>'

    def _content(self, entry: Entry, beside: Beside) -> str:
        if entry.deleted:
            return f"<p><i>{self._words['deleted']}</i></p>"
        edited = f" <i>({self._words['edited']})</i>" if entry.edited_at else ""
        # A place without a name says where it is by itself.
        is_said = isinstance(entry.card, Location) and not entry.card.title
        text = "" if is_said else html_of(entry.text, entry.entities)
        written = f'<div class="text">{text}{edited}</div>' if text or edited else ""
        parts = (
            written,
            self._card(entry.card, beside),
            self._files(entry.attachments),
            _preview(entry.preview),
            "".join(_button(button) for row in entry.buttons for button in row),
        )
        reactions = " ".join(f"{escape(each.emoji)} {each.count}" for each in entry.reactions)
        return "".join(parts) + (f"<p><small>{reactions}</small></p>" if reactions else "")

    def _card(self, card: Card | None, beside: Beside) -> str:
        match card:
            case Poll():
                return self._poll(card)
            case Location():
                return f"<p>{link(_on_map(card), card_rules.coordinates(card))}</p>"
            case Contact():
                return f"<p>{self._name(card.user_id, beside)}</p>"
            case _:
                return ""

    def _files(self, attachments: Sequence[Attachment]) -> str:
        """Taken along they lie beside the page; else the file for programs names the ids by which media has them."""
        lines = (f"<li>{self._file(one)}</li>" for one in attachments)
        return f'<ul class="files">{"".join(lines)}</ul>' if attachments else ""

    def _file(self, one: Attachment) -> str:
        words = f"{files.ICONS[one.kind]} {escape(one.name)} <small>{_size(one.size)}</small>"
        if not self._with_files:
            return words
        where = escape(quote(files.kept_at(one)))
        linked = f'<a href="{where}">{words}</a>'
        match one.kind:
            case "image" if not one.spoiler:
                return f'<a href="{where}"><img src="{where}" alt="{escape(one.name)}" loading="lazy"></a>{linked}'
            case "video" if not one.spoiler:
                return f'<video src="{where}" controls preload="none"></video>{linked}'
            case "audio" | "voice":
                return f'<audio src="{where}" controls preload="none"></audio>{linked}'
            case _:
                return linked

    def _poll(self, poll: Poll) -> str:
        lines = []
        shares = card_rules.percents([option.votes for option in poll.options], poll.voters)
        for place, (option, share) in enumerate(zip(poll.options, shares, strict=True)):
            notes = [f"{share} %", *self._notes(option, right=place == poll.correct)]
            lines.append(f"<li>{escape(option.text)}: {option.votes} ({', '.join(notes)})</li>")
        explained = f"<p><i>{escape(poll.explanation)}</i></p>" if poll.explanation else ""
        closed = f", {self._words['closed']}" if poll.closed else ""
        voters = f"<p><small>{self._words['voters']}: {poll.voters}{closed}</small></p>"
        return f"<ul>{''.join(lines)}</ul>{voters}{explained}"

    def _notes(self, option: PollOption, *, right: bool) -> list[str]:
        return [self._words[word] for word, so in (("mine", option.mine), ("right", right)) if so]

    def _nameless(self, entry: Entry, beside: Beside) -> str:
        """In a group that hides its members; a channel has a name of its own."""
        by_the_chat = entry.sender_id == UserId(entry.chat_id) and not beside.name_of(entry.chat_id, "")
        words = self._words.get(f"nameless_{entry.kind}") if by_the_chat and not entry.user_ids else None
        if words is None:
            return ""
        more = {"joined": str(entry.people_count), "left": str(entry.people_count), "renamed": escape(entry.title)}
        return f"{words} {more.get(entry.kind, '')}".strip()

    def _deed(self, entry: Entry, beside: Beside) -> str:
        whom = ", ".join(self._name(user_id, beside) for user_id in entry.user_ids)
        match entry.kind:
            case "created" | "renamed" | "topic_made" | "topic_closed" | "topic_reopened" | "topic_deleted":
                return f"{self._words[entry.kind]} {escape(entry.title)}".strip()
            # In a channel nobody is named.
            case "joined" | "left" if not set(entry.user_ids) - {entry.sender_id}:
                return self._words[f"{entry.kind}_self"]
            case "topic_moved":
                return f"{self._words[entry.kind]} {escape(entry.title) or self._words['general']}"
            case "timer" | "changed" | "suspended" | "restored":
                return self._words[entry.kind]
            case kind if kind in self._words:
                return f"{self._words[kind]} {whom}"
            case kind:
                return f"({self._words['other']}: {escape(kind)})"

    def _name(self, id: str, beside: Beside) -> str:
        return escape(beside.name_of(id, "")) or self._words["someone"]

    def end_chat(self) -> str:
        return "</ol>\n</section>\n"

    def end(self) -> str:
        return "</body>\n</html>\n"


def _place(chat_id: str, seq: int) -> str:
    return escape(f"{chat_id}-{seq}")


def _shortened(answered: Entry) -> str:
    if answered.deleted or answered.hidden:
        return ""
    if not answered.text and answered.attachments:
        return f"{files.icon_of(answered.attachments)} {answered.attachments[0].name}"
    text = covered(answered.text, answered.entities)
    return text if len(text) <= _ANSWERED_CHARACTERS_MAX else text[:_ANSWERED_CHARACTERS_MAX].rstrip() + "…"


def _on_map(location: Location) -> str:
    north, east = f"{location.latitude:.6f}", f"{location.longitude:.6f}"
    return f"https://www.openstreetmap.org/?mlat={north}&mlon={east}#map=15/{north}/{east}"


def _preview(preview: LinkPreview | None) -> str:
    """In words alone: where it leads the text of the message says."""
    if preview is None:
        return ""
    site = " · ".join(escape(part) for part in (preview.site, preview.host) if part)
    described = f"<br>{escape(preview.description)}" if preview.description else ""
    return f"<blockquote><small>{site}</small><br><b>{escape(preview.title)}</b>{described}</blockquote>"


def _button(button: Button) -> str:
    words = escape(button.text)
    return f'<span class="button">{link(button.url, words)}</span>'


def _size(size: int) -> str:
    """In the units of a thousand in which systems show files."""
    power = min((len(str(size)) - 1) // 3, len(_UNITS))
    return f"{size / 1000**power:.1f} {_UNITS[power - 1]}" if power else f"{size} B"

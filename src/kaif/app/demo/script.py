"""The stories as they are written: chats, moments, and what each person says or does.

    == group lake anna: marina timur | Выходные на озере     a chat, whoever makes it, the others, its title
    @ sat-4 19:40                                             from here on it is then (`calendar`)
    anna: Кто едет в субботу?                                 a message; the next one follows within minutes
    timur: ^ Я!                                               a reply to the one before; ^3 to the third before
    marina! react 👍 ^2                                       a deed (`telling`), done to the second message before
    # Билеты                                                  from here on in this topic; # alone is in none

A line of more than one line goes on with two spaces.
"""

import re
from collections.abc import Iterable
from typing import NamedTuple

_CHAT = re.compile(r"== (direct|group|channel|saved) (\w+) (\w+):([\w ]*?)(?:\| (.+))?")
_SAID = re.compile(r"(\w+): (?:\^(\d*) )?(.+)", re.DOTALL)
_DONE = re.compile(r"(\w+)! (\w+) ?(.*?)(?: ?\^(\d+))?", re.DOTALL)


class Cast(NamedTuple):
    """A chat and who is in it; `title` is empty of a direct one."""

    name: str
    kind: str
    maker: str
    others: list[str]
    title: str


class Line(NamedTuple):
    """What somebody says or, by a `verb`, does; `back` counts messages: 0 is none, 1 the last one."""

    chat: str
    when: str
    who: str
    verb: str
    text: str
    back: int
    topic: str


class Script(NamedTuple):
    casts: list[Cast]
    lines: list[Line]


class BadLine(Exception):
    """The message is the line."""


def read(text: str) -> Script:
    """Raises BadLine."""
    script, cast, when, topic = Script([], []), None, "", ""
    for written in _joined(text.splitlines()):
        if match := _CHAT.fullmatch(written):
            kind, name, maker, others, title = match.groups()
            cast, topic = Cast(name, kind, maker, others.split(), (title or "").strip()), ""
            script.casts.append(cast)
        elif written.startswith("@ "):
            when = written[2:].strip()
        elif written.startswith("#"):
            topic = written[1:].strip()
        elif cast and when:
            script.lines.append(_line(cast, when, topic, written))
            when = ""
        elif cast:
            script.lines.append(_line(cast, "", topic, written))
        else:
            raise BadLine(written)
    return script


def _line(cast: Cast, when: str, topic: str, written: str) -> Line:
    """Without a `when` it follows the one before."""
    if match := _SAID.fullmatch(written):
        who, back, text = match.groups()
        return Line(cast.name, when, who, "say", text, 0 if back is None else int(back or 1), topic)
    if match := _DONE.fullmatch(written):
        who, verb, text, back = match.groups()
        return Line(cast.name, when, who, verb, text.strip(), int(back or 1), topic)
    raise BadLine(written)


def _joined(lines: Iterable[str]) -> list[str]:
    """Without empty lines and remarks."""
    joined: list[str] = []
    for line in lines:
        if line.startswith("  ") and joined:
            joined[-1] += "\n" + line[2:]
        elif line.strip() and not line.startswith("//"):
            joined.append(line.rstrip())
    return joined

r"""Reads the marks in a message: what a person types becomes plain text and the entities that lie over it.

    **bold**  *italic* or _italic_  ~~struck~~  ||spoiler||  `code`  ```language … ```  [words](https://…)
    > a quoted line          @name   #topic   https://…   someone@example.org   /command@bot   \* is just an asterisk

A mark opens after anything but a letter or digit and before anything but a space, and closes after anything but a
space: 2*3*4 and snake_case stay as they are. A mark without its other half is text. One pass, each letter looked at a
bounded number of times.
"""

import re
from collections.abc import Iterable, Mapping
from itertools import accumulate
from urllib.parse import urlsplit

import msgspec

from kaif.interfaces.messaging.content import EntityKind, TextEntity

ENTITIES_MAX = 100
SCHEMES = ("http", "https", "mailto")

_DELIMITERS: dict[str, EntityKind] = {
    "**": "bold",
    "*": "italic",
    "_": "italic",
    "~~": "strike",
    "||": "spoiler",
}
# Without one of these there is nothing to read.
_ANY = re.compile(r"[*_~|`\[@#\\>/]")
_FENCE = re.compile(r"```(?:([A-Za-z0-9+#.-]{1,32})\n)?\n?(.*?)\n?```", re.DOTALL)
_QUOTE = re.compile(r"^>[ \t]*(?=\S)")
_NAME = r"[A-Za-z0-9][A-Za-z0-9._-]{2,31}"
_TOKEN = re.compile(
    r"\\(?P<escaped>[\\*_~|`\[\]()>#@])"
    r"|`(?P<code>[^`\n]+)`"
    r"|(?P<url>(?<![^\W_])https?://[^\s<>\"'`«»]+)"
    r"|(?P<email>(?<![\w.+-])[A-Za-z0-9][A-Za-z0-9._+-]{0,63}@(?:[A-Za-z0-9-]{1,63}\.){1,4}[A-Za-z]{2,24}(?![\w@]))"
    rf"|(?<![\w@.])@(?P<mention>{_NAME})"
    r"|(?<![\w#])#(?P<hashtag>\w{1,64})(?![\w#])"
    rf"|(?<!\S)(?P<command>/[a-z][a-z0-9_]{{0,31}}(?:@(?P<whose>{_NAME}))?(?![\w/@]))"
    r"|(?P<link>\](?:\((?P<to>[^\s()<>\\]{1,2048})\))?)"
    r"|(?P<mark>\*\*|~~|\|\||[*_\[])",
    re.IGNORECASE,
)
_MENTION = re.compile(rf"(?<![\w@.])@({_NAME})|(?<!\S)/[A-Za-z][A-Za-z0-9_]{{0,31}}@({_NAME})")
# What stands after an address belongs to the sentence.
_TRAILING = ".,;:!?…)]}*_~|"
_ONLY_DIGITS = re.compile(r"\d+")


def mentioned(text: str) -> set[str]:
    """The usernames that a text may mean, in small letters."""
    if "@" not in text:
        return set()
    return {name for found in _MENTION.finditer(text) for name in _names((found[1] or found[2]).lower())}


def _names(given: str) -> list[str]:
    """What may be meant by a name at the end of a sentence."""
    bare = given.rstrip("._-")
    return [given, bare] if bare != given else [given]


def parse(text: str, people: Mapping[str, str]) -> tuple[str, list[TextEntity]]:
    """The plain text, and its entities, outer ones first; `people` gives the ids of usernames."""
    if not _ANY.search(text):
        return text, []
    return Reading(people).read(text)


class Found(msgspec.Struct):
    """An entity between two of the pieces that the plain text is made of."""

    kind: EntityKind
    start: int
    end: int
    url: str = ""
    user_id: str = ""
    language: str = ""


class Reading:
    """One message being read: pieces of plain text, entities between them, and the marks that are still open."""

    def __init__(self, people: Mapping[str, str]) -> None:
        self._people = people
        self._pieces: list[str] = []
        self._found: list[Found] = []
        # Each mark that is open, and its piece; in the order in which they were opened.
        self._open: dict[str, int] = {}

    def read(self, text: str) -> tuple[str, list[TextEntity]]:
        at = 0
        for fence in _fences(text):
            self._read_lines(text[at : fence.start()])
            start = len(self._pieces)
            self._pieces.append(fence[2])
            self._found.append(Found("pre", start, len(self._pieces), language=fence[1] or ""))
            at = fence.end()
        self._read_lines(text[at:])
        return "".join(self._pieces), self._entities()

    def _read_lines(self, text: str) -> None:
        """Lines that begin with > are quotes; neighbours are one quote. Marks never reach across its edge."""
        block: list[str] = []
        quoted = False
        for line in text.splitlines(keepends=True) if "\n>" in text or text.startswith(">") else [text]:
            found = _QUOTE.match(line)
            if (found is not None) != quoted:
                self._read_block(block, quoted)
                block, quoted = [], found is not None
            block.append(line[found.end() :] if found else line)
        self._read_block(block, quoted)

    def _read_block(self, lines: list[str], quoted: bool) -> None:
        text = "".join(lines)
        start = len(self._pieces)
        self._read_inline(text.rstrip("\n") if quoted else text)
        if quoted:
            self._found.append(Found("quote", start, len(self._pieces)))
            self._pieces.append(text[len(text.rstrip("\n")) :])

    def _read_inline(self, text: str) -> None:
        self._open.clear()
        at = 0
        while token := _TOKEN.search(text, at):
            self._pieces.append(text[at : token.start()])
            at = self._read_token(text, token)
        self._pieces.append(text[at:])

    def _read_token(self, text: str, token: re.Match[str]) -> int:
        """Where to go on after it."""
        match token.lastgroup:
            case "escaped":
                self._pieces.append(token["escaped"])
            case "code" if token["code"].strip():
                self._add("code", token["code"])
            case "code":
                self._pieces.append(token[0])
            case "url":
                return self._read_url(token)
            case "email":
                self._add("email", token["email"])
            case "mention":
                return self._read_mention(token)
            case "hashtag":
                if _ONLY_DIGITS.fullmatch(token["hashtag"]):
                    self._pieces.append(token[0])
                else:
                    self._add("hashtag", token[0])
            case "command":
                return self._read_command(token)
            case "mark":
                self._read_mark(text, token)
            case _:
                return self._read_link(token)
        return token.end()

    def _add(self, kind: EntityKind, piece: str, user_id: str = "") -> None:
        self._pieces.append(piece)
        self._found.append(Found(kind, len(self._pieces) - 1, len(self._pieces), user_id=user_id))

    def _read_url(self, token: re.Match[str]) -> int:
        address = _without_trailing(token["url"])
        if is_safe(address):
            self._add("url", address)
        else:
            self._pieces.append(address)
        return token.start() + len(address)

    def _read_mention(self, token: re.Match[str]) -> int:
        for name in _names(token["mention"]):
            if user_id := self._people.get(name.lower()):
                self._add("mention", "@" + name, user_id)
                return token.start() + 1 + len(name)
        self._pieces.append("@")
        return token.start() + 1

    def _read_command(self, token: re.Match[str]) -> int:
        """With the name of somebody who is not there it is no command."""
        if not token["whose"]:
            self._add("command", token["command"])
            return token.end()
        for name in _names(token["whose"]):
            if user_id := self._people.get(name.lower()):
                end = token.start("whose") + len(name)
                self._add("command", token.string[token.start() : end], user_id)
                return end
        self._pieces.append("/")
        return token.start() + 1

    def _read_mark(self, text: str, token: re.Match[str]) -> None:
        mark = token["mark"]
        before, after = text[token.start() - 1 : token.start()], text[token.end() : token.end() + 1]
        if mark != "[" and mark in self._open and not before.isspace() and not _within_word(mark, after):
            self._close(mark, _DELIMITERS[mark])
        elif after and not after.isspace() and not before.isalnum() and (mark not in self._open or mark == "["):
            # A bracket within brackets begins anew: the inner one is the link.
            self._open.pop(mark, None)
            self._open[mark] = len(self._pieces)
            self._pieces.append(mark)
        else:
            self._pieces.append(mark)

    def _read_link(self, token: re.Match[str]) -> int:
        url = token["to"]
        if "[" in self._open and url and is_safe(url) and self._has_words_since("["):
            self._close("[", "link", url)
            return token.end()
        # What is not a link may still hold marks.
        self._open.pop("[", None)
        self._pieces.append("]")
        return token.start() + 1

    def _close(self, mark: str, kind: EntityKind, url: str = "") -> None:
        start = self._open[mark]
        if not self._has_words_since(mark):
            self._pieces.append(mark)
            return
        self._pieces[start] = ""
        self._found.append(Found(kind, start, len(self._pieces), url))
        # What was opened inside and is still open was no mark: entities must not cross.
        while self._open.popitem()[0] != mark:
            pass

    def _has_words_since(self, mark: str) -> bool:
        return any(piece and not piece.isspace() for piece in self._pieces[self._open[mark] + 1 :])

    def _entities(self) -> list[TextEntity]:
        offsets = [0, *accumulate(utf16_length(piece) for piece in self._pieces)]
        entities = [
            TextEntity(
                found.kind,
                offsets[found.start],
                offsets[found.end] - offsets[found.start],
                found.url,
                found.user_id,
                found.language,
            )
            for found in self._found
        ]
        # Found from the inside outwards: of two that cover the same text the later is the outer one.
        entities = [entity for entity in reversed(entities) if entity.length]
        entities.sort(key=lambda entity: (entity.offset, -entity.length))
        return entities[:ENTITIES_MAX]


def _fences(text: str) -> list[re.Match[str]]:
    """Blocks of code. Without an end there is none: looking for it from each beginning would take ever longer."""
    if text.count("```") < 2:
        return []
    return [found for found in _FENCE.finditer(text, 0, text.rfind("```") + 3) if found[2].strip()]


def _within_word(mark: str, after: str) -> bool:
    return mark == "_" and after.isalnum()


def _without_trailing(address: str) -> str:
    bare = address.rstrip(_TRAILING)
    # A bracket that was opened inside the address is part of it: …/Озеро_(водоём)
    return bare + ")" if address[len(bare) :].startswith(")") and "(" in bare else bare


def is_safe(url: str) -> bool:
    """Whether a link may lead there."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    if not url.isprintable() or parts.scheme not in SCHEMES:
        return False
    return bool(parts.path if parts.scheme == "mailto" else parts.hostname)


def lead_elsewhere(entities: Iterable[TextEntity]) -> bool:
    """Whether there are links among them, be they written out or under other words."""
    return any(entity.url for entity in entities)


def utf16_length(text: str) -> int:
    """How many UTF-16 code units the text has."""
    if text.isascii():
        return len(text)
    return len(text) + sum(1 for letter in text if letter > "\uffff")

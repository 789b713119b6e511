"""A message's text as HTML: its entities as elements, and everything that a person wrote escaped."""

from collections.abc import Sequence
from datetime import datetime
from html import escape
from zoneinfo import ZoneInfo

from kaif.interfaces.messaging.content import TextEntity
from kaif.services.messaging import markup

_ELEMENTS = {
    "bold": ("<b>", "</b>"),
    "italic": ("<i>", "</i>"),
    "strike": ("<s>", "</s>"),
    "code": ("<code>", "</code>"),
    "pre": ("<pre>", "</pre>"),
    "quote": ("<blockquote>", "</blockquote>"),
    # It is uncovered by pointing at it, or by the keyboard.
    "spoiler": ('<span class="spoiler" tabindex="0">', "</span>"),
    "mention": ('<span class="named">', "</span>"),
}
_BLOCKS = ("pre", "quote")


def html_of(text: str, entities: Sequence[TextEntity]) -> str:
    """What does not nest or lies outside of the text is passed over."""
    return _Writing(text, entities).between(0, len(text.encode("utf-16-le")) // 2)


def link(url: str, words: str) -> str:
    """`words` are HTML. What leads anywhere but to the web or to a mailbox is not made a link."""
    if not markup.is_safe(url):
        return words
    return f'<a href="{escape(url)}" rel="noopener noreferrer nofollow">{words}</a>'


class _Writing:
    def __init__(self, text: str, entities: Sequence[TextEntity]) -> None:
        # Offsets count the units of UTF-16.
        self._units = text.encode("utf-16-le")
        self._rest = list(reversed(entities))

    def between(self, start: int, end: int) -> str:
        written, at, after_block = [], start, False
        while self._rest and self._rest[-1].offset < end:
            entity = self._rest.pop()
            stop = entity.offset + entity.length
            if entity.offset < at or stop > end or entity.length <= 0:
                continue
            block = entity.kind in _BLOCKS
            written.append(_beside(self._text(at, entity.offset), after=after_block, before=block))
            written.append(self._element(entity, stop))
            at, after_block = stop, block
        written.append(_beside(self._text(at, end), after=after_block, before=False))
        return "".join(written)

    def _element(self, entity: TextEntity, stop: int) -> str:
        words = self._text(entity.offset, stop)
        inner = self.between(entity.offset, stop)
        match entity.kind:
            case "link":
                return link(entity.url, inner)
            case "url":
                return link(words, inner)
            case "email":
                return link(f"mailto:{words}", inner)
            case kind:
                opening, closing = _ELEMENTS.get(kind, ("", ""))
                return f"{opening}{inner}{closing}"

    def _text(self, start: int, end: int) -> str:
        return self._units[2 * start : 2 * end].decode("utf-16-le", "replace")


def _beside(text: str, *, after: bool, before: bool) -> str:
    """A block stands on lines of its own: the line break at its edge is the edge."""
    if after:
        text = text.removeprefix("\n")
    if before:
        text = text.removesuffix("\n")
    return escape(text)


def time_of(moment: datetime, zone: ZoneInfo) -> str:
    """As clocks there show it."""
    return f'<time datetime="{moment.isoformat()}">{moment.astimezone(zone):%Y-%m-%d %H:%M}</time>'

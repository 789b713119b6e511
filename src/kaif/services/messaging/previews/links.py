"""Which link of a message is looked up: a rule without storage."""

from collections.abc import Sequence

from kaif.interfaces.messaging.content import TextEntity

# A link may stand under a spoiler, and what it leads to is then covered as well. In code nothing is read as a link.
_COVERING = ("spoiler",)


def first_link(text: str, entities: Sequence[TextEntity]) -> str:
    """The first one to a page that everybody sees; empty where there is none."""
    covers = [part for part in entities if part.kind in _COVERING]
    for part in entities:
        if part.kind not in ("url", "link") or any(_overlap(part, cover) for cover in covers):
            continue
        url = part.url or _cut(text, part)
        if url.lower().startswith(("http://", "https://")):
            return url
    return ""


def _overlap(one: TextEntity, other: TextEntity) -> bool:
    return one.offset < other.offset + other.length and other.offset < one.offset + one.length


def _cut(text: str, part: TextEntity) -> str:
    units = text.encode("utf-16-le")[2 * part.offset : 2 * (part.offset + part.length)]
    return units.decode("utf-16-le")

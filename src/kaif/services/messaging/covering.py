"""What the writer of a message has covered stays so wherever a part of it is shown: rules without storage."""

from collections.abc import Sequence

from kaif.interfaces.messaging.content import TextEntity

_COVER = "▒"


def covered(text: str, entities: Sequence[TextEntity]) -> str:
    """With a sign of cover for each covered code point, as the client has it (web/src/lib/covering.ts)."""
    spoilers = [part for part in entities if part.kind == "spoiler"]
    if not spoilers:
        return text
    # Entities are counted in UTF-16 units, of which some characters have two.
    units, pieces, at = text.encode("utf-16-le"), [], 0
    for part in spoilers:
        start, end = max(at, 2 * part.offset), 2 * (part.offset + part.length)
        pieces += [units[at:start].decode("utf-16-le"), _COVER * len(units[start:end].decode("utf-16-le"))]
        at = max(at, end)
    return "".join([*pieces, units[at:].decode("utf-16-le")])


def covered_quote(quote: str, text: str, entities: Sequence[TextEntity]) -> str:
    """A part of the text, covered as it is there; where the text says it twice, what is open there stays open."""
    shown = covered(text, entities)
    if quote in shown:
        return quote
    start = text.index(quote)
    return shown[start : start + len(quote)]

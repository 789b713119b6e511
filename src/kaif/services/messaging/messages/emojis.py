"""What one can react with: a single emoji of Unicode's list, always written in the same way."""

from functools import cache

from emoji import EMOJI_DATA, STATUS

from kaif.interfaces.messaging.actions import NotAnEmoji

# Asks for the coloured picture; a heart is the same reaction with it and without.
_PRESENTATION = "\ufe0f"


def normalised(emoji: str) -> str:
    """The emoji, fully qualified (Unicode UTS 51). Raises NotAnEmoji for anything else, two emoji included."""
    found = _qualified().get(emoji.replace(_PRESENTATION, ""))
    if found is None:
        raise NotAnEmoji(path="$.emoji")
    return found


@cache
def _qualified() -> dict[str, str]:
    return {
        emoji.replace(_PRESENTATION, ""): emoji
        for emoji, data in EMOJI_DATA.items()
        if data["status"] == STATUS["fully_qualified"]
    }

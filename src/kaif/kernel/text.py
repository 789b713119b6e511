"""Text that people see: what may stand in a name, and in a message."""

import re
import unicodedata

from kaif.kernel.errors import Invalid

# Bidi marks can make a name read as another one, and zero-width characters can hide in it;
# the zero-width joiner is let through only between the parts of an emoji.
_DECEPTIVE = re.compile(
    "[\u200b\u200c\u200e\u200f\u202a-\u202e\u2060-\u2069\ufeff\u061c\u115f\u1160\u3164\uffa0\u00ad\u180e\u2800\U000e0000-\U000e007f]"
    "|\u200d(?=\\w)|(?<=\\w)\u200d"
)
# Control characters except tab and newline, line separators, and the lone surrogates that JSON can smuggle in.
_UNSTORABLE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")


def clean_name(name: str) -> str | None:
    """A name of one line, composed (NFC) and trimmed; None when it is empty or could deceive a reader."""
    name = unicodedata.normalize("NFC", name).strip()
    if not any(letter.isalnum() for letter in name):
        return None
    if _DECEPTIVE.search(name) or _UNSTORABLE.search(name) or "\n" in name or "\t" in name:
        return None
    return name


def name_of(given: str, refusal: type[Invalid]) -> str:
    """A clean name. Raises the refusal, of the field `name`, for one that is not."""
    name = clean_name(given)
    if name is None:
        raise refusal(path="$.name")
    return name


def clean_text(text: str) -> str | None:
    """A message, trimmed; None when it is empty or holds what cannot be stored."""
    text = text.strip()
    if text.isprintable():
        return text or None
    text = text.replace("\r\n", "\n")
    return None if _UNSTORABLE.search(text) else text


def line_of(text: str, characters_max: int) -> str:
    """A stranger's words as one line, without what could deceive a reader and no longer than that; it may be empty."""
    # No more than could be shown: spaces and invisible characters may make up most of it.
    line = " ".join(unicodedata.normalize("NFC", text[: 16 * characters_max]).split())
    line = " ".join(_UNSTORABLE.sub("", _DECEPTIVE.sub("", line)).split())
    return line if len(line) <= characters_max else line[: characters_max - 1].rstrip() + "…"

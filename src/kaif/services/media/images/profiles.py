"""The name of a colour profile (ICC.1:2022, 7.2 and 9.2.41)."""

_NAME_CHARS_MAX = 64
_TAGS_MAX = 100
_HEADER_BYTES = 128


def profile_name(profile: bytes) -> str:
    """As the profile calls itself; empty if it does not say, or is damaged."""
    count = min(int.from_bytes(profile[_HEADER_BYTES : _HEADER_BYTES + 4], "big"), _TAGS_MAX)
    for number in range(count):
        entry = profile[_HEADER_BYTES + 4 + 12 * number :][:12]
        if entry[:4] == b"desc":
            start, length = int.from_bytes(entry[4:8], "big"), int.from_bytes(entry[8:12], "big")
            return _printable(_text(profile[start : start + length]))
    return ""


def _text(tag: bytes) -> str:
    match tag[:4]:
        case b"desc":  # version 2: ASCII, with its length before it
            return tag[12 : 12 + int.from_bytes(tag[8:12], "big")].decode("ascii", "ignore")
        case b"mluc":  # version 4: the first of its languages
            length, start = int.from_bytes(tag[20:24], "big"), int.from_bytes(tag[24:28], "big")
            return tag[start : start + length].decode("utf-16-be", "ignore")
        case _:
            return ""


def _printable(text: str) -> str:
    return "".join(char for char in text if char.isprintable())[:_NAME_CHARS_MAX].strip()

"""By which words people are found among the members of a chat; pure rules."""

import msgspec

from kaif.interfaces.messaging.errors import BadCursor
from kaif.kernel.actor import UserId

WORD_CHARS_MAX = 24
WORDS_MAX = 8
SOUGHT_WORDS_MAX = 4

_ZERO = "\x00"


class Named(msgspec.Struct, frozen=True, order=True):
    """A word by which somebody is found, in the order in which the found are listed."""

    word: str
    user_id: UserId


def words_of(username: str, display_name: str) -> list[str]:
    """The username and the words of the name, in small letters and with ё read as е."""
    words = [username, *display_name.split()[: WORDS_MAX - 1]]
    return sorted({folded(word) for word in words} - {""})


def folded(word: str) -> str:
    return word.casefold().replace("ё", "е")[:WORD_CHARS_MAX]


def sought(query: str) -> list[str]:
    """What the words of a name are to begin with; the longest first, which fewest people have. Nothing where it is of
    no name: not every database can even be asked about the letter zero."""
    if _ZERO in query:
        return []
    words = (folded(word.removeprefix("@")) for word in query.split()[:SOUGHT_WORDS_MAX])
    return sorted({word for word in words if word}, key=lambda word: (-len(word), word))


def found_by(username: str, display_name: str, beginnings: list[str]) -> str | None:
    """The first of their words that the first beginning is of, when each beginning is of one; else None."""
    words = words_of(username, display_name)
    if not all(any(word.startswith(each) for word in words) for each in beginnings):
        return None
    return next(word for word in words if word.startswith(beginnings[0]))


def cursor_of(last: Named) -> str:
    return f"{last.user_id}-{last.word.encode().hex()}"


def parse_cursor(cursor: str) -> Named:
    """Raises BadCursor."""
    user_id, _, word = cursor.partition("-")
    try:
        named = Named(bytes.fromhex(word).decode(), UserId(user_id))
    except ValueError:
        raise BadCursor(path="$.cursor") from None
    if not named.word or _ZERO in named.word:
        raise BadCursor(path="$.cursor")
    return named

"""Which passwords are guessed first, told without a network (NIST SP 800-63B-4, 3.1.1.2).

No rule asks for kinds of characters. What is refused is what attackers try before anything else: frequent
passwords and pairs of common words with digits around, what is near on a keyboard, what repeats, and what others know
of the person.
"""

import re
import unicodedata
from collections.abc import Iterable, Sequence
from functools import cache
from itertools import pairwise
from pathlib import Path

from kaif.interfaces.auth.accounts import PasswordBreached, PasswordTooLong, PasswordTooObvious, PasswordTooShort

# NIST SP 800-63B-4, 3.1.1.2: as all there is, and beside a second factor.
CHARS_MIN_ALONE = 15
CHARS_MIN = 8
BYTES_MAX = 1024
# Short secrets that are written several times are as short as before.
REPEATED_CHARS_MAX = 8
DISTINCT_CHARS_MIN = 5
# Beside what others know of someone there must be at least so many letters of their own.
OWN_LETTERS_MIN = 4
KNOWN_WORD_CHARS_MIN = 3
# Of neighbouring characters, in a hundred: in texts about ten are neighbours on a keyboard or in an alphabet too.
NEIGHBOURS_PERCENT_MAX = 70

PRODUCT_WORDS = ["kaif", "ozero", "кайф", "озеро"]

_TRACKS = [
    "12345678901234567890", "qwertyuiop", "asdfghjkl", "zxcvbnm", "1qaz2wsx3edc4rfv5tgb6yhn7ujm8ik,9ol.0p;/",
    "abcdefghijklmnopqrstuvwxyz", "йцукенгшщзхъ", "фывапролджэ", "ячсмитьбю", "1йфя2цыч3увс4кам5епи6нрт7гоь",
    "абвгдежзийклмнопрстуфхцчшщъыьэюя",
]  # fmt: skip
_NEIGHBOURS = {pair for track in _TRACKS for there in (track, track[::-1]) for pair in pairwise(there)}
_LEET = str.maketrans("013457@$!|", "oieastasii")


def is_short(password: str) -> bool:
    """Too short to be all there is."""
    return len(password) < CHARS_MIN_ALONE


def refuse_guessable(password: str, about: Sequence[str], *, alone: bool = True) -> None:
    """`alone` when there is no second factor beside it.

    Raises PasswordTooShort, PasswordTooLong, PasswordBreached, PasswordTooObvious.
    """
    if is_short(password) if alone else len(password) < CHARS_MIN:
        raise PasswordTooShort(path="$.password")
    if len(password.encode("utf-8", "surrogatepass")) > BYTES_MAX:
        raise PasswordTooLong(path="$.password")
    folded = _folded(password)
    if _is_repetitive(folded) or _follows_a_track(folded) or _is_what_others_know(folded, about):
        raise PasswordTooObvious(path="$.password")
    if _is_common(folded):
        raise PasswordBreached(path="$.password")


def _folded(text: str) -> str:
    return unicodedata.normalize("NFKC", text).casefold().replace("ё", "е")


def _letters(text: str) -> str:
    return "".join(char for char in text if char.isalpha())


def _is_repetitive(folded: str) -> bool:
    period = _period(folded)
    return len(set(folded)) < DISTINCT_CHARS_MIN or (period < len(folded) and period <= REPEATED_CHARS_MAX)


def _period(text: str) -> int:
    """After how many characters it begins anew, be it cut off at the end."""
    return next((size for size in range(1, len(text) // 2 + 1) if text[size:] == text[:-size]), len(text))


def _follows_a_track(folded: str) -> bool:
    near = sum(pair in _NEIGHBOURS or pair[0] == pair[1] for pair in pairwise(folded))
    return near * 100 > (len(folded) - 1) * NEIGHBOURS_PERCENT_MAX


def _is_what_others_know(folded: str, about: Sequence[str]) -> bool:
    own = "".join(char for char in folded if char.isalnum())
    known = {word for text in [*about, *PRODUCT_WORDS] for word in _words(text)}
    if not any(word in own for word in known):
        return False
    for word in sorted(known, key=len, reverse=True):
        own = own.replace(word, "")
    return len(_letters(own)) < OWN_LETTERS_MIN


def _words(text: str) -> Iterable[str]:
    folded = _folded(text)
    parts = [
        *re.findall(r"[^\W\d_]+", folded),
        *re.findall(r"[^\W_]+", folded),
        "".join(re.findall(r"[^\W_]+", folded)),
    ]
    return (part for part in parts if len(part) >= KNOWN_WORD_CHARS_MIN)


def _is_common(folded: str) -> bool:
    # Digits and signs at the ends are what people add to a password; inside they stand for letters.
    unsigned = re.sub(r"^[\W_]+|[\W_]+$", "", folded)
    inside = re.sub(r"^[\W\d_]+|[\W\d_]+$", "", folded)
    words = (_letters(folded), _letters(inside.translate(_LEET)))
    return not _frequent_passwords().isdisjoint({folded, unsigned, inside, *words}) or any(map(_is_of_words, words))


def _is_of_words(letters: str) -> bool:
    """One or two of them. Of frequent passwords only each alone is refused: any two words at all would be pairs."""
    common = _common_words()
    if letters[: _period(letters)] in common:
        return True
    return any(letters[:at] in common and letters[at:] in common for at in range(1, len(letters) + 1))


@cache
def _common_words() -> frozenset[str]:
    return _listed("common_words.txt")


@cache
def _frequent_passwords() -> frozenset[str]:
    """Read at the first question: some four megabytes."""
    return _listed("frequent_passwords.txt")


def _listed(name: str) -> frozenset[str]:
    lines = Path(__file__).with_name(name).read_text(encoding="utf-8").splitlines()
    return frozenset(word for line in lines if not line.startswith("#") for word in line.split())

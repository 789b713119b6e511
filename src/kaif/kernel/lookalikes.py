"""Whether two names look alike, by Unicode's own list of confusable characters (Unicode Technical Standard 39, 4).

Names with one skeleton look alike; a skeleton is shown to nobody. The list comes with `confusable_homoglyphs`, which
has for each character those that it is confused with: they form a class, for which the one stands that all the others
are listed with.
"""

import functools
import importlib.resources
import unicodedata

import msgspec

# All that the same list has of what usernames are made of; so little that a database can say it as well.
_USERNAMES = str.maketrans({"0": "o", "1": "l", "m": "rn"})
NAMES_KEPT = 20_000


class _Confusable(msgspec.Struct):
    c: str


def skeleton_of_username(username: str) -> str:
    """Of one in small letters."""
    return username.translate(_USERNAMES)


@functools.lru_cache(maxsize=NAMES_KEPT)
def skeletons_of(name: str) -> frozenset[str]:
    """As it is written, and in small letters: names look alike that have one of these in common.

    Spaces, signs between the letters and marks above them count for nothing.
    """
    shown = _skeleton(name)
    return frozenset({shown, _skeleton(name.casefold()), _skeleton(shown.casefold())} - {""})


def look_alike(one: str, other: str) -> bool:
    return not skeletons_of(one).isdisjoint(skeletons_of(other))


def _skeleton(name: str) -> str:
    stands_for = _classes()
    letters = unicodedata.normalize("NFD", name)
    shown = "".join(_shown(letter, stands_for.get(letter, letter)) for letter in letters)
    return "".join(letter for letter in unicodedata.normalize("NFD", shown) if not unicodedata.combining(letter))


def _shown(letter: str, look: str) -> str:
    """Nothing, for a sign that doesn't look like a letter either."""
    return look if letter.isalnum() or look.isalnum() else ""


@functools.cache
def _classes() -> dict[str, str]:
    """What stands for each character: the sequence of its class, or else the lowest character."""
    listed = importlib.resources.files("confusable_homoglyphs").joinpath("confusables.json").read_bytes()
    neighbours: dict[str, set[str]] = {}
    for letter, others in msgspec.json.decode(listed, type=dict[str, list[_Confusable]]).items():
        for one, other in ((letter, each.c) for each in others):
            neighbours.setdefault(_bare(one), set()).add(_bare(other))
            neighbours.setdefault(_bare(other), set()).add(_bare(one))
    stands_for: dict[str, str] = {}
    for letter in neighbours:
        if letter not in stands_for:
            members = _reachable(letter, neighbours)
            chosen = min(members, key=lambda member: (len(member) == 1, -len(neighbours[member]), member))
            stands_for |= dict.fromkeys(members, chosen)
    # A sequence is made of characters of other classes.
    return {
        letter: "".join(stands_for.get(part, part) for part in chosen) if len(chosen) > 1 else chosen
        for letter, chosen in stands_for.items()
    }


def _reachable(letter: str, neighbours: dict[str, set[str]]) -> set[str]:
    found, waiting = {letter}, [letter]
    while waiting:
        new = neighbours[waiting.pop()] - found
        found |= new
        waiting += new
    return found


def _bare(letter: str) -> str:
    """Taken apart, as what is looked up is; the list marks letters of right-to-left scripts by a direction."""
    return unicodedata.normalize("NFD", letter.replace("\u200e", ""))

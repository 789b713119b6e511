"""Which step comes next in the work on a file, by what was made of it already. Pure rules.

Every step ends with a rendition that says it is done, so work that broke off goes on there, whoever does it.
"""

from collections.abc import Collection
from typing import Literal, NamedTuple

from kaif.interfaces.media import State
from kaif.interfaces.media.films import Film
from kaif.kernel.clock import MS_US
from kaif.services.media import model
from kaif.services.media.model import StoredMedia
from kaif.services.media.renditions import naming
from kaif.services.media.video.ladder import Rung, rungs

Kind = Literal["poster", "voice", "large", "copy", "film", "hls", "previews"]

# Who waits for it most goes first, whichever file it is of. What is below QUICK_PRIORITY takes seconds, and is not kept
# waiting by what may take hours.
_PRIORITIES: dict[Kind, int] = {"poster": 0, "voice": 5, "large": 10, "copy": 15, "film": 20, "hls": 50, "previews": 60}
_WHOLE_FILM_PRIORITY = 30
_OTHER_RUNGS_PRIORITY = 40
QUICK_PRIORITY = 20
# A larger one takes its time to be copied, too.
_QUICK_BYTES_MAX = 1 << 30
# Of a longer film a small rung is made first, so that nobody waits for the large one to watch it.
AT_ONCE_MS = 30_000


class Step(NamedTuple):
    """`name` is what it ends with."""

    kind: Kind
    name: str
    priority: int
    rung: Rung | None = None


def next_step(media: StoredMedia, made: Collection[str]) -> Step | None:
    return next((step for step in _steps(media) if step.name not in made), None)


def state_of(media: StoredMedia, made: Collection[str]) -> State:
    """Of a new file, of whose content that was made before."""
    name = playable_name(media)
    return "working" if name and name not in made else "ready"


def playable_name(media: StoredMedia) -> str:
    """The first thing that plays everywhere; nothing for what takes no work to be seen."""
    if media.kind == "video" and media.shown:
        return _films(media)[0].name
    return naming.VOICE if media.kind == "audio" and media.voice else ""


def is_better_to_watch(made: str) -> bool:
    """Whether a film that could be watched before can be watched better by that."""
    return made in (naming.FILM, naming.MASTER)


def film_of(media: StoredMedia) -> Film:
    shown = media.seen().shown
    assert shown
    duration_us = max(1, shown.duration_ms) * MS_US
    return Film(duration_us, shown.width, shown.height, shown.has_sound, is_hdr=False, as_sent=media.as_sent)


def ladder_of(media: StoredMedia) -> list[tuple[str, Rung]]:
    """Between which players choose, the smallest first. The last one is the film that is played and saved as such,
    unless that is a copy which has no place among them."""
    *lower, top = rungs(film_of(media))
    top_name = naming.rung(top.name) if media.as_sent == "film" else naming.FILM
    return [*[(naming.rung(rung.name), rung) for rung in lower], (top_name, top)]


def whole_film(media: StoredMedia) -> Step:
    """How FILM is encoded."""
    return Step("film", naming.FILM, _WHOLE_FILM_PRIORITY, rungs(film_of(media))[-1])


def _steps(media: StoredMedia) -> list[Step]:
    if not media.shown:
        return []
    if media.kind == "image":
        return [_step("large", naming.LARGE)]
    if media.kind == "audio":
        return [_step("voice", naming.VOICE)] if media.voice else []
    if media.type == model.GIF:
        # It goes round where it stands, so nobody chooses among sizes of it, nor a moment.
        return [_step("poster", naming.POSTER), *_films(media)]
    return [
        _step("poster", naming.POSTER),
        *_films(media),
        _step("hls", naming.MASTER),
        _step("previews", naming.PREVIEWS),
    ]


def _films(media: StoredMedia) -> list[Step]:
    """In the order in which people wait for them."""
    ladder = [Step("film", name, _OTHER_RUNGS_PRIORITY, rung) for name, rung in ladder_of(media)]
    if media.as_sent:
        is_quick = media.size <= _QUICK_BYTES_MAX
        copied = Step("copy", naming.FILM, _PRIORITIES["copy" if is_quick else "film"])
        return [copied, *[step for step in ladder if step.name != naming.FILM]]
    if media.type == model.GIF:
        return [whole_film(media)._replace(priority=_PRIORITIES["film"])]
    *lower, _ = ladder
    if not lower or film_of(media).duration_us <= AT_ONCE_MS * MS_US:
        return [whole_film(media)._replace(priority=_PRIORITIES["film"]), *lower]
    first, *others = lower
    return [first._replace(priority=_PRIORITIES["film"]), whole_film(media), *others]


def _step(kind: Kind, name: str) -> Step:
    return Step(kind, name, _PRIORITIES[kind])

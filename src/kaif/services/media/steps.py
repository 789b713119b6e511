"""Which step comes next in the work on a file, by what was made of it already. Pure rules.

Every step ends with a rendition that says it is done, so work that broke off goes on there, whoever does it.
"""

from collections.abc import Collection
from typing import Literal, NamedTuple

from kaif.interfaces.media import State
from kaif.interfaces.media.films import Film
from kaif.kernel.clock import MS_US
from kaif.services.media import naming
from kaif.services.media.model import StoredMedia
from kaif.services.media.video.ladder import Rung, rungs

Kind = Literal["poster", "voice", "large", "film", "hls", "previews"]

# Who waits for it most goes first, whichever file it is of. What is below QUICK_PRIORITY takes seconds, and is not kept
# waiting by what may take hours.
_PRIORITIES: dict[Kind, int] = {"poster": 0, "voice": 5, "large": 10, "film": 20, "hls": 50, "previews": 60}
_LOWER_RUNGS_PRIORITY = 40
QUICK_PRIORITY = 20


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
    """What has to be there before it plays everywhere; nothing for what takes no work to be seen."""
    if media.kind == "video" and media.shown:
        return naming.FILM
    return naming.VOICE if media.kind == "audio" and media.voice else ""


def film_of(media: StoredMedia) -> Film:
    shown = media.seen().shown
    assert shown
    duration_us = max(1, shown.duration_ms) * MS_US
    return Film(duration_us, shown.width, shown.height, shown.has_sound, is_hdr=False)


def rung_names(film: Film) -> list[tuple[str, Rung]]:
    """The smallest first; the last one is the film that is played and saved as such."""
    *lower, top = rungs(film)
    return [*[(f"film-{rung.name}.mp4", rung) for rung in lower], (naming.FILM, top)]


def _steps(media: StoredMedia) -> list[Step]:
    if not media.shown:
        return []
    if media.kind == "image":
        return [_step("large", naming.LARGE)]
    if media.kind == "audio":
        return [_step("voice", naming.VOICE)] if media.voice else []
    *lower, (name, top) = rung_names(film_of(media))
    return [
        _step("poster", naming.POSTER),
        Step("film", name, _PRIORITIES["film"], top),
        *[Step("film", name, _LOWER_RUNGS_PRIORITY, rung) for name, rung in lower],
        _step("hls", naming.MASTER),
        _step("previews", naming.PREVIEWS),
    ]


def _step(kind: Kind, name: str) -> Step:
    return Step(kind, name, _PRIORITIES[kind])

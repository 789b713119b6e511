"""What a worker does with films and sounds; see `worker`."""

import os
import time
from collections.abc import Callable
from pathlib import Path

import msgspec

from kaif.interfaces.media import Polyglot
from kaif.interfaces.media.films import Film, FilmDamaged, Sound
from kaif.kernel.clock import SECOND_US
from kaif.services.media import polyglots
from kaif.services.media.video.copying import copy
from kaif.services.media.video.encoding import Progress, encode
from kaif.services.media.video.packaging import package
from kaif.services.media.video.pictures import take_poster, take_previews
from kaif.services.media.video.probing import probe
from kaif.services.media.video.voices import hear, make_voice
from kaif.services.media.video.wholeness import is_cut_short
from kaif.services.media.work.jobs import (
    Copy,
    Done,
    Encode,
    MakeVoice,
    Package,
    Probe,
    Probed,
    Sheet,
    Spoken,
    TakePreviews,
    Task,
    Underway,
)

Tell = Callable[[msgspec.Struct], None]

TELL_EVERY_S = 0.5


def done(task: Task, tell: Tell) -> msgspec.Struct:
    match task:
        case Probe():
            return _probed(task)
        case Encode():
            encode(Path(task.source), Path(task.target), task.rung, _progress(tell))
            return Done()
        case Copy():
            copy(Path(task.source), Path(task.target), task.film, _progress(tell))
            return Done()
        case Package():
            package([Path(film) for film in task.films], Path(task.folder))
            return Done()
        case TakePreviews():
            return Sheet(take_previews(Path(task.source), Path(task.target), task.film))
        case MakeVoice():
            return Spoken(make_voice(Path(task.source), Path(task.target)))
    raise AssertionError(task)


def _probed(task: Probe) -> Probed:
    source = Path(task.source)
    if _is_polyglot(source):
        raise Polyglot
    if is_cut_short(source):
        raise FilmDamaged
    match found := probe(source):
        case Film():
            take_poster(source, Path(task.poster), found)
            return Probed(found)
        case Sound() if found.duration_us <= task.heard_s_max * SECOND_US:
            return Probed(found, hear(source).waveform)
    return Probed(found)


def _is_polyglot(source: Path) -> bool:
    with source.open("rb") as file:
        beginning = file.read(polyglots.END_BYTES)
        file.seek(max(file.seek(0, os.SEEK_END) - polyglots.END_BYTES, 0))
        return polyglots.is_polyglot(beginning) or polyglots.is_polyglot(file.read())


def _progress(tell: Tell) -> Progress:
    told_at_s = time.monotonic()

    def progress(seconds: float) -> None:
        nonlocal told_at_s
        if time.monotonic() >= told_at_s + TELL_EVERY_S:
            told_at_s = time.monotonic()
            tell(Underway(seconds))

    return progress

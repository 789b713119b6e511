"""What media promises about films and sounds: one that plays everywhere, or a refusal that says why.

Invalid
├── NotPlayable       not_playable        neither film nor sound of a kind that is taken, or damaged from the start
├── FilmDamaged       film_damaged        ends before what it says it holds does
├── FilmTooLong       film_too_long       plays longer than is taken (seconds_max)
├── FilmTooLarge      film_too_large      more pixels in a frame than are taken (pixels_max)
└── FilmTooDemanding  film_too_demanding  takes more memory, time or room than any film should
"""

from typing import Literal

import msgspec

from kaif.kernel.errors import Invalid


class NotPlayable(Invalid):
    code, detail = "not_playable", "This is no film or sound of a kind that is taken here, or it is damaged."


class FilmDamaged(Invalid):
    code, detail = "film_damaged", "This film or sound breaks off: a part of it is missing."


class FilmTooLong(Invalid):
    """Details carry seconds_max."""

    code, detail = "film_too_long", "This plays for too long."


class FilmTooLarge(Invalid):
    """Details carry pixels_max."""

    code, detail = "film_too_large", "The frames of this film are too large."


class FilmTooDemanding(Invalid):
    code, detail = "film_too_demanding", "Working on this film takes more than any film should."


# What becomes of a film's streams: they are encoded anew (empty), browsers play them as they are, or they may stand
# beside smaller ones as well, between which players choose.
AsSent = Literal["", "film", "ladder"]


class Film(msgspec.Struct, frozen=True, tag="film"):
    """Sides are as people see them, turned and with square pixels. The duration is that of what can be read, whatever
    the header says."""

    duration_us: int
    width: int
    height: int
    has_sound: bool
    is_hdr: bool
    as_sent: AsSent = ""


class Sound(msgspec.Struct, frozen=True, tag="sound"):
    duration_us: int


class Previews(msgspec.Struct, frozen=True):
    """A sheet of pictures of equal size, row by row, one for each `every_us` from the film's beginning."""

    width: int
    height: int
    columns: int
    count: int
    every_us: int


class Voice(msgspec.Struct, frozen=True):
    """The `waveform` is 100 loudnesses over its whole length, each 0 to 31, the loudest one of all 31 unless all is
    silence."""

    duration_us: int
    waveform: list[int]

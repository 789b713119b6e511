"""Which sizes a film is made in. Pure rules."""

from collections.abc import Sequence

import msgspec

from kaif.interfaces.media.films import Film


class Rung(msgspec.Struct, frozen=True):
    """Both sides are even, as H.264 with 4:2:0 demands; `bits_per_s_max` bounds the peaks of the constant quality."""

    name: str
    width: int
    height: int
    bits_per_s_max: int


# By the shorter side, which upright films have for a width; what streaming services allow for H.264 of ordinary motion.
_STEPS = [(360, 1_000_000), (480, 2_000_000), (720, 4_000_000), (1080, 8_000_000)]


SIDE_MAX = _STEPS[-1][0]


def bits_per_s_max(side: int) -> int:
    """Of a film whose shorter side that is, up to SIDE_MAX."""
    return next(bits for step, bits in _STEPS if step >= side)


def rungs(film: Film) -> Sequence[Rung]:
    """The smallest first, none larger than the film; the last, up to 1080, has the film's own size."""
    top = min(film.width, film.height, SIDE_MAX)
    # A step that is hardly smaller than the last one would be worth nothing.
    lower = [_rung(film, side, bits) for side, bits in _STEPS if side * 5 <= top * 4]
    return [*lower, _rung(film, top, bits_per_s_max(top))]


def _rung(film: Film, side: int, bits_per_s_max: int) -> Rung:
    scale = side / min(film.width, film.height)
    return Rung(f"{side}p", _even(film.width * scale), _even(film.height * scale), bits_per_s_max)


def _even(length: float) -> int:
    return max(2, round(length / 2) * 2)

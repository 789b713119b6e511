"""How large things come out, and what is cut off."""

import math
from typing import NamedTuple

from kaif.interfaces.media.images import Gravity, Variant

# Of what is made: an encoder holds all of it at once, beside what it is made of.
PIXELS_MAX = 36_000_000


class Size(NamedTuple):
    width: int
    height: int

    @property
    def pixels(self) -> int:
        return self.width * self.height


class Plan(NamedTuple):
    """Resize to `whole`, then keep `kept` of it."""

    whole: Size
    kept: Size


def plan(source: Size, variant: Variant) -> Plan:
    """Never larger than the source, nor than what can be encoded. No side is less than a pixel."""
    if variant.fit == "cover" and variant.width and variant.height:
        return _covering(source, Size(variant.width, variant.height))
    scales = [wanted / side for wanted, side in zip((variant.width, variant.height), source, strict=True) if wanted]
    size = _scaled(source, min(1.0, math.sqrt(PIXELS_MAX / source.pixels), *scales))
    return Plan(size, size)


def _covering(source: Size, wanted: Size) -> Plan:
    """A box that is larger than the picture becomes smaller without changing its shape."""
    shrink = min(1.0, source.width / wanted.width, source.height / wanted.height)
    box = _scaled(wanted, shrink)
    scale = max(box.width / source.width, box.height / source.height)
    whole = _scaled(source, min(1.0, scale))
    # Rounding must not leave the picture a pixel smaller than its box.
    whole = Size(max(whole.width, box.width), max(whole.height, box.height))
    return Plan(whole, box)


def _scaled(size: Size, scale: float) -> Size:
    return Size(max(1, round(size.width * scale)), max(1, round(size.height * scale)))


# Where the kept part begins, in halves of what is too much: 0 at the start, 2 at the end.
_HALVES: dict[Gravity, tuple[int, int]] = {
    "centre": (1, 1),
    "north": (1, 0),
    "northeast": (2, 0),
    "east": (2, 1),
    "southeast": (2, 2),
    "south": (1, 2),
    "southwest": (0, 2),
    "west": (0, 1),
    "northwest": (0, 0),
    "smart": (1, 1),
}


def corner(planned: Plan, gravity: Gravity) -> tuple[int, int]:
    """Left and top of what is kept; `smart` needs the picture itself."""
    across, down = _HALVES[gravity]
    left = (planned.whole.width - planned.kept.width) * across // 2
    top = (planned.whole.height - planned.kept.height) * down // 2
    return left, top

"""How a film says that it is to be turned and mirrored, as its display matrix has it (ISO/IEC 14496-12, 6.2.2)."""

import struct
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from av.sidedata.sidedata import Type
from av.video.frame import VideoFrame

_MATRIX = struct.Struct("=9i")


class Turn(NamedTuple):
    """By quarters, perhaps mirrored: there are eight. `filters` are those of libav, with their settings."""

    swaps_sides: bool
    filters: Sequence[tuple[str, str]] = ()


UPRIGHT = Turn(swaps_sides=False)
# By whether what lies to the right, and what lies below, comes to lie on the other side of where it would.
_STRAIGHT = {
    (False, False): UPRIGHT,
    (True, False): Turn(False, (("hflip", ""),)),
    (False, True): Turn(False, (("vflip", ""),)),
    (True, True): Turn(False, (("hflip", ""), ("vflip", ""))),
}
_ACROSS = {
    (False, False): "cclock_flip",
    (False, True): "clock",
    (True, False): "cclock",
    (True, True): "clock_flip",
}


def turn_of(frame: VideoFrame) -> Turn:
    """What a frame's matrix asks for, as far as quarters go: at an angle between two no player shows a film."""
    said: Mapping[Any, Any] = frame.side_data
    matrix = bytes(said.get(Type.DISPLAYMATRIX, b""))
    if len(matrix) < _MATRIX.size:
        return UPRIGHT
    right_x, right_y, _, below_x, below_y, *_ = _MATRIX.unpack_from(matrix)
    if abs(right_y) + abs(below_x) > abs(right_x) + abs(below_y):
        return Turn(True, (("transpose", f"dir={_ACROSS[right_y < 0, below_x < 0]}"),))
    return _STRAIGHT[right_x < 0, below_y < 0]

"""Colours that a picture names by numbers (ITU-T H.273, "nclx" in HEIF) instead of by a profile, in sRGB.

What is brighter than the white of a page is brought below the brightest that a screen shows, as films are; what no
screen of sRGB shows becomes the nearest that it does.
"""

import math
from array import array
from collections.abc import Callable, Sequence
from functools import cache
from typing import NamedTuple

import pyvips

_PRIMARIES, _TRANSFER = "nclx-primaries", "nclx-transfer"
_BT2020, _DISPLAY_P3 = 9, 12
_LINEAR, _PQ, _HLG = 8, 16, 18
# Rows are red, green and blue of BT.709: from BT.2087 (2020), and from the primaries of SMPTE EG 432-1 (P3) with D65.
_TO_BT709: dict[int, Sequence[Sequence[float]]] = {
    _BT2020: ((1.6605, -0.5876, -0.0728), (-0.1246, 1.1329, -0.0083), (-0.0182, -0.1006, 1.1187)),
    _DISPLAY_P3: ((1.2249, -0.2247, 0.0), (-0.0420, 1.0419, 0.0), (-0.0197, -0.0786, 1.0979)),
}
_BT2020_LUMA = (0.2627, 0.6780, 0.0593)
# In candela per square metre: a page's white (BT.2408), the brightest that is told apart, and the brightest of PQ.
_WHITE, _BRIGHTEST, _PQ_BRIGHTEST = 203.0, 1000.0, 10_000.0
# Up to this share of a page's white nothing changes.
_KNEE = 0.5


class Colours(NamedTuple):
    primaries: int
    transfer: int

    @property
    def is_hdr(self) -> bool:
        return self.transfer in (_PQ, _HLG)

    @property
    def is_srgb(self) -> bool:
        """Or so near to it that nobody has ever told them apart."""
        return not self.is_hdr and self.transfer != _LINEAR and self.primaries not in _TO_BT709


def marked(image: pyvips.Image, colours: Colours) -> pyvips.Image:
    """What comes of it remembers its colours."""
    image = image.copy()
    for name, value in ((_PRIMARIES, colours.primaries), (_TRANSFER, colours.transfer)):
        image.set_type(pyvips.GValue.gint_type, name, value)
    return image


def colours_of(image: pyvips.Image) -> Colours | None:
    """Those that it was marked with."""
    if not image.get_typeof(_TRANSFER):
        return None
    return Colours(image.get(_PRIMARIES), image.get(_TRANSFER))


def to_srgb(image: pyvips.Image, colours: Colours) -> pyvips.Image:
    """Eight bits, of a picture of three colours and perhaps holes."""
    shown = image.extract_band(0, n=3)
    light = _mapped(_light(shown, colours.transfer)) if colours.is_hdr else _light(shown, colours.transfer)
    if matrix := _TO_BT709.get(colours.primaries):
        light = light.recomb(pyvips.Image.new_from_array([list(row) for row in matrix]))
    srgb = light.copy(interpretation="scrgb").colourspace("srgb").cast("uchar")
    if image.bands < 4:
        return srgb
    holes = image.extract_band(3)
    return srgb.bandjoin((holes >> 8 if image.format == "ushort" else holes).cast("uchar"))


def _light(image: pyvips.Image, transfer: int) -> pyvips.Image:
    """Linear; 1 is the white of a page."""
    curve = _CURVES.get(transfer, _srgb)
    top = 65_535 if image.format == "ushort" else 255
    light = image.maplut(pyvips.Image.new_from_memory(_table(curve, top), top + 1, 1, 1, "float"))
    if transfer != _HLG:
        return light
    # BT.2100: what a screen of 1,000 candela makes of the scene.
    luma = sum(light.extract_band(band) * share for band, share in enumerate(_BT2020_LUMA))
    return light * luma**0.2 * (_BRIGHTEST / _WHITE)


@cache
def _table(curve: Callable[[float], float], top: int) -> bytes:
    return array("f", (curve(code / top) for code in range(top + 1))).tobytes()


def _mapped(light: pyvips.Image) -> pyvips.Image:
    """By the brightest of the three, so that no colour turns into another (extended Reinhard above the knee)."""
    brightest = light.extract_band(0).maxpair(light.extract_band(1)).maxpair(light.extract_band(2))
    room = 1 - _KNEE
    top = (_BRIGHTEST / _WHITE - _KNEE) / room
    above = ((brightest - _KNEE) / room).maxpair(0.0)
    kept = above * (1 + above / (top * top)) / (1 + above) * room + _KNEE
    return (brightest > _KNEE).ifthenelse(light * (kept / brightest), light)


def _srgb(code: float) -> float:
    return code / 12.92 if code <= 0.04045 else ((code + 0.055) / 1.055) ** 2.4


def _linear(code: float) -> float:
    return code


def _pq(code: float) -> float:
    """SMPTE ST 2084."""
    root = code ** (1 / 78.84375)
    light = (max(root - 0.8359375, 0.0) / (18.8515625 - 18.6875 * root)) ** (1 / 0.1593017578125)
    return float(light * _PQ_BRIGHTEST / _WHITE)


def _hlg(code: float) -> float:
    """The scene's light (BT.2100), up to 1."""
    if code <= 0.5:
        return code * code / 3
    return (math.exp((code - 0.55991073) / 0.17883277) + 0.28466892) / 12


_CURVES: dict[int, Callable[[float], float]] = {_LINEAR: _linear, _PQ: _pq, _HLG: _hlg}

"""ThumbHash: a picture in about 25 bytes, to be painted before the picture itself is there.

The format of Evan Wallace's reference, whose names of channels are kept: luminance, yellow-blue, red-green, alpha.
"""

import base64
import math
from collections.abc import Sequence

# The coefficients are of the lowest frequencies: a larger picture gives the same ones, only later.
SIDE_MAX = 32

Channel = list[float]


def thumbhash(width: int, height: int, rgba: bytes) -> str:
    """Base64 of the hash of pixels that are not premultiplied; neither side is above 100."""
    assert len(rgba) == width * height * 4
    has_alpha = any(alpha < 255 for alpha in rgba[3::4])
    luminance, yellow, red, alphas = _channels(rgba)
    limit = 5 if has_alpha else 7
    across = max(1, _round(limit * width / max(width, height)))
    down = max(1, _round(limit * height / max(width, height)))
    light = _encoded(luminance, width, height, max(3, across), max(3, down))
    rest = [_encoded(yellow, width, height, 3, 3), _encoded(red, width, height, 3, 3)]
    if has_alpha:
        rest.append(_encoded(alphas, width, height, 5, 5))
    constants = _constants([light, *rest], has_alpha, width > height, down if width > height else across)
    return base64.b64encode(
        constants + _nibbles([value for channel in (light, *rest) for value in channel[1]])
    ).decode()


def _channels(rgba: bytes) -> tuple[Channel, Channel, Channel, Channel]:
    """What shows through is the average colour."""
    alphas = [alpha / 255 for alpha in rgba[3::4]]
    seen = sum(alphas) or 1.0
    colours = []
    for band in range(3):
        values = [value / 255 for value in rgba[band::4]]
        average = sum(value * alpha for value, alpha in zip(values, alphas, strict=True)) / seen
        colours.append([average * (1 - a) + value * a for value, a in zip(values, alphas, strict=True)])
    pixels = list(zip(*colours, strict=True))
    luminance = [(r + g + b) / 3 for r, g, b in pixels]
    return luminance, [(r + g) / 2 - b for r, g, b in pixels], [r - g for r, g, _ in pixels], alphas


def _encoded(channel: Channel, width: int, height: int, nx: int, ny: int) -> tuple[float, Channel, float]:
    """The constant term of the cosine transform, the others scaled to 0..1, and their scale."""
    columns = _cosines(width, nx)
    rows = [channel[y * width : (y + 1) * width] for y in range(height)]
    across = [[_dot(row, cosine) for row in rows] for cosine in columns]
    terms = []
    for cy, cosine in enumerate(_cosines(height, ny)):
        wanted = [cx for cx in range(nx) if cx * ny < nx * (ny - cy)]
        terms += [_dot(across[cx], cosine) / (width * height) for cx in wanted]
    constant, varying = terms[0], terms[1:]
    scale = max(map(abs, varying), default=0.0)
    if scale:
        varying = [0.5 + 0.5 / scale * value for value in varying]
    return constant, varying, scale


def _cosines(length: int, count: int) -> list[list[float]]:
    return [[math.cos(math.pi / length * k * (x + 0.5)) for x in range(length)] for k in range(count)]


def _dot(values: Sequence[float], weights: Sequence[float]) -> float:
    return sum(value * weight for value, weight in zip(values, weights, strict=True))


def _constants(
    channels: list[tuple[float, Channel, float]], has_alpha: bool, is_landscape: bool, shorter: int
) -> bytes:
    (l_dc, _, l_scale), (p_dc, _, p_scale), (q_dc, _, q_scale), *alpha = channels
    header24 = _round(63 * l_dc) | _round(31.5 + 31.5 * p_dc) << 6 | _round(31.5 + 31.5 * q_dc) << 12
    header24 |= _round(31 * l_scale) << 18 | has_alpha << 23
    header16 = shorter | _round(63 * p_scale) << 3 | _round(63 * q_scale) << 9 | is_landscape << 15
    header = header24.to_bytes(3, "little") + header16.to_bytes(2, "little")
    for a_dc, _, a_scale in alpha:
        header += bytes([_round(15 * a_dc) | _round(15 * a_scale) << 4])
    return header


def _nibbles(values: list[float]) -> bytes:
    numbers = [_round(15 * value) for value in values]
    numbers += [0] * (len(numbers) % 2)
    return bytes(low | high << 4 for low, high in zip(numbers[::2], numbers[1::2], strict=True))


def _round(value: float) -> int:
    """As JavaScript does: halves upwards."""
    return math.floor(value + 0.5)

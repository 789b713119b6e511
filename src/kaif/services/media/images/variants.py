"""Which variants a picture has, and in which format a browser gets them."""

from kaif.interfaces.media.images import Format, Made, Variant
from kaif.services.media.images.formats import CONTENT_TYPES, MOVING

# Those that every picture has.
FULL = Variant("webp", quality=90, animated=True)
THUMBNAIL = Variant("webp", width=200, height=200, fit="cover", quality=80)
# By libwebp's second method 84 has the bytes that 85 has by its fourth, and within 0.3 dB its likeness, in half the
# time.
MEDIUM = Variant("webp", width=800, height=800, quality=84, animated=True)

# What browsers may get instead of one another, the smallest first.
_PREFERRED: tuple[Made, ...] = ("avif", "webp")
# A larger one takes its encoder more memory than a worker has, and many seconds.
AVIF_PIXELS_MAX = 6_000_000


def best_format(
    accept: str, format: Format, *, pixels: int = 0, animated: bool = False, has_alpha: bool = False
) -> Made:
    """What to send to whoever says `Accept: ...` (RFC 9110, 12.5.1), for a file of that format, in so many pixels.

    Only what is named itself counts: browsers say `*/*` whatever they can show. AVIF does not move here.
    """
    named = _named(accept)
    for preferred in _PREFERRED:
        fits = preferred != "avif" or pixels <= AVIF_PIXELS_MAX
        if named.get(CONTENT_TYPES[preferred], 0.0) > 0 and fits and (preferred in MOVING or not animated):
            return preferred
    if animated:
        return "gif"
    return "png" if has_alpha or format in ("png", "svg") else "jpeg"


def _named(accept: str) -> dict[str, float]:
    weights = {}
    for item in accept.split(","):
        name, *parameters = [part.strip().lower() for part in item.split(";")]
        weight = next((text[2:] for text in parameters if text.startswith("q=")), "1")
        weights[name] = _weight(weight)
    return weights


def _weight(text: str) -> float:
    """One that has no sense is none."""
    try:
        return float(text)
    except ValueError:
        return 0.0

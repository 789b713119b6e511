"""Tells what a file shows, without making anything of it but the smallest glimpse.

A worker process does this; see `loading`.
"""

from kaif.interfaces.media import Polyglot
from kaif.interfaces.media.images import Picture, Variant
from kaif.services.media import polyglots
from kaif.services.media.images import thumbhash
from kaif.services.media.images.limits import Limits
from kaif.services.media.images.loading import Source, what_fails_is_damaged
from kaif.services.media.images.profiles import profile_name
from kaif.services.media.images.rendering import in_srgb, resized
from kaif.services.media.images.sizes import plan

_GLIMPSE = Variant("png", width=thumbhash.SIDE_MAX, height=thumbhash.SIDE_MAX)


def inspect(content: bytes, limits: Limits) -> Picture:
    """Every line of the first frame is decoded on the way, so a file that is cut short does not pass.

    Raises NotAnImage, ImageFileTooLarge, TooManyPixels, TooManyFrames, ImageDamaged, Polyglot.
    """
    source = Source(content, limits)
    # A drawing is a text that may say anything: none is ever handed out as one.
    if source.format != "svg" and polyglots.is_polyglot(content):
        raise Polyglot
    header, size = source.header, source.size
    return Picture(
        format=source.format,
        width=size.width,
        height=size.height,
        frames=header.frames,
        duration_ms=sum(header.delays_ms),
        orientation=header.orientation,
        has_alpha=header.has_alpha,
        profile=profile_name(header.profile),
        thumbhash=_glimpse(source),
    )


def _glimpse(source: Source) -> str:
    small = plan(source.size, _GLIMPSE).whole
    with what_fails_is_damaged():
        image = source.upright(resized(source.still(small), source.stored(small)))
        image = in_srgb(image).colourspace("srgb")
        image = image if image.hasalpha() else image.addalpha()
        pixels = bytes(image.write_to_memory())
    return thumbhash.thumbhash(small.width, small.height, pixels)

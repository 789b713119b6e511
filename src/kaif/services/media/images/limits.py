"""How much of a picture is taken, so that none costs more than a picture should."""

import msgspec

from kaif.interfaces.media.images import ImageFileTooLarge, NotAnImage, TooManyFrames, TooManyPixels
from kaif.services.media.images.formats import format_of
from kaif.services.media.images.sizes import Size

MB = 1 << 20


class Limits(msgspec.Struct, frozen=True):
    """The most that cameras give (50 megapixels) fits into a worker's memory at once; see `work.pool.Bounds`."""

    file_bytes: int = 50 * MB
    # It is text: what is larger is slow to draw.
    svg_bytes: int = 1 * MB
    pixels: int = 51_000_000
    # WebP ends at 16,383.
    side: int = 16_000
    frames: int = 1000
    # Of all frames together, when they are kept.
    moving_pixels: int = 60_000_000


def check_file(content: bytes, limits: Limits) -> None:
    """Before anything looks into it. Raises ImageFileTooLarge, NotAnImage."""
    bytes_max = limits.svg_bytes if format_of(content) == "svg" else limits.file_bytes
    if len(content) > bytes_max:
        raise ImageFileTooLarge(bytes_max=bytes_max)
    if format_of(content) is None:
        raise NotAnImage


def check_size(size: Size, frames: int, limits: Limits) -> None:
    """After the header was read, before pixels are. Raises TooManyPixels, TooManyFrames."""
    if size.pixels > limits.pixels or max(size) > limits.side:
        raise TooManyPixels(pixels_max=limits.pixels, side_max=limits.side)
    if frames > limits.frames or (frames > 1 and size.pixels * frames > limits.moving_pixels):
        raise TooManyFrames(frames_max=limits.frames, pixels_max=limits.moving_pixels)

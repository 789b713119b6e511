"""A JPEG becomes a WebP of its size by its planes: both keep brightness apart from colour.

So no pixel becomes red, green and blue in between, which is half of a decoder's time and a third of the encoder's, and
colours are averaged once instead of twice (JFIF 1.02 against RFC 6386, 9.2; docs/media-images.md). libvips and libwebp
know no such way by Python; libav does.
"""

from fractions import Fraction

import av
import pyvips
from av.video.codeccontext import VideoCodecContext
from av.video.frame import VideoFrame
from av.video.plane import VideoPlane
from av.video.reformatter import Interpolation

from kaif.services.media.images.sizes import Size

# Values from 0 to 255 in both, and three components with a plane each: not those of CMYK, RGB or of shades of grey.
_HALVED = "yuvj420p"
_TAKEN = frozenset({_HALVED, "yuvj422p", "yuvj444p"})
_VALUES = pyvips.Image.identity()
# ITU-R BT.601: brightness from 16 to 235, colours from 16 to 240.
_BRIGHTNESS = (16 + _VALUES * (219 / 255)).rint().cast("uchar")
_COLOUR = (128 + (_VALUES - 128) * (224 / 255)).rint().cast("uchar")
# libav's mean of several is so much too large.
_MEAN_COLOUR = (128 + (_VALUES - 0.15 - 128) * (224 / 255)).rint().cast("uchar")
# Colours that were averaged once keep more, and take a few percent more bytes at the same quality.
_AVERAGED_QUALITY_LESS = 0.25
_BLOCK = 32
_ENCODERS_TIME_BASE = Fraction(1, 25)


class _NotTaken(Exception):
    """Another decoder may."""


def webp_of_planes(content: bytes, size: Size, orientation: int, quality: float, effort: int) -> bytes | None:
    """Upright. `size` is that of the file's header; `content` has no colour profile, which would not be heeded.

    None for a JPEG that is not as most are, or over which this decoder stumbles: the other one may tell what is wrong.
    """
    try:
        # Each in turn, so that no more than two are held.
        frame, is_averaged = _narrowed(_decoded(content, size), orientation)
        return _encoded(frame, quality - (_AVERAGED_QUALITY_LESS if is_averaged else 0), effort)
    except (av.FFmpegError, MemoryError, _NotTaken):
        return None


def _decoded(content: bytes, size: Size) -> VideoFrame:
    decoder = VideoCodecContext.create("mjpeg", "r")
    assert isinstance(decoder, VideoCodecContext)
    decoder.thread_count = 1
    # Blocks are decoded whole, beyond the edges too.
    pixels_max = (size.width + _BLOCK) * (size.height + _BLOCK)
    decoder.options = {"err_detect": "explode", "max_pixels": str(pixels_max)}
    [frame, *_] = [*decoder.decode(av.Packet(content)), *decoder.decode(None)]
    if frame.is_corrupt or frame.format.name not in _TAKEN or (frame.width, frame.height) != size:
        raise _NotTaken
    return frame


def _narrowed(frame: VideoFrame, orientation: int) -> tuple[VideoFrame, bool]:
    """Values as WebP has them, one of each colour for four of brightness, and whether those had to be averaged."""
    is_odd = frame.width % 2 or frame.height % 2
    is_averaged = frame.format.name != _HALVED
    if is_odd and (orientation != 1 or is_averaged):
        # Colours would come to stand beside their brightness.
        raise _NotTaken
    colours = _COLOUR
    if is_averaged:
        frame, colours = frame.reformat(format=_HALVED, interpolation=Interpolation.AREA), _MEAN_COLOUR
    images = [_upright(_image(plane), orientation) for plane in frame.planes]
    made = VideoFrame(images[0].width, images[0].height, "yuv420p")
    for plane, image, values in zip(made.planes, images, (_BRIGHTNESS, colours, colours), strict=True):
        rows = image.maplut(values).embed(0, 0, plane.line_size, plane.height)
        plane.update(rows.write_to_memory())
    return made, is_averaged


def _image(plane: VideoPlane) -> pyvips.Image:
    rows = pyvips.Image.new_from_memory(memoryview(plane), plane.line_size, plane.height, 1, "uchar")
    return rows.crop(0, 0, plane.width, plane.height)


def _upright(image: pyvips.Image, orientation: int) -> pyvips.Image:
    if orientation == 1:
        return image
    image = image.copy()
    image.set_type(pyvips.GValue.gint_type, "orientation", orientation)
    return image.autorot()


def _encoded(frame: VideoFrame, quality: float, effort: int) -> bytes:
    encoder = VideoCodecContext.create("libwebp", "w")
    assert isinstance(encoder, VideoCodecContext)
    encoder.width, encoder.height, encoder.pix_fmt = frame.width, frame.height, frame.format.name
    encoder.time_base = _ENCODERS_TIME_BASE
    encoder.options = {"quality": str(quality), "compression_level": str(effort)}
    return b"".join(bytes(packet) for packet in [*encoder.encode(frame), *encoder.encode(None)])

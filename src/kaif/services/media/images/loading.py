"""Opens pictures by libvips, and HEIC by libheif with a decoder of its own: headers first, pixels when they are read.

Whoever imports this decodes what strangers sent: worker processes, and nothing else. All loaders are blocked but one
for each kind that is taken, and the kind is told by the bytes: nothing is guessed from names, and no loader is reached
that was not meant. Drawings load nothing from outside and run nothing: librsvg is given no place to refer to.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import pillow_heif
import pyvips

from kaif.interfaces.media.images import Format, ImageDamaged, ImageTooDemanding, TooManyPixels
from kaif.services.media.images.colours import Colours, marked
from kaif.services.media.images.formats import MOVING, format_of
from kaif.services.media.images.limits import Limits, check_file, check_size
from kaif.services.media.images.sizes import Size
from kaif.services.media.images.wholeness import is_whole

_LOADERS = ("Jpeg", "Png", "Webp", "Heif", "Nsgif", "Svg")
# What a decoder can shrink by while it decodes, at a fraction of the cost (JPEG, in steps of its transform).
_JPEG_SHRINKS = (8, 4, 2)
# What is brighter than a screen is decoded in sixteen bits a colour, if there is room for that.
_WIDE_PIXELS_MAX = 13_000_000
# Drawings have no pixels: a smaller one, as icons are, is drawn so large.
_SVG_SIDE_MIN = 512
# How libraries say that they had no memory, be it for pixels, an encoder or a thread. WebP's encoder does not say why.
_EXHAUSTED = (
    *("out of memory", "memory error", "memory allocation", "to allocate", "creating thread", "encoder plugin"),
    "unable to encode",
)
# What libjpeg goes on after, with lines of grey or of another place. Bytes between two markers, which phones and old
# editors leave, it only passes over, as browsers do.
_BROKEN = (
    *("premature end of data segment", "bad huffman code", "bad arithmetic code", "instead of rst"),
    *("inconsistent progression", "invalid sos parameters"),
)
# Exif 2.32, 4.6.5.1.6: those in which the picture is turned by a quarter.
_QUARTER_TURNS = frozenset({5, 6, 7, 8})

pyvips.operation_block_set("VipsForeignLoad", True)
for _loader in _LOADERS:
    pyvips.operation_block_set(f"VipsForeignLoad{_loader}", False)
# No two pictures are the same one.
pyvips.cache_set_max(0)
pillow_heif.options.DECODE_THREADS = 1


class Header(NamedTuple):
    """What a file says of itself. `size` is that of a frame, not turned yet."""

    size: Size
    frames: int = 1
    delays_ms: tuple[int, ...] = ()
    orientation: int = 1
    has_alpha: bool = False
    profile: bytes = b""
    colours: Colours | None = None


class Source:
    """A file whose header was read and found to be within the limits.

    Raises NotAnImage, ImageFileTooLarge, TooManyPixels, TooManyFrames, ImageDamaged.
    """

    def __init__(self, content: bytes, limits: Limits) -> None:
        check_file(content, limits)
        format = format_of(content)
        assert format is not None
        self.format: Format = format
        self._content = content
        if not is_whole(content, format):
            raise ImageDamaged
        with what_fails_is_damaged():
            self._scale = _drawing_scale(content) if format == "svg" else 1.0
            self.header = _heic_header(content) if format == "heic" else self._vips_header()
            if format == "avif":
                self.header = self.header._replace(colours=_avif_colours(content))
        check_size(self.header.size, self.header.frames, limits)

    @property
    def size(self) -> Size:
        """As people see it."""
        return self.stored(self.header.size)

    @property
    def has_plain_planes(self) -> bool:
        """Whether its brightness and colours are what any JPEG's are that says nothing else of them."""
        return self.format == "jpeg" and not self.header.profile

    @property
    def is_turned(self) -> bool:
        """Whether people see it otherwise than the file has it."""
        return self.header.orientation != 1

    def stored(self, size: Size) -> Size:
        """That size as the file has it."""
        return Size(size.height, size.width) if self.header.orientation in _QUARTER_TURNS else size

    def still(self, wanted: Size) -> pyvips.Image:
        """The first frame as the file has it, of which lines can be read once, from top to bottom.

        It comes smaller where that costs the decoder less, but never smaller than wanted, which is how people see it.
        """
        with what_fails_is_damaged():
            image = self._decoded(shrink=self._shrink(wanted), access="sequential")
        colours = self.header.colours
        return marked(image, colours) if colours and image.bands >= 3 else image

    def upright(self, image: pyvips.Image) -> pyvips.Image:
        """What came of `still`, as people see it."""
        # Turning reads lines in another order than a decoder gives them.
        return image.copy_memory().autorot() if self.is_turned else image

    def moving(self) -> list[pyvips.Image]:
        """All frames, to be read one after the other."""
        with what_fails_is_damaged():
            strip = self._decoded(frames=-1, access="sequential")
            width, height = self.header.size
            return [strip.crop(0, number * height, width, height) for number in range(self.header.frames)]

    def _shrink(self, wanted: Size) -> int:
        if self.format != "jpeg":
            return 1
        factor = min(self.size.width / wanted.width, self.size.height / wanted.height)
        return next((shrink for shrink in _JPEG_SHRINKS if factor >= shrink), 1)

    def _vips_header(self) -> Header:
        # All frames are asked for, since only then it is said how many there are and how long they last.
        image = self._decoded(frames=-1 if self.format in MOVING else 1)
        frames = _field(image, "n-pages", 1) if self.format in MOVING else 1
        height = _field(image, "page-height", image.height) if frames > 1 else image.height
        orientation = _field(image, "orientation", 1)
        return Header(
            Size(image.width, height),
            frames,
            tuple(max(0, delay) for delay in _field(image, "delay", [])) if frames > 1 else (),
            orientation if 1 <= orientation <= 8 else 1,
            bool(image.hasalpha()),
            _field(image, "icc-profile-data", b""),
        )

    def _decoded(self, *, shrink: int = 1, frames: int = 1, access: str = "random") -> pyvips.Image:
        content, options = self._content, {"access": access, "fail_on": "error"}
        match self.format:
            case "jpeg":
                return pyvips.Image.jpegload_buffer(content, shrink=shrink, **options)
            case "png":
                return pyvips.Image.pngload_buffer(content, **options)
            case "webp":
                return pyvips.Image.webpload_buffer(content, n=frames, **options)
            case "gif":
                return pyvips.Image.gifload_buffer(content, n=frames, **options)
            case "avif":
                return pyvips.Image.heifload_buffer(content, **options)
            case "heic":
                return _heic_decoded(content, self.header.colours)
            case "svg":
                return pyvips.Image.svgload_buffer(content, scale=self._scale, **options)


@contextmanager
def what_fails_is_damaged() -> Iterator[None]:
    """Whatever a decoder stumbles over, the file is at fault: it is chosen by the file's own first bytes.

    Encoders draw pixels through decoders, so theirs are the same errors.
    """
    try:
        yield
    except (pyvips.Error, ValueError, EOFError, OSError, SyntaxError, RuntimeError) as error:
        _complaints()
        if any(mark in str(error).lower() for mark in _EXHAUSTED):
            raise ImageTooDemanding from error
        raise ImageDamaged from error
    told = _complaints().lower()
    if any(mark in told for mark in _BROKEN):
        raise ImageDamaged


def _complaints() -> str:
    """What libraries have said since this was asked last, of what they went on after."""
    told = bytes(pyvips.ffi.string(pyvips.vips_lib.vips_error_buffer())).decode(errors="replace")
    pyvips.vips_lib.vips_error_clear()
    return told


def _field(image: pyvips.Image, name: str, default: Any) -> Any:
    return image.get(name) if image.get_typeof(name) else default


def _drawing_scale(content: bytes) -> float:
    once, twice = (pyvips.Image.svgload_buffer(content, scale=scale) for scale in (1.0, 2.0))
    # A side that is beyond all bounds comes as 1, however large it is drawn.
    if any(double < single * 1.5 for double, single in ((twice.width, once.width), (twice.height, once.height))):
        raise TooManyPixels
    side: int = max(once.width, once.height)
    return max(1.0, _SVG_SIDE_MIN / side)


def _heic_header(content: bytes) -> Header:
    """Its container turns pictures by itself, and its decoder has followed: Exif has no say."""
    heif = pillow_heif.open_heif(content, convert_hdr_to_8bit=True)
    profile = heif.info.get("icc_profile") or b""
    return Header(Size(*heif.size), has_alpha=heif.has_alpha, profile=profile, colours=_colours(heif))


def _avif_colours(content: bytes) -> Colours | None:
    # Its headers are the same; only its pixels need the other decoder.
    return _colours(pillow_heif.open_heif(content, convert_hdr_to_8bit=True))


def _colours(heif: pillow_heif.HeifFile) -> Colours | None:
    """Those that are not sRGB's. Where there is a profile, libheif tells of that alone."""
    said = heif.info.get("nclx_profile")
    if not said:
        return None
    colours = Colours(int(said["color_primaries"]), int(said["transfer_characteristics"]))
    return None if colours.is_srgb else colours


def _heic_decoded(content: bytes, colours: Colours | None) -> pyvips.Image:
    heif = pillow_heif.open_heif(content, convert_hdr_to_8bit=True)
    width, height = heif.size
    is_wide = bool(colours and colours.is_hdr) and heif.info.get("bit_depth", 8) > 8 and heif.mode in ("RGB", "RGBA")
    if is_wide and width * height <= _WIDE_PIXELS_MAX:
        heif = pillow_heif.open_heif(content, convert_hdr_to_8bit=False)
        return _wide(heif)
    bands = {"L": 1, "RGB": 3, "RGBA": 4}[heif.mode]
    decoded = pyvips.Image.new_from_memory(*_unpadded(heif.data, heif.stride, Size(width, height), bands), "uchar")
    decoded = decoded.crop(0, 0, width, height).copy(interpretation="b-w" if bands == 1 else "srgb")
    if profile := heif.info.get("icc_profile"):
        decoded.set_type(pyvips.GValue.blob_type, "icc-profile-data", profile)
    return decoded


def _wide(heif: pillow_heif.HeifFile) -> pyvips.Image:
    width, height = heif.size
    pixel_bytes = {"RGB;16": 6, "RGBA;16": 8}[heif.mode]
    rows = _unpadded(heif.data, heif.stride, Size(width, height), pixel_bytes)
    decoded = pyvips.Image.new_from_memory(rows[0], rows[1], height, pixel_bytes // 2, "ushort")
    return decoded.crop(0, 0, width, height).copy(interpretation="rgb16")


def _unpadded(data: Any, stride: int, size: Size, bands: int) -> tuple[Any, int, int, int]:
    """Pixels in rows of as many as fit, without a copy where possible: pictures are large."""
    if stride % bands == 0:
        return data, stride // bands, size.height, bands
    rows = memoryview(data)
    kept = b"".join(rows[at : at + size.width * bands] for at in range(0, stride * size.height, stride))
    return kept, size.width, size.height, bands

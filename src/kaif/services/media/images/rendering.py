"""Makes variants of a picture: cut out, resized, upright, in sRGB, and without anything else that was in the file.

A worker process does this; see `loading`.
"""

from collections.abc import Sequence

import pyvips

from kaif.interfaces.media.images import Crop, CropOutside, Gravity, Made, Rendition, Variant
from kaif.services.media.images.colours import colours_of, to_srgb
from kaif.services.media.images.formats import MOVING
from kaif.services.media.images.limits import Limits
from kaif.services.media.images.loading import Source, what_fails_is_damaged
from kaif.services.media.images.planes import webp_of_planes
from kaif.services.media.images.sizes import Plan, Size, corner, plan

# Qualities that look alike.
QUALITIES: dict[Made, int] = {"jpeg": 82, "png": 100, "webp": 80, "avif": 55, "gif": 100}
# libwebp's second method does without its search for the best rate: half the time for a percent more bytes and a
# fifth of a decibel (docs/media-images.md). AVIF's is on the same side of that bargain.
WEBP_EFFORT, WEBP_EFFORT_SMALL = 2, 4
# Small ones are looked at again and again, so there each byte counts, and takes little time.
SMALL_PIXELS = 250_000
AVIF_EFFORT = 2
BOX_SHRINK_MAX = 8
# What several variants are made of is held in memory, up to this size; beyond it each decodes for itself.
SHARED_PIXELS_MAX = 25_000_000
GIF_EFFORT = 5
# Costella's magic kernel of 2021: as near to a picture as Lanczos's, with sharp's number of bytes in `medium`, whose
# whole steps of quality are too coarse for that (docs/media-images.md). What is made of a variant is so by Lanczos's.
KERNEL, KERNEL_OF_VARIANTS = pyvips.enums.Kernel.MKS2021, pyvips.enums.Kernel.LANCZOS3
OPAQUE: frozenset[Made] = frozenset({"jpeg"})


def render(content: bytes, variants: Sequence[Variant], limits: Limits) -> list[Rendition]:
    """In the order in which they are asked for; the file is decoded once for all that can share it.

    Raises CropOutside, and what `Source` raises.
    """
    source = Source(content, limits)
    made = _recoded(source, content, variants)
    left = [variant for variant in variants if variant not in made]
    stills = _Stills(source, [variant for variant in left if not _moves(source, variant)])
    for variant in sorted(left, key=lambda each: _whole(source, each).pixels, reverse=True):
        moves = _moves(source, variant)
        made[variant] = _render_moving(source, variant) if moves else _render_still(source, stills, variant)
    return [made[variant] for variant in variants]


def _recoded(source: Source, content: bytes, variants: Sequence[Variant]) -> dict[Variant, Rendition]:
    """Those that need no pixel but as the file has it."""
    made = {}
    for variant in variants:
        is_whole = variant.format == "webp" and not variant.crop and plan(source.size, variant).kept == source.size
        if source.has_plain_planes and is_whole:
            quality = variant.quality or QUALITIES["webp"]
            webp = webp_of_planes(content, source.header.size, source.header.orientation, quality, _effort(source.size))
            if webp:
                made[variant] = Rendition(webp, "webp", *source.size)
    if len(made) == len(set(variants)):
        # Nobody else will read it to its end, and libav goes on after much that is damage.
        _read_through(source)
    return made


def _read_through(source: Source) -> None:
    with what_fails_is_damaged():
        source.still(Size(1, 1)).avg()


def _moves(source: Source, variant: Variant) -> bool:
    return variant.animated and variant.format in MOVING and source.header.frames > 1


class _Stills:
    """The decoded picture, as small as all variants that share it allow, and what has been made of it.

    They are asked for from the largest down. A small one is made of one that is small already: of so many lines each
    pixel is an average anyway.
    """

    def __init__(self, source: Source, variants: Sequence[Variant]) -> None:
        wanted = [_whole(source, variant) for variant in variants]
        self._source = source
        self._wanted = Size(*map(max, zip(*wanted, strict=True))) if wanted else source.size
        self._shared = len(variants) > 1 and self._wanted.pixels <= SHARED_PIXELS_MAX
        self._made: list[pyvips.Image] = []

    def image(self, wanted: Size) -> pyvips.Image:
        """As the file has it, as large as wanted or larger."""
        if not self._shared:
            return self._source.still(wanted)
        if not self._made:
            with what_fails_is_damaged():
                self._made.append(self._source.still(self._wanted).copy_memory())
        return self._made[0]

    def resized(self, wanted: Size) -> pyvips.Image:
        """As the file has it. `wanted` is how people see it."""
        size = self._source.stored(wanted)
        if not self._shared:
            return resized(self._source.still(wanted), size)
        whole = self.image(wanted)
        if (whole.width, whole.height) == size:
            return whole
        ample = [made for made in self._made if made.width >= 2 * size.width and made.height >= 2 * size.height]
        image = (resized(ample[-1], size, KERNEL_OF_VARIANTS) if ample else resized(whole, size)).copy_memory()
        self._made.append(image)
        return image


def _whole(source: Source, variant: Variant) -> Size:
    # What is cut out is given in pixels of the whole picture.
    return source.size if variant.crop else plan(source.size, variant).whole


def _render_still(source: Source, stills: _Stills, variant: Variant) -> Rendition:
    _check_crop(source, variant.crop)
    with what_fails_is_damaged():
        planned = plan(_plan_size(source, variant), variant)
        if variant.crop:
            # What is cut out is told by how people see it.
            image = resized(_cut_out(source.upright(stills.image(source.size)), variant.crop), planned.whole)
        else:
            image = source.upright(stills.resized(planned.whole))
        if planned.kept != planned.whole:
            # A corner is all that some decoders would be asked for, and what is smart looks everywhere.
            image = image.copy_memory()
            image = _kept(image, planned, _corner(image, planned, variant.gravity))
        content = _encoded(_in_srgb(image, variant), variant)
    return Rendition(content, variant.format, *planned.kept)


def _render_moving(source: Source, variant: Variant) -> Rendition:
    """Every frame is cut where the first one is, so that nothing trembles."""
    _check_crop(source, variant.crop)
    planned, at = plan(_plan_size(source, variant), variant), (0, 0)
    frames = []
    with what_fails_is_damaged():
        for number, whole in enumerate(source.moving()):
            frame = resized(_cut_out(whole, variant.crop), planned.whole).copy_memory()
            at = _corner(frame, planned, variant.gravity) if number == 0 else at
            frames.append(_in_srgb(_kept(frame, planned, at), variant).copy_memory())
    strip = pyvips.Image.arrayjoin(frames, across=1).copy()
    # How long each frame is shown, and how often all are, comes along with the first one.
    strip.set_type(pyvips.GValue.gint_type, "page-height", planned.kept.height)
    return Rendition(_encoded(strip, variant), variant.format, *planned.kept)


def _check_crop(source: Source, crop: Crop | None) -> None:
    if crop and (crop.left + crop.width > source.size.width or crop.top + crop.height > source.size.height):
        raise CropOutside


def _plan_size(source: Source, variant: Variant) -> Size:
    return Size(variant.crop.width, variant.crop.height) if variant.crop else source.size


def _cut_out(image: pyvips.Image, crop: Crop | None) -> pyvips.Image:
    return image.crop(crop.left, crop.top, crop.width, crop.height) if crop else image


def resized(image: pyvips.Image, size: Size, kernel: str = KERNEL) -> pyvips.Image:
    if (image.width, image.height) == size:
        return image
    image = _box_shrunk(image, size)
    across, down = size.width / image.width, size.height / image.height
    if not image.hasalpha():
        return image.resize(across, vscale=down, kernel=kernel)
    # Colours of what can't be seen must not bleed into what can.
    return image.premultiply().resize(across, vscale=down, kernel=kernel).unpremultiply().cast(image.format)


def _box_shrunk(image: pyvips.Image, size: Size) -> pyvips.Image:
    """By a power of two, as JPEG's decoder does it: most of the work, at half the price of the filter for the rest."""
    factor = min(image.width // size.width, image.height // size.height, BOX_SHRINK_MAX)
    factor = 1 << (factor.bit_length() - 1)
    exact = image.width % factor == 0 and image.height % factor == 0
    return image.shrink(factor, factor) if factor > 1 and exact and not image.hasalpha() else image


def _corner(image: pyvips.Image, planned: Plan, gravity: Gravity) -> tuple[int, int]:
    if gravity != "smart" or planned.kept == planned.whole:
        return corner(planned, gravity)
    kept = image.smartcrop(planned.kept.width, planned.kept.height, interesting="attention")
    return -kept.xoffset, -kept.yoffset


def _kept(image: pyvips.Image, planned: Plan, at: tuple[int, int]) -> pyvips.Image:
    return image if planned.kept == planned.whole else image.crop(*at, planned.kept.width, planned.kept.height)


def _in_srgb(image: pyvips.Image, variant: Variant) -> pyvips.Image:
    """Eight bits, and no holes where the format has none."""
    image = in_srgb(image)
    if variant.format in OPAQUE and image.hasalpha():
        return image.flatten(background=list(bytes.fromhex(variant.background)))
    return image


def in_srgb(image: pyvips.Image) -> pyvips.Image:
    """Eight bits of sRGB or grey. A profile that is damaged, or of another kind of colour, is passed over."""
    if colours := colours_of(image):
        return to_srgb(image, colours)
    if not image.get_typeof("icc-profile-data") and image.format == "uchar" and image.interpretation in ("srgb", "b-w"):
        return image
    cmyk = image.interpretation == "cmyk"
    if image.get_typeof("icc-profile-data") or cmyk:
        fallback = {"input_profile": "cmyk" if cmyk else "srgb"}
        try:
            return image.icc_transform("srgb", embedded=True, intent="perceptual", depth=8, **fallback)
        except pyvips.Error:
            pass
    grey = image.interpretation in ("b-w", "grey16")
    return image.colourspace("b-w" if grey else "srgb").cast("uchar")


def _encoded(image: pyvips.Image, variant: Variant) -> bytes:
    content: bytes
    quality = variant.quality or QUALITIES[variant.format]
    match variant.format:
        case "jpeg":
            content = image.jpegsave_buffer(Q=quality, optimize_coding=True, interlace=True, keep="none")
        case "png":
            content = image.pngsave_buffer(keep="none")
        case "webp":
            effort = _effort(Size(image.width, image.height))
            content = image.webpsave_buffer(Q=quality, effort=effort, keep="none")
        case "avif":
            content = image.heifsave_buffer(Q=quality, effort=AVIF_EFFORT, compression="av1", bitdepth=8, keep="none")
        case "gif":
            content = image.gifsave_buffer(effort=GIF_EFFORT, keep="none")
    return content


def _effort(size: Size) -> int:
    return WEBP_EFFORT_SMALL if size.pixels <= SMALL_PIXELS else WEBP_EFFORT

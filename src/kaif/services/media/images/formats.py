"""Which kind of picture bytes are, by the bytes alone."""

import re
from typing import get_args

from kaif.interfaces.media.images import Format, Made

# Room for an XML declaration, a licence in a comment and a document type before `<svg`.
HEAD_BYTES = 4096

CONTENT_TYPES: dict[Format, str] = {
    "jpeg": "image/jpeg",
    "png": "image/png",
    "webp": "image/webp",
    "avif": "image/avif",
    "heic": "image/heic",
    "gif": "image/gif",
    "svg": "image/svg+xml",
}
MADE: tuple[Made, ...] = get_args(Made)
MOVING: frozenset[Format] = frozenset({"gif", "webp"})

_SIGNATURES: list[tuple[bytes, Format]] = [
    (b"\xff\xd8\xff", "jpeg"),
    (b"\x89PNG\r\n\x1a\n", "png"),
    (b"GIF87a", "gif"),
    (b"GIF89a", "gif"),
]
# ISO/IEC 23008-12 (HEIF), annex B; AV1 Image File Format, 6.
_BRANDS: dict[bytes, Format] = {
    b"avif": "avif",
    b"avis": "avif",
    **dict.fromkeys((b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx"), "heic"),
}
# What may stand before the root element; each step takes at least one character, and none can be taken in two ways.
_BEFORE_SVG = rb"(?:\s|<\?[^>]*>|<!--(?:[^-]|-[^-])*-->|<!DOCTYPE[^>\[]*(?:\[[^\]]*\]\s*)?>)*+"
_SVG = re.compile(rb"(?:\xef\xbb\xbf)?" + _BEFORE_SVG + rb"<(?:svg:)?svg[\s>/]")


def format_of(content: bytes) -> Format | None:
    """None for whatever is not taken. It may still turn out to be damaged."""
    for signature, format in _SIGNATURES:
        if content.startswith(signature):
            return format
    if content[:4] == b"RIFF" and content[8:12] == b"WEBP":
        return "webp"
    if content[4:8] == b"ftyp":
        return _format_of_brands(content)
    return "svg" if _SVG.match(content[:HEAD_BYTES]) else None


def _format_of_brands(content: bytes) -> Format | None:
    """The major brand, or the first known one that the file says it is compatible with."""
    length = min(int.from_bytes(content[:4], "big"), 256)
    brands = [content[8:12], *(content[at : at + 4] for at in range(16, length, 4))]
    return next((_BRANDS[brand] for brand in brands if brand in _BRANDS), None)

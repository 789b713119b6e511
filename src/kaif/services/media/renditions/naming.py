"""What can be made of a file: the names under which it is asked for, and those under which it is kept. Pure rules.

A picture is asked for as `small` and kept as `small.webp`, in the format that suits who asked. What work makes of films
and sounds is asked for and kept under one name.
"""

import hashlib
import re
from collections.abc import Collection, Iterable
from typing import NamedTuple

import msgspec

from kaif.interfaces.media import RenditionNotFound, Shown
from kaif.interfaces.media.images import Format, Made, Variant
from kaif.services.media.images import variants
from kaif.services.media.images.formats import CONTENT_TYPES
from kaif.services.media.images.sizes import Size, plan
from kaif.services.media.model import StoredMedia

POSTER, FILM, VOICE = "poster.jpeg", "film.mp4", "voice.ogg"
PREVIEWS, SHEET = "previews.vtt", "previews.jpeg"
HLS, MASTER = "hls/", "hls/master.m3u8"
LARGE = "large.webp"
_RUNG = re.compile(r"film-([0-9]{1,4})p\.mp4", re.A)
# By their endings.
TYPES = {
    "mp4": "video/mp4",
    "m4s": "video/mp4",
    "m3u8": "application/vnd.apple.mpegurl",
    "vtt": "text/vtt; charset=utf-8",
    "ogg": "audio/ogg",
    "jpeg": "image/jpeg",
}

WIDTHS = (320, 640, 1280, 1920)
_PICTURES: dict[str, Variant] = {
    "small": variants.THUMBNAIL,
    "medium": variants.MEDIUM,
    "large": variants.FULL,
    "poster": Variant("webp", quality=85),
    **{f"w{width}": Variant("webp", width=width, quality=82, animated=True) for width in WIDTHS},
}
_WORK = re.compile(
    r"film\.mp4|film-[0-9]{1,4}p\.mp4|voice\.ogg|previews\.(vtt|jpeg)|hls/(master|[0-9])\.(m3u8|m4s)", re.A
)
_FORMATS: dict[str, Format] = {type: format for format, type in CONTENT_TYPES.items()}
# Beyond what AVIF is made for.
_TOO_MANY_FOR_AVIF = variants.AVIF_PIXELS_MAX + 1


class Wanted(NamedTuple):
    """`variant` says how it is made for whoever asks; without one only work makes it."""

    name: str
    variant: Variant | None = None


def wanted(media: StoredMedia, name: str, accept: str) -> Wanted:
    """Raises RenditionNotFound for what is never made of such a file."""
    if _WORK.fullmatch(name) and media.kind in ("video", "audio"):
        return Wanted(name)
    if name not in _PICTURES or media.kind not in ("image", "video") or (name == "poster" and media.kind != "video"):
        raise RenditionNotFound
    variant = _PICTURES[name]
    format = _format(media, variant, accept, large=name == "large")
    # The quality is that of WebP; others have their own.
    variant = variant if format == "webp" else msgspec.structs.replace(variant, format=format, quality=0)
    return Wanted(f"{name}.{format}", variant)


def is_made_of(media: StoredMedia) -> bool:
    """Whether anything is made of such a file."""
    return media.kind in ("image", "video") or bool(media.voice)


def wanted_by_format(media: StoredMedia, name: str) -> Wanted:
    """As `wanted`, of names that say in themselves what whoever asks can show. Raises RenditionNotFound."""
    stem, _, format = name.rpartition(".")
    if stem in _PICTURES and not _WORK.fullmatch(name):
        if format not in _SHOWS:
            raise RenditionNotFound
        return wanted(media, stem, _SHOWS[format])
    if not _WORK.fullmatch(name):
        raise RenditionNotFound
    return wanted(media, name, "")


# What shows the one shows those before it.
_SHOWS = {"jpeg": "", "webp": "image/webp", "avif": "image/avif,image/webp"}


def is_shown_without_its_file(media: StoredMedia) -> bool:
    """A film of which nothing could be made is all that there is to show."""
    return media.kind == "image" or (media.kind == "video" and media.state != "failed")


def rung(name: str) -> str:
    return f"film-{name}.mp4"


def best_film(made: Collection[str]) -> str:
    """The largest that is there; that of the whole film while there is none."""
    sides = {name: int(found[1]) for name in made if (found := _RUNG.fullmatch(name))}
    return FILM if FILM in made or not sides else max(sides, key=sides.__getitem__)


def as_shown(media: StoredMedia, made: Collection[str]) -> Wanted:
    """What such a file shows, whole, in a format that everything opens, of what was made by now."""
    if media.kind == "video":
        return Wanted(best_film(made))
    # These have holes that JPEG has not; and WebP is what is shown of them.
    has_holes = media.type in ("image/webp", "image/avif")
    return wanted(media, "large", "image/webp" if has_holes else "")


def wanted_at(variant: Variant) -> Wanted:
    """Of any size."""
    spelled = hashlib.sha256(msgspec.json.encode(variant)).hexdigest()[:32]
    return Wanted(f"at-{spelled}.{variant.format}", variant)


def type_of(name: str) -> str:
    ending = name.rpartition(".")[2]
    return TYPES.get(ending) or CONTENT_TYPES[_MADE[ending]]


_MADE: dict[str, Made] = {format: format for format in ("jpeg", "png", "webp", "avif", "gif")}


def public(names: Iterable[str]) -> list[str]:
    """As they are asked for."""
    return sorted({shown for name in names if (shown := _public(name))})


def _public(name: str) -> str:
    stem = name.rpartition(".")[0]
    if stem in _PICTURES:
        return stem
    if name.startswith("at-") or (name.startswith(HLS) and name != MASTER):
        return ""
    return name


def _format(media: StoredMedia, variant: Variant, accept: str, *, large: bool) -> Made:
    shown = media.seen().shown or Shown()
    # What is made of a film is made of its poster, also where the film is a GIF.
    format = _FORMATS.get(media.type, "jpeg") if media.kind == "image" else "jpeg"
    moves = media.kind == "image" and shown.animated and variant.animated
    has_holes = media.kind == "image" and shown.has_holes
    pixels = plan(Size(shown.width, shown.height), variant).kept.pixels if shown.width and shown.height else 0
    pixels = _TOO_MANY_FOR_AVIF if large else pixels
    return variants.best_format(accept, format, pixels=pixels, animated=moves, has_alpha=has_holes)

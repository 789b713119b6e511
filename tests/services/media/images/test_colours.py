"""Phones say by numbers which colours a picture has, and how bright it is: what comes out looks right on any screen."""

import io
from array import array
from pathlib import Path
from typing import Any

import pillow_heif
import pytest
import pyvips
from tests.services.media.images import files
from tests.services.media.video.films import make

from kaif.interfaces.media.images import Variant
from kaif.services.media.images import thumbhash
from kaif.services.media.images.inspecting import inspect
from kaif.services.media.images.limits import Limits
from kaif.services.media.images.rendering import render

BT709, BT2020, P3 = 1, 9, 12
SRGB, PQ, HLG = 13, 16, 18
# Grey of that brightness, as shares of the scale (BT.2100), and what a page shows for it: its white at most.
GREYS = {
    "a tenth of a page's white in PQ": (PQ, 0.3603, 89),
    "half of it in PQ": (PQ, 0.5082, 188),
    "a page's white in PQ": (PQ, 0.5807, 225),
    "a lamp in PQ": (PQ, 0.7518, 255),
    "the sun in PQ": (PQ, 1.0, 255),
    "two fifths of it in HLG": (HLG, 0.6, 173),
    "a page's white in HLG": (HLG, 0.75, 225),
    "all there is in HLG": (HLG, 1.0, 255),
    "black in PQ": (PQ, 0.0, 0),
    "black in HLG": (HLG, 0.0, 0),
}


def heic(colour: tuple[float, ...], primaries: int, transfer: int, mode: str = "RGB;16", profile: bytes = b"") -> bytes:
    """Of one colour, in shares of the scale, in ten bits."""
    pixels = array("H", [round(share * 65535) for share in colour] * (64 * 48)).tobytes()
    heif = pillow_heif.from_bytes(mode, (64, 48), pixels)
    if profile:
        heif.info["icc_profile"] = profile
    out = io.BytesIO()
    heif.save(out, quality=-1, chroma=444, color_primaries=primaries, transfer_characteristics=transfer)
    return out.getvalue()


def avif(path: Path, colour: tuple[float, ...], primaries: str, transfer: str) -> bytes:
    raw = path / "raw"
    raw.write_bytes(array("H", [round(share * 65535) for share in colour] * (64 * 48)).tobytes())
    source = ("-f", "rawvideo", "-pix_fmt", "rgb48le", "-s", "64x48", "-i", str(raw))
    tags = ("-color_primaries", primaries, "-color_trc", transfer, "-colorspace", "bt2020nc", "-color_range", "pc")
    scaled = ("-vf", "scale=out_color_matrix=bt2020:out_range=full,format=yuv444p10le")
    coded = ("-c:v", "libaom-av1", "-still-picture", "1", "-crf", "8", "-cpu-used", "8")
    return make(path / "made.avif", *source, *scaled, *coded, *tags).read_bytes()


def shown(content: bytes, **more: Any) -> files.Pixel:
    [rendition] = render(content, [Variant("png", **more)], Limits())
    return files.pixel(files.opened(rendition.content), 0.5, 0.5)


@pytest.mark.parametrize("name", GREYS)
def test_a_grey_is_as_bright_as_it_says_up_to_what_a_screen_shows(name: str) -> None:
    transfer, share, expected = GREYS[name]

    colour = shown(heic((share,) * 3, BT2020, transfer))

    assert files.near(colour, (expected,) * 3, by=4)


@pytest.mark.parametrize(("transfer", "name", "share"), [(PQ, "smpte2084", 0.5082), (HLG, "arib-std-b67", 0.6)])
def test_avif_is_shown_as_heic_is(tmp_path: Path, transfer: int, name: str, share: float) -> None:
    colour = (share, share * 0.9, share * 0.7)

    content = avif(tmp_path, colour, "bt2020", name)

    assert files.near(shown(content), shown(heic(colour, BT2020, transfer)), by=5)
    assert files.near(shown(content, width=16), shown(content), by=2)


def test_more_colours_than_srgb_has_become_the_nearest_of_its_own() -> None:
    given = (200, 60, 70)

    colour = shown(heic(tuple(value / 255 for value in given), P3, SRGB))

    patch = pyvips.Image.black(8, 8).new_from_image(given).cast("uchar").copy(interpretation="srgb")
    expected = files.pixel(patch.icc_transform("srgb", input_profile="p3", embedded=False), 0.5, 0.5)
    assert files.near(colour, expected, by=3) and not files.near(colour, given, by=3)
    assert files.near(shown(heic((1.0, 0, 0), P3, SRGB)), (255, 0, 0), by=3)


def test_a_profile_goes_before_the_numbers_and_what_is_srgb_stays() -> None:
    given = (200, 60, 70)
    shares = tuple(value / 255 for value in given)
    profile = bytes(files.photo().icc_transform("p3", input_profile="srgb").get("icc-profile-data"))

    assert files.near(shown(heic(shares, BT709, SRGB)), given, by=3)
    assert files.near(shown(heic(shares, BT2020, SRGB, profile=profile)), shown(heic(shares, P3, SRGB)), by=3)


def test_holes_stay_and_the_glimpse_has_the_same_colours() -> None:
    through = heic((0.5082, 0.5082, 0.5082, 0.5), BT2020, PQ, "RGBA;16")

    assert files.near(shown(through), (188, 188, 188, 128), by=4)
    glimpse = inspect(heic((0.5807,) * 3, BT2020, PQ), Limits()).thumbhash
    small = [value for _ in range(100 * 75) for value in (225, 225, 225, 255)]
    assert glimpse[:4] == thumbhash.thumbhash(100, 75, bytes(small))[:4]

"""Files that are broken, that lie, that are two things at once, or that want to take the machine with them."""

import struct
import time
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest
import pyvips
from tests.services.media.images import files

from kaif.interfaces.media.images import (
    ImageDamaged,
    ImageFileTooLarge,
    NotAnImage,
    Rendition,
    TooManyFrames,
    TooManyPixels,
    Variant,
)
from kaif.kernel.errors import Invalid
from kaif.services.media.images.formats import MADE, format_of
from kaif.services.media.images.inspecting import inspect
from kaif.services.media.images.limits import Limits
from kaif.services.media.images.rendering import render
from kaif.services.media.images.variants import FULL

LIMITS = Limits()
WHOLE = Variant("png")
HTML = b"<html><script>alert(1)</script></html>"


def rendered(content: bytes) -> Rendition:
    return render(content, [WHOLE], LIMITS)[0]


def refusal(content: bytes, limits: Limits = LIMITS) -> type[Invalid] | None:
    """The same from whoever inspects it and whoever renders it; in no time."""
    found: list[type[Invalid] | None] = []
    started = time.process_time()
    looks: tuple[Callable[[], object], ...] = (
        lambda: inspect(content, limits),
        lambda: render(content, [WHOLE], limits),
        lambda: render(content, [FULL], limits),
    )
    for look in looks:
        try:
            look()
            found.append(None)
        except Invalid as error:
            found.append(type(error))
    assert time.process_time() - started < 3
    assert found == found[:1] * len(looks)
    return found[0]


@pytest.mark.parametrize("format", files.FORMATS)
def test_a_file_that_is_cut_short_is_refused_or_shows_everything(format: str) -> None:
    content = files.FORMATS[format]()
    whole = files.opened(rendered(content).content)
    cuts = [len(content) * part // 23 for part in range(23)] + [len(content) - rest for rest in (1, 2, 12)]

    refused = 0
    for cut in cuts:
        try:
            shown = files.opened(rendered(content[:cut]).content)
        except (NotAnImage, ImageDamaged):
            refused += 1
        else:
            assert files.psnr(shown, whole) > 60
    assert refused >= 23


def jpeg_markers(content: bytes) -> list[int]:
    """Where each begins after the first, up to that of the picture's own data; and the end."""
    found, at = [], 2
    while content[at + 1] != 0xDA:
        found.append(at)
        at += 2 + int.from_bytes(content[at + 2 : at + 4], "big")
    return [*found[1:], at, len(content) - 2]


@pytest.mark.parametrize("stray", [b"\x00", b"\x41" * 7, b"\xff"])
@pytest.mark.parametrize("progressive", [False, True])
def test_bytes_that_phones_leave_between_two_markers_harm_nothing(stray: bytes, progressive: bool) -> None:
    content = files.jpeg(interlace=progressive)
    whole = files.opened(rendered(content).content)

    for at in jpeg_markers(content):
        assert files.psnr(files.opened(rendered(content[:at] + stray + content[at:]).content), whole) > 60, at
        assert refusal(content[:at] + stray + content[at:]) is None
        if at < len(content) // 2:
            assert refusal(content[:at] + stray + content[at : len(content) * 2 // 3]) is ImageDamaged


@pytest.mark.parametrize("progressive", [False, True])
@pytest.mark.parametrize("quality", [90, 95])
def test_a_picture_whose_lines_are_missing_or_broken_is_refused_even_with_an_end(
    progressive: bool, quality: int
) -> None:
    content = files.jpeg(files.photo(320, 240), interlace=progressive, Q=quality)
    *_, begin, end = jpeg_markers(content)
    middle = (begin + end) // 2

    assert refusal(content[:middle] + b"\xff\xd9") is ImageDamaged
    assert refusal(content[:middle] + content[middle + 200 :]) is ImageDamaged
    assert refusal(content[:middle] + b"\xff\xd3" + content[middle:]) is ImageDamaged
    # What a complaint was about has no bearing on the next one.
    assert refusal(content) is None


def test_a_film_that_is_cut_short_is_refused() -> None:
    for content in (files.gif(files.film()), files.webp(files.film())):
        with pytest.raises((NotAnImage, ImageDamaged)):
            render(content[: len(content) * 2 // 3], [Variant("webp", animated=True)], LIMITS)


@pytest.mark.parametrize(
    "content",
    [b"", b"\xff", b"GIF8", HTML, b"%PDF-1.7 ...", b"MZ" + bytes(100), b"PK\x03\x04", b"plain text", bytes(1000),
     b"II*\x00" + bytes(100), b"BM" + bytes(100), b"P6 1 1 255 aaa", b"\x1f\x8b\x08" + bytes(50),
     b"\x00" * 4 + b"ftypisom" + bytes(20)],
)  # fmt: skip
def test_what_is_no_picture_is_called_so(content: bytes) -> None:
    assert refusal(content) is NotAnImage


@pytest.mark.parametrize(
    "start", [b"\xff\xd8\xff\xe0", b"\x89PNG\r\n\x1a\n", b"GIF89a", b"RIFF\x10\x00\x00\x00WEBPVP8 ", b"<svg ",
              b"\x00\x00\x00\x18ftypavif" + bytes(8) + b"avif", b"\x00\x00\x00\x18ftypheic" + bytes(8) + b"heic"],
)  # fmt: skip
def test_a_first_line_alone_makes_no_picture(start: bytes) -> None:
    assert refusal(start) is ImageDamaged
    assert refusal(start + HTML * 20) is ImageDamaged


def test_loaders_that_are_not_meant_can_not_be_reached(tmp_path: Path) -> None:
    tiff = bytes(files.photo().tiffsave_buffer())
    ppm = tmp_path / "innocent.png"
    ppm.write_bytes(bytes(files.photo().ppmsave_buffer()) if hasattr(pyvips.Image, "ppmsave_buffer") else b"P1 1 1 0")

    assert refusal(tiff) is NotAnImage
    with pytest.raises(pyvips.Error):
        pyvips.Image.new_from_buffer(tiff, "")
    with pytest.raises(pyvips.Error):
        pyvips.Image.new_from_file(str(ppm))


def jpeg_that_says(width: int, height: int) -> bytes:
    content = bytearray(files.jpeg())
    at = content.index(b"\xff\xc0\x00\x11\x08") + 5
    content[at : at + 4] = struct.pack(">HH", height, width)
    return bytes(content)


def gif_that_says(width: int, height: int, frame: bool) -> bytes:
    content = bytearray(files.gif())
    content[6:10] = struct.pack("<HH", width, height)
    if frame:
        at = content.index(b"\x2c\x00\x00\x00\x00") + 5
        content[at : at + 4] = struct.pack("<HH", width, height)
    return bytes(content)


def gif_of(frames: int) -> bytes:
    """Each one has a colour of its own."""
    strip = pyvips.Image.gaussnoise(3, 3 * frames, mean=128, sigma=50).cast("uchar").bandjoin([0, 0])
    strip = strip.copy(interpretation="srgb")
    strip.set_type(pyvips.GValue.gint_type, "page-height", 3)
    return files.gif(strip)


BOMBS: dict[str, tuple[Callable[[], bytes], type[Invalid]]] = {
    "png of 65,000 by 65,000, 4 GB of nothing": (
        lambda: files.png_of(65_000, 65_000, files.png_chunk(b"IDAT", zlib.compress(bytes(1 << 20)))),
        TooManyPixels,
    ),
    "png of one endless line": (
        lambda: files.png_of(2_000_000, 1, files.png_chunk(b"IDAT", zlib.compress(bytes(6_000_001)))),
        TooManyPixels,
    ),
    "png whose pixels are missing": (
        lambda: files.png_of(7000, 7000, files.png_chunk(b"IDAT", zlib.compress(bytes(1000)))),
        ImageDamaged,
    ),
    "png with a text that unfolds to 64 MB and no pixels": (
        lambda: files.png_of(10, 10, files.png_chunk(b"zTXt", b"a\x00\x00" + zlib.compress(bytes(64 << 20)))),
        ImageDamaged,
    ),
    "jpeg that says to be 65,000 by 65,000": (lambda: jpeg_that_says(65_000, 65_000), TooManyPixels),
    "jpeg that says to be larger than it is": (lambda: jpeg_that_says(2000, 2000), ImageDamaged),
    "gif of 65,000 by 65,000": (lambda: gif_that_says(65_000, 65_000, frame=True), TooManyPixels),
    "gif of 1,001 frames": (lambda: gif_of(1001), TooManyFrames),
    "svg of a billion laughs": (
        lambda: (
            b'<!DOCTYPE svg [<!ENTITY a0 "ha">'
            + b"".join(b'<!ENTITY a%d "%s">' % (n, b"&a%d;" % (n - 1) * 10) for n in range(1, 10))
            + b"]>"
            + files.svg("<text>&a9;</text>")
        ),
        ImageDamaged,
    ),
    "svg of a billion by a billion": (lambda: files.svg(attributes='width="1e9" height="1e9"'), TooManyPixels),
    "svg of 20,000 by 20,000": (lambda: files.svg(attributes='width="20000" height="20000"'), TooManyPixels),
    "svg that is narrow and endless": (lambda: files.svg(attributes='width="10" height="1e9"'), TooManyPixels),
}


@pytest.mark.parametrize("name", BOMBS)
@pytest.mark.asvs("5.2.6")
def test_bombs_do_not_go_off(name: str) -> None:
    make, expected = BOMBS[name]

    assert refusal(make()) is expected


def test_an_empty_canvas_around_a_film_is_left_out() -> None:
    shown = rendered(gif_that_says(65_000, 65_000, frame=False))

    assert files.looks_like_the_photo(files.opened(shown.content))


def test_what_is_taken_is_bounded_by_the_limits() -> None:
    assert refusal(files.png(), Limits(file_bytes=100)) is ImageFileTooLarge
    assert refusal(files.svg(), Limits(svg_bytes=100)) is ImageFileTooLarge
    assert refusal(files.png(), Limits(pixels=files.WIDTH * files.HEIGHT)) is None
    assert refusal(files.png(), Limits(pixels=files.WIDTH * files.HEIGHT - 1)) is TooManyPixels
    assert refusal(files.png(), Limits(side=files.WIDTH - 1)) is TooManyPixels
    assert refusal(files.gif(files.film(4)), Limits(frames=4)) is None
    assert refusal(files.gif(files.film(4)), Limits(frames=3)) is TooManyFrames
    assert refusal(files.webp(files.film(4, 40, 30)), Limits(moving_pixels=4 * 40 * 30 - 1)) is TooManyFrames
    for format, make in files.FORMATS.items():
        assert refusal(make(), Limits(pixels=100)) is TooManyPixels, format


def test_two_things_at_once_leave_nothing_of_the_other_one() -> None:
    script = b"/*" + b"*/=1;alert('GIF89a');//"
    polyglots = {
        "gif and a script": files.gif()[:-1] + b"\x21\xfe" + bytes([len(script)]) + script + b"\x00;" + HTML,
        "jpeg with a page in its comment": (
            files.jpeg()[:2] + b"\xff\xfe" + struct.pack(">H", len(HTML) + 2) + HTML + files.jpeg()[2:] + HTML
        ),
        "png with a page in a text and after its end": (
            files.png()[:33] + files.png_chunk(b"tEXt", b"Comment\x00" + HTML) + files.png()[33:] + HTML
        ),
        "webp with a chunk of its own": files.webp() + HTML,
    }
    for name, content in polyglots.items():
        for format in MADE:
            [rendition] = render(content, [Variant(format)], LIMITS)
            assert b"script" not in rendition.content and b"alert" not in rendition.content, name
            assert files.looks_like_the_photo(files.opened(rendition.content)), name


def test_drawings_run_nothing_and_load_nothing(tmp_path: Path) -> None:
    secret = tmp_path / "secret.png"
    secret.write_bytes(files.png())
    (tmp_path / "secret.txt").write_text("W" * 40)
    links = f"<image href='file://{secret}' width='2' height='2'/><image href='{secret}' width='2' height='2'/>"
    uses = f"<style>@import url('file://{tmp_path}/a.css');rect{{fill:url(file://{secret})}}</style>{links}"
    entity = f"<!DOCTYPE svg [<!ENTITY x SYSTEM 'file://{tmp_path}/secret.txt'>]>".encode()
    red = '<rect width="2" height="2" fill="red"/>'

    plain = rendered(files.svg(red))
    with_script = rendered(files.svg(red + "<script>document.documentElement.remove()</script>"))
    with_links = rendered(files.svg(red + uses.replace("rect{", "none{")))

    assert with_script.content == plain.content == with_links.content
    assert refusal(entity + files.svg(red + "<text>&x;</text>")) is ImageDamaged
    assert rendered(entity + files.svg(red)).content == plain.content


def test_drawings_are_told_by_their_root_and_small_ones_drawn_large() -> None:
    before = b"\xef\xbb\xbf<?xml version='1.0'?>\n<!-- a licence -\n of one -->\n<!DOCTYPE svg PUBLIC 'x' 'y'>\n"

    image = files.opened(rendered(before + files.svg(attributes='width="24" height="18"')).content)

    assert (image.width, image.height) == (512, 384)
    assert files.looks_like_the_photo(image)
    assert format_of(b"<!-- <svg> --><html>" + files.svg()) is None
    assert format_of(b"<!-- one --><html><!-- other -->" + files.svg()) is None
    assert format_of(b"<html>" + files.svg()) is None


def test_a_long_beginning_takes_no_time() -> None:
    started = time.process_time()

    for filler in (b"<!--" * 2000, b"<?" * 4000, b" " * 8000, b"<!DOCTYPE[" * 900, b"<!--->" * 1400, b"<!---" * 1600):
        assert format_of(filler + b"<html>") is None

    assert time.process_time() - started < 0.3

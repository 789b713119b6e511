"""Pictures of every kind, made here, and how much alike two are."""

import io
import math
import struct
import zlib
from typing import Any

import pillow_heif
import pyvips
from PIL import Image

WIDTH, HEIGHT = 160, 120
# One in each corner, so that a picture that was turned or mirrored is noticed.
RED, GREEN, BLUE, YELLOW = (220, 40, 40), (40, 180, 60), (40, 60, 200), (230, 210, 50)
GPS = b"GPSLatitude-of-home"

Pixel = tuple[int, ...]


def photo(width: int = WIDTH, height: int = HEIGHT) -> pyvips.Image:
    """Four quarters of another colour each, with soft shades over them."""
    quarter = [
        pyvips.Image.black(width // 2, height // 2).new_from_image(colour) for colour in (RED, GREEN, BLUE, YELLOW)
    ]
    flat = pyvips.Image.arrayjoin(quarter, across=2)
    shade = pyvips.Image.xyz(flat.width, flat.height)[0] * (20 / width) - 10
    return (flat + shade).cast("uchar").copy(interpretation="srgb").copy_memory()


def with_hole(image: pyvips.Image) -> pyvips.Image:
    """The upper left quarter can be seen through."""
    rest = pyvips.Image.black(image.width, image.height) + 255
    hole = pyvips.Image.black(image.width // 2, image.height // 2)
    return image.bandjoin(rest.insert(hole, 0, 0).cast("uchar")).copy_memory()


def jpeg(image: pyvips.Image | None = None, **options: Any) -> bytes:
    return bytes((image or photo()).jpegsave_buffer(**{"Q": 95, **options}))


def png(image: pyvips.Image | None = None) -> bytes:
    return bytes((image or photo()).pngsave_buffer())


def webp(image: pyvips.Image | None = None) -> bytes:
    return bytes((image or photo()).webpsave_buffer(Q=95))


def avif(image: pyvips.Image | None = None) -> bytes:
    return bytes((image or photo()).heifsave_buffer(compression="av1", Q=90, effort=0))


def heic(image: pyvips.Image | None = None) -> bytes:
    image = image or photo()
    mode = "RGBA" if image.hasalpha() else "RGB"
    heif = pillow_heif.from_bytes(mode, (image.width, image.height), bytes(image.write_to_memory()))
    out = io.BytesIO()
    heif.save(out, quality=90)
    return out.getvalue()


def gif(image: pyvips.Image | None = None) -> bytes:
    return bytes((image or photo()).gifsave_buffer())


def svg(body: str = "", attributes: str = f'width="{WIDTH * 4}" height="{HEIGHT * 4}"') -> bytes:
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 2 2" {attributes}>{body or _quarters()}</svg>'.encode()
    )


def _quarters() -> str:
    places = zip(((0, 0), (1, 0), (0, 1), (1, 1)), (RED, GREEN, BLUE, YELLOW), strict=True)
    return "".join(f'<rect x="{x}" y="{y}" width="1" height="1" fill="rgb{colour}"/>' for (x, y), colour in places)


FORMATS = {"jpeg": jpeg, "png": png, "webp": webp, "avif": avif, "heic": heic, "gif": gif}


def film(frames: int = 4, width: int = 40, height: int = 30, delay_ms: int = 70) -> pyvips.Image:
    """Each frame of another colour, red on the left side."""
    red = pyvips.Image.black(width // 2, height).new_from_image(RED)
    pictures = [
        pyvips.Image.black(width, height).new_from_image((0, 40 * number, 255 - 40 * number)).insert(red, 0, 0)
        for number in range(frames)
    ]
    strip = pyvips.Image.arrayjoin(pictures, across=1).cast("uchar").copy(interpretation="srgb")
    strip.set_type(pyvips.GValue.gint_type, "page-height", height)
    strip.set_type(pyvips.GValue.array_int_type, "delay", [delay_ms] * frames)
    strip.set_type(pyvips.GValue.gint_type, "loop", 3)
    return strip


def exif(orientation: int) -> bytes:
    """With what must not get out: where it was taken."""
    told = Image.Exif()
    told[0x0112] = orientation
    told[0x010E] = GPS.decode()
    told.get_ifd(0x8825)[1] = "N"
    return told.tobytes()


def turned(orientation: int, format: str = "JPEG") -> bytes:
    """The photo as a camera stores it that was held so: upright once `orientation` is followed."""
    undo = {
        2: [Image.Transpose.FLIP_LEFT_RIGHT],
        3: [Image.Transpose.ROTATE_180],
        4: [Image.Transpose.FLIP_TOP_BOTTOM],
        5: [Image.Transpose.TRANSPOSE],
        6: [Image.Transpose.ROTATE_90],
        7: [Image.Transpose.TRANSVERSE],
        8: [Image.Transpose.ROTATE_270],
    }
    upright = photo()
    image = Image.frombytes("RGB", (upright.width, upright.height), bytes(upright.write_to_memory()))
    for step in undo.get(orientation, []):
        image = image.transpose(step)
    out = io.BytesIO()
    if format == "HEIF":
        # As phones do: the container says how it is turned (irot, imir), and Exif says so as well.
        pillow_heif.from_pillow(image).save(out, quality=90, exif=exif(orientation))
    else:
        image.save(out, format, quality=95, exif=exif(orientation))
    return out.getvalue()


def of_camera(image: pyvips.Image, orientation: int, **options: Any) -> bytes:
    """A JPEG of the picture as it is, said to be turned so. `options` are Pillow's."""
    out = io.BytesIO()
    Image.frombytes("RGB", (image.width, image.height), bytes(image.write_to_memory())).save(
        out, "JPEG", exif=exif(orientation), **options
    )
    return out.getvalue()


def png_chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def png_of(width: int, height: int, *chunks: bytes, depth: int = 8, colour: int = 2, interlaced: int = 0) -> bytes:
    """A PNG that says to be so large, whatever it holds."""
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, interlaced)
    return b"\x89PNG\r\n\x1a\n" + png_chunk(b"IHDR", header) + b"".join(chunks) + png_chunk(b"IEND", b"")


def opened(content: bytes) -> pyvips.Image:
    """All frames, in memory."""
    if content[:3] == b"GIF" or content[8:12] == b"WEBP":
        return pyvips.Image.new_from_buffer(content, "", n=-1).copy_memory()
    return pyvips.Image.new_from_buffer(content, "").copy_memory()


def pixel(image: pyvips.Image, x: float, y: float) -> Pixel:
    """At a share of the width and height."""
    return tuple(round(value) for value in image.getpoint(int(image.width * x), int(image.height * y)))


def psnr(image: pyvips.Image, other: pyvips.Image) -> float:
    """In decibels; from 30 on people see hardly any difference."""
    assert (image.width, image.height, image.bands) == (other.width, other.height, other.bands)
    error = image.cast("float") - other.cast("float")
    return 10 * math.log10(255**2 / max((error * error).avg(), 1e-9))


def looks_like_the_photo(image: pyvips.Image) -> bool:
    """Each corner has its colour."""
    corners = [pixel(image, x, y)[:3] for x, y in ((0.2, 0.2), (0.8, 0.2), (0.2, 0.8), (0.8, 0.8))]
    return all(near(*pair) for pair in zip(corners, (RED, GREEN, BLUE, YELLOW), strict=True))


def near(colour: Pixel, other: Pixel, by: int = 24) -> bool:
    return all(abs(a - b) <= by for a, b in zip(colour, other, strict=True))


def png_interlaced(width: int, height: int) -> bytes:
    """All lines are needed at once to see any of it."""
    return bytes(photo(width, height).pngsave_buffer(interlace=True, compression=1))

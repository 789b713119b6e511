"""Files that are two things at once are refused whole; what cameras and editors leave in pictures is not."""

import io
import struct
import time
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.services.media.home import Home, random_bytes
from tests.services.media.images import files
from tests.services.media.video.films import H264, TONE, make

from kaif.interfaces.media import Polyglot
from kaif.kernel.clock import DAY_US
from kaif.services.media.polyglots import is_polyglot

PAGE = b"<html><body><script>alert(1)</script></body></html>"


def archive(*, comment: bytes = b"", compressed: bool = True) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED if compressed else zipfile.ZIP_STORED) as made:
        made.writestr("run.class", bytes(500))
        made.comment = comment
    return out.getvalue()


def large_archive() -> bytes:
    """As those are of more than four gigabytes, whose last record holds no numbers (APPNOTE.TXT, 4.3.14 to 4.3.16)."""
    made = archive()
    at, (count, size, begin) = len(made) - 22, struct.unpack("<HII", made[-12:-2])
    record = struct.pack("<IQHHIIQQQQ", 0x06064B50, 44, 45, 45, 0, 0, count, count, size, begin)
    locator = struct.pack("<IIQI", 0x07064B50, 0, at, 1)
    return made[:at] + record + locator + struct.pack("<IHHHHIIH", 0x06054B50, 0, 0, *[0xFFFF] * 2, *[2**32 - 1] * 2, 0)


def jpeg_with(segment: bytes, marker: bytes = b"\xff\xfe") -> bytes:
    picture = files.jpeg()
    return picture[:2] + marker + struct.pack(">H", len(segment) + 2) + segment + picture[2:]


def script_in_gif() -> bytes:
    """Of 10,799 pixels' width, which is how a comment begins."""
    picture, rest = files.gif(), b"*/=alert(1);//aaaaaaaa"
    return picture[:6] + b"/*" + picture[8:-1] + b"\x21\xfe" + bytes([len(rest)]) + rest + b"\0;"


POLYGLOTS: dict[str, Callable[[], bytes]] = {
    "a page in a comment": lambda: jpeg_with(PAGE),
    "a page behind the end": lambda: files.jpeg() + PAGE,
    "a page of which nothing but its kind is said": lambda: files.png() + b"<!DOCTYPE  HTML>",
    "a page in capital letters, in a text": lambda: (
        files.png()[:33] + files.png_chunk(b"tEXt", b"Comment\0<SCRIPT SRC=//evil>") + files.png()[33:]
    ),
    "an element that runs when it fails": lambda: files.webp() + b"<img src=x onerror=alert(1)>",
    "a script that begins as a picture": script_in_gif,
    "a program of the web's other end": lambda: files.gif() + b"<?php system($_GET[0]);",
    "an archive": lambda: files.png() + archive(),
    "an archive with a comment, and something behind it": lambda: (
        files.jpeg() + archive(comment=b"c" * 300, compressed=False) + bytes(40)
    ),
    "an archive whose last record holds no numbers": lambda: files.png() + large_archive(),
    "an archive of another kind": lambda: files.jpeg() + b"Rar!\x1a\x07\x01\x00" + bytes(90),
    "one more": lambda: files.heic() + b"7z\xbc\xaf\x27\x1c\x00\x04" + bytes(90),
    "a document": lambda: jpeg_with(b"%PDF-1.7\n1 0 obj"),
}

# How phones name the film that they put behind a picture.
XMP = b"""http://ns.adobe.com/xap/1.0/\0<?xpacket begin="\xef\xbb\xbf" id="W5M0MpCehiHzreSzNTczkc9d"?>
<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
<rdf:Description GCamera:MotionPhoto="1" dc:description="&lt;script&gt; and 2 &lt; 3"/></rdf:RDF></x:xmpmeta>"""


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    small = ("-f", "lavfi", "-i", "testsrc2=size=64x48:rate=5:duration=1")
    return make(tmp_path_factory.mktemp("film") / "film.mp4", *small, *TONE, *H264, "-c:a", "aac").read_bytes()


@pytest.mark.parametrize("name", POLYGLOTS)
def test_what_others_would_take_for_something_else_is_known(name: str) -> None:
    assert is_polyglot(POLYGLOTS[name]())


def test_such_an_archive_opens() -> None:
    with zipfile.ZipFile(io.BytesIO(POLYGLOTS["an archive whose last record holds no numbers"]())) as opened:
        assert opened.namelist() == ["run.class"]


@pytest.mark.parametrize("declared", ["image/jpeg", "", "application/zip"])
@pytest.mark.asvs("5.2.2")
async def test_they_are_refused_whatever_they_are_said_to_be_and_nothing_is_left(
    small_home: Home, declared: str, film: bytes
) -> None:
    said = declared.replace("image/jpeg", "video/mp4")
    for content, kind in ((jpeg_with(PAGE), declared), (film + archive(), said)):
        with pytest.raises(Polyglot):
            await small_home.put(content, declared_type=kind)

    await small_home.come(DAY_US)
    assert await small_home.stored() == []
    assert [await small_home.rows(f"media_{table}") for table in ("uploads", "objects", "parts")] == [0, 0, 0]


async def test_what_phones_and_editors_put_behind_a_picture_is_no_harm(small_home: Home, film: bytes) -> None:
    samsung = film + b"MotionPhoto_Data" + b"SEFH\x6a\0\0\0" + bytes(20) + b"SEFT"
    harmless = {
        "Google's moving photo": jpeg_with(XMP, b"\xff\xe1") + film,
        "Samsung's": files.jpeg() + samsung,
        "of two lenses": files.jpeg() + files.jpeg(),
        "cut out of a larger one": files.png() + files.png()[2000:],
        "padded": files.jpeg() + bytes(70_000),
        "said in words": jpeg_with(b"How to write an HTML page: <b>bold</b>, 7z, PK, PDF and a script"),
        "signed": files.jpeg() + b"PK\x05\x06" + bytes(18),
    }

    for name, content in harmless.items():
        media = await small_home.put(content, declared_type="image/jpeg" if content[0] == 0xFF else "")
        assert media.kind == "image", name


def test_noise_is_no_harm_and_a_large_picture_takes_no_time(tmp_path: Path) -> None:
    noise = random_bytes(24 << 20)
    started = time.process_time()

    assert not is_polyglot(noise)
    for filler in (b"<", b"<a ", b"<html ", b"PK\x05\x06", b"*/", b"GIF89a/*" + b"*/ " * 9, b"<!doctype "):
        is_polyglot(filler * ((1 << 20) // len(filler)))

    assert time.process_time() - started < 3

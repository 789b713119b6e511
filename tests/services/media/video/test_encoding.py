"""Whatever film comes in, one that plays everywhere comes out, or a refusal that says why."""

import math
import struct
from itertools import pairwise
from pathlib import Path

import pytest
from tests.services.media.video.films import (
    H264,
    SHORT,
    TONE,
    frame_times,
    is_near,
    looked_at,
    make,
    pixels,
    stream_of,
)

from kaif.interfaces.media.films import Film, FilmTooLarge, FilmTooLong, NotPlayable, Sound
from kaif.services.media.video import probing
from kaif.services.media.video.encoding import encode
from kaif.services.media.video.ladder import rungs
from kaif.services.media.video.packaging import MASTER, package
from kaif.services.media.video.probing import probe

RED, BLUE = (254, 0, 0), (0, 0, 254)
# Red, with a blue patch where the film's own upper left corner is.
CORNER = ("-f", "lavfi", "-i", "color=red:size=160x120:rate=10:duration=1,drawbox=w=60:h=40:color=blue:t=fill")


@pytest.fixture(scope="module")
def short(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("films")
    about = ("-metadata", "location=+55.7558+037.6173/", "-metadata", "title=Mine")
    return make(folder / "short.mov", *SHORT, *TONE, *H264, "-c:a", "aac", *about)


def film(path: Path) -> Film:
    found = probe(path)
    assert isinstance(found, Film)
    return found


def encoded(source: Path) -> Path:
    target = source.with_suffix(".made.mp4")
    encode(source, target, rungs(film(source))[-1])
    return target


def test_a_film_becomes_h264_and_aac_that_plays_before_all_of_it_is_there(short: Path) -> None:
    made = encoded(short)

    video, audio = stream_of(made, "video"), stream_of(made, "audio")
    assert (video["codec_name"], video["pix_fmt"], audio["codec_name"]) == ("h264", "yuv420p", "aac")
    assert (video["width"], video["height"]) == (160, 120)
    assert float(looked_at(made)["format"]["duration"]) == pytest.approx(2, abs=0.1)
    content = made.read_bytes()
    assert content.index(b"moov") < content.index(b"mdat")


def test_nothing_that_describes_the_film_comes_along(short: Path) -> None:
    assert b"+55.7558" in short.read_bytes()

    content = encoded(short).read_bytes()

    assert not any(word in content for word in (b"+55.7558", b"Mine", b"Lavf"))


@pytest.mark.parametrize(
    ("name", "video", "audio"),
    [
        ("vp8.webm", ("-c:v", "libvpx", "-b:v", "200k"), ("-c:a", "libvorbis")),
        ("vp9.webm", ("-c:v", "libvpx-vp9", "-b:v", "200k", "-cpu-used", "8"), ("-c:a", "libopus")),
        ("hevc.mp4", ("-c:v", "libx265", "-preset", "ultrafast", "-x265-params", "log-level=none"), ("-c:a", "aac")),
        ("mpeg4.avi", ("-c:v", "mpeg4"), ("-c:a", "libmp3lame")),
        ("mpeg2.ts", ("-c:v", "mpeg2video"), ("-c:a", "mp2")),
        ("matroska.mkv", (*H264,), ("-c:a", "flac")),
        ("prores.mov", ("-c:v", "prores_ks"), ("-c:a", "pcm_s16le")),
    ],
)
def test_formats_of_phones_cameras_and_browsers_are_taken(
    tmp_path: Path, name: str, video: tuple[str, ...], audio: tuple[str, ...]
) -> None:
    made = encoded(make(tmp_path / name, *SHORT, *TONE, *video, *audio))

    assert len(frame_times(made)) == pytest.approx(20, abs=1)
    assert stream_of(made, "audio")["sample_rate"] == "48000"


# What libav writes into a matrix for each; the angle of it, beside the sides' order, is all that most players look at.
TURNS = {
    "as it is": (1, 0, 0, 1),
    "right": (0, 1, -1, 0),
    "upside down": (-1, 0, 0, -1),
    "left": (0, -1, 1, 0),
    "mirrored": (-1, 0, 0, 1),
    "mirrored from above": (1, 0, 0, -1),
    "along the diagonal": (0, 1, 1, 0),
    "along the other diagonal": (0, -1, -1, 0),
}


def turned_film(path: Path, flat: Path, *matrix: float) -> Path:
    """As a camera says that it was held: in the header of the track."""
    content = bytearray(flat.read_bytes())
    at = content.index(b"tkhd") + 4 + 40
    right_x, right_y, below_x, below_y = (round(value * 65536) for value in matrix)
    struct.pack_into(">9i", content, at, right_x, right_y, 0, below_x, below_y, 0, 0, 0, 1 << 30)
    path.write_bytes(content)
    return path


@pytest.fixture(scope="module")
def flat(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make(tmp_path_factory.mktemp("flat") / "flat.mp4", *CORNER, *H264)


@pytest.mark.parametrize("name", TURNS)
def test_a_film_that_was_held_sideways_or_is_mirrored_is_upright(flat: Path, tmp_path: Path, name: str) -> None:
    turned = turned_film(tmp_path / "turned.mp4", flat, *TURNS[name])
    width, height = (120, 160) if TURNS[name][0] == 0 else (160, 120)

    made = encoded(turned)

    assert (film(turned).width, film(turned).height) == (width, height)
    assert "side_data_list" not in stream_of(made, "video")
    shown, others = pixels(made), pixels(turned)
    assert len(shown) == width * height
    # As another player shows the original, which turns it by itself.
    for x, y in ((5, 5), (width - 5, 5), (5, height - 5), (width - 5, height - 5)):
        assert is_near(shown[y * width + x], others[y * width + x]), (x, y)


@pytest.mark.parametrize(
    ("degrees", "size", "blue"),
    [(1, (160, 120), (5, 5)), (45, (160, 120), (5, 5)), (80, (120, 160), (115, 5)), (200, (160, 120), (155, 115))],
)
def test_a_film_at_an_odd_angle_stands_at_the_nearest_quarter(
    flat: Path, tmp_path: Path, degrees: int, size: tuple[int, int], blue: tuple[int, int]
) -> None:
    along, across = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))

    made = encoded(turned_film(tmp_path / "turned.mp4", flat, along, across, -across, along))

    assert (stream_of(made, "video")["width"], stream_of(made, "video")["height"]) == size
    assert is_near(pixels(made)[blue[1] * size[0] + blue[0]], BLUE)


def test_a_film_turned_by_a_matrix_of_nothing_is_shown_as_it_is(flat: Path, tmp_path: Path) -> None:
    made = encoded(turned_film(tmp_path / "turned.mp4", flat, 0, 0, 0, 0))

    assert is_near(pixels(made)[5 * 160 + 5], BLUE)


def test_odd_sides_and_wide_pixels_become_even_and_square(tmp_path: Path) -> None:
    odd = make(tmp_path / "odd.mkv", "-f", "lavfi", "-i", "testsrc2=size=161x121:rate=10:duration=1", "-c:v", "ffv1")
    with pytest.raises(NotPlayable):
        probe(odd)
    odd = make(tmp_path / "odd.webm", "-i", str(odd), "-c:v", "libvpx-vp9", "-cpu-used", "8")
    wide = make(tmp_path / "wide.mp4", *SHORT, "-vf", "setsar=2/1", *H264)

    assert (stream_of(encoded(odd), "video")["width"], stream_of(encoded(odd), "video")["height"]) == (160, 120)
    assert (stream_of(encoded(wide), "video")["width"], stream_of(encoded(wide), "video")["height"]) == (320, 120)


def test_a_film_without_sound_has_none(tmp_path: Path) -> None:
    silent = make(tmp_path / "silent.mp4", *SHORT, *H264)

    assert not film(silent).has_sound
    assert [stream["codec_type"] for stream in looked_at(encoded(silent))["streams"]] == ["video"]


@pytest.mark.parametrize("tracks", [["dca", "aac"], ["dca"]])
def test_a_sound_of_a_kind_that_is_not_taken_is_passed_over(tmp_path: Path, tracks: list[str]) -> None:
    maps = [part for _ in tracks for part in ("-map", "1:a")]
    codecs = [part for number, name in enumerate(tracks) for part in (f"-c:a:{number}", name)]
    source = make(
        tmp_path / "two.mkv", *SHORT, *TONE, "-map", "0:v", *maps, *H264, *codecs, "-strict", "-2", "-ar", "48000"
    )

    made = looked_at(encoded(source))

    assert film(source).has_sound == ("aac" in tracks)
    assert [stream["codec_name"] for stream in made["streams"]] == ["h264", *tracks[1:]]


def test_frames_keep_their_own_times(tmp_path: Path) -> None:
    uneven = make(tmp_path / "uneven.mkv", *SHORT, "-vf", "select='not(between(n,4,13))'", "-vsync", "vfr", *H264)
    at = frame_times(uneven)
    assert max(b - a for a, b in pairwise(at)) > 1

    assert frame_times(encoded(uneven)) == pytest.approx(at, abs=0.01)


def test_sound_that_begins_late_stays_late(tmp_path: Path) -> None:
    late = make(tmp_path / "late.mkv", *SHORT, "-itsoffset", "1", *TONE, *H264, "-c:a", "flac")

    made = make(tmp_path / "late.wav", "-i", str(encoded(late)), "-vn", "-ac", "1")

    samples = [abs(sample) for (sample,) in struct.iter_unpack("<h", made.read_bytes().partition(b"data")[2][4:])]
    assert max(samples[: 48_000 * 9 // 10]) < 300 < max(samples[48_000 * 11 // 10 :])


@pytest.mark.parametrize(("transfer", "least"), [("smpte2084", 160), ("arib-std-b67", 138)])
def test_brightness_beyond_a_screen_is_mapped_into_it(tmp_path: Path, transfer: str, least: int) -> None:
    hdr = make(
        tmp_path / "hdr.mp4",
        *("-f", "lavfi", "-i", "color=gray:size=160x120:rate=10:duration=1,format=yuv420p10le"),
        *("-c:v", "libx265", "-preset", "ultrafast"),
        *("-x265-params", f"log-level=none:colorprim=bt2020:transfer={transfer}:colormatrix=bt2020nc"),
    )
    assert film(hdr).is_hdr

    made = encoded(hdr)

    assert stream_of(made, "video")["color_transfer"] == "bt709"
    # Half of the scale is about as bright as the white of a page; taken for ordinary video it would be a dark grey.
    assert min(pixels(made)[0]) > least


def test_a_film_that_does_not_say_its_colours_has_those_that_players_show(tmp_path: Path) -> None:
    # Green of BT.709, as all television of today has it.
    unsaid = make(
        tmp_path / "unsaid.mp4",
        *("-f", "lavfi", "-i", "color=0x20c040:size=1280x720:rate=5:duration=0.4,format=rgb24"),
        *("-vf", "scale=out_color_matrix=bt709,format=yuv420p", *H264),
    )
    assert "color_space" not in stream_of(unsaid, "video")

    assert is_near(pixels(encoded(unsaid))[0], (0x20, 0xC0, 0x40), by=6)


def test_a_film_may_change_its_size_on_the_way(tmp_path: Path) -> None:
    parts = [
        make(tmp_path / f"{size}.ts", "-f", "lavfi", "-i", f"testsrc2=size={size}:rate=10:duration=1", *H264)
        for size in ("160x120", "320x240")
    ]
    joined = tmp_path / "joined.ts"
    joined.write_bytes(b"".join(part.read_bytes() for part in parts))

    made = encoded(joined)

    assert (stream_of(made, "video")["width"], stream_of(made, "video")["height"]) == (160, 120)


@pytest.mark.parametrize("layout", ["mono", "5.1"])
def test_sound_becomes_stereo(tmp_path: Path, layout: str) -> None:
    tone = ("-f", "lavfi", "-i", f"aevalsrc={'|'.join(['0.2*sin(2800*t)'] * (6 if layout == '5.1' else 1))}:d=2")
    made = encoded(make(tmp_path / "sound.mkv", *SHORT, *tone, *H264, "-c:a", "flac"))

    assert stream_of(made, "audio")["channels"] == 2


def test_the_header_is_not_believed(short: Path, tmp_path: Path) -> None:
    """Ten hours, it says."""
    content = bytearray(short.read_bytes())
    at = content.index(b"mvhd") + 16
    scale = struct.unpack_from(">I", content, at - 0)[0]
    struct.pack_into(">I", content, at + 4, 36_000 * scale)
    lying = tmp_path / "lying.mov"
    lying.write_bytes(content)
    assert float(looked_at(lying)["format"]["duration"]) > 3

    assert film(lying).duration_us == pytest.approx(2_000_000, abs=100_000)


def test_what_plays_for_too_long_or_is_too_large_is_refused(
    short: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(probing, "SECONDS_MAX", 1)
    with pytest.raises(FilmTooLong):
        probe(short)
    monkeypatch.setattr(probing, "PIXELS_MAX", 160 * 119)
    with pytest.raises(FilmTooLarge):
        probe(short)


def test_a_cover_is_no_film(tmp_path: Path) -> None:
    cover = make(tmp_path / "cover.png", *SHORT, "-frames:v", "1")
    album = make(
        tmp_path / "song.mp3", *TONE, "-i", str(cover), "-map", "0", "-map", "1", "-c:a", "libmp3lame", "-c:v", "copy"
    )

    assert isinstance(probe(album), Sound)
    with pytest.raises(NotPlayable):
        encode(album, tmp_path / "made.mp4", rungs(Film(1, 160, 120, True, False))[0])


@pytest.mark.parametrize(
    ("name", "script"),
    [
        ("list.m3u8", "#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:2,\nother.ts\n#EXT-X-ENDLIST\n"),
        ("list.mp4", "ffconcat version 1.0\nfile other.ts\n"),
    ],
)
def test_a_list_of_other_files_is_no_film(short: Path, tmp_path: Path, name: str, script: str) -> None:
    make(tmp_path / "other.ts", "-i", str(short), "-c", "copy")
    (tmp_path / name).write_text(script)
    assert looked_at(tmp_path / name)["streams"], "another player reads it"

    with pytest.raises(NotPlayable):
        probe(tmp_path / name)


def test_what_is_cut_short_or_damaged_plays_as_far_as_it_goes_or_is_refused(short: Path, tmp_path: Path) -> None:
    stream = make(tmp_path / "whole.ts", "-i", str(short), "-c", "copy")
    outcomes = set()
    for source in (short, stream):
        content = source.read_bytes()
        for number in range(12):
            damaged = tmp_path / f"{number}{source.suffix}"
            cut = bytearray(content[: len(content) * (number + 1) // 12])
            cut[len(cut) // 2 : len(cut) // 2 + 50] = b"\xff" * 50
            damaged.write_bytes(cut)
            try:
                encoded(damaged)
                outcomes.add("played")
            except NotPlayable:
                outcomes.add("refused")
    assert outcomes == {"played", "refused"}


@pytest.mark.parametrize(
    "content", [b"", b"\x00" * 10_000, b"<html>", b"\x1aE\xdf\xa3", b"RIFF\xff\xff\xff\xffAVI LIST"]
)
def test_what_is_no_film_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "none.mp4").write_bytes(content)

    with pytest.raises(NotPlayable):
        probe(tmp_path / "none.mp4")


class Cancelled(Exception):
    pass


def test_progress_is_told_and_can_end_the_work(short: Path, tmp_path: Path) -> None:
    told: list[float] = []
    encode(short, tmp_path / "made.mp4", rungs(film(short))[0], told.append)
    assert told == pytest.approx([1.0], abs=0.2)

    def cancel(seconds: float) -> None:
        raise Cancelled

    with pytest.raises(Cancelled):
        encode(short, tmp_path / "made.mp4", rungs(film(short))[0], cancel)


@pytest.mark.parametrize(
    ("size", "names", "top"),
    [
        ((160, 120), ["120p"], (160, 120)),
        ((640, 360), ["360p"], (640, 360)),
        ((720, 400), ["400p"], (720, 400)),
        ((1280, 720), ["360p", "480p", "720p"], (1280, 720)),
        ((1080, 1920), ["360p", "480p", "720p", "1080p"], (1080, 1920)),
        ((3840, 2160), ["360p", "480p", "720p", "1080p"], (1920, 1080)),
        ((2, 9000), ["2p"], (2, 9000)),
    ],
)
def test_nothing_is_scaled_up(size: tuple[int, int], names: list[str], top: tuple[int, int]) -> None:
    made = rungs(Film(1, *size, True, False))

    assert [rung.name for rung in made] == names
    assert (made[-1].width, made[-1].height) == top
    assert all(rung.width % 2 == rung.height % 2 == 0 for rung in made)


def test_players_get_every_rung_cut_at_the_same_keyframes(tmp_path: Path) -> None:
    source = make(
        tmp_path / "long.mp4", "-f", "lavfi", "-i", "testsrc2=size=640x480:rate=5:duration=9", *TONE[:-1],
        "sine=duration=9", *H264, "-c:a", "aac",
    )  # fmt: skip
    films = []
    for rung in rungs(film(source)):
        films.append(tmp_path / f"{rung.name}.mp4")
        encode(source, films[-1], rung)
    (tmp_path / "hls").mkdir()

    package(films, tmp_path / "hls")

    master = (tmp_path / "hls" / MASTER).read_text()
    assert len(films) == 2 and "RESOLUTION=480x360" in master and "RESOLUTION=640x480" in master
    for number in range(2):
        playlist = tmp_path / "hls" / f"{number}.m3u8"
        lines = [line for line in playlist.read_text().splitlines() if line.startswith("#EXTINF")]
        assert [float(line[8:-1]) for line in lines] == pytest.approx([4, 4, 1], abs=0.2)
        assert {stream["codec_name"] for stream in looked_at(playlist)["streams"]} == {"h264", "aac"}
        assert len(frame_times(playlist)) == 45
    assert str(tmp_path) not in "".join(path.read_text() for path in (tmp_path / "hls").glob("*.m3u8"))

"""What browsers play is copied rather than encoded, and nothing comes along that others should not see."""

from pathlib import Path

import pytest
from tests.services.media.video.films import H264, SHORT, TONE, frame_times, looked_at, make, pixels, stream_of

from kaif.interfaces.media.films import Film, NotPlayable
from kaif.services.media.video.copying import copy
from kaif.services.media.video.parameter_sets import ParameterSets
from kaif.services.media.video.probing import probe

AAC = ("-c:a", "aac")
# A message in the stream itself, as camcorders write their place into it: "Moscow".
PLACE = ("-bsf:v", "h264_metadata=sei_user_data='086f3693-b7b3-4f2c-9653-21492feee5b8+Moscow'")
SECRETS = (b"+55.7558", b"Mine", b"Moscow", b"x264", b"Lavf", b"Cam-of-Anna", b"secret words")


def film(path: Path) -> Film:
    found = probe(path)
    assert isinstance(found, Film)
    return found


@pytest.mark.parametrize("name", ["film.mp4", "film.mov", "film.mkv"])
def test_a_copy_is_the_same_film_without_what_describes_it(tmp_path: Path, name: str) -> None:
    about = ("-metadata", "location=+55.7558+037.6173/", "-metadata", "title=Mine")
    tracks = ("-metadata:s:v:0", "handler_name=Cam-of-Anna", "-metadata:s:a:0", "title=Mine")
    plain = make(tmp_path / "plain.mp4", *SHORT, *TONE, *H264, *AAC)
    (tmp_path / "words.srt").write_text("1\n00:00:00,000 --> 00:00:02,000\nsecret words\n")
    words = ("-i", str(tmp_path / "words.srt"), "-c:s", "srt" if name.endswith("mkv") else "mov_text")
    source = make(tmp_path / name, "-i", str(plain), *words, "-c:v", "copy", "-c:a", "copy", *PLACE, *about, *tracks)
    assert all(word in source.read_bytes() for word in (b"Moscow", b"x264", b"secret words"))
    found = film(source)
    assert found.as_sent == "ladder"

    copy(source, tmp_path / "made.mp4", found)

    content = (tmp_path / "made.mp4").read_bytes()
    assert not [secret for secret in SECRETS if secret in content]
    assert content.index(b"moov") < content.index(b"mdat")
    assert frame_times(tmp_path / "made.mp4") == pytest.approx(frame_times(source), abs=0.002)
    assert pixels(tmp_path / "made.mp4") == pixels(source)
    made = looked_at(tmp_path / "made.mp4")
    assert [stream["codec_name"] for stream in made["streams"]] == ["h264", "aac"]
    assert float(made["format"]["duration"]) == pytest.approx(2, abs=0.1)


def test_a_film_that_was_held_sideways_is_turned_by_whoever_plays_the_copy(tmp_path: Path) -> None:
    flat = make(tmp_path / "flat.mp4", *SHORT, *H264)
    turned = make(tmp_path / "turned.mp4", "-i", str(flat), "-c", "copy", "-metadata:s:v:0", "rotate=90")
    found = film(turned)
    # Pieces of it would stand among others that are upright.
    assert (found.width, found.height, found.as_sent) == (120, 160, "film")

    copy(turned, tmp_path / "made.mp4", found)

    assert pixels(tmp_path / "made.mp4") == pixels(turned)


def test_sound_that_begins_late_stays_late_in_a_copy(tmp_path: Path) -> None:
    late = make(tmp_path / "late.mp4", *SHORT, "-itsoffset", "1", *TONE, *H264, *AAC)

    copy(late, tmp_path / "made.mp4", film(late))

    begins = [float(stream_of(path, "audio")["start_time"]) for path in (late, tmp_path / "made.mp4")]
    assert begins == pytest.approx([1, 1], abs=0.03)


KINDS = {
    "ordinary": ((*TONE, *H264, *AAC), "ladder"),
    "silent": (H264, "ladder"),
    "every frame may be the last": ((*H264, "-g", "1"), "ladder"),
    "of large pictures": ((*H264, "-g", "1", "-qp", "1", "-r", "60"), "film"),
    "of wide pixels": ((*H264, "-vf", "setsar=2/1"), "film"),
    "its sound is MP3": ((*TONE, *H264, "-c:a", "libmp3lame"), ""),
    "its sound has six channels": ((*TONE, *H264, *AAC, "-ac", "6"), ""),
    "ten bits": (("-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p10le"), ""),
    "all colours": (("-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv444p"), ""),
    "in lines": ((*H264, "-flags", "+ilme+ildct", "-x264-params", "tff=1"), ""),
    "HEVC": (("-c:v", "libx265", "-preset", "ultrafast", "-x265-params", "log-level=none"), ""),
    "fast": ((*H264, "-r", "120"), ""),
    "HDR": ((*H264, "-color_trc", "smpte2084", "-color_primaries", "bt2020", "-colorspace", "bt2020nc"), ""),
}


@pytest.mark.parametrize("name", KINDS)
def test_what_browsers_do_not_play_is_encoded(tmp_path: Path, name: str) -> None:
    arguments, expected = KINDS[name]

    assert film(make(tmp_path / "film.mp4", *SHORT, *arguments)).as_sent == expected


def test_what_its_sender_cut_away_does_not_come_along(tmp_path: Path) -> None:
    """Phones cut a film by hiding what was before: it is still in the file."""
    whole = make(tmp_path / "whole.mp4", *SHORT, *TONE, *H264, *AAC)
    cut = make(tmp_path / "cut.mp4", "-ss", "1", "-i", str(whole), "-c", "copy")
    assert len(frame_times(cut)) == 10 and int(stream_of(cut, "video")["nb_frames"]) == 20

    assert film(cut).as_sent == ""


def test_a_copy_that_is_another_film_is_none(tmp_path: Path) -> None:
    source = make(tmp_path / "film.mp4", *SHORT, *H264)

    for other in (Film(2_000_000, 120, 160, False, False), Film(3_000_000, 160, 120, False, False)):
        with pytest.raises(NotPlayable):
            copy(source, tmp_path / "made.mp4", other)


@pytest.mark.parametrize("name", ["film.mp4", "film.mkv"])
def test_a_film_that_grows_on_the_way_is_encoded_and_one_that_repeats_its_size_copied(
    tmp_path: Path, name: str
) -> None:
    large = ("-f", "lavfi", "-i", "testsrc2=size=640x480:rate=10:duration=1")
    small = make(tmp_path / "small.h264", *SHORT, *H264).read_bytes()
    grown = make(tmp_path / "large.h264", *large, *H264).read_bytes()

    sent = []
    for number, content in enumerate((small + small, small + grown)):
        (tmp_path / f"{number}.h264").write_bytes(content)
        stream = ("-r", "10", "-f", "h264", "-i", str(tmp_path / f"{number}.h264"), "-c", "copy")
        sent.append(film(make(tmp_path / f"{number}-{name}", *stream)).as_sent)

    assert [bool(one) for one in sent] == [True, False]


def test_parameter_sets_that_can_not_be_read_are_not_trusted() -> None:
    sps = b"\x67\x64\x00\x0a"
    header = bytes((1, 0x64, 0, 10, 0xFF, 0xE1, 0, len(sps))) + sps + b"\x01\x00\x01\x68"
    frame = b"\x00\x00\x00\x02\x65\x88"
    repeated = bytes((0, 0, 0, len(sps))) + sps
    other = repeated[:-1] + b"\x34"

    for packet, kept in ((frame, True), (repeated + frame, True), (frame + other, False), (frame[:-1], False)):
        assert ParameterSets(header).are_kept_by(packet) is kept
    for unread in (b"", sps, header[:5] + b"\xe2" + header[6:], b"\x00\x00\x00\x01" + sps):
        assert not ParameterSets(unread).are_kept_by(frame)

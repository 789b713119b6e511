"""What breaks off is refused, if it says how long it should be; what was recorded live says nothing, and is taken."""

from pathlib import Path

import pytest
from tests.services.media.video.films import H264, SHORT, TONE, make

from kaif.interfaces.media.films import Film, FilmDamaged, Sound
from kaif.kernel.errors import Invalid
from kaif.services.media.work import filming
from kaif.services.media.work.jobs import Probe, Probed

BOTH = (*SHORT, *TONE)
VP8 = ("-c:v", "libvpx", "-deadline", "realtime", "-cpu-used", "8", "-c:a", "libopus")
KNOWING = {
    "film.mp4": (*BOTH, *H264, "-c:a", "aac"),
    "index in front.mp4": (*BOTH, *H264, "-c:a", "aac", "-movflags", "+faststart"),
    "in pieces.mp4": (*SHORT, *H264, "-g", "5", "-movflags", "+frag_keyframe+empty_moov"),
    "sound.m4a": (*TONE, "-c:a", "aac"),
    "film.mkv": (*BOTH, *H264, "-c:a", "aac"),
    "film.webm": (*BOTH, *VP8),
    "sound.webm": (*TONE, "-c:a", "libopus"),
    "clusters alone.webm": (*BOTH, *VP8, "-live", "1"),
    "film.avi": (*BOTH, "-c:v", "mpeg4", "-c:a", "libmp3lame"),
    "film.wmv": (*BOTH, "-c:v", "wmv2", "-c:a", "wmav2"),
    "sound.ogg": (*TONE, "-c:a", "libopus"),
    "sound.mp3": (*TONE, "-c:a", "libmp3lame"),
    "sound.wav": TONE,
    "sound.aiff": TONE,
    "sound.flac": TONE,
    "sound.caf": (*TONE, "-c:a", "alac"),
}
# Of these each second is by itself.
UNKNOWING = {
    "film.ts": (*BOTH, *H264, "-c:a", "aac"),
    "film.mpg": (*BOTH, "-c:v", "mpeg2video", "-r", "25", "-c:a", "mp2"),
    "sound.aac": (*TONE, "-c:a", "aac"),
    "bare.mp3": (*TONE, "-c:a", "libmp3lame", "-write_xing", "0"),
}


def looked_at(folder: Path, content: bytes) -> Film | Sound:
    (folder / "sent").write_bytes(content)
    probed = filming.done(Probe(str(folder / "sent"), str(folder / "poster"), 0), lambda struct: None)
    assert isinstance(probed, Probed)
    return probed.found


@pytest.mark.parametrize("name", KNOWING)
def test_what_knows_its_length_is_refused_when_a_part_is_missing(name: str, tmp_path: Path) -> None:
    content = make(tmp_path / name, *KNOWING[name]).read_bytes()

    assert looked_at(tmp_path, content).duration_us == pytest.approx(2_000_000, rel=0.15)
    for percent in (50, 95):
        with pytest.raises(FilmDamaged):
            looked_at(tmp_path, content[: len(content) * percent // 100])


@pytest.mark.parametrize("name", UNKNOWING)
def test_a_stream_is_as_long_as_it_is(name: str, tmp_path: Path) -> None:
    content = make(tmp_path / name, *UNKNOWING[name]).read_bytes()

    whole, half = (looked_at(tmp_path, content[: len(content) * percent // 100]) for percent in (100, 50))

    assert 0.3 < half.duration_us / whole.duration_us < 0.8


def test_what_browsers_record_has_no_lengths_and_is_taken_wherever_it_ends(tmp_path: Path) -> None:
    """As MediaRecorder writes it: neither the segment nor its clusters say how long they are."""
    content = make(tmp_path / "live.webm", *BOTH, *VP8, "-live", "1", "-cluster_time_limit", "500").read_bytes()
    cluster = bytes.fromhex("1f43b675")
    recorded = b"".join(
        piece if number == 0 else cluster + b"\x01" + b"\xff" * 7 + piece[9 - piece[0].bit_length() :]
        for number, piece in enumerate(content.split(cluster))
    )

    for end in (len(recorded), len(recorded) * 9 // 10):
        assert looked_at(tmp_path, recorded[:end]).duration_us > 1_500_000


@pytest.mark.parametrize("length", [0, 0xFFFF_FFFF, 0x7FFF_F000])
def test_a_recorder_that_was_never_told_to_end_leaves_a_sound(length: int, tmp_path: Path) -> None:
    content = bytearray(make(tmp_path / "sound.wav", *TONE).read_bytes())
    content[4:8] = length.to_bytes(4, "little")

    assert looked_at(tmp_path, bytes(content)).duration_us == pytest.approx(2_000_000, rel=0.01)


def test_what_stands_behind_a_film_harms_nothing_and_what_lies_about_lengths_takes_no_time(tmp_path: Path) -> None:
    content = make(tmp_path / "film.mp4", *SHORT, *H264).read_bytes()

    for behind in (b"\0\0\0\x18free" + bytes(16), b"\xff" * 40, b"\0\0\x40\0SEFT" + bytes(9), b"abc"):
        assert looked_at(tmp_path, content + behind).duration_us > 1_900_000
    for lie in (
        b"\0\0\0\x08free" * 1000,
        bytes.fromhex("1a45dfa3801853806701ffffffffffffff") + b"\xec\x80" * 50_000,
        b"RIFF\x04\0\0\0AVI " * 1000,
        b"OggS\0" + bytes(21) + b"\xff",
        b"ID3\4\0\0\x7f\x7f\x7f\x7f",
        b"ID3",
        b"\xff\xfb\x90\x64" + bytes(32) + b"Xing",
        bytes.fromhex("3026b2758e66cf11a6d900aa0062ce6c") + b"\xff" * 30,
    ):
        with pytest.raises(Invalid):
            looked_at(tmp_path, lie)

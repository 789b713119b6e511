"""Posters and previews, and voices with their waveforms."""

import re
from pathlib import Path

import pytest
from tests.services.media.video.films import H264, SHORT, is_near, make, pixels, stream_of

from kaif.interfaces.media.films import Film, FilmTooLong, NotPlayable
from kaif.services.media.video import voices
from kaif.services.media.video.pictures import take_poster, take_previews
from kaif.services.media.video.probing import probe
from kaif.services.media.video.voices import PEAK_MAX, PEAKS, make_voice
from kaif.services.media.video.webvtt import as_webvtt

COLOURS = {"red": (254, 0, 0), "lime": (0, 254, 0), "blue": (0, 0, 254), "white": (254, 254, 254)}


def film(path: Path) -> Film:
    found = probe(path)
    assert isinstance(found, Film)
    return found


def of_colours(path: Path, *names: str) -> Path:
    """A second of each."""
    inputs = [part for name in names for part in ("-f", "lavfi", "-i", f"color={name}:size=320x180:rate=10:duration=1")]
    join = "".join(f"[{number}]" for number in range(len(names))) + f"concat=n={len(names)}"
    return make(path, *inputs, "-filter_complex", join, *H264, "-g", "5")


def test_a_preview_shows_its_moment(tmp_path: Path) -> None:
    source = of_colours(tmp_path / "colours.mp4", *COLOURS)

    previews = take_previews(source, tmp_path / "sheet.jpg", film(source))

    assert (previews.count, previews.width, previews.height) == (4, 160, 90)
    cues = re.findall(r"(\S+) --> (\S+)\n\S+#xywh=(\d+),(\d+),(\d+),(\d+)", as_webvtt(previews, "sheet.jpg"))
    assert [cue[:2] for cue in cues] == [(f"00:00:0{n}.000", f"00:00:0{n + 1}.000") for n in range(4)]
    sheet, width = pixels(tmp_path / "sheet.jpg"), stream_of(tmp_path / "sheet.jpg", "video")["width"]
    for (x, y, w, h), colour in zip([map(int, cue[2:]) for cue in cues], COLOURS.values(), strict=True):
        assert is_near(sheet[(y + h // 2) * width + x + w // 2], colour)


def test_of_a_long_film_there_are_a_hundred_previews(tmp_path: Path) -> None:
    source = make(tmp_path / "long.mp4", "-f", "lavfi", "-i", "color=red:size=64x64:rate=1:duration=600", *H264)

    previews = take_previews(source, tmp_path / "sheet.jpg", film(source))

    assert (previews.count, previews.every_us) == (100, 6_000_000)
    assert stream_of(tmp_path / "sheet.jpg", "video")["height"] == 10 * 64


def test_a_poster_is_not_the_black_of_the_beginning(tmp_path: Path) -> None:
    source = of_colours(tmp_path / "opening.mp4", "black", "lime", "lime", "lime")

    take_poster(source, tmp_path / "poster.jpg", film(source))

    assert is_near(pixels(tmp_path / "poster.jpg")[0], COLOURS["lime"])
    assert stream_of(tmp_path / "poster.jpg", "video")["width"] == 320


def tone(path: Path, volumes: str) -> Path:
    return make(path, "-f", "lavfi", "-i", f"aevalsrc='{volumes}*sin(2800*t)':d=4:s=44100", "-c:a", "flac")


def test_a_waveform_shows_where_somebody_speaks(tmp_path: Path) -> None:
    source = tone(tmp_path / "spoken.mka", "if(lt(t,1),0,if(lt(t,2),0.1,0.4))")

    voice = make_voice(source, tmp_path / "voice.ogg")

    assert len(voice.waveform) == PEAKS
    assert voice.duration_us == pytest.approx(4_000_000, abs=50_000)
    assert max(voice.waveform[:24]) == 0
    assert voice.waveform[35] == pytest.approx(PEAK_MAX / 4, abs=2)
    assert min(voice.waveform[55:99]) >= PEAK_MAX - 2
    made = stream_of(tmp_path / "voice.ogg", "audio")
    assert (made["codec_name"], made["channels"]) == ("opus", 1)
    assert (tmp_path / "voice.ogg").stat().st_size < 4 * 8_000


def test_silence_has_a_flat_one_and_a_click_fills_it(tmp_path: Path) -> None:
    assert set(make_voice(tone(tmp_path / "silence.mka", "0"), tmp_path / "s.ogg").waveform) == {0}
    click = make(tmp_path / "click.wav", "-f", "lavfi", "-i", "sine=duration=0.02")
    assert make_voice(click, tmp_path / "c.ogg").waveform == [PEAK_MAX] * PEAKS


def test_what_has_no_sound_or_too_much_of_it_is_no_voice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(NotPlayable):
        make_voice(make(tmp_path / "silent.mp4", *SHORT, *H264), tmp_path / "v.ogg")
    monkeypatch.setattr(voices, "SECONDS_MAX", 3)
    with pytest.raises(FilmTooLong):
        make_voice(tone(tmp_path / "long.mka", "0.4"), tmp_path / "v.ogg")

"""What tells a player which part of a sheet shows which moment (WebVTT). Pure rules."""

from kaif.interfaces.media.films import Previews


def as_webvtt(previews: Previews, sheet_url: str) -> str:
    """Cues whose text is a part of the sheet (Media Fragments, 4.2.2), as players expect them."""
    cues = ["WEBVTT"]
    for number in range(previews.count):
        row, column = divmod(number, previews.columns)
        begin, end = _clock(number * previews.every_us), _clock((number + 1) * previews.every_us)
        place = f"{column * previews.width},{row * previews.height},{previews.width},{previews.height}"
        cues.append(f"{begin} --> {end}\n{sheet_url}#xywh={place}")
    return "\n\n".join(cues) + "\n"


def _clock(at_us: int) -> str:
    minutes, rest_ms = divmod(at_us // 1000, 60_000)
    return f"{minutes // 60:02}:{minutes % 60:02}:{rest_ms // 1000:02}.{rest_ms % 1000:03}"

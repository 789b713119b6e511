"""The photographs, voices and films of the demo: made here by a seed, so that they are nobody's and take no room."""

import io
import math
import random
from array import array
from collections.abc import Iterator
from fractions import Fraction
from typing import NamedTuple

import av
import pyvips
from av.audio.frame import AudioFrame
from av.video.frame import VideoFrame

LONG_SIDE = 1600
EMBLEM_SIDE = 512
FILM_SIDE = (640, 360)
FILM_RATE = 24
SOUND_RATE = 48_000
_PEAK = 9_000


class Light(NamedTuple):
    """Colours of an hour: of the sky above and below, of the sun, of what is far and near."""

    high: str
    low: str
    sun: str
    far: str
    near: str


LIGHTS = {
    "dawn": Light("#6f8fc4", "#f9cfae", "#fff1d6", "#8c93b8", "#2f3b57"),
    "day": Light("#3f8fd0", "#d6ecf7", "#fffbe6", "#7fa6b8", "#2c5a4a"),
    "fog": Light("#a9b8c2", "#e9ecec", "#ffffff", "#b7c2c8", "#5f6f74"),
    "dusk": Light("#2b2f63", "#f08a5d", "#ffd9a0", "#6b4f7a", "#1f1b38"),
    "night": Light("#081026", "#2b3f66", "#e9eefc", "#1c2a48", "#060b16"),
    "forest": Light("#bfd8c4", "#f0f4da", "#fffde8", "#7fa58a", "#1f4a34"),
}


def photograph(seed: str, light: str, width: int, height: int) -> bytes:
    """A lake at that hour, as JPEG; the sides are in parts of each other, and the longer one is LONG_SIDE pixels."""
    scale = LONG_SIDE / max(width, height)
    image = _landscape(seed, LIGHTS[light], round(width * scale), round(height * scale))
    content: bytes = image.jpegsave_buffer(Q=84)
    return content


def emblem(seed: str, light: str) -> bytes:
    """A small square one, for a chat."""
    content: bytes = _landscape(seed, LIGHTS[light], EMBLEM_SIDE, EMBLEM_SIDE).jpegsave_buffer(Q=84)
    return content


def paper(title: str, lines: int) -> bytes:
    """A page of PDF with a title and so many lines of words that nobody reads."""
    words = [f"BT /F 20 Tf 60 770 Td ({title}) Tj ET"]
    words += [f"0.8 g 60 {730 - 22 * line} {300 + 37 * line % 170} 8 re f" for line in range(lines)]
    drawn = "\n".join(words).encode("ascii")
    objects = [
        b"<</Type/Catalog/Pages 2 0 R>>",
        b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
        b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]/Contents 4 0 R/Resources<</Font<</F 5 0 R>>>>>>",
        b"<</Length %d>>stream\n%s\nendstream" % (len(drawn), drawn),
        b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>",
    ]
    content, places = io.BytesIO(b""), []
    content.write(b"%PDF-1.4\n")
    for number, each in enumerate(objects, 1):
        places.append(content.tell())
        content.write(b"%d 0 obj%s endobj\n" % (number, each))
    table = content.tell()
    content.write(b"xref\n0 6\n0000000000 65535 f \n" + b"".join(b"%010d 00000 n \n" % place for place in places))
    content.write(b"trailer<</Size 6/Root 1 0 R>>\nstartxref\n%d\n%%%%EOF\n" % table)
    return content.getvalue()


def voice(seed: str, seconds: float) -> bytes:
    """Somebody who hums in syllables, with a breath between their sentences; Ogg with Opus."""
    chance = random.Random(seed)  # noqa: S311
    content = io.BytesIO()
    with av.open(content, "w", format="ogg") as out:
        stream = out.add_stream("libopus", rate=SOUND_RATE, layout="mono")
        stream.bit_rate = 24_000
        _put_sound(out, stream, _humming(chance, seconds))
    return content.getvalue()


def film(seed: str, light: str, seconds: float) -> bytes:
    """A slow look along the shore, with the waves to be heard; MP4."""
    chance = random.Random(seed)  # noqa: S311
    width, height = FILM_SIDE
    frames = round(seconds * FILM_RATE)
    scene = _landscape(seed, LIGHTS[light], width + frames, height).bandjoin(255).copy_memory()
    content = io.BytesIO()
    with av.open(content, "w", format="mp4") as out:
        picture = out.add_stream("libx264", rate=FILM_RATE, options={"preset": "veryfast", "crf": "24"})
        picture.width, picture.height, picture.pix_fmt = width, height, "yuv420p"
        sound = out.add_stream("aac", rate=SOUND_RATE, layout="mono")
        for number in range(frames):
            part = scene.crop(number, 0, width, height).write_to_memory()
            frame = VideoFrame.from_bytes(bytes(part), width, height, format="rgba")
            frame.pts, frame.time_base = number, Fraction(1, FILM_RATE)
            out.mux(picture.encode(frame))
        out.mux(picture.encode(None))
        _put_sound(out, sound, _waves(chance, seconds))
    return content.getvalue()


def _landscape(seed: str, light: Light, width: int, height: int) -> pyvips.Image:
    chance = random.Random(seed)  # noqa: S311
    shore = height * chance.uniform(0.52, 0.62)
    sun_x, sun_y = width * chance.uniform(0.2, 0.8), shore * chance.uniform(0.35, 0.8)
    radius = min(width, height) * chance.uniform(0.035, 0.06)
    far = _ridge(chance, width, shore, shore * 0.34, 5)
    middle = _ridge(chance, width, shore, shore * 0.2, 8)
    trees = _trees(chance, width, shore, height * 0.11)
    land = (
        f'<path d="{far}" fill="{light.far}" opacity=".75"/><path d="{middle}" fill="{light.far}"/>'
        f'<path d="{trees}" fill="{light.near}"/>'
    )
    glitter = "".join(_glints(chance, sun_x, shore, width, height))
    drawn = f"""<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}"><defs>
    <linearGradient id="sky" x2="0" y2="1"><stop stop-color="{light.high}"/><stop offset="1" stop-color="{light.low}"/>
    </linearGradient><linearGradient id="water" x2="0" y2="1"><stop stop-color="{light.low}"/>
    <stop offset="1" stop-color="{light.high}"/></linearGradient>
    <radialGradient id="glow"><stop stop-color="{light.sun}" stop-opacity=".85"/>
    <stop offset="1" stop-color="{light.sun}" stop-opacity="0"/></radialGradient></defs>
    <rect width="{width}" height="{shore + 1}" fill="url(#sky)"/>
    <circle cx="{sun_x}" cy="{sun_y}" r="{radius * 6}" fill="url(#glow)"/>
    <circle cx="{sun_x}" cy="{sun_y}" r="{radius}" fill="{light.sun}"/>{land}
    <rect y="{shore}" width="{width}" height="{height - shore}" fill="url(#water)"/>
    <g transform="translate(0 {2 * shore}) scale(1 -1)" opacity=".42">{land}</g>
    <g fill="{light.sun}">{glitter}</g></svg>"""
    image = pyvips.Image.svgload_buffer(drawn.encode()).flatten()
    # The grain of a camera: without it the sky is striped.
    grain = pyvips.Image.gaussnoise(width, height, sigma=3.5, mean=0, seed=chance.randrange(1 << 30))
    return (image + grain).cast("uchar").copy_memory()


def _ridge(chance: random.Random, width: int, base: float, height: float, waves: int) -> str:
    """Hills, as the outline of what is below them."""
    parts = [(chance.uniform(0, math.tau), chance.uniform(0.6, 1.4) * waves / (1 + n)) for n in range(4)]
    points = [f"M0 {base:.0f}"]
    for step in range(161):
        x = step / 160
        up = sum(math.sin(phase + math.tau * x * pace / 2) / (n + 1) for n, (phase, pace) in enumerate(parts))
        points.append(f"L{x * width:.0f} {base - height * (0.45 + up / 4):.1f}")
    return "".join(points) + f"L{width} {base:.0f}Z"


def _trees(chance: random.Random, width: int, base: float, height: float) -> str:
    """Firs along the shore, thicker towards one side."""
    points, x, side = [f"M0 {base:.0f}"], 0.0, chance.random() < 0.5
    while x < width:
        share = x / width if side else 1 - x / width
        tall, wide = height * chance.uniform(0.25, 1) * (0.25 + share), height * chance.uniform(0.1, 0.2)
        points.append(f"L{x:.0f} {base:.0f}L{x + wide / 2:.0f} {base - tall:.0f}L{x + wide:.0f} {base:.0f}")
        x += wide * chance.uniform(0.5, 1.6)
    return "".join(points) + f"L{width} {base + 2:.0f}L0 {base + 2:.0f}Z"


def _glints(chance: random.Random, sun_x: float, shore: float, width: int, height: int) -> Iterator[str]:
    """The sun's way on the water."""
    for _ in range(90):
        depth = chance.random() ** 1.4
        wide = width * (0.01 + 0.05 * depth) * chance.uniform(0.4, 1)
        x = sun_x + chance.gauss(0, 0.02 + 0.05 * depth) * width - wide / 2
        y = shore + depth * (height - shore) * 0.95
        yield f'<rect x="{x:.0f}" y="{y:.0f}" width="{wide:.0f}" height="{1 + 2.5 * depth:.1f}" opacity=".35" rx="1"/>'


def _humming(chance: random.Random, seconds: float) -> Iterator[float]:
    """Loudnesses between -1 and 1."""
    pitch, phase, made, wanted = chance.uniform(105, 190), 0.0, 0, round(seconds * SOUND_RATE)
    while made < wanted:
        length = round(chance.uniform(0.09, 0.24) * SOUND_RATE)
        loud = chance.uniform(0.35, 1) if chance.random() < 0.86 else 0.02
        tone = pitch * chance.uniform(0.88, 1.16)
        for step in range(min(length, wanted - made)):
            phase += math.tau * tone / SOUND_RATE
            swell = math.sin(math.pi * step / length)
            yield loud * swell * (math.sin(phase) + 0.5 * math.sin(2 * phase) + 0.3 * math.sin(3 * phase)) / 1.8
        made += length


def _waves(chance: random.Random, seconds: float) -> Iterator[float]:
    low = 0.0
    for step in range(round(seconds * SOUND_RATE)):
        low += 0.04 * (chance.uniform(-1, 1) - low)
        yield 2 * low * (0.6 + 0.4 * math.sin(math.tau * step / SOUND_RATE / 3.1))


def _put_sound(out: "av.container.OutputContainer", stream: "av.AudioStream", loudnesses: Iterator[float]) -> None:
    sound = array("h", (round(_PEAK * max(-1, min(1, loudness))) for loudness in loudnesses))
    piece = 960
    for start in range(0, len(sound), piece):
        samples = sound[start : start + piece]
        frame = AudioFrame(format="s16", layout="mono", samples=len(samples))
        frame.planes[0].update(samples.tobytes())
        frame.sample_rate, frame.pts, frame.time_base = SOUND_RATE, start, Fraction(1, SOUND_RATE)
        out.mux(stream.encode(frame))
    out.mux(stream.encode(None))

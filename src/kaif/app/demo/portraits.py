"""Pictures of the people in the stories: drawn by their names, so that they are nobody's."""

import random
from typing import NamedTuple

import pyvips

SIDE = 512

_GROUNDS = ["#f2b8a0", "#a9cfe6", "#b9dcbf", "#f4d58d", "#cdbfe8", "#f0c1d0", "#a8d8d1", "#d9cbb6"]
_PALE = ["#f7d7c0", "#f0c6a4", "#e5b18a"]
_SKINS = [*_PALE, "#c98e63", "#9c6640"]
_GREY = "#8d8f94"
_DARK_HAIRS = ["#2b211d", "#4a3226", _GREY]
_HAIRS = [*_DARK_HAIRS, "#7a4e2d", "#b57b3f", "#d9b26a", "#a2432a"]
_CLOTHES = ["#2f5d7c", "#8b3f52", "#3f7a5a", "#5b4b8a", "#c0653a", "#3d4651", "#d9a441", "#4f8f96"]
# How hair falls: paths behind the head, and on it.
_LONG = [
    (
        '<path d="M136 250C120 96 392 96 376 250L392 420H120Z"/>',
        '<path d="M150 232C150 96 362 96 362 232C320 214 270 190 236 150C216 190 186 216 150 232Z"/>',
    ),
    (
        '<path d="M140 240C128 98 384 98 372 240V340C372 372 140 372 140 340Z"/>',
        '<path d="M150 222C156 92 356 92 362 222C330 168 182 168 150 222Z"/>',
    ),
    (
        '<circle cx="256" cy="92" r="46"/>',
        '<path d="M152 228C140 88 372 88 360 228C344 176 300 152 256 152C212 152 168 176 152 228Z"/>',
    ),
]
_SHORT = [
    '<path d="M150 214C140 84 372 84 362 214C352 176 330 160 300 156'
    'C250 150 200 150 176 168C160 178 154 196 150 214Z"/>',
    '<path d="M152 208C136 120 190 84 262 88C340 84 376 128 360 208C356 186 344 172 330 164C280 180 220 176 186 156'
    'C166 168 156 186 152 208Z"/>',
    '<path d="M154 200C158 96 354 96 358 200C330 146 182 146 154 200Z"/>',
]


class Looks(NamedTuple):
    """Of one person."""

    ground: str
    skin: str
    hair: str
    clothes: str
    behind: str
    above: str
    is_bearded: bool
    has_glasses: bool


def portrait(name: str, *, long_haired: bool) -> bytes:
    """Head and shoulders, as JPEG; the same for the same name."""
    drawn = _drawn(_looks(random.Random(f"portrait of {name}"), long_haired))  # noqa: S311
    content: bytes = pyvips.Image.svgload_buffer(drawn.encode()).flatten().jpegsave_buffer(Q=88)
    return content


def _looks(chance: random.Random, long_haired: bool) -> Looks:
    behind, above = chance.choice(_LONG) if long_haired else ("", chance.choice(_SHORT))
    skin = chance.choice(_SKINS)
    hair = chance.choice(_HAIRS if skin in _PALE else _DARK_HAIRS)
    return Looks(
        chance.choice(_GROUNDS),
        skin,
        hair,
        chance.choice(_CLOTHES),
        behind,
        above,
        is_bearded=not long_haired and (hair == _GREY or chance.random() < 0.4),
        has_glasses=chance.random() < 0.25,
    )


def _drawn(looks: Looks) -> str:
    beard = '<path d="M164 258C164 380 348 380 348 258C338 300 306 292 256 292C206 292 174 300 164 258Z"/>'
    glasses = (
        '<g fill="none" stroke="#33302e" stroke-width="7"><circle cx="213" cy="240" r="31"/>'
        '<circle cx="299" cy="240" r="31"/><path d="M244 238Q256 230 268 238"/></g>'
    )
    return f"""<svg xmlns="http://www.w3.org/2000/svg" width="{SIDE}" height="{SIDE}"><defs>
    <radialGradient id="ground" cy=".35"><stop stop-color="#fff" stop-opacity=".55"/>
    <stop offset="1" stop-color="#fff" stop-opacity="0"/></radialGradient></defs>
    <rect width="512" height="512" fill="{looks.ground}"/><rect width="512" height="512" fill="url(#ground)"/>
    <g transform="translate(256 290) scale(1.14) translate(-256 -290)">
    <g fill="{looks.hair}">{looks.behind}</g>
    <path d="M60 512C64 420 150 392 256 392C362 392 448 420 452 512Z" fill="{looks.clothes}"/>
    <path d="M212 320H300V396C300 440 212 440 212 396Z" fill="{looks.skin}"/>
    <path d="M212 352C240 376 272 376 300 352V368C272 396 240 396 212 368Z" fill="#000" opacity=".1"/>
    <g fill="{looks.skin}"><circle cx="152" cy="248" r="22"/><circle cx="360" cy="248" r="22"/>
    <path d="M152 220C152 96 360 96 360 220C360 310 320 366 256 366C192 366 152 310 152 220Z"/></g>
    <g fill="{looks.hair}" stroke="{looks.hair}" stroke-width="5">{beard if looks.is_bearded else ""}{looks.above}</g>
    <g fill="#33302e"><circle cx="213" cy="240" r="10"/><circle cx="299" cy="240" r="10"/></g>
    {glasses if looks.has_glasses else ""}
    <path d="M224 306Q256 334 288 306" fill="none" stroke="#8a3b3b" stroke-width="9" stroke-linecap="round"/>
    </g></svg>"""

"""What a server and its workers say to each other: a header in MessagePack, and bytes after it.

The worker is not trusted: it may have been taken over by the file that it reads. So an answer is bounded, decoded by
its shape, and can say nothing but a picture, renditions, or one of the refusals.
"""

import msgspec

from kaif.interfaces.media.images import (
    CropOutside,
    ImageDamaged,
    ImageFileTooLarge,
    ImageTooDemanding,
    Made,
    NotAnImage,
    Picture,
    Rendition,
    TooManyFrames,
    TooManyPixels,
    Variant,
)
from kaif.kernel.errors import Invalid, KaifError
from kaif.services.media.images.limits import Limits

HEADER_BYTES_MAX = 64 * 1024
ANSWER_BYTES_MAX = 256 << 20
VARIANTS_MAX = 20
READY = b"ready\n"
# Lengths of the header and of what follows it.
PREFIX_BYTES = 8

_REFUSALS: dict[str, type[Invalid]] = {
    refusal.code: refusal
    for refusal in (
        NotAnImage,
        ImageDamaged,
        ImageFileTooLarge,
        TooManyPixels,
        TooManyFrames,
        ImageTooDemanding,
        CropOutside,
    )
}


class Job(msgspec.Struct, frozen=True):
    """Without variants the picture is inspected. `cpu_s` is the time that it may take."""

    limits: Limits
    cpu_s: int
    variants: list[Variant] | None = None


class Seen(msgspec.Struct, frozen=True, tag=True):
    picture: Picture


class Rendered(msgspec.Struct, frozen=True):
    format: Made
    width: int
    height: int
    length: int


class Drawn(msgspec.Struct, frozen=True, tag=True):
    """The bytes of all follow one another."""

    renditions: list[Rendered]


class Refused(msgspec.Struct, frozen=True, tag=True):
    code: str
    details: dict[str, int]


class Failed(msgspec.Struct, frozen=True, tag=True):
    """Our own fault; the error is for the log."""

    error: str


Answer = Seen | Drawn | Refused | Failed


class Nonsense(Exception):
    """What no worker of ours says."""


def framed(header: msgspec.Struct, content: bytes = b"") -> list[bytes]:
    packed = msgspec.msgpack.encode(header)
    assert len(packed) <= HEADER_BYTES_MAX
    return [len(packed).to_bytes(4, "big") + len(content).to_bytes(4, "big") + packed, content]


def lengths(prefix: bytes, content_bytes_max: int) -> tuple[int, int]:
    """Raises Nonsense."""
    header, content = int.from_bytes(prefix[:4], "big"), int.from_bytes(prefix[4:], "big")
    if header > HEADER_BYTES_MAX or content > content_bytes_max:
        raise Nonsense
    return header, content


Result = Picture | list[Rendition] | KaifError


def result(job: Job, packed: bytes, content: bytes) -> Result:
    """What the worker did, or why it did not. Raises Nonsense."""
    try:
        answer: Answer = msgspec.msgpack.decode(packed, type=Answer)
    except msgspec.DecodeError as error:
        raise Nonsense from error
    match answer:
        case Seen() if job.variants is None and not content:
            return answer.picture
        case Drawn() if job.variants is not None and len(answer.renditions) == len(job.variants):
            return _renditions(answer, content)
        case Refused() if answer.code in _REFUSALS:
            return _REFUSALS[answer.code]("", **answer.details)
        case Failed():
            return KaifError(answer.error)
        case _:
            raise Nonsense


def refused(error: Invalid) -> Refused:
    return Refused(error.code, {name: value for name, value in error.details.items() if isinstance(value, int)})


def drawn(renditions: list[Rendition]) -> tuple[Drawn, bytes]:
    headers = [Rendered(one.format, one.width, one.height, len(one.content)) for one in renditions]
    return Drawn(headers), b"".join(one.content for one in renditions)


def _renditions(answer: Drawn, content: bytes) -> list[Rendition]:
    """Raises Nonsense."""
    if any(one.length < 0 for one in answer.renditions) or sum(one.length for one in answer.renditions) != len(content):
        raise Nonsense
    found, start = [], 0
    for one in answer.renditions:
        found.append(Rendition(content[start : start + one.length], one.format, one.width, one.height))
        start += one.length
    return found

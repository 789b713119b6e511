"""What a server and its workers say to each other: a header in MessagePack, and bytes after it.

The worker is not trusted: it may have been taken over by the file that it reads. So an answer is bounded, decoded by
its shape, and can say nothing but what was asked for, how far it is, or one of the refusals.
"""

from typing import Annotated

import msgspec
from msgspec import Meta

from kaif.interfaces.media import Polyglot
from kaif.interfaces.media.films import (
    Film,
    FilmDamaged,
    FilmTooLarge,
    FilmTooLong,
    NotPlayable,
    Previews,
    Sound,
    Voice,
)
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
from kaif.kernel.errors import Invalid, KaifError, StorageFull, Unavailable
from kaif.services.media.images.limits import Limits
from kaif.services.media.video.ladder import Rung

HEADER_BYTES_MAX = 64 * 1024
ANSWER_BYTES_MAX = 256 << 20
VARIANTS_MAX = 20
RETRY_AFTER_MS = 60_000
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
        NotPlayable,
        FilmDamaged,
        FilmTooLong,
        FilmTooLarge,
        Polyglot,
    )
}


# What is to be done. Paths are of a folder that the worker may write to.


class Inspect(msgspec.Struct, frozen=True, tag=True):
    limits: Limits


class Render(msgspec.Struct, frozen=True, tag=True):
    limits: Limits
    variants: list[Variant]


class Probe(msgspec.Struct, frozen=True, tag=True):
    """The poster of a film comes to lie at `poster`; a sound of at most so many seconds is heard for its waveform."""

    source: str
    poster: str
    heard_s_max: int


class Encode(msgspec.Struct, frozen=True, tag=True):
    source: str
    target: str
    rung: Rung


class Copy(msgspec.Struct, frozen=True, tag=True):
    source: str
    target: str
    film: Film


class Package(msgspec.Struct, frozen=True, tag=True):
    films: list[str]
    folder: str


class TakePreviews(msgspec.Struct, frozen=True, tag=True):
    source: str
    target: str
    film: Film


class MakeVoice(msgspec.Struct, frozen=True, tag=True):
    source: str
    target: str


Task = Inspect | Render | Probe | Encode | Copy | Package | TakePreviews | MakeVoice


class Job(msgspec.Struct, frozen=True):
    """`cpu_s` is the time that it may take, `file_bytes` the size of each file that it may write."""

    cpu_s: int
    task: Task
    file_bytes: int = 0


# What comes back.


class Inspected(msgspec.Struct, frozen=True, tag=True):
    picture: Picture


class Rendered(msgspec.Struct, frozen=True):
    format: Made
    width: int
    height: int
    length: int


class Drawn(msgspec.Struct, frozen=True, tag=True):
    """The bytes of all follow one another."""

    renditions: list[Rendered]


class Probed(msgspec.Struct, frozen=True, tag=True):
    """Without a waveform of films, and of sounds that are too long for one at once."""

    found: Film | Sound
    waveform: Annotated[list[int], Meta(max_length=100)] = []


class Sheet(msgspec.Struct, frozen=True, tag=True):
    previews: Previews


class Spoken(msgspec.Struct, frozen=True, tag=True):
    voice: Voice


class Done(msgspec.Struct, frozen=True, tag=True):
    """The files are there."""


class Refused(msgspec.Struct, frozen=True, tag=True):
    code: str
    details: dict[str, int]


class Failed(msgspec.Struct, frozen=True, tag=True):
    """Our own fault; the error is for the log."""

    error: str


class NoRoom(msgspec.Struct, frozen=True, tag=True):
    """The disk is full."""


class OutOfReach(msgspec.Struct, frozen=True, tag=True):
    """What is to be read is not there, or nothing can be written where it was said."""


class Underway(msgspec.Struct, frozen=True, tag=True):
    """How many seconds of a film are done. It is no answer yet."""

    seconds: float


Answer = Inspected | Drawn | Probed | Sheet | Spoken | Done | Refused | Failed | NoRoom | OutOfReach | Underway
_ANSWERS: dict[type, type] = {
    Inspect: Inspected,
    Probe: Probed,
    Encode: Done,
    Copy: Done,
    Package: Done,
    TakePreviews: Sheet,
    MakeVoice: Spoken,
}


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


Result = Picture | list[Rendition] | Probed | Previews | Voice | Done | Underway | KaifError


def result(job: Job, packed: bytes, content: bytes) -> Result:
    """What the worker did, how far it is, or why it did not. Raises Nonsense."""
    try:
        answer: Answer = msgspec.msgpack.decode(packed, type=Answer)
    except msgspec.DecodeError as error:
        raise Nonsense from error
    if isinstance(answer, Drawn):
        return _drawn(job.task, answer, content)
    if content:
        raise Nonsense
    match answer:
        case Refused():
            return _refusal(answer)
        case Failed():
            return KaifError(answer.error)
        case NoRoom():
            return StorageFull(retry_after_ms=RETRY_AFTER_MS)
        case OutOfReach():
            return Unavailable(retry_after_ms=RETRY_AFTER_MS)
        case Underway():
            return answer
    if not isinstance(answer, _ANSWERS.get(type(job.task), type(None))):
        raise Nonsense
    match answer:
        case Inspected():
            return answer.picture
        case Sheet():
            return answer.previews
        case Spoken():
            return answer.voice
        case _:
            return answer


def refused(error: Invalid) -> Refused:
    return Refused(error.code, {name: value for name, value in error.details.items() if isinstance(value, int)})


def drawn(renditions: list[Rendition]) -> tuple[Drawn, bytes]:
    headers = [Rendered(one.format, one.width, one.height, len(one.content)) for one in renditions]
    return Drawn(headers), b"".join(one.content for one in renditions)


def _refusal(answer: Refused) -> Invalid:
    if answer.code not in _REFUSALS:
        raise Nonsense
    return _REFUSALS[answer.code]("", **answer.details)


def _drawn(task: Task, answer: Drawn, content: bytes) -> list[Rendition]:
    """Raises Nonsense."""
    if not isinstance(task, Render) or len(answer.renditions) != len(task.variants):
        raise Nonsense
    if any(one.length < 0 for one in answer.renditions) or sum(one.length for one in answer.renditions) != len(content):
        raise Nonsense
    found, start = [], 0
    for one in answer.renditions:
        found.append(Rendition(content[start : start + one.length], one.format, one.width, one.height))
        start += one.length
    return found

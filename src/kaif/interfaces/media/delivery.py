"""What delivery promises: every look at a file is allowed at that moment, or there is no such file.

A signed link stands for the person who asked for it: it opens what they may still see, until it expires, and no longer
than the session in which they asked goes on (of a program, than its key is good).
"""

from typing import Annotated, Protocol

import msgspec
from msgspec import Meta

from kaif.interfaces.media import GivenMediaId, MediaId
from kaif.kernel.actor import Actor
from kaif.kernel.remote import repeatable

READ_BYTES_MAX = 4 << 20
RENDITION_CHARACTERS_MAX = 600

Link = Annotated[str, Meta(max_length=200)]


class LookAt(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`link` is what a signed link ends with; without one the actor is who looks.

    `rendition` is something that was made of the file, `small` or `film.mp4`, or the address of a picture of any size
    after `pictures/`; without one the file itself is meant. `accept` are the types that suit whoever looks.
    """

    media_id: GivenMediaId
    link: Link = ""
    rendition: Annotated[str, Meta(max_length=RENDITION_CHARACTERS_MAX)] = ""
    accept: Annotated[str, Meta(max_length=1000)] = ""


class Sight(msgspec.Struct, frozen=True):
    """`name` is for saving it. `etag` is of this content alone. What is `inline` may be shown in a page. `rendition` is
    by which name it is read. What is `passing` gives way to something better, at the same address."""

    media_id: MediaId
    name: str
    type: str
    size: int
    etag: str
    inline: bool
    rendition: str = ""
    passing: bool = False


class ReadMedia(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    media_id: GivenMediaId
    start: Annotated[int, Meta(ge=0)]
    length: Annotated[int, Meta(ge=1, le=READ_BYTES_MAX)]
    link: Link = ""
    rendition: Annotated[str, Meta(max_length=RENDITION_CHARACTERS_MAX)] = ""


class Piece(msgspec.Struct, frozen=True):
    content: bytes


class Delivery(Protocol):
    """Raises MediaNotFound."""

    @repeatable
    async def look_at(self, actor: Actor, request: LookAt) -> Sight:
        """What is about to be read. A picture that is asked for and is not there yet is made.

        Raises RenditionNotFound, RenditionNotReady of what work has still to make; Busy, and what `images` refuses.
        """
        ...

    @repeatable
    async def read(self, actor: Actor, request: ReadMedia) -> Piece:
        """At most so many bytes from there; none past the end. Raises RenditionNotFound."""
        ...

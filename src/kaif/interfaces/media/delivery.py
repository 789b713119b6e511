"""What delivery promises: every look at a file is allowed at that moment, or there is no such file.

A signed link stands for the person who asked for it: it opens what they may still see, until it expires, and no longer
than the session in which they asked goes on (of a program, than the account whose key it uses is open).
"""

from typing import Annotated, Protocol

import msgspec
from msgspec import Meta

from kaif.interfaces.media import GivenMediaId, Media
from kaif.kernel.actor import Actor
from kaif.kernel.remote import repeatable

READ_BYTES_MAX = 4 << 20

Link = Annotated[str, Meta(max_length=200)]


class LookAt(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`link` is what a signed link ends with; without one the actor is who looks."""

    media_id: GivenMediaId
    link: Link = ""


class ReadMedia(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    media_id: GivenMediaId
    start: Annotated[int, Meta(ge=0)]
    length: Annotated[int, Meta(ge=1, le=READ_BYTES_MAX)]
    link: Link = ""


class Piece(msgspec.Struct, frozen=True):
    content: bytes


class Delivery(Protocol):
    """Raises MediaNotFound."""

    @repeatable
    async def look_at(self, actor: Actor, request: LookAt) -> Media: ...

    @repeatable
    async def read(self, actor: Actor, request: ReadMedia) -> Piece:
        """At most so many bytes from there; none past the end."""
        ...

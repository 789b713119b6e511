"""What media promises a CDN: what was made of a file, for whoever brings a link that was given out minutes ago.

Such a link stands for nobody. It opens what was made of one file, never the file itself; for 5 to 10 minutes from when
it was given to somebody who could see the file at that moment; and no longer than the file is shown to anybody, nor
than it is withdrawn (decision 49). What a CDN is given here it may keep until the link ends, and show to whoever else
brings the same link. Not for the world: the edge asks, where the CDN's own name is asked for.
"""

from typing import Annotated, Protocol

import msgspec
from msgspec import Meta

from kaif.interfaces.media import GivenMediaId
from kaif.interfaces.media.delivery import READ_BYTES_MAX, RENDITION_CHARACTERS_MAX, Piece, Sight
from kaif.kernel.actor import Actor
from kaif.kernel.remote import repeatable

GRANT_CHARACTERS_MAX = 100
# Of addresses at the CDN: the file, the grant, and what was made of it follow.
CDN_PATH = "/cdn"

Grant = Annotated[str, Meta(max_length=GRANT_CHARACTERS_MAX)]
Rendition = Annotated[str, Meta(min_length=1, max_length=RENDITION_CHARACTERS_MAX)]


class LookForCdn(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`rendition` is `film.mp4` and the like; of pictures with a format, `small.avif`, that says what can be shown:
    what comes is that, or an older one where that suits the picture."""

    media_id: GivenMediaId
    grant: Grant
    rendition: Rendition


class SightForCdn(msgspec.Struct, frozen=True):
    """It may be kept for `fresh_s` seconds."""

    sight: Sight
    fresh_s: int


class ReadForCdn(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`rendition` is what Sight says."""

    media_id: GivenMediaId
    grant: Grant
    rendition: Rendition
    start: Annotated[int, Meta(ge=0)]
    length: Annotated[int, Meta(ge=1, le=READ_BYTES_MAX)]


class CdnDelivery(Protocol):
    """Raises MediaNotFound for a link that is not ours or has ended, and where no CDN may hold the file."""

    @repeatable
    async def look_for_cdn(self, actor: Actor, request: LookForCdn) -> SightForCdn:
        """A picture that is asked for and is not there yet is made.

        Raises RenditionNotFound, RenditionNotReady of what work has still to make; Busy, and what `images` refuses.
        """
        ...

    @repeatable
    async def read_for_cdn(self, actor: Actor, request: ReadForCdn) -> Piece:
        """At most so many bytes from there; none past the end."""
        ...

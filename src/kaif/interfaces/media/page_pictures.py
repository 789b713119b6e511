"""What media promises about pictures by which other sites show their pages: nothing of such a file is handed out.

It is decoded by a worker, made smaller, and only what came out is kept: nobody's own, seen by everyone who is signed
in, as long as whoever asked for it holds it. Not for the world.
"""

from typing import Annotated, Protocol

import msgspec
from msgspec import Meta

from kaif.interfaces.media import GivenMediaId
from kaif.interfaces.media.references import Text
from kaif.kernel.actor import Actor
from kaif.kernel.remote import repeatable

# As many as are read of what stands on the web (`engines.web.pages`).
PAGE_PICTURE_BYTES_MAX = 5 << 20
# Smaller ones are marks that count visitors, and icons.
SIDE_MIN = 48
SIDE_MAX = 800


class KeepPagePicture(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`media_id` is new, and chosen by whoever asks, who can let go of it then whatever became of the answer; it is the
    name of the reference as well."""

    media_id: GivenMediaId
    holder: Text
    content: Annotated[bytes, Meta(max_length=PAGE_PICTURE_BYTES_MAX)]


class PagePicture(msgspec.Struct, frozen=True):
    """As it is kept. Sides are in pixels; `thumbhash` is base64 and paints a placeholder at once."""

    media_id: str
    width: int
    height: int
    thumbhash: str


class PagePictures(Protocol):
    @repeatable
    async def keep_page_picture(self, actor: Actor, request: KeepPagePicture) -> PagePicture:
        """Repeating an id returns what was kept.

        Raises what `interfaces.media.images` names: NotAnImage also of what is too small to show anything, and of
        drawings, which are texts that may say anything; Busy.
        """
        ...

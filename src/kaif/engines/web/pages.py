"""Pages that strangers name: of each no more than its beginning, and never one that lies within our own network."""

from typing import Protocol

import msgspec

# What says what a page is about stands at its beginning; the rest is not read.
PAGE_BYTES_MAX = 512 * 1024
# For a page and all that leads to it, from the first look-up to the last byte.
PAGE_WITHIN_S = 5.0
# What sites show of themselves is a tenth of it.
PICTURE_BYTES_MAX = 5 << 20
# As for a page, which is shown without it rather than later.
PICTURE_WITHIN_S = 3.0


class NotAPage(Exception):
    """Nothing that may be read, or nothing to read: the next time it is the same."""


class WebPage(msgspec.Struct, frozen=True):
    """`url` is where it was found in the end, `charset` what its server calls its encoding, `head` how it begins."""

    url: str
    charset: str
    head: bytes


class Pages(Protocol):
    async def read(self, url: str) -> WebPage:
        """Raises NotAPage, and Unreachable where it may be different later."""
        ...

    async def read_picture(self, url: str) -> bytes:
        """All of what stands there, whatever it is: nothing that its server says of it is believed.

        Raises NotAPage, of what has more than PICTURE_BYTES_MAX bytes too, and Unreachable.
        """
        ...

    async def close(self) -> None: ...

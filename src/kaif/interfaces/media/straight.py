"""What straight uploads promise: whoever uploads writes into the store, and nothing readable ever lies there.

An upload is the same as any other (`interfaces.media.uploads`), and may be gone on with in either way. Whoever goes
straight gets, for the next few parts, an address in the store and a key for each; seals the part by that key and writes
it there. What lies there is taken in its order, and believed when all of it was read.

A part is sealed by AES-256-GCM in chunks of 64 KiB, each followed by its tag of 16 bytes. A chunk's nonce is its number
in 12 bytes; the part's length in 8 bytes is authenticated with each. Both have the highest byte first.
"""

from datetime import datetime
from typing import Annotated, Protocol

import msgspec
from msgspec import Meta

from kaif.interfaces.auth import Nothing
from kaif.interfaces.media.uploads import GivenUploadId, Upload
from kaif.kernel.actor import Actor
from kaif.kernel.errors import Conflict, Invalid
from kaif.kernel.ids import PATTERN
from kaif.kernel.remote import repeatable

# Parts for which an answer holds addresses; and those that may lie in the store before they are taken: of an upload,
# and of all that somebody began within an hour or so.
ADDRESSES_AT_ONCE_MAX = 8
AHEAD_MAX = 16
UNTAKEN_MAX = 64


class StraightOffer(msgspec.Struct, frozen=True):
    """Whether this server's store takes parts from senders; and from which size on that is worth their while."""

    offered: bool
    bytes_min: int


class GoStraight(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Without a `writer` one becomes the one who writes, and what already lies in the store is taken. With it, what
    lies there up to the place `written`. Then addresses of up to `count` parts from the place `after` on are asked for.
    """

    upload_id: GivenUploadId
    writer: Annotated[str, Meta(pattern=f"{PATTERN}|^$")] = ""
    written: Annotated[int, Meta(ge=0, le=1 << 50)] = 0
    after: Annotated[int, Meta(ge=0, le=1 << 50)] = 0
    count: Annotated[int, Meta(ge=0, le=ADDRESSES_AT_ONCE_MAX)] = 0


class StraightPart(msgspec.Struct, frozen=True):
    """`length` bytes of the file from `start` on belong, sealed by `key` (base64), at `url`: by PUT with these headers
    and with exactly `sealed_length` bytes, once. A store that answers 412 has the part already.
    """

    start: int
    length: int
    sealed_length: int
    key: str
    url: str
    headers: dict[str, str]
    expires_at: datetime


class Straight(msgspec.Struct, frozen=True):
    """`upload.received` says up to where parts were taken; `upload.media` is null until all has come and was looked at:
    whoever has sent all asks again."""

    upload: Upload
    writer: str
    parts: list[StraightPart]


class StraightNotOffered(Conflict):
    code, detail = "straight_not_offered", "This server's store takes nothing from you: send it to the server."


class NotStraight(Conflict):
    code, detail = "not_straight", "Such an upload does not go straight into the store."


class TooManyUntaken(Conflict):
    code, detail = "too_many_untaken_parts", "Too much that was begun lies in the store: send this to the server."


class SealedWrongly(Invalid):
    code, detail = "sealed_wrongly", "What lies in the store is not what was to be put there: nothing of it was taken."


class StraightUploads(Protocol):
    @repeatable
    async def get_straight_offer(self, actor: Actor, request: Nothing) -> StraightOffer: ...

    @repeatable
    async def go_straight(self, actor: Actor, request: GoStraight) -> Straight:
        """Have what lies in the store taken, and get addresses for more; after the last part, the file.

        Raises UploadNotFound, Displaced, IsJoined, StraightNotOffered, NotStraight, TooManyUntaken, SealedWrongly, and
        what `finish_upload` refuses; of those that are Invalid nothing is left.
        """
        ...

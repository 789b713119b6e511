"""What uploads promise: a byte that was acknowledged is on disk, whatever dies afterwards.

Bytes come in pieces, each at the place where the one before it ended. Whoever writes has a number, and the newest
number alone may write (a fencing token): a connection that was given up for dead can add nothing any more, and nobody
has to wait for it. Asking how far an upload is takes the number away from whoever had it.
"""

from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Protocol

import msgspec
from msgspec import Meta

from kaif.interfaces.auth import Nothing
from kaif.interfaces.media import Media
from kaif.kernel.actor import Actor
from kaif.kernel.errors import Conflict, Forbidden, NotFound
from kaif.kernel.ids import PATTERN
from kaif.kernel.remote import repeatable

# Of one piece of a sender who is slower than the disk: what a kill may cost them to send again.
PIECE_BYTES_MAX = 4 << 20
# Of one who is faster: what comes while a piece is written may be the next one.
APPENDED_BYTES_MAX = 12 << 20

# Of a name and a type as a sender gives them.
NAME_CHARACTERS_MAX = 1024
TYPE_CHARACTERS_MAX = 255

if TYPE_CHECKING:
    Content = bytes | memoryview
else:
    # Out of another process: so that it is not copied once more.
    Content = memoryview

GivenUploadId = Annotated[str, Meta(pattern=PATTERN)]


class CreateUpload(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`declared_type` is what the sender believes; `keep` puts the file among the actor's own.

    Whoever says image/*, video/* or audio/* gets something that is seen or heard, or a refusal; whoever does not gets
    a file at the least. `voice` is of sounds that are voice messages.

    With `at_most` nobody knows the length yet: it is no more than that, and no more than the actor may have; the answer
    says how much that is, and `settle_length` ends it. `partial` is of pieces, see `interfaces.media.joining`.
    """

    length: Annotated[int, Meta(ge=0, le=1 << 50)]
    name: Annotated[str, Meta(max_length=NAME_CHARACTERS_MAX)] = ""
    declared_type: Annotated[str, Meta(max_length=TYPE_CHARACTERS_MAX)] = ""
    keep: bool = True
    voice: bool = False
    at_most: bool = False
    partial: bool = False


class Upload(msgspec.Struct, frozen=True):
    """`media` is what became of it, null until all has come and was looked at.

    A `partial` one is only a piece, of which nothing becomes until it is joined with others; what came of that names
    its pieces in `joined`.
    """

    id: str
    length: int
    received: int
    expires_at: datetime
    media: Media | None = None
    partial: bool = False
    joined: list[str] = []

    @property
    def is_to_be_finished(self) -> bool:
        return self.media is None and self.received == self.length and not self.partial


class OfUpload(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    upload_id: GivenUploadId


class BeginWriting(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    upload_id: GivenUploadId
    offset: Annotated[int, Meta(ge=0, le=1 << 50)]


class Writing(msgspec.Struct, frozen=True):
    writer: str
    upload: Upload


class SettleLength(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    upload_id: GivenUploadId
    writer: Annotated[str, Meta(pattern=PATTERN)]


class Append(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The content stays as it is until the answer is there, or for good when there is none."""

    upload_id: GivenUploadId
    writer: Annotated[str, Meta(pattern=PATTERN)]
    offset: Annotated[int, Meta(ge=0, le=1 << 50)]
    content: Annotated[Content, Meta(min_length=1, max_length=APPENDED_BYTES_MAX)]


class UploadNotFound(NotFound):
    code, detail = "upload_not_found", "There is no such upload, or its time is over."


class WrongOffset(Conflict):
    """Details carry offset, where the next piece belongs."""

    code, detail = "wrong_offset", "The upload goes on at another place."


class Displaced(Conflict):
    code, detail = "upload_displaced", "Another connection goes on with this upload."


class BeyondLength(Conflict):
    code, detail = "beyond_length", "That is more than the upload was said to hold."


class IsJoined(Forbidden):
    code, detail = "upload_is_joined", "This upload was put together of others: nothing can be added."


class Uploads(Protocol):
    """An upload is its maker's alone: for anybody else UploadNotFound is raised."""

    async def create_upload(self, actor: Actor, request: CreateUpload) -> Upload:
        """Make room. Raises EmptyFile, FileTooLarge, QuotaExceeded, TooManyUploads (in `interfaces.media`)."""
        ...

    @repeatable
    async def get_upload(self, actor: Actor, request: OfUpload) -> Upload:
        """How far it is, for whoever goes on with it: nobody else's bytes are added from now on."""
        ...

    @repeatable
    async def begin_writing(self, actor: Actor, request: BeginWriting) -> Writing:
        """Become the one who writes. Raises WrongOffset, IsJoined."""
        ...

    async def append(self, actor: Actor, request: Append) -> Upload:
        """Add a piece, which is on disk when this returns. Raises Displaced, WrongOffset, BeyondLength."""
        ...

    @repeatable
    async def settle_length(self, actor: Actor, request: SettleLength) -> Upload:
        """What has come is all. Raises Displaced, EmptyFile."""
        ...

    @repeatable
    async def finish_upload(self, actor: Actor, request: OfUpload) -> Upload:
        """Make a file of what has come whole. Looking at a large one takes several calls: until then `media` is null.

        A file that the owner has already is the one they had. Raises WrongType, Polyglot, Infected, TooLargeToCheck,
        SealedWrongly, and what `images` and `films` refuse: then nothing is left of it but why, for a day. Raises
        Unavailable while there is no scanner, for which the upload waits.
        """
        ...

    @repeatable
    async def cancel_upload(self, actor: Actor, request: OfUpload) -> Nothing:
        """Forget it, and what has come; a file that was made of it stays."""
        ...

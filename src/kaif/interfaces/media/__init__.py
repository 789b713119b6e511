"""What media promises about files: their owner has them, and nobody sees one who may not.

What a file is, is told by its content alone. It stays as long as something refers to it: its owner's wish to keep it,
or what a service shows of it.
"""

from datetime import datetime
from typing import Annotated, ClassVar, Literal, NewType, Protocol

import msgspec
from msgspec import Meta

from kaif.interfaces.auth import Nothing
from kaif.interfaces.media.images import Variant
from kaif.kernel.actor import Actor, Scope, UserId
from kaif.kernel.errors import Conflict, Forbidden, Invalid, NotFound
from kaif.kernel.events import Event
from kaif.kernel.ids import PATTERN
from kaif.kernel.remote import repeatable

READ_SCOPE = Scope("media.read")
WRITE_SCOPE = Scope("media.write")

NAME_BYTES_MAX = 255
LISTED_MAX = 200
LINK_SECONDS_MAX = 24 * 3600
LINKS_AT_ONCE_MAX = 100

MediaId = NewType("MediaId", str)
GivenMediaId = Annotated[MediaId, Meta(pattern=PATTERN)]
# By content. What is seen or heard is an image, a video or an audio; all else is a file to be saved.
Kind = Literal["image", "video", "audio", "file"]
# A film or voice message is `working` until it plays everywhere, and `failed` if that can't be. Pictures, and files
# that take no work, are `ready` at once.
State = Literal["working", "ready", "failed"]

# What browsers show by a decoder that runs nothing; anything else is sent to be saved.
INLINE_TYPES = frozenset(
    {
        *("image/png", "image/jpeg", "image/gif", "image/webp", "image/avif", "image/heic"),
        *("video/mp4", "video/webm", "video/quicktime", "video/ogg"),
        *("audio/mpeg", "audio/mp4", "audio/ogg", "audio/webm", "audio/wav", "audio/flac", "audio/aac"),
    }
)


class Shown(msgspec.Struct, frozen=True):
    """What is known of a picture, film or sound as soon as its upload ends. Sides are in pixels as people see them.

    `thumbhash` is base64 and paints a placeholder at once. `waveform` holds 100 loudnesses of a sound, 0 to 31; of one
    of more than ten minutes only if it is a voice message, and later. Where a picture has holes, what is behind it may
    be seen.
    """

    width: int = 0
    height: int = 0
    duration_ms: int = 0
    animated: bool = False
    has_sound: bool = False
    thumbhash: str = ""
    waveform: list[int] = []
    has_holes: bool = False


class Media(msgspec.Struct, frozen=True):
    """A file. `size` is in bytes, `sha256` of its content in hexadecimal.

    `shown` is null of what is neither seen nor heard. `renditions` names what was made of it by now; of pictures more
    is made when it is asked for. `problem` is the code of why it failed. `progress` is in percent, of work under way.
    """

    id: MediaId
    owner_id: UserId
    name: str
    type: str
    kind: Kind
    size: int
    sha256: str
    state: State
    created_at: datetime
    shown: Shown | None = None
    renditions: list[str] = []
    problem: str = ""
    progress: int = 0


class ListMedia(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    limit: Annotated[int, Meta(ge=1, le=LISTED_MAX)] = 50
    cursor: Annotated[str, Meta(pattern=r"^[0-9a-z]{0,26}$(?!\n)")] = ""


class MediaPage(msgspec.Struct, frozen=True):
    """The newest first, or the largest, as they were asked for; `next_cursor` is null on the last page."""

    files: list[Media]
    next_cursor: str | None


class ListLargest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    limit: Annotated[int, Meta(ge=1, le=LISTED_MAX)] = 20
    cursor: Annotated[str, Meta(pattern=r"^(?:[0-9]{1,16}\.[0-9a-z]{1,26})?$(?!\n)")] = ""


class OfMedia(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    media_id: GivenMediaId


class SignMedia(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    media_id: GivenMediaId
    seconds: Annotated[int, Meta(ge=1, le=LINK_SECONDS_MAX)] = 3600


class SignedMedia(msgspec.Struct, frozen=True):
    """`path` opens the file without a session until then, as long as whoever asked for it may see it."""

    path: str
    expires_at: datetime


class SignMany(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    media_ids: Annotated[list[GivenMediaId], Meta(min_length=1, max_length=LINKS_AT_ONCE_MAX)]


class CdnLink(msgspec.Struct, frozen=True):
    """Of a file that a CDN may hold (`interfaces.media.cdn`), for some minutes: the same for all who may see it.

    What was made of the file hangs on it: `URL/film.mp4`; and of pictures with the best format that whoever looks can
    show, `URL/small.avif`, `.webp` or `.jpeg`. The file itself does not.
    """

    url: str
    expires_at: datetime


class MediaLink(msgspec.Struct, frozen=True):
    """As SignedMedia. What was made of the file hangs on it: `PATH/small`. `cdn` is null where no CDN may hold it."""

    media_id: MediaId
    path: str
    expires_at: datetime
    cdn: CdnLink | None = None


class MediaLinks(msgspec.Struct, frozen=True):
    """In the order in which they were asked for."""

    links: list[MediaLink]


class SignPicture(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    media_id: GivenMediaId
    variant: Variant
    seconds: Annotated[int, Meta(ge=1, le=LINK_SECONDS_MAX)] = 3600


class Usage(msgspec.Struct, frozen=True):
    """In bytes. `used` includes what is still being uploaded."""

    used: int
    total_max: int
    file_max: int


class ExportMedia(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    cursor: Annotated[str, Meta(pattern=r"^[0-9a-z]{0,26}$(?!\n)")] = ""


class OwnMediaData(msgspec.Struct, frozen=True):
    """All that media holds about a person, by pages of 2,000 files: `next_cursor` is null on the last one.

    The links are those of the files, in their order: each opens the content as it was uploaded, for a day. `uploads`
    stand on the first page. `quota` is what an operator has set for this person alone.
    """

    exported_at: datetime
    files: list[Media]
    links: list[MediaLink]
    uploads: list["OwnUpload"]
    quota: "OwnQuota"
    next_cursor: str | None


class OwnUpload(msgspec.Struct, frozen=True):
    """What was not finished."""

    name: str
    length: int
    received: int
    expires_at: datetime


class OwnQuota(msgspec.Struct, frozen=True):
    """In bytes; null goes by one's roles."""

    file_max: int | None
    total_max: int | None


class MediaStored(Event, frozen=True, kw_only=True):
    """A new file is whole and of a kind that is known; it may have to be worked on."""

    name: ClassVar[str] = "media.stored.v1"
    media: Media

    @property
    def key(self) -> str:
        return self.media.id


class MediaReady(Event, frozen=True, kw_only=True):
    """A file that was `working` can be seen or heard by everyone, or never will; and once more for each thing by which
    it can be watched better, and when all that was to be made is there."""

    name: ClassVar[str] = "media.ready.v1"
    media: Media

    @property
    def key(self) -> str:
        return self.media.id


class MediaNotFound(NotFound):
    code, detail = "media_not_found", "There is no such file, or it is not yours to see."


class RenditionNotFound(NotFound):
    code, detail = "no_such_rendition", "Nothing of that name is made of this file."


class RenditionNotReady(NotFound):
    code, detail = "rendition_not_ready", "This is still being made: ask again later."


class EmptyFile(Invalid):
    code, detail = "empty_file", "The file is empty."


class WrongType(Invalid):
    """Details carry found, the type of the content."""

    code, detail = "wrong_type", "The file is not what it is said to be."


class Polyglot(Invalid):
    code, detail = "polyglot", "Something else is hidden in this file: a page, a script, an archive or a document."


class Infected(Invalid):
    """Details carry found, the name of the virus."""

    code, detail = "infected", "There is a virus in this file: it was not taken."


class TooLargeToCheck(Invalid):
    code, status, detail = "too_large_to_check", 413, "The file is too large to be checked for viruses."


class FileTooLarge(Invalid):
    """Details carry bytes_max."""

    code, status, detail = "file_too_large", 413, "The file is larger than you may upload."


class QuotaExceeded(Forbidden):
    """Details carry bytes_free."""

    code, detail = "quota_exceeded", "There is no room left for your files: delete some first."


class TooManyUploads(Conflict):
    code, detail = "too_many_uploads", "Too many uploads are not finished: finish or cancel some."


class Library(Protocol):
    """One's own files."""

    @repeatable
    async def list_media(self, actor: Actor, request: ListMedia) -> MediaPage:
        """Those that the actor keeps."""
        ...

    @repeatable
    async def list_largest(self, actor: Actor, request: ListLargest) -> MediaPage:
        """The actor's own files, kept or not, the largest first: what takes their room."""
        ...

    @repeatable
    async def get_media(self, actor: Actor, request: OfMedia) -> Media:
        """What is known of a file that the actor may see. Raises MediaNotFound."""
        ...

    @repeatable
    async def delete_media(self, actor: Actor, request: OfMedia) -> Nothing:
        """Keep it no longer: what nothing else refers to is gone at once. Raises MediaNotFound."""
        ...

    @repeatable
    async def sign_media(self, actor: Actor, request: SignMedia) -> SignedMedia:
        """A link for the actor's own eyes, which expires. Raises MediaNotFound."""
        ...

    @repeatable
    async def sign_many(self, actor: Actor, request: SignMany) -> MediaLinks:
        """Links of the actor's to all of these that they may see; what they may not is left out.

        They last for 6 to 12 hours, and whoever asks again within hours gets the same ones: caches know them.
        """
        ...

    @repeatable
    async def sign_picture(self, actor: Actor, request: SignPicture) -> SignedMedia:
        """A link to a picture of any size, or to a film's poster, made when it is first asked for.

        Raises MediaNotFound; RenditionNotFound of what is no picture.
        """
        ...

    @repeatable
    async def get_usage(self, actor: Actor, request: Nothing) -> Usage: ...

    @repeatable
    async def export_own_media_data(self, actor: Actor, request: ExportMedia) -> OwnMediaData:
        """All that media holds about the actor."""
        ...

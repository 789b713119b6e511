"""Names, types and kinds of files, and their rows; free of storage."""

import codecs
import re
import unicodedata
from collections.abc import Sequence
from pathlib import PurePosixPath

import filetype  # type: ignore[import-untyped]
import msgspec

from kaif.interfaces.media import NAME_BYTES_MAX, Kind, Media, MediaId, Shown, State, WrongType
from kaif.interfaces.media.films import AsSent
from kaif.interfaces.media.uploads import Upload
from kaif.kernel.actor import UserId
from kaif.kernel.clock import DAY_US, as_datetime
from kaif.kernel.text import clean_name
from kaif.services.media.images.formats import CONTENT_TYPES, format_of

# What a type is told by: the longest of the marks lies within.
HEAD_BYTES = 8 * 1024
# After the last piece; and for a file to be referred to.
UPLOAD_LIVES_US = DAY_US
ORPHAN_LIVES_US = DAY_US
# A backup copies the database first and the content after it, while the server runs: what was in the former must still
# be in the latter.
GARBAGE_LIVES_US = DAY_US // 24

OCTETS = "application/octet-stream"
TEXT = "text/plain"
SVG = "image/svg+xml"
# Too large a one to be kept as a picture is a film, which goes round and makes no sound.
GIF = "image/gif"

_USUAL_NAMES = {"audio/x-wav": "audio/wav", "audio/x-flac": "audio/flac", "video/x-m4v": "video/mp4"}
# What is seen or heard: by its own type where browsers show that (`interfaces.media.INLINE_TYPES`), and by what is made
# of it. Anything else is a file to be saved.
_KINDS: dict[str, Kind] = {
    "image/png": "image",
    "image/jpeg": "image",
    GIF: "image",
    "image/webp": "image",
    "image/avif": "image",
    "image/heic": "image",
    SVG: "image",
    "video/mp4": "video",
    "video/webm": "video",
    "video/quicktime": "video",
    "video/x-matroska": "video",
    "video/x-msvideo": "video",
    "video/mpeg": "video",
    "video/3gpp": "video",
    "video/ogg": "video",
    "video/mp2t": "video",
    "audio/mpeg": "audio",
    "audio/mp4": "audio",
    "audio/ogg": "audio",
    "audio/wav": "audio",
    "audio/flac": "audio",
    "audio/aac": "audio",
    "audio/amr": "audio",
    "audio/x-aiff": "audio",
}
# Containers of what is only heard as well as of what is seen too.
_CONTAINERS = frozenset({"mp4", "webm", "ogg", "quicktime", "x-matroska", "3gpp", "mpeg", "mp2t"})
# A sender who names one of these means content that is seen or heard.
_MEANS_MEDIA = ("image/", "video/", "audio/")
# Others may see one of these where those who draw it see something else.
_DRAWN = frozenset(CONTENT_TYPES.values())
# Of fragments and streams, among others; what else begins like MP4 are pictures.
_MP4_BRANDS = (b"iso", b"mp4", b"avc1", b"dash", b"cmf", b"M4V", b"f4v", b"MSNV")
# ISO/IEC 13818-1, 2.4.3.2.
_TS_PACKET, _TS_SYNC = 188, 0x47
_SEPARATORS = re.compile(r"[/\\]")
# What some file system refuses, what can't be seen, and what turns the order of letters around.
_UNWANTED = re.compile(r"[\x00-\x1f\x7f-\x9f<>:\"|?*\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ud800-\udfff]")


class StoredUpload(msgspec.Struct, frozen=True):
    """A row of media_uploads."""

    id: str
    owner_id: UserId
    name: str
    declared_type: str
    keep: int
    voice: int
    length: int
    received: int
    writer: str
    created_at_us: int
    expires_at_us: int
    media_id: MediaId | None = None
    partial: int = 0
    joined: str = ""
    joined_into: str = ""
    straight: int = 0

    def seen(self, media: Media | None = None) -> Upload:
        expires_at = as_datetime(self.expires_at_us)
        return Upload(self.id, self.length, self.received, expires_at, media, bool(self.partial), self.joined.split())


class StoredMedia(msgspec.Struct, frozen=True):
    """A row of media_objects."""

    id: MediaId
    owner_id: UserId
    name: str
    type: str
    kind: Kind
    size: int
    sha256: str
    state: State
    created_at_us: int
    touched_at_us: int
    # As JSON; nothing of what is neither seen nor heard.
    shown: str = ""
    problem: str = ""
    progress: int = 0
    voice: int = 0
    as_sent: AsSent = ""

    def seen(self, renditions: Sequence[str] = ()) -> Media:
        return Media(
            id=self.id,
            owner_id=self.owner_id,
            name=self.name,
            type=self.type,
            kind=self.kind,
            size=self.size,
            sha256=self.sha256,
            state=self.state,
            created_at=as_datetime(self.created_at_us),
            shown=msgspec.json.decode(self.shown, type=Shown) if self.shown else None,
            renditions=list(renditions),
            problem=self.problem,
            progress=self.progress,
        )


class Part(msgspec.Struct, frozen=True):
    """A row of media_parts."""

    holder_id: str
    start: int
    length: int
    part: str
    key_id: str = ""

    @property
    def key(self) -> str:
        """Whose key it is sealed under."""
        return self.key_id or self.holder_id

    @property
    def end(self) -> int:
        return self.start + self.length


def blob_of(part: str) -> str:
    """Random names, so that folders fill evenly."""
    return f"media/{part[:2]}/{part}"


def file_name(given: str) -> str:
    """What is left of a name when nothing in it can lead elsewhere, hide or deceive; `file` when that is nothing."""
    last = _SEPARATORS.split(given.strip())[-1]
    cleaned = clean_name(_UNWANTED.sub("", unicodedata.normalize("NFC", last)).strip(" .")) or "file"
    extension = PurePosixPath(cleaned).suffix[:32]
    room = NAME_BYTES_MAX - len(extension.encode())
    stem = cleaned[: len(cleaned) - len(extension)] if extension else cleaned
    while len(stem.encode()) > room:
        stem = stem[:-1]
    return stem + extension


def type_of(head: bytes) -> str:
    """By its first bytes alone: pictures as those know them who draw them."""
    if picture := format_of(head):
        return CONTENT_TYPES[picture]
    found = filetype.guess(head)
    if found is not None and found.mime not in _DRAWN:
        return _USUAL_NAMES.get(str(found.mime), str(found.mime))
    if head[4:8] == b"ftyp" and head[8:12].startswith(_MP4_BRANDS):
        return "video/mp4"
    if len(head) > 2 * _TS_PACKET and all(head[at] == _TS_SYNC for at in range(0, 3 * _TS_PACKET, _TS_PACKET)):
        return "video/mp2t"
    return TEXT if _is_text(head) else OCTETS


def _is_text(head: bytes) -> bool:
    try:
        # The last letter may have been cut in two.
        text = codecs.getincrementaldecoder("utf-8")().decode(head)
    except UnicodeDecodeError:
        return False
    return not any(letter < " " and letter not in "\t\n\r\f" for letter in text)


def said_type(given: str) -> str:
    """What its sender says it is, without what no type has in it and not every database can keep."""
    return _UNWANTED.sub("", given)


def kind_of(type: str) -> Kind:
    return _KINDS.get(type, "file")


def type_as(kind: Kind, type: str) -> str:
    """Of a container in which that was found."""
    family, _, container = type.partition("/")
    return f"{kind}/{container}" if family != kind and container in _CONTAINERS else type


def means_media(declared: str) -> bool:
    """Whether its sender wants it seen or heard, and nothing else."""
    return declared.strip().lower().startswith(_MEANS_MEDIA)


def must_be(declared: str, found: str) -> None:
    """Raises WrongType for what is said to be seen or heard and is something else, or nothing that we can show."""
    said = declared.strip().lower().partition("/")[0]
    family, _, container = found.partition("/")
    is_container = said != "image" and family != "image" and container in _CONTAINERS
    if means_media(declared) and (said != family or kind_of(found) == "file") and not is_container:
        raise WrongType(found=found)

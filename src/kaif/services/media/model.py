"""Names, kinds and rights of files, free of storage."""

import codecs
import re
import unicodedata
from pathlib import PurePosixPath
from typing import NamedTuple

import filetype  # type: ignore[import-untyped]
import msgspec

from kaif.interfaces.media import NAME_BYTES_MAX, Kind, Media, MediaId, State, WrongType
from kaif.interfaces.media.uploads import Upload
from kaif.kernel.actor import UserId
from kaif.kernel.clock import DAY_US, as_datetime
from kaif.kernel.text import clean_name

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

_USUAL_NAMES = {"audio/x-wav": "audio/wav", "audio/x-flac": "audio/flac", "video/x-m4v": "video/mp4"}
# What browsers show by a decoder that runs nothing; anything else is a file to be saved.
_SHOWN: dict[str, Kind] = {
    "image/png": "image",
    "image/jpeg": "image",
    "image/gif": "image",
    "image/webp": "image",
    "image/avif": "image",
    "image/heic": "image",
    "video/mp4": "video",
    "video/webm": "video",
    "video/quicktime": "video",
    "audio/mpeg": "audio",
    "audio/mp4": "audio",
    "audio/ogg": "audio",
    "audio/wav": "audio",
    "audio/flac": "audio",
    "audio/aac": "audio",
}
_CONTAINERS = ("video/webm", "video/mp4", "audio/mp4", "audio/ogg")
# A sender who names one of these means content that is seen or heard.
_MEANS_MEDIA = ("image/", "video/", "audio/")
_SVG = re.compile(rb"(\xef\xbb\xbf)?\s*(<\?xml[^>]{0,200}\?>\s*)?(<!DOCTYPE[^>]{0,500}>\s*)?<svg[\s>]")
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
    length: int
    received: int
    writer: str
    created_at_us: int
    expires_at_us: int
    media_id: MediaId | None = None

    def seen(self, media: Media | None = None) -> Upload:
        return Upload(self.id, self.length, self.received, as_datetime(self.expires_at_us), media)


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

    @property
    def media(self) -> Media:
        made_at = as_datetime(self.created_at_us)
        return Media(
            self.id, self.owner_id, self.name, self.type, self.kind, self.size, self.sha256, self.state, made_at
        )


class Part(msgspec.Struct, frozen=True):
    """A row of media_parts."""

    holder_id: str
    start: int
    length: int
    part: str

    @property
    def end(self) -> int:
        return self.start + self.length


class Quota(NamedTuple):
    """In bytes: of one file, and of all that somebody has."""

    file_max: int
    total_max: int


class Quotas(NamedTuple):
    """`more` is of those who may upload more."""

    usual: Quota
    more: Quota


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
    """By its first bytes alone."""
    found = filetype.guess(head)
    if found is not None:
        return _USUAL_NAMES.get(str(found.mime), str(found.mime))
    if _SVG.match(head[:4096]):
        return SVG
    return TEXT if _is_text(head) else OCTETS


def _is_text(head: bytes) -> bool:
    try:
        # The last letter may have been cut in two.
        text = codecs.getincrementaldecoder("utf-8")().decode(head)
    except UnicodeDecodeError:
        return False
    return not any(letter < " " and letter not in "\t\n\r\f" for letter in text)


def kind_of(type: str) -> Kind:
    return _SHOWN.get(type, "file")


def must_be(declared: str, found: str) -> None:
    """Raises WrongType for what is said to be seen or heard and is something else."""
    declared = declared.partition(";")[0].strip().lower()
    if declared.startswith(_MEANS_MEDIA) and declared.partition("/")[0] not in _families(found):
        raise WrongType(found=found)


def _families(type: str) -> tuple[str, ...]:
    # One container holds what is only heard as well as what is seen too.
    return ("audio", "video") if type in _CONTAINERS else (type.partition("/")[0],)

"""Files as bytes: put in one request, and delivered whole or in ranges.

What is delivered can do nothing: only pictures, video and sound are shown, all else is for saving, no type is guessed,
and a page that was opened from here would run without scripts, forms or an origin (`sandbox`).
"""

import re
from collections import Counter
from collections.abc import AsyncIterator
from http import HTTPStatus
from typing import NamedTuple
from urllib.parse import quote

import msgspec

from kaif.gateway.answers import INERT, JSON, NO_REFERRER, Answer, Stream, lines
from kaif.gateway.bodies import Buffers
from kaif.gateway.bytes_routes import BytesEndpoint
from kaif.gateway.dispositions import file_name
from kaif.gateway.form_files import FormFiles, taken_back_on_failure
from kaif.gateway.forms import FORM
from kaif.gateway.requests import Request
from kaif.gateway.tus import BodyBrokeOff, finished, write_body
from kaif.interfaces.media import READ_SCOPE, WRITE_SCOPE, Library, MediaId, MediaNotFound, RenditionNotFound
from kaif.interfaces.media.delivery import READ_BYTES_MAX, RENDITION_CHARACTERS_MAX, Delivery, LookAt, ReadMedia, Sight
from kaif.interfaces.media.uploads import (
    NAME_CHARACTERS_MAX,
    TYPE_CHARACTERS_MAX,
    BeginWriting,
    CreateUpload,
    Uploads,
)
from kaif.kernel.errors import Busy, Invalid, Unavailable
from kaif.kernel.http import Route
from kaif.kernel.ids import ID_FORM
from kaif.kernel.limits import Limit

PATH = "/v1/media/{media_id}"
LINKED = "/v1/media/linked/{media_id}/{link}"
FILES = "/v1/media/files"
# What was made of a file hangs on its path.
RENDITIONS = ("/{rendition}", "/hls/{rendition}")
# A picture of any size: a seal, up to five options, until when, and the file (`images.addresses`).
_OPTIONS_MAX = 5
PICTURES = [
    "/".join(["", "pictures", "{seal}", *[f"{{option_{number}}}" for number in range(count)], "{until}", "{file}"])
    for count in range(_OPTIONS_MAX + 1)
]
ACCEPT_CHARACTERS_MAX = 1000
LINK_CHARACTERS_MAX = 200

PUT = Limit("put_file", per_minute=120, burst=60)
READ = Limit("read_file", per_minute=6000, burst=1000)

# Each holds a piece in memory for as long as whoever reads it takes. What is smaller than this does not count.
STREAMS_OF_ONE_MAX = 32
_STREAM_BYTES_MIN = 1 << 20
_BUSY_MS = 5000

_PLAIN = re.compile(r"[A-Za-z0-9_./:-]*", re.A)
_RANGE = re.compile(rb"bytes=(\d{0,15})-(\d{0,15})")
_ACCEPT_RANGES = lines((b"accept-ranges", b"bytes"))
# A link in the address must not go on to other sites, nor into a cache that others share.
_PRIVATE = INERT + NO_REFERRER + lines((b"vary", b"cookie, authorization"))
_PRIVATE_RENDITION = INERT + NO_REFERRER + lines((b"vary", b"cookie, authorization, accept"))


class LengthRequired(Invalid):
    code, status, detail = "length_required", 411, "Say how long the file is (Content-Length)."


class RangeNotSatisfiable(Invalid):
    code, status, detail = "range_not_satisfiable", 416, "The file does not reach so far."


class Range(NamedTuple):
    start: int
    length: int


class Files:
    def __init__(self, uploads: Uploads, delivery: Delivery, library: Library, buffers: Buffers) -> None:
        self._uploads, self._delivery, self._buffers = uploads, delivery, buffers
        self._forms = FormFiles(uploads, library)
        # How many large answers somebody reads at this moment.
        self._reading: Counter[str] = Counter()

    def endpoints(self) -> list[BytesEndpoint]:
        put = Route(method="POST", path=FILES, use_case=Uploads.append, limit=PUT, scope=WRITE_SCOPE)
        own = [_getting(PATH + rest, public=False) for rest in ("", *RENDITIONS)]
        linked = [_getting(LINKED + rest, public=True) for rest in ("", *RENDITIONS, *PICTURES)]
        return [
            BytesEndpoint(put, self.put, streams=True),
            *[BytesEndpoint(route, self.get) for route in (*own, *linked)],
        ]

    # Taking

    async def put(self, request: Request, path: dict[str, str]) -> Answer:
        """The body is the file: its name stands in Content-Disposition (RFC 6266), its type is looked for in itself. Or
        it is a form with files.
        """
        if request.content_type == FORM:
            return await self._forms.put(request)
        given = request.headers.get(b"content-length", b"")
        if not given.isdigit():
            raise LengthRequired
        name = file_name(request.headers.get(b"content-disposition", b"").decode("latin-1")) or ""
        declared_type = request.content_type.decode("latin-1")[:TYPE_CHARACTERS_MAX]
        wanted = CreateUpload(int(given), name[:NAME_CHARACTERS_MAX], declared_type)
        upload = await self._uploads.create_upload(request.actor, wanted)
        async with taken_back_on_failure(self._uploads, request, upload):
            writing = await self._uploads.begin_writing(request.actor, BeginWriting(upload.id, 0))
            try:
                upload = await write_body(self._uploads, request, writing, self._buffers)
            except Unavailable as error:
                raise BodyBrokeOff from error
            upload = await finished(self._uploads, request, upload)
            if upload.media is None:
                raise BodyBrokeOff
        return Answer(HTTPStatus.CREATED, JSON, msgspec.json.encode(upload.media))

    # Giving

    async def get(self, request: Request, path: dict[str, str]) -> Answer:
        media_id = MediaId(path["media_id"])
        if not ID_FORM.match(media_id):
            raise MediaNotFound
        link = path.get("link", "")
        if len(link) > LINK_CHARACTERS_MAX:
            raise MediaNotFound
        rendition = _rendition(request.route.removeprefix(LINKED if link else PATH), path)
        accept = request.headers.get(b"accept", b"").decode("latin-1")[:ACCEPT_CHARACTERS_MAX]
        seen = await self._delivery.look_at(request.actor, LookAt(media_id, link, rendition, accept))
        etag = f'"{seen.etag}"'.encode()
        headers = (_PRIVATE_RENDITION if rendition else _PRIVATE) + _ACCEPT_RANGES
        headers += lines((b"etag", etag), (b"cache-control", _caching(link)))
        if _matches(request.headers.get(b"if-none-match", b""), etag):
            return Answer(HTTPStatus.NOT_MODIFIED, headers, b"")
        headers += _describing(seen)
        wanted = _range_of(request, seen.size, etag)
        if wanted is None:
            wanted = Range(0, seen.size)
            return Answer(HTTPStatus.OK, headers, b"", self._stream(request, seen, link, wanted))
        if wanted.length == 0:
            request.more_headers += lines((b"content-range", b"bytes */%d" % seen.size))
            raise RangeNotSatisfiable
        last = wanted.start + wanted.length - 1
        headers += lines((b"content-range", b"bytes %d-%d/%d" % (wanted.start, last, seen.size)))
        return Answer(HTTPStatus.PARTIAL_CONTENT, headers, b"", self._stream(request, seen, link, wanted))

    def _stream(self, request: Request, seen: Sight, link: str, wanted: Range) -> Stream:
        """Raises Busy."""
        # A link begins with whom it stands for.
        whose = link.partition(".")[0] if link else request.actor.user_id
        is_large = wanted.length >= _STREAM_BYTES_MIN
        if is_large and self._reading[whose] >= STREAMS_OF_ONE_MAX:
            raise Busy(retry_after_ms=_BUSY_MS)

        async def counted() -> AsyncIterator[bytes]:
            self._reading[whose] += 1
            try:
                async for piece in pieces():
                    yield piece
            finally:
                self._reading[whose] -= 1
                if not self._reading[whose]:
                    del self._reading[whose]

        async def pieces() -> AsyncIterator[bytes]:
            at, end = wanted.start, wanted.start + wanted.length
            while at < end:
                reading = ReadMedia(seen.media_id, at, min(READ_BYTES_MAX, end - at), link, seen.rendition)
                piece = (await self._delivery.read(request.actor, reading)).content
                if not piece:
                    return
                yield piece
                at += len(piece)

        return Stream(wanted.length, counted() if is_large else pieces())


def _getting(path: str, *, public: bool) -> Route:
    scope = None if public else READ_SCOPE
    return Route(method="GET", path=path, use_case=Delivery.read, limit=READ, public=public, scope=scope)


def _rendition(rest: str, path: dict[str, str]) -> str:
    """What follows the file in the path, as it was asked for. Raises RenditionNotFound for what is no name."""
    name = "/".join(path[part[1:-1]] if part.startswith("{") else part for part in rest.split("/")[1:])
    if len(name) > RENDITION_CHARACTERS_MAX or not _PLAIN.fullmatch(name):
        raise RenditionNotFound
    return name


def _caching(link: str) -> bytes:
    # What an address names never changes; who may see it does, so only the viewer's own browser keeps it.
    return b"private, max-age=300" if link else b"private, max-age=31536000, immutable"


def _describing(seen: Sight) -> bytes:
    disposition = "inline" if seen.inline else "attachment"
    ascii_name = re.sub(r"[^A-Za-z0-9 ._()+-]", "_", seen.name)
    name = quote(seen.name, safe="!#$&+-.^_`|~")
    return lines(
        (b"content-type", (seen.type if seen.inline else "application/octet-stream").encode()),
        # RFC 6266 with RFC 8187: the first is for those who do not know the second.
        (b"content-disposition", f"{disposition}; filename=\"{ascii_name}\"; filename*=UTF-8''{name}".encode()),
    )


def _matches(given: bytes, etag: bytes) -> bool:
    """RFC 9110, 13.1.2: weakly."""
    tags = [tag.strip().removeprefix(b"W/") for tag in given.split(b",")]
    return etag in tags or tags == [b"*"]


def _range_of(request: Request, size: int, etag: bytes) -> Range | None:
    """None is all of it: what is no single range of bytes is passed over (RFC 9110, 14.2). One without a length begins
    beyond the end.
    """
    given = _RANGE.fullmatch(request.headers.get(b"range", b"").strip().lower())
    if not given or request.headers.get(b"if-range", etag) != etag or request.method != "GET":
        return None
    first, last = given.groups()
    if not first:
        if not last:
            return None
        length = min(int(last), size)
        return Range(size - length, length)
    start = int(first)
    end = min(int(last) + 1, size) if last else size
    if last and int(last) < start:
        return None
    return Range(start, max(end - start, 0))

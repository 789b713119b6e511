"""tus 1.0, the protocol of uploads that go on where they broke off (tus.io/protocols/resumable-upload).

The core, and the extensions creation, creation-with-upload, expiration, checksum, termination and concatenation. Bytes
are kept as they come, in pieces, so a connection that breaks costs nothing of what has arrived; only with a checksum
they are held until it is checked, which bounds how many there may be. Concurrent requests for an upload are no fault:
the newest goes on, the older ones are told so.
"""

import asyncio
import base64
import binascii
import contextlib
import hashlib
import hmac
import re
from email.utils import format_datetime
from http import HTTPStatus
from typing import NamedTuple
from urllib.parse import urlsplit

from kaif.gateway.answers import INERT, NO_STORE, Answer, Headers, lines
from kaif.gateway.bodies import STALLED_S, Buffers, Pieces
from kaif.gateway.bytes_routes import BytesEndpoint
from kaif.gateway.requests import Request
from kaif.interfaces.media import WRITE_SCOPE
from kaif.interfaces.media.joining import JOINED_MAX, Joining, JoinUploads
from kaif.interfaces.media.uploads import (
    APPENDED_BYTES_MAX,
    NAME_CHARACTERS_MAX,
    PIECE_BYTES_MAX,
    TYPE_CHARACTERS_MAX,
    Append,
    BeginWriting,
    BeyondLength,
    CreateUpload,
    IsJoined,
    OfUpload,
    Upload,
    Uploads,
    Writing,
)
from kaif.kernel.errors import Invalid, Unavailable
from kaif.kernel.http import Route
from kaif.kernel.http.problems import UnsupportedMediaType
from kaif.kernel.ids import ID_FORM
from kaif.kernel.limits import Limit

VERSION = b"1.0.0"
EXTENSIONS = b"creation,creation-with-upload,expiration,checksum,termination,concatenation"
ALGORITHMS = {"sha1": hashlib.sha1, "sha256": hashlib.sha256, "md5": hashlib.md5}
PATH = "/v1/media/uploads"
OFFSETS = b"application/offset+octet-stream"

# A sender who pauses for so long has what came written down.
PAUSE_S = 1.0
FINISH_WITHIN_S = 3.0
# What comes while a piece is written: of one upload, and of all.
AHEAD_BYTES_MAX = APPENDED_BYTES_MAX - PIECE_BYTES_MAX
AHEAD_BYTES_OF_ALL = 64 << 20
METADATA_MAX = 20
_PARTIAL, _FINAL = b"partial", b"final;"
_NUMBER = re.compile(rb"[0-9]{1,15}")

CREATE = Limit("create_upload", per_minute=120, burst=60)
# Clients that send small pieces send many.
WRITE = Limit("upload", per_minute=6000, burst=1000)

_RESUMABLE = lines((b"tus-resumable", VERSION))


class UnsupportedVersion(Invalid):
    code, status, detail = "unsupported_tus_version", 412, "This server speaks tus 1.0.0."


class BadTusHeader(Invalid):
    """Details carry header, the one that is missing or wrong."""

    code, status, detail = "bad_tus_header", 400, "A header of the tus protocol is missing or wrong."


class ChecksumMismatch(Invalid):
    code, status, detail = "checksum_mismatch", 460, "The bytes do not have the checksum: they were thrown away."


class CheckedPieceTooLarge(Invalid):
    """Details carry bytes_max."""

    code, status, detail = "checked_piece_too_large", 413, "A piece with a checksum can't be as large as this."


class BodyBrokeOff(Invalid):
    code, status, detail = "body_broke_off", 400, "The body ended too early."


class Told(NamedTuple):
    """What the metadata of an upload says of the file."""

    name: str
    declared_type: str
    keep: bool
    voice: bool


class Tus:
    def __init__(self, uploads: Uploads, joining: Joining, buffers: Buffers) -> None:
        self._uploads, self._joining, self._buffers = uploads, joining, buffers
        # One byte more than may come tells that it was too much.
        self._checked = Buffers(PIECE_BYTES_MAX + 1)
        # By upload: set when the request that writes to it here has written all that it had.
        self._writing: dict[str, asyncio.Event] = {}

    def endpoints(self) -> list[BytesEndpoint]:
        one = PATH + "/{upload_id}"
        return [
            BytesEndpoint(_route("OPTIONS", PATH, public=True), self.describe),
            BytesEndpoint(_route("OPTIONS", one, public=True), self.describe),
            BytesEndpoint(_route("POST", PATH, CREATE), self.create, streams=True),
            BytesEndpoint(_route("HEAD", one), self.head),
            BytesEndpoint(_route("PATCH", one), self.patch, streams=True),
            BytesEndpoint(_route("DELETE", one), self.terminate),
        ]

    async def describe(self, request: Request, path: dict[str, str]) -> Answer:
        headers = lines(
            (b"tus-resumable", VERSION),
            (b"tus-version", VERSION),
            (b"tus-extension", EXTENSIONS),
            (b"tus-checksum-algorithm", ",".join(ALGORITHMS).encode()),
        )
        return Answer(HTTPStatus.NO_CONTENT, headers + NO_STORE, b"")

    async def create(self, request: Request, path: dict[str, str]) -> Answer:
        _speak(request)
        with self._buffers.for_one(request.actor.user_id):
            return await self._create(request)

    async def _create(self, request: Request) -> Answer:
        concat = request.headers.get(b"upload-concat", b"")
        if concat.startswith(_FINAL):
            return await self._join(request, concat.removeprefix(_FINAL))
        if concat not in (b"", _PARTIAL):
            raise BadTusHeader(header="upload-concat")
        told = _told(request)
        wanted = CreateUpload(
            _number(request, b"upload-length"),
            told.name,
            told.declared_type,
            keep=told.keep,
            voice=told.voice,
            partial=concat == _PARTIAL,
        )
        upload = await self._uploads.create_upload(request.actor, wanted)
        location = lines((b"location", f"{PATH}/{upload.id}".encode()))
        if request.content_type != OFFSETS:
            return Answer(HTTPStatus.CREATED, location + _state(upload), b"")
        writing = await self._uploads.begin_writing(request.actor, BeginWriting(upload.id, 0))
        upload = await self._write(request, writing)
        return Answer(HTTPStatus.CREATED, location + _state(upload), b"")

    async def _join(self, request: Request, places: bytes) -> Answer:
        if b"upload-length" in request.headers:
            raise BadTusHeader(header="upload-length")
        if request.content_type == OFFSETS:
            raise IsJoined
        told = _told(request)
        wanted = JoinUploads(_uploads_at(places), told.name, told.declared_type, keep=told.keep, voice=told.voice)
        upload = await self._joining.join_uploads(request.actor, wanted)
        upload = await finished(self._uploads, request, upload)
        location = lines((b"location", f"{PATH}/{upload.id}".encode()))
        return Answer(HTTPStatus.CREATED, location + _state(upload), b"")

    async def head(self, request: Request, path: dict[str, str]) -> Answer:
        _speak(request)
        await self._let_finish(_id(path))
        upload = await self._uploads.get_upload(request.actor, OfUpload(_id(path)))
        # The process that received the last byte may have died before it could look at what it had.
        upload = await finished(self._uploads, request, upload)
        length = lines((b"upload-length", str(upload.length).encode()))
        return Answer(HTTPStatus.OK, _state(upload) + length, b"")

    async def patch(self, request: Request, path: dict[str, str]) -> Answer:
        _speak(request)
        if request.content_type != OFFSETS:
            raise UnsupportedMediaType("Send the bytes as application/offset+octet-stream.")
        wanted = BeginWriting(_id(path), _number(request, b"upload-offset"))
        with self._buffers.for_one(request.actor.user_id):
            await self._let_finish(wanted.upload_id)
            upload = await self._write(request, await self._uploads.begin_writing(request.actor, wanted))
        return Answer(HTTPStatus.NO_CONTENT, _state(upload), b"")

    async def terminate(self, request: Request, path: dict[str, str]) -> Answer:
        _speak(request)
        await self._uploads.cancel_upload(request.actor, OfUpload(_id(path)))
        return Answer(HTTPStatus.NO_CONTENT, NO_STORE, b"")

    async def _write(self, request: Request, writing: Writing) -> Upload:
        left = writing.upload.length - writing.upload.received
        if _length(request) > left:
            raise BeyondLength
        checksum = request.headers.get(b"upload-checksum")
        written = self._writing[writing.upload.id] = asyncio.Event()
        try:
            if checksum is None:
                upload = await write_body(self._uploads, request, writing, self._buffers)
            else:
                upload = await self._write_checked(request, writing, checksum)
        finally:
            written.set()
            if self._writing.get(writing.upload.id) is written:
                del self._writing[writing.upload.id]
        return await finished(self._uploads, request, upload)

    async def _let_finish(self, upload_id: str) -> None:
        """A connection has broken, and its client is back before all that came over it is written: that is worth a
        moment, or it would be sent again. Whoever still writes after that is taken for dead.
        """
        if written := self._writing.get(upload_id):
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(written.wait(), FINISH_WITHIN_S)

    async def _write_checked(self, request: Request, writing: Writing, checksum: bytes) -> Upload:
        algorithm, expected = _checksum(checksum)
        if _length(request) > PIECE_BYTES_MAX:
            raise CheckedPieceTooLarge(bytes_max=PIECE_BYTES_MAX)
        assert request.stream
        pieces = Pieces(request.stream, self._checked, STALLED_S, whole=True)
        upload = writing.upload
        try:
            content = await pieces.next()
            if len(content) > PIECE_BYTES_MAX:
                raise CheckedPieceTooLarge(bytes_max=PIECE_BYTES_MAX)
            if pieces.was_cut:
                raise BodyBrokeOff
            if not hmac.compare_digest(ALGORITHMS[algorithm](content, usedforsecurity=False).digest(), expected):
                raise ChecksumMismatch
            if not content:
                return upload
            appended = Append(upload.id, writing.writer, upload.received, content)
            return await pieces.during(self._uploads.append(request.actor, appended))
        finally:
            pieces.close()


def upload_buffers() -> Buffers:
    """For all uploads of a process."""
    return Buffers(PIECE_BYTES_MAX, AHEAD_BYTES_MAX, AHEAD_BYTES_OF_ALL)


async def write_body(uploads: Uploads, request: Request, writing: Writing, buffers: Buffers) -> Upload:
    """All that comes, kept as it comes. Raises Unavailable when it broke off, for whoever is there to hear it."""
    assert request.stream
    pieces, upload = Pieces(request.stream, buffers, PAUSE_S), writing.upload
    try:
        while content := await pieces.next():
            if upload.received + len(content) > upload.length:
                raise BeyondLength
            appended = Append(upload.id, writing.writer, upload.received, content)
            upload = await pieces.during(uploads.append(request.actor, appended))
    finally:
        pieces.close()
    if pieces.was_cut:
        raise Unavailable(retry_after_ms=1000)
    return upload


async def finished(uploads: Uploads, request: Request, upload: Upload) -> Upload:
    while upload.is_to_be_finished:
        upload = await uploads.finish_upload(request.actor, OfUpload(upload.id))
    return upload


def _route(method: str, path: str, limit: Limit = WRITE, *, public: bool = False) -> Route:
    # Of the use case only routes in the interface's document make anything.
    scope = None if public else WRITE_SCOPE
    return Route(method=method, path=path, use_case=Uploads.append, limit=limit, public=public, scope=scope)


def _speak(request: Request) -> None:
    """Every answer says the version, refusals too. Raises UnsupportedVersion."""
    request.more_headers += _RESUMABLE
    if request.headers.get(b"tus-resumable") != VERSION:
        request.more_headers += lines((b"tus-version", VERSION))
        raise UnsupportedVersion


def _state(upload: Upload) -> Headers:
    expires = format_datetime(upload.expires_at.replace(microsecond=0), usegmt=True)
    state = [(b"upload-offset", str(upload.received).encode()), (b"upload-expires", expires.encode())]
    if upload.partial:
        state.append((b"upload-concat", _PARTIAL))
    if upload.joined:
        state.append((b"upload-concat", _FINAL + b" ".join(f"{PATH}/{id}".encode() for id in upload.joined)))
    if upload.media:
        state.append((b"kaif-media-id", upload.media.id.encode()))
    return lines(*state) + NO_STORE + INERT


def _id(path: dict[str, str]) -> str:
    """Any other can't be one of ours; a text that is no id does not reach a database."""
    id = path["upload_id"]
    return id if ID_FORM.match(id) else "0"


def _uploads_at(places: bytes) -> list[str]:
    """By their addresses, whole or without the host. Raises BadTusHeader."""
    try:
        paths = [urlsplit(place).path for place in places.decode("ascii").split()]
    except ValueError:
        paths = []
    ids = [path.removeprefix(f"{PATH}/") for path in paths]
    if not 0 < len(ids) <= JOINED_MAX or not all(ID_FORM.match(id) for id in ids):
        raise BadTusHeader(header="upload-concat")
    return ids


def _number(request: Request, name: bytes) -> int:
    given = request.headers.get(name, b"")
    if not _NUMBER.fullmatch(given):
        raise BadTusHeader(header=name.decode())
    return int(given)


def _length(request: Request) -> int:
    return int(request.headers.get(b"content-length", b"0"))


def _told(request: Request) -> Told:
    metadata = _metadata(request.headers.get(b"upload-metadata", b""))
    return Told(
        metadata.get("filename", "")[:NAME_CHARACTERS_MAX],
        metadata.get("filetype", "")[:TYPE_CHARACTERS_MAX],
        keep=metadata.get("keep", "true") != "false",
        voice=metadata.get("voice") == "true",
    )


def _metadata(given: bytes) -> dict[str, str]:
    """`name base64,name base64`; what is no base64 of UTF-8 is refused."""
    metadata: dict[str, str] = {}
    for pair in given.split(b",")[:METADATA_MAX]:
        name, _, value = pair.strip().partition(b" ")
        try:
            metadata[name.decode()] = base64.b64decode(value.strip(), validate=True).decode()
        except (binascii.Error, UnicodeDecodeError):
            raise BadTusHeader(header="upload-metadata") from None
    return metadata


def _checksum(given: bytes) -> tuple[str, bytes]:
    algorithm, _, value = given.partition(b" ")
    try:
        name, expected = algorithm.decode(), base64.b64decode(value, validate=True)
    except (binascii.Error, UnicodeDecodeError):
        name, expected = "", b""
    if name not in ALGORITHMS:
        raise BadTusHeader(header="upload-checksum")
    return name, expected

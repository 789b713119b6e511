"""Files out of a form: each is taken or refused by itself, and what became of each is told apart."""

import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from http import HTTPStatus

import msgspec

from kaif.gateway.answers import JSON, Answer
from kaif.gateway.forms import BadForm, Form, Part
from kaif.gateway.requests import Request
from kaif.gateway.tus import BodyBrokeOff, finished
from kaif.interfaces.auth import Nothing
from kaif.interfaces.media import FileTooLarge, Library, Media, QuotaExceeded
from kaif.interfaces.media.uploads import (
    NAME_CHARACTERS_MAX,
    PIECE_BYTES_MAX,
    TYPE_CHARACTERS_MAX,
    Append,
    BeginWriting,
    CreateUpload,
    OfUpload,
    SettleLength,
    Upload,
    UploadNotFound,
    Uploads,
)
from kaif.kernel.errors import Invalid, KaifError
from kaif.kernel.http.problems import TimedOut

# One request counts once, however many files it holds.
FILES_MAX = 20
FIELD_BYTES_MAX = 64
# Past what anybody may have.
_ANY_LENGTH = 1 << 50


class NoFiles(Invalid):
    code, detail = "no_files", "There is no file in this form."


class TooManyFiles(Invalid):
    """Details carry files_max. What came before was taken."""

    code, detail = "too_many_files", "There are more files in this form than one request may bring."


class Refusal(msgspec.Struct, frozen=True):
    """Why a file was not taken: what a problem document would say of it alone."""

    code: str
    detail: str
    details: dict[str, object]


class Taken(msgspec.Struct, frozen=True):
    """Of one file of the form, in their order there: `media`, or why there is none."""

    name: str
    media: Media | None = None
    problem: Refusal | None = None


class TakenFiles(msgspec.Struct, frozen=True):
    files: list[Taken]


class FormFiles:
    def __init__(self, uploads: Uploads, library: Library) -> None:
        self._uploads, self._library = uploads, library

    async def put(self, request: Request) -> Answer:
        """201 when all were taken, 207 when some were, and the first one's refusal when none was."""
        assert request.stream
        form = Form(request.stream, request.headers.get(b"content-type", b""))
        taken: list[Taken] = []
        refused: list[KaifError] = []
        keep = True
        while part := await form.next_part():
            if part.file_name is None:
                if part.name == "keep":
                    keep = await form.read(FIELD_BYTES_MAX) != b"false"
                continue
            first = await form.read(PIECE_BYTES_MAX)
            if not part.file_name and not first:
                # Where a browser lets choose a file and nobody did.
                continue
            try:
                if len(taken) == FILES_MAX:
                    raise TooManyFiles(files_max=FILES_MAX)
                taken.append(Taken(part.file_name, await self._take(request, form, part, first, keep=keep)))
            except (BadForm, BodyBrokeOff, TimedOut):
                raise
            except KaifError as error:
                refused.append(error)
                taken.append(Taken(part.file_name, problem=Refusal(error.code, str(error), error.details)))
                if isinstance(error, TooManyFiles):
                    break
        if not taken:
            raise NoFiles
        if len(refused) == len(taken):
            refused[0].details = {**refused[0].details, "files": msgspec.to_builtins(taken)}
            raise refused[0]
        status = HTTPStatus.MULTI_STATUS if refused else HTTPStatus.CREATED
        return Answer(status, JSON, msgspec.json.encode(TakenFiles(taken)))

    async def _take(self, request: Request, form: Form, part: Part, piece: bytes, *, keep: bool) -> Media:
        name, declared_type = (part.file_name or "")[:NAME_CHARACTERS_MAX], part.type[:TYPE_CHARACTERS_MAX]
        wanted = CreateUpload(_length(request), name, declared_type, keep=keep, at_most=True)
        upload = await self._uploads.create_upload(request.actor, wanted)
        async with taken_back_on_failure(self._uploads, request, upload):
            writing = await self._uploads.begin_writing(request.actor, BeginWriting(upload.id, 0))
            while piece:
                if upload.received + len(piece) > upload.length:
                    raise await self._too_much(request, upload)
                append = Append(upload.id, writing.writer, upload.received, piece)
                upload = await self._uploads.append(request.actor, append)
                piece = await form.read(PIECE_BYTES_MAX)
            upload = await self._uploads.settle_length(request.actor, SettleLength(upload.id, writing.writer))
            upload = await finished(self._uploads, request, upload)
        assert upload.media
        return upload.media

    async def _too_much(self, request: Request, upload: Upload) -> KaifError:
        """Which of the two bounds it is that was met."""
        usage = await self._library.get_usage(request.actor, Nothing())
        if upload.length >= usage.file_max:
            return FileTooLarge(bytes_max=usage.file_max)
        return QuotaExceeded(bytes_free=upload.length)


def _length(request: Request) -> int:
    """No file in it is longer than all of it."""
    given = request.headers.get(b"content-length", b"")
    return max(int(given), 1) if given.isdigit() else _ANY_LENGTH


@asynccontextmanager
async def taken_back_on_failure(uploads: Uploads, request: Request, upload: Upload) -> AsyncIterator[None]:
    try:
        yield
    except Exception:
        # One that was refused for what it is has gone already.
        with contextlib.suppress(UploadNotFound):
            await uploads.cancel_upload(request.actor, OfUpload(upload.id))
        raise

"""Files as bytes: put in one request, and delivered whole or in ranges.

What is delivered can do nothing: only pictures, video and sound are shown, all else is for saving, no type is guessed,
and a page that was opened from here would run without scripts, forms or an origin (`sandbox`).
"""

import re
from http import HTTPStatus

import msgspec

from kaif.gateway.answers import INERT, JSON, NO_REFERRER, Answer, lines
from kaif.gateway.bodies import Buffers
from kaif.gateway.bytes_routes import BytesEndpoint
from kaif.gateway.content import Readers, content_answer
from kaif.gateway.dispositions import file_name
from kaif.gateway.form_files import FormFiles, taken_back_on_failure
from kaif.gateway.forms import FORM
from kaif.gateway.requests import Request
from kaif.gateway.tus import BodyBrokeOff, finished, write_body
from kaif.interfaces.media import READ_SCOPE, WRITE_SCOPE, Library, MediaId, MediaNotFound, RenditionNotFound
from kaif.interfaces.media.delivery import RENDITION_CHARACTERS_MAX, Delivery, LookAt, ReadMedia, Sight
from kaif.interfaces.media.uploads import (
    NAME_CHARACTERS_MAX,
    TYPE_CHARACTERS_MAX,
    BeginWriting,
    CreateUpload,
    Uploads,
)
from kaif.kernel.errors import Invalid, Unavailable
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

_PLAIN = re.compile(r"[A-Za-z0-9_./:-]*", re.A)
# A link in the address must not go on to other sites, nor into a cache that others share.
_PRIVATE = INERT + NO_REFERRER + lines((b"vary", b"cookie, authorization"))
_PRIVATE_RENDITION = INERT + NO_REFERRER + lines((b"vary", b"cookie, authorization, accept"))


class LengthRequired(Invalid):
    code, status, detail = "length_required", 411, "Say how long the file is (Content-Length)."


class Files:
    def __init__(self, uploads: Uploads, delivery: Delivery, library: Library, buffers: Buffers) -> None:
        self._uploads, self._delivery, self._buffers = uploads, delivery, buffers
        self._forms = FormFiles(uploads, library)
        self._readers = Readers()

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
        with self._buffers.for_one(request.actor.user_id):
            return await (self._forms.put(request) if request.content_type == FORM else self._put(request))

    async def _put(self, request: Request) -> Answer:
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
        headers = (_PRIVATE_RENDITION if rendition else _PRIVATE) + lines((b"cache-control", _caching(seen)))

        async def read(at: int, length: int) -> bytes:
            reading = ReadMedia(seen.media_id, at, length, link, seen.rendition)
            return (await self._delivery.read(request.actor, reading)).content

        # A link begins with whom it stands for.
        whose = link.partition(".")[0] if link else request.actor.user_id
        return content_answer(request, seen, headers, lambda wanted: self._readers.stream(whose, wanted, read))


def _getting(path: str, *, public: bool) -> Route:
    scope = None if public else READ_SCOPE
    return Route(method="GET", path=path, use_case=Delivery.read, limit=READ, public=public, scope=scope)


def _rendition(rest: str, path: dict[str, str]) -> str:
    """What follows the file in the path, as it was asked for. Raises RenditionNotFound for what is no name."""
    name = "/".join(path[part[1:-1]] if part.startswith("{") else part for part in rest.split("/")[1:])
    if len(name) > RENDITION_CHARACTERS_MAX or not _PLAIN.fullmatch(name):
        raise RenditionNotFound
    return name


def _caching(seen: Sight) -> bytes:
    if seen.passing:
        return b"private, no-cache"
    # What an address names never changes; who may see it does, so only the viewer's own browser keeps it. We ask each
    # time who looks, also by a link; what a browser has already, it has shown.
    return b"private, max-age=31536000, immutable"

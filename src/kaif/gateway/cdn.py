"""What the edge gives where it is asked by the CDN's name: what was made of files, to whoever brings a link to it.

The CDN asks us by the name under which browsers ask it, and keeps what it gets. Nothing else is there: no use case, no
page, no session. What it is given may stand in our pages, which are of another origin, and can do nothing anywhere.
"""

import re
from collections.abc import Mapping
from http import HTTPStatus
from urllib.parse import urlsplit

from kaif.gateway.answers import INERT, NO_REFERRER, NO_STORE, Answer, lines
from kaif.gateway.content import Readers, content_answer
from kaif.gateway.requests import Request
from kaif.interfaces.media import MediaId, MediaNotFound
from kaif.interfaces.media.cdn import CDN_PATH, CdnDelivery, LookForCdn, ReadForCdn
from kaif.kernel.actor import NOBODY
from kaif.kernel.errors import NotFound
from kaif.kernel.http.problems import MethodNotAllowed
from kaif.kernel.ids import ID_FORM
from kaif.kernel.limits import Limit

# For the log and the metrics: no link gets there.
ROUTE_OF_CDN = CDN_PATH + "/{media_id}/{grant}/{rendition}"
# A few addresses of the CDN's ask for everybody, unless they are trusted to say for whom.
FOR_CDN = Limit("read_for_cdn", per_minute=30_000, burst=10_000)
METHODS = "GET, HEAD, OPTIONS"

_ADDRESS = re.compile(CDN_PATH + r"/([^/]{1,64})/([0-9A-Za-z._-]{1,100})/((?:hls/)?[0-9a-z][0-9a-z.-]{0,40})", re.A)
# How long a browser need not ask again whether it may ask for ranges.
_PREFLIGHT_S = 86_400


class CdnHost:
    def __init__(self, delivery: CdnDelivery, cdn_url: str, public_url: str) -> None:
        self._delivery = delivery
        self._host = (urlsplit(cdn_url).hostname or "").encode()
        self._readers = Readers()
        # Of our pages alone: constant, so that a cache needs no copy for each origin (Fetch, 3.3.5).
        self._for_pages = lines(
            (b"access-control-allow-origin", public_url.encode()),
            (b"access-control-expose-headers", b"accept-ranges, content-length, content-range, etag"),
        )

    def is_meant(self, headers: Mapping[bytes, bytes]) -> bool:
        """Whether a request is made by the CDN's name, at any port (RFC 9110, 7.2)."""
        return _name_in(headers).rstrip(b".") == self._host

    async def answer(self, request: Request) -> Answer:
        """Raises NotFound, MethodNotAllowed, and what media raises."""
        found = _ADDRESS.fullmatch(request.path)
        if not found or request.query or request.escaped or _name_in(request.headers) != self._host:
            # Each would make another entry in the cache of the same content, and one that is told to forget the file
            # would not know the second for the same.
            raise NotFound
        if request.method == "OPTIONS":
            return self._preflight()
        if request.method not in ("GET", "HEAD"):
            raise MethodNotAllowed(allow=METHODS)
        media_id, grant, rendition = found.groups()
        if not ID_FORM.match(media_id):
            raise MediaNotFound
        return await self._content(request, MediaId(media_id), grant, rendition)

    async def _content(self, request: Request, media_id: MediaId, grant: str, rendition: str) -> Answer:
        seen = await self._delivery.look_for_cdn(NOBODY, LookForCdn(media_id, grant, rendition))
        sight = seen.sight

        async def read(at: int, length: int) -> bytes:
            reading = ReadForCdn(media_id, grant, sight.rendition, at, length)
            return (await self._delivery.read_for_cdn(NOBODY, reading)).content

        # No longer than the link: not stale, not by a cache that finds us away, and not changed on the way.
        caching = b"public, max-age=%d, must-revalidate, no-transform" % seen.fresh_s
        headers = INERT + NO_REFERRER + self._for_pages + lines((b"cache-control", caching))
        answer = content_answer(
            request, sight, headers, lambda wanted: self._readers.stream(request.address, wanted, read)
        )
        return answer._replace(embeddable=True)

    def _preflight(self) -> Answer:
        """Players ask for ranges (Fetch, 4.8)."""
        asked = lines(
            (b"access-control-allow-methods", b"GET, HEAD"),
            (b"access-control-allow-headers", b"range"),
            (b"access-control-max-age", b"%d" % _PREFLIGHT_S),
        )
        return Answer(HTTPStatus.NO_CONTENT, NO_STORE + INERT + self._for_pages + asked, b"", embeddable=True)


def _name_in(headers: Mapping[bytes, bytes]) -> bytes:
    host = headers.get(b"host", b"").strip().lower()
    return host[1:].partition(b"]")[0] if host.startswith(b"[") else host.partition(b":")[0]

"""A request as the edge sees it."""

import re

from kaif.gateway.addresses import Network, client_address
from kaif.gateway.answers import Headers
from kaif.gateway.bodies import Body
from kaif.kernel.actor import NOBODY, Actor

# The only headers that mean something here; the others are not even kept.
KEPT_HEADERS = frozenset(
    {
        b"accept",
        b"accept-encoding",
        b"authorization",
        b"content-disposition",
        b"content-length",
        b"content-type",
        b"cookie",
        b"expect",
        b"host",
        b"if-none-match",
        b"if-range",
        b"kaif-session",
        b"origin",
        b"range",
        b"transfer-encoding",
        b"tus-resumable",
        b"upgrade",
        b"upload-checksum",
        b"upload-concat",
        b"upload-length",
        b"upload-metadata",
        b"upload-offset",
        b"user-agent",
        b"x-forwarded-for",
    }
)

# The longest of browsers' own are half of it.
AGENT_CHARS_MAX = 256
_UNPRINTABLE = re.compile(rb"[^\x20-\x7e]")


class Request:
    """One request on its way through the edge: read whole, or with a body that still comes in `stream`."""

    __slots__ = (
        "actor",
        "address",
        "body",
        "escaped",
        "headers",
        "id",
        "method",
        "more_headers",
        "path",
        "query",
        "route",
        "stream",
    )

    def __init__(self, method: str, path: str, query: bytes, headers: dict[bytes, bytes], body: bytes) -> None:
        self.method, self.path, self.query = method, path, query
        self.headers, self.body = headers, body
        self.stream: Body | None = None
        # Other spellings of an address are other addresses to a cache.
        self.escaped = False
        self.id = ""
        self.address = ""
        self.actor: Actor = NOBODY
        # For the log and the metrics: the pattern of the path, so that no id gets there.
        self.route = "unmatched"
        # Of the answer, whatever becomes of it: what the limit leaves, and what a protocol wants of refusals too.
        self.more_headers: Headers = b""

    def come_from(self, peer: str, trusted_proxies: list[Network]) -> None:
        self.address = peer
        if trusted_proxies:
            self.address = client_address(peer, self.headers.get(b"x-forwarded-for", b""), trusted_proxies)

    @property
    def agent(self) -> str:
        """The program that asks, as it calls itself: bounded, and of letters that can be shown (RFC 9110, 10.1.5)."""
        return _UNPRINTABLE.sub(b"", self.headers.get(b"user-agent", b"")[:AGENT_CHARS_MAX]).decode("ascii")

    @property
    def content_type(self) -> bytes:
        """In small letters, without parameters."""
        return self.headers.get(b"content-type", b"").partition(b";")[0].strip().lower()

    @property
    def wants_cookies(self) -> bool:
        return self.headers.get(b"kaif-session") == b"cookie"

"""Sessions of browsers: both tokens in `__Host-` HttpOnly cookies, which scripts can't read and other sites can't use.

A page of ours says `Kaif-Session: cookie` with each request. Other sites can't add that header
without our leave, their requests carry a foreign Origin, and SameSite=Strict keeps the cookies home.
"""

import msgspec

from kaif.gateway.answers import Headers, lines
from kaif.interfaces.auth import Refresh, Tokens
from kaif.kernel.errors import Forbidden

ACCESS = b"__Host-kaif_access"
REFRESH = b"__Host-kaif_refresh"
REFRESH_SECONDS = 30 * 24 * 3600

SCHEMES = frozenset({b"https", b"http"})

# After these a browser has no session any more.
LEAVING = {"/v1/auth/logout", "/v1/auth/account/delete"}


class ForeignOrigin(Forbidden):
    code, detail = "foreign_origin", "This request came from another site."


def read(cookie: bytes, name: bytes) -> bytes:
    """The cookie's value, or nothing."""
    for part in cookie.split(b";"):
        key, _, value = part.strip().partition(b"=")
        if key == name:
            return value
    return b""


def schemes_of(public_url: str) -> frozenset[bytes]:
    """By which our pages come: that of the address where people reach the server, or either of the two where the
    operator has not said it, as a proxy may add TLS."""
    scheme = public_url.partition("://")[0].lower().encode()
    return frozenset({scheme}) if scheme else SCHEMES


def require_own_origin(origin: bytes, host: bytes, schemes: frozenset[bytes]) -> None:
    """Raises ForeignOrigin unless the page that asks is ours: of our host and port, and of one of the schemes, for a
    page that came without TLS may be anybody's on the way (RFC 6454, 5)."""
    scheme, _, authority = origin.lower().partition(b"://")
    if scheme not in schemes or authority != host.lower():
        raise ForeignOrigin


def with_refresh_token(request: object, cookie: bytes) -> object:
    """A browser leaves the refresh token out of the body: it is in its cookie."""
    if isinstance(request, Refresh) and not request.refresh_token:
        return msgspec.structs.replace(request, refresh_token=read(cookie, REFRESH).decode("latin-1"))
    return request


def keep(tokens: Tokens) -> tuple[Tokens, Headers]:
    """The answer without its tokens, and the cookies that hold them."""
    kept = lines(
        _cookie(ACCESS, tokens.access_token, tokens.expires_in),
        _cookie(REFRESH, tokens.refresh_token, REFRESH_SECONDS),
    )
    return Tokens(tokens.user, "", "", tokens.expires_in), kept


def _cookie(name: bytes, value: str, max_age_s: int) -> tuple[bytes, bytes]:
    attributes = b"; Path=/; Max-Age=%d; Secure; HttpOnly; SameSite=Strict" % max_age_s
    return b"set-cookie", name + b"=" + value.encode("latin-1") + attributes


# The browser drops what it has kept of this site as well (ASVS 14.3.1).
FORGET = lines(_cookie(ACCESS, "", 0), _cookie(REFRESH, "", 0), (b"clear-site-data", b'"cache", "cookies"'))

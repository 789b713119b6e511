"""What goes back to the caller."""

from typing import NamedTuple

Headers = list[tuple[bytes, bytes]]


class Answer(NamedTuple):
    status: int
    headers: Headers
    body: bytes


JSON = (b"content-type", b"application/json")
NO_STORE = (b"cache-control", b"no-store")

# On every answer, whatever else it says. Each header costs every request, so none says what another one does.
SECURITY: Headers = [
    (b"x-content-type-options", b"nosniff"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"strict-transport-security", b"max-age=31536000; includeSubDomains"),
]
# On pages, which link to other sites.
NO_REFERRER = (b"referrer-policy", b"no-referrer")
# On everything that is not a page: should a browser show it, it can do nothing.
INERT = (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'; sandbox")

"""Where people may be sent back to, and how (RFC 6749, 3.1.2; RFC 8252, 7; RFC 9700, 2.1)."""

import re
from collections.abc import Iterable
from urllib.parse import urlencode

from kaif.interfaces.auth.applications import ApplicationKind

_LABELS = r"[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?"
_PORT = r"(?::[1-9][0-9]{0,4})?"
# No fragment, no user, and no star: where one stood somebody would take it for a wildcard.
_PATH = r"[A-Za-z0-9\-._~%!$&'()+,;=:@/]*"
_QUERY = r"(?:\?[A-Za-z0-9\-._~%!$&'()+,;=:@/?]*)?"
_HTTPS = re.compile(rf"https://(?:{_LABELS}|\[[0-9a-fA-F:.]+\]){_PORT}(?:/{_PATH})?{_QUERY}")
_THIS_MACHINE = re.compile(rf"http://(?:localhost|127\.0\.0\.1|\[::1\]){_PORT}(?:/{_PATH})?{_QUERY}")
# A name that its owner has in the DNS, turned round: without a dot it would be a scheme of everybody's.
_PRIVATE_SCHEME = re.compile(rf"[a-z][a-z0-9+-]*(?:\.[a-z0-9+-]+)+:/{_PATH}{_QUERY}")
# Of an address, and not of the name "localhost", which may lead elsewhere (RFC 8252, 8.3).
_LOOPBACK = re.compile(r"(http://(?:127\.0\.0\.1|\[::1\]))(?::([1-9][0-9]{0,4}))?([/?].*)?")
_HOST = re.compile(r"https?://([^/?]+)")

PORT_MAX = 65535


def is_allowed(kind: ApplicationKind, uri: str) -> bool:
    """May an application of that kind be registered with it?"""
    if _HTTPS.fullmatch(uri) or _THIS_MACHINE.fullmatch(uri):
        return True
    return kind == "native" and bool(_PRIVATE_SCHEME.fullmatch(uri))


def is_registered(kind: ApplicationKind, registered: Iterable[str], uri: str) -> bool:
    """Letter by letter; a native program that listens on loopback takes whatever port is free (RFC 8252, 7.3)."""
    registered = list(registered)
    if uri in registered:
        return True
    return kind == "native" and _without_port(uri) in [known for each in registered if (known := _without_port(each))]


def _without_port(uri: str) -> str:
    """A loopback address but for its port; nothing for any other."""
    found = _LOOPBACK.fullmatch(uri)
    if found is None or int(found[2] or 0) > PORT_MAX or "#" in uri:
        return ""
    return f"{found[1]}{found[3] or ''}"


def host_of(kind: ApplicationKind, uri: str) -> str:
    """What people should see of it: the host, and nothing where a program of their own device is meant."""
    found = _HOST.match(uri)
    return found[1] if found and not (kind == "native" and uri.startswith("http:")) else ""


def with_parameters(uri: str, parameters: dict[str, str]) -> str:
    """The address with what is to be said; empty values are left out."""
    said = urlencode({name: value for name, value in parameters.items() if value})
    return f"{uri}{'&' if '?' in uri else '?'}{said}"

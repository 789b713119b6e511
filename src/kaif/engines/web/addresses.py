"""Which addresses may be asked that strangers have named: one of them could be a machine of our own."""

import asyncio
import ipaddress
import socket
from urllib.parse import urlsplit

from kaif.kernel.errors import Invalid

ENDPOINT_CHARACTERS_MAX = 2048


class ForbiddenAddress(Invalid):
    code, detail = "forbidden_address", "This is not an address that can be asked from here."


def host_of(endpoint: str, *, private_too: bool) -> tuple[str, int]:
    """The host and port of an endpoint of allowed form. Raises ForbiddenAddress."""
    try:
        parts = urlsplit(endpoint)
        host, port = parts.hostname, parts.port
    except ValueError:
        raise ForbiddenAddress from None
    schemes = ("https", "http") if private_too else ("https",)
    fits = len(endpoint) <= ENDPOINT_CHARACTERS_MAX and endpoint.isascii() and endpoint.isprintable()
    if not fits or parts.scheme not in schemes or not host or parts.username is not None or parts.fragment:
        raise ForbiddenAddress
    return host, port or (443 if parts.scheme == "https" else 80)


async def address_of(host: str, port: int, *, private_too: bool) -> str:
    """An address of the host, none of whose addresses may be within.

    Who asks must connect to this very address: another look-up could have another answer.
    Raises ForbiddenAddress, OSError, and UnicodeError for what is no name at all.
    """
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    addresses = [str(where[0]) for *_, where in found]
    if not private_too and not all(is_public(address) for address in addresses):
        raise ForbiddenAddress
    return addresses[0].partition("%")[0]


def is_public(address: str) -> bool:
    parsed = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(parsed, ipaddress.IPv6Address):
        # An address of the old protocol in the clothes of the new one is judged as what it is.
        inner = parsed.ipv4_mapped or parsed.sixtofour or (parsed.teredo and parsed.teredo[1])
        if inner:
            return is_public(str(inner))
        # Prefixes of translators (RFC 4291, 2.5.5.1; RFC 6052; RFC 8215), behind which anything may lie.
        if any(parsed in network for network in _TRANSLATED):
            return False
    return parsed.is_global and not parsed.is_multicast


_TRANSLATED = tuple(map(ipaddress.IPv6Network, ("::/96", "64:ff9b::/96", "64:ff9b:1::/48")))

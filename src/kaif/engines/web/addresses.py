"""Which addresses are everybody's: what people name may lie within our own network, and must not be asked then."""

import asyncio
import ipaddress
import socket


def is_public(address: str) -> bool:
    parsed = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(parsed, ipaddress.IPv6Address):
        # An address of the old protocol in the clothes of the new one is judged as what it is.
        inner = parsed.ipv4_mapped or parsed.sixtofour or (parsed.teredo and parsed.teredo[1])
        if inner:
            return is_public(str(inner))
        # Prefixes of translators (RFC 6052, RFC 8215), behind which anything may lie.
        if any(parsed in network for network in _TRANSLATED):
            return False
    return parsed.is_global and not parsed.is_multicast


async def addresses_of(host: str, port: int) -> list[str]:
    """Who asks must connect to one of these very addresses: another look-up could have another answer.

    Raises OSError, and UnicodeError for what is no name at all.
    """
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [str(where[0]) for *_, where in found]


_TRANSLATED = (ipaddress.IPv6Network("64:ff9b::/96"), ipaddress.IPv6Network("64:ff9b:1::/48"))

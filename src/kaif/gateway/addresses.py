"""Whose address a request comes from, when proxies stand in between."""

import ipaddress
from collections.abc import Sequence

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


def parse_networks(text: str) -> list[Network]:
    """ "127.0.0.1, 10.0.0.0/8" as networks."""
    return [ipaddress.ip_network(part.strip()) for part in text.split(",") if part.strip()]


def client_address(peer: str, forwarded_for: bytes, trusted: Sequence[Network]) -> str:
    """The nearest address that is not a trusted proxy's; what an untrusted peer claims counts for nothing."""
    address = peer
    for claimed in reversed(forwarded_for.decode("latin-1").split(",") if forwarded_for else []):
        if not _is_trusted(address, trusted):
            break
        try:
            address = str(ipaddress.ip_address(claimed.strip()))
        except ValueError:
            break
    return address


def limit_subject(address: str) -> str:
    """One household of IPv6 has a /64: it is limited as one."""
    if ":" not in address:
        return address
    return str(ipaddress.ip_network(f"{address}/64", strict=False).network_address)


def _is_trusted(address: str, trusted: Sequence[Network]) -> bool:
    try:
        ip = ipaddress.ip_address(address)
    except ValueError:
        return False
    return any(ip in network for network in trusted)

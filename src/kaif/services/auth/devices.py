"""What a device is called, and which part of the network it speaks from."""

import ipaddress
import re
from typing import NamedTuple

from kaif.interfaces.auth.sessions import DeviceKind

# Many browsers call themselves Chrome or Safari as well: the first token that is there decides.
_BROWSERS = [
    ("YaBrowser/", "Yandex Browser"),
    ("Edg", "Edge"),
    ("OPR/", "Opera"),
    ("SamsungBrowser/", "Samsung Internet"),
    ("Firefox/", "Firefox"),
    ("FxiOS/", "Firefox"),
    ("CriOS/", "Chrome"),
    ("Chromium/", "Chromium"),
    ("Chrome/", "Chrome"),
    ("Safari/", "Safari"),
]
_SYSTEMS: list[tuple[str, str, DeviceKind]] = [
    ("iPhone", "iPhone", "mobile"),
    ("iPad", "iPad", "tablet"),
    ("Android", "Android", "mobile"),
    ("Windows", "Windows", "laptop"),
    ("CrOS", "ChromeOS", "laptop"),
    ("Macintosh", "macOS", "laptop"),
    ("Linux", "Linux", "laptop"),
]
# A token of RFC 9110, 5.6.2, short enough to be shown.
_PRODUCT = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,32}(?=/|$)")

# Providers give households new addresses out of the same network; a move to another one is worth a word.
_IPV4_BITS, _IPV6_BITS = 24, 56


class Device(NamedTuple):
    name: str
    kind: DeviceKind


def device_of(agent: str) -> Device:
    """ "Firefox, Linux" for a browser, the product's token for other programs, no name for what can't be told."""
    if not agent.startswith("Mozilla/"):
        product = _PRODUCT.match(agent)
        return Device(product[0] if product else "", "other")
    browser = next((name for token, name in _BROWSERS if token in agent), "")
    system, kind = _system_of(agent)
    return Device(", ".join(filter(None, (browser, system))), kind)


def _system_of(agent: str) -> tuple[str, DeviceKind]:
    for token, name, kind in _SYSTEMS:
        if token in agent:
            # Of Android, only phones say "Mobile".
            return name, "tablet" if name == "Android" and "Mobile" not in agent else kind
    return "", "other"


def network_of(address: str) -> str:
    """The address's /24, or /56 of IPv6; nothing for what is no address."""
    try:
        ip = ipaddress.ip_address(address)
    except ValueError:
        return ""
    if isinstance(ip, ipaddress.IPv6Address) and ip.ipv4_mapped:
        ip = ip.ipv4_mapped
    bits = _IPV4_BITS if ip.version == 4 else _IPV6_BITS
    return str(ipaddress.ip_network(f"{ip}/{bits}", strict=False))

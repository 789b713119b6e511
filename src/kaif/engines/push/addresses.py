"""Which addresses a push service may have: a subscription comes from a browser, and could name a machine of our own."""

from urllib.parse import urlsplit

from kaif.engines.web.addresses import addresses_of, is_public
from kaif.kernel.errors import Invalid

ENDPOINT_CHARACTERS_MAX = 2048


class ForbiddenAddress(Invalid):
    code, detail = "forbidden_push_address", "This is not the address of a push service that can be used here."


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
    """An address of the host, none of whose addresses may be within. Raises ForbiddenAddress, OSError.

    Who asks must connect to this very address: another look-up could have another answer.
    """
    addresses = await addresses_of(host, port)
    if not private_too and not all(is_public(address) for address in addresses):
        raise ForbiddenAddress
    return addresses[0]

"""Requests to where strangers have told us to go: to the very address that was looked at, and to none within.

The name is looked up and connected to in one go, so a name that leads elsewhere a moment later leads nowhere new.
No cookies, no proxy, no redirect that is followed.
"""

from collections.abc import Mapping
from functools import cached_property

import httpx

from kaif.engines.web.addresses import address_of
from kaif.engines.web.resets import told_as_unconnected

PORTS = {"http": 80, "https": 443}


class PinnedWeb:
    """With `private_too` addresses may lie in our own network: for tests and closed networks."""

    def __init__(self, *, private_too: bool, within_s: float, connections_max: int) -> None:
        self._private_too, self._within_s, self._connections_max = private_too, within_s, connections_max

    @cached_property
    def _transport(self) -> httpx.AsyncHTTPTransport:
        """Made when something is asked for: to read the authorities takes a while."""
        limits = httpx.Limits(max_connections=self._connections_max, max_keepalive_connections=0)
        # No proxy: it would connect to where it finds the name, not to the address that was looked at.
        return httpx.AsyncHTTPTransport(trust_env=False, limits=limits)

    async def ask(self, method: str, url: httpx.URL, headers: Mapping[str, str], body: bytes = b"") -> httpx.Response:
        """The head of the answer, which is to be closed.

        Raises ForbiddenAddress, OSError, httpx.HTTPError, and UnicodeError for what is no name at all.
        """
        host = url.raw_host.decode()
        address = await address_of(host, url.port or PORTS[url.scheme], private_too=self._private_too)
        request = httpx.Request(
            method,
            url.copy_with(host=address, fragment=None),
            headers={**headers, "host": url.netloc.decode()},
            content=body,
            # It limits each step, and not all of them: whoever asks does that.
            extensions={"sni_hostname": host, "timeout": httpx.Timeout(self._within_s).as_dict()},
        )
        with told_as_unconnected():
            return await self._transport.handle_async_request(request)

    async def close(self) -> None:
        if "_transport" in vars(self):
            await self._transport.aclose()

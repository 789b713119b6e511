"""Posts to where strangers have told us to, by httpx: to the very address that was looked at, and to none within."""

import asyncio
from collections.abc import Mapping
from functools import cached_property

import httpx

from kaif.engines.web import ANSWER_WITHIN_S, Oversized, PostAnswer, TooSlow, Unreachable
from kaif.engines.web.addresses import address_of, host_of


class GuardedWeb:
    """With `private_too` addresses may lie in our own network, and need no https: for tests and closed networks."""

    def __init__(self, *, private_too: bool, within_s: float = ANSWER_WITHIN_S, connections_max: int = 20) -> None:
        self._private_too, self._within_s, self._connections_max = private_too, within_s, connections_max

    @cached_property
    def _http(self) -> httpx.AsyncClient:
        """Made when something is sent: to read the authorities takes a while."""
        limits = httpx.Limits(max_connections=self._connections_max, max_keepalive_connections=0)
        # No proxy: it would connect to where it finds the name, not to the address that was looked at.
        return httpx.AsyncClient(timeout=self._within_s, limits=limits, follow_redirects=False, trust_env=False)

    async def post(self, url: str, headers: Mapping[str, str], body: bytes, *, answer_bytes_max: int = 0) -> PostAnswer:
        host, port = host_of(url, private_too=self._private_too)
        try:
            # httpx limits each step; whoever answers a byte at a time would keep us for ever.
            async with asyncio.timeout(self._within_s):
                address = await address_of(host, port, private_too=self._private_too)
                request = self._request(url, host, address, headers, body)
                return await self._send(request, answer_bytes_max)
        except (TimeoutError, httpx.TimeoutException) as error:
            raise TooSlow(type(error).__name__) from error
        except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
            raise Unreachable(type(error).__name__) from error

    def _request(self, url: str, host: str, address: str, headers: Mapping[str, str], body: bytes) -> httpx.Request:
        parsed = httpx.URL(url)
        return self._http.build_request(
            "POST",
            parsed.copy_with(host=address),
            headers={"user-agent": "Kaif-Ozero", **headers, "host": parsed.netloc.decode()},
            content=body,
            extensions={"sni_hostname": host},
        )

    async def _send(self, request: httpx.Request, answer_bytes_max: int) -> PostAnswer:
        answer = await self._http.send(request, stream=True)
        try:
            if answer_bytes_max:
                length = 0
                async for piece in answer.aiter_raw():
                    length += len(piece)
                    if length > answer_bytes_max:
                        raise Oversized
            return PostAnswer(answer.status_code, dict(answer.headers))
        finally:
            # What it says beside that is of no use, and could be long.
            await answer.aclose()

    async def close(self) -> None:
        if "_http" in vars(self):
            await self._http.aclose()

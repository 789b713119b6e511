"""The web by httpx; proxies and authorities of certificates are those of the environment."""

import asyncio
from collections.abc import Mapping
from functools import cached_property

import httpx

from kaif.engines.web import ANSWER_BYTES_MAX, ANSWER_WITHIN_S, Oversized, Unreachable, WebAnswer
from kaif.engines.web.resets import Client

CONNECTIONS_MAX = 50
# Compressed, a small answer may be a large one: we ask for none of that.
HEADERS = {"user-agent": "Kaif-Ozero", "accept": "application/json", "accept-encoding": "identity"}


class HttpxWeb:
    @cached_property
    def _http(self) -> httpx.AsyncClient:
        """Made when something is asked for: to read the authorities takes a while, and many servers ask for nothing."""
        # A connection is not kept: between two sign-ins by one service there may be days.
        limits = httpx.Limits(max_connections=CONNECTIONS_MAX, max_keepalive_connections=0)
        return Client(headers=HEADERS, timeout=ANSWER_WITHIN_S, limits=limits, follow_redirects=False, mounts=_direct())

    async def get(self, url: str, headers: Mapping[str, str]) -> WebAnswer:
        return await self._ask(self._http.build_request("GET", url, headers=dict(headers)))

    async def post_form(self, url: str, fields: Mapping[str, str], headers: Mapping[str, str]) -> WebAnswer:
        return await self._ask(self._http.build_request("POST", url, data=dict(fields), headers=dict(headers)))

    async def _ask(self, request: httpx.Request) -> WebAnswer:
        try:
            # httpx limits each step; whoever answers a byte at a time would keep us for ever.
            async with asyncio.timeout(ANSWER_WITHIN_S):
                return await self._read(request)
        except (httpx.HTTPError, httpx.InvalidURL, TimeoutError) as error:
            raise Unreachable(str(error) or type(error).__name__) from error

    async def _read(self, request: httpx.Request) -> WebAnswer:
        answer = await self._http.send(request, stream=True)
        try:
            if answer.headers.get("content-encoding", "identity") != "identity":
                raise Unreachable("It answers in an encoding that was not asked for.")
            body = bytearray()
            async for piece in answer.aiter_raw():
                body += piece
                if len(body) > ANSWER_BYTES_MAX:
                    raise Oversized
            return WebAnswer(answer.status_code, bytes(body))
        finally:
            await answer.aclose()

    async def close(self) -> None:
        if "_http" in vars(self):
            await self._http.aclose()


def _direct() -> dict[str, httpx.AsyncBaseTransport | None]:
    """This machine is reached without a proxy."""
    return {"all://127.0.0.1": None, "all://localhost": None, "all://[::1]": None}

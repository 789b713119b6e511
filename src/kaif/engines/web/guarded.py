"""Posts to where strangers have told us to: in time, and with no more of an answer than is wanted."""

import asyncio
from collections.abc import Mapping

import httpx

from kaif.engines.web import ANSWER_WITHIN_S, Oversized, PostAnswer, TooSlow, Unreachable
from kaif.engines.web.addresses import host_of
from kaif.engines.web.pinned import PinnedWeb


class GuardedWeb:
    """With `private_too` addresses may lie in our own network, and need no https: for tests and closed networks."""

    def __init__(self, *, private_too: bool, within_s: float = ANSWER_WITHIN_S, connections_max: int = 20) -> None:
        self._private_too, self._within_s = private_too, within_s
        self._web = PinnedWeb(private_too=private_too, within_s=within_s, connections_max=connections_max)

    async def post(self, url: str, headers: Mapping[str, str], body: bytes, *, answer_bytes_max: int = 0) -> PostAnswer:
        host_of(url, private_too=self._private_too)
        try:
            # httpx limits each step; whoever answers a byte at a time would keep us for ever.
            async with asyncio.timeout(self._within_s):
                answer = await self._web.ask("POST", httpx.URL(url), {"user-agent": "Kaif-Ozero", **headers}, body)
                return await _taken(answer, answer_bytes_max)
        except (TimeoutError, httpx.TimeoutException) as error:
            raise TooSlow(type(error).__name__) from error
        except (httpx.HTTPError, httpx.InvalidURL, OSError, UnicodeError) as error:
            raise Unreachable(type(error).__name__) from error

    async def close(self) -> None:
        await self._web.close()


async def _taken(answer: httpx.Response, bytes_max: int) -> PostAnswer:
    try:
        if bytes_max:
            length = 0
            async for piece in answer.aiter_raw():
                length += len(piece)
                if length > bytes_max:
                    raise Oversized
        return PostAnswer(answer.status_code, dict(answer.headers))
    finally:
        # What it says beside that is of no use, and could be long.
        await answer.aclose()

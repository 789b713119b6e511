"""One request to a service whose address is known beforehand: of a phone's maker, of a CDN."""

import asyncio
from typing import Any, NamedTuple

import httpx

from kaif.engines.web import ANSWER_WITHIN_S, Unreachable, retry_after_s
from kaif.engines.web.resets import Client

# What they say of a failure is short.
ANSWER_BYTES_MAX = 64 << 10


class Answer(NamedTuple):
    status: int
    content: bytes
    retry_after_s: int

    @property
    def is_success(self) -> bool:
        return 200 <= self.status < 300


def vendor_client(*, http2: bool = False) -> httpx.AsyncClient:
    """With `http2` it speaks nothing else."""
    return Client(http1=not http2, http2=http2, timeout=ANSWER_WITHIN_S, follow_redirects=False, trust_env=False)


async def ask(http: httpx.AsyncClient, url: str, **how: Any) -> Answer:
    """Raises Unreachable."""
    try:
        async with asyncio.timeout(ANSWER_WITHIN_S):
            answer = await http.send(http.build_request("POST", url, **how), stream=True)
            try:
                content = b""
                async for part in answer.aiter_bytes():
                    content += part
                    if len(content) > ANSWER_BYTES_MAX:
                        raise Unreachable("an answer that is too long")
            finally:
                await answer.aclose()
            return Answer(answer.status_code, content, retry_after_s(answer.headers.get("retry-after", "")))
    except (httpx.HTTPError, httpx.InvalidURL, OSError, TimeoutError) as error:
        raise Unreachable(type(error).__name__) from error

"""Cloudflare's API (developers.cloudflare.com/api/resources/cache/methods/purge, "Purge Cached Content by Prefix").

By prefix rather than by address: one covers all that was made of a file, whichever links led to it, and with whichever
`Origin` browsers asked, which are parts of its cache's keys. Since 2025 all plans have it; the free one takes 5 calls a
minute, 25 at first.
"""

import re
from collections.abc import Sequence
from functools import cached_property
from urllib.parse import urlsplit

import httpx
import msgspec

from kaif.engines.cdn import PREFIXES_AT_ONCE_MAX, PurgeRefused
from kaif.engines.web import Unreachable
from kaif.engines.web.vendor import ask, vendor_client

API = "https://api.cloudflare.com/client/v4"
_ZONE = re.compile(r"([0-9a-f]{32})(?:\?endpoint=(\S+))?", re.A)
_TOKEN = re.compile(r"[\x21-\x7e]{20,400}", re.A)


class _Problem(msgspec.Struct):
    code: int = 0
    message: str = ""


class _Answer(msgspec.Struct):
    success: bool = False
    errors: list[_Problem] = []


class Cloudflare:
    def __init__(self, zone: str, token: str) -> None:
        """`ZONE`, and `?endpoint=URL` where its API is elsewhere. Raises ValueError."""
        found = _ZONE.fullmatch(zone)
        if not found:
            raise ValueError("a zone of Cloudflare's is 32 hexadecimal digits")
        if not _TOKEN.fullmatch(token):
            raise ValueError("Cloudflare takes an API token, which has to be given")
        endpoint = (found[2] or API).rstrip("/")
        parts = urlsplit(endpoint)
        if parts.scheme != "https" and parts.hostname != "127.0.0.1":
            raise ValueError("a token goes to https alone")
        self._url = f"{endpoint}/zones/{found[1]}/purge_cache"
        self._headers = {"authorization": f"Bearer {token}", "accept-encoding": "identity"}

    @cached_property
    def _http(self) -> httpx.AsyncClient:
        return vendor_client()

    async def purge(self, prefixes: Sequence[str]) -> None:
        assert 0 < len(prefixes) <= PREFIXES_AT_ONCE_MAX
        try:
            answer = await ask(self._http, self._url, headers=self._headers, json={"prefixes": list(prefixes)})
        except Unreachable as error:
            raise PurgeRefused(f"Cloudflare does not answer ({error})") from error
        said = _read(answer.content)
        if not (answer.is_success and said.success):
            why = "; ".join(f"{problem.code} {problem.message}"[:100] for problem in said.errors[:3])
            raise PurgeRefused(f"Cloudflare answers {answer.status}: {why or 'no reason'}", answer.retry_after_s)

    async def close(self) -> None:
        if "_http" in vars(self):
            await self._http.aclose()


def _read(content: bytes) -> _Answer:
    """What is no answer of its API, such as a page of some proxy, is no success."""
    try:
        return msgspec.json.decode(content, type=_Answer)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return _Answer()

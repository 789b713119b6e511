"""A CDN of the test's own: a caching proxy that does by HTTP what Cloudflare's does.

It passes on the name by which it was asked, keeps whole answers for as long as they say, under their address and the
asking page's origin, cuts ranges out of what it keeps, never looks at Vary, and forgets by prefix.
"""

import asyncio
import contextlib
import time
from collections import Counter
from typing import NamedTuple
from urllib.parse import urlsplit

import httpx
from tests.engines.vendors import Served

_PASSED_ON = {"accept", "access-control-request-headers", "access-control-request-method", "origin", "user-agent"}
_OF_ONE_HOP = {"connection", "content-length", "date", "keep-alive", "transfer-encoding"}


class Kept(NamedTuple):
    status: int
    headers: list[tuple[str, str]]
    body: bytes
    until_s: float


class EdgeCache(Served):
    def __init__(self) -> None:
        super().__init__()
        self.origin = ""
        # How wrong its clock is.
        self.ahead_s = 0.0
        self.hits, self.fills = Counter[str](), Counter[str]()
        self._kept: dict[tuple[str, str], Kept] = {}
        self._filling: dict[tuple[str, str], asyncio.Lock] = {}
        self._http = httpx.AsyncClient(trust_env=False, timeout=60)

    @property
    def url(self) -> str:
        return f"http://localhost:{urlsplit(super().url).port}"

    @property
    def holds(self) -> set[str]:
        """The addresses of what it keeps and would still show."""
        return {path for (path, _), kept in self._kept.items() if kept.until_s > self._now_s()}

    def purge(self, prefixes: list[str]) -> None:
        name = self.url.removeprefix("http://")
        self._kept = {
            key: kept
            for key, kept in self._kept.items()
            if not any(f"{name}{key[0]}".startswith(prefix) for prefix in prefixes)
        }

    async def close(self) -> None:
        await super().close()
        await self._http.aclose()

    def _now_s(self) -> float:
        return time.time() + self.ahead_s

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        method, path, _ = head[0].split()
        headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in head[1:] if line)}
        kept = await self._look(method, path, headers)
        status, more, body = kept.status, [*kept.headers], kept.body
        if status == 200 and (wanted := headers.get("range", "")).startswith("bytes="):
            first, _, last = wanted.removeprefix("bytes=").partition("-")
            start, end = int(first), min(int(last or len(body)), len(body) - 1)
            status, body = 206, body[start : end + 1]
            more.append(("content-range", f"bytes {start}-{end}/{len(kept.body)}"))
        lines = [f"HTTP/1.1 {status} X", "connection: close", f"content-length: {len(body)}"]
        lines += [f"{name}: {value}" for name, value in more]
        writer.write("\r\n".join([*lines, "", ""]).encode("latin-1"))
        with contextlib.suppress(ConnectionError):
            writer.write(b"" if method == "HEAD" else body)
            await writer.drain()

    async def _look(self, method: str, path: str, headers: dict[str, str]) -> Kept:
        if method != "GET":
            return await self._ask(method, path, headers)
        key = path, headers.get("origin", "")
        async with self._filling.setdefault(key, asyncio.Lock()):
            kept = self._kept.get(key)
            if kept and kept.until_s > self._now_s():
                self.hits[path] += 1
                return kept
            self.fills[path] += 1
            kept = await self._ask(method, path, headers)
            if kept.until_s and kept.status == 200:
                self._kept[key] = kept
            return kept

    async def _ask(self, method: str, path: str, headers: dict[str, str]) -> Kept:
        asked = {name: value for name, value in headers.items() if name in _PASSED_ON}
        answer = await self._http.request(method, self.origin + path, headers={**asked, "host": headers["host"]})
        passed = [(name, value) for name, value in answer.headers.items() if name not in _OF_ONE_HOP]
        said = dict(part.strip().partition("=")[::2] for part in answer.headers.get("cache-control", "").split(","))
        may_keep = "public" in said and said.get("max-age", "").isdigit()
        return Kept(
            answer.status_code, passed, answer.content, self._now_s() + int(said["max-age"]) if may_keep else 0.0
        )

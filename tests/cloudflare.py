"""Cloudflare's API as its documentation describes it, on this machine: it checks what it is asked, and answers in kind.

developers.cloudflare.com/api/resources/cache/methods/purge and …/cache/how-to/purge-cache/purge_by_prefix.
"""

import asyncio
import json
import re
from collections.abc import Callable
from typing import Any, ClassVar

from tests.engines.vendors import Served

ZONE = "023e105f4ecef8ad9ca31a8372d0c353"
TOKEN = "Sn3lZJTBX6kkg7OdcBUAxOO963GEIyGQqnFTOFYY"
# Of the free plan; others take more.
PREFIXES_MAX = 30
# A host, then a path without a query: "www.example.com/foo".
_PREFIX = re.compile(r"[a-z0-9.-]+(:\d+)?(/[A-Za-z0-9._~-]+)*/?")


def _failed(code: int, message: str) -> bytes:
    answer = {"success": False, "errors": [{"code": code, "message": message}], "messages": [], "result": None}
    return json.dumps(answer).encode()


class CloudflareApi(Served):
    """`fail` says how the next calls end, until it is "" again."""

    FAILURES: ClassVar[dict[str, tuple[str, bytes, str]]] = {
        "busy": ("429 Too Many Requests", _failed(971, "Please wait and consider throttling"), "retry-after: 7\r\n"),
        "down": ("503 Service Unavailable", b"<html>error 503</html>", ""),
        "denied": ("403 Forbidden", _failed(10000, "Authentication error"), ""),
        "unwilling": ("200 OK", _failed(1012, "Request must contain one of ..."), ""),
        "a proxy": ("200 OK", b"<html>Sign in to the network</html>", ""),
        "a list": ("200 OK", b"[1]", ""),
    }

    def __init__(self) -> None:
        super().__init__()
        self.fail = ""
        # What it was told to forget: each call.
        self.calls: list[list[str]] = []
        self.on_purge: Callable[[list[str]], None] = lambda prefixes: None

    @property
    def place(self) -> str:
        """As KAIF_CDN_PURGE names it."""
        return f"cloudflare:{ZONE}?endpoint={self.url}/client/v4"

    @property
    def purged(self) -> list[str]:
        return [prefix for call in self.calls for prefix in call]

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
            headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in head[1:] if line)}
            body = await reader.readexactly(int(headers["content-length"]))
            status, content, more = self._answer(head[0], headers, body)
            length = f"content-length: {len(content)}\r\n"
            writer.write(f"HTTP/1.1 {status}\r\ncontent-type: application/json\r\n{more}{length}\r\n".encode())
            writer.write(content)
            await writer.drain()

    def _answer(self, line: str, headers: dict[str, str], body: bytes) -> tuple[str, bytes, str]:
        if line != f"POST /client/v4/zones/{ZONE}/purge_cache HTTP/1.1":
            return "404 Not Found", _failed(7003, "Could not route"), ""
        if headers.get("authorization") != f"Bearer {TOKEN}":
            return "403 Forbidden", _failed(10000, "Authentication error"), ""
        if self.fail:
            return self.FAILURES[self.fail]
        if headers["content-type"] != "application/json" or not _is_documented(json.loads(body)):
            return "400 Bad Request", _failed(1012, "Request must contain one of ..."), ""
        prefixes: list[str] = json.loads(body)["prefixes"]
        self.calls.append(prefixes)
        self.on_purge(prefixes)
        return (
            "200 OK",
            json.dumps({"success": True, "errors": [], "messages": [], "result": {"id": ZONE}}).encode(),
            "",
        )


def _is_documented(body: Any) -> bool:
    prefixes = body.get("prefixes")
    good = isinstance(prefixes, list) and 0 < len(prefixes) <= PREFIXES_MAX and set(body) == {"prefixes"}
    return good and all(isinstance(one, str) and _PREFIX.fullmatch(one) for one in prefixes)

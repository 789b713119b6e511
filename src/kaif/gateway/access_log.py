"""One JSON line for each request: what, how it went, how long; no query, no header, no body."""

import asyncio
from typing import Protocol

import msgspec

from kaif.kernel.clock import now_us

FLUSH_AFTER_S = 0.25
# Should the log's disk hang, this many lines are kept; later ones are dropped and counted.
LINES_MAX = 50_000


class Line(msgspec.Struct, frozen=True):
    at_us: int
    request_id: str
    method: str
    route: str
    status: int
    took_us: int
    user_id: str
    address: str


class Sink(Protocol):
    def write(self, data: bytes, /) -> object: ...


class AccessLog:
    def __init__(self, sink: Sink) -> None:
        self._sink = sink
        self._lines: list[bytes] = []
        self._encode = msgspec.json.Encoder().encode
        self.dropped = 0

    def add(
        self, request_id: str, method: str, route: str, status: int, seconds: float, user_id: str, address: str
    ) -> None:
        if not self._lines:
            asyncio.get_running_loop().call_later(FLUSH_AFTER_S, self.flush)
        elif len(self._lines) >= LINES_MAX:
            self.dropped += 1
            return
        took_us = int(seconds * 1e6)
        self._lines.append(self._encode(Line(now_us(), request_id, method, route, status, took_us, user_id, address)))

    def flush(self) -> None:
        lines, self._lines = self._lines, []
        if not lines:
            return
        try:
            self._sink.write(b"\n".join(lines) + b"\n")
        except OSError:
            # A full disk must not stop the service that could still be reading from it.
            self.dropped += len(lines)

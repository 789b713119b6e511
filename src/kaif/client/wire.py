"""The way to a server: what the rules need of it, so that they can be tried without one (tests/simulation)."""

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple, Protocol

from kaif.client.errors import ClientError


class Hangup(ClientError):
    """The socket is closed; `code` as in docs/realtime.md, 1006 when nobody said why (RFC 6455, 7.1.5)."""

    def __init__(self, code: int) -> None:
        super().__init__(f"closed with {code}")
        self.code = code


class Content(NamedTuple):
    """The body of a request that is a file, and what it is called."""

    name: str
    content: bytes | Path


class Line(Protocol):
    """An open socket."""

    async def receive(self) -> bytes:
        """The next frame. Raises Hangup."""
        ...

    def send(self, frame: bytes) -> None:
        """May be lost, and always is once the socket is closed."""
        ...

    async def close(self) -> None: ...


class Wire(Protocol):
    async def open(self) -> Line:
        """Raises Unreachable, Refused."""
        ...

    async def ask(self, method: str, path: str, query: Mapping[str, str | int], body: object = None) -> bytes:
        """One request, tried once; `body` is JSON, or a Content. Raises Unreachable, Refused."""
        ...

    async def renew(self) -> None:
        """The proof of identity was refused: get a new one, where that is possible. Raises Unreachable, Refused."""
        ...

    async def close(self) -> None: ...

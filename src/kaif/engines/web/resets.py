"""httpx on uvloop, on which servers run: there a connection that was reset in the moment in which it was opened has no
socket any more, and anyio, which looks at that before anything else, fails as if the program were wrong.
"""

import contextlib
from collections.abc import Iterator
from typing import Any

import httpx


class Client(httpx.AsyncClient):
    """Says of such a connection what httpx says of any other that can't be had."""

    async def send(self, *request: Any, **how: Any) -> httpx.Response:
        with told_as_unconnected():
            return await super().send(*request, **how)


@contextlib.contextmanager
def told_as_unconnected() -> Iterator[None]:
    """Raises httpx.ConnectError."""
    try:
        yield
    except AttributeError as error:
        if error.name != "getpeername":
            raise
        raise httpx.ConnectError("It was reset as it was opened.") from error

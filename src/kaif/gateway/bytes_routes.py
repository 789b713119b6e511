"""Routes whose requests or answers are bytes, not JSON: the edge finds, limits and admits them as any other."""

from collections.abc import Awaitable, Callable
from typing import NamedTuple

from kaif.gateway.answers import Answer
from kaif.gateway.requests import Request
from kaif.kernel.http import Route


class BytesEndpoint(NamedTuple):
    """`handle` is given the values of the path. With `streams` it reads `request.stream`."""

    route: Route
    handle: Callable[[Request, dict[str, str]], Awaitable[Answer]]
    streams: bool = False

"""Waiting for what happens in its own time."""

import asyncio
import time
from collections.abc import Awaitable, Callable


async def until(condition: Callable[[], bool], timeout_s: float = 10) -> None:
    """As soon as the condition holds; fails when that takes too long."""
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, "waited too long"
        await asyncio.sleep(0.005)


async def eventually(condition: Callable[[], Awaitable[bool]], timeout_s: float = 10) -> None:
    """The same, for a condition that has to be asked for."""
    deadline = time.monotonic() + timeout_s
    while not await condition():
        assert time.monotonic() < deadline, "waited too long"
        await asyncio.sleep(0.005)

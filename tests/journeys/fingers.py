"""Fingers on a touch screen: the events that a phone's browser gets, through all that it makes of them."""

import asyncio
from dataclasses import dataclass
from typing import Any

from playwright.async_api import CDPSession, Locator
from tests.journeys.browser import Window

_STEPS = 8
# Longer than any screen of ours takes a press to be long.
LONG_PRESS_S = 0.6

Point = tuple[float, float]


@dataclass
class Hand:
    """What is done with one's fingers in a window; everything is in pixels of the window."""

    window: Window
    _session: CDPSession | None = None

    async def _send(self, kind: str, *points: Point) -> None:
        if self._session is None:
            self._session = await self.window.context.new_cdp_session(self.window.page)
        touches: list[dict[str, Any]] = [{"x": x, "y": y, "id": finger} for finger, (x, y) in enumerate(points)]
        await self._session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": touches})

    async def press(self, point: Point) -> None:
        await self._send("touchStart", point)

    async def move(self, start: Point, end: Point) -> None:
        """A finger that is down already."""
        for step in range(1, _STEPS + 1):
            await self._send("touchMove", between(start, end, step / _STEPS))

    async def lift(self) -> None:
        await self._send("touchEnd")

    async def drag(self, start: Point, end: Point) -> None:
        await self.press(start)
        await self.move(start, end)
        await self.lift()

    async def hold(self, target: Locator, x: float = 0.5, y: float = 0.5) -> None:
        """A long press."""
        await self.press(await spot(target, x, y))
        await asyncio.sleep(LONG_PRESS_S)
        await self.lift()

    async def tap_twice(self, point: Point) -> None:
        for _ in range(2):
            await self.press(point)
            await self.lift()

    async def pinch(self, middle: Point, start_px: float, end_px: float) -> None:
        """Two fingers that lie beside each other go apart, or together."""

        def fingers(apart: float) -> tuple[Point, Point]:
            return (middle[0] - apart / 2, middle[1]), (middle[0] + apart / 2, middle[1])

        await self._send("touchStart", fingers(start_px)[0])
        await self._send("touchStart", *fingers(start_px))
        for step in range(1, _STEPS + 1):
            await self._send("touchMove", *fingers(start_px + (end_px - start_px) * step / _STEPS))
        await self.lift()


def between(start: Point, end: Point, share: float) -> Point:
    return start[0] + (end[0] - start[0]) * share, start[1] + (end[1] - start[1]) * share


async def spot(target: Locator, x: float = 0.5, y: float = 0.5) -> Point:
    """A point of it, by shares of its sides."""
    await target.scroll_into_view_if_needed()
    box = await target.bounding_box()
    assert box, "it is not to be seen"
    return box["x"] + box["width"] * x, box["y"] + box["height"] * y

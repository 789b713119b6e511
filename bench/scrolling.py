"""How smoothly a chat of a hundred thousand messages scrolls in Chromium: `python -m bench.scrolling`.

A wheel is turned for some seconds up into the history and back. Printed are the frames that were drawn in a second,
by requestAnimationFrame, the longest and the 95th percentile of the pauses between two of them, and what lives in the
page's heap after a collection. Without a screen Chromium draws by the processor: a figure of this machine alone.

`work_up` and `work_down` are milliseconds of the main thread's own processor time for each of 150 frames of 240 pixels,
over messages that were not seen before and over those that were: what others do on the machine has little part in them.
"""

import asyncio
import itertools
import json
import sys
import tempfile
from pathlib import Path
from typing import Any

from playwright.async_api import expect
from tests.harness import running_server
from tests.journeys.browser import ANNA, BORIS, Window, Windows, chromium
from tests.journeys.test_long_chat import MESSAGES, heap_bytes, long_chat

from bench.main_thread import work_of_scrolling

SECONDS = 10
WHEEL_PX = 240
WHEEL_EACH_MS = 16
FRAMES = 150

_WATCH = """() => {
  window.frameTimes = []
  const note = (now) => { window.frameTimes.push(now); window.frameWatch = requestAnimationFrame(note) }
  window.frameWatch = requestAnimationFrame(note)
}"""
_STOP = "() => { cancelAnimationFrame(window.frameWatch); return window.frameTimes }"


async def frames_while(window: Window, by_px: int, seconds: float) -> dict[str, float]:
    """Turn the wheel in a steady hand; what was drawn meanwhile."""
    await window.log.hover()
    await window.page.evaluate(_WATCH)
    loop = asyncio.get_running_loop()
    ends = loop.time() + seconds
    while loop.time() < ends:
        await window.page.mouse.wheel(0, by_px)
        await asyncio.sleep(WHEEL_EACH_MS / 1000)
    times: list[float] = await window.page.evaluate(_STOP)
    pauses = sorted(later - earlier for earlier, later in itertools.pairwise(times))
    return {
        "frames_per_s": len(pauses) / (times[-1] - times[0]) * 1000,
        "pause_p95_ms": pauses[int(len(pauses) * 0.95)],
        "pause_max_ms": pauses[-1],
    }


async def measure(folder: Path) -> dict[str, Any]:
    async with running_server(folder) as server, chromium() as browser:
        windows = Windows(browser, server.url)
        await long_chat(server)
        window = await windows.open()
        await window.sign_in(ANNA.username)
        await window.open_chat(BORIS.name)
        await expect(window.message(f"№{MESSAGES}.")).to_be_visible()
        still = await frames_while(window, 0, 2)
        figures = {
            "messages": MESSAGES,
            "still": still,
            "up": await frames_while(window, -WHEEL_PX, SECONDS),
            "down": await frames_while(window, WHEEL_PX, SECONDS),
            "work_up": await work_of_scrolling(window, -WHEEL_PX, FRAMES),
            "work_down": await work_of_scrolling(window, WHEEL_PX, FRAMES),
            "heap_mb": await heap_bytes(window) / 1e6,
        }
        await windows.close()
        return figures


def main() -> int:
    with tempfile.TemporaryDirectory(prefix="kaif-bench-") as name:
        print(json.dumps(asyncio.run(measure(Path(name))), indent=2))
    return 0


if __name__ == "__main__":
    sys.exit(main())

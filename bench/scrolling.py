"""How smoothly a chat of a hundred thousand messages scrolls in Chromium: `python -m bench.scrolling`.

A wheel is turned some hundred times up into the history and back, in the chat and, in turns with it, in a control: a
page of as many words and nothing else, neither a script nor a style that costs. What the control shows is what this
machine can draw at all, and `of_control` is the chat's share of its frames: sixty a second are sixty where the control
has them.

`frames_per_s` are counted by requestAnimationFrame, `pause_*` are the pauses between two of them. `work` is processor
time of all threads of the browser for each of 150 frames of 240 pixels, in milliseconds, the greatest threads by name,
and `main` what of it the page's main thread did by Chromium's counters: what others do on the machine has little part
in them. Each figure of work is the least of its rounds. Without a screen Chromium draws by the processor.
"""

import asyncio
import itertools
import json
import sys
import tempfile
from pathlib import Path
from typing import Any

from playwright.async_api import Browser, Locator, expect
from tests.harness import running_server
from tests.journeys.browser import ANNA, BORIS, WIDE, Window, Windows, chromium
from tests.journeys.test_long_chat import MESSAGES, body, heap_bytes, long_chat

from bench.main_thread import work_of_scrolling
from bench.threads import browser_pids, spent_ms

TURNS = 300
ROUNDS = 3
WHEEL_PX = 240
WHEEL_EACH_MS = 16
FRAMES = 150
WAYS = ("up", "down")
# More than a wheel comes through, as in the chat.
CONTROL_MESSAGES = 6000
# Threads with less than this part of a millisecond for each frame are not named.
NAMED_MS = 0.3

_CONTROL = """<!doctype html><meta charset="utf-8"><style>
body { margin: 0 }
#log { height: 100vh; overflow-y: auto; background: #fff; font: 15px/21px sans-serif }
p { max-width: 540px; margin: 10px auto }
</style><div id="log">"""

_WATCH = """() => {
  window.frameTimes = []
  const note = (now) => { window.frameTimes.push(now); window.frameWatch = requestAnimationFrame(note) }
  window.frameWatch = requestAnimationFrame(note)
}"""
_STOP = "() => { cancelAnimationFrame(window.frameWatch); return window.frameTimes }"


async def frames_while(log: Locator, by_px: int, turns: int) -> dict[str, float]:
    """Turn the wheel in a steady hand; what was drawn meanwhile."""
    await log.hover()
    await log.page.evaluate(_WATCH)
    for _ in range(turns):
        await log.page.mouse.wheel(0, by_px)
        await asyncio.sleep(WHEEL_EACH_MS / 1000)
    times: list[float] = await log.page.evaluate(_STOP)
    pauses = sorted(later - earlier for earlier, later in itertools.pairwise(times))
    return {
        "frames_per_s": len(pauses) / (times[-1] - times[0]) * 1000,
        "pause_p95_ms": pauses[int(len(pauses) * 0.95)],
        "pause_max_ms": pauses[-1],
    }


async def work_while(log: Locator, by_px: int, pids: list[int]) -> dict[str, Any]:
    before = spent_ms(pids)
    main = await work_of_scrolling(log, by_px, FRAMES)
    each = {name: (spent - before.get(name, 0)) / FRAMES for name, spent in spent_ms(pids).items()}
    greatest = sorted(each.items(), key=lambda one: -one[1])
    return {
        "ms_per_frame": round(sum(each.values()), 2),
        "threads": {name: round(spent, 2) for name, spent in greatest if spent >= NAMED_MS},
        "main": main,
    }


async def opened_chat(windows: Windows) -> Window:
    window = await windows.open()
    await window.sign_in(ANNA.username)
    await window.open_chat(BORIS.name)
    await expect(window.message(f"№{MESSAGES}.")).to_be_visible()
    return window


async def opened_control(browser: Browser) -> Locator:
    page = await browser.new_page(viewport={"width": WIDE[0], "height": WIDE[1]})
    texts = (json.loads(body(seq, 0))["text"] for seq in range(CONTROL_MESSAGES))
    await page.set_content(_CONTROL + "".join(f"<p>{text}</p>" for text in texts))
    log = page.locator("#log")
    await log.evaluate("(log) => { log.scrollTop = log.scrollHeight }")
    return log


async def compared(logs: dict[str, Locator], pids: list[int]) -> dict[str, Any]:
    """Both in turns, so that what else the machine does meets both alike."""
    drawn: dict[tuple[str, str], list[dict[str, float]]] = {}
    worked: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for _, (name, log) in itertools.product(range(ROUNDS), logs.items()):
        await log.page.bring_to_front()
        # The way down is never longer than the one up: at its end nothing would be left to draw.
        drawn.setdefault((name, "up"), []).append(await frames_while(log, -WHEEL_PX, TURNS))
        worked.setdefault((name, "up"), []).append(await work_while(log, -WHEEL_PX, pids))
        worked.setdefault((name, "down"), []).append(await work_while(log, WHEEL_PX, pids))
        drawn.setdefault((name, "down"), []).append(await frames_while(log, WHEEL_PX, TURNS))
    figures: dict[str, Any] = {
        name: {way: {"drawn": drawn[name, way], "work": _least(worked[name, way])} for way in WAYS} for name in logs
    }
    frames = {key: sum(one["frames_per_s"] for one in rounds) for key, rounds in drawn.items()}
    return figures | {"of_control": {way: round(frames["chat", way] / frames["control", way], 3) for way in WAYS}}


def _least(rounds: list[dict[str, Any]]) -> dict[str, Any]:
    return min(rounds, key=lambda one: float(one["ms_per_frame"]))


async def measure(folder: Path) -> dict[str, Any]:
    async with running_server(folder) as server, chromium() as browser:
        windows = Windows(browser, server.url)
        await long_chat(server)
        window = await opened_chat(windows)
        still = await frames_while(window.log, 0, TURNS // 3)
        logs = {"chat": window.log, "control": await opened_control(browser)}
        figures = {"messages": MESSAGES, "still": still, **await compared(logs, browser_pids())}
        figures["heap_mb"] = await heap_bytes(window) / 1e6
        await windows.close()
        return figures


def main() -> int:
    with tempfile.TemporaryDirectory(prefix="kaif-bench-") as name:
        print(json.dumps(asyncio.run(measure(Path(name))), indent=2))
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""What a page's main thread does, by Chromium's own counters, in time of its processor alone."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from playwright.async_api import CDPSession, Locator, Page

PARTS = {
    "TaskDuration": "all",
    "ScriptDuration": "scripts",
    "RecalcStyleDuration": "style",
    "LayoutDuration": "layout",
}
COUNTS = {"RecalcStyleCount": "styles", "LayoutCount": "layouts"}

# A frame for each step: what the wheel does, without waiting for whoever turns it.
SCROLL = """(log, [by, frames]) => new Promise((done) => {
  const step = () => {
    if (!frames--) return done()
    log.scrollTop += by
    requestAnimationFrame(step)
  }
  requestAnimationFrame(step)
})"""


@asynccontextmanager
async def counters(page: Page) -> AsyncIterator[CDPSession]:
    session = await page.context.new_cdp_session(page)
    await session.send("Performance.enable", {"timeDomain": "threadTicks"})
    yield session
    await session.detach()


async def work_of_scrolling(log: Locator, by_px: int, frames: int) -> dict[str, float]:
    """Milliseconds of the main thread's processor for each frame, and how often style and layout were made in it."""
    async with counters(log.page) as session:
        before = await _counted(session)
        await log.evaluate(SCROLL, [by_px, frames])
        after = await _counted(session)
    spent = {name: round((after[key] - before[key]) * 1000 / frames, 2) for key, name in PARTS.items()}
    return spent | {name: round((after[key] - before[key]) / frames, 2) for key, name in COUNTS.items()}


async def _counted(session: CDPSession) -> dict[str, float]:
    answer = await session.send("Performance.getMetrics")
    return {metric["name"]: metric["value"] for metric in answer["metrics"]}

"""What axe finds on the screens of a walk, in the light and in the dark."""

from axe_playwright_python.base import AXE_SCRIPT
from playwright.async_api import Page
from tests.journeys.browser import Window

GRAVE = ("serious", "critical")
# What a theme has a part in; for all else the one look in the light is enough.
OF_COLOURS = ["color-contrast", "link-in-text-block"]

# Halfway between two themes nothing has the contrast that it will have.
_TRANSITIONS_END = """() => Promise.allSettled(
  document.getAnimations().filter((each) => each instanceof CSSTransition).map((each) => each.finished))"""

# Without all that is in order, which axe tells of at length.
_VIOLATIONS = """async (options) => (await axe.run(options)).violations.map(
  ({ id, impact, nodes }) => ({ id, impact, targets: nodes.map((node) => node.target) }))"""


class Look:
    """Call it on each screen. The theme is the system's, so the walk goes on in the same window."""

    def __init__(self, window: Window) -> None:
        self._window, self._found = window, list[str]()

    async def __call__(self, screen: str) -> None:
        page = self._window.page
        await page.emulate_media(color_scheme="light")
        await page.evaluate(_TRANSITIONS_END)
        self._found += [f"{screen}, light: {violation}" for violation in await grave_violations(page)]
        await page.emulate_media(color_scheme="dark")
        await page.evaluate(_TRANSITIONS_END)
        self._found += [f"{screen}, dark: {violation}" for violation in await grave_violations(page, OF_COLOURS)]
        if await page.evaluate("document.documentElement.scrollWidth > innerWidth"):
            self._found.append(f"{screen} scrolls sideways")

    def assert_nothing_grave(self) -> None:
        assert not self._found, "\n".join(self._found)


async def grave_violations(page: Page, rules: list[str] | None = None) -> list[str]:
    """By all rules unless some are named."""
    options = {"runOnly": {"type": "rule", "values": rules}} if rules else {}
    # Half a megabyte, which stays in a document for all its screens.
    if not await page.evaluate("'axe' in window"):
        await page.evaluate(AXE_SCRIPT)
    violations = await page.evaluate(_VIOLATIONS, {**options, "resultTypes": ["violations"]})
    return [f"{each['id']} on {each['targets']}" for each in violations if each["impact"] in GRAVE]

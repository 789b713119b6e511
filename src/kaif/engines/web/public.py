"""Pages and their pictures on our terms: from public addresses, in time, of a size, and nothing of who named them."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

import httpx

from kaif.engines.web import Unreachable
from kaif.engines.web.addresses import ForbiddenAddress
from kaif.engines.web.pages import (
    PAGE_BYTES_MAX,
    PAGE_WITHIN_S,
    PICTURE_BYTES_MAX,
    PICTURE_WITHIN_S,
    NotAPage,
    WebPage,
)
from kaif.engines.web.pinned import PORTS, PinnedWeb
from kaif.kernel.limits import Limit, Limits

REDIRECTS_MAX = 3
# Whoever has many addresses could have all of them lead to one site, which nobody would have named.
LED_TO_ONE_SITE = Limit("pages_led_to_one_site", per_minute=30, burst=20)
URL_CHARACTERS_MAX = 2048
CONNECTIONS_MAX = 20

# "bot" is what servers look for when they answer programs: with a page that says what it is about.
USER_AGENT = "Kaif-Ozero (link preview bot)"
# Compressed, a small answer may be a large one: we ask for none of that.
HEADERS = {"user-agent": USER_AGENT, "accept-encoding": "identity"}
PAGE_HEADERS = {**HEADERS, "accept": "text/html,application/xhtml+xml"}
PICTURE_HEADERS = {**HEADERS, "accept": "image/webp,image/avif,image/jpeg,image/png,image/gif"}
TYPES = ("text/html", "application/xhtml+xml")
REDIRECTS = (301, 302, 303, 307, 308)

Found = TypeVar("Found")


class PublicPages:
    """With `private_too` pages may lie in our own network, and at any port: for tests and closed networks."""

    def __init__(
        self,
        *,
        private_too: bool = False,
        within_s: float = PAGE_WITHIN_S,
        picture_within_s: float = PICTURE_WITHIN_S,
    ) -> None:
        self._private_too, self._within_s, self._picture_within_s = private_too, within_s, picture_within_s
        self._limits = Limits()
        self._web = PinnedWeb(private_too=private_too, within_s=within_s, connections_max=CONNECTIONS_MAX)

    async def read(self, url: str) -> WebPage:
        async def page_at(url: httpx.URL, answer: httpx.Response) -> WebPage:
            return WebPage(str(url), _charset_of(answer), await _head_of(answer))

        return await self._found(url, PAGE_HEADERS, page_at, self._within_s)

    async def read_picture(self, url: str) -> bytes:
        async def picture_at(url: httpx.URL, answer: httpx.Response) -> bytes:
            _must_be_there(answer)
            return await _whole_of(answer)

        return await self._found(url, PICTURE_HEADERS, picture_at, self._picture_within_s)

    async def _found(
        self,
        url: str,
        headers: dict[str, str],
        take: Callable[[httpx.URL, httpx.Response], Awaitable[Found]],
        within_s: float,
    ) -> Found:
        try:
            # httpx limits each step; whoever answers a byte at a time would keep us for ever.
            async with asyncio.timeout(within_s):
                for _ in range(REDIRECTS_MAX + 1):
                    asked = _checked(url, self._private_too)
                    answer = await self._web.ask("GET", asked, headers)
                    try:
                        if answer.status_code not in REDIRECTS:
                            return await take(asked, answer)
                        url = self._led(asked, answer.headers.get("location", ""))
                    finally:
                        await answer.aclose()
                raise NotAPage("It leads from one address to another.")
        except (httpx.HTTPError, OSError, TimeoutError) as error:
            raise Unreachable(type(error).__name__) from error
        except (httpx.InvalidURL, UnicodeError, ForbiddenAddress) as error:
            raise NotAPage(type(error).__name__) from error

    def _led(self, asked: httpx.URL, location: str) -> str:
        """Raises Unreachable where too many were led there of late."""
        url = asked.join(location)
        if url.host != asked.host and self._limits.wait_s(LED_TO_ONE_SITE, url.host):
            raise Unreachable("Too many addresses lead there.")
        return str(url)

    async def close(self) -> None:
        await self._web.close()


def _checked(address: str, private_too: bool) -> httpx.URL:
    """Raises NotAPage, httpx.InvalidURL."""
    if len(address) > URL_CHARACTERS_MAX:
        raise NotAPage("Its address is too long.")
    url = httpx.URL(address)
    if url.scheme not in PORTS or not url.host or url.userinfo:
        raise NotAPage("It is no address of a page.")
    # At other ports stand other things than pages.
    if not private_too and url.port not in (None, PORTS[url.scheme]):
        raise NotAPage("It has a port of its own.")
    return url


def _must_be_there(answer: httpx.Response) -> None:
    """Raises NotAPage, and Unreachable for what may be there later."""
    if answer.status_code == 429 or answer.status_code >= 500:
        raise Unreachable(f"It answers {answer.status_code}.")
    if answer.status_code != 200:
        raise NotAPage(f"It answers {answer.status_code}.")
    if answer.headers.get("content-encoding", "identity").strip().lower() != "identity":
        raise NotAPage("It comes in an encoding that was not asked for.")


def _charset_of(answer: httpx.Response) -> str:
    """Raises NotAPage for what is none, Unreachable for what may be one later."""
    _must_be_there(answer)
    if answer.headers.get("content-type", "").partition(";")[0].strip().lower() not in TYPES:
        raise NotAPage("It is of another type.")
    return answer.charset_encoding or ""


async def _head_of(answer: httpx.Response) -> bytes:
    assert isinstance(answer.stream, httpx.AsyncByteStream)
    head = bytearray()
    async for piece in answer.stream:
        looked_at = max(len(head) - 8, 0)
        head += piece
        if len(head) >= PAGE_BYTES_MAX or b"</head" in head[looked_at:].lower():
            break
    return bytes(head[:PAGE_BYTES_MAX])


async def _whole_of(answer: httpx.Response) -> bytes:
    """Raises NotAPage."""
    assert isinstance(answer.stream, httpx.AsyncByteStream)
    whole = bytearray()
    async for piece in answer.stream:
        whole += piece
        if len(whole) > PICTURE_BYTES_MAX:
            raise NotAPage("It is too large.")
    return bytes(whole)

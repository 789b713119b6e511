"""What pages say, once for all who ask: a page is read by one process at a time, and what it says is kept for all."""

import asyncio
import hashlib
from urllib.parse import urlsplit

import msgspec

from kaif.engines.database import Database
from kaif.engines.web import Unreachable
from kaif.engines.web.pages import PAGE_WITHIN_S, PICTURE_WITHIN_S, NotAPage, Pages
from kaif.engines.web.summaries import Summary, summary_of
from kaif.interfaces.messaging.content import LinkPreview, PreviewPicture
from kaif.kernel.clock import DAY_US, MINUTE_US, SECOND_US, Clock
from kaif.kernel.limits import Limit, Limits
from kaif.services.messaging.previews import picture_store
from kaif.services.messaging.previews import store as preview_store
from kaif.services.messaging.previews.picturing import KEPT_WITHIN_S, NotNow, PictureFinder

# Whoever takes a task or begins to read a page and dies keeps it from others for so long.
HELD_US = int(PAGE_WITHIN_S + PICTURE_WITHIN_S + KEPT_WITHIN_S + 10) * SECOND_US
# How soon to look again for a page that somebody else is reading.
READ_ELSEWHERE_US = SECOND_US // 2
KNOWN_FOR_US = DAY_US
NOTHING_KNOWN_FOR_US = 60 * MINUTE_US
UNREACHABLE_FOR_US = MINUTE_US
# Nobody makes us the tool with which they trouble one site.
OF_ONE_SITE = Limit("pages_of_one_site", per_minute=30, burst=20)


class PageSummary(msgspec.Struct, frozen=True):
    """As `Summary` of what the page says, with its picture as it is kept."""

    host: str
    site: str
    title: str
    description: str
    picture: PreviewPicture | None = None


_summary = msgspec.json.Decoder(PageSummary)


class Later(Exception):
    """The page can't be read now; `attempt` is false where it was not even asked."""

    def __init__(self, after_us: int, *, attempt: bool) -> None:
        super().__init__(after_us)
        self.after_us, self.attempt = after_us, attempt


class PageSummaries:
    def __init__(self, database: Database, pages: Pages, pictures: PictureFinder | None, clock: Clock) -> None:
        """Without `pictures` pages are shown by words alone."""
        self._database, self._pages, self._pictures, self._clock = database, pages, pictures, clock
        self._limits = Limits()

    async def find(self, url: str) -> PageSummary | None:
        """What the page says, by what is known of it or by itself. Raises Later."""
        hash, now_us = _hash_of(url), self._clock()
        known = await preview_store.find_page(self._database, hash)
        if known and known.expires_at_us > now_us:
            return _summary.decode(known.summary) if known.summary else None
        if known and known.silent and known.reading_until_us > now_us:
            raise Later(known.reading_until_us - now_us, attempt=True)
        allowance = self._limits.take(OF_ONE_SITE, urlsplit(url).hostname or "")
        if allowance.retry_after_s:
            raise Later(int(allowance.retry_after_s * SECOND_US) + 1, attempt=False)
        async with self._database.transaction() as tx:
            begun = await preview_store.begin_reading(tx, hash, now_us, now_us + HELD_US)
        if not begun:
            self._limits.give_back(OF_ONE_SITE, urlsplit(url).hostname or "")
            raise Later(READ_ELSEWHERE_US, attempt=False)
        try:
            # Of a large page it takes longer than anybody else should wait.
            summary = await asyncio.to_thread(summary_of, await self._pages.read(url))
        except NotAPage:
            summary = None
        except Unreachable:
            async with self._database.transaction() as tx:
                await preview_store.leave_alone(tx, hash, self._clock() + UNREACHABLE_FOR_US)
            raise Later(UNREACHABLE_FOR_US, attempt=True) from None
        if summary is None:
            await self._keep(hash, None, NOTHING_KNOWN_FOR_US)
            return None
        found, for_us = await self._with_picture(hash, summary)
        await self._keep(hash, found, for_us)
        return found

    async def _with_picture(self, hash: str, summary: Summary) -> tuple[PageSummary, int]:
        """Whatever becomes of the picture, the page's words are shown; and for how long that is to be remembered."""
        found = PageSummary(summary.host, summary.site, summary.title, summary.description)
        if not (summary.picture and self._pictures):
            return found, KNOWN_FOR_US
        try:
            picture = await self._pictures.find(summary.picture, hash)
        except NotNow:
            return found, NOTHING_KNOWN_FOR_US
        return msgspec.structs.replace(found, picture=picture), KNOWN_FOR_US

    async def _keep(self, hash: str, summary: PageSummary | None, for_us: int) -> None:
        encoded, until_us = msgspec.json.encode(summary).decode() if summary else "", self._clock() + for_us
        async with self._database.transaction() as tx:
            await preview_store.keep_page(tx, hash, encoded, until_us)
            if summary and summary.picture:
                await picture_store.keep_until(tx, summary.picture.media_id, until_us)


def preview_of(url: str, summary: PageSummary) -> LinkPreview:
    return LinkPreview(url, summary.host, summary.title, summary.site, summary.description, summary.picture)


def _hash_of(url: str) -> str:
    """Of the page: which part of it is shown the page doesn't learn."""
    return hashlib.sha256(url.partition("#")[0].encode("utf-8", "surrogatepass")).hexdigest()

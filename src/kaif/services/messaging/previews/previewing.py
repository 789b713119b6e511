"""Looks up the links of messages: after they are sent, in the background, whichever process finds one first.

What is to be looked up was noted with the message. When its page has been read the message gets its preview by an entry
of the chat's own, if it still says the same. So neither a crash nor an edit nor a deletion meanwhile leaves anything
behind.
"""

import logging

import msgspec

from kaif.engines.database import Database
from kaif.interfaces.messaging import Entry
from kaif.interfaces.messaging.previews import PREVIEWED
from kaif.kernel.background import Background
from kaif.kernel.clock import MINUTE_US, Clock
from kaif.services.messaging import chat_store, entry_rules, entry_store
from kaif.services.messaging.entry_rules import Body
from kaif.services.messaging.messages.changing import of_chat
from kaif.services.messaging.previews import links, picture_store
from kaif.services.messaging.previews import store as preview_store
from kaif.services.messaging.previews.linking import LinkPlan
from kaif.services.messaging.previews.page_summaries import HELD_US, Later, PageSummaries, PageSummary, preview_of
from kaif.services.messaging.previews.store import Task
from kaif.services.messaging.sending.announcing import Announcer

log = logging.getLogger("kaif.messaging")

# Tasks that are worked on at once.
AT_ONCE = 16
# How soon is noticed what other processes noted, or left.
LOOK_EVERY_S = 1.0
RETRY_S = 5.0
# Of a page that does not answer; between them the time for which it is not asked.
ATTEMPTS_MAX = 3
PAGES_MAX = 20_000
SWEEP_EVERY_US = MINUTE_US

_changed = msgspec.structs.replace


class Previewer:
    def __init__(
        self, database: Database, announcer: Announcer, plan: LinkPlan, summaries: PageSummaries, clock: Clock
    ) -> None:
        self._database, self._announcer, self._plan = database, announcer, plan
        self._summaries, self._clock = summaries, clock
        self._background = Background()
        self._sweep_at_us = self._working = 0

    def start(self) -> None:
        self._background.repeat(self._look, "links are not looked up", RETRY_S, self._plan.woken)

    async def close(self) -> None:
        await self._background.close()

    async def _look(self) -> float:
        await self._sweep()
        await self._begin_due()
        return LOOK_EVERY_S

    async def _begin_due(self) -> None:
        """As many as there is room for: whoever waits for a slow page keeps nobody else waiting."""
        if self._working < AT_ONCE:
            for task in await preview_store.due(self._database, self._clock(), AT_ONCE - self._working):
                self._working += 1
                self._background.run(self._work(task))

    async def _work(self, task: Task) -> None:
        try:
            await self._do(task)
            self._plan.wake()
        except Exception as error:
            log.warning("a link is looked up later: %s: %s", type(error).__name__, error)
        finally:
            self._working -= 1

    async def _sweep(self) -> None:
        now_us = self._clock()
        if now_us >= self._sweep_at_us:
            self._sweep_at_us = now_us + SWEEP_EVERY_US
            async with self._database.transaction() as tx:
                await preview_store.sweep_pages(tx, now_us, PAGES_MAX)

    async def _do(self, found: Task) -> None:
        async with self._database.transaction() as tx:
            task = await preview_store.take(tx, found, self._clock() + HELD_US)
        if task is None:
            return
        if task.attempts > ATTEMPTS_MAX:
            # It has failed each time, or the process with it, in a way that nobody foresaw.
            await self._give_up(task)
            return
        url = await self._url_of(task)
        try:
            summary = await self._summaries.find(url) if url else None
        except Later as later:
            await self._postpone(task, later)
            return
        await self._tell(task, url, summary)

    async def _url_of(self, task: Task) -> str:
        """The link that is to be looked up by now, if any."""
        chat = await preview_store.kind_and_choice(self._database, task.chat_id)
        if chat is None or chat[0] not in PREVIEWED or not chat[1]:
            return ""
        row = await entry_store.find_entry(self._database, task.chat_id, task.seq)
        return _link_of(entry_rules.body_of(row)) if row else ""

    async def _postpone(self, task: Task, later: Later) -> None:
        if task.attempts >= ATTEMPTS_MAX and later.attempt:
            await self._give_up(task)
            return
        attempts = task.attempts if later.attempt else task.attempts - 1
        async with self._database.transaction() as tx:
            await preview_store.postpone(tx, task, self._clock() + later.after_us, attempts)

    async def _give_up(self, task: Task) -> None:
        async with self._database.transaction() as tx:
            await preview_store.settle(tx, task)

    # Chats

    async def _tell(self, task: Task, url: str, summary: PageSummary | None) -> None:
        entries: list[Entry] = []
        async with self._database.transaction() as tx:
            places = await chat_store.lock_places(tx, [task.chat_id])
            if not await preview_store.settle(tx, task) or summary is None or not places:
                return
            place = places[task.chat_id]
            chat = await preview_store.kind_and_choice(tx, task.chat_id)
            row = await entry_store.find_entry(tx, task.chat_id, task.seq)
            if row is None or not chat or not chat[1] or place.closed:
                return
            body, preview = entry_rules.body_of(row), preview_of(url, summary)
            if preview.picture and not await picture_store.stays(tx, preview.picture.media_id):
                preview = _changed(preview, picture=None)
            if _link_of(body) == url and body.preview != preview:
                change = of_chat(tx, place, self._clock())
                await change.act("previewed", row, _changed(body, preview=preview))
                entries = await change.write()
        if entries:
            await self._announcer.announce(entries, places)


def _link_of(body: Body) -> str:
    """That of a message which is there, and whose writer wants its link looked up."""
    if body.deleted or body.without_preview or body.reminder or body.card:
        return ""
    return links.first_link(body.text, body.entities)

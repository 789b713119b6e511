"""What people do about previews of links; each method is one transaction, and asks no site inside one."""

import asyncio
import contextlib

import msgspec

from kaif.engines.database import Database
from kaif.engines.web.pages import PAGE_WITHIN_S, PICTURE_WITHIN_S
from kaif.interfaces.auth import Nothing
from kaif.interfaces.messaging import Chat, Entry
from kaif.interfaces.messaging.actions import OfMessage
from kaif.interfaces.messaging.previews import (
    PREVIEWED,
    FoundPreview,
    LookAtLink,
    NotYourPreview,
    PreviewsHere,
    SwitchPreviews,
)
from kaif.kernel.actor import Actor
from kaif.kernel.clock import SECOND_US, Clock
from kaif.kernel.errors import Busy
from kaif.services.messaging import entry_rules, markup
from kaif.services.messaging.chats.membership import Membership, require
from kaif.services.messaging.chats.reading import Reading
from kaif.services.messaging.messages.changing import begin
from kaif.services.messaging.previews import links
from kaif.services.messaging.previews import store as preview_store
from kaif.services.messaging.previews.page_summaries import (
    READ_ELSEWHERE_US,
    Later,
    PageSummaries,
    PageSummary,
    preview_of,
)
from kaif.services.messaging.rights import Right
from kaif.services.messaging.sending.announcing import Announcer

# By people who write, in each process: each may wait for a page that is slow.
LOOKS_AT_ONCE = 32
LOOKED_AT_WITHIN_S = PAGE_WITHIN_S + PICTURE_WITHIN_S + 1

_changed = msgspec.structs.replace


class LinkPreviewsService:
    def __init__(
        self,
        database: Database,
        membership: Membership,
        announcer: Announcer,
        summaries: PageSummaries | None,
        clock: Clock,
    ) -> None:
        """Without summaries no links are looked up here."""
        self._database, self._membership, self._announcer = database, membership, announcer
        self._summaries, self._clock = summaries, clock
        self._looks = 0
        self._reading = Reading(database, clock)

    async def get_previews_here(self, actor: Actor, request: Nothing) -> PreviewsHere:
        return PreviewsHere(self._summaries is not None)

    async def switch_previews(self, actor: Actor, request: SwitchPreviews) -> Chat:
        entry: Entry | None = None
        async with self._database.transaction() as tx:
            change = await begin(tx, actor, request.chat_id, self._clock())
            place = change.place
            if place.kind in ("group", "channel"):
                require(change.rights, Right.INFO)
            change.must_reach()
            if await preview_store.kind_and_choice(tx, place.chat_id) != (place.kind, request.on):
                await preview_store.choose(tx, place.chat_id, on=request.on)
                entry = await self._membership.record(tx, place, "changed", actor.user_id)
        if entry:
            await self._announcer.announce_change(place, entry)
        return await self._reading.get_chat(request.chat_id, actor.user_id)

    async def look_at_link(self, actor: Actor, request: LookAtLink) -> FoundPreview:
        await self._membership.get_member(self._database, request.chat_id, actor.user_id)
        chat = await preview_store.kind_and_choice(self._database, request.chat_id)
        text, entities = markup.parse(entry_rules.cleaned_text(request.text), {})
        url = links.first_link(text, entities)
        if self._summaries is None or chat is None or chat[0] not in PREVIEWED or not chat[1] or not url:
            return FoundPreview(None)
        if self._looks >= LOOKS_AT_ONCE:
            raise Busy(retry_after_ms=1000)
        self._looks += 1
        try:
            summary = await _found_within(self._summaries, url)
        finally:
            self._looks -= 1
        return FoundPreview(preview_of(url, summary) if summary else None)

    async def remove_preview(self, actor: Actor, request: OfMessage) -> Nothing:
        entries: list[Entry] = []
        async with self._database.transaction() as tx:
            change = await begin(tx, actor, request.chat_id, self._clock())
            row, body = await change.message(request.seq)
            if row.sender_id != actor.user_id and Right.DELETE not in change.rights:
                raise NotYourPreview
            if not body.without_preview:
                await change.act("previewed", row, _changed(body, preview=None, without_preview=True))
                entries = await change.write()
        if entries:
            await self._announcer.announce(entries, {change.place.chat_id: change.place})
        return Nothing()


async def _found_within(summaries: PageSummaries, url: str) -> PageSummary | None:
    """What the page says; None too where that is not known in time: whoever writes does not wait for it."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(LOOKED_AT_WITHIN_S):
            while True:
                try:
                    return await summaries.find(url)
                except Later as later:
                    # Somebody else is reading it, and will soon have done so; or it does not answer.
                    if later.after_us > READ_ELSEWHERE_US:
                        return None
                    await asyncio.sleep(later.after_us / SECOND_US)
    return None

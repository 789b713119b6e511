"""What people do about previews of links; each method is one transaction."""

import msgspec

from kaif.engines.database import Database
from kaif.interfaces.auth import Nothing
from kaif.interfaces.messaging import Chat, Entry
from kaif.interfaces.messaging.actions import OfMessage
from kaif.interfaces.messaging.previews import NotYourPreview, PreviewsHere, SwitchPreviews
from kaif.kernel.actor import Actor
from kaif.kernel.clock import Clock
from kaif.services.messaging import preview_store
from kaif.services.messaging.announcing import Announcer
from kaif.services.messaging.changing import begin
from kaif.services.messaging.membership import Membership, require
from kaif.services.messaging.reading import Reading
from kaif.services.messaging.rights import Right

_changed = msgspec.structs.replace


class LinkPreviewsService:
    def __init__(
        self, database: Database, membership: Membership, announcer: Announcer, clock: Clock, *, on: bool
    ) -> None:
        self._database, self._membership, self._announcer = database, membership, announcer
        self._clock, self._on = clock, on
        self._reading = Reading(database, clock)

    async def get_previews_here(self, actor: Actor, request: Nothing) -> PreviewsHere:
        return PreviewsHere(self._on)

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

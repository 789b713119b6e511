"""Messages that vanish; each method is one transaction.

A chat's timer costs whoever writes nothing. Each time during which it was set is one row of what is due: it says from
which entry on, until which, after how long, and how far the log has been gone through. It is looked at when the next
message of it is to go; where there is none yet, when the earliest one could be.
"""

import msgspec

from kaif.engines.database import Database, Transaction
from kaif.interfaces.messaging import Chat, Entry
from kaif.interfaces.messaging.vanishing import SetTimer
from kaif.kernel.actor import Actor, UserId
from kaif.kernel.clock import SECOND_US, Clock, as_datetime
from kaif.kernel.ids import new_id
from kaif.services.messaging import model, store
from kaif.services.messaging.chats.membership import require
from kaif.services.messaging.chats.reading import Reading
from kaif.services.messaging.due import store as due_store
from kaif.services.messaging.due.model import NOBODYS, Period, StoredDue, encoded, period_of
from kaif.services.messaging.messages.changing import Change, begin, erased, of_chat
from kaif.services.messaging.model import Place, StoredEntry
from kaif.services.messaging.rights import Right
from kaif.services.messaging.sending.announcing import Announcer
from kaif.services.messaging.sending.batches import OnComments
from kaif.services.messaging.topics import store as topic_store

# Entries gone through at once: a transaction must not keep others waiting.
AT_ONCE = 100

_changed = msgspec.structs.replace


class VanishingService:
    def __init__(
        self, database: Database, announcer: Announcer, clock: Clock, on_comments: OnComments = lambda posts: None
    ) -> None:
        self._database, self._announcer, self._clock = database, announcer, clock
        self._on_comments = on_comments
        self._reading = Reading(database, clock)

    async def set_timer(self, actor: Actor, request: SetTimer) -> Chat:
        async with self._database.transaction() as tx:
            place = await self._lock(tx, actor, request)
            entry = None
            if await store.vanish_after_s(tx, place.chat_id) != request.vanish_after_s:
                entry = await self._record(tx, place, actor.user_id, request.vanish_after_s)
                await self._end_period(tx, place)
                if request.vanish_after_s:
                    await self._begin_period(tx, place, request.vanish_after_s)
        if entry:
            await self._announcer.announce_change(place, entry)
        return await self._reading.get_chat(request.chat_id, actor.user_id)

    async def _lock(self, tx: Transaction, actor: Actor, request: SetTimer) -> Place:
        """Raises ChatNotFound, RightMissing, PersonNotReachable."""
        change = await begin(tx, actor, request.chat_id, self._clock())
        if change.place.kind in ("group", "channel"):
            require(change.rights, Right.INFO)
        change.must_reach()
        return change.place

    async def _record(self, tx: Transaction, place: Place, by: UserId, vanish_after_s: int) -> Entry:
        place.seq += 1
        place.shown_seq = place.seq
        now_us = self._clock()
        shown = model.shown_sender(place, by)
        entry = Entry(place.chat_id, place.seq, "timer", shown, as_datetime(now_us), vanish_after_s=vanish_after_s)
        await store.append(tx, [entry], [by], [place.messages], now_us)
        await store.advance(tx, [place], now_us)
        await store.set_vanish_after_s(tx, place.chat_id, vanish_after_s)
        if place.topics:
            await topic_store.add_to_general(tx, place.chat_id, place.seq)
        return entry

    async def _end_period(self, tx: Transaction, place: Place) -> None:
        for row in await due_store.periods(tx, place.chat_id):
            period = period_of(row)
            if period.last_seq:
                continue
            # The entry that ends it, which stands in the log now, is the first that is not under it.
            period = _changed(period, last_seq=place.seq - 1)
            if period.done_seq >= period.last_seq:
                await due_store.remove(tx, row.id)
            else:
                await due_store.change(tx, _changed(row, body=encoded(period)))

    async def _begin_period(self, tx: Transaction, place: Place, vanish_after_s: int) -> None:
        after_us = vanish_after_s * SECOND_US
        first_us = self._clock() + after_us
        period = Period(after_us, place.seq, 0, place.seq)
        once = f"vanish:{place.chat_id}:{place.seq}"
        row = StoredDue(new_id(), "vanish", NOBODYS, place.chat_id, once, first_us, first_us, "", encoded(period))
        await due_store.add(tx, row)

    async def vanish_due(self, id: str) -> None:
        """Delete what is to go by now, or a part of it."""
        known = await due_store.find(self._database, id)
        if known is None:
            return
        entries: list[Entry] = []
        async with self._database.transaction() as tx:
            # The chat before the row, as whoever sets the timer does.
            places = await store.lock_places(tx, [known.chat_id])
            row = await due_store.lock(tx, id)
            if row is None or not 0 < row.look_at_us <= self._clock():
                return
            if not places:
                # The chat has been deleted, and all that was in it goes with it.
                await due_store.remove(tx, id)
                return
            place = places[row.chat_id]
            change = of_chat(tx, place, self._clock())
            entries = await self._go_on(tx, row, change)
        self._on_comments(change.uncommented)
        if entries:
            await self._announcer.announce(entries, {place.chat_id: place})

    async def _go_on(self, tx: Transaction, row: StoredDue, change: Change) -> list[Entry]:
        period, now_us = period_of(row), self._clock()
        page = await store.entries_after(tx, row.chat_id, period.done_seq, AT_ONCE)
        rows = [each for each in page if not period.last_seq or each.seq <= period.last_seq]
        staying = next((each for each in rows if self._stays(each, period, now_us)), None)
        passed = [each for each in rows if staying is None or each.seq < staying.seq]
        entries = await erased(change, [each for each in passed if each.kind == "message"])
        if passed:
            period = _changed(period, done_seq=passed[-1].seq)
        if staying:
            look_at_us = staying.at_us + period.after_us
        elif len(page) == AT_ONCE and len(rows) == AT_ONCE:
            look_at_us = now_us
        elif period.last_seq:
            await due_store.remove(tx, row.id)
            return entries
        else:
            # Whatever is written from now on goes no earlier.
            look_at_us = now_us + period.after_us
        await due_store.change(tx, _changed(row, look_at_us=look_at_us, body=encoded(period)))
        return entries

    def _stays(self, row: StoredEntry, period: Period, now_us: int) -> bool:
        if row.kind != "message" or row.at_us + period.after_us <= now_us:
            return False
        return not model.body_of(row).deleted

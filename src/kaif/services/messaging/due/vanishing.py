"""Messages that vanish; each method is one transaction.

A chat's timer costs whoever writes nothing. Each time during which it was set is one row of what is due: it says from
which entry on, until which, after how long, and how far the log has been gone through. It is looked at when the next
message of it is to go; where there is none yet, when the earliest one could be.
"""

from collections.abc import Sequence

import msgspec

from kaif.engines.database import Database, Transaction
from kaif.interfaces.messaging import Chat, Entry
from kaif.interfaces.messaging.vanishing import SetTimer
from kaif.kernel.actor import Actor, UserId
from kaif.kernel.clock import SECOND_US, Clock, as_datetime
from kaif.kernel.ids import new_id
from kaif.services.messaging import chat_store, clock_store, entry_rules, entry_store
from kaif.services.messaging.chats import naming_store
from kaif.services.messaging.chats.membership import require
from kaif.services.messaging.chats.reading import Reading
from kaif.services.messaging.due import store as due_store
from kaif.services.messaging.due.model import NOBODYS, Period, StoredDue, encoded, period_of
from kaif.services.messaging.entry_rules import Place, StoredEntry
from kaif.services.messaging.messages.changing import Change, begin, erased, of_chat
from kaif.services.messaging.rights import Right
from kaif.services.messaging.sending.announcing import Announcer
from kaif.services.messaging.sending.sender import OnComments
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
            if await chat_store.vanish_after_s(tx, place.chat_id) != request.vanish_after_s:
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
        place.come_to(self._clock())
        shown = entry_rules.shown_sender(place, by)
        at = as_datetime(place.written_at_us)
        entry = Entry(place.chat_id, place.seq, "timer", shown, at, vanish_after_s=vanish_after_s)
        await entry_store.append(tx, {place.chat_id: place}, [entry], [by], [place.messages])
        await chat_store.advance(tx, [place])
        place.seers = await naming_store.seers_of(tx, place.chat_id)
        await chat_store.set_vanish_after_s(tx, place.chat_id, vanish_after_s)
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
        now_us = self._clock()
        first_us = now_us + after_us
        period = Period(after_us, place.seq, 0, place.seq)
        once = f"vanish:{place.chat_id}:{place.seq}"
        body = encoded(period)
        row = StoredDue(new_id(), "vanish", NOBODYS, place.chat_id, once, first_us, first_us, "", body, now_us)
        await due_store.add(tx, row)

    async def vanish_due(self, id: str) -> None:
        """Delete what is to go by now, or a part of it."""
        known = await due_store.find(self._database, id)
        if known is None:
            return
        entries: list[Entry] = []
        async with self._database.transaction() as tx:
            # The chat before the row, as whoever sets the timer does.
            places = await chat_store.lock_places(tx, [known.chat_id])
            row = await due_store.lock(tx, id)
            if row is None or not _is_due(row, self._clock()):
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
        page = await entry_store.entries_after(tx, row.chat_id, period.done_seq, AT_ONCE)
        rows = [each for each in page if not period.last_seq or each.seq <= period.last_seq]
        written_us = await self._written_us(tx, row, period, rows, now_us)
        staying = next((each for each in rows if _stays(each, written_us[each.seq] + period.after_us, now_us)), None)
        passed = [each for each in rows if staying is None or each.seq < staying.seq]
        entries = await erased(change, [each for each in passed if each.kind == "message"])
        if passed:
            period = _changed(period, done_seq=passed[-1].seq)
        if staying:
            if written_us[staying.seq] > now_us:
                # Nothing says better yet when it was written: not later than now, and so with all that stands here.
                period = _changed(period, seen_seq=change.place.seq, seen_at_us=now_us)
                written_us[staying.seq] = now_us
            look_at_us = written_us[staying.seq] + period.after_us
        elif len(page) == AT_ONCE and len(rows) == AT_ONCE:
            look_at_us = now_us
        elif period.last_seq:
            await due_store.remove(tx, row.id)
            return entries
        else:
            # Whatever is written from now on goes no earlier.
            look_at_us = now_us + period.after_us
        await due_store.change(tx, _changed(row, look_at_us=look_at_us, body=encoded(period), set_at_us=now_us))
        return entries

    async def _written_us(
        self, tx: Transaction, row: StoredDue, period: Period, rows: Sequence[StoredEntry], now_us: int
    ) -> dict[int, int]:
        """When each of these was written. Not at a time to come: then it is when they were there at the latest."""
        late = any(each.at_us > now_us for each in rows)
        jumps = await clock_store.jumps_of(tx, row.chat_id, rows[0].seq) if late else []
        written_us = {each.seq: clock_store.written_by_us(each, jumps, now_us) for each in rows}
        return {
            seq: min(at_us, period.seen_at_us) if at_us > now_us and seq <= period.seen_seq else at_us
            for seq, at_us in written_us.items()
        }


def _is_due(row: StoredDue, now_us: int) -> bool:
    return 0 < row.look_at_us <= now_us or row.set_at_us > now_us + due_store.AHEAD_US


def _stays(row: StoredEntry, until_us: int, now_us: int) -> bool:
    if row.kind != "message" or until_us <= now_us:
        return False
    return not entry_rules.body_of(row).deleted

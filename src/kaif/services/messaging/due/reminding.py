"""Reminders of messages; each method is one transaction.

Only the message's place waits, none of its words: what it says is looked up when the time has come, by what its reader
may still see. A message that is to vanish is named without its words, since a copy of them would stay.
"""

from collections.abc import Awaitable, Callable, Sequence

import msgspec

from kaif.engines.database import AlreadyExists, Database, Transaction
from kaif.interfaces.auth import Nothing
from kaif.interfaces.messaging import ChatId, Outgoing
from kaif.interfaces.messaging.actions import MessageNotFound
from kaif.interfaces.messaging.content import MessagePlace, TextEntity
from kaif.interfaces.messaging.errors import ChatNotFound
from kaif.interfaces.messaging.reminders import (
    REMINDERS_LISTED_MAX,
    REMINDERS_MAX,
    BadReminderTime,
    OfReminder,
    Reminder,
    ReminderNotFound,
    Reminders,
    RemindMe,
    TooManyReminders,
)
from kaif.interfaces.messaging.scheduled import AHEAD_DAYS_MAX
from kaif.kernel.actor import Actor, UserId
from kaif.kernel.clock import DAY_US, Clock, as_us
from kaif.kernel.errors import KaifError
from kaif.kernel.ids import new_id
from kaif.services.messaging import entry_rules, entry_store, member_store
from kaif.services.messaging.due import store as due_store
from kaif.services.messaging.due.model import Reminded, StoredDue, encoded, periods_of, reminded_of, reminder_of
from kaif.services.messaging.messages import store as message_store
from kaif.services.messaging.sending.announcing import Announcer, ScheduledEvent
from kaif.services.messaging.sending.sender import Sender

QUOTED_CHARACTERS_MAX = 1024
# What stands for a message that has no words any more, or none that may be kept.
WORDLESS = "🔔"

OpensSaved = Callable[[Actor], Awaitable[ChatId]]


class MessageRemindersService:
    def __init__(
        self, database: Database, open_saved: OpensSaved, announcer: Announcer, sender: Sender, clock: Clock
    ) -> None:
        self._database, self._open_saved, self._announcer = database, open_saved, announcer
        self._sender, self._clock = sender, clock

    async def remind_me(self, actor: Actor, request: RemindMe) -> Reminder:
        once = f"reminder:{request.chat_id}:{request.ref}"
        if known := await due_store.find_once(self._database, actor.user_id, once):
            return reminder_of(known)
        at_us = as_us(request.remind_at)
        body = encoded(Reminded(request.seq))
        row = StoredDue(new_id(), "reminder", actor.user_id, request.chat_id, once, at_us, at_us, "", body)
        try:
            async with self._database.transaction() as tx:
                await self._must_be_allowed(tx, actor.user_id, request)
                await due_store.add(tx, row)
        except AlreadyExists:
            # Asked for twice at the same time.
            first = await due_store.find_once(self._database, actor.user_id, once)
            if first is None:
                raise
            return reminder_of(first)
        await self._tell(row)
        return reminder_of(row)

    async def _must_be_allowed(self, tx: Transaction, user_id: UserId, request: RemindMe) -> None:
        await due_store.lock_member(tx, request.chat_id, user_id)
        if await member_store.find_member(tx, request.chat_id, user_id) is None:
            raise ChatNotFound
        found = await entry_store.find_entry(tx, request.chat_id, request.seq)
        if found is None or found.kind != "message" or entry_rules.body_of(found).deleted:
            raise MessageNotFound
        now_us = self._clock()
        if not now_us < as_us(request.remind_at) <= now_us + AHEAD_DAYS_MAX * DAY_US:
            raise BadReminderTime(path="$.remind_at")
        if await due_store.count(tx, request.chat_id, user_id, "reminder") >= REMINDERS_MAX:
            raise TooManyReminders

    async def list_reminders(self, actor: Actor, request: Nothing) -> Reminders:
        rows = await due_store.of_person(self._database, actor.user_id, "reminder", REMINDERS_LISTED_MAX)
        return Reminders([reminder_of(row) for row in rows])

    async def delete_reminder(self, actor: Actor, request: OfReminder) -> Nothing:
        async with self._database.transaction() as tx:
            row = await due_store.lock(tx, request.reminder_id)
            if row is None or row.kind != "reminder" or row.user_id != actor.user_id:
                raise ReminderNotFound
            await due_store.remove(tx, row.id)
        await self._tell(row)
        return Nothing()

    async def remind_due(self, id: str) -> None:
        """Its time has come. Raises Unavailable."""
        known = await due_store.find(self._database, id)
        if known is None:
            return
        saved_id = await self._open_saved(Actor(known.user_id))
        async with self._sender.placing() as placing:
            tx = placing.tx
            row = await due_store.lock(tx, id)
            if row is None or not 0 < row.look_at_us <= self._clock():
                return
            text, entities = await self._words(tx, row)
            place = MessagePlace(row.chat_id, reminded_of(row).seq)
            message = Outgoing(row.user_id, saved_id, row.id, text, entities=entities, reminder=place)
            batch = await placing.place(message)
            (sent,) = batch.results
            if isinstance(sent, KaifError):
                raise sent
            await due_store.remove(tx, row.id)
        await self._sender.announce(batch)
        await self._tell(row)

    async def _words(self, tx: Transaction, row: StoredDue) -> tuple[str, list[TextEntity]]:
        """What the message says to this reader now, as a quote."""
        seq = reminded_of(row).seq
        nothing: tuple[str, list[TextEntity]] = (WORDLESS, [])
        if await member_store.find_member(tx, row.chat_id, row.user_id) is None:
            return nothing
        if any(period.covers(seq) for period in periods_of(await due_store.periods(tx, row.chat_id))):
            return nothing
        found = await entry_store.find_entry(tx, row.chat_id, seq)
        if found is None or await message_store.hidden_at(tx, row.user_id, row.chat_id, [seq]):
            return nothing
        body = entry_rules.body_of(found)
        return quoted(body.text, body.entities) if body.text else nothing

    async def _tell(self, row: StoredDue) -> None:
        await self._announcer.tell(row.user_id, row.chat_id, ScheduledEvent(row.chat_id))


def quoted(text: str, entities: Sequence[TextEntity]) -> tuple[str, list[TextEntity]]:
    """The text, or its beginning, as one quote; its other marks stay where they are whole, and covers in any case."""
    if len(text) > QUOTED_CHARACTERS_MAX:
        text = text[: QUOTED_CHARACTERS_MAX - 1].rstrip() + "…"
    length = len(text.encode("utf-16-le")) // 2
    kept = [
        msgspec.structs.replace(each, length=min(each.length, length - each.offset))
        for each in entities
        if each.kind != "quote"
        and (each.offset + each.length <= length or (each.kind == "spoiler" and each.offset < length))
    ]
    return text, [TextEntity("quote", 0, length), *kept]

"""Tells chats how their polls stand, each at most so often, and closes those whose time is over.

What is to be told is noted with the vote itself, so a process that dies in between leaves it to any other one.
"""

import asyncio

import msgspec

from kaif.engines.database import Database, Transaction
from kaif.interfaces.messaging import Entry
from kaif.interfaces.messaging.cards import Poll
from kaif.kernel.background import Background
from kaif.kernel.clock import SECOND_US, Clock
from kaif.services.messaging import card_rules, chat_store, model
from kaif.services.messaging.cards import poll_store
from kaif.services.messaging.cards.poll_store import Due, StoredPoll
from kaif.services.messaging.entry_rules import Body, Place, StoredEntry
from kaif.services.messaging.messages.changing import Change, of_chat
from kaif.services.messaging.sending.announcing import Announcer

# How soon is noticed what other processes were to tell.
LOOK_EVERY_S = 1.0
DUE_MAX = 100

_changed = msgspec.structs.replace


def tell_at_us(poll: StoredPoll, members: int, now_us: int) -> int:
    """When the chat is to hear of a vote that was cast now."""
    at_us = max(now_us, poll.told_at_us + model.told_every_us(members))
    return min(at_us, poll.due_at_us) if poll.due_at_us else at_us


async def close_poll(change: Change, row: StoredEntry, body: Body, poll: StoredPoll, now_us: int) -> None:
    """The chat's lock and the poll's are held."""
    assert isinstance(body.card, Poll)
    card = card_rules.closed(card_rules.counted(body.card, poll.counts, poll.voters), poll.answer, poll.explanation)
    await poll_store.mark_told(change.tx, poll, now_us, closed=True)
    await change.act("closed", row, _changed(body, card=card))


async def tell_votes(change: Change, row: StoredEntry, body: Body, poll: StoredPoll, now_us: int) -> None:
    """The chat's lock and the poll's are held."""
    assert isinstance(body.card, Poll)
    card = card_rules.counted(body.card, poll.counts, poll.voters)
    await poll_store.mark_told(change.tx, poll, now_us, closed=False)
    await change.act("voted", row, _changed(body, card=card))


class Tally:
    def __init__(self, database: Database, announcer: Announcer, clock: Clock) -> None:
        self._database, self._announcer, self._clock = database, announcer, clock
        self._background = Background()
        self._woken = asyncio.Event()

    def start(self) -> None:
        self._background.repeat(self._look, "chats are not told how their polls stand", LOOK_EVERY_S, self._woken)

    async def close(self) -> None:
        await self._background.close()

    def wake(self) -> None:
        """Somebody has voted."""
        self._woken.set()

    async def _look(self) -> float:
        """Say what is due; in how many seconds to look again."""
        noted = await poll_store.earliest_due(self._database, DUE_MAX)
        for due in noted:
            now_us = self._clock()
            if due.due_at_us > now_us:
                return min(LOOK_EVERY_S, (due.due_at_us - now_us) / SECOND_US)
            await self._say(due)
        return 0 if len(noted) == DUE_MAX else LOOK_EVERY_S

    async def _say(self, due: Due) -> None:
        async with self._database.transaction() as tx:
            places = await chat_store.lock_places(tx, [due.chat_id])
            if due.chat_id not in places:
                # The chat has been deleted, and its polls are about to be.
                await poll_store.leave_unsaid(tx, due)
                return
            entries = await self._said(tx, places[due.chat_id], due)
        if entries:
            await self._announcer.announce(entries, places)

    async def _said(self, tx: Transaction, place: Place, due: Due) -> list[Entry]:
        """None when another process has said it meanwhile."""
        now_us = self._clock()
        poll = await poll_store.lock(tx, due.chat_id, due.seq)
        if poll is None or not 0 < poll.due_at_us <= now_us:
            return []
        # Votes of different people are told together: they are the chat's word, and nobody's.
        change = of_chat(tx, place, now_us)
        row, body = await change.message(due.seq)
        await (close_poll if poll.is_over(now_us) else tell_votes)(change, row, body, poll, now_us)
        return await change.write()

"""Gives bots that are called at addresses their turns: each is told of what happens in its chats, in order.

What is to be told is never written down: it is what lies between the bot's marks and the ends of its logs. So neither
the order nor the repetition of events matters, and a crash repeats one delivery at most. Of one bot there is one
delivery at a time, and none keeps another waiting but by its place among those that are called at once.
One process does so: the one that reads the bus for this consumer.
"""

import asyncio
import contextlib
import logging
import math
from collections.abc import AsyncGenerator, Iterable
from functools import partial
from itertools import islice

from kaif.engines.bus import Bus
from kaif.engines.database import Database
from kaif.interfaces.messaging import ChatId
from kaif.interfaces.messaging.appended import EntriesAppended
from kaif.kernel.actor import UserId
from kaif.kernel.background import Background
from kaif.kernel.clock import Clock
from kaif.services.messaging.events import ButtonPressed, OutgoingWebhookSet
from kaif.services.messaging.notifications.deliveries import USUAL, Timing, Told
from kaif.services.messaging.webhooks import outgoing_store
from kaif.services.messaging.webhooks.calling import Caller

log = logging.getLogger("kaif.messaging")

CONSUMER = "messaging.outgoing_webhooks"
# Bots that are called at the same time; a bot that hangs keeps one of these places for ten seconds.
BOTS_AT_ONCE_MAX = 16
# In one turn of a bot's, so that no chat waits for another for long.
CALLBACKS_MAX = 20
CHATS_MAX = 20
ENTRIES_OF_CHAT_MAX = 20
# Marks that are compared with the ends of their logs at once, inline on an embedded database.
MARKS_PAGE = 200
LOOK_EVERY_S = 0.25
RETRY_S = 1.0
# How long it takes until a bot hears nothing more whose key was revoked while it is called.
ASKED_AFTER_EACH_S = 0.5
# After a fault of ours, or of what we stand on, with one bot.
AGAIN_S = 5.0


class Deliverer:
    def __init__(self, database: Database, caller: Caller, bus: Bus, clock: Clock, timing: Timing = USUAL) -> None:
        self._database, self._caller, self._bus = database, caller, bus
        self._clock, self._timing = clock, timing
        self._background = Background()
        # In the order in which they were woken, which is that of their turns.
        self._woken: dict[UserId, None] = {}
        self._turns: dict[UserId, asyncio.Task[None]] = {}
        # Chats that a bot may not know all of, in the order of their turns; of bots whose marks have been compared.
        self._behind: dict[UserId, dict[ChatId, None]] = {}
        self._stirred = asyncio.Event()
        self._at_work = False
        bus.subscribe(CONSUMER, EntriesAppended, self.hear)
        bus.subscribe(CONSUMER, ButtonPressed, self.hear_of_press)
        bus.subscribe(CONSUMER, OutgoingWebhookSet, self.hear_of_address)

    async def start(self) -> None:
        await self._bus.start()
        self._background.repeat(self._look, "bots are not called", RETRY_S, self._stirred)

    async def close(self) -> None:
        await self._bus.close()
        await self._background.close()

    # What is heard is only noted: should we die before it is told, the start finds it by the marks

    async def hear(self, event: EntriesAppended) -> None:
        marked = await outgoing_store.marked_in(self._database, [each.chat_id for each in event.ranges])
        for bot_id, chat_id in marked:
            if bot_id in self._behind:
                self._behind[bot_id][chat_id] = None
        self._wake(bot_id for bot_id, _ in marked)

    async def hear_of_press(self, event: ButtonPressed) -> None:
        self._wake([event.bot_id])

    async def hear_of_address(self, event: OutgoingWebhookSet) -> None:
        # Marks may have been made of chats that were heard of before.
        self._behind.pop(event.bot_id, None)
        self._wake([event.bot_id])

    def _wake(self, bot_ids: Iterable[UserId]) -> None:
        self._woken.update(dict.fromkeys(bot_ids))
        self._stirred.set()

    # Whose turn it is

    async def _look(self) -> float:
        if not self._bus.holds(CONSUMER):
            self._let_go()
            return LOOK_EVERY_S
        if not self._at_work:
            self._woken.update(dict.fromkeys(await outgoing_store.all_at_work(self._database)))
            self._at_work = True
        due = await outgoing_store.due(self._database, self._clock(), 2 * BOTS_AT_ONCE_MAX)
        # Those that are being called are found too, until it is known what became of it.
        self._woken.update(dict.fromkeys(bot_id for bot_id in due if bot_id not in self._turns))
        for bot_id in [one for one in self._woken if one not in self._turns]:
            if len(self._turns) >= BOTS_AT_ONCE_MAX:
                break
            del self._woken[bot_id]
            turn = self._turns[bot_id] = self._background.run(self._serve(bot_id))
            turn.add_done_callback(partial(self._done, bot_id))
        return LOOK_EVERY_S

    def _done(self, bot_id: UserId, _: asyncio.Task[None]) -> None:
        del self._turns[bot_id]
        self._stirred.set()

    def _let_go(self) -> None:
        """Another process is at it."""
        self._at_work = False
        self._woken.clear()
        self._behind.clear()
        for task in self._turns.values():
            task.cancel()

    # One bot's turn

    async def _serve(self, bot_id: UserId) -> None:
        try:
            if await self._turn(bot_id):
                self._wake([bot_id])
        except Exception as error:
            log.warning("bot %s could not be called: %s: %s", bot_id, type(error).__name__, error)
            self._behind.pop(bot_id, None)
            asyncio.get_running_loop().call_later(AGAIN_S, self._wake, [bot_id])

    async def _turn(self, bot_id: UserId) -> bool:
        """Whether there may be more to tell."""
        webhook = await outgoing_store.find(self._database, bot_id)
        if webhook is None or webhook.stopped_at_us:
            self._behind.pop(bot_id, None)
            return False
        if not webhook.is_due(self._clock()):
            return False
        behind = await self._compared(bot_id)
        now_s = asyncio.get_running_loop().time
        ends_at_s, asked_at_s, told = now_s() + self._timing.turn_s, -math.inf, False
        async with contextlib.aclosing(self._untold(bot_id, behind)) as untold:
            async for each in untold:
                if now_s() - asked_at_s >= ASKED_AFTER_EACH_S:
                    if not await self._caller.may_call(webhook):
                        return False
                    asked_at_s = now_s()
                if not await self._caller.tell(bot_id, each):
                    return False
                told = True
                if now_s() >= ends_at_s:
                    break
        if not told:
            await self._caller.note_nothing_to_tell(webhook)
        return told

    async def _compared(self, bot_id: UserId) -> dict[ChatId, None]:
        """The chats that it may not know all of: once by all of its marks, then by what is heard."""
        if bot_id in self._behind:
            return self._behind[bot_id]
        # Before it is looked: what is heard meanwhile is added.
        behind, after = self._behind.setdefault(bot_id, {}), ChatId("")
        while marks := await outgoing_store.marks_after(self._database, bot_id, after, MARKS_PAGE):
            behind.update((mark.chat_id, None) for mark in marks if mark.behind)
            after = marks[-1].chat_id
            # The edge lives on this loop too.
            await asyncio.sleep(0)
        return behind

    async def _untold(self, bot_id: UserId, behind: dict[ChatId, None]) -> AsyncGenerator[Told, None]:
        """What the bot is to be told in this turn; the next is read when the one before was taken."""
        for _ in range(CALLBACKS_MAX):
            press = await self._caller.next_press(bot_id)
            if press is None:
                break
            yield press
        for chat_id in list(islice(behind, CHATS_MAX)):
            for _ in range(ENTRIES_OF_CHAT_MAX):
                # Before it is read: what is heard meanwhile stays noted.
                behind.pop(chat_id, None)
                entry = await self._caller.next_entry(bot_id, chat_id)
                if entry is None:
                    break
                behind[chat_id] = None
                yield entry

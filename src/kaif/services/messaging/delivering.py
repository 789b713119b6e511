"""Calls bots at their addresses: each is told of what happens in its chats, in order, until it says that it has it.

What is to be told is never written down: it is what lies between the bot's marks and the ends of its logs. So neither
the order nor the repetition of events matters, and a crash repeats one delivery at most. An entry is read when it is
told, and what was deleted meanwhile is told without words. Of one bot there is one delivery at a time.
One process does so: the one that reads the bus for this consumer.
"""

import asyncio
import contextlib
import logging
from collections.abc import Sequence
from functools import partial

import msgspec
from cryptography.exceptions import InvalidTag

from kaif.engines.bus import Bus
from kaif.engines.database import Database
from kaif.engines.web import Oversized, PostingWeb, TooSlow, Unreachable
from kaif.engines.web.addresses import ForbiddenAddress
from kaif.interfaces.auth.bots import AskedBots, Bots
from kaif.interfaces.messaging import ChatId, Entry
from kaif.interfaces.messaging.appended import EntriesAppended
from kaif.interfaces.messaging.bots import CALLBACKS_KEPT_S, Callback
from kaif.interfaces.messaging.outgoing_webhooks import ANSWER_BYTES_MAX, GIVEN_UP_AFTER_S, ProblemKind
from kaif.kernel.actor import NOBODY, UserId
from kaif.kernel.background import Background
from kaif.kernel.clock import SECOND_US, Clock
from kaif.kernel.sealing import Sealer
from kaif.services.messaging import callbacks_store, deliveries, store, viewing
from kaif.services.messaging import outgoing_webhooks_store as stored
from kaif.services.messaging.deliveries import Told
from kaif.services.messaging.events import BotCalled
from kaif.services.messaging.outgoing_webhooks_store import StoredOutgoingWebhook

log = logging.getLogger("kaif.messaging")

CONSUMER = "messaging.outgoing_webhooks"
# Bots that are called at the same time; a bot that hangs keeps one of these places for ten seconds.
BOTS_AT_ONCE_MAX = 16
# In one round of a bot's, so that no chat waits for another, and no bot for another, for long.
CALLBACKS_MAX = 20
CHATS_MAX = 20
ENTRIES_OF_CHAT_MAX = 20
LOOK_EVERY_S = 0.25
RETRY_S = 1.0
# A bot whose key or owner is stopped is asked after so often, however long that lasts.
STOPPED_PAUSE_US = 60 * SECOND_US


class Failed(Exception):
    """It was not taken; `status` is 0 without an answer."""

    def __init__(self, kind: ProblemKind, status: int = 0) -> None:
        super().__init__(kind, status)
        self.kind, self.status = kind, status


class Deliverer:
    def __init__(
        self,
        database: Database,
        bots: Bots,
        web: PostingWeb,
        sealer: Sealer,
        bus: Bus,
        clock: Clock,
        pause_us: int = deliveries.PAUSE_US_MIN,
    ) -> None:
        """`pause_us` is the first pause after a failure."""
        self._database, self._bots, self._web, self._sealer = database, bots, web, sealer
        self._bus, self._clock, self._pause_us = bus, clock, pause_us
        self._background = Background()
        # In the order in which they were woken, which is that of their turns.
        self._woken: dict[UserId, None] = {}
        self._rounds: dict[UserId, asyncio.Task[None]] = {}
        self._stirred = asyncio.Event()
        self._at_work = False
        bus.subscribe(CONSUMER, EntriesAppended, self.hear)
        bus.subscribe(CONSUMER, BotCalled, self.hear_of_bot)

    async def start(self) -> None:
        await self._bus.start()
        self._background.run(self._watch())

    async def close(self) -> None:
        await self._bus.close()
        await self._background.close()

    # Whose turn it is

    async def hear(self, event: EntriesAppended) -> None:
        """Only noted: should we die before they are told, the start finds it by the marks."""
        self._wake(await stored.bots_in(self._database, [each.chat_id for each in event.ranges]))

    async def hear_of_bot(self, event: BotCalled) -> None:
        self._wake([event.bot_id])

    def _wake(self, bot_ids: Sequence[UserId]) -> None:
        self._woken.update(dict.fromkeys(bot_ids))
        if bot_ids:
            self._stirred.set()

    async def _watch(self) -> None:
        failing = False
        while True:
            # Before it is looked: what stirs meanwhile is not missed.
            self._stirred.clear()
            try:
                await self._look()
                failing = False
            except Exception as error:
                if not failing:
                    log.warning("bots are not called: %s: %s", type(error).__name__, error)
                failing = True
                await asyncio.sleep(RETRY_S)
            with contextlib.suppress(TimeoutError):
                # Not wait_for, which may lose that we are cancelled when it comes together with the event.
                async with asyncio.timeout(LOOK_EVERY_S):
                    await self._stirred.wait()

    async def _look(self) -> None:
        if not self._bus.holds(CONSUMER):
            self._let_go()
            return
        if not self._at_work:
            self._woken.update(dict.fromkeys(await stored.all_at_work(self._database)))
            self._at_work = True
        due = await stored.due(self._database, self._clock(), 2 * BOTS_AT_ONCE_MAX)
        # Those that are being called are found too, until it is known what became of it.
        self._woken.update(dict.fromkeys(bot_id for bot_id in due if bot_id not in self._rounds))
        for bot_id in [one for one in self._woken if one not in self._rounds]:
            if len(self._rounds) >= BOTS_AT_ONCE_MAX:
                break
            del self._woken[bot_id]
            round_ = self._rounds[bot_id] = self._background.run(self._serve(bot_id))
            round_.add_done_callback(partial(self._done, bot_id))

    def _done(self, bot_id: UserId, _: asyncio.Task[None]) -> None:
        del self._rounds[bot_id]
        self._stirred.set()

    def _let_go(self) -> None:
        """Another process is at it."""
        self._at_work = False
        self._woken.clear()
        for task in self._rounds.values():
            task.cancel()

    async def _serve(self, bot_id: UserId) -> None:
        try:
            if await self._round(bot_id):
                self._woken[bot_id] = None
        except Exception as error:
            log.warning("bot %s could not be called: %s: %s", bot_id, type(error).__name__, error)
            await asyncio.sleep(RETRY_S)
            self._woken[bot_id] = None

    # Telling

    async def _round(self, bot_id: UserId) -> bool:
        """Whether there may be more to tell."""
        webhook = await self._find_due(bot_id)
        if webhook is None:
            return False
        since_us = self._clock() - CALLBACKS_KEPT_S * SECOND_US
        presses = await callbacks_store.after(self._database, bot_id, webhook.callbacks, since_us, CALLBACKS_MAX)
        chats = await stored.waiting_chats(self._database, bot_id, CHATS_MAX)
        if not presses and not chats:
            # What failed may be gone with its chat: then nothing is wrong any more.
            await self._note_success(webhook)
            return False
        working = await self._bots.get_working_bots(NOBODY, AskedBots([bot_id]))
        if bot_id not in working.bot_ids:
            await self._wait_for_bot(webhook)
            return False
        for press in presses:
            if not await self._tell(bot_id, press.callback):
                return False
        for chat_id in chats:
            if not await self._tell_chat(bot_id, chat_id):
                return False
        return True

    async def _find_due(self, bot_id: UserId) -> StoredOutgoingWebhook | None:
        webhook = await stored.find(self._database, bot_id)
        if webhook is None or webhook.stopped_at_us or webhook.retry_at_us > self._clock():
            return None
        return webhook

    async def _tell_chat(self, bot_id: UserId, chat_id: ChatId) -> bool:
        for _ in range(ENTRIES_OF_CHAT_MAX):
            entry = await self._next_of(bot_id, chat_id)
            if entry is None:
                break
            if not await self._tell(bot_id, entry):
                return False
        return True

    async def _next_of(self, bot_id: UserId, chat_id: ChatId) -> Entry | None:
        """Read no sooner than it is told: the bot may have left, and words may have been deleted."""
        after = await stored.told_up_to(self._database, bot_id, chat_id)
        if after is None:
            return None
        rows = await store.entries_after(self._database, chat_id, after, 1)
        entries = await viewing.shown(self._database, chat_id, rows)
        return entries[0] if entries else None

    async def _tell(self, bot_id: UserId, told: Told) -> bool:
        """False when this is not the time to go on."""
        # Looked up each time: it may have been removed, or be another one.
        webhook = await self._find_due(bot_id)
        if webhook is None:
            return False
        try:
            await self._post(webhook, told)
        except Failed as failed:
            await self._note_failure(webhook, failed)
            return False
        async with self._database.transaction() as tx:
            if isinstance(told, Callback):
                await stored.mark_callback(tx, bot_id, told.number)
            else:
                await stored.mark_entry(tx, bot_id, told.chat_id, told.seq, self._clock())
            if webhook.problem:
                await stored.note_success(tx, webhook)
        return True

    async def _post(self, webhook: StoredOutgoingWebhook, told: Told) -> None:
        """Raises Failed."""
        try:
            secret = self._sealer.unseal(webhook.sealed, webhook.bot_id)
        except InvalidTag:
            raise Failed("secret_lost") from None
        body = deliveries.body_of(told)
        headers = deliveries.headers_of(told, body, secret, self._clock())
        try:
            answer = await self._web.post(webhook.url, headers, body, answer_bytes_max=ANSWER_BYTES_MAX)
        except ForbiddenAddress:
            raise Failed("forbidden_address") from None
        except TooSlow:
            raise Failed("too_slow") from None
        except Unreachable:
            raise Failed("unreachable") from None
        except Oversized:
            raise Failed("oversized") from None
        if 300 <= answer.status < 400:
            raise Failed("redirected", answer.status)
        if not 200 <= answer.status < 300:
            raise Failed("refused", answer.status)

    # What became of it

    async def _note_success(self, webhook: StoredOutgoingWebhook) -> None:
        if webhook.problem:
            async with self._database.transaction() as tx:
                await stored.note_success(tx, webhook)

    async def _note_failure(self, webhook: StoredOutgoingWebhook, failed: Failed) -> None:
        now_us, attempts = self._clock(), webhook.attempts + 1
        # While it was waited for the bot itself nothing was tried.
        since_us = webhook.failing_since_us if webhook.attempts else now_us
        given_up = now_us - since_us >= GIVEN_UP_AFTER_S * SECOND_US
        await self._note(
            msgspec.structs.replace(
                webhook,
                attempts=attempts,
                failing_since_us=since_us,
                retry_at_us=now_us + deliveries.pause_us(attempts, self._pause_us),
                stopped_at_us=now_us if given_up else 0,
                problem=failed.kind,
                status=failed.status,
            )
        )

    async def _wait_for_bot(self, webhook: StoredOutgoingWebhook) -> None:
        now_us = self._clock()
        since_us = webhook.failing_since_us if webhook.problem == "bot_stopped" else now_us
        await self._note(
            msgspec.structs.replace(
                webhook,
                attempts=0,
                failing_since_us=since_us,
                retry_at_us=now_us + STOPPED_PAUSE_US,
                problem="bot_stopped",
                status=0,
            )
        )

    async def _note(self, failed: StoredOutgoingWebhook) -> None:
        async with self._database.transaction() as tx:
            await stored.note_failure(tx, failed)

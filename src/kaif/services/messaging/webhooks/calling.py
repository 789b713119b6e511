"""Calls one bot at its address with one thing to tell, and keeps what became of that.

Each thing is read no sooner than it is told: so what was deleted meanwhile comes without words, and what the bot may
see no more does not come at all. The bot's mark moves only when it has said that it has it.
"""

import msgspec
from cryptography.exceptions import InvalidTag

from kaif.engines.database import Database
from kaif.engines.web import Oversized, PostingWeb, TooSlow, Unreachable
from kaif.engines.web.addresses import ForbiddenAddress
from kaif.interfaces.auth.bots import AskedBots, Bots
from kaif.interfaces.messaging import ChatId, Entry
from kaif.interfaces.messaging.bots import CALLBACKS_KEPT_S, Callback
from kaif.interfaces.messaging.outgoing_webhooks import ANSWER_BYTES_MAX, GIVEN_UP_AFTER_S, ProblemKind
from kaif.kernel.actor import NOBODY, UserId
from kaif.kernel.clock import SECOND_US, Clock
from kaif.kernel.sealing import Sealer
from kaif.services.messaging import entry_store
from kaif.services.messaging.bots import callbacks_store
from kaif.services.messaging.messages import viewing
from kaif.services.messaging.notifications import deliveries
from kaif.services.messaging.notifications.deliveries import USUAL, Timing, Told
from kaif.services.messaging.webhooks import outgoing_store
from kaif.services.messaging.webhooks.outgoing_store import StoredOutgoingWebhook

# A bot whose key or owner is stopped is asked after so often, however long that lasts.
STOPPED_PAUSE_US = 60 * SECOND_US

_changed = msgspec.structs.replace


class Failed(Exception):
    """It was not taken; `status` is 0 without an answer."""

    def __init__(self, kind: ProblemKind, status: int = 0) -> None:
        super().__init__(kind, status)
        self.kind, self.status = kind, status


class Caller:
    def __init__(
        self,
        database: Database,
        bots: Bots,
        web: PostingWeb,
        sealer: Sealer,
        clock: Clock,
        timing: Timing = USUAL,
    ) -> None:
        self._database, self._bots, self._web, self._sealer = database, bots, web, sealer
        self._clock, self._timing = clock, timing

    # What is next

    async def next_press(self, bot_id: UserId) -> Callback | None:
        webhook = await outgoing_store.find(self._database, bot_id)
        if webhook is None:
            return None
        since_us = self._clock() - CALLBACKS_KEPT_S * SECOND_US
        found = await callbacks_store.after(self._database, bot_id, webhook.callbacks, since_us, 1)
        return found[0].callback if found else None

    async def next_entry(self, bot_id: UserId, chat_id: ChatId) -> Entry | None:
        """None also when the bot has left the chat."""
        after = await outgoing_store.told_up_to(self._database, bot_id, chat_id)
        if after is None:
            return None
        rows = await entry_store.entries_after(self._database, chat_id, after, 1)
        entries = await viewing.shown(self._database, chat_id, rows)
        entries = await viewing.named_to(self._database, bot_id, chat_id, entries)
        return entries[0] if entries else None

    # Telling

    async def may_call(self, webhook: StoredOutgoingWebhook) -> bool:
        """A bot that is stopped must not go on hearing by this way."""
        working = await self._bots.get_working_bots(NOBODY, AskedBots([webhook.bot_id]))
        if webhook.bot_id in working.bot_ids:
            return True
        now_us = self._clock()
        since_us = webhook.failing_since_us if webhook.problem == "bot_stopped" else now_us
        await self._note(
            _changed(
                webhook,
                attempts=0,
                failing_since_us=since_us,
                retry_at_us=now_us + STOPPED_PAUSE_US,
                problem="bot_stopped",
                status=0,
            )
        )
        return False

    async def tell(self, bot_id: UserId, told: Told) -> bool:
        """False when this is not the time to go on."""
        # Looked up each time: it may have been removed, or be another one.
        webhook = await outgoing_store.find(self._database, bot_id)
        if webhook is None or not webhook.is_due(self._clock()):
            return False
        try:
            await self._post(webhook, told)
        except Failed as failed:
            await self._note_failure(webhook, failed)
            return False
        async with self._database.transaction() as tx:
            if isinstance(told, Callback):
                await outgoing_store.mark_callback(tx, bot_id, told.number)
            else:
                await outgoing_store.mark_entry(tx, bot_id, told.chat_id, told.seq)
            if webhook.problem:
                await outgoing_store.note_success(tx, webhook)
        return True

    async def note_nothing_to_tell(self, webhook: StoredOutgoingWebhook) -> None:
        """What failed is gone, with its chat or by its age: then nothing is wrong any more."""
        if webhook.problem:
            async with self._database.transaction() as tx:
                await outgoing_store.note_success(tx, webhook)

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

    async def _note_failure(self, webhook: StoredOutgoingWebhook, failed: Failed) -> None:
        now_us, attempts = self._clock(), webhook.attempts + 1
        # While it was waited for the bot itself nothing was tried.
        since_us = webhook.failing_since_us if webhook.attempts else now_us
        given_up = now_us - since_us >= GIVEN_UP_AFTER_S * SECOND_US
        await self._note(
            _changed(
                webhook,
                attempts=attempts,
                failing_since_us=since_us,
                retry_at_us=now_us + deliveries.pause_us(attempts, self._timing.pause_us),
                stopped_at_us=now_us if given_up else 0,
                problem=failed.kind,
                status=failed.status,
            )
        )

    async def _note(self, failed: StoredOutgoingWebhook) -> None:
        async with self._database.transaction() as tx:
            await outgoing_store.note_failure(tx, failed)

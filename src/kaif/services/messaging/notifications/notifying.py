"""Tells devices of what their people have not seen: first it is noted who is to be told, then each is told by itself.

What is noted is safe from a crash. It is decided again, by what the log and the person's marks say then, when a device
is told: what was read, deleted or silenced meanwhile is not shown.
One process does so: the one that reads the bus for this consumer.
"""

import asyncio
import logging
from collections.abc import Mapping, Sequence
from http import HTTPStatus

import msgspec
from cryptography.exceptions import InvalidTag

from kaif.engines.bus import Bus
from kaif.engines.cache import Cache
from kaif.engines.database import Database
from kaif.engines.push import Alert, Gone, Push, Refused, Subscription, Urgency
from kaif.engines.web import Unreachable
from kaif.engines.web.addresses import ForbiddenAddress
from kaif.interfaces.auth import Auth, GetOpenSessions
from kaif.interfaces.auth.audit import SecurityEvent
from kaif.interfaces.messaging import PRESENCE, ChatId
from kaif.interfaces.messaging.appended import EntriesAppended, Range
from kaif.interfaces.messaging.notifications import EVERYTHING_TOLD_MEMBERS_MAX
from kaif.interfaces.messaging.phones import PhoneService
from kaif.kernel.actor import NOBODY, SessionId, UserId
from kaif.kernel.background import Background
from kaif.kernel.clock import SECOND_US, Clock
from kaif.kernel.errors import KaifError
from kaif.kernel.sealing import Sealer
from kaif.services.messaging import entry_rules, entry_store, model, people_store
from kaif.services.messaging.entry_rules import StoredEntry
from kaif.services.messaging.messages import store as message_store
from kaif.services.messaging.notifications import counting, telling
from kaif.services.messaging.notifications import store as stored
from kaif.services.messaging.notifications.store import Delivery
from kaif.services.messaging.notifications.telling import TOLD_WITHIN_US, Listener, Message
from kaif.services.messaging.topics import reading as topic_reading
from kaif.services.messaging.topics import store as topic_store

log = logging.getLogger("kaif.messaging")

CONSUMER = "messaging.notifications"
# Of one range the newest: nobody is told of more than one message of a chat at once.
ENTRIES_MAX = 200
# Looked at again when a device is told: what was to be shown may have been deleted.
LOOKED_BACK_MAX = 50
LISTENERS_PAGE = 500
SESSIONS_PAGE = 500
DELIVERIES_MAX = 50
LOOK_EVERY_S = 0.25
RETRY_S = 1.0
ATTEMPTS_MAX = 8
BACKOFF_US = 5 * SECOND_US
# Sessions end silently when nobody refreshes them.
SWEEP_EVERY_S = 3600


class Timing(msgspec.Struct, frozen=True, kw_only=True):
    """How long it waits before it tells somebody: messages come in company, and who is here reads them first."""

    gather_us: int = 1 * SECOND_US
    connected_us: int = 30 * SECOND_US
    backoff_us: int = BACKOFF_US


USUAL = Timing()

# Of the audit log: after these some of a person's sessions are over.
ENDING = frozenset({
    "signed_out",
    "session_ended",
    "session_stolen",
    "other_sessions_ended",
    "sessions_displaced",
    "sessions_taken",
    "password_changed",
    "password_reset",
    "password_reset_forced",
    "account_suspended",
    "account_deleted",
})  # fmt: skip


class Notifier:
    def __init__(
        self,
        database: Database,
        cache: Cache,
        auth: Auth,
        web: Push[Subscription],
        phones: Mapping[PhoneService, Push[str]],
        sealer: Sealer,
        bus: Bus,
        clock: Clock,
        timing: Timing = USUAL,
    ) -> None:
        self._database, self._cache, self._auth = database, cache, auth
        self._web, self._phones = web, phones
        self._sealer, self._bus, self._clock, self._timing = sealer, bus, clock, timing
        self._background = Background()
        bus.subscribe(CONSUMER, EntriesAppended, self.note)
        bus.subscribe("messaging.notifications.sessions", SecurityEvent, self.follow_sessions)

    async def start(self) -> None:
        await self._bus.start()
        self._background.repeat(self._look, "notifications wait", RETRY_S)
        self._background.repeat(self._sweep, "ended sessions are not looked for", SWEEP_EVERY_S)

    async def close(self) -> None:
        await self._bus.close()
        await self._background.close()

    # Who is to be told

    async def note(self, event: EntriesAppended) -> None:
        """Safe to repeat: what was shown is not shown again."""
        # Asked after the event was published, of what is committed: a device that listened before is never missed.
        if await stored.anybody_listens(self._database):
            for each in event.ranges:
                await self._note_range(each)

    async def _note_range(self, grown: Range) -> None:
        chat_id = grown.chat_id
        is_large = await stored.is_large_group(self._database, chat_id, EVERYTHING_TOLD_MEMBERS_MAX)
        # In most chats nobody has such a device: there the log is not read at all.
        page = [] if is_large else await stored.listeners_in(self._database, chat_id, None, LISTENERS_PAGE, None)
        if not (is_large or page):
            return
        now_us = self._clock()
        messages = await self._new_messages(grown, now_us)
        only: set[UserId] | None = None
        if is_large:
            only = {user_id for message in messages for user_id in message.addressed}
            page = await stored.listeners_in(self._database, chat_id, None, LISTENERS_PAGE, only) if only else []
        while messages and page:
            await self._plan(chat_id, messages, page, now_us)
            page = await stored.listeners_in(self._database, chat_id, page[-1], LISTENERS_PAGE, only)

    async def _new_messages(self, grown: Range, now_us: int) -> list[Message]:
        """Those of the range; what shows one that the range deletes is to be told again."""
        length = grown.last_seq - grown.first_seq + 1
        rows = await entry_store.entries_before(
            self._database, grown.chat_id, grown.last_seq + 1, min(length, ENTRIES_MAX)
        )
        if deleted := [entry_rules.body_of(row).target for row in rows if row.kind == "deleted"]:
            async with self._database.transaction() as tx:
                await stored.plan_again(tx, grown.chat_id, deleted, now_us)
        return await self._messages(grown.chat_id, rows, now_us)

    async def _plan(
        self, chat_id: ChatId, messages: Sequence[Message], listeners: Sequence[Listener], now_us: int
    ) -> None:
        in_topics = await topic_reading.standings(self._database, chat_id, messages, listeners)
        told = [
            (each, message) for each in listeners if (message := telling.newest_told(messages, each, now_us, in_topics))
        ]
        if not told:
            return
        here = await self._connected({each.user_id for each, _ in told})
        soon_us, later_us = now_us + self._timing.gather_us, now_us + self._timing.connected_us
        planned = [
            (each.subscription_id, message.seq, later_us if each.user_id in here else soon_us) for each, message in told
        ]
        async with self._database.transaction() as tx:
            await stored.plan(tx, chat_id, planned)

    async def _connected(self, user_ids: set[UserId]) -> set[str]:
        try:
            return await self._cache.present(PRESENCE, sorted(user_ids))
        except KaifError:
            # Better told twice than not at all.
            return set()

    async def _messages(self, chat_id: ChatId, rows: Sequence[StoredEntry], now_us: int) -> list[Message]:
        authors = await entry_store.authors_answered(self._database, chat_id, rows)
        return telling.messages_of(rows, authors, now_us - TOLD_WITHIN_US)

    # Telling

    async def _look(self) -> float:
        busy = self._bus.holds(CONSUMER) and await self._deliver_due()
        return 0 if busy else LOOK_EVERY_S

    async def _deliver_due(self) -> bool:
        deliveries = await stored.due(self._database, self._clock(), DELIVERIES_MAX)
        await asyncio.gather(*(self._tell(each) for each in deliveries))
        return len(deliveries) == DELIVERIES_MAX

    async def _tell(self, delivery: Delivery) -> None:
        now_us = self._clock()
        listener = await stored.find_listener(self._database, delivery.chat_id, delivery.subscription_id)
        if listener is None or telling.is_quiet(listener, now_us):
            await self._settle(delivery, delivery.shown_seq)
            return
        message = await self._message_for(delivery, listener, now_us)
        if message is None:
            await self._replace_deleted(delivery, listener)
            return
        if message.seq == delivery.shown_seq:
            await self._settle(delivery, delivery.shown_seq)
            return
        author = message.webhook or await self._name_of(message.shown_sender_id) or listener.title
        badge = await counting.count_at_icon(self._database, listener.user_id, now_us)
        topic = await self._topic_of(delivery.chat_id, message, listener)
        alert = telling.shown(delivery.chat_id, message, listener, author, badge, topic)
        ttl_s = max((message.at_us + TOLD_WITHIN_US - now_us) // SECOND_US, 0)
        try:
            await self._send(
                delivery,
                alert,
                ttl_s=ttl_s,
                urgency=telling.urgency_of(message, listener),
                topic=telling.topic_of(delivery.chat_id),
            )
        except (Gone, ForbiddenAddress, InvalidTag):
            await self._forget(delivery)
        except Refused as refused:
            await self._postpone(delivery, refused.retry_after_s if refused.again else None)
        except Unreachable:
            await self._postpone(delivery, 0)
        else:
            await self._settle(delivery, message.seq)

    async def _message_for(self, delivery: Delivery, listener: Listener, now_us: int) -> Message | None:
        """What the device is to show now, if anything."""
        rows = await entry_store.entries_before(self._database, delivery.chat_id, delivery.seq + 1, LOOKED_BACK_MAX)
        messages = await self._messages(delivery.chat_id, rows, now_us)
        hidden = await message_store.hidden_at(
            self._database, listener.user_id, delivery.chat_id, [message.seq for message in messages]
        )
        left = [message for message in messages if message.seq not in hidden]
        in_topics = await topic_reading.standings(self._database, delivery.chat_id, left, [listener])
        return telling.newest_told(left, listener, now_us, in_topics)

    async def _topic_of(self, chat_id: ChatId, message: Message, listener: Listener) -> str:
        """What it is called; nothing where the group has no topics."""
        if listener.topics != model.TOPICS_ON:
            return ""
        titles = await topic_store.titles_of(self._database, chat_id, [message.topic_id])
        return telling.topic_named(message.topic_id, titles, listener.language)

    async def _replace_deleted(self, delivery: Delivery, listener: Listener) -> None:
        """Nothing is to be told; but a device that shows what was deleted must not go on showing it."""
        row = await entry_store.find_entry(self._database, delivery.chat_id, delivery.shown_seq)
        if row and entry_rules.body_of(row).deleted:
            badge = await counting.count_at_icon(self._database, listener.user_id, self._clock())
            alert = telling.shown_deleted(delivery.chat_id, delivery.shown_seq, listener, badge)
            ttl_s = TOLD_WITHIN_US // SECOND_US
            try:
                topic = telling.topic_of(delivery.chat_id)
                await self._send(delivery, alert, ttl_s=ttl_s, urgency="normal", topic=topic)
            except (Gone, ForbiddenAddress, InvalidTag):
                await self._forget(delivery)
                return
            except (Refused, Unreachable):
                await self._postpone(delivery, 0)
                return
        await self._settle(delivery, 0)

    async def _send(self, delivery: Delivery, alert: Alert, *, ttl_s: int, urgency: Urgency, topic: str) -> None:
        """By the service that the device listens to. Raises what `send` of Push does, InvalidTag."""
        place = self._sealer.unseal(delivery.sealed, delivery.subscription_id)
        if delivery.service == "web":
            await self._web.send(_subscription(place), alert, ttl_s=ttl_s, urgency=urgency, topic=topic)
        elif phone := self._phones.get(delivery.service):
            await phone.send(place, alert, ttl_s=ttl_s, urgency=urgency, topic=topic)
        else:
            # The operator has given the service up; whether for good, the hour in which it is told will show.
            raise Refused(HTTPStatus.SERVICE_UNAVAILABLE, again=True)

    async def _name_of(self, user_id: UserId) -> str:
        people = await people_store.known_people(self._database, [user_id])
        return people[0].display_name if people else ""

    async def _settle(self, delivery: Delivery, shown_seq: int) -> None:
        async with self._database.transaction() as tx:
            await stored.settle(tx, delivery, shown_seq)

    async def _forget(self, delivery: Delivery) -> None:
        async with self._database.transaction() as tx:
            await stored.forget_subscriptions(tx, [delivery.subscription_id])

    async def _postpone(self, delivery: Delivery, after_s: int | None) -> None:
        """Again later, or never when it was refused for good or too often."""
        if after_s is None or delivery.attempts + 1 >= ATTEMPTS_MAX:
            log.warning("a notification was given up after %d attempts", delivery.attempts + 1)
            await self._settle(delivery, delivery.shown_seq)
            return
        pause_us = max(self._timing.backoff_us << delivery.attempts, after_s * SECOND_US)
        async with self._database.transaction() as tx:
            await stored.postpone(tx, delivery, self._clock() + pause_us)

    # Sessions

    async def follow_sessions(self, event: SecurityEvent) -> None:
        """A device is told nothing more once its session is over."""
        if event.entry.action in ENDING:
            for user_id in {event.entry.subject_id, event.entry.actor_id} - {UserId("")}:
                await self._forget_ended(await stored.sessions_of(self._database, user_id))

    async def _forget_ended(self, session_ids: Sequence[SessionId]) -> None:
        if not session_ids:
            return
        still = await self._auth.get_open_sessions(NOBODY, GetOpenSessions(list(session_ids)))
        ended = sorted(set(session_ids) - set(still.session_ids))
        async with self._database.transaction() as tx:
            await stored.forget_sessions(tx, ended)

    async def _sweep(self) -> float:
        after = ""
        while self._bus.holds(CONSUMER) and (page := await stored.sessions_after(self._database, after, SESSIONS_PAGE)):
            await self._forget_ended(page)
            after = page[-1]
        return SWEEP_EVERY_S


_subscription = msgspec.json.Decoder(Subscription).decode

"""The questions of notifications: which devices there are, what they are to be told, and when."""

from collections.abc import Collection, Sequence
from typing import Any, Literal

import msgspec

from kaif.engines.database import Reads, Transaction
from kaif.interfaces.messaging import ChatId
from kaif.interfaces.messaging.notifications import NotificationSettings, Notify
from kaif.interfaces.messaging.phones import PhoneService
from kaif.kernel.actor import SessionId, UserId
from kaif.services.messaging.model import TOPICS_ON
from kaif.services.messaging.notifications.telling import Listener, days_of

# The service that a browser names itself.
WEB: Literal["web"] = "web"
Service = Literal["web"] | PhoneService


class StoredSubscription(msgspec.Struct, frozen=True):
    id: str
    user_id: UserId
    session_id: SessionId
    endpoint_hash: str
    sealed: str
    language: str
    made_at_us: int
    service: Service = WEB
    previews: int = 1


class Delivery(msgspec.Struct, frozen=True):
    """What is due for one device, and what it needs for that."""

    subscription_id: str
    chat_id: ChatId
    seq: int
    shown_seq: int
    attempts: int
    sealed: str
    service: Service


class StoredSettings(msgspec.Struct, frozen=True):
    preview: int
    mentions_only: int
    quiet_from: int
    quiet_until: int
    time_zone: str
    quiet_days: int

    @property
    def settings(self) -> NotificationSettings:
        return NotificationSettings(
            bool(self.preview),
            bool(self.mentions_only),
            self.quiet_from,
            self.quiet_until,
            self.time_zone,
            days_of(self.quiet_days),
        )


# Subscriptions


async def add_subscription(tx: Transaction, subscription: StoredSubscription) -> None:
    """In the place of this session's former one, and of whoever had this browser before."""
    taken: list[tuple[str]] = await tx.fetch(
        tuple,
        "SELECT id FROM messaging_push_subscriptions WHERE session_id = :session_id OR endpoint_hash = :endpoint_hash",
        session_id=subscription.session_id,
        endpoint_hash=subscription.endpoint_hash,
    )
    await forget_subscriptions(tx, [id for (id,) in taken])
    await tx.insert(
        "messaging_push_subscriptions",
        StoredSubscription.__struct_fields__,
        [msgspec.structs.astuple(subscription)],
    )


async def lock_person(tx: Transaction, user_id: UserId) -> None:
    """Of those who change one person's subscriptions each waits for the one before it."""
    await tx.execute(
        """
        INSERT INTO messaging_push_settings (user_id, preview, mentions_only, quiet_from, quiet_until, time_zone)
        VALUES (:user_id, 1, 0, 0, 0, 'UTC')
        ON CONFLICT (user_id) DO UPDATE SET user_id = excluded.user_id
        """,
        user_id=user_id,
    )


async def forget_beyond(tx: Transaction, user_id: UserId, limit: int) -> None:
    """The oldest ones of the person make room."""
    rows: list[tuple[str]] = await tx.fetch(
        tuple,
        "SELECT id FROM messaging_push_subscriptions WHERE user_id = :user_id ORDER BY id DESC LIMIT 1000",
        user_id=user_id,
    )
    await forget_subscriptions(tx, [id for (id,) in rows[limit:]])


async def forget_subscriptions(tx: Transaction, ids: Sequence[str]) -> None:
    if ids:
        await tx.execute("DELETE FROM messaging_push_deliveries WHERE subscription_id IN :ids", ids=list(ids))
        await tx.execute("DELETE FROM messaging_push_subscriptions WHERE id IN :ids", ids=list(ids))


async def forget_sessions(tx: Transaction, session_ids: Sequence[SessionId]) -> int:
    """How many were forgotten."""
    if not session_ids:
        return 0
    rows: list[tuple[str]] = await tx.fetch(
        tuple, "SELECT id FROM messaging_push_subscriptions WHERE session_id IN :ids", ids=list(session_ids)
    )
    await forget_subscriptions(tx, [id for (id,) in rows])
    return len(rows)


async def anybody_listens(reads: Reads) -> bool:
    return bool(await reads.fetch(tuple, "SELECT 1 FROM messaging_push_subscriptions LIMIT 1"))


async def sessions_of(reads: Reads, user_id: UserId) -> list[SessionId]:
    rows: list[tuple[SessionId]] = await reads.fetch(
        tuple, "SELECT session_id FROM messaging_push_subscriptions WHERE user_id = :user_id", user_id=user_id
    )
    return [session_id for (session_id,) in rows]


async def sessions_after(reads: Reads, after: str, limit: int) -> list[SessionId]:
    """A page of all, by their ids."""
    rows: list[tuple[SessionId]] = await reads.fetch(
        tuple,
        """
        SELECT session_id FROM messaging_push_subscriptions WHERE session_id > :after
        ORDER BY session_id LIMIT :limit
        """,
        after=after,
        limit=limit,
    )
    return [session_id for (session_id,) in rows]


# Settings


async def settings_of(reads: Reads, user_id: UserId) -> StoredSettings | None:
    rows = await reads.fetch(
        StoredSettings,
        """
        SELECT preview, mentions_only, quiet_from, quiet_until, time_zone, quiet_days FROM messaging_push_settings
        WHERE user_id = :user_id
        """,
        user_id=user_id,
    )
    return rows[0] if rows else None


async def keep_settings(tx: Transaction, user_id: UserId, settings: StoredSettings) -> None:
    await tx.execute(
        """
        INSERT INTO messaging_push_settings
          (user_id, preview, mentions_only, quiet_from, quiet_until, time_zone, quiet_days)
        VALUES (:user_id, :preview, :mentions_only, :quiet_from, :quiet_until, :time_zone, :quiet_days)
        ON CONFLICT (user_id) DO UPDATE SET preview = excluded.preview, mentions_only = excluded.mentions_only,
          quiet_from = excluded.quiet_from, quiet_until = excluded.quiet_until, time_zone = excluded.time_zone,
          quiet_days = excluded.quiet_days
        """,
        user_id=user_id,
        **msgspec.structs.asdict(settings),
    )


async def choice_of(reads: Reads, user_id: UserId, chat_id: ChatId) -> Notify | None:
    """None when the person is not in the chat, or it was deleted."""
    rows: list[tuple[Notify]] = await reads.fetch(
        tuple,
        """
        SELECT m.notify FROM messaging_members m JOIN messaging_chats c ON c.id = m.chat_id AND c.deleted_at_us = 0
        WHERE m.chat_id = :chat_id AND m.user_id = :user_id
        """,
        user_id=user_id,
        chat_id=chat_id,
    )
    return rows[0][0] if rows else None


async def choose(tx: Transaction, user_id: UserId, chat_id: ChatId, notify: Notify) -> None:
    await tx.execute(
        "UPDATE messaging_members SET notify = :notify WHERE chat_id = :chat_id AND user_id = :user_id",
        notify=notify,
        chat_id=chat_id,
        user_id=user_id,
    )


async def forget_person(tx: Transaction, user_id: UserId) -> dict[str, int]:
    """How many of each."""
    sessions = await sessions_of(tx, user_id)
    settings = await tx.execute("DELETE FROM messaging_push_settings WHERE user_id = :user_id", user_id=user_id)
    return {"push_subscriptions": await forget_sessions(tx, sessions), "notification_settings": settings}


# Deliveries

_LISTENERS = """
SELECT s.user_id, c.kind, c.title, c.members, m.read_seq, m.muted_until_us, m.notify,
  CASE WHEN s.previews = 1 THEN COALESCE(p.preview, 1) ELSE 0 END,
  COALESCE(p.mentions_only, 0), c.topics, s.id, s.language, COALESCE(p.quiet_from, 0), COALESCE(p.quiet_until, 0),
  COALESCE(p.time_zone, 'UTC'), COALESCE(p.quiet_days, 127), s.service
FROM messaging_push_subscriptions s
JOIN messaging_members m ON m.user_id = s.user_id AND m.chat_id = :chat_id
JOIN messaging_chats c ON c.id = m.chat_id AND c.deleted_at_us = 0
LEFT JOIN messaging_push_settings p ON p.user_id = s.user_id
"""


async def listeners_in(
    reads: Reads, chat_id: ChatId, after: Listener | None, limit: int, only: Collection[UserId] | None
) -> list[Listener]:
    """A page of the devices of those in the chat, person by person; of these people alone, where they are named.

    In the order in which members lie, so that all pages together look at each of them once, however many there are.
    """
    after_user, after_id = (after.user_id, after.subscription_id) if after else ("", "")
    # By names the members are looked up one by one; otherwise they are gone through from the last page's end.
    where = "m.user_id >= :after_user" if only is None else "m.user_id IN :only"
    return await reads.fetch(
        Listener,
        f"""
        {_LISTENERS} WHERE {where} AND (m.user_id <> :after_user OR s.id > :after_id)
        ORDER BY m.user_id, s.id LIMIT :limit
        """,
        chat_id=chat_id,
        after_user=after_user,
        after_id=after_id,
        limit=limit,
        **({} if only is None else {"only": sorted(name for name in only if name >= after_user)}),
    )


async def find_listener(reads: Reads, chat_id: ChatId, subscription_id: str) -> Listener | None:
    rows = await reads.fetch(Listener, f"{_LISTENERS} WHERE s.id = :id", chat_id=chat_id, id=subscription_id)
    return rows[0] if rows else None


async def is_large_group(reads: Reads, chat_id: ChatId, members_max: int) -> bool:
    rows: list[tuple[int]] = await reads.fetch(
        tuple,
        "SELECT 1 FROM messaging_chats WHERE id = :id AND kind = 'group' AND members > :members_max",
        id=chat_id,
        members_max=members_max,
    )
    return bool(rows)


async def plan(tx: Transaction, chat_id: ChatId, told: Sequence[tuple[str, int, int]]) -> None:
    """Each is (device, seq, when). What waits already goes with the newest message, at the time that it waits for."""
    await tx.execute_many(
        """
        INSERT INTO messaging_push_deliveries (subscription_id, chat_id, seq, shown_seq, due_at_us, attempts)
        VALUES (:subscription_id, :chat_id, :seq, 0, :due_at_us, 0)
        ON CONFLICT (subscription_id, chat_id) DO UPDATE SET seq = excluded.seq,
          due_at_us = CASE WHEN messaging_push_deliveries.due_at_us = 0 THEN excluded.due_at_us
            ELSE messaging_push_deliveries.due_at_us END
        WHERE messaging_push_deliveries.seq < excluded.seq
        """,
        [(subscription_id, chat_id, seq, due_at_us) for subscription_id, seq, due_at_us in sorted(told)],
    )


async def plan_again(tx: Transaction, chat_id: ChatId, shown: Sequence[int], now_us: int) -> None:
    """Devices that show one of these messages, which have been deleted, are to show something else."""
    await tx.execute(
        """
        UPDATE messaging_push_deliveries SET due_at_us = :now_us
        WHERE chat_id = :chat_id AND shown_seq IN :shown AND due_at_us = 0
        """,
        chat_id=chat_id,
        shown=list(shown),
        now_us=now_us,
    )


async def due(reads: Reads, now_us: int, limit: int) -> list[Delivery]:
    return await reads.fetch(
        Delivery,
        """
        SELECT d.subscription_id, d.chat_id, d.seq, d.shown_seq, d.attempts, s.sealed, s.service
        FROM messaging_push_deliveries d JOIN messaging_push_subscriptions s ON s.id = d.subscription_id
        WHERE d.due_at_us > 0 AND d.due_at_us <= :now_us ORDER BY d.due_at_us LIMIT :limit
        """,
        now_us=now_us,
        limit=limit,
    )


async def settle(tx: Transaction, delivery: Delivery, shown_seq: int) -> None:
    """Nothing is due any more, unless something newer has come meanwhile."""
    await tx.execute(
        """
        UPDATE messaging_push_deliveries SET shown_seq = :shown_seq, attempts = 0,
          due_at_us = CASE WHEN seq = :seq THEN 0 ELSE due_at_us END
        WHERE subscription_id = :subscription_id AND chat_id = :chat_id
        """,
        shown_seq=shown_seq,
        seq=delivery.seq,
        subscription_id=delivery.subscription_id,
        chat_id=delivery.chat_id,
    )


async def note_shown(tx: Transaction, session_id: SessionId, chat_id: ChatId, seq: int) -> None:
    """Whether or not it has been noted that the session's device is to be told: either may come first."""
    await tx.execute(
        """
        INSERT INTO messaging_push_deliveries (subscription_id, chat_id, seq, shown_seq, due_at_us, attempts)
        SELECT id, :chat_id, :seq, :seq, 0, 0 FROM messaging_push_subscriptions WHERE session_id = :session_id
        ON CONFLICT (subscription_id, chat_id) DO UPDATE SET
          shown_seq = CASE WHEN messaging_push_deliveries.shown_seq < excluded.seq THEN excluded.seq
            ELSE messaging_push_deliveries.shown_seq END,
          due_at_us = CASE WHEN messaging_push_deliveries.seq <= excluded.seq THEN 0
            ELSE messaging_push_deliveries.due_at_us END,
          seq = CASE WHEN messaging_push_deliveries.seq < excluded.seq THEN excluded.seq
            ELSE messaging_push_deliveries.seq END
        """,
        session_id=session_id,
        chat_id=chat_id,
        seq=seq,
    )


async def postpone(tx: Transaction, delivery: Delivery, until_us: int) -> None:
    await tx.execute(
        """
        UPDATE messaging_push_deliveries SET attempts = attempts + 1, due_at_us = :until_us
        WHERE subscription_id = :subscription_id AND chat_id = :chat_id
        """,
        until_us=until_us,
        subscription_id=delivery.subscription_id,
        chat_id=delivery.chat_id,
    )


async def unread_of(reads: Reads, user_id: UserId, now_us: int) -> int:
    """All that is unread in chats that may be heard; what topics hold is counted by itself."""
    rows: list[tuple[Any]] = await reads.fetch(
        tuple,
        f"""
        SELECT COALESCE(SUM(c.messages - m.read_messages), 0) FROM messaging_members m
        JOIN messaging_chats c ON c.id = m.chat_id AND c.deleted_at_us = 0
        WHERE m.user_id = :user_id AND m.muted_until_us <= :now_us AND c.topics <> {TOPICS_ON}
        """,
        user_id=user_id,
        now_us=now_us,
    )
    return int(rows[0][0])

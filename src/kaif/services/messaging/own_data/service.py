"""Gives people all that messaging holds about them, besides the logs."""

from collections.abc import Sequence
from typing import Protocol, TypeVar

from kaif.engines.database import Database
from kaif.interfaces.auth import Nothing
from kaif.interfaces.messaging import Chat, Chats, ListChats
from kaif.interfaces.messaging.digests import DigestSettings
from kaif.interfaces.messaging.notifications import NotificationSettings
from kaif.interfaces.messaging.own_data import (
    EACH_MAX,
    FiledReport,
    Membership,
    OwnLink,
    OwnMessagingData,
    PressedButton,
    ViewedPosts,
)
from kaif.kernel.actor import Actor, UserId
from kaif.kernel.clock import Clock, as_datetime
from kaif.services.messaging import people_store
from kaif.services.messaging.bots import callbacks_store
from kaif.services.messaging.chats import order_store
from kaif.services.messaging.digests import store as digest_store
from kaif.services.messaging.discussions import views_store
from kaif.services.messaging.due import store as due_store
from kaif.services.messaging.due.model import DueKind, StoredDue, reminder_of, scheduled_of
from kaif.services.messaging.invitations import store as invitation_store
from kaif.services.messaging.notifications import store as notifications_store
from kaif.services.messaging.own_data import store as own_data_store
from kaif.services.messaging.privacy import last_seen_store
from kaif.services.messaging.privacy import store as privacy_store
from kaif.services.messaging.reports import store as report_store
from kaif.services.messaging.webhooks import incoming_store

CHATS_PAGE = 200

Kept = TypeVar("Kept")


class ListsChats(Protocol):
    async def list_chats(self, actor: Actor, request: ListChats) -> Chats: ...


class OwnMessagingDataService:
    def __init__(self, database: Database, chats: ListsChats, clock: Clock) -> None:
        self._database, self._chats, self._clock = database, chats, clock

    async def export_own_messaging_data(self, actor: Actor, request: Nothing) -> OwnMessagingData:
        return await self.held_about(actor, EACH_MAX, await self._memberships(actor))

    async def held_about(self, actor: Actor, each_max: int, memberships: list[Membership]) -> OwnMessagingData:
        """At most so many of each kind."""
        database, me, now_us = self._database, actor.user_id, self._clock()
        person = next(iter(await people_store.known_people(database, [me])), None)
        notifications = await notifications_store.settings_of(database, me)
        letters = await digest_store.find(database, me)
        seen_at_us = await last_seen_store.seen_at_us(database, me)
        cut = Cut(each_max)
        # One more than is given shows whether there are more.
        limit = each_max + 1
        return OwnMessagingData(
            exported_at=as_datetime(now_us),
            username=person.username if person else "",
            display_name=person.display_name if person else "",
            memberships=memberships,
            notifications=notifications.settings if notifications else NotificationSettings(),
            notified_devices=cut("notified_devices", await own_data_store.devices(database, me, limit)),
            letters=letters.settings if letters else DigestSettings(),
            privacy=await privacy_store.settings_of(database, me),
            blocked=cut("blocked", await own_data_store.blocked(database, me, limit)),
            folders=await order_store.folders_of(database, me),
            drafts=[one.draft for one in cut("drafts", await order_store.all_drafts_of(database, me, limit))],
            topics=cut("topics", await own_data_store.topics(database, me, limit)),
            votes=cut("votes", await own_data_store.votes(database, me, limit)),
            reactions=cut("reactions", await own_data_store.reactions(database, me, limit)),
            hidden=cut("hidden", await own_data_store.hidden(database, me, limit)),
            reports=cut("reports", await self._reports(me, limit)),
            links=[
                OwnLink(one.chat_id, one.link(now_us))
                for one in cut("links", await invitation_store.made_by(database, me, limit))
            ],
            asked_to_join=cut("asked_to_join", await own_data_store.join_requests(database, me, limit)),
            banned_from=cut("banned_from", await own_data_store.bans(database, me, limit)),
            pressed=[
                PressedButton(one.chat_id, one.seq, one.data, as_datetime(one.at_us))
                for one in cut("pressed", await callbacks_store.pressed_by(database, me, limit))
            ],
            viewed=[
                ViewedPosts(one.chat_id, views_store.seqs_of(one.block, one.bits))
                for one in cut("viewed", await views_store.seen_by(database, me, limit))
            ],
            last_seen_at=as_datetime(seen_at_us) if seen_at_us else None,
            commands=cut("commands", await own_data_store.commands(database, me, limit)),
            webhooks=[one.webhook for one in cut("webhooks", await incoming_store.made_by(database, me, limit))],
            scheduled=[scheduled_of(row) for row in cut("scheduled", await self._due(me, "message", limit))],
            reminders=[reminder_of(row) for row in cut("reminders", await self._due(me, "reminder", limit))],
            cut=cut.names,
        )

    async def _memberships(self, actor: Actor) -> list[Membership]:
        chats: list[Chat] = []
        cursor: str | None = ""
        while cursor is not None:
            page = await self._chats.list_chats(actor, ListChats(CHATS_PAGE, cursor))
            chats += page.chats
            cursor = page.next_cursor
        standings = {one.chat_id: one for one in await own_data_store.standings_of(self._database, actor.user_id)}
        # Whoever was taken out of a chat meanwhile stands in it no more.
        here = [(chat, standings[chat.id]) for chat in chats if chat.id in standings]
        return [Membership(chat, standing.role, standing.notify) for chat, standing in here]

    async def _reports(self, me: UserId, limit: int) -> list[FiledReport]:
        rows = await report_store.filed_by(self._database, me, limit)
        seqs = await own_data_store.reported_seqs(self._database, [row.id for row in rows])
        return [
            FiledReport(
                row.id,
                row.reason,
                row.text,
                as_datetime(row.at_us),
                row.outcome,
                row.user_id,
                row.chat_id,
                seqs.get(row.id, []),
            )
            for row in rows
        ]

    async def _due(self, me: UserId, kind: DueKind, limit: int) -> list[StoredDue]:
        return await due_store.of_person(self._database, me, kind, limit)


class Cut:
    """Shortens lists, and notes which of them were longer."""

    def __init__(self, each_max: int) -> None:
        self._each_max = each_max
        self.names: list[str] = []

    def __call__(self, name: str, rows: Sequence[Kept]) -> list[Kept]:
        if len(rows) > self._each_max:
            self.names.append(name)
        return list(rows[: self._each_max])

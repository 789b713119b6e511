"""What messaging does when something happened elsewhere; each is safe to repeat."""

from kaif.engines.database import Database, Transaction
from kaif.interfaces.messaging import ChatId
from kaif.interfaces.personal_data import DataErased, PersonErased
from kaif.kernel.actor import UserId
from kaif.kernel.clock import Clock, now_us
from kaif.services.messaging import people_store
from kaif.services.messaging.attachments import store as attachment_store
from kaif.services.messaging.bots import callbacks_store, commands_store
from kaif.services.messaging.cards import poll_store
from kaif.services.messaging.chats import administration_store, order_store
from kaif.services.messaging.digests import store as digest_store
from kaif.services.messaging.discussions import views_store
from kaif.services.messaging.due import store as due_store
from kaif.services.messaging.events import ChatDeleted
from kaif.services.messaging.history import left_store
from kaif.services.messaging.messages import mention_store
from kaif.services.messaging.messages import store as message_store
from kaif.services.messaging.notifications import store as notifications_store
from kaif.services.messaging.previews import picture_store
from kaif.services.messaging.privacy import last_seen_store
from kaif.services.messaging.privacy import store as privacy_store
from kaif.services.messaging.topics import standing_store
from kaif.services.messaging.webhooks import incoming_store, outgoing_store

# Of what was in a deleted chat: a transaction must not keep others waiting.
SWEPT_AT_ONCE = 1000
FILES_AT_ONCE = 100


class Reactions:
    def __init__(self, database: Database, clock: Clock = now_us) -> None:
        self._database, self._clock = database, clock

    async def forget_person(self, event: PersonErased) -> None:
        """What they wrote and how they reacted stays with those whom they wrote to; the name they did it under goes.

        What they had deleted for themselves alone was nobody else's to know.
        """
        async with self._database.transaction() as tx:
            await people_store.remember_people(tx, [event.remains])
            erased = await _erase(tx, event.remains.id, self._clock())
            await tx.publish(DataErased(erasure_id=event.erasure_id, holder="messaging", erased=erased))

    async def sweep_chat(self, event: ChatDeleted) -> None:
        """What was in a deleted chat goes, in portions."""
        if not await administration_store.is_deleted(self._database, event.chat_id):
            return
        await self._take_off_files(event.chat_id)
        deleted = SWEPT_AT_ONCE
        while deleted:
            async with self._database.transaction() as tx:
                deleted = await administration_store.sweep(tx, event.chat_id, SWEPT_AT_ONCE)
                if not deleted:
                    await administration_store.forget_chat(tx, event.chat_id)

    async def _take_off_files(self, chat_id: ChatId) -> None:
        more = True
        while more:
            async with self._database.transaction() as tx:
                now_us = self._clock()
                shown = await attachment_store.take_off_some(tx, chat_id, FILES_AT_ONCE, now_us)
                waiting = await attachment_store.give_up_waiting(tx, chat_id, FILES_AT_ONCE, now_us)
                previews = await picture_store.hide_some(tx, chat_id, FILES_AT_ONCE, now_us)
                more = shown or waiting or previews


async def _erase(tx: Transaction, user_id: UserId, now_us: int) -> dict[str, int]:
    """How many of each there were."""
    await attachment_store.give_up_scheduled(tx, user_id, now_us)
    await attachment_store.plan(tx, await order_store.holds_of_drafts(tx, user_id), now_us)
    erased = {
        "name": 1,
        "hidden_messages": await message_store.forget_hidden(tx, user_id),
        "left_chats": await left_store.forget(tx, user_id),
        "mentions": await mention_store.forget_person(tx, user_id),
        "anonymous_votes": await poll_store.forget(tx, user_id),
        "topics": await standing_store.forget(tx, user_id),
        "scheduled_and_reminders": await due_store.forget(tx, user_id),
        "digests": await digest_store.forget(tx, user_id),
        "commands": await commands_store.forget(tx, user_id),
        "views": await views_store.forget(tx, user_id),
        "last_seen": await last_seen_store.forget(tx, user_id),
        "pressed": await callbacks_store.forget(tx, user_id),
        "webhooks": await incoming_store.forget_maker(tx, user_id),
        "outgoing_webhooks": await outgoing_store.forget(tx, user_id),
        **await order_store.forget(tx, user_id),
        **await notifications_store.forget_person(tx, user_id),
        **await privacy_store.forget(tx, user_id),
    }
    return {name: count for name, count in erased.items() if count}

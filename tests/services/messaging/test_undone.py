"""What comes to nothing takes nothing, whichever way it was to be written; what is written is looked up at once."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, cast

import pytest
from tests.services.messaging.chats import group, say
from tests.services.messaging.dues import HOUR, Home
from tests.services.messaging.test_discussions import with_comments
from tests.services.messaging.test_topics import make, say_in, with_topics

from kaif.engines.database import Database, Transaction
from kaif.interfaces.messaging import ChatId, Outgoing
from kaif.interfaces.messaging.actions import EditMessage
from kaif.interfaces.messaging.discussions import WriteComment
from kaif.interfaces.messaging.errors import TooManyMessages
from kaif.interfaces.messaging.moving import MoveMessages
from kaif.interfaces.messaging.reminders import RemindMe
from kaif.interfaces.messaging.scheduled import OfScheduled
from kaif.interfaces.messaging.topics import GENERAL
from kaif.interfaces.messaging.webhooks import MakeWebhook, PostByWebhook
from kaif.kernel.actor import NOBODY, Actor
from kaif.kernel.clock import now_us
from kaif.kernel.errors import Unavailable
from kaif.kernel.ids import new_id
from kaif.services.messaging.discussions.commenting import Commenting
from kaif.services.messaging.discussions.service import DiscussionsService
from kaif.services.messaging.due.reminding import MessageRemindersService
from kaif.services.messaging.due.scheduling import ScheduledMessagesService
from kaif.services.messaging.messages.actions import MessageActionsService
from kaif.services.messaging.previews.linking import LinkPlan
from kaif.services.messaging.sending.announcing import Announcer
from kaif.services.messaging.sending.pacing import Pace
from kaif.services.messaging.sending.sender import Sender
from kaif.services.messaging.topics.moving import MovingService
from kaif.services.messaging.webhooks.incoming import WebhooksService

BURST = 5
LINK = "https://example.org/"


class Failing:
    """A database that loses its connection when a transaction is to commit."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Transaction]:
        async with self._database.transaction() as tx:
            yield tx
            raise Unavailable

    def __getattr__(self, name: str) -> Any:
        return getattr(self._database, name)


async def test_a_message_whose_commit_fails_keeps_no_pace(small_home: Home) -> None:
    """Others, who write by a database that is well, find the pace of all of them as it was."""
    services, clock = small_home.services, lambda: small_home.moment[0]
    channel_id, group_id, (anna, boris, vera) = await with_comments(services, "anna", "boris", "vera")
    saved_id = await group(services, anna)
    announcer, links, pace = Announcer(services.cache), LinkPlan(on=False), Pace(scale=BURST / 100)
    failing = cast(Database, Failing(services.database))
    sender = Sender(failing, announcer, links, pace, clock)
    attaching = small_home.attaching()
    commenting = Commenting(failing, services.auth, announcer, sender, attaching, links, clock)
    discussions = DiscussionsService(failing, services.auth, commenting, attaching, clock)
    scheduled = ScheduledMessagesService(failing, services.auth, announcer, sender, attaching, commenting, clock)

    async def saved(actor: Actor) -> ChatId:
        return saved_id

    reminders = MessageRemindersService(failing, saved, announcer, sender, clock)
    post, told = await say(services, anna, channel_id), await say(services, anna, group_id)
    await services.discussions.write_comment(vera, WriteComment(channel_id, post.seq, "c", "Да"))
    now = await small_home.schedule(anna, group_id)
    due = await small_home.schedule(vera, group_id)
    reminder = await services.reminders.remind_me(anna, RemindMe(group_id, told.seq, new_id(), small_home.at(HOUR)))
    await services.discussions.write_comment(boris, WriteComment(channel_id, post.seq, "c", "Да"))
    deeds: list[tuple[ChatId, Actor, Callable[[], Awaitable[object]]]] = [
        (group_id, boris, lambda: discussions.write_comment(boris, WriteComment(channel_id, post.seq, "d", "Да"))),
        (group_id, anna, lambda: scheduled.send_scheduled(anna, OfScheduled(now.id))),
        (group_id, vera, lambda: scheduled.send_due(due.id)),
        (saved_id, anna, lambda: reminders.remind_due(reminder.id)),
    ]
    # The clock goes on, and nobody but us looks at what is due.
    small_home.moment[0] += HOUR
    for _, _, deed in deeds:
        for _ in range(BURST * 2):
            with pytest.raises(Unavailable):
                await deed()

    well = Sender(services.database, announcer, links, pace, clock)
    for chat_id, actor, _ in deeds:
        for _ in range(BURST):
            await well.send_one(Outgoing(actor.user_id, chat_id, new_id(), "Привет"))
        with pytest.raises(TooManyMessages):
            await well.send_one(Outgoing(actor.user_id, chat_id, new_id(), "Привет"))


async def test_a_move_whose_commit_fails_keeps_no_pace(small_home: Home) -> None:
    services = small_home.services
    chat_id, (anna,) = await with_topics(services, "anna")
    boats = await make(services, anna, chat_id)
    written = [await say_in(services, anna, chat_id, GENERAL, text) for text in ("раз", "два")]
    announcer, pace = Announcer(services.cache), Pace(scale=BURST / 100)
    moving = MovingService(cast(Database, Failing(services.database)), announcer, pace, now_us)

    for _ in range(BURST):
        with pytest.raises(Unavailable):
            await moving.move_messages(anna, MoveMessages(chat_id, [one.seq for one in written], boats))

    well = Sender(services.database, announcer, LinkPlan(on=False), pace, now_us)
    for _ in range(BURST):
        await well.send_one(Outgoing(anna.user_id, chat_id, new_id(), "Привет"))
    with pytest.raises(TooManyMessages):
        await well.send_one(Outgoing(anna.user_id, chat_id, new_id(), "Привет"))


async def test_links_are_looked_up_at_once_whichever_way_they_come(small_home: Home) -> None:
    services = small_home.services
    channel_id, group_id, (anna, boris) = await with_comments(services, "anna", "boris")
    announcer, links, pace = Announcer(services.cache), LinkPlan(on=True), Pace()
    sender = Sender(services.database, announcer, links, pace, now_us)
    actions = MessageActionsService(services.database, announcer, sender, small_home.attaching(), links, now_us)
    webhooks = WebhooksService(services.database, services.auth, announcer, links, pace, now_us)
    attaching = small_home.attaching()
    commenting = Commenting(services.database, services.auth, announcer, sender, attaching, links, now_us)
    discussions = DiscussionsService(services.database, services.auth, commenting, attaching, now_us)
    made = await services.webhooks.make_webhook(anna, MakeWebhook(group_id, "Насос"))
    secret = made.path.rpartition("/")[2]
    entry, post = await say(services, anna, group_id), await say(services, anna, channel_id, LINK)

    def woken() -> bool:
        was = links.woken.is_set()
        links.woken.clear()
        return was

    await actions.edit_message(anna, EditMessage(group_id, entry.seq, "Без ссылки"))
    assert not woken()
    await actions.edit_message(anna, EditMessage(group_id, entry.seq, LINK))
    assert woken()
    await webhooks.post_by_webhook(NOBODY, PostByWebhook(secret, "Без ссылки"))
    assert not woken()
    await webhooks.post_by_webhook(NOBODY, PostByWebhook(secret, LINK))
    assert woken()
    # With the first comment the post comes into the group.
    await discussions.write_comment(boris, WriteComment(channel_id, post.seq, "c", "Без ссылки"))
    assert woken()

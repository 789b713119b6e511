"""Readers of a channel hear at once how many comments there are, whoever adds or takes them away; copies vanish too."""

import msgspec
import pytest
from tests.harness import Services
from tests.services.messaging.chats import log_of, message_of, say
from tests.services.messaging.dues import Home
from tests.services.messaging.test_discussions import comment, texts, with_comments
from tests.waiting import until

from kaif.engines.database import Database
from kaif.interfaces.messaging import ChatId, Entry
from kaif.interfaces.messaging.actions import DeleteMessages, MessageNotFound
from kaif.interfaces.messaging.news import SIGNALS, Signal
from kaif.interfaces.messaging.posts import PostsEvent
from kaif.interfaces.messaging.reminders import RemindMe
from kaif.interfaces.messaging.vanishing import SetTimer
from kaif.kernel.actor import Actor
from kaif.kernel.clock import DAY_US, SECOND_US
from kaif.kernel.ids import new_id
from kaif.services.messaging.discussions.counting import PostCounting
from kaif.services.messaging.sending.announcing import Announcer


async def heard_in(services: Services, chat_id: ChatId) -> list[int | None]:
    """How many comments there are by now on the one post of the channel: each count that it hears of."""
    counts: list[int | None] = []

    def hear(payload: bytes) -> None:
        signal = msgspec.msgpack.decode(payload, type=Signal)
        if signal.chat_id == chat_id and b'"posts"' in signal.event:
            counts.extend(post.comments for post in msgspec.json.decode(signal.event, type=PostsEvent).posts)

    await services.cache.subscribe(SIGNALS, hear)
    return counts


async def delete(services: Services, actor: Actor, *entries: Entry) -> None:
    wanted = DeleteMessages(entries[0].chat_id, [entry.seq for entry in entries], for_everyone=True)
    await services.actions.delete_messages(actor, wanted)


async def test_a_channel_hears_of_each_way_in_which_comments_come_and_go(small_home: Home) -> None:
    services = small_home.services
    channel_id, group_id, (anna, boris) = await with_comments(services, "anna", "boris")
    post = await say(services, anna, channel_id, "Новость")
    heard = await heard_in(services, channel_id)

    async def hears(count: int) -> None:
        await until(lambda: heard[-1:] == [count], timeout_s=5)
        small_home.moment[0] += SECOND_US

    first = await comment(services, boris, post)
    await hears(1)
    await say(services, anna, group_id, reply_to=first.seq)
    await hears(2)
    await delete(services, boris, first)
    await hears(1)
    await services.vanishing.set_timer(anna, SetTimer(group_id, 86_400))
    await comment(services, boris, post)
    await hears(2)
    await small_home.come(DAY_US + SECOND_US)
    await hears(1)


async def test_the_channel_is_told_without_waiting_for_the_next_look(small_home: Home) -> None:
    services = small_home.services
    channel_id, _, (anna, boris) = await with_comments(services, "anna", "boris")
    post = await say(services, anna, channel_id, "Новость")
    heard = await heard_in(services, channel_id)
    await comment(services, boris, post)
    await until(lambda: heard == [1], timeout_s=5)
    moment = [2**50]
    patient = PostCounting(services.database, Announcer(services.cache), lambda: moment[0], write_every_s=3600)
    patient.start()
    for number in range(2, 5):
        patient.note_comments([(channel_id, post.seq)])
        await until(lambda number=number: heard == [1] * number)  # type: ignore[misc]
        moment[0] += SECOND_US
    await patient.close()


async def holding(database: Database, words: str) -> list[str]:
    """The tables that do so."""
    tables = ("entries", "due", "quotes", "versions", "preview_tasks")
    return [table for table in tables if words in str(await database.fetch(tuple, f"SELECT * FROM messaging_{table}"))]


async def test_what_vanishes_from_a_channel_vanishes_from_its_group_and_only_that(small_home: Home) -> None:
    services = small_home.services
    channel_id, group_id, (anna, boris) = await with_comments(services, "anna", "boris")
    staying = await say(services, anna, channel_id, "Навсегда")
    await services.vanishing.set_timer(anna, SetTimer(channel_id, 86_400))
    going = await say(services, anna, channel_id, "Ненадолго")
    # Half of its time is over when it comes into the group; there, no timer of the group's has a part in it.
    await small_home.come(DAY_US // 2)
    said = [await comment(services, boris, post, "Так") for post in (staying, going)]
    await services.vanishing.set_timer(anna, SetTimer(channel_id, 0))
    await services.vanishing.set_timer(anna, SetTimer(group_id, 2_592_000))
    await services.vanishing.set_timer(anna, SetTimer(group_id, 0))
    root = next(entry for entry in await log_of(services, boris, group_id) if entry.text == "Ненадолго")
    await services.reminders.remind_me(boris, RemindMe(group_id, root.seq, new_id(), small_home.at(60 * SECOND_US)))
    await small_home.come(61 * SECOND_US)
    await small_home.come(DAY_US // 2 - 62 * SECOND_US)
    assert (await message_of(services, boris, root)).text == "Ненадолго"

    await small_home.come(2 * SECOND_US)

    assert await holding(services.database, "Ненадолго") == []
    assert (await message_of(services, boris, root)).deleted
    assert [(await message_of(services, boris, entry)).text for entry in said] == ["Так", "Так"]
    copies = [entry for entry in await log_of(services, boris, group_id) if str(entry.sender_id) == channel_id]
    assert [entry.text for entry in copies if not entry.deleted] == ["Навсегда"]
    assert await texts(services, boris, staying) == ["Так"]
    await small_home.come(400 * DAY_US)
    assert await texts(services, boris, staying) == ["Так"]
    with pytest.raises(MessageNotFound):
        await texts(services, boris, going)

"""A moment is found in a log of any length: the first message from then on, and for whoever may read it."""

from datetime import UTC, datetime, timedelta

import pytest
from tests.harness import Services
from tests.services.messaging.chats import direct, group, say
from tests.services.messaging.test_topics import say_in

from kaif.interfaces.messaging.actions import DeleteMessages, React
from kaif.interfaces.messaging.dates import FindDate
from kaif.interfaces.messaging.errors import ChatNotFound
from kaif.interfaces.messaging.topics import GENERAL, MakeTopic, SwitchTopics, TopicNotFound, TopicsOff
from kaif.kernel.clock import MINUTE_US, SECOND_US

BEGAN = datetime(2026, 1, 1, tzinfo=UTC)


async def a_minute_after_each_other(services: Services) -> None:
    """All entries."""
    async with services.database.transaction() as tx:
        await tx.execute(
            "UPDATE messaging_entries SET at_us = :began_us + seq * :minute_us",
            began_us=int(BEGAN.timestamp()) * SECOND_US,
            minute_us=MINUTE_US,
        )


async def test_the_first_message_from_a_moment_on_is_found_wherever_it_stands(services: Services) -> None:
    anna, boris = await services.newcomers("anna", "boris")
    chat_id = await direct(services, anna, boris)
    sent = [await say(services, anna, chat_id, f"Слово {number}") for number in range(12)]
    await services.actions.add_reaction(boris, React(chat_id, sent[0].seq, "👍"))
    last = await say(services, anna, chat_id, "Последнее")
    await a_minute_after_each_other(services)

    async def found(minutes: float) -> int | None:
        return (await services.dates.find_date(boris, FindDate(chat_id, BEGAN + timedelta(minutes=minutes)))).seq

    assert await found(-1e6) == sent[0].seq
    for entry in sent:
        assert await found(entry.seq) == await found(entry.seq - 0.5) == entry.seq
    # After the last word before it comes a reaction, which is nothing to go to.
    assert await found(sent[-1].seq + 0.5) == last.seq
    assert await found(last.seq + 0.5) is None
    await services.actions.delete_messages(boris, DeleteMessages(chat_id, [sent[3].seq], for_everyone=False))
    assert await found(sent[3].seq) == sent[4].seq


async def test_a_day_of_a_topic_is_none_of_other_topics(services: Services) -> None:
    anna, boris = await services.newcomers("anna", "boris")
    chat_id = await group(services, anna, boris)
    before = await say(services, anna, chat_id, "Было до тем")
    await services.topics.switch_topics(anna, SwitchTopics(chat_id, True))
    boats = (await services.topics.make_topic(anna, MakeTopic(chat_id, "Лодки", "1"))).id
    one, plain, other = [await say_in(services, anna, chat_id, topic) for topic in (boats, GENERAL, boats)]
    await a_minute_after_each_other(services)

    async def found(minutes: float, topic_id: int) -> int | None:
        wanted = FindDate(chat_id, BEGAN + timedelta(minutes=minutes), topic_id)
        return (await services.dates.find_date(boris, wanted)).seq

    assert [await found(0, topic) for topic in (boats, GENERAL)] == [one.seq, before.seq]
    assert [await found(before.seq + 0.5, topic) for topic in (boats, GENERAL)] == [one.seq, plain.seq]
    assert [await found(plain.seq + 0.5, topic) for topic in (boats, GENERAL)] == [other.seq, None]
    await services.actions.delete_messages(boris, DeleteMessages(chat_id, [one.seq], for_everyone=False))
    assert await found(0, boats) == other.seq
    with pytest.raises(TopicNotFound):
        await found(0, boats + 1)
    await services.topics.switch_topics(anna, SwitchTopics(chat_id, False))
    with pytest.raises(TopicsOff):
        await found(0, boats)


async def test_whoever_is_not_in_the_chat_learns_nothing_of_its_days(services: Services) -> None:
    anna, boris, eve = await services.newcomers("anna", "boris", "eve")
    chat_id = await direct(services, anna, boris)
    with pytest.raises(ChatNotFound):
        await services.dates.find_date(eve, FindDate(chat_id, BEGAN))

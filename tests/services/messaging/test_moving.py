"""Messages that move to another topic: where they stand in the log they stay, and all that follows a topic follows."""

import asyncio
from pathlib import Path

import pytest
from tests.harness import Services, wired_services
from tests.services.messaging.chats import group, log_of, message_of, say
from tests.services.messaging.dues import Home
from tests.services.messaging.notified import listen, notifying, push_service
from tests.services.messaging.searches import found, searching
from tests.services.messaging.test_topics import history, make, read, say_in, switch, topic_of, unread, with_topics
from tests.waiting import eventually
from tests.waiting import until as until_true

from kaif.interfaces.messaging import AddMembers, ChatId, Entry, Outgoing, SendBatch
from kaif.interfaces.messaging.actions import DeleteMessages, MessageNotFound, NotYourMessage, OfChat, OfMessage
from kaif.interfaces.messaging.administration import ChangeChat, Restrict
from kaif.interfaces.messaging.errors import ChatNotFound, MayNotSend, SlowMode, TooManyMessages
from kaif.interfaces.messaging.moving import MOVE_WITHIN_S, MOVED_PAST_MAX, MoveMessages, MoveTooLate, TooFarBack
from kaif.interfaces.messaging.topics import (
    GENERAL,
    ChangeTopic,
    RestrictedInTopic,
    RestrictInTopic,
    TopicClosed,
    TopicNotFound,
    TopicsOff,
)
from kaif.kernel.actor import NOBODY, Actor
from kaif.kernel.clock import SECOND_US


async def move(services: Services, actor: Actor, chat_id: ChatId, topic_id: int, *entries: Entry) -> None:
    wanted = MoveMessages(chat_id, [entry.seq for entry in entries], topic_id)
    await services.moving.move_messages(actor, wanted)


def texts(entries: list[Entry]) -> list[str]:
    return [entry.text for entry in entries if entry.kind == "message"]


async def test_moved_messages_keep_their_places_and_the_log_says_who_moved_how_many_and_where(
    services: Services,
) -> None:
    chat_id, (anna, boris) = await with_topics(services, "anna", "boris")
    boats, rest = await make(services, anna, chat_id), await make(services, anna, chat_id, "Отпуск")
    one, other, third = [await say_in(services, boris, chat_id, boats, text) for text in ("раз", "два", "три")]
    last = await say_in(services, boris, chat_id, rest, "четыре")
    before = len(await log_of(services, anna, chat_id))

    for _ in range(2):
        await move(services, anna, chat_id, rest, third, one)

    log = await log_of(services, anna, chat_id)
    assert [entry.seq for entry in log] == list(range(1, len(log) + 1))
    moved = log[before:]
    assert [(each.kind, each.target) for each in moved] == [
        ("moved", one.seq),
        ("moved", third.seq),
        ("topic_moved", 0),
    ]
    assert [each.message.topic_id for each in moved if each.message] == [rest, rest]
    line = moved[-1]
    assert (line.sender_id, line.topic_id, line.to_topic_id, line.count, line.title) == (
        anna.user_id,
        boats,
        rest,
        2,
        "Отпуск",
    )
    assert texts(await history(services, boris, chat_id, boats, 1)) == ["два"]
    assert (await history(services, boris, chat_id, boats))[-1].kind == "topic_moved"
    assert texts(await history(services, boris, chat_id, rest, 1)) == ["раз", "три", "четыре"]
    now = await message_of(services, boris, one)
    assert (now.sender_id, now.text, now.at, now.topic_id) == (boris.user_id, "раз", one.at, rest)
    assert (await topic_of(services, anna, chat_id, rest)).last_entry == last
    assert await unread(services, anna, chat_id) == {boats: 1, rest: 3}
    # What was said before one joined counts as read, wherever it went.
    vera = await services.newcomer("vera")
    await services.messaging.add_members(anna, AddMembers(chat_id, [vera.user_id]))
    await move(services, anna, chat_id, GENERAL, other, last)
    assert await unread(services, vera, chat_id) == {}


async def test_what_was_said_before_there_were_topics_goes_into_them(services: Services) -> None:
    anna, boris = await services.newcomers("anna", "boris")
    chat_id = await group(services, anna, boris)
    old = [await say(services, anna, chat_id, f"{number}") for number in range(3)]
    await switch(services, anna, chat_id)
    boats = await make(services, anna, chat_id)
    await move(services, anna, chat_id, boats, old[1])
    await move(services, anna, chat_id, boats, old[0])
    assert texts(await history(services, boris, chat_id, GENERAL, 1)) == ["2"]
    assert texts(await history(services, boris, chat_id, boats)) == ["0", "1"]
    assert await unread(services, boris, chat_id) == {GENERAL: 1, boats: 2}
    await read(services, boris, chat_id, old[0].seq, boats)
    assert await unread(services, boris, chat_id) == {GENERAL: 1, boats: 1}


async def test_members_move_their_own_for_two_days_and_admins_what_anybody_wrote(services: Services) -> None:
    chat_id, (anna, boris, eve) = await with_topics(services, "anna", "boris", "eve")
    boats, fish = await make(services, anna, chat_id), await make(services, anna, chat_id)
    own, hers = await say_in(services, boris, chat_id, boats), await say_in(services, anna, chat_id, boats)

    await move(services, boris, chat_id, fish, own)
    with pytest.raises(NotYourMessage):
        await move(services, boris, chat_id, fish, own, hers)
    with pytest.raises(NotYourMessage):
        await move(services, eve, chat_id, boats, own)
    for topic_id, refusal in ((fish + 100, TopicNotFound), (hers.seq, TopicNotFound)):
        with pytest.raises(refusal):
            await move(services, boris, chat_id, topic_id, own)
    stranger = await services.newcomer("stranger")
    with pytest.raises(ChatNotFound):
        await move(services, stranger, chat_id, boats, own)

    # Neither out of where one may not write, nor into it.
    await services.topics.change_topic(anna, ChangeTopic(chat_id, boats, closed=True))
    with pytest.raises(TopicClosed):
        await move(services, boris, chat_id, boats, own)
    await services.topics.restrict_in_topic(anna, RestrictInTopic(chat_id, fish, boris.user_id, True))
    with pytest.raises(RestrictedInTopic):
        await move(services, boris, chat_id, GENERAL, own)
    await services.topics.restrict_in_topic(anna, RestrictInTopic(chat_id, fish, boris.user_id, False))
    await services.administration.restrict_member(anna, Restrict(chat_id, boris.user_id, ["send"]))
    with pytest.raises(MayNotSend):
        await move(services, boris, chat_id, GENERAL, own)
    await services.administration.restrict_member(anna, Restrict(chat_id, boris.user_id, []))

    async with services.database.transaction() as tx:
        await tx.execute(
            "UPDATE messaging_entries SET at_us = at_us - :past_us WHERE chat_id = :id AND seq = :seq",
            past_us=MOVE_WITHIN_S * SECOND_US,
            id=chat_id,
            seq=own.seq,
        )
    with pytest.raises(MoveTooLate):
        await move(services, boris, chat_id, GENERAL, own)
    await move(services, anna, chat_id, boats, own)
    assert (await message_of(services, eve, own)).topic_id == boats
    await services.actions.delete_messages(boris, DeleteMessages(chat_id, [own.seq], for_everyone=True))
    with pytest.raises(MessageNotFound):
        await move(services, anna, chat_id, fish, own)
    await switch(services, anna, chat_id, on=False)
    with pytest.raises(TopicsOff):
        await move(services, anna, chat_id, GENERAL, hers)


async def test_counts_hold_while_many_move_and_write_at_once(services: Services) -> None:
    chat_id, (anna, boris) = await with_topics(services, "anna", "boris")
    topics = [GENERAL, await make(services, anna, chat_id), await make(services, anna, chat_id)]
    said = [await say_in(services, anna, chat_id, topics[number % 3]) for number in range(12)]

    await asyncio.gather(
        *(move(services, anna, chat_id, topics[number % 2], *said[number : number + 4]) for number in range(9)),
        *(say_in(services, anna, chat_id, topics[number % 3]) for number in range(9)),
    )

    counted = await unread(services, boris, chat_id)
    for topic_id in topics:
        entries = await history(services, boris, chat_id, topic_id, 5)
        assert counted.get(topic_id, 0) == sum(entry.kind == "message" for entry in entries)
        assert [entry.seq for entry in entries] == sorted({entry.seq for entry in entries})
    assert sum(counted.values()) == 21


async def test_search_mentions_pins_and_notifications_follow(embedded: Services, tmp_path: Path) -> None:
    chat_id, (anna, boris) = await with_topics(embedded, "anna", "boris")
    boats, rest = await make(embedded, anna, chat_id), await make(embedded, anna, chat_id, "Отпуск")
    async with (
        searching(tmp_path, embedded) as search,
        notifying(tmp_path, embedded) as notified,
        push_service() as service,
    ):
        said = await say_in(embedded, anna, chat_id, boats, "@boris, лодка")
        await embedded.actions.pin_message(anna, OfMessage(chat_id, said.seq))
        await move(embedded, anna, chat_id, rest, said)

        async def follows() -> bool:
            there = await found(search, boris, "лодка", chat_id=chat_id, topic_id=rest)
            return there == [said.text] and not await found(search, boris, "лодка", chat_id=chat_id, topic_id=boats)

        await eventually(follows)
        assert (await topic_of(embedded, boris, chat_id, boats)).mentions == []
        assert (await topic_of(embedded, boris, chat_id, rest)).mentions == [said.seq]
        (pinned,) = (await embedded.actions.list_pins(boris, OfChat(chat_id))).messages
        assert pinned.topic_id == rest
        browser = await listen(embedded, notified, service, boris)
        late = await say_in(embedded, anna, chat_id, boats, "новое")
        await move(embedded, anna, chat_id, rest, late)
        await until_true(lambda: bool(browser.shown))
        assert (browser.shown[-1]["title"], browser.shown[-1]["topic_id"]) == ("Друзья · Отпуск", rest)


async def test_who_reads_in_a_topic_that_lost_and_won_messages_is_where_they_were(services: Services) -> None:
    chat_id, (anna, boris) = await with_topics(services, "anna", "boris")
    boats, rest = await make(services, anna, chat_id), await make(services, anna, chat_id)
    said = [await say_in(services, anna, chat_id, boats) for _ in range(4)]
    await read(services, boris, chat_id, said[2].seq, boats)
    await move(services, anna, chat_id, rest, *said[:2])
    assert await unread(services, boris, chat_id) == {boats: 1, rest: 2}
    # One message that comes without its writer leaves what they had not read unread, and else nothing.
    away = SendBatch([Outgoing(boris.user_id, chat_id, "r", "x", topic_id=boats, late=True)])
    await services.messaging.send_batch(NOBODY, away)
    assert await unread(services, boris, chat_id) == {boats: 2, rest: 2}
    await read(services, boris, chat_id, said[3].seq, boats)
    again = SendBatch([Outgoing(boris.user_id, chat_id, "s", "x", topic_id=rest, late=True)])
    await services.messaging.send_batch(NOBODY, again)
    assert await unread(services, boris, chat_id) == {boats: 1, rest: 3}


async def test_what_too_much_follows_stays_where_it_is(embedded: Services) -> None:
    chat_id, (anna,) = await with_topics(embedded, "anna")
    boats = await make(embedded, anna, chat_id)
    first, second = await say(embedded, anna, chat_id), await say_in(embedded, anna, chat_id, boats)
    for number in range(20):
        texts = [f"{number}-{each}" for each in range(MOVED_PAST_MAX // 20)]
        batch = [Outgoing(anna.user_id, chat_id, text, text, topic_id=boats) for text in texts]
        await embedded.messaging.send_batch(NOBODY, SendBatch(batch[: None if number else -2]))
    await move(embedded, anna, chat_id, boats, first)
    with pytest.raises(TooFarBack):
        await move(embedded, anna, chat_id, GENERAL, first)
    assert (await message_of(embedded, anna, first)).topic_id == (await message_of(embedded, anna, second)).topic_id


async def test_moving_keeps_the_pace_of_writing(tmp_path: Path, database_url: str) -> None:
    async with wired_services(tmp_path, database_url, limits_scale=0.05) as services:
        chat_id, (anna, boris) = await with_topics(services, "anna", "boris")
        boats = await make(services, anna, chat_id)
        written = [await say_in(services, boris, chat_id, GENERAL, text) for text in ("раз", "два", "три")]

        # Five are let through at once. All that move count, and pass where one would.
        await move(services, boris, chat_id, boats, *written)

        with pytest.raises(TooManyMessages):
            await move(services, boris, chat_id, GENERAL, written[0])
        with pytest.raises(TooManyMessages):
            await say_in(services, boris, chat_id, boats, "четыре")
        assert texts(await history(services, anna, chat_id, boats, 1)) == ["раз", "два", "три"]
        # Nothing moves, and nothing is taken for it.
        await move(services, boris, chat_id, boats, *written)
        await say_in(services, anna, chat_id, boats, "Другим это не мешает")


async def test_in_slow_mode_a_move_is_a_message(services: Services) -> None:
    chat_id, (anna, boris) = await with_topics(services, "anna", "boris")
    boats = await make(services, anna, chat_id)
    one, other = [await say_in(services, boris, chat_id, GENERAL, text) for text in ("раз", "два")]
    await services.administration.change_chat(anna, ChangeChat(chat_id, slow_mode_s=600))

    with pytest.raises(SlowMode) as refused:
        await move(services, boris, chat_id, boats, one)
    assert 500_000 < int(str(refused.value.details["retry_after_ms"])) <= 600_000

    # Who looks after the group need not wait.
    for topic_id in (boats, GENERAL):
        await move(services, anna, chat_id, topic_id, one, other)
    vera = await services.newcomer("vera")
    await services.messaging.add_members(anna, AddMembers(chat_id, [vera.user_id]))
    hers = await say_in(services, vera, chat_id, GENERAL, "три")
    await services.administration.change_chat(anna, ChangeChat(chat_id, slow_mode_s=0))
    await move(services, vera, chat_id, boats, hers)


async def test_a_move_delays_the_next_message_of_a_slow_group(home: Home) -> None:
    services = home.services
    chat_id, (anna, boris) = await with_topics(services, "anna", "boris")
    boats = await make(services, anna, chat_id)
    written = await say_in(services, boris, chat_id, GENERAL, "раз")
    await services.administration.change_chat(anna, ChangeChat(chat_id, slow_mode_s=60))
    home.moment[0] += 61 * SECOND_US

    await move(services, boris, chat_id, boats, written)

    with pytest.raises(SlowMode):
        await say_in(services, boris, chat_id, boats, "два")
    home.moment[0] += 61 * SECOND_US
    await say_in(services, boris, chat_id, boats, "два")

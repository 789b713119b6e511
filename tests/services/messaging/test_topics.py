"""Topics: parts of a group's one log, each with its own history, its own unread messages and its own rules."""

import asyncio
import random
import sqlite3
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.harness import Services
from tests.services.messaging.bots import a_bot
from tests.services.messaging.chats import channel, chat_of, group, log_of, message_of, say
from tests.services.messaging.notified import listen, notifying, push_service
from tests.services.messaging.searches import found, page_of, searching
from tests.waiting import eventually
from tests.waiting import until as until_true

from kaif.engines.database.sqlite import Sqlite
from kaif.interfaces.auth import Nothing, Person
from kaif.interfaces.messaging import (
    AddMembers,
    ChatId,
    Entry,
    ListEntries,
    MarkRead,
    Outgoing,
    RemoveMember,
    SendBatch,
    SendMessage,
)
from kaif.interfaces.messaging.actions import (
    DeleteMessages,
    EditMessage,
    ForwardedMessage,
    ForwardMessages,
    NotAnEmoji,
    OfMessage,
)
from kaif.interfaces.messaging.administration import Appoint, BeyondYourRights, MemberNotFound, Restrict
from kaif.interfaces.messaging.errors import ChatNotFound, RightMissing
from kaif.interfaces.messaging.moving import MoveMessages
from kaif.interfaces.messaging.notifications import ChooseNotifications
from kaif.interfaces.messaging.topics import (
    GENERAL,
    BadTopicChange,
    BadTopicTitle,
    ChangeTopic,
    ChooseInTopic,
    ListTopics,
    MakeTopic,
    MuteTopic,
    OfTopic,
    OnlyGroupsHaveTopics,
    RestrictedInTopic,
    RestrictInTopic,
    SwitchTopics,
    Topic,
    TopicClosed,
    TopicNotFound,
    TopicsOff,
)
from kaif.interfaces.personal_data import PersonErased
from kaif.kernel.actor import NOBODY, Actor
from kaif.kernel.clock import as_datetime, now_us
from kaif.kernel.errors import Invalid
from kaif.kernel.ids import new_id
from kaif.services.messaging.events import ChatDeleted, TopicDeleted
from kaif.services.messaging.messages.actions import MessageActionsService
from kaif.services.messaging.reactions import Reactions
from kaif.services.messaging.topics.ending import DELETED_AT_ONCE, TopicEnding


async def switch(services: Services, actor: Actor, chat_id: ChatId, on: bool = True) -> None:
    await services.topics.switch_topics(actor, SwitchTopics(chat_id, on))


async def make(services: Services, actor: Actor, chat_id: ChatId, title: str = "Лодки", ref: str = "") -> int:
    return (await services.topics.make_topic(actor, MakeTopic(chat_id, title, ref or new_id()))).id


async def say_in(services: Services, actor: Actor, chat_id: ChatId, topic_id: int, text: str = "Привет") -> Entry:
    return await services.messaging.send_message(actor, SendMessage(chat_id, new_id(), text, topic_id=topic_id))


async def topic_of(services: Services, actor: Actor, chat_id: ChatId, topic_id: int) -> Topic:
    topics = (await services.topics.list_topics(actor, ListTopics(chat_id))).topics
    return next(topic for topic in topics if topic.id == topic_id)


async def unread(services: Services, actor: Actor, chat_id: ChatId) -> dict[int, int]:
    topics = (await services.topics.list_topics(actor, ListTopics(chat_id))).topics
    return {topic.id: topic.unread for topic in topics if topic.unread}


async def read(services: Services, actor: Actor, chat_id: ChatId, seq: int, topic_id: int | None = None) -> int:
    return (await services.messaging.mark_read(actor, MarkRead(chat_id, seq, topic_id))).unread


async def history(services: Services, actor: Actor, chat_id: ChatId, topic_id: int, page: int = 200) -> list[Entry]:
    """All of it, from the newest page to the oldest."""
    entries: list[Entry] = []
    before = None
    while True:
        wanted = ListEntries(chat_id, before=before, limit=page, topic_id=topic_id)
        older = (await services.messaging.list_entries(actor, wanted)).entries
        if not older:
            return entries
        entries, before = older + entries, older[0].seq


async def with_topics(services: Services, *names: str) -> tuple[ChatId, list[Actor]]:
    """A group of the first one's, which has topics."""
    people = await services.newcomers(*names)
    chat_id = await group(services, *people)
    await switch(services, people[0], chat_id)
    return chat_id, people


async def test_a_topic_is_a_filter_of_the_one_gapless_log(services: Services) -> None:
    chat_id, (anna, boris) = await with_topics(services, "anna", "boris")
    boats = await make(services, anna, chat_id, "Лодки")
    fish = await make(services, anna, chat_id, "Рыба")
    said = [
        await say_in(services, one, chat_id, topic_id, str(n))
        for n, (one, topic_id) in enumerate([(anna, boats), (boris, fish), (anna, GENERAL), (boris, boats)] * 3)
    ]

    log = await log_of(services, boris, chat_id)
    assert [entry.seq for entry in log] == list(range(1, len(log) + 1))
    for topic_id in (boats, fish):
        entries = await history(services, boris, chat_id, topic_id, page=2)
        assert [entry.text for entry in entries if entry.kind == "message"] == [
            entry.text for entry in said if entry.topic_id == topic_id
        ]
        assert (entries[0].kind, entries[0].seq) == ("topic_made", topic_id)
    after = await services.messaging.list_entries(
        boris, ListEntries(chat_id, after=said[3].seq, limit=1, topic_id=boats)
    )
    assert after.entries == [said[4]]


async def test_what_was_said_before_and_elsewhere_is_of_the_topic_without_a_name(services: Services) -> None:
    anna, boris, clara = await services.newcomers("anna", "boris", "clara")
    chat_id = await group(services, anna, boris)
    for n in range(5):
        await say(services, anna, chat_id, f"до {n}")
    await read(services, boris, chat_id, 3)
    await switch(services, anna, chat_id)
    boats = await make(services, anna, chat_id)

    assert (await chat_of(services, boris, chat_id)).unread == 3
    assert await unread(services, boris, chat_id) == {GENERAL: 3}
    await say_in(services, anna, chat_id, boats)
    await say(services, anna, chat_id, "после")
    await services.messaging.add_members(anna, AddMembers(chat_id, [clara.user_id]))

    entries = await history(services, boris, chat_id, GENERAL, page=2)
    assert [entry.text or entry.kind for entry in entries] == [
        "created", *[f"до {n}" for n in range(5)], "changed", "после", "joined",
    ]  # fmt: skip
    assert await unread(services, boris, chat_id) == {GENERAL: 4, boats: 1}
    # Also in the midst of what is older than topics.
    assert await read(services, boris, chat_id, 5, GENERAL) == 2
    assert await unread(services, clara, chat_id) == {}, "what was said before one joined counts as read"


async def test_reading_or_writing_in_a_topic_leaves_the_others_unread(services: Services) -> None:
    chat_id, (anna, boris) = await with_topics(services, "anna", "boris")
    boats, fish = await make(services, anna, chat_id), await make(services, anna, chat_id)
    for topic_id in (boats, boats, fish, GENERAL):
        last = await say_in(services, anna, chat_id, topic_id)
    assert (await chat_of(services, boris, chat_id)).unread == 4

    await say_in(services, boris, chat_id, fish)
    assert await unread(services, boris, chat_id) == {boats: 2, GENERAL: 1}
    assert await read(services, boris, chat_id, last.seq, boats) == 0
    assert await unread(services, boris, chat_id) == {GENERAL: 1}
    assert await read(services, boris, chat_id, 1, boats) == 0, "a mark never moves back"
    assert (await topic_of(services, anna, chat_id, boats)).others_read_seq == last.seq
    assert (await topic_of(services, anna, chat_id, GENERAL)).others_read_seq < last.seq

    # A client that knows of no topics marks the whole.
    await read(services, boris, chat_id, last.seq)
    assert (await chat_of(services, boris, chat_id)).unread == 0
    assert await unread(services, boris, chat_id) == {}
    with pytest.raises(Invalid):
        await read(services, boris, chat_id, 1000, boats)


async def test_counts_of_topics_are_what_a_count_by_hand_gives(services: Services) -> None:
    """Random deeds of three people, with topics switched off and on and messages moved among them.

    A fourth one reads nothing.
    """
    dice = random.Random(7)
    people = await services.newcomers("anna", "boris", "clara", "dora")
    anna, chat_id = people[0], await group(services, *people)
    said = [((await say(services, anna, chat_id)).seq, GENERAL, anna) for _ in range(5)]
    await switch(services, anna, chat_id)
    topics, on = [GENERAL, *[await make(services, people[0], chat_id) for _ in range(2)]], True
    marks: dict[tuple[Actor, int], int] = {(anna, topic): said[-1][0] for topic in topics}
    for _ in range(120):
        one, topic_id, deed = dice.choice(people[:3]), dice.choice(topics), dice.random()
        if deed < 0.5:
            entry = await say_in(services, one, chat_id, topic_id if on else GENERAL)
            said.append((entry.seq, entry.topic_id, one))
            for each in [entry.topic_id] if on else topics:
                marks[one, each] = entry.seq
        elif deed < 0.72 and on and said:
            seq = dice.choice(said)[0]
            await read(services, one, chat_id, seq, topic_id)
            marks[one, topic_id] = max(seq, marks.get((one, topic_id), 0))
        elif deed < 0.8 and said:
            seq = dice.choice(said)[0]
            await read(services, one, chat_id, seq)
            for each in topics:
                marks[one, each] = max(seq, marks.get((one, each), 0))
        elif deed < 0.94 and on and said:
            # Wherever they stand now, and also from before there were topics.
            seqs = {dice.choice(said)[0] for _ in range(3)}
            await services.moving.move_messages(anna, MoveMessages(chat_id, sorted(seqs), topic_id))
            said = [(seq, topic_id if seq in seqs else was, by) for seq, was, by in said]
        else:
            on = not on
            await switch(services, anna, chat_id, on)
    await switch(services, anna, chat_id)

    for one in people:
        counted = [topic_id for seq, topic_id, _ in said if seq > marks.get((one, topic_id), 0)]
        expected = {topic_id: counted.count(topic_id) for topic_id in topics if topic_id in counted}
        assert await unread(services, one, chat_id) == expected
        assert (await chat_of(services, one, chat_id)).unread == len(counted)
    for topic_id in topics:
        shown = [entry.seq for entry in await history(services, anna, chat_id, topic_id, 7) if entry.kind == "message"]
        assert shown == sorted(seq for seq, where, _ in said if where == topic_id)


async def test_in_a_closed_topic_only_admins_write_and_what_was_sent_before_is_answered(services: Services) -> None:
    chat_id, (anna, boris) = await with_topics(services, "anna", "boris")
    boats = await make(services, anna, chat_id)
    sent = SendMessage(chat_id, "m-1", "Успел", topic_id=boats)
    first = await services.messaging.send_message(boris, sent)
    await services.topics.change_topic(anna, ChangeTopic(chat_id, boats, closed=True))

    with pytest.raises(TopicClosed):
        await say_in(services, boris, chat_id, boats)
    assert await services.messaging.send_message(boris, sent) == first
    assert not (await topic_of(services, boris, chat_id, boats)).may_write
    await say_in(services, anna, chat_id, boats)
    await say_in(services, boris, chat_id, GENERAL)
    await services.topics.change_topic(anna, ChangeTopic(chat_id, boats, closed=False))
    await say_in(services, boris, chat_id, boats)

    await services.topics.change_topic(anna, ChangeTopic(chat_id, GENERAL, hidden=True))
    with pytest.raises(TopicClosed):
        await say(services, boris, chat_id)
    kinds = [entry.kind for entry in await history(services, boris, chat_id, boats)]
    assert kinds == ["topic_made", "message", "topic_closed", "message", "topic_reopened", "message"]


async def test_whom_a_topic_is_closed_to_in_particular_writes_in_the_others(services: Services) -> None:
    chat_id, (anna, boris, clara) = await with_topics(services, "anna", "boris", "clara")
    boats, fish = await make(services, anna, chat_id), await make(services, anna, chat_id)
    await services.topics.restrict_in_topic(anna, RestrictInTopic(chat_id, boats, boris.user_id, True))

    with pytest.raises(RestrictedInTopic):
        await say_in(services, boris, chat_id, boats)
    await say_in(services, boris, chat_id, fish)
    await say_in(services, clara, chat_id, boats)
    assert [p.id for p in (await services.topics.list_restricted(anna, OfTopic(chat_id, boats))).people] == [
        boris.user_id
    ]
    bot = await a_bot(services)
    await services.messaging.add_members(anna, AddMembers(chat_id, [bot.user_id]))
    await services.topics.restrict_in_topic(anna, RestrictInTopic(chat_id, fish, bot.user_id, True))
    assert [p.kind for p in (await services.topics.list_restricted(anna, OfTopic(chat_id, fish))).people] == ["bot"]
    with pytest.raises(RightMissing):
        await services.topics.list_restricted(boris, OfTopic(chat_id, boats))
    with pytest.raises(RightMissing):
        await services.topics.restrict_in_topic(boris, RestrictInTopic(chat_id, boats, boris.user_id, False))
    with pytest.raises(BeyondYourRights):
        await services.topics.restrict_in_topic(anna, RestrictInTopic(chat_id, boats, anna.user_id, True))
    # Going and coming back does not help.
    await services.messaging.remove_member(boris, RemoveMember(chat_id, boris.user_id))
    await services.messaging.add_members(anna, AddMembers(chat_id, [boris.user_id]))
    with pytest.raises(RestrictedInTopic):
        await say_in(services, boris, chat_id, boats)
    await services.topics.restrict_in_topic(anna, RestrictInTopic(chat_id, boats, boris.user_id, False))
    await say_in(services, boris, chat_id, boats)


async def test_topics_are_looked_after_by_who_has_the_right(services: Services) -> None:
    chat_id, (anna, boris) = await with_topics(services, "anna", "boris")
    stranger = await services.newcomer("stranger")
    boats = await make(services, anna, chat_id)
    change = ChangeTopic(chat_id, boats, title="Вёсла", icon="🛶", colour=3, pinned=True)

    for deed in (
        lambda: switch(services, boris, chat_id, False),
        lambda: make(services, boris, chat_id),
        lambda: services.topics.change_topic(boris, change),
    ):
        with pytest.raises(RightMissing):
            await deed()
    with pytest.raises(ChatNotFound):
        await services.topics.list_topics(stranger, ListTopics(chat_id))
    await services.administration.appoint_admin(anna, Appoint(chat_id, boris.user_id, ["topics"]))
    topic = await services.topics.change_topic(boris, change)
    assert (topic.title, topic.icon, topic.colour, topic.pinned_at is not None) == ("Вёсла", "🛶", 3, True)
    again = await services.topics.change_topic(boris, change)
    assert again == topic, "repeating changes nothing"
    later = await make(services, boris, chat_id, "Позже")
    listed = (await services.topics.list_topics(boris, ListTopics(chat_id))).topics
    assert [each.id for each in listed] == [boats, later, GENERAL]
    # The right to write at all is the chat's.
    with pytest.raises(BadTopicTitle):
        await make(services, anna, chat_id, "\u200b!")
    with pytest.raises(NotAnEmoji):
        await services.topics.change_topic(anna, ChangeTopic(chat_id, boats, icon="<b>"))
    with pytest.raises(BadTopicChange):
        await services.topics.change_topic(anna, ChangeTopic(chat_id, GENERAL, title="Всё"))
    with pytest.raises(BadTopicChange):
        await services.topics.change_topic(anna, ChangeTopic(chat_id, boats, hidden=True))


async def test_what_there_is_no_topic_for_is_not_stored(services: Services) -> None:
    chat_id, (anna, boris) = await with_topics(services, "anna", "boris")
    other, _ = await with_topics(services, "clara", "dora")
    plain, news = await group(services, anna, boris), await channel(services, anna, boris)
    boats = await make(services, anna, chat_id)
    length = len(await log_of(services, anna, chat_id))

    for wrong in ((chat_id, 1), (chat_id, boats + 1), (plain, boats), (news, 1)):
        with pytest.raises(TopicNotFound):
            await say_in(services, anna, *wrong)
    with pytest.raises(ChatNotFound):
        await say_in(services, anna, other, GENERAL)
    for request in (ListEntries(plain, topic_id=GENERAL), ListEntries(plain, topic_id=5)):
        with pytest.raises(TopicsOff):
            await services.messaging.list_entries(anna, request)
    with pytest.raises(TopicNotFound):
        await services.messaging.list_entries(anna, ListEntries(chat_id, topic_id=1))
    with pytest.raises(OnlyGroupsHaveTopics):
        await switch(services, anna, news)
    await switch(services, anna, chat_id, False)
    with pytest.raises(TopicNotFound):
        await say_in(services, anna, chat_id, boats)
    with pytest.raises(TopicsOff):
        await make(services, anna, chat_id)
    assert len(await log_of(services, anna, chat_id)) == length + 1


async def test_many_at_once_are_each_counted_and_a_topic_is_made_once(services: Services) -> None:
    chat_id, people = await with_topics(services, *[f"p{n}" for n in range(6)])
    made = await asyncio.gather(*(make(services, people[0], chat_id, "Лодки", "same") for _ in range(10)))
    assert len(set(made)) == 1
    topics = [GENERAL, made[0], await make(services, people[0], chat_id)]
    batches = [
        SendBatch([Outgoing(one.user_id, chat_id, f"{n}-{t}", "x", topic_id=t) for t in topics for n in range(5)])
        for one in people
    ]

    outcomes = await asyncio.gather(*(services.messaging.send_batch(NOBODY, batch) for batch in batches * 2))

    assert not [each.code for one in outcomes for each in one.outcomes if each.code]
    for topic_id in topics:
        entries = await history(services, people[0], chat_id, topic_id)
        assert sum(entry.kind == "message" for entry in entries) == 30
    newcomer = await services.newcomer("newcomer")
    await services.messaging.add_members(people[0], AddMembers(chat_id, [newcomer.user_id]))
    await say_in(services, people[0], chat_id, topics[1])
    assert await unread(services, newcomer, chat_id) == {topics[1]: 1}


async def test_a_message_keeps_its_topic_when_it_is_edited_and_deleted(services: Services) -> None:
    chat_id, (anna, boris) = await with_topics(services, "anna", "boris")
    boats = await make(services, anna, chat_id)
    entry = await say_in(services, anna, chat_id, boats)
    await services.actions.edit_message(anna, EditMessage(chat_id, entry.seq, "Иначе"))
    assert (await message_of(services, boris, entry)).topic_id == boats
    await read(services, boris, chat_id, entry.seq, boats)
    readers = await services.actions.list_readers(anna, OfMessage(chat_id, entry.seq))
    assert [reader.id for reader in readers.people] == [boris.user_id]
    await services.actions.delete_messages(anna, DeleteMessages(chat_id, [entry.seq], True))
    seen = await message_of(services, boris, entry)
    assert (seen.topic_id, seen.deleted, seen.text) == (boats, True, "")


async def test_a_forward_goes_into_the_topic_that_is_named_if_one_may_write_there(services: Services) -> None:
    chat_id, (anna, boris) = await with_topics(services, "anna", "boris")
    boats, fish = await make(services, anna, chat_id), await make(services, anna, chat_id)
    plain = await group(services, boris)
    sent = await say(services, boris, plain, "Щука")

    def forward(topic_id: int, ref: str, to: ChatId = chat_id) -> ForwardMessages:
        return ForwardMessages(to, plain, [ForwardedMessage(sent.seq, ref)], topic_id=topic_id)

    for _ in range(2):
        (entry,) = (await services.actions.forward_messages(boris, forward(fish, "f1"))).entries
        assert (entry.topic_id, entry.text) == (fish, "Щука")
    assert await unread(services, anna, chat_id) == {fish: 1}
    assert (await history(services, anna, chat_id, fish))[-1].forward
    await services.topics.change_topic(anna, ChangeTopic(chat_id, boats, closed=True))
    await services.topics.restrict_in_topic(anna, RestrictInTopic(chat_id, fish, boris.user_id, True))
    for topic_id, refusal in ((boats, TopicClosed), (fish, RestrictedInTopic), (fish + 1, TopicNotFound)):
        with pytest.raises(refusal):
            await services.actions.forward_messages(boris, forward(topic_id, "f2"))
    with pytest.raises(TopicNotFound):
        await services.actions.forward_messages(boris, forward(1, "f3", plain))


async def test_a_restriction_of_the_whole_group_holds_in_its_topics(services: Services) -> None:
    chat_id, (anna, boris) = await with_topics(services, "anna", "boris")
    boats = await make(services, anna, chat_id)
    await services.administration.restrict_member(anna, Restrict(chat_id, boris.user_id, ["send"]))

    assert not (await topic_of(services, boris, chat_id, boats)).may_write


async def test_devices_are_told_of_topics_that_are_neither_read_nor_muted(embedded: Services, tmp_path: Path) -> None:
    chat_id, (anna, boris) = await with_topics(embedded, "anna", "boris")
    boats, fish = await make(embedded, anna, chat_id), await make(embedded, anna, chat_id, "Рыба")
    async with notifying(tmp_path, embedded) as notified, push_service() as service:
        browser = await listen(embedded, notified, service, boris)
        until = as_datetime(now_us()) + timedelta(hours=1)
        await embedded.topics.mute_topic(boris, MuteTopic(chat_id, boats, until))
        heard = await say_in(embedded, anna, chat_id, fish, "слышно")
        await until_true(lambda: browser.texts == ["слышно"])
        assert browser.shown[-1]["badge"] == 1
        assert (browser.shown[-1]["title"], browser.shown[-1]["topic_id"]) == ("Друзья · Рыба", fish)
        await read(embedded, boris, chat_id, heard.seq, fish)
        await say_in(embedded, anna, chat_id, boats, "не слышно")
        last = await say_in(embedded, anna, chat_id, GENERAL, "и это слышно")
        await until_true(lambda: len(browser.shown) > 1)
        assert (browser.shown[-1]["seq"], browser.shown[-1]["badge"]) == (last.seq, 1), "what is muted does not count"
        assert (await notified.count_unread(boris, Nothing())).unread == 1, "nor in a client that is open"
        await notified.choose_notifications(boris, ChooseNotifications(chat_id, "none"))
        assert (await notified.count_unread(boris, Nothing())).unread == 0
        assert "не слышно" not in browser.texts
        assert browser.shown[-1]["title"] == "Друзья · Общее"


async def test_a_search_stays_within_its_topic(embedded: Services, tmp_path: Path) -> None:
    chat_id, (anna, boris) = await with_topics(embedded, "anna", "boris")
    boats = await make(embedded, anna, chat_id)
    async with searching(tmp_path, embedded) as search:
        for topic_id in (boats, GENERAL):
            await say_in(embedded, anna, chat_id, topic_id, f"Лодка {topic_id}")
        await eventually(lambda: is_found(search, boris))

        async def of(topic_id: int) -> list[str]:
            return await found(search, boris, "лодка", chat_id=chat_id, topic_id=topic_id)

        assert (await of(boats), await of(GENERAL)) == ([f"Лодка {boats}"], ["Лодка 0"])
        with pytest.raises(Invalid):
            await found(search, boris, "лодка", topic_id=boats)


async def test_what_has_no_topic_is_found_below_thousands_of_messages_of_others(
    embedded: Services, tmp_path: Path
) -> None:
    chat_id, (anna,) = await with_topics(embedded, "anna")
    boats = await make(embedded, anna, chat_id)
    await say_in(embedded, anna, chat_id, GENERAL, "Первая лодка")
    for number in range(10):
        refs = [f"{number}-{each}" for each in range(250)]
        batch = [Outgoing(anna.user_id, chat_id, ref, f"Лодка {ref}", topic_id=boats) for ref in refs]
        outcomes = (await embedded.messaging.send_batch(NOBODY, SendBatch(batch))).outcomes
        assert not [each.code for each in outcomes if each.code]
    async with searching(tmp_path, embedded) as search:

        async def is_there() -> bool:
            page = await page_of(search, anna, "лодка", chat_id=chat_id, topic_id=GENERAL)
            return [message.entry.text for message in page.messages] == ["Первая лодка"] and page.next_cursor is None

        await eventually(is_there)


async def is_found(search: Any, actor: Actor) -> bool:
    return len(await found(search, actor, "лодка")) == 2


async def test_chats_without_topics_pay_nothing_for_them(embedded: Services) -> None:
    chat_id, (anna, boris) = await with_topics(embedded, "anna", "boris")
    plain = await group(embedded, anna, boris)
    assert isinstance(embedded.database, Sqlite)
    writer: sqlite3.Connection = embedded.database._writer
    statements: list[str] = []

    async def of(chat: ChatId) -> list[str]:
        await say(embedded, anna, chat)
        statements.clear()
        await say(embedded, anna, chat)
        return [statement for statement in statements if "messaging_" in statement]

    writer.set_trace_callback(statements.append)
    try:
        of_plain, of_topics = await of(plain), await of(chat_id)
    finally:
        writer.set_trace_callback(None)
    # The chat's lock, the entry, the chat's end, the sender's mark: as ever.
    assert len(of_plain) == 4, of_plain
    assert not [statement for statement in of_plain if "messaging_topic" in statement]
    assert any("messaging_topic" in statement for statement in of_topics)


async def test_nothing_of_topics_outlives_the_chat_or_the_person(services: Services) -> None:
    chat_id, (anna, boris) = await with_topics(services, "anna", "boris")
    boats = await make(services, anna, chat_id)
    await say_in(services, boris, chat_id, boats)
    reactions = Reactions(services.database)
    remains = Person(boris.user_id, "", "")
    await reactions.forget_person(PersonErased(erasure_id=new_id(), remains=remains))
    assert await rows_of(services, "messaging_topic_members WHERE user_id = :id", boris.user_id) == 0

    async with services.database.transaction() as tx:
        await tx.execute("UPDATE messaging_chats SET deleted_at_us = 1 WHERE id = :id", id=chat_id)
    await reactions.sweep_chat(ChatDeleted(chat_id=chat_id))
    for table in ("messaging_topics", "messaging_topic_entries", "messaging_topic_members"):
        assert await rows_of(services, f"{table} WHERE chat_id = :id", chat_id) == 0


async def rows_of(services: Services, of: str, id: str) -> int:
    rows: list[tuple[int]] = await services.database.fetch(tuple, f"SELECT COUNT(*) FROM {of}", id=id)
    return rows[0][0]


async def test_where_some_are_chosen_only_they_and_admins_write(services: Services) -> None:
    chat_id, (anna, boris, clara) = await with_topics(services, "anna", "boris", "clara")
    boats, fish = await make(services, anna, chat_id), await make(services, anna, chat_id)
    said = await say_in(services, clara, chat_id, boats)
    await services.topics.change_topic(anna, ChangeTopic(chat_id, boats, chosen_only=True))
    await services.topics.choose_in_topic(anna, ChooseInTopic(chat_id, boats, boris.user_id, True))

    for who, may in ((anna, True), (boris, True), (clara, False)):
        topic = await topic_of(services, who, chat_id, boats)
        assert (topic.may_write, topic.chosen_only, topic.chosen) == (may, True, who is boris)
    await say_in(services, boris, chat_id, boats)
    with pytest.raises(RestrictedInTopic):
        await say_in(services, clara, chat_id, boats)
    with pytest.raises(RestrictedInTopic):
        await services.actions.edit_message(clara, EditMessage(chat_id, said.seq, "Иначе"))
    await say_in(services, clara, chat_id, fish)
    chosen = (await services.topics.list_chosen(anna, OfTopic(chat_id, boats))).people
    assert [person.id for person in chosen] == [boris.user_id]

    # Who is banned from it is so, chosen or not; and nobody chooses themselves.
    await services.topics.restrict_in_topic(anna, RestrictInTopic(chat_id, boats, boris.user_id, True))
    with pytest.raises(RestrictedInTopic):
        await say_in(services, boris, chat_id, boats)
    for refused in (
        services.topics.choose_in_topic(clara, ChooseInTopic(chat_id, boats, clara.user_id, True)),
        services.topics.list_chosen(clara, OfTopic(chat_id, boats)),
    ):
        with pytest.raises(RightMissing):
            await refused
    await services.topics.change_topic(anna, ChangeTopic(chat_id, boats, chosen_only=False))
    await say_in(services, clara, chat_id, boats)


async def test_who_goes_is_chosen_no_more_and_takes_nobodys_place(services: Services) -> None:
    chat_id, (anna, boris, clara) = await with_topics(services, "anna", "boris", "clara")
    boats = await make(services, anna, chat_id)
    await services.topics.change_topic(anna, ChangeTopic(chat_id, boats, chosen_only=True))
    for who in (boris, clara):
        await services.topics.choose_in_topic(anna, ChooseInTopic(chat_id, boats, who.user_id, True))
    await services.topics.restrict_in_topic(anna, RestrictInTopic(chat_id, boats, clara.user_id, True))

    for who in (boris, clara):
        await services.messaging.remove_member(anna, RemoveMember(chat_id, who.user_id))
    assert (await services.topics.list_chosen(anna, OfTopic(chat_id, boats))).people == []
    # They may have been chosen and gone at the same moment.
    await services.topics.choose_in_topic(anna, ChooseInTopic(chat_id, boats, boris.user_id, False))
    with pytest.raises(MemberNotFound):
        await services.topics.choose_in_topic(anna, ChooseInTopic(chat_id, boats, boris.user_id, True))
    await services.messaging.add_members(anna, AddMembers(chat_id, [boris.user_id, clara.user_id]))

    with pytest.raises(RestrictedInTopic):
        await say_in(services, boris, chat_id, boats)
    banned = (await services.topics.list_restricted(anna, OfTopic(chat_id, boats))).people
    assert [person.id for person in banned] == [clara.user_id]


async def test_a_topic_is_deleted_with_all_that_was_said_in_it(services: Services) -> None:
    chat_id, (anna, boris) = await with_topics(services, "anna", "boris")
    boats, fish = await make(services, anna, chat_id), await make(services, anna, chat_id)
    said = [await say_in(services, boris, chat_id, boats, f"Лодка {number}") for number in range(DELETED_AT_ONCE + 2)]
    kept = await say_in(services, boris, chat_id, fish, "Щука")
    await services.administration.appoint_admin(anna, Appoint(chat_id, boris.user_id, ["topics"]))
    with pytest.raises(RightMissing):
        await services.topics.delete_topic(boris, OfTopic(chat_id, boats))
    with pytest.raises(BadTopicChange):
        await services.topics.delete_topic(anna, OfTopic(chat_id, GENERAL))

    await services.topics.delete_topic(anna, OfTopic(chat_id, boats))

    topics = (await services.topics.list_topics(boris, ListTopics(chat_id))).topics
    assert {topic.id for topic in topics} == {GENERAL, fish}
    assert (await history(services, boris, chat_id, GENERAL))[-1].kind == "topic_deleted"
    for refused in (
        say_in(services, boris, chat_id, boats),
        services.messaging.list_entries(boris, ListEntries(chat_id, topic_id=boats)),
        services.topics.delete_topic(anna, OfTopic(chat_id, boats)),
    ):
        with pytest.raises(TopicNotFound):
            await refused

    async def all_gone() -> bool:
        log = await services.messaging.list_entries(boris, ListEntries(chat_id, after=said[0].seq - 1, limit=200))
        texts = {entry.seq: entry.text for entry in log.entries}
        return not any(texts.get(entry.seq) for entry in said)

    await eventually(all_gone)
    texts = {entry.seq: entry.text for entry in await history(services, boris, chat_id, fish)}
    assert texts[kept.seq] == "Щука"
    assert sum((await unread(services, anna, chat_id)).values()) == 1


async def test_what_is_deleted_of_a_topic_at_once_is_bounded_however_much_there_is(services: Services) -> None:
    """The bus gives up what takes long and parks it in the end, and whoever comes next waits behind it."""
    chat_id, (anna, boris) = await with_topics(services, "anna", "boris")
    boats = await make(services, anna, chat_id)
    for number in range(DELETED_AT_ONCE + 7):
        await say_in(services, boris, chat_id, boats, f"Лодка {number}")
    actions, steps = services.actions, list[int]()
    assert isinstance(actions, MessageActionsService)

    async def erase(chat_id: ChatId, seqs: list[int]) -> None:
        steps.append(len(seqs))
        await actions.erase(chat_id, seqs)

    async def left() -> list[str]:
        log = await services.messaging.list_entries(boris, ListEntries(chat_id, limit=200))
        return [entry.text for entry in log.entries if entry.text]

    ending = TopicEnding(services.database, erase, now_us)
    await ending.delete_messages(TopicDeleted(chat_id=chat_id, topic_id=boats))

    # And the entry with which it began.
    assert steps == [DELETED_AT_ONCE - 1]

    async def all_gone() -> bool:
        return not await left()

    # By the news that each step leaves behind.
    await eventually(all_gone)

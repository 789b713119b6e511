"""Unread mentions: counted by the read marks, gone with what was read, deleted or left."""

from dataclasses import dataclass

import msgspec
from tests.harness import Services
from tests.services.messaging.bots import a_bot
from tests.services.messaging.chats import channel, chat_of, direct, group, say

from kaif.interfaces.messaging import (
    MENTIONS_SHOWN_MAX,
    AddMembers,
    ChatId,
    MarkRead,
    Outgoing,
    RemoveMember,
    SendBatch,
    SendMessage,
)
from kaif.interfaces.messaging.actions import DeleteMessages, EditMessage
from kaif.interfaces.messaging.news import SIGNALS, Signal
from kaif.interfaces.messaging.topics import GENERAL, ListTopics, MakeTopic, SwitchTopics
from kaif.kernel.actor import Actor
from kaif.kernel.ids import new_id
from kaif.services.messaging.messages.mention_bounds import KEPT_MAX, TAKEN_AT_ONCE, MentionBounds


@dataclass
class Room:
    """A group of Anna's in which Boris is."""

    services: Services
    anna: Actor
    boris: Actor
    eve: Actor
    id: ChatId

    async def mentions(self, who: Actor | None = None) -> list[int]:
        return (await chat_of(self.services, who or self.boris, self.id)).mentions

    async def say(self, text: str, *, by: Actor | None = None, reply_to: int | None = None) -> int:
        return (await say(self.services, by or self.anna, self.id, text, reply_to=reply_to)).seq

    async def read(self, seq: int, topic_id: int | None = None) -> None:
        await self.services.messaging.mark_read(self.boris, MarkRead(self.id, seq, topic_id))

    async def rows(self) -> int:
        return len(await self.services.database.fetch(tuple, "SELECT 1 FROM messaging_mentions"))


async def a_room(services: Services) -> Room:
    anna, boris, eve = await services.newcomers("anna", "boris", "eve")
    return Room(services, anna, boris, eve, await group(services, anna, boris))


async def test_mentions_and_answers_wait_until_they_are_read(services: Services) -> None:
    room = await a_room(services)
    own = await room.say("Кто идёт?", by=room.boris)
    first = await room.say("@boris, ты?")
    await room.say("Никто")
    answer = await room.say("Я", reply_to=own)
    both = await room.say("@boris, и ты, @boris", reply_to=own)

    assert await room.mentions() == [first, answer, both]
    assert await room.mentions(room.anna) == []
    await room.read(first + 1)
    assert await room.mentions() == [answer, both]
    # Whoever writes has read what stands above.
    await room.say("Иду", by=room.boris)
    assert await room.mentions() == []
    await room.read(both)
    assert await room.rows() == 0


async def test_one_is_not_mentioned_by_oneself_nor_where_one_is_not(services: Services) -> None:
    room = await a_room(services)
    bot = await a_bot(services)
    # She is known by name, and elsewhere.
    await direct(services, room.anna, room.eve)
    own = await room.say("Я, @boris", by=room.boris)
    await room.say("И ещё", by=room.boris, reply_to=own)
    await room.say("@eve, приходи")
    await services.messaging.add_members(room.anna, AddMembers(room.id, [bot.user_id]))
    posted = await say(services, room.anna, await channel(services, room.anna, room.boris), "@boris")
    await say(services, room.anna, await direct(services, room.anna, room.boris), "@boris")

    assert await room.rows() == 0
    assert (await chat_of(services, room.boris, posted.chat_id)).mentions == []
    await services.messaging.add_members(room.anna, AddMembers(room.id, [room.eve.user_id]))
    assert await room.mentions(room.eve) == []


async def test_what_is_deleted_or_changed_mentions_nobody(services: Services) -> None:
    room = await a_room(services)
    gone, hidden, changed, named = [
        await room.say(text) for text in ("@boris раз", "@boris два", "@boris три", "четыре")
    ]

    await services.actions.delete_messages(room.anna, DeleteMessages(room.id, [gone], for_everyone=True))
    await services.actions.delete_messages(room.boris, DeleteMessages(room.id, [hidden], for_everyone=False))
    await services.actions.edit_message(room.anna, EditMessage(room.id, changed, "три"))
    await services.actions.edit_message(room.anna, EditMessage(room.id, named, "@boris четыре"))

    assert await room.mentions() == [named]
    assert await room.rows() == 1


async def test_those_who_are_mentioned_are_told(services: Services) -> None:
    room = await a_room(services)
    heard: list[tuple[str, object]] = []

    def hear(payload: bytes) -> None:
        signal = msgspec.msgpack.decode(payload, type=Signal)
        heard.append((signal.user_id, msgspec.json.decode(signal.event)))

    await services.cache.subscribe(SIGNALS, hear)
    seq = await room.say("@boris")
    await services.actions.edit_message(room.anna, EditMessage(room.id, seq, "@boris, да"))
    await services.actions.edit_message(room.anna, EditMessage(room.id, seq, "никто"))

    event = {"type": "mentioned", "chat_id": room.id, "seqs": [seq]}
    assert heard == [(room.boris.user_id, event), (room.boris.user_id, event | {"gone": True})]


async def test_whoever_leaves_and_comes_back_finds_none(services: Services) -> None:
    room = await a_room(services)
    await room.say("@boris")

    await services.messaging.remove_member(room.boris, RemoveMember(room.id, room.boris.user_id))
    assert await room.rows() == 0
    await services.messaging.add_members(room.anna, AddMembers(room.id, [room.boris.user_id]))
    assert await room.mentions() == []


async def test_topics_count_by_their_own_marks(services: Services) -> None:
    room = await a_room(services)
    await services.topics.switch_topics(room.anna, SwitchTopics(room.id, on=True))
    topic = await services.topics.make_topic(room.anna, MakeTopic(room.id, "Грядки", ref="t1"))
    here = await room.say("@boris в общем")
    wanted = SendMessage(room.id, new_id(), "@boris в теме", topic_id=topic.id)
    there = (await services.messaging.send_message(room.anna, wanted)).seq

    async def by_topic() -> dict[int, list[int]]:
        found = await services.topics.list_topics(room.boris, ListTopics(room.id))
        return {one.id: one.mentions for one in found.topics}

    assert await room.mentions() == [here, there]
    assert await by_topic() == {GENERAL: [here], topic.id: [there]}
    await room.read(there, topic.id)
    assert await room.mentions() == [here]
    assert await by_topic() == {GENERAL: [here], topic.id: []}
    # By writing one has read what stands above in this topic.
    wanted = SendMessage(room.id, new_id(), "@boris ещё", topic_id=topic.id)
    again = (await services.messaging.send_message(room.anna, wanted)).seq
    assert await room.mentions() == [here, again]
    await services.messaging.send_message(room.boris, SendMessage(room.id, new_id(), "Да", topic_id=topic.id))
    assert await room.mentions() == [here]
    await room.read(again)
    assert await room.mentions() == []


async def test_of_very_many_the_first_are_named(services: Services) -> None:
    room = await a_room(services)
    many = [Outgoing(room.anna.user_id, room.id, new_id(), "@boris") for _ in range(MENTIONS_SHOWN_MAX + 20)]
    outcomes = (await services.messaging.send_batch(room.anna, SendBatch(many))).outcomes
    seqs = [outcome.seq for outcome in outcomes if outcome.seq]

    assert await room.mentions() == seqs[:MENTIONS_SHOWN_MAX]
    await room.read(seqs[MENTIONS_SHOWN_MAX - 1])
    assert await room.mentions() == seqs[MENTIONS_SHOWN_MAX:]


async def test_of_somebody_who_never_reads_the_newest_are_kept(services: Services) -> None:
    """Whoever else is mentioned, in whatever order they are looked at, and those of others stay."""
    room = await a_room(services)
    rows = [
        (user_id, chat_id, seq, GENERAL)
        for user_id, chat_id, count in (
            (room.anna.user_id, room.id, 3),
            (room.boris.user_id, room.id, 2 * KEPT_MAX + TAKEN_AT_ONCE),
            (room.boris.user_id, "another", KEPT_MAX),
            (room.eve.user_id, room.id, KEPT_MAX + 1),
        )
        for seq in range(1, count + 1)
    ]
    async with services.database.transaction() as tx:
        await tx.insert("messaging_mentions", ("user_id", "chat_id", "seq", "topic_id"), rows)

    bounds, steps = MentionBounds(services.database, looked_at=700), 1
    while not await bounds.step():
        steps += 1
        assert steps < 20, "it goes round"

    left: list[tuple[str, int, int]] = await services.database.fetch(
        tuple, "SELECT user_id, COUNT(*), MIN(seq) FROM messaging_mentions GROUP BY user_id, chat_id ORDER BY COUNT(*)"
    )
    assert [count for _, count, _ in left] == [3, KEPT_MAX, KEPT_MAX, KEPT_MAX]
    oldest = {first for user_id, _, first in left if user_id == room.boris.user_id}
    assert oldest == {1, KEPT_MAX + TAKEN_AT_ONCE + 1}

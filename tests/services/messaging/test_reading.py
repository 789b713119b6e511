"""Read marks and unread counts."""

import asyncio

import msgspec
import pytest
from tests.harness import Services
from tests.services.messaging.chats import chat_of, direct, group, say

from kaif.interfaces.messaging import READ_MARKS_SHOWN_MEMBERS_MAX, AddMembers, ChatId, MarkRead, ReadMark
from kaif.interfaces.messaging.news import SIGNALS, Signal
from kaif.kernel.actor import Actor
from kaif.kernel.errors import Invalid


async def read(services: Services, actor: Actor, chat_id: ChatId, seq: int) -> ReadMark:
    return await services.messaging.mark_read(actor, MarkRead(chat_id, seq))


async def signals(services: Services) -> list[object]:
    """What will be told of read marks from now on."""
    heard: list[object] = []

    def hear(payload: bytes) -> None:
        heard.append(msgspec.json.decode(msgspec.msgpack.decode(payload, type=Signal).event))

    await services.cache.subscribe(SIGNALS, hear)
    return heard


async def test_what_others_write_is_unread_until_it_is_read(services: Services) -> None:
    anna, boris = await services.newcomers("anna", "boris")
    chat_id = await direct(services, anna, boris)
    for _ in range(3):
        await say(services, anna, chat_id)

    assert (await chat_of(services, boris, chat_id)).unread == 3
    assert await read(services, boris, chat_id, 3) == ReadMark(3, 1)
    assert await read(services, boris, chat_id, 4) == ReadMark(4, 0)
    assert (await chat_of(services, boris, chat_id)).unread == 0


async def test_who_writes_has_read_what_stands_above(services: Services) -> None:
    anna, boris = await services.newcomers("anna", "boris")
    chat_id = await direct(services, anna, boris)
    await say(services, anna, chat_id)

    entry = await say(services, boris, chat_id)

    chat = await chat_of(services, boris, chat_id)
    assert (chat.read_seq, chat.unread) == (entry.seq, 0)
    assert (await chat_of(services, anna, chat_id)).unread == 1


async def test_a_mark_never_moves_back(services: Services) -> None:
    anna, boris = await services.newcomers("anna", "boris")
    chat_id = await direct(services, anna, boris)
    for _ in range(20):
        await say(services, anna, chat_id)

    await asyncio.gather(*[read(services, boris, chat_id, seq) for seq in (7, 21, 3, 15, 1)])

    assert await read(services, boris, chat_id, 2) == ReadMark(21, 0)


async def test_what_is_not_yet_written_cannot_be_read(services: Services) -> None:
    anna, boris = await services.newcomers("anna", "boris")
    chat_id = await direct(services, anna, boris)

    for seq in (2, 2**53):
        with pytest.raises(Invalid):
            await read(services, boris, chat_id, seq)


async def test_the_farthest_mark_of_the_others_is_shown(services: Services) -> None:
    anna, boris, clara = await services.newcomers("anna", "boris", "clara")
    chat_id = await group(services, anna, boris, clara)
    entry = await say(services, anna, chat_id)

    assert (await chat_of(services, anna, chat_id)).others_read_seq < entry.seq
    await read(services, clara, chat_id, entry.seq)

    assert (await chat_of(services, anna, chat_id)).others_read_seq == entry.seq
    assert (await chat_of(services, boris, chat_id)).unread == 1


async def test_what_was_said_before_someone_joined_counts_as_read(services: Services) -> None:
    anna, boris, clara = await services.newcomers("anna", "boris", "clara")
    chat_id = await group(services, anna, boris)
    await say(services, anna, chat_id)

    await services.messaging.add_members(anna, AddMembers(chat_id, [clara.user_id]))

    assert (await chat_of(services, clara, chat_id)).unread == 0
    await say(services, anna, chat_id)
    assert (await chat_of(services, clara, chat_id)).unread == 1


async def test_a_mark_is_told_to_everyone_in_the_chat(services: Services) -> None:
    anna, boris = await services.newcomers("anna", "boris")
    chat_id = await direct(services, anna, boris)
    heard = await signals(services)

    await read(services, boris, chat_id, 1)

    assert heard == [{"type": "read", "chat_id": chat_id, "user_id": boris.user_id, "seq": 1}]


async def test_in_a_large_group_marks_are_ones_own_affair(embedded: Services) -> None:
    people = await embedded.newcomers(*[f"person{number}" for number in range(READ_MARKS_SHOWN_MEMBERS_MAX + 1)])
    chat_id = await group(embedded, *people)
    heard: list[Signal] = []
    decode = msgspec.msgpack.Decoder(Signal).decode
    await embedded.cache.subscribe(SIGNALS, lambda payload: heard.append(decode(payload)))

    assert await read(embedded, people[1], chat_id, 1) == ReadMark(1, 0)

    assert [signal.user_id for signal in heard] == [people[1].user_id], "their own devices hear it"
    assert (await chat_of(embedded, people[0], chat_id)).others_read_seq == 0

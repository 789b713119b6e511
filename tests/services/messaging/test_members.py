"""Who is in a group: joining, leaving, owning."""

import asyncio

import msgspec
import pytest
from tests.harness import Services
from tests.services.messaging.chats import chat_of, direct, group, log_of, say

from kaif.interfaces.messaging import AddMembers, ChatId, CreateChat, ListMembers, RemoveMember
from kaif.interfaces.messaging.errors import ChatNotFound, NotAGroup, RightMissing, UnknownMember
from kaif.interfaces.messaging.news import ENTRIES, Delivery
from kaif.kernel.actor import Actor, UserId
from kaif.kernel.clock import now_us
from kaif.services.messaging.attachments.attaching import Attaching, NoFiles
from kaif.services.messaging.previews.linking import LinkPlan
from kaif.services.messaging.sending.announcing import Announcer
from kaif.services.messaging.sending.pacing import Pace
from kaif.services.messaging.sending.sender import Sender
from kaif.services.messaging.service import MessagingService


def another_process(services: Services) -> MessagingService:
    """On the same data, remembering nothing of what this one does."""
    announcer = Announcer(services.cache)
    sender = Sender(services.database, announcer, LinkPlan(on=False), Pace(), now_us)
    attaching = Attaching(services.database, NoFiles(), announcer, now_us)
    return MessagingService(services.database, services.auth, announcer, sender, attaching, now_us)


async def add(services: Services, actor: Actor, chat_id: ChatId, *others: Actor) -> None:
    await services.messaging.add_members(actor, AddMembers(chat_id, [other.user_id for other in others]))


async def remove(services: Services, actor: Actor, chat_id: ChatId, other: Actor) -> None:
    await services.messaging.remove_member(actor, RemoveMember(chat_id, other.user_id))


async def members(services: Services, actor: Actor, chat_id: ChatId) -> list[UserId]:
    page = await services.messaging.list_members(actor, ListMembers(chat_id))
    return [person.id for person in page.members]


async def test_any_member_adds_people_and_the_log_says_so(services: Services) -> None:
    anna, boris, clara, dina = await services.newcomers("anna", "boris", "clara", "dina")
    chat_id = await group(services, anna, boris)

    await add(services, boris, chat_id, clara, dina)

    entry = (await log_of(services, clara, chat_id))[-1]
    assert (entry.seq, entry.kind, entry.sender_id) == (2, "joined", boris.user_id)
    assert entry.user_ids == [clara.user_id, dina.user_id]
    assert (await chat_of(services, anna, chat_id)).members_count == 4


async def test_who_is_in_already_is_passed_over(services: Services) -> None:
    anna, boris, clara = await services.newcomers("anna", "boris", "clara")
    chat_id = await group(services, anna, boris)

    await add(services, anna, chat_id, boris, clara, clara)
    await add(services, anna, chat_id, boris, anna)

    log = await log_of(services, anna, chat_id)
    assert [entry.user_ids for entry in log[1:]] == [[clara.user_id]]
    assert (await chat_of(services, anna, chat_id)).members_count == 3


async def test_people_added_by_many_at_once_are_in_once(services: Services) -> None:
    people = await services.newcomers(*[f"person{number}" for number in range(10)])
    chat_id = await group(services, *people[:5])

    await asyncio.gather(*[add(services, person, chat_id, *people[5:]) for person in people[:5]])

    assert sorted(await members(services, people[9], chat_id)) == sorted(person.user_id for person in people)
    assert (await chat_of(services, people[0], chat_id)).members_count == 10
    assert len(await log_of(services, people[0], chat_id)) == 2


async def test_nobody_unknown_is_added(services: Services) -> None:
    anna, boris = await services.newcomers("anna", "boris")
    chat_id = await group(services, anna)

    with pytest.raises(UnknownMember):
        await services.messaging.add_members(anna, AddMembers(chat_id, [boris.user_id, UserId("nobody")]))

    assert await members(services, anna, chat_id) == [anna.user_id]


async def test_who_leaves_sees_no_more_and_the_log_says_so(services: Services) -> None:
    anna, boris = await services.newcomers("anna", "boris")
    chat_id = await group(services, anna, boris)

    await remove(services, boris, chat_id, boris)

    with pytest.raises(ChatNotFound):
        await chat_of(services, boris, chat_id)
    with pytest.raises(ChatNotFound):
        await say(services, boris, chat_id)
    entry = (await log_of(services, anna, chat_id))[-1]
    assert (entry.kind, entry.sender_id, entry.user_ids) == ("left", boris.user_id, [boris.user_id])


async def test_who_has_written_and_is_removed_elsewhere_writes_no_more_until_they_are_back(services: Services) -> None:
    anna, boris = await services.newcomers("anna", "boris")
    chat_id = await group(services, anna, boris)
    elsewhere = another_process(services)
    for number in range(2):
        await say(services, boris, chat_id, ref=f"before-{number}")

    await elsewhere.remove_member(anna, RemoveMember(chat_id, boris.user_id))

    with pytest.raises(ChatNotFound):
        await say(services, boris, chat_id, ref="after")
    await elsewhere.add_members(anna, AddMembers(chat_id, [boris.user_id]))
    assert (await say(services, boris, chat_id, ref="after")).seq == 6


async def test_only_who_may_ban_removes_others(services: Services) -> None:
    anna, boris, clara = await services.newcomers("anna", "boris", "clara")
    chat_id = await group(services, anna, boris, clara)

    for other in (clara, anna):
        with pytest.raises(RightMissing):
            await remove(services, boris, chat_id, other)
    await remove(services, anna, chat_id, clara)

    assert await members(services, anna, chat_id) == sorted([anna.user_id, boris.user_id])


async def test_removing_somebody_twice_is_no_error_and_written_once(services: Services) -> None:
    anna, boris = await services.newcomers("anna", "boris")
    chat_id = await group(services, anna, boris)

    await asyncio.gather(*[remove(services, anna, chat_id, boris) for _ in range(5)])

    assert len(await log_of(services, anna, chat_id)) == 2
    assert (await chat_of(services, anna, chat_id)).members_count == 1


async def test_when_the_owner_leaves_the_oldest_account_owns_the_group(services: Services) -> None:
    anna, boris, clara = await services.newcomers("anna", "boris", "clara")
    chat_id = await group(services, clara, boris, anna)

    await remove(services, clara, chat_id, clara)

    with pytest.raises(RightMissing):
        await remove(services, boris, chat_id, anna)
    await remove(services, anna, chat_id, boris)
    await remove(services, anna, chat_id, anna)
    with pytest.raises(ChatNotFound):
        await chat_of(services, anna, chat_id)


async def test_who_comes_back_sees_the_whole_log(services: Services) -> None:
    anna, boris = await services.newcomers("anna", "boris")
    chat_id = await group(services, anna, boris)
    await remove(services, boris, chat_id, boris)
    await say(services, anna, chat_id)

    await add(services, anna, chat_id, boris)

    assert [entry.kind for entry in await log_of(services, boris, chat_id)] == ["created", "left", "message", "joined"]
    assert (await chat_of(services, boris, chat_id)).unread == 0


async def test_the_two_of_a_direct_chat_do_not_change(services: Services) -> None:
    anna, boris, clara = await services.newcomers("anna", "boris", "clara")
    chat_id = await direct(services, anna, boris)

    with pytest.raises(NotAGroup):
        await add(services, anna, chat_id, clara)
    for other in (anna, boris):
        with pytest.raises(NotAGroup):
            await remove(services, anna, chat_id, other)


async def test_members_come_in_pages(services: Services) -> None:
    people = await services.newcomers(*[f"person{number}" for number in range(7)])
    chat_id = await group(services, *people)
    listed, cursor, pages = [], "", 0

    while pages == 0 or cursor:
        page = await services.messaging.list_members(people[0], ListMembers(chat_id, 3, cursor))
        listed += [person.id for person in page.members]
        cursor, pages = page.next_cursor or "", pages + 1

    assert (listed, pages) == (sorted(person.user_id for person in people), 3)


async def test_gateways_are_told_who_came_and_who_went(services: Services) -> None:
    anna, boris, clara = await services.newcomers("anna", "boris", "clara")
    heard: list[Delivery] = []
    decode = msgspec.msgpack.Decoder(list[Delivery]).decode
    await services.cache.subscribe(ENTRIES, lambda payload: heard.extend(decode(payload)))

    chat_id = await group(services, anna, boris)
    await add(services, anna, chat_id, clara)
    await remove(services, anna, chat_id, boris)

    told = [(delivery.first_seq, delivery.joined, delivery.left) for delivery in heard]
    assert told == [
        (1, [anna.user_id, boris.user_id], []),
        (2, [clara.user_id], []),
        (3, [], [boris.user_id]),
    ]


async def test_many_who_bring_in_the_same_people_do_not_stand_in_each_others_way(services: Services) -> None:
    people = await services.newcomers(*[f"person-{number}" for number in range(12)])
    ids = [person.user_id for person in people]
    turned = [ids[start:] + ids[:start] for start in range(12)] + [
        ids[start::-1] + ids[:start:-1] for start in range(12)
    ]

    await asyncio.gather(
        *[services.messaging.create_chat(people[0], CreateChat("group", order, "x")) for order in turned * 3]
    )

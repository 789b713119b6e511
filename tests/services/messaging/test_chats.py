"""Chats: made once, listed by their newest activity, shown to nobody else."""

import asyncio
from pathlib import Path

import pytest
from tests.harness import Services, wired_services
from tests.services.auth.accounts import actor_of, register, set_up
from tests.services.messaging.chats import chat_of, direct, group, log_of, say
from tests.waiting import eventually

from kaif.interfaces.messaging import ChatId, CreateChat, ListChats
from kaif.interfaces.messaging.errors import BadCursor, BadTitle, UnknownMember
from kaif.kernel.actor import UserId
from kaif.kernel.errors import Invalid
from kaif.services.messaging import people_store


async def test_a_direct_chat_exists_once_whoever_asks_for_it(services: Services) -> None:
    anna, boris = await services.newcomers("anna", "boris")

    first = await services.messaging.create_chat(anna, CreateChat("direct", [boris.user_id]))

    assert (first.kind, first.title, first.seq, first.members_count) == ("direct", "", 1, 2)
    assert {person.username for person in first.people} == {"anna", "boris"}
    assert await direct(services, boris, anna) == first.id
    assert await direct(services, anna, boris) == first.id


async def test_a_direct_chat_made_from_both_sides_at_once_exists_once(services: Services) -> None:
    anna, boris = await services.newcomers("anna", "boris")

    made = await asyncio.gather(*[direct(services, *pair) for pair in [(anna, boris), (boris, anna)] * 10])

    assert len(set(made)) == 1
    assert len(await log_of(services, anna, made[0])) == 1


async def test_a_direct_chat_is_with_one_other_person(services: Services) -> None:
    anna, boris, clara = await services.newcomers("anna", "boris", "clara")

    for members in ([anna.user_id], [boris.user_id, clara.user_id]):
        with pytest.raises(Invalid):
            await services.messaging.create_chat(anna, CreateChat("direct", members))


async def test_a_group_holds_its_maker_and_each_member_once(services: Services) -> None:
    anna, boris = await services.newcomers("anna", "boris")
    members = [boris.user_id, anna.user_id, boris.user_id]

    chat = await services.messaging.create_chat(anna, CreateChat("group", members, "  Поход "))

    assert (chat.kind, chat.title, chat.members_count, chat.unread) == ("group", "Поход", 2, 0)
    (entry,) = await log_of(services, boris, chat.id)
    assert (entry.kind, entry.seq, entry.title) == ("created", 1, "Поход")
    assert entry.user_ids == [anna.user_id, boris.user_id]
    assert chat.last_entry == entry


async def test_groups_of_the_same_people_are_different_unless_the_ref_is_repeated(services: Services) -> None:
    anna, boris = await services.newcomers("anna", "boris")

    async def make(ref: str | None, title: str = "A") -> ChatId:
        return (await services.messaging.create_chat(anna, CreateChat("group", [boris.user_id], title, ref))).id

    assert await make(None) != await make(None)
    assert await make("r1") != await make("r2")
    assert len(set(await asyncio.gather(*[make("r3") for _ in range(10)]))) == 1
    assert await make("r3", "another title") == await make("r3")


async def test_anothers_ref_makes_another_group(services: Services) -> None:
    anna, boris = await services.newcomers("anna", "boris")
    wanted = CreateChat("group", [anna.user_id, boris.user_id], "A", "same")

    made = [await services.messaging.create_chat(actor, wanted) for actor in (anna, boris)]

    assert made[0].id != made[1].id


@pytest.mark.parametrize("title", [None, " ", "...", "a\u202eb", "a\nb", "a\x00"])
async def test_a_group_needs_a_title_that_does_not_deceive(embedded: Services, title: str | None) -> None:
    anna, boris = await embedded.newcomers("anna", "boris")

    with pytest.raises(BadTitle):
        await embedded.messaging.create_chat(anna, CreateChat("group", [boris.user_id], title))


async def test_a_chat_with_somebody_unknown_is_not_made(services: Services) -> None:
    anna, boris = await services.newcomers("anna", "boris")

    with pytest.raises(UnknownMember):
        await services.messaging.create_chat(anna, CreateChat("direct", [UserId("nobody")]))
    with pytest.raises(UnknownMember):
        await services.messaging.create_chat(anna, CreateChat("group", [boris.user_id, UserId("nobody")], "A"))

    assert (await services.messaging.list_chats(anna, ListChats())).chats == []


async def test_chats_are_listed_by_their_newest_activity(services: Services) -> None:
    anna, boris = await services.newcomers("anna", "boris")
    chats = [await group(services, anna, boris) for _ in range(3)]

    await say(services, boris, chats[0], "сюда")

    listed = (await services.messaging.list_chats(anna, ListChats())).chats
    assert [chat.id for chat in listed] == [chats[0], chats[2], chats[1]]
    assert listed[0].last_entry and listed[0].last_entry.text == "сюда"
    assert listed == [await chat_of(services, anna, chat.id) for chat in listed]


async def test_a_long_list_comes_in_pages(services: Services) -> None:
    anna, boris = await services.newcomers("anna", "boris")
    chats = [await group(services, anna, boris) for _ in range(7)]
    listed, cursor, pages = [], "", 0

    while pages == 0 or cursor:
        page = await services.messaging.list_chats(anna, ListChats(limit=3, cursor=cursor))
        listed += [chat.id for chat in page.chats]
        cursor, pages = page.next_cursor or "", pages + 1

    assert (listed, pages) == (chats[::-1], 3)


@pytest.mark.parametrize("cursor", ["x", "-", "-1-a", "1e9-a", "٣-a", "9" * 40])
async def test_a_cursor_of_ones_own_making_is_refused(embedded: Services, cursor: str) -> None:
    (anna,) = await embedded.newcomers("anna")

    with pytest.raises(BadCursor):
        await embedded.messaging.list_chats(anna, ListChats(cursor=cursor))


async def test_of_a_large_group_ten_people_are_shown_and_all_are_counted(services: Services) -> None:
    people = await services.newcomers(*[f"person{number}" for number in range(15)])

    chat = await chat_of(services, people[0], await group(services, *people))

    assert (len(chat.people), chat.members_count) == (10, 15)


async def test_news_of_a_person_reaches_messaging_by_itself(services: Services) -> None:
    await set_up(services.auth)
    anna = actor_of(await register(services.auth, "anna", "Анна Ветрова"))

    async def is_known() -> bool:
        return [
            person.display_name for person in await people_store.known_people(services.database, [anna.user_id])
        ] == ["Анна Ветрова"]

    await eventually(is_known)


async def test_two_processes_make_a_direct_chat_once(migrated_postgres_url: str, tmp_path: Path) -> None:
    async with (
        wired_services(tmp_path, migrated_postgres_url) as one,
        wired_services(tmp_path, migrated_postgres_url) as two,
    ):
        anna, boris = await one.newcomers("anna", "boris")

        made = await asyncio.gather(
            *[direct(one, anna, boris) for _ in range(5)], *[direct(two, boris, anna) for _ in range(5)]
        )

    assert len(set(made)) == 1

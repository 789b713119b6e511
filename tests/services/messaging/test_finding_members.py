"""Members are found by their names, in groups of 200,000 too, and only by those who may see them."""

from typing import Any

import pytest
from tests.harness import Services
from tests.services.messaging.chats import channel, chat_of, group
from tests.services.messaging.test_large_groups import fill, steps_of

from kaif.interfaces.auth import Person
from kaif.interfaces.messaging import ChatId, ListMembers, RemoveMember
from kaif.interfaces.messaging.administration import Appoint, ChangeChat, MemberNotFound, OfMember, Restrict
from kaif.interfaces.messaging.errors import BadCursor, MembersHidden
from kaif.kernel.actor import Actor, UserId
from kaif.kernel.errors import KaifError
from kaif.kernel.ids import new_id
from kaif.services.messaging import chat_store, member_store, people_store
from kaif.services.messaging.chats.finding import MemberFinder
from kaif.services.messaging.chats.knowing import Acquaintance
from kaif.services.messaging.sending.announcing import Announcer


async def found(services: Services, actor: Actor, chat_id: ChatId, query: str) -> list[str]:
    """All pages of it, as names."""
    names, cursor, first = [], "", True
    while cursor or first:
        page = await services.messaging.list_members(actor, ListMembers(chat_id, cursor=cursor, query=query))
        names += [member.display_name for member in page.members]
        cursor, first = page.next_cursor or "", False
    return names


# Small groups are looked through, large ones looked up.
WAYS = {"looked through": 1000, "looked up": 0}


async def found_so(services: Services, chat_id: ChatId, way: str, query: str, limit: int = 100) -> list[str]:
    finder = MemberFinder(services.database, WAYS[way], step=3)
    names, cursor, first = [], "", True
    while cursor or first:
        page = await finder.find(chat_id, query, limit, cursor)
        assert len(page.members) <= limit
        names += [member.display_name for member in page.members]
        cursor, first = page.next_cursor or "", False
    return names


async def join(services: Services, chat_id: ChatId, *names: str, there: bool = True) -> list[Person]:
    """People of these names, in the chat or only known."""
    people = [Person(UserId(new_id()), f"user-{number}-{len(names)}", name) for number, name in enumerate(names)]
    async with services.database.transaction() as tx:
        place = (await chat_store.lock_places(tx, [chat_id]))[chat_id]
        await people_store.remember_people(tx, people)
        if there:
            await member_store.add_members(tx, place, [person.id for person in people])
    return people


@pytest.mark.parametrize("way", WAYS)
async def test_members_are_found_by_the_beginnings_of_their_names(services: Services, way: str) -> None:
    anna = await services.newcomer("anna")
    chat_id = await group(services, anna)
    await join(services, chat_id, "Пётр Орлов", "Пётр Петров", "петя Иванов", "Борис Орлов")
    await join(services, chat_id, "Пётр Чужой", there=False)

    assert sorted(await found_so(services, chat_id, way, "пет")) == ["Пётр Орлов", "Пётр Петров", "петя Иванов"]
    assert await found_so(services, chat_id, way, "орл ПЁТ") == ["Пётр Орлов"]
    assert await found_so(services, chat_id, way, "@user-3") == ["Борис Орлов"]
    assert await found_so(services, chat_id, way, "рис") == []
    assert await found_so(services, chat_id, way, "пе\0т") == []


@pytest.mark.parametrize("way", WAYS)
async def test_the_found_come_in_pages_each_once(services: Services, way: str) -> None:
    anna = await services.newcomer("anna")
    chat_id = await group(services, anna)
    names = [f"Иван Иванов {number}" for number in range(7)]
    await join(services, chat_id, *names)

    assert sorted(await found_so(services, chat_id, way, "иван", limit=2)) == names


@pytest.mark.parametrize("way", WAYS)
async def test_a_member_is_found_by_the_name_they_have_now(services: Services, way: str) -> None:
    anna = await services.newcomer("anna")
    chat_id = await group(services, anna)
    (person,) = await join(services, chat_id, "Мария Белова")

    async with services.database.transaction() as tx:
        await people_store.remember_people(tx, [Person(person.id, person.username, "Мария Чернова")])

    assert await found_so(services, chat_id, way, "бел") == []
    assert await found_so(services, chat_id, way, "чер") == ["Мария Чернова"]
    # Nothing is left of the other name.
    kept: list[tuple[str]] = await services.database.fetch(
        tuple, "SELECT word FROM messaging_people_words WHERE user_id = :id ORDER BY word", id=person.id
    )
    assert [word for (word,) in kept] == sorted([person.username, "мария", "чернова"])


async def test_who_was_known_before_words_were_kept_is_caught_up_with(services: Services) -> None:
    anna = await services.newcomer("anna")
    chat_id = await group(services, anna)
    await join(services, chat_id, "Старый Знакомый")
    async with services.database.transaction() as tx:
        await tx.execute("DELETE FROM messaging_people_words")
        await tx.execute("UPDATE messaging_people SET worded = ''")
    assert await found_so(services, chat_id, "looked up", "стар") == []

    await Acquaintance(services.database, Announcer(services.cache)).catch_up()

    assert await found_so(services, chat_id, "looked up", "стар") == ["Старый Знакомый"]


async def test_hidden_members_are_found_by_those_alone_who_look_after_the_chat(services: Services) -> None:
    anna, boris = await services.newcomers("anna", "boris")
    hiding = await group(services, anna, boris)
    await services.administration.change_chat(anna, ChangeChat(hiding, members_hidden=True))
    news = await channel(services, anna, boris)

    for chat_id in (hiding, news):
        with pytest.raises(MembersHidden):
            await found(services, boris, chat_id, "bor")
        assert await found(services, anna, chat_id, "bor") == ["boris"]


async def test_where_members_are_hidden_nobody_learns_by_trying_who_is_in(services: Services) -> None:
    anna, boris, clara, dina = await services.newcomers("anna", "boris", "clara", "dina")
    chat_id = await group(services, anna, boris, clara)
    await services.administration.change_chat(anna, ChangeChat(chat_id, members_hidden=True))
    by_id: list[tuple[Any, Any]] = [
        (services.administration.get_member, OfMember),
        (services.administration.dismiss_admin, OfMember),
        (services.administration.appoint_admin, lambda chat_id, user_id: Appoint(chat_id, user_id, [])),
        (services.administration.restrict_member, lambda chat_id, user_id: Restrict(chat_id, user_id, [])),
        (services.administration.ban_person, OfMember),
        (services.administration.transfer_chat, OfMember),
        (services.messaging.remove_member, RemoveMember),
    ]

    for call, request in by_id:
        answers = []
        for other in (clara, dina):
            with pytest.raises(KaifError) as refused:
                await call(boris, request(chat_id, other.user_id))
            answers.append(refused.value.code)
        assert answers[0] == answers[1], call


async def test_a_large_group_hides_its_members_unless_its_owner_shows_them(services: Services) -> None:
    anna, boris = await services.newcomers("anna", "boris")
    chat_id = await group(services, anna, boris)
    async with services.database.transaction() as tx:
        await tx.execute("UPDATE messaging_chats SET members = 1001 WHERE id = :id", id=chat_id)

    assert (await chat_of(services, boris, chat_id)).members_hidden
    for refused in (
        services.messaging.list_members(boris, ListMembers(chat_id)),
        services.administration.get_member(boris, OfMember(chat_id, anna.user_id)),
    ):
        with pytest.raises(MembersHidden):
            await refused
    assert (await services.administration.get_member(boris, OfMember(chat_id, boris.user_id))).role == "member"
    assert (await services.administration.get_member(anna, OfMember(chat_id, boris.user_id))).id == boris.user_id

    await services.administration.change_chat(anna, ChangeChat(chat_id, members_hidden=False))
    assert not (await chat_of(services, boris, chat_id)).members_hidden
    assert (await services.administration.get_member(boris, OfMember(chat_id, anna.user_id))).role == "owner"
    with pytest.raises(MemberNotFound):
        await services.administration.get_member(boris, OfMember(chat_id, UserId("nobody")))


async def test_a_cursor_of_ones_own_making_is_refused(services: Services) -> None:
    anna = await services.newcomer("anna")
    chat_id = await group(services, anna)

    for cursor in ("zz", "a-", "a-xyz", "a-ff", "a-00"):
        with pytest.raises(BadCursor):
            await services.messaging.list_members(anna, ListMembers(chat_id, cursor=cursor, query="a"))


async def test_among_many_the_cost_of_a_page_has_a_bound(embedded: Services) -> None:
    anna = await embedded.newcomer("anna")
    chat_id = await group(embedded, anna)
    await fill(embedded, chat_id, 15_000, "Участник")
    (person,) = await join(embedded, chat_id, "Участник Янтарный")
    await embedded.messaging.remove_member(anna, RemoveMember(chat_id, person.id))

    async def steps(query: str) -> int:
        return await steps_of(
            embedded, lambda: embedded.messaging.list_members(anna, ListMembers(chat_id, query=query))
        )

    assert await steps("m12345") < 200
    # Everybody is called so: the first hundred are enough.
    assert await steps("участник") < 50_000
    # Nobody is called both: the looking ends where the bound is, and goes on with the next page.
    page = await embedded.messaging.list_members(anna, ListMembers(chat_id, query="участник янт"))
    assert page.members == [] and page.next_cursor
    assert await found(embedded, anna, chat_id, "участник янт") == []

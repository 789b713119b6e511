"""The ways into a chat: links, public names, and asking to be let in."""

import asyncio
from pathlib import Path

import pytest
from tests.harness import Services, wired_services
from tests.services.messaging.chats import channel, chat_of, direct, group, log_of

from kaif.interfaces.messaging import ChatId, GetChat, RemoveMember
from kaif.interfaces.messaging.administration import Appoint, ChangeChat, OfMember
from kaif.interfaces.messaging.errors import ChatNotFound, MemberBanned, NotAGroup, RightMissing
from kaif.interfaces.messaging.invitations import (
    LINKS_MAX,
    AnswerRequest,
    Door,
    InvitationGone,
    Joined,
    ListRequests,
    MakeLink,
    RequestNotFound,
    RevokeLink,
    TooManyLinks,
)
from kaif.kernel.actor import NOBODY, Actor
from kaif.kernel.clock import now_us
from kaif.kernel.errors import Invalid


async def link(
    services: Services, actor: Actor, chat_id: ChatId, *, uses_max: int = 0, lifetime_s: int = 0, approval: bool = False
) -> Door:
    made = await services.invitations.make_link(
        actor, MakeLink(chat_id, approval=approval, uses_max=uses_max, lifetime_s=lifetime_s)
    )
    return Door(made.secret)


async def waiting(services: Services, actor: Actor, chat_id: ChatId) -> list[str]:
    page = await services.invitations.list_requests(actor, ListRequests(chat_id))
    return [request.person.username for request in page.requests]


async def test_who_has_the_link_sees_what_it_leads_to_and_comes_in(services: Services) -> None:
    anna, boris = await services.newcomers("anna", "boris")
    chat_id = await group(services, anna, title="Рыбаки")
    door = await link(services, anna, chat_id)

    for actor in (NOBODY, boris):
        seen = await services.invitations.preview_chat(actor, door)
        assert (seen.title, seen.members_count, seen.joined, seen.asked) == ("Рыбаки", 1, False, False)
    joined = [await services.invitations.join_chat(boris, door) for _ in range(2)]

    assert joined == [Joined(chat_id, asked=False)] * 2
    assert (await services.invitations.preview_chat(boris, door)).joined
    entry = (await log_of(services, boris, chat_id))[-1]
    assert (entry.kind, entry.sender_id, entry.user_ids) == ("joined", boris.user_id, [boris.user_id])
    (listed,) = (await services.invitations.list_links(anna, GetChat(chat_id))).links
    assert (listed.uses, listed.state) == (1, "good")


async def test_of_ten_who_come_at_once_for_the_last_use_one_gets_in(services: Services) -> None:
    anna, *people = await services.newcomers("anna", *[f"person{number}" for number in range(10)])
    chat_id = await group(services, anna)
    door = await link(services, anna, chat_id, uses_max=1)

    outcomes = await asyncio.gather(
        *[services.invitations.join_chat(person, door) for person in people], return_exceptions=True
    )

    assert sorted(type(outcome).__name__ for outcome in outcomes) == ["InvitationGone"] * 9 + ["Joined"]
    assert (await chat_of(services, anna, chat_id)).members_count == 2
    with pytest.raises(InvitationGone):
        await services.invitations.preview_chat(NOBODY, door)


async def test_one_person_who_comes_ten_times_at_once_takes_one_use(services: Services) -> None:
    anna, boris = await services.newcomers("anna", "boris")
    chat_id = await group(services, anna)
    door = await link(services, anna, chat_id, uses_max=5)

    await asyncio.gather(*[services.invitations.join_chat(boris, door) for _ in range(10)])

    (listed,) = (await services.invitations.list_links(anna, GetChat(chat_id))).links
    assert listed.uses == 1
    assert len(await log_of(services, anna, chat_id)) == 2


async def test_a_link_ends_with_its_time(database_url: str, tmp_path: Path) -> None:
    moment = [now_us()]
    async with wired_services(tmp_path, database_url, clock=lambda: moment[0]) as services:
        anna, boris = await services.newcomers("anna", "boris")
        door = await link(services, anna, await group(services, anna), lifetime_s=60)
        await services.invitations.preview_chat(NOBODY, door)

        moment[0] += 60_000_000

        for call in (services.invitations.preview_chat, services.invitations.join_chat):
            with pytest.raises(InvitationGone):
                await call(boris, door)


async def test_a_revoked_link_lets_nobody_in_nor_those_who_wait_because_of_it(services: Services) -> None:
    anna, boris, clara = await services.newcomers("anna", "boris", "clara")
    chat_id = await group(services, anna)
    door = await link(services, anna, chat_id, approval=True)
    await services.invitations.join_chat(boris, door)
    (listed,) = (await services.invitations.list_links(anna, GetChat(chat_id))).links

    for _ in range(2):
        await services.invitations.revoke_link(anna, RevokeLink(chat_id, listed.id))

    with pytest.raises(InvitationGone):
        await services.invitations.join_chat(clara, door)
    assert await waiting(services, anna, chat_id) == []
    assert (await services.invitations.list_links(anna, GetChat(chat_id))).links == []


async def test_a_link_of_one_chat_is_not_revoked_from_another(services: Services) -> None:
    anna, boris = await services.newcomers("anna", "boris")
    hers, his = await group(services, anna), await group(services, boris)
    door = await link(services, anna, hers)
    (listed,) = (await services.invitations.list_links(anna, GetChat(hers))).links

    await services.invitations.revoke_link(boris, RevokeLink(his, listed.id))

    assert not (await services.invitations.join_chat(boris, door)).asked


async def test_who_asks_waits_until_an_admin_says_yes(services: Services) -> None:
    anna, boris, clara = await services.newcomers("anna", "boris", "clara")
    chat_id = await group(services, anna)
    door = await link(services, anna, chat_id, approval=True)

    for person in (boris, boris, clara):
        assert (await services.invitations.join_chat(person, door)).asked
    assert (await services.invitations.preview_chat(boris, door)).asked
    with pytest.raises(ChatNotFound):
        await chat_of(services, boris, chat_id)
    assert sorted(await waiting(services, anna, chat_id)) == ["boris", "clara"]

    await services.invitations.answer_request(anna, AnswerRequest(chat_id, boris.user_id, let_in=True))
    await services.invitations.answer_request(anna, AnswerRequest(chat_id, clara.user_id, let_in=False))

    assert (await chat_of(services, boris, chat_id)).members_count == 2
    with pytest.raises(ChatNotFound):
        await chat_of(services, clara, chat_id)
    with pytest.raises(RequestNotFound):
        await services.invitations.answer_request(anna, AnswerRequest(chat_id, clara.user_id, let_in=True))


async def test_two_admins_who_answer_at_once_let_somebody_in_once(services: Services) -> None:
    anna, boris = await services.newcomers("anna", "boris")
    chat_id = await group(services, anna)
    await services.invitations.join_chat(boris, await link(services, anna, chat_id, approval=True))
    answer = AnswerRequest(chat_id, boris.user_id, let_in=True)

    outcomes = await asyncio.gather(
        *[services.invitations.answer_request(anna, answer) for _ in range(5)], return_exceptions=True
    )

    assert sum(isinstance(outcome, RequestNotFound) for outcome in outcomes) == 4
    assert (await chat_of(services, anna, chat_id)).members_count == 2


async def test_who_is_banned_does_not_come_back_by_a_link_or_a_request(services: Services) -> None:
    anna, boris, clara = await services.newcomers("anna", "boris", "clara")
    chat_id = await group(services, anna, boris)
    door = await link(services, anna, chat_id)
    asking = await link(services, anna, chat_id, approval=True)
    await services.invitations.join_chat(clara, asking)
    for person in (boris, clara):
        await services.administration.ban_person(anna, OfMember(chat_id, person.user_id))

    for way in (door, asking):
        with pytest.raises(MemberBanned):
            await services.invitations.join_chat(boris, way)

    assert await waiting(services, anna, chat_id) == [], "a ban answers the request"
    assert (await chat_of(services, anna, chat_id)).members_count == 1


async def test_only_admins_who_may_invite_deal_with_links(services: Services) -> None:
    anna, boris, clara = await services.newcomers("anna", "boris", "clara")
    chat_id = await group(services, anna, boris)
    calls = services.invitations

    for denied, error in ((boris, RightMissing), (clara, ChatNotFound)):
        with pytest.raises(error):
            await calls.make_link(denied, MakeLink(chat_id))
        with pytest.raises(error):
            await calls.list_links(denied, GetChat(chat_id))
        with pytest.raises(error):
            await calls.list_requests(denied, ListRequests(chat_id))
        with pytest.raises(error):
            await calls.answer_request(denied, AnswerRequest(chat_id, clara.user_id, let_in=True))
        with pytest.raises(error):
            await calls.revoke_link(denied, RevokeLink(chat_id, "0"))
    await services.administration.change_chat(anna, ChangeChat(chat_id, default_rights=["send"]))
    await services.administration.appoint_admin(anna, Appoint(chat_id, boris.user_id, ["ban"]))
    with pytest.raises(RightMissing):
        await calls.make_link(boris, MakeLink(chat_id))
    await services.administration.appoint_admin(anna, Appoint(chat_id, boris.user_id, ["invite"]))
    await calls.make_link(boris, MakeLink(chat_id))
    with pytest.raises(NotAGroup):
        await calls.make_link(anna, MakeLink(await direct(services, anna, boris)))


async def test_a_chat_has_so_many_links(embedded: Services) -> None:
    (anna,) = await embedded.newcomers("anna")
    chat_id = await group(embedded, anna)
    for _ in range(LINKS_MAX):
        await link(embedded, anna, chat_id)

    with pytest.raises(TooManyLinks):
        await link(embedded, anna, chat_id)


async def test_a_public_name_is_a_door_as_long_as_the_chat_has_it(services: Services) -> None:
    anna, boris = await services.newcomers("anna", "boris")
    chat_id = await channel(services, anna, title="Озеро")
    await services.administration.change_chat(anna, ChangeChat(chat_id, name="lake"))

    assert (await services.invitations.preview_chat(NOBODY, Door(name="lake"))).title == "Озеро"
    assert not (await services.invitations.join_chat(boris, Door(name="lake"))).asked

    assert len(await log_of(services, boris, chat_id)) == 2, "created, changed; nobody is seen to join a channel"
    await services.messaging.remove_member(boris, RemoveMember(chat_id, boris.user_id))
    await services.administration.change_chat(anna, ChangeChat(chat_id, name=""))
    with pytest.raises(InvitationGone):
        await services.invitations.join_chat(boris, Door(name="lake"))


async def test_a_door_is_a_secret_or_a_name(services: Services) -> None:
    (anna,) = await services.newcomers("anna")

    for door in (Door(), Door("x" * 43, "lake"), Door(name="")):
        with pytest.raises(Invalid):
            await services.invitations.preview_chat(anna, door)
    for door in (Door("x" * 43), Door(name="nothing")):
        with pytest.raises(InvitationGone):
            await services.invitations.preview_chat(anna, door)


async def test_the_secret_of_a_link_is_not_stored(services: Services) -> None:
    (anna,) = await services.newcomers("anna")
    door = await link(services, anna, await group(services, anna))

    rows: list[tuple[object, ...]] = await services.database.fetch(tuple, "SELECT * FROM messaging_links")

    assert str(door.secret) not in str(rows)


async def test_the_links_of_an_admin_end_with_their_office(services: Services) -> None:
    anna, boris, clara, dina = await services.newcomers("anna", "boris", "clara", "dina")
    chat_id = await group(services, anna, boris, clara)
    for admin in (boris, clara):
        await services.administration.appoint_admin(anna, Appoint(chat_id, admin.user_id, ["invite"]))
    doors = [await link(services, admin, chat_id) for admin in (boris, clara, anna)]

    await services.administration.dismiss_admin(anna, OfMember(chat_id, boris.user_id))
    await services.messaging.remove_member(clara, RemoveMember(chat_id, clara.user_id))

    for door in doors[:2]:
        with pytest.raises(InvitationGone):
            await services.invitations.join_chat(dina, door)
    await services.invitations.join_chat(dina, doors[2])

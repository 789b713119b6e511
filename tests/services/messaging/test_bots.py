"""Bots in chats: known for what they are, in groups only by those who may add members, blind to every other chat."""

import pytest
from tests.harness import Services
from tests.services.messaging.bots import a_bot
from tests.services.messaging.chats import chat_of, direct, group, say

from kaif.interfaces.messaging import AddMembers, CreateChat, GetChat, ListMembers
from kaif.interfaces.messaging.administration import ChangeChat
from kaif.interfaces.messaging.errors import ChatNotFound, MayNotSend, NotForBots, RightMissing
from kaif.interfaces.messaging.invitations import Door, MakeLink


async def test_a_bot_is_shown_as_one_to_everybody_in_the_chat(services: Services) -> None:
    anna, boris = await services.newcomers("anna", "boris")
    bot = await a_bot(services)

    chat_id = await group(services, anna, boris, bot)

    people = (await chat_of(services, boris, chat_id)).people
    assert {person.id: person.kind for person in people} == {
        anna.user_id: "person",
        boris.user_id: "person",
        bot.user_id: "bot",
    }
    members = (await services.messaging.list_members(boris, ListMembers(chat_id))).members
    assert [member.id for member in members if member.kind == "bot"] == [bot.user_id]
    assert [person.kind for person in (await chat_of(services, anna, await direct(services, anna, bot))).people].count(
        "bot"
    ) == 1


async def test_a_bot_comes_into_a_group_only_by_who_may_add_members(embedded: Services) -> None:
    services = embedded
    anna, boris = await services.newcomers("anna", "boris")
    bot = await a_bot(services)
    chat_id = await group(services, anna, boris)
    await services.administration.change_chat(anna, ChangeChat(chat_id, name="lake_people", default_rights=["send"]))
    link = await services.invitations.make_link(anna, MakeLink(chat_id))

    with pytest.raises(RightMissing):
        await services.messaging.add_members(boris, AddMembers(chat_id, [bot.user_id]))
    for door in (Door(name="lake_people"), Door(secret=link.secret)):
        with pytest.raises(NotForBots):
            await services.invitations.join_chat(bot, door)
    with pytest.raises(NotForBots):
        await services.messaging.create_chat(bot, CreateChat("group", [anna.user_id], "Ловушка"))
    with pytest.raises(ChatNotFound):
        await services.messaging.get_chat(bot, GetChat(chat_id))

    await services.messaging.add_members(anna, AddMembers(chat_id, [bot.user_id]))

    assert (await say(services, bot, chat_id, "Я здесь")).sender_id == bot.user_id


async def test_a_bot_is_bound_by_what_members_may_do(embedded: Services) -> None:
    services = embedded
    (anna,) = await services.newcomers("anna")
    bot = await a_bot(services)
    chat_id = await group(services, anna, bot)
    await services.administration.change_chat(anna, ChangeChat(chat_id, default_rights=[]))

    with pytest.raises(MayNotSend):
        await say(services, bot, chat_id)

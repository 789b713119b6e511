"""Where a group hides its members, its log names none of them either, but to those who look after it."""

from tests.harness import Services
from tests.services.messaging.chats import chat_of, group, log_of, say

from kaif.interfaces.messaging import AddMembers, ChatId, Entry, RemoveMember
from kaif.interfaces.messaging.administration import Appoint, ChangeChat, OfMember, Restrict
from kaif.interfaces.messaging.history import ExportHistory
from kaif.interfaces.messaging.vanishing import SetTimer
from kaif.kernel.actor import Actor, UserId


async def eventful_group(services: Services) -> tuple[ChatId, dict[str, Actor]]:
    names = ("anna", "boris", "vera", "gleb", "dina", "egor")
    people = dict(zip(names, await services.newcomers(*names), strict=True))
    anna, boris, vera = people["anna"], people["boris"], people["vera"]
    chat_id = await group(services, anna, boris)
    new = [people[name].user_id for name in ("vera", "gleb", "dina", "egor")]
    await services.messaging.add_members(anna, AddMembers(chat_id, new))
    administration = services.administration
    await administration.appoint_admin(anna, Appoint(chat_id, vera.user_id, ["ban"]))
    await administration.restrict_member(vera, Restrict(chat_id, people["gleb"].user_id, ["send"], None))
    await administration.ban_person(vera, OfMember(chat_id, people["dina"].user_id))
    await services.messaging.remove_member(people["egor"], RemoveMember(chat_id, people["egor"].user_id))
    await services.vanishing.set_timer(anna, SetTimer(chat_id, 86_400))
    await administration.change_chat(anna, ChangeChat(chat_id, members_hidden=True))
    await say(services, anna, chat_id, "Слово")
    return chat_id, people


def named_in(entry: Entry) -> set[UserId]:
    return {entry.sender_id, *entry.user_ids} - {UserId(entry.chat_id)}


async def test_members_read_how_many_came_and_went_and_those_who_look_after_it_who(services: Services) -> None:
    chat_id, people = await eventful_group(services)
    boris, vera = people["boris"], people["vera"]

    seen = await log_of(services, boris, chat_id)
    deeds = [entry for entry in seen if entry.kind != "message"]
    assert {who for entry in deeds for who in named_in(entry)} == {boris.user_id}, "but oneself"
    counted = {entry.kind: entry.people_count for entry in deeds}
    assert counted == {
        "created": 2,
        "joined": 4,
        "promoted": 1,
        "restricted": 1,
        "banned": 1,
        "left": 1,
        "timer": 0,
        "changed": 0,
    }
    assert named_in(seen[-1]) == {people["anna"].user_id}, "who speaks is no secret"
    assert (await chat_of(services, boris, chat_id)).people == []

    named = {who for entry in await log_of(services, vera, chat_id) for who in named_in(entry)}
    assert named == {one.user_id for one in people.values()}
    # Shown again, they are shown in what was there before too.
    await services.administration.change_chat(people["anna"], ChangeChat(chat_id, members_hidden=False))
    assert {who for entry in await log_of(services, boris, chat_id) for who in named_in(entry)} == named


async def test_lists_and_histories_name_nobody_either(services: Services) -> None:
    chat_id, people = await eventful_group(services)
    await services.messaging.remove_member(people["gleb"], RemoveMember(chat_id, people["gleb"].user_id))

    async def told(actor: Actor) -> str:
        last = (await chat_of(services, actor, chat_id)).last_entry
        assert last
        parts = [
            (await services.history.export_history(actor, ExportHistory(format, "ru", chat_id))).content
            for format in ("json", "html")
        ]
        return " ".join((*named_in(last), *parts))

    secret = [people[name].user_id for name in ("vera", "gleb", "dina", "egor")]
    seen = await told(people["boris"])
    assert not any(one in seen for one in (*secret, "Vera", "Gleb"))
    assert "Вступили, человек: 4" in seen
    by_admin = await told(people["vera"])
    assert all(one in by_admin for one in secret)

"""Where parts of messaging meet: what one of them promises holds beside all the others."""

import msgspec
import pytest
from tests.harness import Services
from tests.services.messaging.bots import a_bot
from tests.services.messaging.chats import channel, chat_of, direct, group, log_of, message_of, say

from kaif.engines.database import Database
from kaif.interfaces.messaging import ChatId, ListEntries, RemoveMember, SendMessage
from kaif.interfaces.messaging.actions import DeleteMessages, EditMessage, ForwardedMessage, ForwardMessages, OfMessage
from kaif.interfaces.messaging.administration import Appoint, ChangeChat, OfMember, Restrict
from kaif.interfaces.messaging.bots import Press
from kaif.interfaces.messaging.content import Button
from kaif.interfaces.messaging.errors import LinksNotAllowed, MayNotSend, MembersHidden, NotForBots, PersonNotReachable
from kaif.interfaces.messaging.order import ArrangeChat
from kaif.interfaces.messaging.polls import SendPoll
from kaif.interfaces.messaging.privacy import OfPerson
from kaif.interfaces.messaging.topics import (
    GENERAL,
    ChangeTopic,
    ListTopics,
    MuteTopic,
    RestrictedInTopic,
    RestrictInTopic,
    SwitchTopics,
    Topic,
    TopicClosed,
)
from kaif.interfaces.messaging.vanishing import SetTimer
from kaif.interfaces.messaging.webhooks import MakeWebhook, PostByWebhook, WebhookGone, WebhookWithPath
from kaif.kernel.actor import NOBODY, Actor
from kaif.kernel.clock import now_us
from kaif.kernel.ids import new_id
from kaif.services.auth import store as auth_store
from kaif.services.messaging.events import ChatDeleted
from kaif.services.messaging.reactions import Reactions

ADDRESS = "https://elsewhere.example/prize"


async def switch(services: Services, actor: Actor, chat_id: ChatId, on: bool = True) -> None:
    await services.topics.switch_topics(actor, SwitchTopics(chat_id, on))


async def general_of(services: Services, actor: Actor, chat_id: ChatId) -> Topic:
    topics = (await services.topics.list_topics(actor, ListTopics(chat_id))).topics
    return next(topic for topic in topics if topic.id == GENERAL)


async def seqs_of_general(services: Services, actor: Actor, chat_id: ChatId) -> list[int]:
    wanted = ListEntries(chat_id, limit=200, topic_id=GENERAL)
    return [entry.seq for entry in (await services.messaging.list_entries(actor, wanted)).entries]


async def webhook(services: Services, actor: Actor, chat_id: ChatId) -> WebhookWithPath:
    return await services.webhooks.make_webhook(actor, MakeWebhook(chat_id, "Сборка"))


async def post(services: Services, made: WebhookWithPath, text: str = "Готово") -> int:
    wanted = PostByWebhook(made.path.rpartition("/")[2], text)
    return (await services.webhooks.post_by_webhook(NOBODY, wanted)).seq


async def count(database: Database, table: str, chat_id: ChatId) -> int:
    rows: list[tuple[int]] = await database.fetch(
        tuple, f"SELECT COUNT(*) FROM {table} WHERE chat_id = :id", id=chat_id
    )
    return rows[0][0]


async def test_what_a_webhook_posts_is_of_the_topic_without_a_name(services: Services) -> None:
    anna, boris = await services.newcomers("anna", "boris")
    chat_id = await group(services, anna, boris)
    made = await webhook(services, anna, chat_id)
    await switch(services, anna, chat_id)

    first = await post(services, made)

    general = await general_of(services, boris, chat_id)
    assert (general.unread, general.last_entry and general.last_entry.seq) == (1, first)
    assert (await chat_of(services, boris, chat_id)).unread == 1
    assert first in await seqs_of_general(services, boris, chat_id)

    await switch(services, anna, chat_id, on=False)
    second = await post(services, made)
    await switch(services, anna, chat_id)
    assert (await general_of(services, boris, chat_id)).unread == 2
    assert second in await seqs_of_general(services, boris, chat_id)


async def test_who_set_the_timer_is_said_in_the_topic_without_a_name(embedded: Services) -> None:
    services = embedded
    anna, boris = await services.newcomers("anna", "boris")
    chat_id = await group(services, anna, boris)
    await switch(services, anna, chat_id)

    await services.vanishing.set_timer(anna, SetTimer(chat_id, 86_400))

    *_, entry = await log_of(services, boris, chat_id)
    assert entry.kind == "timer" and entry.seq in await seqs_of_general(services, boris, chat_id)


async def test_a_webhook_ends_when_its_maker_may_not_make_it_any_more(embedded: Services) -> None:
    services = embedded
    anna, boris = await services.newcomers("anna", "boris")
    chat_id = await group(services, anna, boris)
    await services.administration.appoint_admin(anna, Appoint(chat_id, boris.user_id, ["info", "pin"]))
    made = await webhook(services, boris, chat_id)
    await services.administration.appoint_admin(anna, Appoint(chat_id, boris.user_id, ["info"]))
    assert await post(services, made)

    await services.administration.appoint_admin(anna, Appoint(chat_id, boris.user_id, ["pin"]))

    with pytest.raises(WebhookGone):
        await post(services, made)


async def test_nobody_posts_by_what_somebody_made_who_is_suspended(embedded: Services) -> None:
    services = embedded
    anna, boris = await services.newcomers("anna", "boris")
    made = await webhook(services, anna, await group(services, anna, boris))
    async with services.database.transaction() as tx:
        await auth_store.suspend_account(tx, anna.user_id, now_us())

    with pytest.raises(WebhookGone):
        await post(services, made)

    async with services.database.transaction() as tx:
        await tx.execute("UPDATE auth_users SET suspended_at_us = NULL WHERE id = :id", id=anna.user_id)
    assert await post(services, made)


async def test_a_group_is_a_persons_and_never_a_bots(services: Services) -> None:
    anna, boris = await services.newcomers("anna", "boris")
    bot = await a_bot(services)
    chat_id = await group(services, anna, bot, boris)
    await services.administration.appoint_admin(anna, Appoint(chat_id, bot.user_id, ["ban"]))

    with pytest.raises(NotForBots):
        await services.administration.transfer_chat(anna, OfMember(chat_id, bot.user_id))

    await services.messaging.remove_member(anna, RemoveMember(chat_id, anna.user_id))
    assert (await chat_of(services, boris, chat_id)).role == "owner"
    assert (await chat_of(services, bot, chat_id)).role == "admin"


async def test_presses_go_with_the_chat(services: Services) -> None:
    anna, boris = await services.newcomers("anna", "boris")
    bot = await a_bot(services)
    chat_id, other_id = [await group(services, anna, bot, boris) for _ in range(2)]
    for each in (chat_id, other_id):
        wanted = SendMessage(each, new_id(), "Едем?", buttons=[[Button("Да", "yes")]])
        asked = await services.messaging.send_message(bot, wanted)
        await services.callbacks.press_button(boris, Press(each, asked.seq, "yes", new_id()))
    async with services.database.transaction() as tx:
        await tx.execute("UPDATE messaging_chats SET deleted_at_us = 1 WHERE id = :id", id=chat_id)

    await Reactions(services.database).sweep_chat(ChatDeleted(chat_id=chat_id))

    assert await count(services.database, "messaging_callbacks", chat_id) == 0
    assert await count(services.database, "messaging_callbacks", other_id) == 1


async def test_between_those_whom_a_block_parts_no_poll_is_closed(embedded: Services) -> None:
    services = embedded
    anna, boris = await services.newcomers("anna", "boris")
    chat_id = await direct(services, anna, boris)
    poll = await services.polls.send_poll(boris, SendPoll(chat_id, new_id(), "Едем?", ["да", "нет"]))
    await services.privacy.block_person(anna, OfPerson(boris.user_id))

    with pytest.raises(PersonNotReachable):
        await services.polls.close_poll(boris, OfMessage(chat_id, poll.seq))


async def test_what_one_may_not_write_an_edit_does_not_bring_in(embedded: Services) -> None:
    services = embedded
    anna, boris = await services.newcomers("anna", "boris")
    bot = await a_bot(services)
    chat_id = await group(services, anna, boris, bot)
    with_link = await say(services, boris, chat_id, ADDRESS)
    await services.administration.change_chat(anna, ChangeChat(chat_id, default_rights=["send"]))
    said = await say(services, boris, chat_id)
    asked = await say(services, bot, chat_id)

    with pytest.raises(LinksNotAllowed):
        await services.actions.edit_message(boris, EditMessage(chat_id, said.seq, f"Приз: {ADDRESS}"))
    with pytest.raises(LinksNotAllowed):
        await services.actions.edit_message(boris, EditMessage(chat_id, said.seq, f"[Приз]({ADDRESS})"))
    with pytest.raises(LinksNotAllowed):
        button = [[Button("Приз", url=ADDRESS)]]
        await services.actions.edit_message(bot, EditMessage(chat_id, asked.seq, asked.text, button))
    assert (await services.actions.edit_message(boris, EditMessage(chat_id, said.seq, "Добрый день"))).edited_at
    assert (await services.actions.edit_message(boris, EditMessage(chat_id, with_link.seq, "Ссылки нет"))).edited_at

    await services.administration.restrict_member(anna, Restrict(chat_id, boris.user_id, ["send"]))
    with pytest.raises(MayNotSend):
        await services.actions.edit_message(boris, EditMessage(chat_id, said.seq, "Всё равно скажу"))
    await services.actions.delete_messages(boris, DeleteMessages(chat_id, [said.seq], True))
    assert (await message_of(services, anna, said)).deleted


async def test_an_admin_who_was_dismissed_does_not_rewrite_what_the_channel_said(embedded: Services) -> None:
    services = embedded
    anna, boris = await services.newcomers("anna", "boris")
    chat_id = await channel(services, anna, boris)
    await services.administration.appoint_admin(anna, Appoint(chat_id, boris.user_id, ["send"]))
    said = await say(services, boris, chat_id)
    await services.administration.dismiss_admin(anna, OfMember(chat_id, boris.user_id))

    with pytest.raises(MayNotSend):
        await services.actions.edit_message(boris, EditMessage(chat_id, said.seq, "Канал закрывается"))


async def test_in_a_topic_that_is_closed_nobody_says_more_by_an_edit(embedded: Services) -> None:
    services = embedded
    anna, boris = await services.newcomers("anna", "boris")
    chat_id = await group(services, anna, boris)
    await switch(services, anna, chat_id)
    said = await say(services, boris, chat_id)
    restricting = RestrictInTopic(chat_id, GENERAL, boris.user_id, True)
    await services.topics.restrict_in_topic(anna, restricting)

    with pytest.raises(RestrictedInTopic):
        await services.actions.edit_message(boris, EditMessage(chat_id, said.seq, "Ещё одно слово"))
    await services.topics.restrict_in_topic(anna, msgspec.structs.replace(restricting, restricted=False))
    await services.topics.change_topic(anna, ChangeTopic(chat_id, GENERAL, closed=True))
    with pytest.raises(TopicClosed):
        await services.actions.edit_message(boris, EditMessage(chat_id, said.seq, "Ещё одно слово"))

    await switch(services, anna, chat_id, on=False)
    assert (await services.actions.edit_message(boris, EditMessage(chat_id, said.seq, "Тем больше нет"))).edited_at


async def test_a_forward_brings_no_link_where_there_may_be_none(embedded: Services) -> None:
    services = embedded
    anna, boris = await services.newcomers("anna", "boris")
    own_id, chat_id = await group(services, boris), await group(services, anna, boris)
    hidden = await say(services, boris, own_id, f"[Приз]({ADDRESS})")
    asked = SendPoll(own_id, new_id(), "Верно?", ["да", "нет"], correct=0, explanation=ADDRESS)
    quiz = await services.polls.send_poll(boris, asked)
    await services.polls.close_poll(boris, OfMessage(own_id, quiz.seq))
    await services.administration.change_chat(anna, ChangeChat(chat_id, default_rights=["send"]))

    for seq in (hidden.seq, quiz.seq):
        with pytest.raises(LinksNotAllowed):
            wanted = ForwardMessages(chat_id, own_id, [ForwardedMessage(seq, new_id())])
            await services.actions.forward_messages(boris, wanted)


async def test_where_members_are_hidden_members_do_not_see_who_has_read(embedded: Services) -> None:
    services = embedded
    anna, boris = await services.newcomers("anna", "boris")
    chat_id = await group(services, anna, boris)
    said = await say(services, boris, chat_id)
    await services.administration.change_chat(anna, ChangeChat(chat_id, members_hidden=True))

    with pytest.raises(MembersHidden):
        await services.actions.list_readers(boris, OfMessage(chat_id, said.seq))
    assert (await services.actions.list_readers(anna, OfMessage(chat_id, said.seq))).people == []


@pytest.mark.parametrize("shape", [ArrangeChat, MuteTopic, Restrict])
def test_a_time_without_its_offset_is_no_time(shape: type[msgspec.Struct]) -> None:
    fields = {"chat_id": new_id(), "topic_id": 0, "user_id": new_id(), "taken": []}
    known = {name: value for name, value in fields.items() if name in shape.__struct_fields__}
    until = "muted_until" if shape is ArrangeChat else "until"

    msgspec.convert({**known, until: "2030-01-01T00:00:00+03:00"}, shape)
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert({**known, until: "2030-01-01T00:00:00"}, shape)

"""Webhooks: whoever has the address posts into one chat, in a name that is nobody's, and no faster than is bearable."""

import asyncio
import hashlib
from pathlib import Path
from typing import Any

import pytest
from tests.harness import Services, wired_services
from tests.services.messaging.chats import channel, direct, group, log_of, say

from kaif.interfaces.auth import GetPeople, Nothing
from kaif.interfaces.messaging import ChatId, GetChat, RemoveMember
from kaif.interfaces.messaging.actions import DeleteMessages
from kaif.interfaces.messaging.administration import Appoint, ChangeChat, OfMember
from kaif.interfaces.messaging.content import Button, TextEntity
from kaif.interfaces.messaging.errors import BadButtons, BadText, ChatNotFound, NotAGroup, RightMissing
from kaif.interfaces.messaging.history import ExportHistory
from kaif.interfaces.messaging.topics import GENERAL, ChangeTopic, ListTopics, MakeTopic, SwitchTopics, TopicNotFound
from kaif.interfaces.messaging.webhooks import (
    POSTS_PER_MINUTE_MAX,
    WEBHOOKS_MAX,
    BadWebhookName,
    ChangeWebhook,
    MakeWebhook,
    OfWebhook,
    PostByWebhook,
    TooManyWebhooks,
    Webhook,
    WebhookGone,
    WebhookNotFound,
    WebhookTooFast,
    WebhookWithPath,
)
from kaif.interfaces.personal_data import PersonErased
from kaif.kernel.actor import NOBODY, Actor
from kaif.kernel.clock import MINUTE_US, now_us
from kaif.kernel.ids import new_id
from kaif.services.messaging.reactions import Reactions


async def test_it_posts_into_the_topic_that_was_chosen_or_that_it_names(services: Services) -> None:
    anna, boris = await services.newcomers("anna", "boris")
    chat_id = await group(services, anna, boris)
    await services.topics.switch_topics(anna, SwitchTopics(chat_id, True))
    boats, nets = [(await services.topics.make_topic(anna, MakeTopic(chat_id, t, ref=t))).id for t in ("Boats", "Nets")]
    await services.topics.change_topic(anna, ChangeTopic(chat_id, nets, closed=True))
    made = await services.webhooks.make_webhook(anna, MakeWebhook(chat_id, "Сборка", boats))
    secret = secret_of(made)

    async def posted(**wanted: Any) -> None:
        await services.webhooks.post_by_webhook(NOBODY, PostByWebhook(secret, "Готово", **wanted))

    await posted()
    await posted(topic_id=nets)
    await posted(topic_id=GENERAL)
    for absent in (boats - 1, 10**6):
        with pytest.raises(TopicNotFound):
            await posted(topic_id=absent)
    *_, a, b, c = await log_of(services, boris, chat_id)
    assert [entry.topic_id for entry in (a, b, c)] == [boats, nets, GENERAL]
    unread = {one.id: one.unread for one in (await services.topics.list_topics(boris, ListTopics(chat_id))).topics}
    assert unread == {boats: 1, nets: 1, GENERAL: 1}
    assert made.webhook.topic_id == boats

    # Its topic is gone with the others, and it goes on where everybody is.
    await services.topics.switch_topics(anna, SwitchTopics(chat_id, False))
    await posted()
    assert (await log_of(services, boris, chat_id))[-1].topic_id == GENERAL
    with pytest.raises(TopicNotFound):
        await posted(topic_id=boats)
    with pytest.raises(TopicNotFound):
        await services.webhooks.make_webhook(anna, MakeWebhook(chat_id, "Ещё", boats))


async def test_another_topic_can_be_chosen_for_it(services: Services) -> None:
    anna, boris = await services.newcomers("anna", "boris")
    chat_id = await group(services, anna, boris)
    await services.topics.switch_topics(anna, SwitchTopics(chat_id, True))
    boats, nets = [(await services.topics.make_topic(anna, MakeTopic(chat_id, t, ref=t))).id for t in ("Boats", "Nets")]
    made = await services.webhooks.make_webhook(anna, MakeWebhook(chat_id, "Сборка", boats))

    async def change(actor: Actor, webhook_id: str, topic_id: int) -> Webhook:
        return await services.webhooks.change_webhook(actor, ChangeWebhook(chat_id, webhook_id, topic_id))

    assert (await change(anna, made.webhook.id, nets)).topic_id == nets

    await post(services, made)
    assert (await log_of(services, boris, chat_id))[-1].topic_id == nets
    with pytest.raises(TopicNotFound):
        await change(anna, made.webhook.id, boats - 1)
    with pytest.raises(WebhookNotFound):
        await change(anna, new_id(), boats)
    with pytest.raises(RightMissing):
        await change(boris, made.webhook.id, boats)
    # Nor by way of another chat that one looks after.
    own = await group(services, boris)
    with pytest.raises(WebhookNotFound):
        await services.webhooks.change_webhook(boris, ChangeWebhook(own, made.webhook.id, GENERAL))
    with pytest.raises(WebhookNotFound):
        await services.webhooks.renew_webhook(boris, OfWebhook(own, made.webhook.id))
    (kept,) = (await services.webhooks.list_webhooks(anna, GetChat(chat_id))).webhooks
    assert kept.topic_id == nets


async def test_its_buttons_open_addresses_and_do_nothing_else(embedded: Services) -> None:
    anna, boris = await embedded.newcomers("anna", "boris")
    chat_id = await group(embedded, anna, boris)
    secret = secret_of(await make(embedded, anna, chat_id))
    to_build = Button("Сборка 412", url="https://ci.example/412")

    await embedded.webhooks.post_by_webhook(NOBODY, PostByWebhook(secret, "Готово", buttons=[[to_build]]))
    for wrong in (Button("Да", data="yes"), Button("Туда", url="javascript:alert(1)"), Button("", url=to_build.url)):
        with pytest.raises(BadButtons):
            await embedded.webhooks.post_by_webhook(NOBODY, PostByWebhook(secret, "Готово", buttons=[[wrong]]))

    *_, entry = await log_of(embedded, boris, chat_id)
    assert entry.buttons == [[to_build]]


async def make(services: Services, actor: Actor, chat_id: ChatId, name: str = "Сборка") -> WebhookWithPath:
    return await services.webhooks.make_webhook(actor, MakeWebhook(chat_id, name))


def secret_of(made: WebhookWithPath) -> str:
    return made.path.rpartition("/")[2]


async def post(services: Services, made: WebhookWithPath, text: str = "Готово", ref: str | None = None) -> int:
    wanted = PostByWebhook(secret_of(made), text, ref=ref)
    return (await services.webhooks.post_by_webhook(NOBODY, wanted)).seq


async def test_what_is_posted_stands_in_the_chat_in_the_name_of_the_webhook(services: Services) -> None:
    anna, boris = await services.newcomers("anna", "boris")
    chat_id = await group(services, anna, boris)
    made = await make(services, anna, chat_id)

    seq = await post(services, made, "**Собрано** для @boris")

    *_, entry = await log_of(services, boris, chat_id)
    assert (entry.seq, entry.webhook, entry.sender_id) == (seq, "Сборка", made.webhook.id)
    assert entry.text == "Собрано для @boris"
    assert entry.entities == [TextEntity("bold", 0, 7), TextEntity("mention", 12, 6, user_id=boris.user_id)]
    (listed,) = (await services.webhooks.list_webhooks(anna, GetChat(chat_id))).webhooks
    assert listed.used_at and listed.name == "Сборка" and listed.made_by == anna.user_id
    assert await services.database.fetch(tuple, "SELECT secret_hash FROM messaging_webhooks") == [
        (hashlib.sha256(secret_of(made).encode()).hexdigest(),)
    ]
    page = (await services.history.export_history(boris, ExportHistory("html", chat_id=chat_id))).content
    assert "<b>Сборка</b>" in page
    await services.actions.delete_messages(anna, DeleteMessages(chat_id, [seq], True))
    assert (await log_of(services, boris, chat_id))[seq - 1].text == ""


async def test_posts_and_messages_of_people_share_one_gapless_log(services: Services) -> None:
    anna, boris = await services.newcomers("anna", "boris")
    chat_id = await group(services, anna, boris)
    made = await make(services, anna, chat_id)

    await asyncio.gather(
        *(post(services, made, f"Сборка {n}") for n in range(10)),
        *(say(services, who, chat_id, f"Слово {n}") for who in (anna, boris) for n in range(5)),
        *(post(services, made, "Одна и та же", ref="same") for _ in range(5)),
    )

    log = await log_of(services, anna, chat_id)
    assert [entry.seq for entry in log] == list(range(1, len(log) + 1))
    assert len({entry.text for entry in log if entry.kind == "message"}) == 21 - 5
    assert [entry.text for entry in log].count("Одна и та же") == 1
    assert await post(services, made, "Одна и та же", ref="same") in [entry.seq for entry in log]


async def test_a_webhook_in_a_channel_speaks_as_the_channel_does(embedded: Services) -> None:
    (anna,) = await embedded.newcomers("anna")
    chat_id = await channel(embedded, anna)

    await post(embedded, await make(embedded, anna, chat_id))

    *_, entry = await log_of(embedded, anna, chat_id)
    assert str(entry.sender_id) == chat_id and entry.webhook == "Сборка"


async def test_only_admins_who_may_change_the_chat_have_webhooks(embedded: Services) -> None:
    services = embedded
    anna, boris, stranger = await services.newcomers("anna", "boris", "stranger")
    chat_id = await group(services, anna, boris)
    # Left to all members, it is still for admins alone.
    await services.administration.change_chat(anna, ChangeChat(chat_id, default_rights=["send", "info"]))
    made = await make(services, anna, chat_id)
    of = OfWebhook(chat_id, made.webhook.id)

    async def all_refused(actor: Actor, refusal: type[Exception]) -> None:
        for deed in (
            services.webhooks.list_webhooks(actor, GetChat(chat_id)),
            make(services, actor, chat_id),
            services.webhooks.renew_webhook(actor, of),
            services.webhooks.revoke_webhook(actor, of),
        ):
            with pytest.raises(refusal):
                await deed

    await all_refused(boris, RightMissing)
    await all_refused(stranger, ChatNotFound)
    await services.administration.appoint_admin(anna, Appoint(chat_id, boris.user_id, ["pin", "delete"]))
    # In a group `info` comes to him as to any member, and he is an admin.
    assert await make(services, boris, chat_id)
    with pytest.raises(NotAGroup):
        await make(services, anna, await direct(services, anna, boris))
    other = await group(services, anna)
    with pytest.raises(WebhookNotFound):
        await services.webhooks.revoke_webhook(anna, OfWebhook(other, made.webhook.id))


async def test_a_renewed_address_replaces_the_old_and_a_revoked_one_is_gone(services: Services) -> None:
    (anna,) = await services.newcomers("anna")
    chat_id = await group(services, anna)
    made = await make(services, anna, chat_id)

    renewed = await services.webhooks.renew_webhook(anna, OfWebhook(chat_id, made.webhook.id))

    assert renewed.webhook == made.webhook and renewed.path != made.path
    with pytest.raises(WebhookGone):
        await post(services, made)
    assert await post(services, renewed)
    assert await services.webhooks.revoke_webhook(anna, OfWebhook(chat_id, made.webhook.id)) == Nothing()
    with pytest.raises(WebhookGone):
        await post(services, renewed)
    with pytest.raises(WebhookGone):
        await services.webhooks.post_by_webhook(NOBODY, PostByWebhook("x" * 43, "Наугад"))


async def test_what_an_admin_made_ends_with_their_being_one(embedded: Services) -> None:
    services = embedded
    anna, boris, vera = await services.newcomers("anna", "boris", "vera")
    chat_id = await group(services, anna, boris, vera)
    kept = await make(services, anna, chat_id)
    for admin in (boris, vera):
        await services.administration.appoint_admin(anna, Appoint(chat_id, admin.user_id, ["info"]))
    dismissed, left = await make(services, boris, chat_id), await make(services, vera, chat_id)

    await services.administration.dismiss_admin(anna, OfMember(chat_id, boris.user_id))
    await services.messaging.remove_member(vera, RemoveMember(chat_id, vera.user_id))

    for made in (dismissed, left):
        with pytest.raises(WebhookGone):
            await post(services, made)
    assert await post(services, kept)
    await services.administration.delete_chat(anna, GetChat(chat_id))
    with pytest.raises(WebhookGone):
        await post(services, kept)
    assert await services.database.fetch(tuple, "SELECT 1 FROM messaging_webhooks") == []


async def test_a_webhook_posts_sixty_times_a_minute(tmp_path: Path, migrated_sqlite_url: str) -> None:
    clock = [now_us()]
    async with wired_services(tmp_path, migrated_sqlite_url, clock=lambda: clock[0]) as services:
        (anna,) = await services.newcomers("anna")
        chat_id = await group(services, anna)
        made = await make(services, anna, chat_id)

        results = await asyncio.gather(
            *(post(services, made) for _ in range(POSTS_PER_MINUTE_MAX + 5)), return_exceptions=True
        )

        refused = [one for one in results if isinstance(one, WebhookTooFast)]
        assert len(refused) == 5 and len(results) == POSTS_PER_MINUTE_MAX + 5
        assert 0 < int(str(refused[0].details["retry_after_ms"])) <= 60_001
        clock[0] += MINUTE_US + 1
        assert await post(services, made)


async def test_names_texts_and_numbers_are_bounded(embedded: Services) -> None:
    (anna,) = await embedded.newcomers("anna")
    chat_id = await group(embedded, anna)

    with pytest.raises(BadWebhookName):
        await make(embedded, anna, chat_id, "\u202e")
    made = [await make(embedded, anna, chat_id) for _ in range(WEBHOOKS_MAX)]
    with pytest.raises(TooManyWebhooks):
        await make(embedded, anna, chat_id)
    with pytest.raises(BadText):
        await post(embedded, made[0], " \x00 ")
    assert len(await log_of(embedded, anna, chat_id)) == 1


async def test_webhooks_go_with_their_maker(services: Services) -> None:
    (anna,) = await services.newcomers("anna")
    chat_id = await group(services, anna)
    made = await make(services, anna, chat_id)
    data = await services.own_data.export_own_messaging_data(anna, Nothing())
    assert data.webhooks == [made.webhook]
    (person,) = (await services.auth.get_people(anna, GetPeople([anna.user_id]))).people

    await Reactions(services.database).forget_person(PersonErased(erasure_id=new_id(), remains=person))

    with pytest.raises(WebhookGone):
        await post(services, made)

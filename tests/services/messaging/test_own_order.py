"""One's own order of chats: nobody else's business, and the same on all of one's devices."""

import asyncio
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from tests.harness import Services, wired_services
from tests.services.messaging.chats import channel, chat_of, direct, group, say

from kaif.interfaces.auth import Nothing, Person
from kaif.interfaces.messaging import ChatId, MarkRead, RemoveMember
from kaif.interfaces.messaging.actions import MessageNotFound
from kaif.interfaces.messaging.errors import BadText, ChatNotFound
from kaif.interfaces.messaging.news import SIGNALS, Signal
from kaif.interfaces.messaging.order import (
    PINNED_MAX,
    ArrangeChat,
    BadFolder,
    Draft,
    Folder,
    Folders,
    KeepDraft,
    TooManyPinned,
)
from kaif.interfaces.messaging.topics import GENERAL, MakeTopic, SwitchTopics, TopicNotFound
from kaif.interfaces.personal_data import PersonErased
from kaif.kernel.actor import Actor
from kaif.kernel.clock import as_datetime, now_us
from kaif.services.messaging.reactions import Reactions


async def arrange(services: Services, actor: Actor, chat_id: ChatId, **changes: Any) -> None:
    await services.order.arrange_chat(actor, ArrangeChat(chat_id, **changes))


async def draft(services: Services, actor: Actor, chat_id: ChatId, text: str, at_us: int) -> Draft:
    return await services.order.keep_draft(actor, KeepDraft(chat_id, text, as_datetime(at_us)))


async def told(services: Services) -> list[Signal]:
    """What gateways are told beside the log from now on."""
    heard: list[Signal] = []
    decode = msgspec.msgpack.Decoder(Signal).decode
    await services.cache.subscribe(SIGNALS, lambda payload: heard.append(decode(payload)))
    return heard


async def test_what_one_arranges_is_theirs_alone_and_told_to_their_devices_alone(services: Services) -> None:
    anna, boris = await services.newcomers("anna", "boris")
    chat_id = await direct(services, anna, boris)
    heard = await told(services)

    await arrange(services, anna, chat_id, archived=True, pinned=True, marked_unread=True)

    mine, his = await chat_of(services, anna, chat_id), await chat_of(services, boris, chat_id)
    assert (mine.archived, mine.pinned_at is not None, mine.marked_unread) == (True, True, True)
    assert (his.archived, his.pinned_at, his.marked_unread) == (False, None, False)
    assert {signal.user_id for signal in heard} == {anna.user_id}
    await arrange(services, anna, chat_id, archived=False, pinned=False)
    assert (await chat_of(services, anna, chat_id)).pinned_at is None
    assert (await chat_of(services, anna, chat_id)).marked_unread, "what is not named stays"


async def test_a_mute_ends_with_its_time_or_when_it_is_taken_back(database_url: str, tmp_path: Path) -> None:
    moment = [now_us()]
    async with wired_services(tmp_path, database_url, clock=lambda: moment[0]) as services:
        anna, boris = await services.newcomers("anna", "boris")
        chat_id = await direct(services, anna, boris)
        until = as_datetime(moment[0]) + timedelta(hours=8)
        await arrange(services, anna, chat_id, muted_until=until)
        assert (await chat_of(services, anna, chat_id)).muted_until == until

        await arrange(services, anna, chat_id, muted_until=as_datetime(moment[0]))
        assert (await chat_of(services, anna, chat_id)).muted_until is None

        await arrange(services, anna, chat_id, muted_until=until)
        moment[0] += 8 * 3_600_000_000
        assert (await chat_of(services, anna, chat_id)).muted_until is None


async def test_reading_on_takes_the_mark_of_being_unread_away(services: Services) -> None:
    anna, boris = await services.newcomers("anna", "boris")
    chat_id = await direct(services, anna, boris)
    await arrange(services, anna, chat_id, marked_unread=True)
    entry = await say(services, boris, chat_id)

    await services.messaging.mark_read(anna, MarkRead(chat_id, entry.seq))

    assert not (await chat_of(services, anna, chat_id)).marked_unread


async def test_so_many_chats_are_pinned_and_no_more(embedded: Services) -> None:
    (anna,) = await embedded.newcomers("anna")
    chats = [await group(embedded, anna) for _ in range(PINNED_MAX + 1)]
    for chat_id in chats[:-1]:
        await arrange(embedded, anna, chat_id, pinned=True)

    with pytest.raises(TooManyPinned):
        await arrange(embedded, anna, chats[-1], pinned=True)

    assert (await chat_of(embedded, anna, chats[-1])).pinned_at is None
    await arrange(embedded, anna, chats[0], pinned=True)


async def test_a_draft_is_on_all_devices_and_the_last_one_written_stays(services: Services) -> None:
    anna, boris = await services.newcomers("anna", "boris")
    chat_id = await direct(services, anna, boris)
    heard = await told(services)
    start_us = now_us() - 10_000_000

    await draft(services, anna, chat_id, "Позже", start_us + 2)
    late = await draft(services, anna, chat_id, "Раньше", start_us + 1)

    assert late.text == "Позже", "what comes late and is older changes nothing"
    assert [msgspec.json.decode(signal.event)["text"] for signal in heard] == ["Позже"]
    assert [each.text for each in (await services.order.list_drafts(anna, Nothing())).drafts] == ["Позже"]
    assert (await services.order.list_drafts(boris, Nothing())).drafts == []
    await draft(services, anna, chat_id, " ", start_us + 3)
    assert (await draft(services, anna, chat_id, "Раньше", start_us + 1)).text == "", "what was sent does not come back"
    assert (await services.order.list_drafts(anna, Nothing())).drafts == []


async def test_of_ten_devices_at_once_the_last_one_written_wins(services: Services) -> None:
    anna, boris = await services.newcomers("anna", "boris")
    chat_id = await direct(services, anna, boris)
    start_us = now_us() - 10_000_000

    await asyncio.gather(
        *[draft(services, anna, chat_id, f"{number}", start_us + number) for number in (3, 9, 1, 7, 5)]
    )

    assert [each.text for each in (await services.order.list_drafts(anna, Nothing())).drafts] == ["9"]


async def test_each_topic_and_each_post_has_a_draft_of_its_own_with_what_it_answers(services: Services) -> None:
    anna, boris = await services.newcomers("anna", "boris")
    chat_id = await group(services, anna, boris)
    await services.topics.switch_topics(anna, SwitchTopics(chat_id, on=True))
    topic = await services.topics.make_topic(anna, MakeTopic(chat_id, "Грядки", ref="t"))
    news = await channel(services, boris, anna)
    post = await say(services, boris, news, "Открылись")

    async def keep(chat_id: ChatId, text: str, **place: Any) -> Draft:
        return await services.order.keep_draft(anna, KeepDraft(chat_id, text, as_datetime(now_us()), **place))

    await keep(chat_id, "в чате")
    await keep(chat_id, "в общей", topic_id=GENERAL)
    await keep(chat_id, "в теме", topic_id=topic.id, reply_to=topic.id, quote="Грядки")
    await keep(news, "", post=post.seq, reply_to=9)
    found = (await services.order.list_drafts(anna, Nothing())).drafts
    assert sorted((one.text, one.topic_id, one.post, one.reply_to, one.quote) for one in found) == [
        ("", None, post.seq, 9, ""),
        ("в общей", GENERAL, None, 0, ""),
        ("в теме", topic.id, None, topic.id, "Грядки"),
        ("в чате", None, None, 0, ""),
    ]

    await keep(news, "", post=post.seq)
    await keep(chat_id, "", topic_id=topic.id)
    assert len((await services.order.list_drafts(anna, Nothing())).drafts) == 2
    for place in ({"topic_id": topic.id + 1}, {"post": 1}):
        with pytest.raises((TopicNotFound, MessageNotFound)):
            await keep(chat_id, "нигде", **place)
    with pytest.raises(MessageNotFound):
        await keep(news, "нигде", post=post.seq + 1)


async def test_a_clock_that_runs_ahead_holds_a_draft_for_no_longer_than_now(services: Services) -> None:
    anna, boris = await services.newcomers("anna", "boris")
    chat_id = await direct(services, anna, boris)
    await draft(services, anna, chat_id, "из будущего", now_us() + 3_600_000_000)

    assert (await draft(services, anna, chat_id, "сейчас", now_us())).text == "сейчас"


async def test_a_draft_is_a_text_in_a_chat_of_ones_own(services: Services) -> None:
    anna, boris, clara = await services.newcomers("anna", "boris", "clara")
    chat_id = await group(services, anna, boris)

    with pytest.raises(ChatNotFound):
        await draft(services, clara, chat_id, "?", now_us())
    with pytest.raises(ChatNotFound):
        await arrange(services, clara, chat_id, archived=True)
    with pytest.raises(BadText):
        await draft(services, anna, chat_id, "\ud800", now_us())
    await draft(services, boris, chat_id, "!", now_us())
    await services.messaging.remove_member(boris, RemoveMember(chat_id, boris.user_id))
    assert (await services.order.list_drafts(boris, Nothing())).drafts == []


async def test_folders_are_kept_in_ones_own_order(services: Services) -> None:
    anna, boris = await services.newcomers("anna", "boris")
    chat_id = await direct(services, anna, boris)
    assert (await services.order.list_folders(anna, Nothing())).folders == []
    folders = [Folder("Работа", [chat_id], without_muted=True), Folder("Новое", kinds=["channel"], unread_only=True)]

    kept = await services.order.arrange_folders(anna, Folders(folders))
    again = await services.order.list_folders(anna, Nothing())

    assert kept.folders == again.folders == folders
    assert (await services.order.list_folders(boris, Nothing())).folders == []
    with pytest.raises(BadFolder):
        await services.order.arrange_folders(anna, Folders([Folder("\u200b")]))


async def test_who_is_erased_leaves_no_draft_folder_or_ban(services: Services) -> None:
    anna, boris = await services.newcomers("anna", "boris")
    chat_id = await direct(services, anna, boris)
    await draft(services, anna, chat_id, "Секрет", now_us())
    await services.order.arrange_folders(anna, Folders([Folder("Работа")]))

    for _ in range(2):
        remains = Person(anna.user_id, "deleted-x", "")
        await Reactions(services.database).forget_person(PersonErased(erasure_id="e1", remains=remains))

    for table in ("messaging_drafts", "messaging_folders", "messaging_bans", "messaging_join_requests"):
        rows = await services.database.fetch(tuple, f"SELECT 1 FROM {table} WHERE user_id = :id", id=anna.user_id)
        assert not rows, table

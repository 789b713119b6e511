"""A comment is whatever a message may be: a poll, a place, a person, one that waits for its time."""

from typing import Any

import msgspec
import pytest
from tests.harness import Services
from tests.services.messaging.attached import FilesHome
from tests.services.messaging.bots import a_bot
from tests.services.messaging.chats import log_of, say
from tests.services.messaging.dues import HOUR, Home
from tests.services.messaging.test_discussions import comment, has_joined, link, texts, thread, with_comments
from tests.services.messaging.test_discussions import counts as comments_on

from kaif.interfaces.messaging import AddMembers, Entry, RemoveMember
from kaif.interfaces.messaging.actions import DeleteMessages, MessageNotFound
from kaif.interfaces.messaging.administration import ChangeChat, OfMember, Restrict
from kaif.interfaces.messaging.attached import GivenAttachment
from kaif.interfaces.messaging.cards import Contact, Location, Poll
from kaif.interfaces.messaging.discussions import CommentsForMembers, OfChannel
from kaif.interfaces.messaging.errors import BadQuote, BadReply, MayNotSend, NotForBots
from kaif.interfaces.messaging.news import SIGNALS, Signal
from kaif.interfaces.messaging.polls import PollMustBeAnonymous, SendPoll, Vote
from kaif.interfaces.messaging.scheduled import OfScheduled, ScheduledNotFound
from kaif.interfaces.messaging.sharing import SendContact, SendLocation
from kaif.interfaces.messaging.vanishing import SetTimer
from kaif.kernel.actor import Actor
from kaif.kernel.clock import DAY_US, SECOND_US


async def delete(services: Services, actor: Actor, entry: Entry) -> None:
    await services.actions.delete_messages(actor, DeleteMessages(entry.chat_id, [entry.seq], True))


async def test_polls_places_and_people_are_comments_as_words_are(services: Services) -> None:
    channel_id, group_id, (anna, boris, vera) = await with_comments(services, "anna", "boris", "vera")
    post = await say(services, anna, channel_id, "Где встретимся?")
    asked = SendPoll(channel_id, "p", "Где?", ["Тут", "Там"], anonymous=False, post=post.seq)

    poll = await services.polls.send_poll(boris, asked)
    assert await services.polls.send_poll(boris, asked) == poll
    place = SendLocation(channel_id, "l", 61.5, 34.25, "Ладога", reply_to=poll.seq, silent=True, post=post.seq)
    location = await services.sharing.send_location(boris, place)
    contact = await services.sharing.send_contact(vera, SendContact(channel_id, "c", vera.user_id, post=post.seq))

    found = (await thread(services, vera, post)).entries
    assert [entry.seq for entry in found] == [poll.seq, location.seq, contact.seq]
    assert [type(entry.card) for entry in found] == [Poll, Location, Contact]
    assert (location.chat_id, location.reply_to, location.silent) == (group_id, poll.seq, True)
    assert await comments_on(services, vera, channel_id, post.seq) == {post.seq: 3}
    voted = (await services.polls.vote(vera, Vote(group_id, poll.seq, [1]))).card
    assert isinstance(voted, Poll) and voted.voters == 1
    # In the channel itself nobody sees who reads it.
    with pytest.raises(PollMustBeAnonymous):
        await services.polls.send_poll(anna, SendPoll(channel_id, "q", "Где?", ["Тут", "Там"], anonymous=False))


async def test_what_a_comment_may_be_is_said_to_those_who_are_not_in_the_group(services: Services) -> None:
    channel_id, group_id, (anna, boris) = await with_comments(services, "anna", "boris")

    async def rights(actor: Actor) -> set[str]:
        found = (await services.discussions.get_discussion(actor, OfChannel(channel_id))).discussion
        assert found
        return set(found.rights)

    assert {"send", "media", "links"} <= await rights(boris)
    await services.administration.change_chat(anna, ChangeChat(group_id, default_rights=["send"]))
    assert await rights(boris) == {"send"}
    assert {"send", "media"} <= await rights(anna)
    await link(services, anna, channel_id, group_id, is_open=False)
    assert await rights(boris) == set()


async def test_a_comment_waits_and_comes_into_the_thread_with_its_writer(home: Home) -> None:
    services = home.services
    channel_id, group_id, (anna, boris) = await with_comments(services, "anna", "boris")
    post = await say(services, anna, channel_id, "Новость")

    scheduled = await home.schedule(boris, channel_id, "Позже", silent=True, post=post.seq, ref="w")
    assert (scheduled.chat_id, scheduled.post) == (channel_id, post.seq)
    assert await has_joined(services, boris, channel_id) is False
    await home.come(HOUR)

    (said,) = (await thread(services, boris, post)).entries
    assert (said.text, said.ref, said.silent, said.chat_id) == ("Позже", "w", True, group_id)
    assert await has_joined(services, boris, channel_id) and await home.waiting(boris) == []
    assert [entry.seq for entry in await home.said(anna, channel_id)] == [post.seq]


async def test_a_comment_that_waits_goes_at_once_when_told_to_and_once(home: Home) -> None:
    services = home.services
    channel_id, _, (anna, boris, vera) = await with_comments(services, "anna", "boris", "vera")
    post = await say(services, anna, channel_id, "Новость")
    scheduled = await home.schedule(boris, channel_id, "Позже", post=post.seq)

    with pytest.raises(ScheduledNotFound):
        await services.scheduled.send_scheduled(vera, OfScheduled(scheduled.id))
    sent = await services.scheduled.send_scheduled(boris, OfScheduled(scheduled.id))
    with pytest.raises(ScheduledNotFound):
        await services.scheduled.send_scheduled(boris, OfScheduled(scheduled.id))
    await home.come(HOUR)

    assert [entry.seq for entry in (await thread(services, vera, post)).entries] == [sent.seq]


async def test_it_answers_the_post_where_what_it_answered_is_gone(home: Home) -> None:
    services = home.services
    channel_id, _, (anna, boris) = await with_comments(services, "anna", "boris")
    post = await say(services, anna, channel_id, "Новость")
    first, second = [await comment(services, boris, post, text) for text in ("Первый", "Второй")]
    for answered in (first, second):
        await home.schedule(boris, channel_id, f"{answered.text}?", post=post.seq, reply_to=answered.seq)
    await delete(services, boris, first)

    await home.come(HOUR)

    found = await thread(services, boris, post)
    answers = {entry.text: entry.reply_to for entry in found.entries if not entry.deleted}
    assert answers == {"Второй": found.root_seq, "Первый?": found.root_seq, "Второй?": second.seq}


async def test_what_refuses_a_comment_in_time_keeps_it_with_the_reason_and_brings_nothing(home: Home) -> None:
    services = home.services
    channel_id, group_id, (anna, boris, vera) = await with_comments(services, "anna", "boris", "vera")
    post, other = [await say(services, anna, channel_id, text) for text in ("Новость", "Ещё одна")]
    await home.schedule(boris, channel_id, post=post.seq)
    await home.schedule(vera, channel_id, post=other.seq)
    await comment(services, boris, other)
    await services.messaging.remove_member(anna, RemoveMember(group_id, boris.user_id))
    await services.administration.ban_person(anna, OfMember(group_id, boris.user_id))
    await delete(services, anna, other)
    before = await log_of(services, anna, group_id)

    await home.come(HOUR)

    assert [one.failure for one in await home.waiting(boris)] == ["member_banned"]
    assert [one.failure for one in await home.waiting(vera)] == ["message_not_found"]
    # Neither the post nor anybody has come into the group.
    assert await log_of(services, anna, group_id) == before
    assert await has_joined(services, vera, channel_id) is False


async def test_what_can_be_refused_when_it_is_put_off_is(home: Home) -> None:
    services = home.services
    channel_id, group_id, (anna, boris) = await with_comments(services, "anna", "boris")
    post = await say(services, anna, channel_id, "Новость")
    elsewhere = await say(services, anna, group_id, "Не о посте")
    first = await comment(services, boris, post, "Первый")

    with pytest.raises(MessageNotFound):
        await home.schedule(boris, channel_id, post=post.seq + 100)
    # What stands in the group beside the thread is nobody's to find out by asking.
    with pytest.raises(BadReply):
        await home.schedule(boris, channel_id, post=post.seq, reply_to=elsewhere.seq, quote="посте")
    with pytest.raises(BadQuote):
        await home.schedule(boris, channel_id, post=post.seq, reply_to=first.seq, quote="Второй")
    await services.messaging.remove_member(boris, RemoveMember(group_id, boris.user_id))
    await link(services, anna, channel_id, group_id, is_open=False)
    with pytest.raises(CommentsForMembers):
        await home.schedule(boris, channel_id, post=post.seq)
    assert await home.waiting(boris) == []


async def test_what_it_quotes_and_who_may_write_it_is_the_groups_to_say(home: Home) -> None:
    services = home.services
    channel_id, group_id, (anna, boris) = await with_comments(services, "anna", "boris")
    post = await say(services, anna, channel_id, "Новость")
    first = await comment(services, boris, post, "Первый")

    await home.schedule(boris, channel_id, post=post.seq, reply_to=first.seq, quote="ервы")
    await services.administration.restrict_member(anna, Restrict(group_id, boris.user_id, ["send"]))
    with pytest.raises(MayNotSend):
        await home.schedule(boris, channel_id, post=post.seq)
    await services.administration.restrict_member(anna, Restrict(group_id, boris.user_id, []))
    await home.come(HOUR)

    *_, said = (await thread(services, anna, post)).entries
    assert (said.reply_to, said.quote) == (first.seq, "ервы")


async def test_in_a_slow_group_it_waits_for_its_turn_and_its_writer_hears_when_it_is_there(home: Home) -> None:
    services = home.services
    channel_id, group_id, (anna, boris) = await with_comments(services, "anna", "boris")
    post = await say(services, anna, channel_id, "Новость")
    await services.administration.change_chat(anna, ChangeChat(group_id, slow_mode_s=600))
    await home.schedule(boris, channel_id, "Позже", post=post.seq)
    told: list[dict[str, Any]] = []

    def hear(payload: bytes) -> None:
        signal = msgspec.msgpack.decode(payload, type=Signal)
        event = msgspec.json.decode(signal.event)
        if event["type"] == "scheduled":
            told.append({"user_id": signal.user_id, **event})

    await home.come(HOUR - SECOND_US)
    await comment(services, boris, post, "Сразу")
    await services.cache.subscribe(SIGNALS, hear)
    await home.come(SECOND_US)
    assert [one.failure for one in await home.waiting(boris)] == [""]
    await home.come(600 * SECOND_US)

    assert await texts(services, anna, post) == ["Сразу", "Позже"]
    assert {"user_id": boris.user_id, "type": "scheduled", "chat_id": channel_id, "failed": False} in told


async def test_a_post_that_vanishes_from_its_channel_is_gone_from_the_group(home: Home) -> None:
    services = home.services
    channel_id, group_id, (anna, boris) = await with_comments(services, "anna", "boris")
    await services.vanishing.set_timer(anna, SetTimer(channel_id, 86_400))
    post = await say(services, anna, channel_id, "До завтра")
    await home.come(HOUR)
    await comment(services, boris, post, "Понятно")

    await home.come(DAY_US - HOUR)

    root, said = await home.said(boris, group_id)
    assert (root.deleted, said.text) == (True, "Понятно")


async def test_a_bot_that_reads_the_channel_does_not_come_into_the_group_by_itself(services: Services) -> None:
    channel_id, _, (anna,) = await with_comments(services, "anna")
    bot = await a_bot(services)
    await services.messaging.add_members(anna, AddMembers(channel_id, [bot.user_id]))
    post = await say(services, anna, channel_id, "Новость")

    with pytest.raises(NotForBots):
        await comment(services, bot, post)

    assert await has_joined(services, bot, channel_id) is False


async def test_the_first_comment_brings_the_files_of_its_post_when_its_time_comes(files_home: FilesHome) -> None:
    home, services = files_home, files_home.services
    channel_id, group_id, (anna, boris, vera) = await with_comments(services, "anna", "boris", "vera")
    post = await home.attach(anna, channel_id, await home.put(anna), text="Смотрите")
    mine = await home.put(boris)

    await home.schedule(boris, channel_id, "", post=post.seq, attachments=[GivenAttachment(mine.id)])
    await home.come(HOUR)

    (said,) = (await thread(services, vera, post)).entries
    assert [one.media_id for one in said.attachments] == [mine.id] and await home.sees(vera, mine)
    root = next(entry for entry in await home.said(boris, group_id) if str(entry.sender_id) == channel_id)
    assert [one.media_id for one in root.attachments] == [one.media_id for one in post.attachments]
    assert await texts(services, anna, post) == [""]

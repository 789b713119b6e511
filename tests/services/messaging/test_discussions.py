"""Comments on a channel's posts: messages of a group that is linked to it, each post with its thread."""

import asyncio
import random
from collections import Counter

import pytest
from tests.harness import Services
from tests.services.messaging.chats import channel, chat_of, group, log_of, say
from tests.services.messaging.dues import Home
from tests.services.messaging.test_views import view

from kaif.interfaces.messaging import ChatId, Entry, GetChat, RemoveMember
from kaif.interfaces.messaging.actions import DeleteMessages, EditMessage, MessageNotFound
from kaif.interfaces.messaging.administration import ChangeChat, OfMember
from kaif.interfaces.messaging.discussions import (
    CommentsForMembers,
    Discussion,
    GroupIsLinked,
    LinkDiscussion,
    ListComments,
    NoDiscussion,
    NotLinkable,
    OfChannel,
    Thread,
    WriteComment,
)
from kaif.interfaces.messaging.errors import (
    BadReply,
    ChatNotFound,
    LinksNotAllowed,
    MayNotSend,
    MemberBanned,
    OwnersOnly,
)
from kaif.interfaces.messaging.posts import NotAChannel, ViewPosts
from kaif.interfaces.messaging.reports import FileReport
from kaif.interfaces.messaging.topics import (
    GENERAL,
    ChangeTopic,
    RestrictedInTopic,
    RestrictInTopic,
    SwitchTopics,
    TopicClosed,
)
from kaif.kernel.actor import Actor
from kaif.kernel.errors import KaifError
from kaif.kernel.ids import new_id
from kaif.services.messaging.events import ChatDeleted
from kaif.services.messaging.reactions import Reactions


async def link(
    services: Services, owner: Actor, channel_id: ChatId, group_id: ChatId, *, is_open: bool = True
) -> Discussion:
    return await services.discussions.link_discussion(owner, LinkDiscussion(channel_id, group_id, is_open))


async def with_comments(services: Services, *names: str) -> tuple[ChatId, ChatId, list[Actor]]:
    """A channel of the first one's that the others read, and its group, in which they are not."""
    people = await services.newcomers(*names)
    channel_id = await channel(services, *people)
    group_id = await group(services, people[0], title="Обсуждение")
    await link(services, people[0], channel_id, group_id)
    return channel_id, group_id, people


async def has_joined(services: Services, actor: Actor, channel_id: ChatId) -> bool | None:
    """None where there are no comments."""
    found = (await services.discussions.get_discussion(actor, OfChannel(channel_id))).discussion
    return found.joined if found else None


async def comment(
    services: Services, actor: Actor, post: Entry, text: str = "Верно", ref: str = "", reply_to: int | None = None
) -> Entry:
    wanted = WriteComment(post.chat_id, post.seq, ref or new_id(), text, reply_to)
    return await services.discussions.write_comment(actor, wanted)


async def thread(services: Services, actor: Actor, post: Entry, limit: int = 200) -> Thread:
    return await services.discussions.list_comments(actor, ListComments(post.chat_id, post.seq, limit=limit))


async def texts(services: Services, actor: Actor, post: Entry) -> list[str]:
    return [entry.text for entry in (await thread(services, actor, post)).entries if not entry.deleted]


async def counts(services: Services, actor: Actor, channel_id: ChatId, *seqs: int) -> dict[int, int | None]:
    counted = await services.posts.view_posts(actor, ViewPosts(channel_id, list(seqs)))
    return {post.seq: post.comments for post in counted.posts}


async def test_a_reader_joins_with_the_first_comment_and_the_post_comes_into_the_group(services: Services) -> None:
    channel_id, group_id, (anna, boris, vera) = await with_comments(services, "anna", "boris", "vera")
    post = await say(services, anna, channel_id, "**Новость**")
    other = await say(services, anna, channel_id, "Без ответов")
    assert await has_joined(services, boris, channel_id) is False

    first = await comment(services, boris, post, "Первый", "c-1")
    again = await comment(services, boris, post, "Первый", "c-1")

    assert again == first and await has_joined(services, boris, channel_id)
    log = await log_of(services, boris, group_id)
    assert [entry.kind for entry in log] == ["created", "joined", "message", "message"]
    root = log[2]
    assert (root.text, str(root.sender_id), root.webhook) == ("Новость", channel_id, "Новости")
    assert root.entities == post.entities
    assert (first.reply_to, first.sender_id) == (root.seq, boris.user_id)
    # Whoever reads the channel reads comments too, without joining.
    assert await thread(services, vera, post) == Thread(group_id, root.seq, 1, [first])
    assert await thread(services, vera, other) == Thread(group_id, 0, 0, [])
    with pytest.raises(ChatNotFound):
        await chat_of(services, vera, group_id)
    assert await counts(services, vera, channel_id, post.seq, other.seq) == {post.seq: 1, other.seq: 0}
    # An answer in the group is a comment as well, and one to nothing is none.
    await say(services, anna, group_id, "Ответ", reply_to=first.seq)
    await say(services, anna, group_id, "О другом")
    assert await texts(services, vera, post) == ["Первый", "Ответ"]


async def test_first_comments_that_come_at_once_bring_the_post_once(services: Services) -> None:
    channel_id, group_id, people = await with_comments(services, *[f"p{n}" for n in range(6)])
    post = await say(services, people[0], channel_id)

    await asyncio.gather(*(comment(services, one, post, f"{n}", f"r-{n}") for one in people for n in (0, 1, 0)))

    found = await thread(services, people[1], post)
    assert (found.comments, len(found.entries)) == (12, 12)
    log = await log_of(services, people[1], group_id)
    assert sum(str(entry.sender_id) == channel_id for entry in log) == 1
    assert Counter(user_id for entry in log if entry.kind == "joined" for user_id in entry.user_ids) == {
        one.user_id: 1 for one in people[1:]
    }


async def test_counts_of_comments_are_what_a_count_by_hand_gives(services: Services) -> None:
    """Comments, answers to them, answers in the group, deletions, and a link that goes and comes."""
    dice = random.Random(11)
    channel_id, group_id, people = await with_comments(services, "anna", "boris", "vera")
    anna = people[0]
    posts = [await say(services, anna, channel_id, f"пост {n}") for n in range(3)]
    there: dict[int, list[Entry]] = {post.seq: [] for post in posts}
    for _ in range(80):
        one, post, deed = dice.choice(people), dice.choice(posts), dice.random()
        known = there[post.seq]
        if deed < 0.4 or not known:
            known.append(await comment(services, one, post))
        elif deed < 0.55:
            known.append(await comment(services, one, post, reply_to=dice.choice(known).seq))
        elif deed < 0.7:
            known.append(await say(services, anna, group_id, reply_to=dice.choice(known).seq))
        elif deed < 0.95:
            gone = known.pop(dice.randrange(len(known)))
            await services.actions.delete_messages(anna, DeleteMessages(group_id, [gone.seq], True))
            await services.actions.delete_messages(anna, DeleteMessages(group_id, [gone.seq], True))
        else:
            await services.discussions.unlink_discussion(anna, OfChannel(channel_id))
            await link(services, anna, channel_id, group_id)

    by_hand = {seq: len(entries) for seq, entries in there.items()}
    assert await counts(services, people[1], channel_id, *there) == by_hand
    for post in posts:
        found = await thread(services, people[1], post)
        assert [entry.seq for entry in found.entries] == sorted(entry.seq for entry in there[post.seq])
        assert found.comments == by_hand[post.seq]


async def test_only_who_may_write_in_the_group_comments_and_a_refusal_changes_nothing(services: Services) -> None:
    channel_id, group_id, (anna, boris, vera, stranger) = await with_comments(services, "anna", "boris", "vera", "s")
    await services.messaging.remove_member(anna, RemoveMember(channel_id, stranger.user_id))
    post, gone = await say(services, anna, channel_id), await say(services, anna, channel_id)
    await services.actions.delete_messages(anna, DeleteMessages(channel_id, [gone.seq], True))
    plain = await channel(services, anna, boris)
    await services.administration.ban_person(anna, OfMember(group_id, vera.user_id))
    length = len(await log_of(services, anna, group_id))

    async def refused(error: type[KaifError], actor: Actor, on: Entry, text: str = "Нет", reply_to: int = 0) -> None:
        with pytest.raises(error):
            await comment(services, actor, on, text, reply_to=reply_to or None)

    await refused(ChatNotFound, stranger, post)
    await refused(MemberBanned, vera, post)
    await refused(MessageNotFound, boris, gone)
    await refused(NoDiscussion, boris, await say(services, anna, plain))
    await refused(NotAChannel, anna, await say(services, anna, group_id))
    length += 1
    await services.administration.change_chat(anna, ChangeChat(group_id, default_rights=["send"]))
    length += 1
    await refused(LinksNotAllowed, boris, post, "https://example.org")
    await refused(BadReply, boris, post, reply_to=2)
    await services.administration.change_chat(anna, ChangeChat(group_id, default_rights=[]))
    length += 1
    await refused(MayNotSend, boris, post)
    for actor, error in ((stranger, ChatNotFound), (vera, MemberBanned)):
        with pytest.raises(error):
            await thread(services, actor, post)
    assert len(await log_of(services, anna, group_id)) == length, "neither the post nor its reader has come"
    assert (await chat_of(services, anna, group_id)).members_count == 1


async def test_a_discussion_of_members_is_read_and_written_by_them_alone(services: Services) -> None:
    channel_id, group_id, (anna, boris) = await with_comments(services, "anna", "boris")
    post = await say(services, anna, channel_id)
    await link(services, anna, channel_id, group_id, is_open=False)
    await comment(services, anna, post)

    with pytest.raises(CommentsForMembers):
        await comment(services, boris, post)
    with pytest.raises(CommentsForMembers):
        await thread(services, boris, post)
    assert await counts(services, boris, channel_id, post.seq) == {post.seq: 1}
    await link(services, anna, channel_id, group_id)
    await comment(services, boris, post)


async def test_a_link_is_made_by_the_owner_of_both_and_its_end_keeps_both(services: Services) -> None:
    channel_id, group_id, (anna, boris) = await with_comments(services, "anna", "boris")
    post = await say(services, anna, channel_id)
    await comment(services, boris, post, "Остаётся")
    second, his = await channel(services, anna), await group(services, boris, anna)

    for owner, one, other, error in (
        (boris, channel_id, his, OwnersOnly),
        (anna, channel_id, his, OwnersOnly),
        (anna, second, group_id, GroupIsLinked),
        (anna, second, channel_id, NotLinkable),
        (anna, his, group_id, OwnersOnly),
        (anna, group_id, group_id, NotAChannel),
    ):
        with pytest.raises(error):
            await link(services, owner, one, other)
    with pytest.raises(OwnersOnly):
        await services.discussions.unlink_discussion(boris, OfChannel(channel_id))
    # By the group's own name too.
    await services.discussions.unlink_discussion(anna, OfChannel(group_id))
    for deed in (comment(services, boris, post), thread(services, boris, post)):
        with pytest.raises(NoDiscussion):
            await deed
    assert await counts(services, boris, channel_id, post.seq) == {post.seq: None}
    assert await has_joined(services, boris, channel_id) is None
    assert (await log_of(services, boris, group_id))[-1].text == "Остаётся"
    await link(services, anna, second, group_id)
    await services.discussions.unlink_discussion(anna, OfChannel(second))
    await link(services, anna, channel_id, group_id)
    assert await texts(services, boris, post) == ["Остаётся"]


async def test_comments_are_moderated_where_they_stand_and_end_with_their_group(small_home: Home) -> None:
    services = small_home.services
    channel_id, group_id, (anna, boris, vera) = await with_comments(services, "anna", "boris", "vera")
    post = await say(services, anna, channel_id)
    bad = await comment(services, boris, post, "Брань")
    await comment(services, vera, post, "Зачем так")
    await services.reports.file_report(vera, FileReport("r1", "abuse", chat_id=group_id, seqs=[bad.seq]))
    await services.actions.delete_messages(anna, DeleteMessages(group_id, [bad.seq], True))
    await services.administration.ban_person(anna, OfMember(group_id, boris.user_id))

    assert await texts(services, vera, post) == ["Зачем так"]
    # Without the post that they answer the comments stay together.
    root_seq = (await thread(services, vera, post)).root_seq
    await services.actions.delete_messages(anna, DeleteMessages(group_id, [root_seq], True))
    await comment(services, vera, post, "И всё же")
    assert await texts(services, vera, post) == ["Зачем так", "И всё же"]
    assert await counts(services, vera, channel_id, post.seq) == {post.seq: 2}
    with pytest.raises(MemberBanned):
        await comment(services, boris, post)
    # A group with topics takes them in the one without a name.
    await services.topics.switch_topics(anna, SwitchTopics(group_id, True))
    later = await say(services, anna, channel_id)
    assert (await comment(services, vera, later)).topic_id == 0
    assert (await view(services, vera, channel_id, later.seq)) == {later.seq: 0}
    await services.administration.delete_chat(anna, GetChat(group_id))
    with pytest.raises(NoDiscussion):
        await comment(services, vera, post)
    await Reactions(services.database).sweep_chat(ChatDeleted(chat_id=group_id))
    for table in ("messaging_threads", "messaging_thread_entries", "messaging_discussions"):
        assert await services.database.fetch(tuple, f"SELECT 1 FROM {table}") == []


async def test_a_closed_general_topic_closes_no_comments(services: Services) -> None:
    """Who may talk in the group is one thing, who comments on posts another; whom admins restrict is neither."""
    channel_id, group_id, (anna, boris, vera) = await with_comments(services, "anna", "boris", "vera")
    await services.topics.switch_topics(anna, SwitchTopics(group_id, on=True))
    post = await say(services, anna, channel_id, "Новость")

    async def comment(who: Actor, reply_to: int | None = None) -> Entry:
        return await services.discussions.write_comment(
            who, WriteComment(channel_id, post.seq, new_id(), "Да", reply_to)
        )

    for change in (
        ChangeTopic(group_id, GENERAL, closed=True),
        ChangeTopic(group_id, GENERAL, closed=False, chosen_only=True),
        ChangeTopic(group_id, GENERAL, chosen_only=False, hidden=True),
    ):
        await services.topics.change_topic(anna, change)
        first = await comment(boris)
        await comment(vera, reply_to=first.seq)
        await services.actions.edit_message(boris, EditMessage(group_id, first.seq, "Нет"))
        # From within the group an answer is a comment as well, and what answers nothing is not.
        await say(services, vera, group_id, "Согласна", reply_to=first.seq)
        with pytest.raises((TopicClosed, RestrictedInTopic)):
            await say(services, vera, group_id, "Просто слово")
    await services.topics.restrict_in_topic(anna, RestrictInTopic(group_id, GENERAL, boris.user_id, True))
    with pytest.raises(RestrictedInTopic):
        await comment(boris)
    await services.discussions.unlink_discussion(anna, OfChannel(channel_id))
    with pytest.raises(TopicClosed):
        await say(services, vera, group_id, "Тред остался", reply_to=first.seq)

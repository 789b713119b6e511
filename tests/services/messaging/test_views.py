"""Views of a channel's posts: each person counts once, in batches, and never fewer than before."""

import asyncio
import random
from collections import Counter
from contextlib import AbstractAsyncContextManager
from typing import cast

import msgspec
import pytest
from tests.harness import Services
from tests.services.messaging.chats import channel, group, say
from tests.services.messaging.dues import Home

from kaif.engines.database import Database, Transaction
from kaif.interfaces.auth import Nothing, Person
from kaif.interfaces.messaging import ChatId, GetChat, RemoveMember
from kaif.interfaces.messaging.actions import DeleteMessages
from kaif.interfaces.messaging.errors import ChatNotFound
from kaif.interfaces.messaging.news import SIGNALS, Signal
from kaif.interfaces.messaging.own_data import ViewedPosts
from kaif.interfaces.messaging.posts import CountedPosts, NotAChannel, PostsEvent, ViewPosts
from kaif.interfaces.personal_data import PersonErased
from kaif.kernel.actor import Actor
from kaif.kernel.clock import SECOND_US
from kaif.kernel.errors import Busy, Unavailable
from kaif.kernel.ids import new_id
from kaif.services.messaging.discussions.counting import PostCounting
from kaif.services.messaging.discussions.posts import ChannelPostsService
from kaif.services.messaging.events import ChatDeleted
from kaif.services.messaging.reactions import Reactions
from kaif.services.messaging.sending.announcing import Announcer


def counter_of(services: Services) -> PostCounting:
    return cast(ChannelPostsService, services.posts)._counting


async def view(services: Services, actor: Actor, chat_id: ChatId, *seqs: int) -> dict[int, int]:
    """How the posts stood, before this view is counted."""
    counted: CountedPosts = await services.posts.view_posts(actor, ViewPosts(chat_id, list(seqs)))
    return {post.seq: post.views for post in counted.posts}


async def written(services: Services, actor: Actor, chat_id: ChatId, *seqs: int) -> dict[int, int]:
    await counter_of(services).write()
    return await view(services, actor, chat_id, *seqs)


async def test_counts_are_what_a_count_by_hand_gives_whoever_looks_how_often(services: Services) -> None:
    dice = random.Random(5)
    people = await services.newcomers("anna", "boris", "vera", "gleb")
    anna, others = people[0], people[1:]
    chat_id = await channel(services, anna, *others)
    posts = [(await say(services, anna, chat_id, str(n))).seq for n in range(130)]
    seen: set[tuple[Actor, int]] = set()
    before: dict[int, int] = {}
    for _ in range(12):
        for one in people:
            looked = dice.sample(posts, 40)
            seen |= {(one, seq) for seq in looked}
            # Again, and by another process at the same time.
            await asyncio.gather(*(view(services, one, chat_id, *looked) for _ in range(2)))
        await counter_of(services).write()
        now = await view(services, anna, chat_id, *posts[:100]) | await view(services, anna, chat_id, *posts[100:])
        assert all(now[seq] >= views for seq, views in before.items())
        before = now
        seen |= {(anna, seq) for seq in posts}
    await counter_of(services).write()

    by_hand = Counter(seq for _, seq in seen)
    assert await view(services, anna, chat_id, *posts[:100]) == {seq: by_hand[seq] for seq in posts[:100]}
    assert await view(services, anna, chat_id, *posts[100:]) == {seq: by_hand[seq] for seq in posts[100:]}


async def test_processes_that_count_at_once_count_each_person_once(services: Services) -> None:
    anna, boris, vera = await services.newcomers("anna", "boris", "vera")
    chat_id = await channel(services, anna, boris, vera)
    posts = [(await say(services, anna, chat_id, str(n))).seq for n in range(70)]
    early = PostCounting(services.database, Announcer(services.cache), lambda: 0)
    # Rows that are there already make nobody wait by being new.
    for actor in (boris, vera):
        early.add(chat_id, actor.user_id, [posts[0], posts[-1]])
    await early.write()
    processes = [PostCounting(services.database, Announcer(services.cache), lambda: 0) for _ in range(6)]
    for one in processes:
        for actor in (boris, vera):
            one.add(chat_id, actor.user_id, posts)

    await asyncio.gather(*(one.write() for one in processes))

    assert await view(services, anna, chat_id, *posts) == dict.fromkeys(posts, 2)


async def test_only_posts_of_a_channel_that_one_reads_are_counted(small_home: Home) -> None:
    services = small_home.services
    anna, boris, stranger = await services.newcomers("anna", "boris", "stranger")
    chat_id = await channel(services, anna, boris)
    post = await say(services, anna, chat_id)

    with pytest.raises(ChatNotFound):
        await view(services, stranger, chat_id, post.seq)
    with pytest.raises(NotAChannel):
        await view(services, anna, await group(services, anna, boris), 1)
    # The channel's beginning is no post, nor is what is still to come.
    assert await written(services, boris, chat_id, 1, post.seq, post.seq, 999) == {post.seq: 0}
    assert await written(services, boris, chat_id, post.seq) == {post.seq: 1}
    # Going and coming back makes nobody somebody else.
    await services.messaging.remove_member(boris, RemoveMember(chat_id, boris.user_id))
    with pytest.raises(ChatNotFound):
        await view(services, boris, chat_id, post.seq)
    await services.actions.delete_messages(anna, DeleteMessages(chat_id, [post.seq], True))
    assert await view(services, anna, chat_id, post.seq) == {post.seq: 0}


class Unreliable:
    """A database that is down when the test says so."""

    def __init__(self, database: Database) -> None:
        self._database, self.is_down = database, False

    def transaction(self) -> AbstractAsyncContextManager[Transaction]:
        if self.is_down:
            raise Unavailable
        return self._database.transaction()


async def test_what_cannot_be_written_waits_and_there_is_an_end_to_what_does(small_home: Home) -> None:
    services = small_home.services
    anna, boris = await services.newcomers("anna", "boris")
    chat_id = await channel(services, anna, boris)
    post = await say(services, anna, chat_id)

    database = Unreliable(services.database)
    process = PostCounting(cast(Database, database), Announcer(services.cache), lambda: 0, blocks_max=2)
    database.is_down = True
    process.add(chat_id, boris.user_id, [post.seq])
    with pytest.raises(Unavailable):
        await process.write()
    database.is_down = False
    await process.write()
    assert await view(services, anna, chat_id, post.seq) == {post.seq: 1}
    with pytest.raises(Busy):
        for n in range(3):
            process.add(chat_id, boris.user_id, [n * 60])


async def test_the_channel_hears_how_its_posts_stand_and_nothing_of_who(small_home: Home) -> None:
    services = small_home.services
    anna, boris = await services.newcomers("anna", "boris")
    chat_id = await channel(services, anna, boris)
    posts = [(await say(services, anna, chat_id, str(n))).seq for n in range(30)]
    heard: list[Signal] = []
    await services.cache.subscribe(SIGNALS, lambda payload: heard.append(msgspec.msgpack.decode(payload, type=Signal)))
    process = PostCounting(services.database, Announcer(services.cache), lambda: small_home.moment[0])
    process.add(chat_id, boris.user_id, posts)
    await process.write()
    for _ in range(3):
        await process.tell()

    (signal,) = heard
    event = msgspec.json.decode(signal.event, type=PostsEvent)
    assert (signal.chat_id, signal.user_id) == (chat_id, "")
    assert [(post.seq, post.views) for post in event.posts] == [(seq, 1) for seq in posts[-20:]]
    assert boris.user_id.encode() not in signal.event
    process.add(chat_id, anna.user_id, posts[-1:])
    await process.write()
    await process.tell()
    assert len(heard) == 1, "once a second is enough"
    small_home.moment[0] += SECOND_US
    await process.tell()
    assert msgspec.json.decode(heard[1].event, type=PostsEvent).posts[0].views == 2


async def test_who_has_seen_what_goes_with_the_person_and_with_the_channel(small_home: Home) -> None:
    services = small_home.services
    anna, boris = await services.newcomers("anna", "boris")
    chat_id = await channel(services, anna, boris)
    posts = [(await say(services, anna, chat_id, str(n))).seq for n in range(65)]
    await view(services, boris, chat_id, *posts)
    await counter_of(services).write()
    own = await services.own_data.export_own_messaging_data(boris, Nothing())
    assert sorted(seq for part in own.viewed for seq in part.seqs) == posts
    assert {part.chat_id for part in own.viewed} == {chat_id} and isinstance(own.viewed[0], ViewedPosts)

    late = await say(services, anna, chat_id)
    await view(services, boris, chat_id, late.seq)
    nameless = Person(boris.user_id, f"deleted-{boris.user_id}", "Удалённый аккаунт", None)
    await Reactions(services.database).forget_person(PersonErased(erasure_id=new_id(), remains=nameless))
    assert await written(services, anna, chat_id, posts[0], late.seq) == {posts[0]: 1, late.seq: 0}

    async def rows(table: str) -> int:
        return len(await services.database.fetch(tuple, f"SELECT 1 FROM {table}"))

    assert await rows("messaging_views") == 0
    await counter_of(services).write()
    await services.administration.delete_chat(anna, GetChat(chat_id))
    await Reactions(services.database).sweep_chat(ChatDeleted(chat_id=chat_id))
    assert (await rows("messaging_views"), await rows("messaging_post_views")) == (0, 0)

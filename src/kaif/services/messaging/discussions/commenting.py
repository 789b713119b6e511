"""Writes comments: messages of the group that is linked to a channel, and what the first of them brings along.

A post comes into the group with the first comment on it, and a reader of an open discussion with theirs: in the one
transaction that stores the comment, so that whatever refuses it undoes all of it.
"""

from collections.abc import Awaitable, Callable
from typing import TypeVar

import msgspec

from kaif.engines.database import Database, Reads, Transaction
from kaif.interfaces.auth import Auth, Person
from kaif.interfaces.messaging import ChatId, Entry, Outgoing
from kaif.interfaces.messaging.actions import MessageNotFound
from kaif.interfaces.messaging.cards import Poll
from kaif.interfaces.messaging.content import Origin
from kaif.interfaces.messaging.discussions import CommentsForMembers, NoDiscussion
from kaif.interfaces.messaging.errors import BadReply, MemberBanned
from kaif.interfaces.messaging.posts import NotAChannel
from kaif.interfaces.messaging.suspension import ChatSuspended
from kaif.kernel.actor import UserId
from kaif.kernel.clock import Clock, as_datetime, as_us
from kaif.kernel.errors import KaifError
from kaif.services.messaging import card_rules, chat_store, entry_rules, entry_store, member_store
from kaif.services.messaging.attachments import store as attachment_store
from kaif.services.messaging.attachments.attaching import Attaching, Held
from kaif.services.messaging.chats import administration_store
from kaif.services.messaging.chats.membership import Membership, require_person
from kaif.services.messaging.discussions import thread_store
from kaif.services.messaging.discussions.thread_store import Link, StoredThread
from kaif.services.messaging.due import store as due_store
from kaif.services.messaging.due.model import copy_to_vanish, periods_of
from kaif.services.messaging.entry_rules import Place
from kaif.services.messaging.messages import viewing
from kaif.services.messaging.previews.linking import LinkPlan
from kaif.services.messaging.sending.announcing import Announcer
from kaif.services.messaging.sending.batches import Batch
from kaif.services.messaging.sending.sender import Placing, Sender
from kaif.services.messaging.topics import sending as topic_sending

_changed = msgspec.structs.replace
Outcome = TypeVar("Outcome")


class PostHasFiles(Exception):
    """The first comment is to bring the post into the group: media must hold its files for that first."""

    def __init__(self, post: Entry) -> None:
        super().__init__(post.seq)
        self.post = post


class Written(msgspec.Struct):
    """What a comment has done to the group, in the order in which it stands there."""

    place: Place
    batch: Batch
    entry: Entry
    joined: Entry | None = None
    has_joined: bool = False
    root: Entry | None = None


class Commenting:
    def __init__(
        self,
        database: Database,
        auth: Auth,
        announcer: Announcer,
        sender: Sender,
        attaching: Attaching,
        links: LinkPlan,
        clock: Clock,
    ) -> None:
        self._database, self._announcer, self._sender, self._attaching = database, announcer, sender, attaching
        self._links, self._clock = links, clock
        self._membership = Membership(auth, clock)

    # Who reads

    async def get_link(self, reads: Reads, reader: UserId, chat_id: ChatId) -> Link:
        """Of a channel that this person reads. Raises ChatNotFound, NotAChannel, NoDiscussion."""
        member = await self._membership.get_member(reads, chat_id, reader)
        if member.kind != "channel":
            raise NotAChannel
        link = await thread_store.find_link(reads, chat_id)
        if link is None:
            raise NoDiscussion
        return link

    async def get_post(self, reads: Reads, link: Link, seq: int) -> Entry:
        """As it is now. Raises MessageNotFound."""
        rows = await entry_store.entries_at(reads, link.channel_id, {seq})
        post = next(iter(await viewing.shown(reads, link.channel_id, rows)), None)
        if post is None or post.kind != "message" or post.deleted:
            raise MessageNotFound
        return post

    async def must_read(self, reads: Reads, reader: UserId, link: Link) -> None:
        """Raises ChatSuspended, CommentsForMembers, MemberBanned."""
        if await member_store.find_member(reads, link.group_id, reader):
            return
        # What moderators have closed is read by those alone who are in it.
        if link.suspended:
            raise ChatSuspended
        if not link.open:
            raise CommentsForMembers
        if await administration_store.banned_among(reads, link.group_id, [reader]):
            raise MemberBanned

    async def must_be_comment(self, reads: Reads, link: Link, post: int, seq: int) -> None:
        """The message is a comment on that post. Raises BadReply."""
        thread = await thread_store.find_thread(reads, link, post)
        if thread is None or not await _is_of(reads, thread, seq):
            raise BadReply

    # Writing

    async def send(self, message: Outgoing, post: int | None = None) -> Entry:
        """With `post` the message, of a reader of the channel that it names, is a comment on that post of it."""
        if post is None:
            return await self._sender.send_one(message)
        person = await self.get_person(message.sender_id)

        async def write(held_post: Held) -> Written:
            async with self._sender.placing() as placing:
                return await self.place(placing, message, post, person, held_post)

        written = await self.with_files_of_post(message.sender_id, write)
        await self.announce(written)
        return written.entry

    async def get_person(self, user_id: UserId) -> Person:
        """For `place`, which asks nobody outside."""
        (person,) = await self._membership.get_people(self._database, [user_id])
        return person

    async def with_files_of_post(self, writer: UserId, write: Callable[[Held], Awaitable[Outcome]]) -> Outcome:
        """What writes is done once more where the post turns out to have files that media must hold first."""
        try:
            return await write(Held())
        except PostHasFiles as error:
            held_post = await self._attaching.copy(writer, error.post)
        try:
            return await write(held_post)
        finally:
            await self._attaching.give_up(held_post)

    async def place(
        self, placing: Placing, message: Outgoing, post_seq: int, person: Person, held_post: Held
    ) -> Written:
        """To be announced when it is committed. Raises PostHasFiles, and what refuses the comment."""
        tx, writer = placing.tx, message.sender_id
        link = await self.get_link(tx, writer, message.chat_id)
        # Nor does a post of a closed channel come into the group, where it would be read on.
        if (await self._membership.get_member(tx, message.chat_id, writer)).suspended:
            raise ChatSuspended
        places = await chat_store.lock_places(tx, [link.group_id])
        if not places:
            raise NoDiscussion
        place = places[link.group_id]
        post = await self.get_post(tx, link, post_seq)
        await self.must_read(tx, writer, link)
        has_joined, joined = await self._let_in(tx, place, person)
        thread = await thread_store.find_thread(tx, link, post_seq)
        root = None
        if thread is None:
            if post.attachments and not held_post.hold:
                raise PostHasFiles(post)
            root, thread = await self._bring(tx, link, post, place, held_post)
        if message.reply_to and not await _is_of(tx, thread, message.reply_to):
            raise BadReply
        reply_to = message.reply_to or thread.root_seq
        batch = await placing.place(_changed(message, chat_id=thread.chat_id, reply_to=reply_to))
        (result,) = batch.results
        if isinstance(result, KaifError):
            raise result
        return Written(place, batch, result.entry, joined, has_joined, root)

    async def announce(self, written: Written) -> None:
        if written.has_joined:
            await self._announcer.announce_change(written.place, written.joined, joined=[written.entry.sender_id])
        if written.root:
            self._links.wake()
            await self._announcer.announce([written.root], written.batch.places)
        await self._sender.announce(written.batch)

    async def _let_in(self, tx: Transaction, place: Place, person: Person) -> tuple[bool, Entry | None]:
        if await member_store.find_member(tx, place.chat_id, person.id):
            return False, None
        require_person(person)
        await self._membership.let_in(tx, place, [person])
        return True, await self._membership.record(tx, place, "joined", person.id, [person.id])

    async def _bring(
        self, tx: Transaction, link: Link, post: Entry, place: Place, held: Held
    ) -> tuple[Entry, StoredThread]:
        """Say the post in the group, in the channel's name: what is commented stands there to be read."""
        now_us = self._clock()
        card = card_rules.as_it_stands(post.card) if isinstance(post.card, Poll) else post.card
        channel = UserId(link.channel_id)
        message = Outgoing(
            channel,
            place.chat_id,
            f"post:{link.channel_id}:{post.seq}",
            post.text,
            silent=True,
            forward=Origin(channel, post.at),
            entities=post.entities,
            card=card,
            without_preview=post.without_preview,
            attachments=held.attachments,
            hold=held.hold,
        )
        if held.hold:
            await attachment_store.use(tx, held.hold, [one.media_id for one in held.attachments])
        place.come_to(now_us)
        entry = entry_rules.message_at(place, message, as_datetime(place.written_at_us), {})
        title = await chat_store.title_of(tx, link.channel_id)
        entry = _changed(entry, sender_id=channel, forward=post.forward, webhook=title)
        await entry_store.append(tx, {place.chat_id: place}, [entry], [channel], [place.messages])
        if held.hold:
            await attachment_store.show(tx, [(held.hold, entry)])
        await chat_store.advance(tx, [place])
        await self._links.note(tx, [entry], now_us)
        if place.topics:
            await topic_sending.count_nobodys(tx, entry)
        await self._let_vanish(tx, post, entry)
        thread = StoredThread(place.chat_id, entry.seq, link.channel_id, post.seq, 0)
        await thread_store.add_thread(tx, thread)
        return entry, thread

    async def _let_vanish(self, tx: Transaction, post: Entry, copy: Entry) -> None:
        """What the post says is gone from the group when it is gone from the channel."""
        for period in periods_of(await due_store.periods(tx, post.chat_id)):
            if period.covers(post.seq):
                await due_store.add(tx, copy_to_vanish(copy, as_us(post.at) + period.after_us))


async def _is_of(reads: Reads, thread: StoredThread, seq: int) -> bool:
    key = thread.chat_id, seq
    found = (await thread_store.answered(reads, {key})).get(key)
    return found is not None and found.root_seq == thread.root_seq

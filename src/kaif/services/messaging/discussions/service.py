"""How channels take comments: each method is one transaction."""

import msgspec

from kaif.engines.database import Database, Reads, Transaction
from kaif.interfaces.auth import Auth, Nothing, Person
from kaif.interfaces.messaging import ChatId, Entry, Outgoing
from kaif.interfaces.messaging.actions import MessageNotFound
from kaif.interfaces.messaging.cards import Poll
from kaif.interfaces.messaging.content import Origin
from kaif.interfaces.messaging.discussions import (
    CommentsForMembers,
    Discussion,
    FoundDiscussion,
    GroupIsLinked,
    LinkDiscussion,
    ListComments,
    NoDiscussion,
    NotLinkable,
    OfChannel,
    Thread,
    WriteComment,
)
from kaif.interfaces.messaging.errors import BadReply, MemberBanned, OwnersOnly
from kaif.interfaces.messaging.posts import NotAChannel
from kaif.interfaces.messaging.suspension import ChatSuspended
from kaif.kernel.actor import Actor, UserId
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
from kaif.services.messaging.rights import Right
from kaif.services.messaging.sending.announcing import Announcer
from kaif.services.messaging.sending.batches import Batch
from kaif.services.messaging.sending.sender import Placing, Sender
from kaif.services.messaging.topics import sending as topic_sending

_changed = msgspec.structs.replace


class PostHasFiles(Exception):
    """The first comment is to bring the post into the group: media must hold its files for that first."""

    def __init__(self, post: Entry) -> None:
        super().__init__(post.seq)
        self.post = post


class Written(msgspec.Struct):
    """What a comment has done to the group, in the order in which it stands there."""

    place: Place
    batch: Batch
    joined: Entry | None = None
    has_joined: bool = False
    root: Entry | None = None


class DiscussionsService:
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

    # The link

    async def get_discussion(self, actor: Actor, request: OfChannel) -> FoundDiscussion:
        try:
            link = await self._link(self._database, actor, request.chat_id)
        except NoDiscussion:
            return FoundDiscussion(None)
        return FoundDiscussion(await self._described(actor, link))

    async def _described(self, actor: Actor, link: Link) -> Discussion:
        joined = await member_store.find_member(self._database, link.group_id, actor.user_id) is not None
        return Discussion(link.channel_id, link.group_id, link.title, bool(link.open), joined)

    async def _link(self, reads: Reads, actor: Actor, chat_id: ChatId) -> Link:
        """Of a channel that the actor reads. Raises ChatNotFound, NotAChannel, NoDiscussion."""
        member = await self._membership.get_member(reads, chat_id, actor.user_id)
        if member.kind != "channel":
            raise NotAChannel
        link = await thread_store.find_link(reads, chat_id)
        if link is None:
            raise NoDiscussion
        return link

    async def link_discussion(self, actor: Actor, request: LinkDiscussion) -> Discussion:
        async with self._database.transaction() as tx:
            # Both at once, in the order in which everybody takes locks.
            places = await chat_store.lock_places(tx, [request.chat_id, request.group_id])
            await self._must_own(tx, actor, request.chat_id)
            if places[request.chat_id].kind != "channel":
                raise NotAChannel
            await self._must_own(tx, actor, request.group_id)
            if places[request.group_id].kind != "group":
                raise NotLinkable
            of_group = await thread_store.find_link_of_group(tx, request.group_id)
            if of_group and of_group.channel_id != request.chat_id:
                raise GroupIsLinked
            await thread_store.link(tx, request.chat_id, request.group_id, is_open=request.open)
        return await self._described(actor, await self._link(self._database, actor, request.chat_id))

    async def unlink_discussion(self, actor: Actor, request: OfChannel) -> Nothing:
        async with self._database.transaction() as tx:
            await chat_store.lock_places(tx, [request.chat_id])
            await self._must_own(tx, actor, request.chat_id)
            await thread_store.unlink(tx, request.chat_id)
        return Nothing()

    async def _must_own(self, tx: Transaction, actor: Actor, chat_id: ChatId) -> None:
        """Raises ChatNotFound, OwnersOnly."""
        if Right.OWN not in await self._membership.get_rights(tx, chat_id, actor.user_id):
            raise OwnersOnly

    # Comments

    async def list_comments(self, actor: Actor, request: ListComments) -> Thread:
        link = await self._link(self._database, actor, request.chat_id)
        await self._post(self._database, link, request.seq)
        await self._must_read(self._database, actor, link)
        thread = await thread_store.find_thread(self._database, link, request.seq)
        if thread is None:
            return Thread(link.group_id, 0, 0, [])
        if request.after is not None:
            rows = await thread_store.entries_after(self._database, thread, request.after, request.limit)
        else:
            before = request.before or 2**53 + 1
            rows = await thread_store.entries_before(self._database, thread, before, request.limit)
        entries = await viewing.shown_to(self._database, actor.user_id, link.group_id, rows)
        return Thread(link.group_id, thread.root_seq, thread.comments, entries)

    async def _post(self, reads: Reads, link: Link, seq: int) -> Entry:
        """As it is now. Raises MessageNotFound."""
        rows = await entry_store.entries_at(reads, link.channel_id, {seq})
        post = next(iter(await viewing.shown(reads, link.channel_id, rows)), None)
        if post is None or post.kind != "message" or post.deleted:
            raise MessageNotFound
        return post

    async def _must_read(self, reads: Reads, actor: Actor, link: Link) -> None:
        """Raises ChatSuspended, CommentsForMembers, MemberBanned."""
        if await member_store.find_member(reads, link.group_id, actor.user_id):
            return
        # What moderators have closed is read by those alone who are in it.
        if link.suspended:
            raise ChatSuspended
        if not link.open:
            raise CommentsForMembers
        if await administration_store.banned_among(reads, link.group_id, [actor.user_id]):
            raise MemberBanned

    async def write_comment(self, actor: Actor, request: WriteComment) -> Entry:
        people = await self._membership.get_people(self._database, [actor.user_id])
        async with self._attaching.holding(actor.user_id, request.attachments) as held:
            written, entry = await self._write_with_post(actor, request, people[0], held)
        if written.has_joined:
            await self._announcer.announce_change(written.place, written.joined, joined=[actor.user_id])
        if written.root:
            self._links.wake()
            await self._announcer.announce([written.root], written.batch.places)
        await self._sender.announce(written.batch)
        return entry

    async def _write_with_post(
        self, actor: Actor, request: WriteComment, person: Person, held: Held
    ) -> tuple[Written, Entry]:
        try:
            async with self._sender.placing() as placing:
                return await self._write(placing, actor, request, person, held, Held())
        except PostHasFiles as error:
            held_post = await self._attaching.copy(actor.user_id, error.post)
        try:
            async with self._sender.placing() as placing:
                return await self._write(placing, actor, request, person, held, held_post)
        finally:
            await self._attaching.give_up(held_post)

    async def _write(
        self, placing: Placing, actor: Actor, request: WriteComment, person: Person, held: Held, held_post: Held
    ) -> tuple[Written, Entry]:
        """Whatever refuses the comment undoes all of it: the post's coming and the writer's too."""
        tx = placing.tx
        link = await self._link(tx, actor, request.chat_id)
        # Nor does a post of a closed channel come into the group, where it would be read on.
        if (await self._membership.get_member(tx, request.chat_id, actor.user_id)).suspended:
            raise ChatSuspended
        places = await chat_store.lock_places(tx, [link.group_id])
        if not places:
            raise NoDiscussion
        place = places[link.group_id]
        post = await self._post(tx, link, request.seq)
        await self._must_read(tx, actor, link)
        has_joined, joined = await self._let_in(tx, actor, place, person)
        thread = await thread_store.find_thread(tx, link, request.seq)
        root = None
        if thread is None:
            if post.attachments and not held_post.hold:
                raise PostHasFiles(post)
            root, thread = await self._bring(tx, link, post, place, held_post)
        if request.reply_to:
            await self._must_be_of(tx, thread, request.reply_to)
        batch = await placing.place(_outgoing(actor, thread, request, held))
        (result,) = batch.results
        if isinstance(result, KaifError):
            raise result
        return Written(place, batch, joined, has_joined, root), result.entry

    async def _let_in(self, tx: Transaction, actor: Actor, place: Place, person: Person) -> tuple[bool, Entry | None]:
        if await member_store.find_member(tx, place.chat_id, actor.user_id):
            return False, None
        require_person(person)
        await self._membership.let_in(tx, place, [person])
        return True, await self._membership.record(tx, place, "joined", actor.user_id, [actor.user_id])

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

    async def _must_be_of(self, tx: Transaction, thread: StoredThread, seq: int) -> None:
        """Raises BadReply."""
        key = thread.chat_id, seq
        found = (await thread_store.answered(tx, {key})).get(key)
        if found is None or found.root_seq != thread.root_seq:
            raise BadReply


def _outgoing(actor: Actor, thread: StoredThread, request: WriteComment, held: Held) -> Outgoing:
    return Outgoing(
        actor.user_id,
        thread.chat_id,
        request.ref,
        request.text,
        request.reply_to or thread.root_seq,
        request.quote,
        request.silent,
        without_preview=request.without_preview,
        attachments=held.attachments,
        hold=held.hold,
    )

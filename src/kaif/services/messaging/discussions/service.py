"""How channels take comments: each method is one transaction."""

from kaif.engines.database import Database, Transaction
from kaif.interfaces.auth import Auth, Nothing
from kaif.interfaces.messaging import ChatId, Entry, Outgoing
from kaif.interfaces.messaging.discussions import (
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
from kaif.interfaces.messaging.errors import OwnersOnly
from kaif.interfaces.messaging.posts import NotAChannel
from kaif.kernel.actor import Actor
from kaif.kernel.clock import Clock
from kaif.services.messaging import chat_store, member_store
from kaif.services.messaging.attachments.attaching import Attaching
from kaif.services.messaging.chats.membership import Membership
from kaif.services.messaging.discussions import thread_store
from kaif.services.messaging.discussions.commenting import Commenting
from kaif.services.messaging.discussions.thread_store import Link
from kaif.services.messaging.messages import viewing
from kaif.services.messaging.rights import NONE, Member, Right, names_of, rights_of


class DiscussionsService:
    def __init__(
        self, database: Database, auth: Auth, commenting: Commenting, attaching: Attaching, clock: Clock
    ) -> None:
        self._database, self._commenting, self._attaching = database, commenting, attaching
        self._membership, self._clock = Membership(auth, clock), clock

    # The link

    async def get_discussion(self, actor: Actor, request: OfChannel) -> FoundDiscussion:
        try:
            link = await self._commenting.get_link(self._database, actor.user_id, request.chat_id)
        except NoDiscussion:
            return FoundDiscussion(None)
        return FoundDiscussion(await self._described(actor, link))

    async def _described(self, actor: Actor, link: Link) -> Discussion:
        member = await member_store.find_member(self._database, link.group_id, actor.user_id)
        rights = rights_of(member or _newcomer(link), self._clock()) if member or link.open else NONE
        named = names_of(rights)
        return Discussion(link.channel_id, link.group_id, link.title, bool(link.open), member is not None, named)

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
        link = await self._commenting.get_link(self._database, actor.user_id, request.chat_id)
        return await self._described(actor, link)

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
        link = await self._commenting.get_link(self._database, actor.user_id, request.chat_id)
        await self._commenting.get_post(self._database, link, request.seq)
        await self._commenting.must_read(self._database, actor.user_id, link)
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

    async def write_comment(self, actor: Actor, request: WriteComment) -> Entry:
        async with self._attaching.holding(actor.user_id, request.attachments) as held:
            message = Outgoing(
                actor.user_id,
                request.chat_id,
                request.ref,
                request.text,
                request.reply_to,
                request.quote,
                request.silent,
                without_preview=request.without_preview,
                attachments=held.attachments,
                hold=held.hold,
            )
            return await self._commenting.send(message, request.seq)


def _newcomer(link: Link) -> Member:
    """As whoever joins with a comment will be."""
    return Member("group", link.default_rights, "member", int(NONE), int(NONE), 0, suspended=link.suspended)

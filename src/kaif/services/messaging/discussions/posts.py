"""What readers of a channel do with its posts."""

from kaif.engines.database import Database
from kaif.interfaces.messaging.errors import ChatNotFound
from kaif.interfaces.messaging.posts import CountedPosts, NotAChannel, ViewPosts
from kaif.kernel.actor import Actor
from kaif.services.messaging import member_store
from kaif.services.messaging.discussions import views_store
from kaif.services.messaging.discussions.counting import PostCounting


class ChannelPostsService:
    def __init__(self, database: Database, counting: PostCounting) -> None:
        self._database, self._counting = database, counting

    async def view_posts(self, actor: Actor, request: ViewPosts) -> CountedPosts:
        member = await member_store.find_member(self._database, request.chat_id, actor.user_id)
        if member is None:
            raise ChatNotFound
        if member.kind != "channel":
            raise NotAChannel
        seqs = await views_store.posts_among(self._database, request.chat_id, request.seqs)
        self._counting.add(request.chat_id, actor.user_id, seqs)
        return CountedPosts(await self._counting.counts(request.chat_id, seqs) if seqs else [])

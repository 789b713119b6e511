"""Counts by how many people posts of channels have been seen, and tells the channels now and then.

A view is noted in memory; once a second all that came meanwhile is written together, a row for each person and sixty
posts. A process that dies loses its last second, which the next look at the posts makes good.
"""

import asyncio
import logging
from collections.abc import Collection, Iterable

from kaif.engines.database import Database
from kaif.interfaces.messaging import ChatId
from kaif.interfaces.messaging.posts import PostCounts, PostsEvent
from kaif.kernel.actor import UserId
from kaif.kernel.background import Background
from kaif.kernel.clock import Clock
from kaif.kernel.errors import Busy, KaifError
from kaif.services.messaging import model
from kaif.services.messaging.discussions import thread_store, views_store
from kaif.services.messaging.discussions.views_store import Block
from kaif.services.messaging.sending.announcing import Announcer

WRITE_EVERY_S = 1.0
# Of one transaction, which keeps the rows that it touches from others.
BLOCKS_AT_ONCE = 500
# Some tens of megabytes; views beyond are told again by whoever looks.
BLOCKS_MAX = 100_000
# The newest of those that have changed; what is further up is asked for when it is scrolled to.
POSTS_TOLD_MAX = 20
CHANNELS_MAX = 10_000

log = logging.getLogger("kaif.messaging")


class PostCounting:
    def __init__(
        self,
        database: Database,
        announcer: Announcer,
        clock: Clock,
        write_every_s: float = WRITE_EVERY_S,
        blocks_max: int = BLOCKS_MAX,
    ) -> None:
        self._database, self._announcer, self._clock = database, announcer, clock
        self._write_every_s, self._blocks_max = write_every_s, blocks_max
        self._seen: dict[Block, int] = {}
        # What channels have not been told of yet, and when they were told last.
        self._changed: dict[ChatId, set[int]] = {}
        self._told_at_us: dict[ChatId, int] = {}
        self._background = Background()
        self._commented = asyncio.Event()

    def start(self) -> None:
        self._background.repeat(self._look, "views wait", self._write_every_s, self._commented)

    async def close(self) -> None:
        await self._background.close()
        try:
            await self.write()
        except KaifError as error:
            log.warning("the last second's views are lost: %s", error.code)

    def add(self, chat_id: ChatId, user_id: UserId, seqs: Collection[int]) -> None:
        """Raises Busy."""
        if len(self._seen) >= self._blocks_max:
            raise Busy(retry_after_ms=1000)
        for block, bits in views_store.bits_of(seqs).items():
            key = chat_id, user_id, block
            self._seen[key] = self._seen.get(key, 0) | bits

    def note_change(self, chat_id: ChatId, seqs: Iterable[int]) -> None:
        """The channel is to hear how these posts stand."""
        if chat_id in self._changed or len(self._changed) < CHANNELS_MAX:
            changed = self._changed.setdefault(chat_id, set())
            changed.update(seqs)
            self._changed[chat_id] = set(sorted(changed)[-POSTS_TOLD_MAX:])

    def note_comments(self, posts: Iterable[tuple[ChatId, int]]) -> None:
        """There are more comments on these posts of channels, or fewer: whoever reads them hears of it at once."""
        for chat_id, seq in posts:
            self.note_change(chat_id, [seq])
            self._commented.set()

    async def counts(self, chat_id: ChatId, seqs: Collection[int]) -> list[PostCounts]:
        """Only what is durable, so that it is never less than it was."""
        views = await views_store.views_of(self._database, chat_id, seqs)
        comments = await thread_store.comments_on(self._database, chat_id, seqs)
        return [
            PostCounts(seq, views.get(seq, 0), None if comments is None else comments.get(seq, 0))
            for seq in sorted(seqs)
        ]

    async def _look(self) -> float:
        await self.write()
        await self.tell()
        return self._write_every_s

    async def write(self) -> None:
        """What could not be written waits for the next time."""
        while self._seen:
            blocks = sorted(self._seen)[:BLOCKS_AT_ONCE]
            taken = {block: self._seen.pop(block) for block in blocks}
            try:
                async with self._database.transaction() as tx:
                    new = await views_store.add_bits(tx, taken)
                    await views_store.add_views(tx, new)
            except BaseException:
                for block, bits in taken.items():
                    self._seen[block] = self._seen.get(block, 0) | bits
                raise
            for chat_id, seq in new:
                self.note_change(chat_id, [seq])

    async def tell(self) -> None:
        """Those channels whose turn it is."""
        members = await views_store.members_in(self._database, self._changed) if self._changed else {}
        now_us = self._clock()
        for chat_id in list(self._changed):
            if chat_id not in members:
                del self._changed[chat_id]
                continue
            every_us = model.told_every_us(members[chat_id])
            # A clock that was set back must not silence a channel.
            if 0 <= now_us - self._told_at_us.get(chat_id, 0) < every_us:
                continue
            posts = await self.counts(chat_id, self._changed.pop(chat_id))
            if len(self._told_at_us) >= CHANNELS_MAX:
                self._told_at_us.clear()
            self._told_at_us[chat_id] = now_us
            await self._announcer.signal(chat_id, PostsEvent(chat_id, posts))

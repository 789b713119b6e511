"""A batch's answers in discussions of channels: those to a comment, or to the post itself, are comments as well.

Chats that never were a discussion ask and write nothing here.
"""

from collections.abc import Mapping, Sequence

from kaif.engines.database import Transaction
from kaif.interfaces.messaging import ChatId, Entry, Outgoing
from kaif.interfaces.messaging.topics import GENERAL
from kaif.services.messaging.discussions import thread_store
from kaif.services.messaging.discussions.thread_store import Answered
from kaif.services.messaging.entry_rules import Place


class BatchThreads:
    """What one transaction's messages answer; their chats are locked."""

    def __init__(self, places: Mapping[ChatId, Place]) -> None:
        self._places = places
        self._answered: dict[tuple[ChatId, int], Answered] = {}
        self._entries: list[tuple[ChatId, int, int]] = []
        self._counts: dict[tuple[ChatId, int], int] = {}
        # The posts on which there is more than there was.
        self.commented: set[tuple[ChatId, int]] = set()

    async def read(self, tx: Transaction, messages: Sequence[Outgoing]) -> None:
        there = {
            (message.chat_id, message.reply_to)
            for message in messages
            if message.reply_to and (place := self._places.get(message.chat_id)) and place.threads
        }
        if there:
            self._answered = await thread_store.answered(tx, there)

    def is_comment(self, message: Outgoing) -> bool:
        """On a post of the channel whose discussion this is now."""
        answered = self._answered.get((message.chat_id, message.reply_to or 0))
        return bool(answered and answered.linked) and message.topic_id == GENERAL

    def take(self, entry: Entry) -> None:
        """The message has its place in the log."""
        answered = self._answered.get((entry.chat_id, entry.reply_to))
        if answered is None:
            return
        root = entry.chat_id, answered.root_seq
        self._entries.append((entry.chat_id, entry.seq, answered.root_seq))
        self._counts[root] = self._counts.get(root, 0) + 1
        self.commented.add((answered.channel_id, answered.post_seq))

    async def write(self, tx: Transaction) -> None:
        if self._entries:
            await thread_store.add_entries(tx, self._entries)
            await thread_store.count(tx, self._counts)

"""Messages from this process's sockets, handed to messaging in batches, in the order in which they came.

Those with files take as long as media takes: they go by themselves, so that nobody waits for somebody else's files, and
what the same person writes into the same chat meanwhile goes after them.
"""

import asyncio
import itertools
import logging
from collections import deque
from typing import Protocol

import msgspec

from kaif.gateway import frames
from kaif.gateway.hub import Hub
from kaif.interfaces.messaging import ChatId, Messaging, Outcome, Outgoing, SendBatch, SendMessage
from kaif.kernel.actor import NOBODY, Actor, UserId
from kaif.kernel.background import Background
from kaif.kernel.errors import Busy, KaifError

BATCH_MAX = 1000
# Each of a room's readers gets all of a batch at once.
BATCH_CHARS_MAX = 256 * 1024
WAITING_MAX = 20_000
# Those with files, and those behind them.
APART_MAX = 1000

log = logging.getLogger("kaif.sockets")


class Sending(Protocol):
    """The device that a message came from."""

    actor: Actor

    def write(self, frame: bytes) -> None: ...

    def refuse(self, ref: str, code: str, detail: str, retry_after_ms: int = 0) -> None: ...


class Outbox:
    """One batch at a time is under way: two could overtake each other and change a person's order."""

    def __init__(self, messaging: Messaging, hub: Hub) -> None:
        self._messaging, self._hub = messaging, hub
        self._senders: list[Sending] = []
        self._messages: list[Outgoing] = []
        self._running: asyncio.Task[None] | None = None
        self._background = Background()
        self._apart: dict[tuple[UserId, ChatId], deque[tuple[Sending, frames.Send]]] = {}
        self._apart_count = 0
        # How many messages without files came, and how many are done with; and what is set when that changes.
        self._accepted = self._settled = 0
        self._moved = asyncio.Event()

    def send(self, sender: Sending, event: frames.Send) -> None:
        if event.attachments or (self._apart and (sender.actor.user_id, event.chat_id) in self._apart):
            self._send_apart(sender, event)
            return
        if len(self._messages) >= WAITING_MAX:
            sender.refuse(event.ref, Busy.code, Busy.detail, 1000)
            return
        self._accepted += 1
        self._senders.append(sender)
        self._messages.append(
            Outgoing(
                sender.actor.user_id,
                event.chat_id,
                event.ref,
                event.text,
                event.reply_to,
                event.quote,
                event.silent,
                buttons=event.buttons,
                topic_id=event.topic_id,
                without_preview=event.without_preview,
                late=event.late,
            )
        )
        if self._running is None:
            self._running = asyncio.get_running_loop().create_task(self._run())

    def _send_apart(self, sender: Sending, event: frames.Send) -> None:
        if self._apart_count >= APART_MAX:
            sender.refuse(event.ref, Busy.code, Busy.detail, 1000)
            return
        key = sender.actor.user_id, event.chat_id
        self._apart_count += 1
        if key in self._apart:
            self._apart[key].append((sender, event))
        else:
            self._apart[key] = deque([(sender, event)])
            self._background.run(self._run_apart(key, self._accepted))

    async def _run_apart(self, key: tuple[UserId, ChatId], before: int) -> None:
        waiting = self._apart[key]
        try:
            # What was written before, without files, goes first.
            while self._settled < before:
                await self._moved.wait()
            while waiting:
                await self._send_one(*waiting[0])
                waiting.popleft()
                self._apart_count -= 1
        finally:
            self._apart_count -= len(waiting)
            del self._apart[key]

    async def _send_one(self, sender: Sending, event: frames.Send) -> None:
        newest_seq = self._hub.newest_seq(event.chat_id)
        try:
            entry = await self._messaging.send_message(sender.actor, SendMessage(*msgspec.structs.astuple(event)))
        except Exception as error:
            self._refuse(sender, event.ref, error)
            return
        if entry.seq <= newest_seq:
            # It was delivered long ago, and is sent again.
            sender.write(frames.text_frame(frames.encode(entry)))
        else:
            self._hub.expect(event.chat_id, entry.seq)

    async def _run(self) -> None:
        while self._messages:
            count = self._fitting()
            senders, self._senders = self._senders[:count], self._senders[count:]
            messages, self._messages = self._messages[:count], self._messages[count:]
            try:
                outcomes = (await self._messaging.send_batch(NOBODY, SendBatch(messages))).outcomes
            except Exception as error:
                self._refuse_all(senders, messages, error)
            else:
                self._settle(senders, messages, outcomes)
            self._settled += count
            self._moved.set()
            self._moved = asyncio.Event()
        self._running = None

    def _fitting(self) -> int:
        """How many of the waiting messages make a batch."""
        sizes = itertools.accumulate(len(message.text) + len(message.quote) for message in self._messages[:BATCH_MAX])
        return max(1, sum(1 for size in sizes if size <= BATCH_CHARS_MAX))

    def _refuse_all(self, senders: list[Sending], messages: list[Outgoing], error: Exception) -> None:
        for sender, message in zip(senders, messages, strict=True):
            self._refuse(sender, message.ref, error)

    def _refuse(self, sender: Sending, ref: str, error: Exception) -> None:
        if not isinstance(error, KaifError):
            log.error("messages could not be sent", exc_info=error)
            error = KaifError()
        retry_after_ms = int(str(error.details.get("retry_after_ms", 0)))
        sender.refuse(ref, error.code, str(error), retry_after_ms)

    def _settle(self, senders: list[Sending], messages: list[Outgoing], outcomes: list[Outcome]) -> None:
        newest: dict[ChatId, int] = {}
        for sender, message, outcome in zip(senders, messages, outcomes, strict=True):
            if outcome.code:
                sender.refuse(message.ref, outcome.code, outcome.detail, outcome.retry_after_ms)
            elif outcome.repeated:
                sender.write(frames.text_frame(frames.encode(outcome.repeated)))
            else:
                # The entry itself, on its way to the whole room, is the acknowledgement.
                newest[message.chat_id] = outcome.seq
        for chat_id, seq in newest.items():
            self._hub.expect(chat_id, seq)

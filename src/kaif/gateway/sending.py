"""Messages from this process's sockets, handed to messaging in batches, in the order in which they came."""

import asyncio
import itertools
import logging
from typing import Protocol

from kaif.gateway import frames
from kaif.gateway.hub import Hub
from kaif.interfaces.messaging import Messaging, Outcome, Outgoing, SendBatch
from kaif.kernel.actor import NOBODY, Actor
from kaif.kernel.errors import Busy, KaifError

BATCH_MAX = 1000
# Each of a room's readers gets all of a batch at once.
BATCH_CHARS_MAX = 256 * 1024
WAITING_MAX = 20_000

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

    def send(self, sender: Sending, event: frames.Send) -> None:
        if len(self._messages) >= WAITING_MAX:
            sender.refuse(event.ref, Busy.code, Busy.detail, 1000)
            return
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
            )
        )
        if self._running is None:
            self._running = asyncio.get_running_loop().create_task(self._run())

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
                for sender, message, outcome in zip(senders, messages, outcomes, strict=True):
                    self._settle(sender, message, outcome)
        self._running = None

    def _fitting(self) -> int:
        """How many of the waiting messages make a batch."""
        sizes = itertools.accumulate(len(message.text) + len(message.quote) for message in self._messages[:BATCH_MAX])
        return max(1, sum(1 for size in sizes if size <= BATCH_CHARS_MAX))

    def _refuse_all(self, senders: list[Sending], messages: list[Outgoing], error: Exception) -> None:
        if not isinstance(error, KaifError):
            log.error("a batch of messages failed", exc_info=error)
            error = KaifError()
        retry_after_ms = int(str(error.details.get("retry_after_ms", 0)))
        for sender, message in zip(senders, messages, strict=True):
            sender.refuse(message.ref, error.code, str(error), retry_after_ms)

    def _settle(self, sender: Sending, message: Outgoing, outcome: Outcome) -> None:
        if outcome.code:
            sender.refuse(message.ref, outcome.code, outcome.detail, outcome.retry_after_ms)
        elif outcome.repeated:
            sender.write(frames.text_frame(frames.encode(outcome.repeated)))
        else:
            # The entry itself, on its way to the whole room, is the acknowledgement.
            self._hub.expect(message.chat_id, outcome.seq)

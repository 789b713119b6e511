"""Messages on their way: each is kept until its own entry comes, and sent again after a reconnect (rule 3)."""

import asyncio
from collections.abc import Iterator

import msgspec

from kaif.client.errors import ClientError
from kaif.client.values import Button, Entry, File

# What the server takes from one person at once without asking it to slow down.
WAITING_MAX = 100
# A frame of the client's is at most 64 KiB.
FRAME_BYTES_MAX = 60 * 1024
FRAME_EVENTS_MAX = 100

_encode = msgspec.json.Encoder().encode


class Send(msgspec.Struct, frozen=True, omit_defaults=True, tag_field="type", tag="send"):
    chat_id: str
    ref: str
    text: str
    reply_to: int = 0
    buttons: list[list[Button]] = []
    attachments: list[File] = []
    topic_id: int = 0
    quote: str = ""
    silent: bool = False


class Waiting:
    __slots__ = ("chat_id", "entry", "event")

    def __init__(self, event: Send) -> None:
        self.chat_id, self.event = event.chat_id, _encode(event)
        self.entry: asyncio.Future[Entry] = asyncio.get_running_loop().create_future()


class Outbox:
    def __init__(self) -> None:
        self._waiting: dict[str, Waiting] = {}
        self.seats = asyncio.Semaphore(WAITING_MAX)

    def add(self, event: Send) -> Waiting:
        """Raises ValueError when the reference is under way in another chat."""
        known = self._waiting.get(event.ref)
        if known is None:
            known = self._waiting[event.ref] = Waiting(event)
        elif known.chat_id != event.chat_id:
            raise ValueError("this reference is under way in another chat")
        return known

    def find(self, ref: str) -> Waiting | None:
        return self._waiting.get(ref)

    def settle(self, entry: Entry) -> None:
        """One's own entry came: it is durable."""
        waiting = self._waiting.get(entry.ref)
        if waiting is not None and waiting.chat_id == entry.chat_id:
            del self._waiting[entry.ref]
            if not waiting.entry.done():
                waiting.entry.set_result(entry)

    def refuse(self, ref: str, error: ClientError) -> None:
        waiting = self._waiting.pop(ref, None)
        if waiting is not None and not waiting.entry.done():
            waiting.entry.set_exception(error)

    def refuse_all(self, error: ClientError) -> None:
        for ref in list(self._waiting):
            self.refuse(ref, error)

    def frames(self) -> Iterator[bytes]:
        """All that waits, in the order in which it was sent."""
        events: list[bytes] = []
        size = 0
        for waiting in self._waiting.values():
            if events and (size + len(waiting.event) > FRAME_BYTES_MAX or len(events) >= FRAME_EVENTS_MAX):
                yield b"[" + b",".join(events) + b"]"
                events, size = [], 0
            events.append(waiting.event)
            size += len(waiting.event) + 1
        if events:
            yield b"[" + b",".join(events) + b"]"

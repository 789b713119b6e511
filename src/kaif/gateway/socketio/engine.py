"""Engine.IO, protocol 4: one conversation on polling or WebSocket, begun on either, moved from the first to the second.

https://socket.io/docs/v4/engine-io-protocol/. The server pings, the client answers; a client that does not is gone.
What waits for a client is bounded: whoever has much to say asks `has_room` first.
"""

import asyncio
import secrets
import time
from collections import deque
from collections.abc import Callable
from http import HTTPStatus
from typing import Protocol
from urllib.parse import parse_qs

import msgspec
from picows import WSFrame, WSListener, WSMsgType, WSTransport

from kaif.gateway.answers import INERT, NO_STORE, Answer, lines
from kaif.gateway.frames import FRAME_BYTES_MAX, text_frame
from kaif.gateway.requests import Request
from kaif.kernel.background import Background
from kaif.kernel.errors import Invalid, Limited, NotFound

OPEN, CLOSE, PING, PONG, MESSAGE, UPGRADE, NOOP = "0123456"
SEPARATOR = "\x1e"

PING_EVERY_S = 25
PONG_WITHIN_S = 20
# Whoever opens a conversation says soon who they are.
CONNECT_WITHIN_S = 10
# Conversations of one process; those that nobody has been named for are the cheapest to open.
CONVERSATIONS_MAX = 20_000
WAITING_PACKETS_MAX = 200
WAITING_BYTES_MAX = 1 << 20
POST_PACKETS_MAX = 100

_TEXT = lines((b"content-type", b"text/plain; charset=UTF-8")) + NO_STORE + INERT
_OK = Answer(HTTPStatus.OK, _TEXT, b"ok")


class Speaker(Protocol):
    """What a conversation is for."""

    def hear(self, text: str) -> None: ...

    def end(self) -> None:
        """The conversation is over."""
        ...

    def attend(self, now_s: float) -> None:
        """Called about every second."""
        ...


class UnknownConversation(Invalid):
    """Engine.IO's clients take 400 for a reason to begin anew."""

    code, status, detail = "unknown_conversation", 400, "There is no such conversation at this process: begin anew."


class Conversation:
    def __init__(self, engine: "Engine", address: str) -> None:
        # Whoever knows it can listen.
        self.id = secrets.token_urlsafe(24)
        self.address = address
        self.speaker: Speaker
        self._engine = engine
        self._waiting: deque[str] = deque()
        self._poll: asyncio.Future[None] | None = None
        self._line: EngineLine | None = None
        self._probing: EngineLine | None = None
        self._next_ping_s = time.monotonic() + PING_EVERY_S
        self._pinged_s = 0.0
        self.closed = False

    @property
    def opening(self) -> str:
        upgrades = [] if self._line else ["websocket"]
        said = {
            "sid": self.id,
            "upgrades": upgrades,
            "pingInterval": PING_EVERY_S * 1000,
            "pingTimeout": PONG_WITHIN_S * 1000,
            "maxPayload": FRAME_BYTES_MAX,
        }
        return OPEN + msgspec.json.encode(said).decode()

    # Out

    @property
    def has_room(self) -> bool:
        if self._line:
            return self._line.waiting_bytes < WAITING_BYTES_MAX
        return len(self._waiting) < WAITING_PACKETS_MAX

    def say(self, text: str) -> None:
        self._write(MESSAGE + text)

    def _write(self, packet: str) -> None:
        if self.closed:
            return
        if self._line:
            self._line.write(packet)
        else:
            self._waiting.append(packet)
            if len(self._waiting) > 10 * WAITING_PACKETS_MAX:
                # It does not poll, and what is said to it beside the log has no other bound.
                self.close()
                return
            self._wake_poll()

    def _wake_poll(self) -> None:
        if self._poll and not self._poll.done():
            self._poll.set_result(None)

    # Polling

    async def poll(self) -> bytes:
        """Wait for something to say. Raises UnknownConversation."""
        if self._line or self._poll:
            # Two polls at once: a client that lost its way (or another one with its id).
            self.close()
            raise UnknownConversation
        if not self._waiting and not self._probing and not self.closed:
            self._poll = asyncio.get_running_loop().create_future()
            try:
                await self._poll
            finally:
                self._poll = None
        said = list(self._waiting) or [CLOSE if self.closed else NOOP]
        self._waiting.clear()
        return SEPARATOR.join(said).encode()

    def take_post(self, body: bytes) -> None:
        """Raises Invalid."""
        try:
            packets = body.decode().split(SEPARATOR)
        except UnicodeDecodeError:
            raise Invalid from None
        if len(packets) > POST_PACKETS_MAX:
            raise Invalid
        for packet in packets:
            self.hear(packet)

    # WebSocket

    def begin_on(self, line: "EngineLine") -> None:
        self._line = line
        line.write(self.opening)

    def probe(self, line: "EngineLine") -> None:
        """A client that polls tries whether WebSocket comes through; its poll is answered, so that it can stop."""
        self._probing = line
        line.write(PONG + "probe")
        self._wake_poll()

    def upgrade(self, line: "EngineLine") -> None:
        if self._probing is not line or self._line:
            self.close()
            return
        self._line, self._probing = line, None
        waiting, self._waiting = self._waiting, deque()
        for packet in waiting:
            line.write(packet)
        self._wake_poll()

    def lose(self, line: "EngineLine") -> None:
        if line is self._probing:
            self._probing = None
        elif line is self._line:
            self.close()

    # In

    def hear(self, packet: str) -> None:
        if self.closed:
            return
        match packet[:1]:
            case "4":
                self.speaker.hear(packet[1:])
            case "3":
                self._pinged_s = 0.0
            case "2":
                self._write(PONG + packet[1:])
            case "6":
                pass
            case _:
                # A farewell, binary content, or nothing that the protocol knows.
                self.close()

    def attend(self, now_s: float) -> None:
        if self._pinged_s and now_s > self._pinged_s + PONG_WITHIN_S:
            self.close()
            return
        if not self._pinged_s and now_s >= self._next_ping_s:
            self._pinged_s, self._next_ping_s = now_s, now_s + PING_EVERY_S
            self._write(PING)
        self.speaker.attend(now_s)

    def close(self) -> None:
        if self.closed:
            return
        if not self._line:
            self._waiting.append(CLOSE)
        self.closed = True
        self._engine.forget(self)
        self._wake_poll()
        for line in (self._line, self._probing):
            if line:
                line.hang_up()
        self.speaker.end()


class Engine:
    """All conversations of this process. Before several a balancer must keep a client's polls at one of them."""

    def __init__(self, speaker_for: Callable[[Conversation], Speaker], may_open: Callable[[str], None]) -> None:
        """`may_open` raises Limited for an address that opens too many."""
        self._speaker_for, self._may_open = speaker_for, may_open
        self._conversations: dict[str, Conversation] = {}
        self._background = Background()
        self.draining = False

    def start(self) -> None:
        self._background.run(self._run_clock())

    async def _run_clock(self) -> None:
        while True:
            await asyncio.sleep(1)
            now_s = time.monotonic()
            for conversation in list(self._conversations.values()):
                conversation.attend(now_s)

    def drain(self) -> None:
        self.draining = True
        for conversation in list(self._conversations.values()):
            conversation.close()

    async def close(self) -> None:
        self.drain()
        await self._background.close()

    def _open(self, address: str) -> Conversation:
        """Raises Limited."""
        self._may_open(address)
        if self.draining or len(self._conversations) >= CONVERSATIONS_MAX:
            raise Limited(retry_after_ms=1000)
        conversation = Conversation(self, address)
        conversation.speaker = self._speaker_for(conversation)
        self._conversations[conversation.id] = conversation
        return conversation

    def forget(self, conversation: Conversation) -> None:
        self._conversations.pop(conversation.id, None)

    def _find(self, query: dict[str, str]) -> Conversation:
        conversation = self._conversations.get(query.get("sid", ""))
        if conversation is None:
            raise UnknownConversation
        return conversation

    async def page(self, request: Request) -> Answer:
        """Polling. Raises Invalid, UnknownConversation, Limited, NotFound."""
        query = _query(request.query.decode("latin-1"))
        if query.get("EIO") != "4" or query.get("transport") != "polling":
            raise Invalid("Engine.IO 4 is spoken here, on polling or websocket.")
        if request.method == "GET" and "sid" not in query:
            return Answer(HTTPStatus.OK, _TEXT, self._open(request.address).opening.encode())
        conversation = self._find(query)
        if request.method == "GET":
            return Answer(HTTPStatus.OK, _TEXT, await conversation.poll())
        if request.method != "POST":
            raise NotFound
        conversation.take_post(request.body)
        return _OK

    def accept(self, path: bytes, address: str) -> "EngineLine":
        """A WebSocket for a new conversation, or for one that polls. Raises Invalid, UnknownConversation, Limited."""
        query = _query(path.partition(b"?")[2].decode("latin-1"))
        if query.get("EIO") != "4" or query.get("transport") != "websocket":
            raise Invalid("Engine.IO 4 is spoken here, on polling or websocket.")
        if "sid" in query:
            return EngineLine(self._find(query), is_probe=True)
        return EngineLine(self._open(address), is_probe=False)


def _query(text: str) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(text[:2048], max_num_fields=20).items()}


class EngineLine(WSListener):
    """A WebSocket of a conversation."""

    def __init__(self, conversation: Conversation, *, is_probe: bool) -> None:
        super().__init__()
        self._conversation, self._is_probe = conversation, is_probe
        self._fragments = b""
        self._closed = False

    def on_ws_connected(self, transport: WSTransport) -> None:
        self._transport = transport
        if not self._is_probe:
            self._conversation.begin_on(self)

    def on_ws_disconnected(self, transport: WSTransport) -> None:
        self._closed = True
        self._conversation.lose(self)

    @property
    def waiting_bytes(self) -> int:
        return int(self._transport.underlying_transport.get_write_buffer_size())

    def write(self, packet: str) -> None:
        if not self._closed:
            self._transport.underlying_transport.write(text_frame(packet.encode()))

    def hang_up(self) -> None:
        if not self._closed:
            self._closed = True
            self._transport.send_close()
            asyncio.get_running_loop().call_later(2, self._transport.disconnect, False)

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        if frame.msg_type == WSMsgType.CLOSE:
            transport.send_close()
            transport.disconnect()
        elif frame.msg_type in (WSMsgType.TEXT, WSMsgType.CONTINUATION):
            self._fragments += frame.get_payload_as_bytes()
            if len(self._fragments) > FRAME_BYTES_MAX:
                self._conversation.close()
            elif frame.fin:
                whole, self._fragments = self._fragments, b""
                self._hear(whole)
        elif frame.msg_type == WSMsgType.BINARY:
            self._conversation.close()

    def _hear(self, payload: bytes) -> None:
        try:
            packet = payload.decode()
        except UnicodeDecodeError:
            self._conversation.close()
            return
        if not self._is_probe:
            self._conversation.hear(packet)
        elif packet == PING + "probe":
            self._conversation.probe(self)
        elif packet == UPGRADE:
            self._is_probe = False
            self._conversation.upgrade(self)
        else:
            self._transport.disconnect()

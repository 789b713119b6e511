"""Sockets: a connection that wants to be one is handed over to picows, which speaks WebSocket on it.

Nothing here waits: a frame is decoded, checked and put in line; the line is drained in batches.
"""

import asyncio
import logging
import time
from collections.abc import Callable
from typing import Any, cast

import msgspec
from picows import (
    WSAutoPingStrategy,
    WSCloseCode,
    WSFrame,
    WSListener,
    WSMsgType,
    WSTransport,
    WSUpgradeRequest,
    WSUpgradeResponse,
    WSUpgradeResponseWithListener,
)
from picows.picows import WSProtocol  # type: ignore[attr-defined]

from kaif.gateway import cookies, frames
from kaif.gateway.addresses import Network, client_address, limit_subject
from kaif.gateway.api_keys import KeyRing, given_key
from kaif.gateway.crowd import Crowd
from kaif.gateway.frames import CloseCode
from kaif.gateway.hub import Hub
from kaif.gateway.identity import Identity, bearer_token, require_factor
from kaif.gateway.sending import Outbox
from kaif.interfaces.messaging import READ_SCOPE, SEND, WRITE_SCOPE, ChatId, MarkRead, Messaging
from kaif.kernel.actor import Actor, Scope, UserId
from kaif.kernel.background import Background
from kaif.kernel.errors import InsufficientScope, KaifError, Limited, NotFound, Unauthenticated, Unavailable
from kaif.kernel.http import problem_of
from kaif.kernel.ids import new_id
from kaif.kernel.limits import Limit, Limits, in_ms
from kaif.kernel.tokens import Verified

PATH = "/v1/socket"
CONNECT = Limit("connect", per_minute=60, burst=60)
# Signals and refused sends: a client that keeps to the protocol comes nowhere near it.
SIGNALS = Limit("signals", per_minute=1200, burst=200)

WAITING_BYTES_MAX = 1 << 20
WAITING_FRAMES_MAX = 1000
PING_AFTER_S = 30
PONG_WITHIN_S = 15
HANDSHAKE_WITHIN_S = 5
HANG_UP_AFTER_S = 2
# A ping costs about six microseconds; whatever else is to be done gets its turn in between.
ATTENDED_AT_ONCE = 200
NEVER = float("inf")
# It grows with what comes; most sockets are idle, and there are many.
READ_BUFFER_BYTES = 1024

log = logging.getLogger("kaif.sockets")
# picows makes a logger for each connection out of a Logger, which costs a kilobyte, but takes an adapter as it is.
_picows_log = logging.LoggerAdapter(log)
_NOBODYS = asyncio.Protocol()


class Draining(Unavailable):
    code, detail = "draining", "This process is stopping: connect again."


class Sockets:
    """All that the connections share."""

    def __init__(
        self,
        identity: Identity,
        key_ring: KeyRing,
        hub: Hub,
        messaging: Messaging,
        limits: Limits,
        trusted_proxies: list[Network],
        schemes: frozenset[bytes] = cookies.SCHEMES,
    ) -> None:
        self.identity, self.key_ring = identity, key_ring
        self.hub, self.messaging, self.limits = hub, messaging, limits
        self.trusted_proxies, self.schemes = trusted_proxies, schemes
        self.outbox = Outbox(messaging, hub)
        self.background = Background()
        self.open: Crowd[Socket] = Crowd()
        self.draining = False
        # Other protocols on WebSocket, by their paths: each is given the request's target and the client's address.
        self.others: dict[bytes, Callable[[bytes, str], WSListener]] = {}
        self.on_drain: Callable[[], None] = lambda: None
        identity.on_end = hub.end_session
        identity.on_change = hub.expire

    def start(self) -> None:
        self.background.run(self._run_clock())

    async def _run_clock(self) -> None:
        while True:
            await asyncio.sleep(1)
            now_s = time.monotonic()
            due = [one for one in self.open if one.due_at_s <= now_s]
            for number, one in enumerate(due, 1):
                self._attend(one, now_s)
                if number % ATTENDED_AT_ONCE == 0:
                    await asyncio.sleep(0)

    def _attend(self, one: "Socket", now_s: float) -> None:
        try:
            one.attend(now_s)
        except Exception:
            # What goes wrong with one connection must not stop the clock of all.
            log.exception("a socket could not be attended to")
            one.due_at_s = NEVER

    def upgrade(self, transport: asyncio.Transport, head: bytes, headers: dict[bytes, bytes]) -> None:
        """Take over a connection whose request wants to be a socket; `head` is all that came of it."""
        peername = transport.get_extra_info("peername")
        peer = peername[0] if peername else ""
        if key := given_key(headers):
            # Nothing more is read meanwhile: nobody would take it.
            transport.pause_reading()
            address = client_address(peer, headers.get(b"x-forwarded-for", b""), self.trusted_proxies)
            self.background.run(self._upgrade_by_key(transport, head, peer, key, address))
        else:
            self._hand_over(transport, head, Handshake(self, peer))

    async def _upgrade_by_key(
        self, transport: asyncio.Transport, head: bytes, peer: str, key: bytes, address: str
    ) -> None:
        known: Verified | KaifError
        try:
            known = await self.key_ring.verify(key, address)
        except KaifError as error:
            known = error
        except BaseException:
            transport.abort()
            raise
        if not transport.is_closing():
            self._hand_over(transport, head, Handshake(self, peer, known))
            transport.resume_reading()

    def _hand_over(self, transport: asyncio.Transport, head: bytes, handshake: "Handshake") -> None:
        protocol = WSProtocol(
            host_port=None,
            ws_path=None,
            is_client_side=False,
            ws_listener_factory=handshake.listen,
            logger=_picows_log,
            disconnect_on_exception=True,
            websocket_handshake_timeout=HANDSHAKE_WITHIN_S,
            # It would be a task for each connection: one clock serves them all.
            enable_auto_ping=False,
            auto_ping_idle_timeout=None,
            auto_ping_reply_timeout=None,
            auto_ping_strategy=WSAutoPingStrategy.PING_WHEN_IDLE,
            enable_auto_pong=True,
            max_frame_size=frames.FRAME_BYTES_MAX,
            extra_headers=None,
            read_buffer_init_size=READ_BUFFER_BYTES,
        )
        # The transport of uvloop keeps a method of the last protocol that was no buffered one: so that it does not keep
        # all that read the request, that is nobody's.
        transport.set_protocol(_NOBODYS)
        protocol.connection_made(transport)
        while head:
            buffer = protocol.get_buffer(-1)
            part, head = head[: len(buffer)], head[len(buffer) :]
            buffer[: len(part)] = part
            protocol.buffer_updated(len(part))
        # Both stay with the connection, and nobody reads them any more: mostly it is one long token.
        for read in (protocol.transport.request, protocol.transport.response):
            if read is not None:
                read.headers.clear()
        transport.set_protocol(protocol)

    def drain(self) -> None:
        """Take no more, and ask everyone to come again elsewhere."""
        self.draining = True
        self.on_drain()
        for one in self.open:
            one.close(CloseCode.GOING_AWAY)

    async def drained(self, within_s: float) -> None:
        await self.open.gone(within_s)

    async def close(self) -> None:
        await self.background.close()


class Handshake:
    """Decides about one request for a socket; `known` is what came of its API key, if it has one."""

    __slots__ = ("_known", "_peer", "_sockets")

    def __init__(self, sockets: Sockets, peer: str, known: Verified | KaifError | None = None) -> None:
        self._sockets, self._peer, self._known = sockets, peer, known

    def listen(self, request: WSUpgradeRequest) -> WSUpgradeResponseWithListener:
        try:
            return WSUpgradeResponseWithListener(WSUpgradeResponse.create_101_response(), self._accept(request))
        except KaifError as error:
            problem = problem_of(error, new_id())
            headers = {name.decode(): value.decode() for name, value in problem.headers}
            return WSUpgradeResponseWithListener(
                WSUpgradeResponse.create_error_response(problem.status, problem.body, headers), None
            )

    def _accept(self, request: WSUpgradeRequest) -> WSListener:
        sockets = self._sockets
        if sockets.draining:
            raise Draining(retry_after_ms=1000)
        path = request.path.partition(b"?")[0]
        forwarded_for = ", ".join(request.headers.getall("x-forwarded-for", [])).encode("latin-1")
        address = client_address(self._peer, forwarded_for, sockets.trusted_proxies)
        if other := sockets.others.get(path):
            return other(request.path, address)
        if path != PATH.encode():
            raise NotFound
        sockets.limits.take(CONNECT, limit_subject(address)).require()
        verified = self._known or sockets.identity.verify(self._token(request))
        if isinstance(verified, KaifError):
            raise verified
        require_scope(verified.actor, READ_SCOPE)
        require_factor(verified.actor)
        return Socket(sockets, verified.actor, verified.expires_at_s)

    def _token(self, request: WSUpgradeRequest) -> bytes:
        if authorization := request.headers.get("authorization"):
            return bearer_token(authorization.encode("latin-1"))
        token = cookies.read(request.headers.get("cookie", "").encode("latin-1"), cookies.ACCESS)
        if not token:
            raise Unauthenticated
        # Browsers let any page open a socket to anywhere, with our cookies (ASVS 4.4.2).
        origin, host = request.headers.get("origin", ""), request.headers.get("host", "")
        cookies.require_own_origin(origin.encode("latin-1"), host.encode("latin-1"), self._sockets.schemes)
        return token


def has_scope(actor: Actor, scope: Scope) -> bool:
    return actor.scopes is None or scope in actor.scopes


def require_scope(actor: Actor, scope: Scope) -> None:
    if not has_scope(actor, scope):
        raise InsufficientScope(scope=scope)


class Socket(WSListener):
    """One connected device."""

    __slots__ = (
        "_closed",
        "_expires_at_s",
        "_fragments",
        "_heard_at_s",
        "_kept",
        "_marks",
        "_may_write",
        "_pinged_at_s",
        "_sockets",
        "_transport",
        "_waiting_bytes",
        "_write",
        "actor",
        "due_at_s",
        "rooms",
        "watched",
    )

    def __init__(self, sockets: Sockets, actor: Actor, expires_at_s: int) -> None:
        super().__init__()
        self.actor = actor
        # An API key may be for listening alone.
        self._may_write = has_scope(actor, WRITE_SCOPE)
        # Everything is due by a clock that does not jump when the machine's is set.
        self._heard_at_s = time.monotonic()
        # Since it was last heard; 0 while no answer is due.
        self._pinged_at_s = 0.0
        self._expires_at_s = self._heard_at_s + expires_at_s - time.time()
        self.due_at_s = min(self._heard_at_s + PING_AFTER_S, self._expires_at_s)
        self.rooms: set[Any] = set()
        self.watched: set[UserId] = set()
        self._sockets = sockets
        self._kept: list[bytes] | None = []
        self._marks: dict[tuple[ChatId, int | None], int] | None = None
        self._fragments = b""
        self._closed = False

    # Coming and going

    def on_ws_connected(self, transport: WSTransport) -> None:
        self._transport = transport
        self._write = transport.underlying_transport.write
        self._waiting_bytes = transport.underlying_transport.get_write_buffer_size
        self._sockets.open.add(self)
        self._sockets.hub.connect(self)

    def on_ws_disconnected(self, transport: WSTransport) -> None:
        self._closed = True
        self._sockets.open.discard(self)
        self._sockets.hub.disconnect(self)

    def attend(self, now_s: float) -> None:
        """Something is due: the end of the token, a ping, or giving up on a peer that does not answer one."""
        if now_s >= self._expires_at_s:
            self.close(CloseCode.UNAUTHENTICATED)
        elif self._pinged_at_s and now_s >= self._pinged_at_s + PONG_WITHIN_S:
            self.close(CloseCode.GOING_AWAY)
        elif not self._pinged_at_s and now_s >= self._heard_at_s + PING_AFTER_S:
            # By the moment of the ping, not of the silence: after a standstill of ours everybody gets to answer.
            self._pinged_at_s = now_s
            self._transport.send_ping()
        next_s = self._pinged_at_s + PONG_WITHIN_S if self._pinged_at_s else self._heard_at_s + PING_AFTER_S
        self.due_at_s = NEVER if self._closed else min(next_s, self._expires_at_s)

    def expire(self) -> None:
        self._expires_at_s = 0.0
        self.due_at_s = NEVER if self._closed else 0.0

    def close(self, code: int) -> None:
        if self._closed:
            return
        self._closed = True
        self._sockets.hub.disconnect(self)
        self._transport.send_close(cast(WSCloseCode, code))
        self._hang_up_soon()

    def _hang_up_soon(self) -> None:
        """A peer that reads answers the close; one that does not keeps neither the connection nor what waits for it."""
        asyncio.get_running_loop().call_later(HANG_UP_AFTER_S, self._transport.disconnect, False)

    # Writing

    def write(self, frame: bytes) -> None:
        if self._closed:
            return
        if self._kept is not None:
            self._kept.append(frame)
            if len(self._kept) > WAITING_FRAMES_MAX:
                self.close(CloseCode.RESUME)
            return
        # What waits already, not what comes now: a large frame is no fault of the reader's.
        if self._waiting_bytes() > WAITING_BYTES_MAX:
            self._drop_slow()
            return
        self._write(frame)

    def _drop_slow(self) -> None:
        """More waits than may wait: the close goes behind it, and not for long."""
        log.info("a slow reader is asked to resume")
        self.close(CloseCode.RESUME)

    def greet(self, hello: bytes) -> None:
        kept, self._kept = self._kept or [], None
        self.write(frames.text_frame(hello))
        for frame in kept:
            self.write(frame)

    def refuse(self, ref: str, code: str, detail: str, retry_after_ms: int = 0) -> None:
        self.write(frames.text_frame(frames.encode(frames.Refused(ref, code, detail, retry_after_ms))))

    # Reading

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        self._heard_at_s, self._pinged_at_s = time.monotonic(), 0.0
        if self._closed and frame.msg_type != WSMsgType.CLOSE:
            return
        if frame.msg_type == WSMsgType.TEXT and frame.fin:
            self._read(frame.get_payload_as_memoryview())
        elif frame.msg_type == WSMsgType.CLOSE:
            if not self._closed:
                self._closed = True
                transport.send_close(frame.get_close_code() or WSCloseCode.OK)
                self._hang_up_soon()
            transport.disconnect()
        elif frame.msg_type in (WSMsgType.TEXT, WSMsgType.CONTINUATION):
            self._read_fragment(frame)
        elif frame.msg_type == WSMsgType.BINARY:
            self.close(CloseCode.MALFORMED)

    def _read_fragment(self, frame: WSFrame) -> None:
        self._fragments += frame.get_payload_as_bytes()
        if len(self._fragments) > frames.FRAME_BYTES_MAX:
            self.close(WSCloseCode.MESSAGE_TOO_BIG.value)
        elif frame.fin:
            whole, self._fragments = self._fragments, b""
            self._read(whole)

    def _read(self, payload: bytes | memoryview) -> None:
        try:
            event = frames.decode(payload)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            self.close(CloseCode.MALFORMED)
            return
        if isinstance(event, list):
            for one in event:
                self._take(one)
        else:
            self._take(event)

    def _take(self, event: frames.Event) -> None:
        if not self._may_write:
            self._refuse_writing(event)
        elif isinstance(event, frames.Send):
            self._take_send(event)
        elif self._may_signal():
            if isinstance(event, frames.Read):
                self._mark_read(event)
            else:
                self._sockets.hub.say_typing(self, event.chat_id, event.topic_id)

    def _refuse_writing(self, event: frames.Event) -> None:
        """Marks and typing have no answer: they are passed over."""
        if self._may_signal() and isinstance(event, frames.Send):
            self.refuse(event.ref, InsufficientScope.code, InsufficientScope.detail)

    def _take_send(self, event: frames.Send) -> None:
        wait_s = self._sockets.limits.wait_s(SEND, self.actor.user_id)
        if not wait_s:
            self._sockets.outbox.send(self, event)
        elif self._may_signal():
            self.refuse(event.ref, Limited.code, Limited.detail, in_ms(wait_s))

    def _may_signal(self) -> bool:
        if self._sockets.limits.wait_s(SIGNALS, self.actor.user_id):
            self.close(CloseCode.FLOODING)
            return False
        return True

    def _mark_read(self, event: frames.Read) -> None:
        """Only the newest mark of each chat or topic counts, so those that come while one is written are merged."""
        if self._marks is not None:
            place = event.chat_id, event.topic_id
            self._marks[place] = max(event.seq, self._marks.get(place, 0))
            return
        self._marks = {(event.chat_id, event.topic_id): event.seq}
        self._sockets.background.run(self._write_marks())

    async def _write_marks(self) -> None:
        while self._marks:
            chat_id, topic_id = place = next(iter(self._marks))
            seq = self._marks.pop(place)
            try:
                await self._sockets.messaging.mark_read(self.actor, MarkRead(chat_id, seq, topic_id))
            except KaifError as error:
                log.debug("a read mark was refused: %s", error.code)
        self._marks = None

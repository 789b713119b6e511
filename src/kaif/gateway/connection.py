"""One HTTP/1.1 connection: httptools reads requests, the edge answers each before the next is begun.

The same work behind a general server costs the processor twice as much (docs/decisions/0009). What
that server would do is done here, for whole requests of a bounded size: keep-alive, pipelining,
patience, draining, and the hand-over of sockets. Where the edge says so, a body of any size is
passed on while it comes, and an answer sent while it is made.
"""

import asyncio
import logging
import socket
from collections import deque
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Protocol, cast
from urllib.parse import unquote_to_bytes

import httptools

from kaif.gateway.answers import Answer, Stream, on_the_wire
from kaif.gateway.bodies import Body
from kaif.gateway.receiving import Receiver
from kaif.gateway.requests import KEPT_HEADERS, Request
from kaif.kernel.errors import KaifError

if TYPE_CHECKING:
    from kaif.gateway.connections import Connections

HEAD_BYTES_MAX = 32 * 1024
BODY_BYTES_MAX = 64 * 1024
# Of one request as it stands on the wire: what surrounds the chunks of a body has no measure of its own, nor has
# a header that does not end.
REQUEST_BYTES_MAX = HEAD_BYTES_MAX + 2 * BODY_BYTES_MAX
# A client that pipelines more than this is not read from until the first ones are answered.
PIPELINED_MAX = 16

HEAD_WITHIN_S = 10.0
BODY_WITHIN_S = 10.0
IDLE_S = 60.0
# A client that reads no answers gets no more of them, and is hung up on after so long.
READ_WITHIN_S = 20.0
# Of a stream: so much at least has to be read within that time.
WRITTEN_AT_ONCE = 128 * 1024
# What the kernel holds of a stream is lost with the process, and has to be sent again.
WINDOW_BYTES = 512 * 1024
# Hanging up on a client that still sends would take the answer from it: the rest is read and thrown away.
LINGER_S = 10.0
DISCARDED_BYTES_MAX = 16 << 20
NEVER = float("inf")

log = logging.getLogger("kaif.connection")

CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


class Edge(Protocol):
    """What a connection serves."""

    async def handle(self, request: Request) -> Answer:
        """Never raises."""
        ...

    def takes_stream(self, method: bytes, target: bytes) -> bool:
        """Whether such a request is handled while its body still comes; `target` is its path."""
        ...

    def refuse(self, request: Request, status: HTTPStatus) -> Answer:
        """The answer to what could not be read as a request."""
        ...

    def upgrade(self, transport: asyncio.Transport, head: bytes, headers: dict[bytes, bytes]) -> None:
        """Take the connection over; `head` is all that came so far, `headers` those of KEPT_HEADERS in it."""
        ...


class Refused(Exception):
    """Reading stops: the request can't be taken."""

    def __init__(self, status: HTTPStatus) -> None:
        self.status = status


class Connection(asyncio.Protocol):
    def __init__(self, connections: "Connections") -> None:
        self._all = connections
        self._edge = connections.edge
        self._loop = asyncio.get_running_loop()
        self._parser: Any = httptools.HttpRequestParser(self)
        self._waiting: deque[tuple[Request, bool]] = deque()
        self._running: asyncio.Task[None] | None = None
        self._refused = self._finishing = self._ends_after_stream = False
        self._discarded_bytes = 0
        self._reading = self._in_head = False
        # All that came of a head, for the hand-over; nothing of one that began within a packet.
        self._head = b""
        self._head_is_whole = False
        self._received_bytes = 0
        self._may_write = asyncio.Event()
        self._may_write.set()
        self._begin()

    def _begin(self) -> None:
        self._url = self._target = self._query = b""
        self._headers: dict[bytes, bytes] = {}
        self._head_bytes = 0
        self._body = b""
        self._stream: Body | None = None
        # Of the stream, where that is known.
        self._left_bytes = 0

    # The transport's side

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        peer = self._transport.get_extra_info("peername")
        self._peer: str = peer[0] if peer else ""
        self._all.add(self)
        self.deadline = self._loop.time() + HEAD_WITHIN_S

    def connection_lost(self, error: Exception | None) -> None:
        if self._stream:
            self._stream.cut()
        self._let_go()
        self._waiting.clear()
        self._may_write.set()

    def pause_writing(self) -> None:
        self._may_write.clear()

    def resume_writing(self) -> None:
        self._may_write.set()

    def data_received(self, data: bytes) -> None:
        if self._refused:
            self._discarded_bytes += len(data)
            if self._discarded_bytes > DISCARDED_BYTES_MAX:
                self._transport.close()
            return
        if not self._reading:
            self._head, self._head_is_whole = data, True
        elif self._in_head:
            self._head += data
        self._received_bytes += len(data)
        try:
            self._parse(data)
        except httptools.HttpParserError as error:
            status = error.__context__.status if isinstance(error.__context__, Refused) else HTTPStatus.BAD_REQUEST
            self._refuse(status)
            return
        if self._received_bytes > REQUEST_BYTES_MAX and self._reading:
            too_large = HTTPStatus.REQUEST_ENTITY_TOO_LARGE
            self._refuse(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE if self._in_head else too_large)

    def _parse(self, data: bytes) -> None:
        while data:
            try:
                self._parser.feed_data(data)
            except httptools.HttpParserUpgrade as upgrade:
                if self._wants_socket():
                    self._hand_over()
                    return
                # Any other protocol is an offer that may be passed over (RFC 9110, 7.8).
                data = data[upgrade.args[0] :]
            else:
                return

    def eof_received(self) -> bool:
        """A client that only stopped sending still gets its answers."""
        if self._stream:
            self._stream.cut()
        self.finish()
        return self._running is not None

    # The parser's side

    def on_message_begin(self) -> None:
        self._begin()
        self._reading = self._in_head = True
        if self._running is None:
            self.deadline = self._loop.time() + HEAD_WITHIN_S

    def on_url(self, url: bytes) -> None:
        self._url += url
        self._weigh(len(url))

    def on_header(self, name: bytes, value: bytes) -> None:
        self._weigh(len(name) + len(value))
        name = name.lower()
        # What follows a body is no header (RFC 9110, 6.5.1): no proxy has looked at it.
        if self._in_head and name in KEPT_HEADERS:
            if name in self._headers:
                if name == b"host":
                    # Of two a proxy may have looked at the other (RFC 9112, 3.2).
                    raise Refused(HTTPStatus.BAD_REQUEST)
                value = self._headers[name] + b", " + value
            self._headers[name] = value

    def _weigh(self, size: int) -> None:
        self._head_bytes += size
        if self._head_bytes > HEAD_BYTES_MAX:
            raise Refused(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE)

    def on_headers_complete(self) -> None:
        self._in_head = False
        if b"host" not in self._headers and self._parser.get_http_version() == "1.1":
            # RFC 9112, 3.2: also where the target says it.
            raise Refused(HTTPStatus.BAD_REQUEST)
        length = self._headers.get(b"content-length", b"0")
        self._find_target()
        if self._edge.takes_stream(self._parser.get_method(), self._target):
            self._stream_body()
            return
        if int(length) > BODY_BYTES_MAX:
            raise Refused(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
        if self._headers.get(b"expect", b"").lower() == b"100-continue" and self._running is None:
            self._transport.write(CONTINUE)
        if self._running is None:
            self.deadline = self._loop.time() + BODY_WITHIN_S

    def _stream_body(self) -> None:
        """The request is handled from here on, while its body comes."""
        self._head, self._head_is_whole = b"", False
        self._transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, WINDOW_BYTES)
        expects = self._headers.get(b"expect", b"").lower() == b"100-continue"
        length = self._headers.get(b"content-length", b"")
        if length.isdigit() and b"transfer-encoding" not in self._headers:
            self._left_bytes = int(length)
        stream = Body(
            self._transport.pause_reading,
            self._transport.resume_reading,
            self._let_send if expects else lambda: None,
            lambda: self._receive(stream),
        )
        request = self._request()
        request.stream = self._stream = stream
        self._enqueue(request)

    def _let_send(self) -> None:
        # Whoever was to be let may be gone by now.
        if not self._transport.is_closing():
            self._transport.write(CONTINUE)

    def on_body(self, body: bytes) -> None:
        if self._stream:
            self._received_bytes = 0
            self._left_bytes -= len(body)
            self._stream.feed(body)
            return
        self._body += body
        if len(self._body) > BODY_BYTES_MAX:
            raise Refused(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)

    def on_message_complete(self) -> None:
        self._reading = False
        if self._wants_socket():
            return
        if self._parser.get_method() == b"CONNECT":
            # Whatever follows is meant for somebody else.
            raise Refused(HTTPStatus.BAD_REQUEST)
        self._head, self._head_is_whole = b"", False
        self._received_bytes = 0
        if self._stream:
            self._stream.end()
            self._stream = None
            return
        self._enqueue(self._request())

    def _receive(self, stream: Body) -> None:
        """The rest of the stream needs no parser. Where one is whole that of the next request may have begun."""
        if stream is not self._stream or stream.is_over or self._left_bytes <= 0 or self._transport.is_closing():
            return
        self._read_by(Receiver(self, stream, self._left_bytes, self._on_received))
        stream.direct()

    def _on_received(self) -> None:
        self._parser = httptools.HttpRequestParser(self)
        self._reading, self._stream, self._received_bytes = False, None, 0
        self._read_by(self)
        self._transport.resume_reading()

    def _read_by(self, protocol: asyncio.BaseProtocol) -> None:
        """Once reading is resumed: how it reads the transport decides when it begins to."""
        self._transport.pause_reading()
        self._transport.set_protocol(protocol)

    def _enqueue(self, request: Request) -> None:
        self._waiting.append((request, self._parser.should_keep_alive()))
        if self._running is None:
            self.deadline = NEVER
            self._running = self._loop.create_task(self._answer_all())
        elif len(self._waiting) >= PIPELINED_MAX:
            self._transport.pause_reading()

    def _wants_socket(self) -> bool:
        return self._parser.should_upgrade() and self._headers.get(b"upgrade", b"").lower() == b"websocket"

    def _find_target(self) -> None:
        target, _, self._query = self._url.partition(b"?")
        if not target.startswith(b"/"):
            # The absolute form, which only proxies use; any other is no path of ours.
            host, _, path = target.partition(b"://")[2].partition(b"/")
            if host:
                # Whatever stands in the header (RFC 9112, 3.2.2).
                self._headers[b"host"] = host
            target = b"/" + path
        self._target = unquote_to_bytes(target) if b"%" in target else target

    def _request(self) -> Request:
        try:
            path = self._target.decode()
        except UnicodeDecodeError:
            raise Refused(HTTPStatus.BAD_REQUEST) from None
        method = self._parser.get_method().decode("latin-1")
        request = Request(method, path, self._query, self._headers, self._body)
        request.address, request.escaped = self._peer, b"%" in self._url
        return request

    # Answering

    async def _answer_all(self) -> None:
        while self._waiting:
            request, keep_alive = self._waiting.popleft()
            answer = await self._edge.handle(request)
            has_come = request.stream is None or request.stream.is_whole
            if not self._send(request, answer, keep_alive=keep_alive and not self._is_last(), has_come=has_come):
                return
            if answer.stream and request.method != "HEAD" and not await self._send_stream(answer.stream):
                return
            if self._waiting:
                # Many requests of one connection must not keep everyone else's waiting.
                await asyncio.sleep(0)
            if not self._may_write.is_set():
                self.deadline = self._loop.time() + READ_WITHIN_S
                await self._may_write.wait()
                self.deadline = NEVER
        if self._transport.is_closing():
            return
        self._running = None
        self.deadline = self._loop.time() + IDLE_S
        self._transport.resume_reading()

    def _is_last(self) -> bool:
        return self._finishing and not self._waiting

    def _send(self, request: Request, answer: Answer, *, keep_alive: bool, has_come: bool = True) -> bool:
        """True when the connection goes on; a stream is still to be sent on it, in any case."""
        if self._transport.is_closing():
            return False
        head_only = request.method == "HEAD"
        keep_alive = keep_alive and has_come
        self._transport.write(
            on_the_wire(
                answer, self._all.date, request.more_headers, request.id, keep_alive=keep_alive, head_only=head_only
            )
        )
        if answer.stream and not head_only:
            self._ends_after_stream = not keep_alive
            return True
        if not keep_alive:
            self._end(has_come=has_come)
        return keep_alive

    def _end(self, *, has_come: bool = True) -> None:
        if has_come:
            self.deadline = self._loop.time() + READ_WITHIN_S
            self._transport.close()
            return
        # The client still sends: it is to read why that is in vain.
        self._refused = True
        self._waiting.clear()
        self._stream = self._running = None
        self._read_by(self)
        self._transport.resume_reading()
        self._transport.write_eof()
        self.deadline = self._loop.time() + LINGER_S

    async def _send_stream(self, stream: Stream) -> bool:
        """At the pace at which the client reads. True when the connection goes on."""
        left = stream.length
        try:
            async for piece in stream.pieces:
                for at in range(0, len(piece), WRITTEN_AT_ONCE):
                    # Whoever reads may be gone since the last piece, too.
                    if self._transport.is_closing():
                        return False
                    self._transport.write(piece[at : at + WRITTEN_AT_ONCE])
                    if not self._may_write.is_set():
                        self.deadline = self._loop.time() + READ_WITHIN_S
                        await self._may_write.wait()
                        self.deadline = NEVER
                left -= len(piece)
        except KaifError:
            # Such as that it may no longer be seen.
            pass
        except Exception as error:
            log.warning("an answer broke off: %s: %s", type(error).__name__, error)
        if left:
            # What was announced did not come, and the client has to notice.
            self._transport.abort()
            return False
        if self._ends_after_stream or self._is_last():
            self._end()
            return False
        return True

    def _refuse(self, status: HTTPStatus) -> None:
        """Say why, and let the client get to read it."""
        self._refused = True
        if self._stream:
            self._stream.cut()
        self._waiting.clear()
        if self._running is not None:
            # An earlier request is being answered: its answer must not be mixed up with this one.
            self._transport.close()
            return
        request = Request("", "", b"", self._headers, b"")
        request.address = self._peer
        answer = self._edge.refuse(request, status)
        self._transport.write(on_the_wire(answer, self._all.date, b"", request.id, keep_alive=False, head_only=False))
        self._transport.write_eof()
        self.deadline = self._loop.time() + LINGER_S

    def give_up(self) -> None:
        """The client took too long."""
        if self._transport.get_write_buffer_size():
            # It does not read either: closing would wait for it.
            self._transport.abort()
            return
        if self._reading and not self._refused and self._running is None:
            self._refuse(HTTPStatus.REQUEST_TIMEOUT)
        self._transport.close()

    def finish_soon(self) -> None:
        """The next answer is the last."""
        self._finishing = True

    def finish(self) -> None:
        """What has come is still answered, and nothing more."""
        self._finishing = True
        if self._stream:
            # What has come of it is kept, and the rest has to go elsewhere.
            self._stream.cut()
        if self._running is None:
            self._transport.close()

    def abort(self) -> None:
        self._transport.abort()

    def _hand_over(self) -> None:
        head, self._head = self._head, b""
        if self._running is not None or not self._head_is_whole:
            self._refuse(HTTPStatus.BAD_REQUEST)
            return
        self._let_go()
        self._edge.upgrade(self._transport, head, self._headers)

    def _let_go(self) -> None:
        self._all.discard(self)
        # The parser refers to this object: without this both would wait for the garbage collector.
        self._parser = None

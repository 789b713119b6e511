"""A service in another process, behind the interface it has in this one.

Both sides keep one connection, on which calls overlap: every frame is a 4-byte length and a
msgpack array. The listener sends a random challenge first and the caller answers with its HMAC
under the shared secret, so the secret itself never crosses the wire. A call that was lost with its
connection is repeated, on another process if there is one, when its method is marked `@repeatable`.

A listener that closes says farewell by an empty frame. The caller answers with one and calls elsewhere from then on; as
frames keep their order, whatever it had called before has come by then, and is still answered. So a process that is
stopped in good order breaks no call.
"""

import asyncio
import contextlib
import hmac
import itertools
import logging
import os
import struct
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar, cast, get_type_hints

import msgspec

from kaif.kernel.actor import Actor
from kaif.kernel.errors import Invalid, KaifError, Unavailable, error_named

S = TypeVar("S")
F = TypeVar("F", bound=Callable[..., Any])

FRAME_BYTES_MAX = 16 << 20
# Before a caller has proved that it knows the secret.
GREETING_BYTES_MAX = 64
# Of a frame, for what stands beside the request.
CALL_BYTES_MAX = 4096
CALLS_IN_FLIGHT_MAX = 10_000
CALL_TIMEOUT_S = 15
CONNECT_TIMEOUT_S = 2
RECONNECT_S = 0.1
# Of a listener that closes; whoever stops processes does not wait for long.
PART_WITHIN_S = 3
FAREWELL = b""

log = logging.getLogger("kaif.remote")


def repeatable(method: F) -> F:
    """Marks a method of an interface that may be called again when its answer was lost."""
    method.repeatable = True  # type: ignore[attr-defined]
    return method


class Call(msgspec.Struct, frozen=True, array_like=True):
    number: int
    method: str
    actor: Actor
    request: msgspec.Raw


class Answer(msgspec.Struct, frozen=True, array_like=True):
    """Either a result, or the code of an error with its details."""

    number: int
    result: msgspec.Raw = msgspec.Raw()
    code: str = ""
    detail: str = ""
    details: dict[str, Any] = {}


def methods_of(interface: type) -> list[str]:
    return [name for name in vars(interface) if not name.startswith("_")]


class Listener:
    """Serves objects to other processes: `expose(Messaging, service)`, then `start`."""

    def __init__(self, secret: bytes) -> None:
        self._secret = secret
        self._methods: dict[str, tuple[Callable[..., Awaitable[Any]], msgspec.msgpack.Decoder[Any]]] = {}
        self._server: asyncio.Server | None = None
        self._connections: set[Connection] = set()

    def expose(self, interface: type, service: object) -> None:
        for name in methods_of(interface):
            wanted = get_type_hints(getattr(interface, name))["request"]
            self._methods[f"{interface.__name__}.{name}"] = (getattr(service, name), msgspec.msgpack.Decoder(wanted))

    async def start(self, host: str, port: int) -> int:
        """Listen; port 0 takes a free one. Returns the port."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(self._accept, host, port)
        return int(self._server.sockets[0].getsockname()[1])

    def _accept(self) -> "Connection":
        challenge = os.urandom(32)
        expected = hmac.digest(self._secret, challenge, "sha256")

        def greet(connection: Connection, frame: bytes) -> None:
            if not hmac.compare_digest(frame, expected):
                log.warning("a caller without the internal secret was turned away")
                connection.close()
                return
            connection.on_frame = self._serve
            connection.frame_bytes_max = FRAME_BYTES_MAX
            connection.is_greeted = True
            connection.send(b"welcome")

        connection = Connection(greet, on_lost=self._connections.discard)
        connection.first = challenge
        self._connections.add(connection)
        return connection

    def _serve(self, connection: "Connection", frame: bytes) -> None:
        if frame == FAREWELL:
            connection.parted.set()
            return
        call = msgspec.msgpack.decode(frame, type=Call)
        task = asyncio.get_running_loop().create_task(self._answer(connection, call))
        connection.tasks.add(task)
        task.add_done_callback(connection.tasks.discard)

    async def _answer(self, connection: "Connection", call: Call) -> None:
        try:
            answer = Answer(call.number, msgspec.Raw(_encoder.encode(await self._carry_out(call))))
        except KaifError as error:
            answer = Answer(call.number, _NIL, error.code, str(error), error.details)
        except Exception:
            log.exception("a call of %s failed", call.method)
            answer = Answer(call.number, _NIL, KaifError.code, KaifError.detail)
        connection.send(_encoder.encode(answer))

    async def _carry_out(self, call: Call) -> Any:
        try:
            method, decoder = self._methods[call.method]
            request = decoder.decode(call.request)
        except (KeyError, msgspec.ValidationError) as error:
            log.error("a call of %s does not fit this process: %s", call.method, error)
            raise Invalid from error
        return await method(call.actor, request)

    async def close(self) -> None:
        """Stop accepting, have callers turn elsewhere, answer what they have called, hang up."""
        if self._server:
            self._server.close()
        callers = [connection for connection in self._connections if connection.is_greeted]
        for connection in callers:
            connection.send(FAREWELL)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(PART_WITHIN_S):
                for connection in callers:
                    await connection.parted.wait()
                    if connection.tasks:
                        await asyncio.wait(connection.tasks)
        for connection in list(self._connections):
            connection.close()


class Caller:
    """Calls services of other processes, taking turns among those that are up."""

    def __init__(self, addresses: list[tuple[str, int]], secret: bytes) -> None:
        self._peers = [Peer(host, port, secret) for host, port in addresses]
        self._turn = itertools.cycle(self._peers)

    async def start(self, patience_s: float = CONNECT_TIMEOUT_S) -> None:
        """Connect. Raises Unavailable when none of the processes is up within that time."""
        self.connect()
        await self._any_up(patience_s)

    def connect(self) -> None:
        """As soon as one of them is up, whenever that is."""
        for peer in self._peers:
            peer.start()

    async def _any_up(self, patience_s: float) -> None:
        waits = [asyncio.ensure_future(peer.up.wait()) for peer in self._peers]
        done, _ = await asyncio.wait(waits, timeout=patience_s, return_when=asyncio.FIRST_COMPLETED)
        for wait in waits:
            wait.cancel()
        if not done:
            raise Unavailable(retry_after_ms=1000)

    def remote(self, interface: type[S]) -> S:
        """An object with the interface's methods, each of which is a call."""

        def method(name: str) -> Any:
            promise = getattr(interface, name)
            answers = msgspec.msgpack.Decoder(get_type_hints(promise)["return"])
            full_name, tries = f"{interface.__name__}.{name}", 3 if getattr(promise, "repeatable", False) else 1

            async def call(actor: Actor, request: msgspec.Struct) -> Any:
                raw = msgspec.Raw(_encoder.encode(request))
                return answers.decode(await self._call(full_name, actor, raw, tries))

            return staticmethod(call)

        members = {name: method(name) for name in methods_of(interface)}
        return cast(S, type(f"Remote{interface.__name__}", (), members)())

    async def _call(self, method: str, actor: Actor, request: msgspec.Raw, tries: int) -> msgspec.Raw:
        for left in range(tries - 1, -1, -1):
            try:
                return await (await self._next_up()).call(method, actor, request)
            except ConnectionLost:
                if not left:
                    raise Unavailable(retry_after_ms=500) from None
        raise AssertionError

    async def _next_up(self) -> "Peer":
        for _ in self._peers:
            peer = next(self._turn)
            if peer.up.is_set():
                return peer
        # All are down: perhaps they are only being restarted.
        await self._any_up(CONNECT_TIMEOUT_S)
        return next(peer for peer in self._peers if peer.up.is_set())

    async def close(self) -> None:
        for peer in self._peers:
            await peer.close()


class ConnectionLost(Exception):
    """The connection broke before the answer came: the call may or may not have been carried out."""


class Peer:
    """One process that serves, and the connection to it, made again whenever it breaks."""

    def __init__(self, host: str, port: int, secret: bytes) -> None:
        self._address, self._secret = (host, port), secret
        self._numbers = itertools.count(1)
        self._answers: dict[int, asyncio.Future[msgspec.Raw]] = {}
        self._connection: Connection | None = None
        self._lost = asyncio.Event()
        self._keeper: asyncio.Task[None] | None = None
        self.up = asyncio.Event()

    def start(self) -> None:
        self._keeper = asyncio.get_running_loop().create_task(self._keep_connected())

    async def _keep_connected(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            self._lost.clear()
            with contextlib.suppress(OSError, TimeoutError):
                async with asyncio.timeout(CONNECT_TIMEOUT_S):
                    await loop.create_connection(self._connect, *self._address)
                await self._lost.wait()
            await asyncio.sleep(RECONNECT_S)

    def _connect(self) -> "Connection":
        def greet(connection: Connection, challenge: bytes) -> None:
            connection.on_frame = welcomed
            connection.send(hmac.digest(self._secret, challenge, "sha256"))

        def welcomed(connection: Connection, _: bytes) -> None:
            connection.on_frame = self._receive
            connection.frame_bytes_max = FRAME_BYTES_MAX
            self._connection = connection
            self.up.set()

        return Connection(greet, on_lost=self._hang_up)

    def _hang_up(self, _: "Connection") -> None:
        self.up.clear()
        self._connection = None
        answers, self._answers = self._answers, {}
        for answer in answers.values():
            if not answer.done():
                answer.set_exception(ConnectionLost())
        self._lost.set()

    async def call(self, method: str, actor: Actor, request: msgspec.Raw) -> msgspec.Raw:
        if self._connection is None or not self.up.is_set():
            raise ConnectionLost
        if len(self._answers) >= CALLS_IN_FLIGHT_MAX:
            raise Unavailable(retry_after_ms=500)
        if len(memoryview(request)) > FRAME_BYTES_MAX - CALL_BYTES_MAX:
            # The other side would hang up, and every other call would be lost with this one.
            raise Invalid("The request is too large.")
        number = next(self._numbers)
        answer: asyncio.Future[msgspec.Raw] = asyncio.get_running_loop().create_future()
        self._answers[number] = answer
        self._connection.send(_encoder.encode(Call(number, method, actor, request)))
        try:
            # Not by `wait_for`: before Python 3.12 it forgets a cancellation that comes together with the answer.
            async with asyncio.timeout(CALL_TIMEOUT_S):
                return await answer
        except TimeoutError:
            raise Unavailable(retry_after_ms=1000) from None
        finally:
            self._answers.pop(number, None)

    def _receive(self, connection: "Connection", frame: bytes) -> None:
        if frame == FAREWELL:
            self.up.clear()
            connection.send(FAREWELL)
            return
        answer = msgspec.msgpack.decode(frame, type=Answer)
        waiting = self._answers.get(answer.number)
        if waiting is None or waiting.done():
            return
        if answer.code:
            waiting.set_exception(error_named(answer.code)(answer.detail, **answer.details))
        else:
            waiting.set_result(answer.result)

    async def close(self) -> None:
        if self._keeper:
            self._keeper.cancel()
        if self._connection:
            self._connection.close()


class Connection(asyncio.Protocol):
    """Frames over TCP: a length of four bytes, then so many bytes."""

    def __init__(
        self, on_frame: Callable[["Connection", bytes], None], on_lost: Callable[["Connection"], None] = lambda _: None
    ) -> None:
        self.on_frame, self._on_lost = on_frame, on_lost
        self.first = b""
        self.frame_bytes_max = GREETING_BYTES_MAX
        self.tasks: set[asyncio.Task[None]] = set()
        # Of a caller: whether it has proved itself, and when nothing more comes of it.
        self.is_greeted = False
        self.parted = asyncio.Event()
        self._received = bytearray()
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        if self.first:
            self.send(self.first)

    def data_received(self, data: bytes) -> None:
        self._received += data
        start, have = 0, len(self._received)
        while have - start >= 4:
            (length,) = _LENGTH.unpack_from(self._received, start)
            if length > self.frame_bytes_max:
                self.close()
                return
            if have - start - 4 < length:
                break
            self.on_frame(self, bytes(self._received[start + 4 : start + 4 + length]))
            start += 4 + length
        del self._received[:start]

    def send(self, frame: bytes) -> None:
        if self._transport and not self._transport.is_closing():
            self._transport.write(_LENGTH.pack(len(frame)) + frame)

    def connection_lost(self, error: Exception | None) -> None:
        self.parted.set()
        self._on_lost(self)

    def close(self) -> None:
        if self._transport:
            self._transport.close()


_LENGTH = struct.Struct(">I")
_encoder = msgspec.msgpack.Encoder()
_NIL = msgspec.Raw(_encoder.encode(None))

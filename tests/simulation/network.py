"""What is between the processes. Every part draws from a chance of its own, so that nothing depends on who came first.

A wire keeps the order of what it carries, as TCP does, and loses the rest when it breaks; either side learns of that in
its own time. A call between processes may be lost on its way there or back. News may be late, out of order, and double;
it is lost while a listener is cut off, who is told so afterwards, as the promise of `engines/cache` has it. Where a
partition stands, calls get no answer and wires hold what they carry until it heals, unless somebody gives them up.
"""

import asyncio
import random
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlencode

import msgspec
from picows import WSMsgType
from tests.simulation.loop import Process, VirtualLoop

from kaif.client import Refused, Unreachable
from kaif.client.wire import Hangup
from kaif.engines.cache import Interrupted, Listener
from kaif.engines.cache.memory import MemoryCache
from kaif.kernel.actor import Actor
from kaif.kernel.errors import KaifError, Unavailable


class Weather:
    """How bad the network is: everything is calm once the storm is over."""

    def __init__(self, chance: random.Random) -> None:
        self.latency_s = chance.choice([0.0005, 0.005, 0.05])
        self.jitter_s = chance.choice([0.0, 0.01, 0.2])
        self.lost_calls = chance.choice([0.0, 0.02, 0.2])
        self.double_news = chance.choice([0.0, 0.1, 0.5])
        self.failed_commits = chance.choice([0.0, 0.0, 0.05])
        self.calm = False

    def delay_s(self, chance: random.Random) -> float:
        return self.latency_s + (0.0 if self.calm else chance.uniform(0, self.jitter_s))

    def happens(self, chance: random.Random, probability: float) -> bool:
        return chance.random() < probability and not self.calm


class Net:
    """Who can't reach whom: what is sent between the two waits, or is lost where nobody sends it again."""

    def __init__(self) -> None:
        self._parted: set[frozenset[str]] = set()
        self.pipes: list[Pipe] = []

    def part(self, one: str, other: str) -> None:
        self._parted.add(frozenset((one, other)))

    def are_parted(self, one: str, other: str) -> bool:
        return bool(self._parted) and frozenset((one, other)) in self._parted

    def heal(self) -> None:
        """Connections that nobody has given up meanwhile bring what has waited."""
        self._parted.clear()
        self.pipes = [pipe for pipe in self.pipes if pipe.whole]
        for pipe in self.pipes:
            pipe.go_on()


class News:
    """The cache's channels, of all processes."""

    def __init__(self, loop: VirtualLoop, weather: Weather, seed: str) -> None:
        self.loop, self.weather, self._seed = loop, weather, seed
        self.shared = MemoryCache(lambda: int(loop.time() * 1e6))
        self.ends: list[CacheEnd] = []
        self._numbers = 0

    def end(self, process: Process) -> "CacheEnd":
        self._numbers += 1
        end = CacheEnd(self, process, random.Random(f"{self._seed}-news-{self._numbers}"))
        self.ends.append(end)
        return end


class CacheEnd:
    """One process's cache: presence and counters are shared and always there."""

    def __init__(self, news: News, process: Process, chance: random.Random) -> None:
        self._news, self._process, self._chance = news, process, chance
        self._listeners: dict[str, list[tuple[Listener, Interrupted]]] = {}
        self.is_cut_off = False

    async def publish(self, channel: str, payload: bytes) -> None:
        if self.is_cut_off:
            raise Unavailable
        for end in self._news.ends:
            end.carry(channel, payload)
        if self._news.weather.happens(self._chance, self._news.weather.lost_calls / 4):
            # It was told, and nobody told us so.
            raise Unavailable

    def carry(self, channel: str, payload: bytes) -> None:
        weather = self._news.weather
        if self.is_cut_off or not self._process.alive:
            return
        for _ in range(2 if weather.happens(self._chance, weather.double_news) else 1):
            when = self._news.loop.time() + weather.delay_s(self._chance)
            self._process.call_at(when, self._hear, channel, payload)

    def _hear(self, channel: str, payload: bytes) -> None:
        if not self.is_cut_off:
            for listener, _ in self._listeners.get(channel, ()):
                listener(payload)

    def cut_off(self) -> None:
        self.is_cut_off = True

    def mend(self) -> None:
        """What came meanwhile is lost, and the listeners are told."""
        if self.is_cut_off:
            self.is_cut_off = False
            self._process.call_at(self._news.loop.time(), self._tell)

    def _tell(self) -> None:
        for listeners in self._listeners.values():
            for _, interrupted in listeners:
                interrupted()

    async def subscribe(self, channel: str, listener: Listener, interrupted: Interrupted = lambda: None) -> None:
        self._listeners.setdefault(channel, []).append((listener, interrupted))

    async def count(self, key: str, ttl_ms: int, amount: int = 1) -> int:
        return await self._news.shared.count(key, ttl_ms, amount)

    async def touch(self, group: str, members: Sequence[str], holder: str, ttl_ms: int) -> None:
        await self._news.shared.touch(group, members, holder, ttl_ms)

    async def leave(self, group: str, member: str, holder: str) -> None:
        await self._news.shared.leave(group, member, holder)

    async def present(self, group: str, members: Sequence[str]) -> set[str]:
        return await self._news.shared.present(group, members)

    def lock(self, name: str, ttl_ms: int) -> AbstractAsyncContextManager[bool]:
        return self._news.shared.lock(name, ttl_ms)

    async def close(self) -> None: ...


ANSWER_WITHIN_S = 2.0
Host = Callable[[], tuple[Process, Any]]


class Calls:
    """A service that runs in another process, as `kernel.remote` gives it to gateways."""

    def __init__(
        self, loop: VirtualLoop, weather: Weather, net: Net, caller: str, host: Host, chance: random.Random
    ) -> None:
        self._loop, self._weather, self._host, self._chance = loop, weather, host, chance
        self._net, self._caller = net, caller

    def __getattr__(self, name: str) -> Callable[[Actor, Any], Any]:
        async def call(actor: Actor, request: Any) -> Any:
            return await self._call(name, actor, request)

        return call

    async def _call(self, name: str, actor: Actor, request: Any) -> Any:
        weather, chance = self._weather, self._chance
        await asyncio.sleep(weather.delay_s(chance))
        process, service = self._host()
        if self._net.are_parted(self._caller, process.name):
            await asyncio.sleep(ANSWER_WITHIN_S)
            raise Unavailable(retry_after_ms=100)
        if not process.alive or weather.happens(chance, weather.lost_calls):
            raise Unavailable(retry_after_ms=100)
        answer: asyncio.Future[Any] = self._loop.create_future()
        task = process.spawn(getattr(service, name)(actor, request))
        lost = weather.happens(chance, weather.lost_calls)
        back_s = weather.delay_s(chance)

        def bring(done: asyncio.Task[Any]) -> None:
            if not lost and not self._net.are_parted(self._caller, process.name):
                self._loop.call_later(back_s, _settle, answer, done)

        task.add_done_callback(bring)
        try:
            # A process that dies takes the answers with it, and the caller finds out.
            return await asyncio.wait_for(answer, ANSWER_WITHIN_S)
        except TimeoutError:
            raise Unavailable(retry_after_ms=100) from None


def _settle(answer: asyncio.Future[Any], done: asyncio.Task[Any]) -> None:
    if answer.done() or done.cancelled():
        return
    if error := done.exception():
        answer.set_exception(error)
    else:
        answer.set_result(done.result())


class Pipe:
    """One WebSocket: the client's end is a `Line`, the server's is what picows gives to a Socket as its transport."""

    def __init__(
        self,
        loop: VirtualLoop,
        weather: Weather,
        net: Net,
        client: Process,
        gateway: Process,
        seed: str,
        complain: Callable[[str], None],
        promise: Any,
    ) -> None:
        self._net, self._complain, self._promise = net, complain, promise
        # Of chats that the gateway has said one is out of, the place in the log.
        self._out_at: dict[str, int] = {}
        # What waits until the two can reach each other again.
        self._held: list[tuple[Callable[..., object], tuple[object, ...]]] = []
        # What the gateway has told of each chat on this socket.
        self._told: dict[str, int] = {}
        self._loop, self._weather = loop, weather
        self._client, self._gateway = client, gateway
        self._there, self._back = random.Random(f"{seed}-there"), random.Random(f"{seed}-back")
        self._there_at = self._back_at = 0.0
        self.whole = True
        self._frames: list[bytes] = []
        self._came = asyncio.Event()
        self._code = 0
        self._server_gone = False
        self.socket: Any = None
        self.underlying_transport = self

    # The client's end

    async def receive(self) -> bytes:
        while not self._frames:
            if self._code:
                raise Hangup(self._code)
            self._came.clear()
            await self._came.wait()
        return self._frames.pop(0)

    def send(self, frame: bytes) -> None:
        if self._is_held(self.send, frame):
            return
        if self.whole and not self._code:
            self._there_at = max(self._there_at, self._loop.time() + self._weather.delay_s(self._there))
            self._gateway.call_at(self._there_at, self._reach_server, frame)

    async def close(self) -> None:
        if not self._code:
            self._code = 1000
            self.cut()

    def _reach_server(self, frame: bytes) -> None:
        if self.whole and not self._server_gone:
            self.socket.on_ws_frame(self, _Frame(frame))

    # The server's end

    def write(self, frame: bytes) -> None:
        payload = _payload(frame)
        events = msgspec.json.decode(payload)
        for event in events if isinstance(events, list) else [events]:
            self._check_order(event)
        self._send_back(payload, 0)

    def _check_order(self, event: dict[str, Any]) -> None:
        """A gateway leaves nothing out on a socket, from hello to its end."""
        if event["type"] == "hello":
            for chat_id, seq in event["chats"].items():
                self._told[chat_id] = max(seq, self._told.get(chat_id, 0))
        elif event["type"] == "entry":
            chat_id, seq = event["chat_id"], event["seq"]
            told = self._told.get(chat_id, seq - 1)
            if chat_id in self._out_at and not self._came_back(event):
                self._complain(f"entry {seq} was told to somebody who was taken out at {self._out_at[chat_id]}")
            if event["kind"] in ("left", "banned") and self.socket.actor.user_id in event["user_ids"]:
                self._out_at[chat_id] = seq
            if seq > told + 1:
                # Its own message, said again, is answered out of turn. Whoever was out asks for what was meanwhile.
                user_id = self.socket.actor.user_id
                if event["sender_id"] != user_id and not self._promise.was_taken_out(chat_id, user_id):
                    self._complain(f"entry {seq} was sent after {told}")
                return
            self._told[chat_id] = max(seq, told)

    def _came_back(self, event: dict[str, Any]) -> bool:
        """What they wrote before may still be answered."""
        chat_id, user_id = event["chat_id"], self.socket.actor.user_id
        if event["sender_id"] != user_id and not self._promise.was_let_in(chat_id, user_id, self._out_at[chat_id]):
            return False
        if event["sender_id"] != user_id:
            del self._out_at[chat_id]
        return True

    def get_write_buffer_size(self) -> int:
        return 0

    def send_close(self, code: Any) -> None:
        self._send_back(b"", int(code))

    def disconnect(self, graceful: bool = True) -> None:
        self._server_leaves()

    def _send_back(self, payload: bytes, code: int) -> None:
        if self._is_held(self._send_back, payload, code):
            return
        if self.whole:
            self._back_at = max(self._back_at, self._loop.time() + self._weather.delay_s(self._back))
            self._client.call_at(self._back_at, self._reach_client, payload, code)

    def _reach_client(self, payload: bytes, code: int) -> None:
        if self._code or not self.whole:
            return
        if code:
            self._code = code
            self.cut()
        else:
            self._frames.append(payload)
        self._came.set()

    # Both

    def _is_held(self, call: Callable[..., object], *args: object) -> bool:
        parted = self._net.are_parted(self._client.name, self._gateway.name)
        if parted:
            self._held.append((call, args))
        return parted

    @property
    def is_held(self) -> bool:
        return self.whole and bool(self._held)

    def go_on(self) -> None:
        held, self._held = self._held, []
        for call, args in held:
            call(*args)

    def cut(self) -> None:
        """What is under way is lost; each side learns of it in its own time."""
        if self.whole:
            self.whole = False
            self._client.call_at(self._loop.time() + self._there.uniform(0, 3), self._client_leaves)
            self._gateway.call_at(self._loop.time() + self._back.uniform(0, 5), self._server_leaves)

    def _client_leaves(self) -> None:
        self._code = self._code or 1006
        self._came.set()

    def _server_leaves(self) -> None:
        if not self._server_gone:
            self._server_gone = True
            self.socket.on_ws_disconnected(self)
            self.cut()


class _Frame:
    """A whole text frame."""

    fin, msg_type = True, WSMsgType.TEXT

    def __init__(self, payload: bytes) -> None:
        self._payload = payload

    def get_payload_as_memoryview(self) -> memoryview:
        return memoryview(self._payload)


def _payload(frame: bytes) -> bytes:
    return frame[2 if frame[1] < 126 else 4 if frame[1] == 126 else 10 :]


class SimulatedWire:
    """A client's way to whichever gateway answers; each life of a client has its own."""

    def __init__(self, world: Any, client: Process, actor: Actor, chance: random.Random) -> None:
        self._world, self._client, self._actor, self._chance = world, client, actor, chance
        self._pipes = 0
        self.pipe: Pipe | None = None

    async def open(self) -> Pipe:
        weather: Weather = self._world.weather
        await asyncio.sleep(weather.delay_s(self._chance))
        gateway = self._world.some_gateway(self._chance)
        await self._reach(gateway)
        self._pipes += 1
        seed = f"{self._chance.random()}-{self._pipes}"
        pipe = self.pipe = Pipe(
            self._world.loop,
            weather,
            self._world.net,
            self._client,
            gateway.process,
            seed,
            self._world.complaints.append,
            self._world.promise,
        )
        self._world.net.pipes.append(pipe)
        gateway.accept(pipe, self._actor)
        return pipe

    async def _reach(self, gateway: Any) -> None:
        weather: Weather = self._world.weather
        if self._world.net.are_parted(self._client.name, gateway.name):
            await asyncio.sleep(ANSWER_WITHIN_S)
            raise Unreachable("no answer")
        if not gateway.process.alive or weather.happens(self._chance, weather.lost_calls):
            raise Unreachable("nobody there")

    async def ask(self, method: str, path: str, query: Mapping[str, str | int], body: object = None) -> bytes:
        weather: Weather = self._world.weather
        await asyncio.sleep(weather.delay_s(self._chance))
        gateway = self._world.some_gateway(self._chance)
        await self._reach(gateway)
        endpoints, values = gateway.table.find(path)
        endpoint = endpoints[method]
        named = dict(zip(endpoint.route.path_params, values, strict=True))
        try:
            wanted = endpoint.decode(named, urlencode(query).encode(), msgspec.json.encode(body) if body else b"")
            answer = await endpoint.call(self._actor, wanted)
        except KaifError as error:
            raise Refused(error.code, str(error), error.status) from error
        await asyncio.sleep(weather.delay_s(self._chance))
        if weather.happens(self._chance, weather.lost_calls) or self._world.net.are_parted(
            self._client.name, gateway.name
        ):
            raise Unreachable("no answer")
        return bytes(endpoint.encode(answer))

    async def renew(self) -> None: ...

    async def close(self) -> None: ...


def nobody() -> Any:
    """Identity and keys of gateways: who is asking is settled before the simulation begins."""
    return SimpleNamespace(on_end=lambda session_id: None)

"""Calls between processes: they answer as an object in this process would."""

import asyncio
import contextlib
import hmac
from collections.abc import AsyncIterator
from typing import Protocol

import msgspec
import pytest
from tests.waiting import until

from kaif.kernel.actor import NOBODY, Actor, Permission, SessionId, UserId
from kaif.kernel.errors import Invalid, KaifError, NotFound, Unavailable
from kaif.kernel.remote import FRAME_BYTES_MAX, Caller, Listener, repeatable

SECRET = b"a secret of thirty-two characters"
ANNA = Actor(UserId("anna"), SessionId("s1"), frozenset({Permission("auth.read_audit")}))


class Ask(msgspec.Struct, frozen=True):
    what: str
    seconds: float = 0


class Told(msgspec.Struct, frozen=True):
    what: str
    by: str
    to: Actor


class Missing(NotFound):
    code, detail = "missing_in_test", "It is missing."


class Oracle(Protocol):
    @repeatable
    async def ask(self, actor: Actor, request: Ask) -> Told: ...

    async def ask_once(self, actor: Actor, request: Ask) -> Told: ...

    async def fail(self, actor: Actor, request: Ask) -> Told: ...


class Sibyl:
    """Serves under a name, remembers what was asked, and takes its time when it is told to."""

    def __init__(self, name: str = "sibyl") -> None:
        self.name = name
        self.asked: list[str] = []

    async def ask(self, actor: Actor, request: Ask) -> Told:
        self.asked.append(request.what)
        await asyncio.sleep(request.seconds)
        return Told(request.what, self.name, actor)

    async def ask_once(self, actor: Actor, request: Ask) -> Told:
        return await self.ask(actor, request)

    async def fail(self, actor: Actor, request: Ask) -> Told:
        match request.what:
            case "missing":
                raise Missing("It went that way.", path="$.what", retry_after_ms=5)
            case "key":
                raise KeyError(request.what)
            case _:
                raise ZeroDivisionError


class Process:
    """Stands for one that serves: it can be lost, and come back on its port."""

    def __init__(self, name: str = "sibyl") -> None:
        self.oracle = Sibyl(name)
        self.port = 0
        self._listener: Listener | None = None

    async def start(self) -> None:
        self._listener = Listener(SECRET)
        self._listener.expose(Oracle, self.oracle)
        self.port = await self._listener.start("127.0.0.1", self.port)

    async def stop(self) -> None:
        if self._listener:
            await self._listener.close()


class Wire:
    """A cable to a process that the test can cut, as a crash would."""

    def __init__(self, process: Process) -> None:
        self._process = process
        self._cables: list[asyncio.StreamWriter] = []
        self._pumps: set[asyncio.Task[None]] = set()

    async def start(self) -> int:
        server = await asyncio.start_server(self._join, "127.0.0.1", 0)
        return int(server.sockets[0].getsockname()[1])

    async def _join(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        other_reader, other_writer = await asyncio.open_connection("127.0.0.1", self._process.port)
        self._cables += [writer, other_writer]
        for source, target in ((reader, other_writer), (other_reader, writer)):
            self._pumps.add(asyncio.create_task(self._pump(source, target)))

    async def _pump(self, source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError):
            while data := await source.read(65536):
                target.write(data)
        target.close()

    def cut(self) -> None:
        for cable in self._cables:
            cable.transport.abort()
        self._cables.clear()


@pytest.fixture
async def process() -> AsyncIterator[Process]:
    process = Process()
    await process.start()
    yield process
    await process.stop()


@contextlib.asynccontextmanager
async def calling(*ports: int, secret: bytes = SECRET) -> AsyncIterator[Oracle]:
    caller = Caller([("127.0.0.1", port) for port in ports], secret)
    await caller.start()
    try:
        yield caller.remote(Oracle)
    finally:
        await caller.close()


async def outcome(oracle: Oracle, use_case: str, what: str) -> object:
    try:
        return await getattr(oracle, use_case)(ANNA, Ask(what))
    except KaifError as error:
        return (type(error), error.code, error.status, str(error), error.details)
    except Exception:
        # What nobody foresaw is an internal error for whoever asks, in this process or another.
        return (KaifError, "internal", 500, KaifError.detail, {})


@pytest.mark.parametrize(
    ("use_case", "what"),
    [("ask", "Привет 🦔"), ("ask", ""), ("ask", "x" * 1_000_000), ("ask_once", "a"), ("fail", "missing"),
     ("fail", "key"), ("fail", "zero")],
)  # fmt: skip
async def test_a_remote_service_answers_as_a_local_one(process: Process, use_case: str, what: str) -> None:
    async with calling(process.port) as remote:
        assert await outcome(remote, use_case, what) == await outcome(process.oracle, use_case, what)


async def test_calls_overlap_on_one_connection_and_each_gets_its_own_answer(process: Process) -> None:
    async with calling(process.port) as remote:
        asks = [Ask(str(number), seconds=0.05 - number / 20_000) for number in range(1000)]
        started = asyncio.get_running_loop().time()
        answers = await asyncio.gather(*[remote.ask(NOBODY, ask) for ask in asks])

    assert [told.what for told in answers] == [ask.what for ask in asks]
    assert asyncio.get_running_loop().time() - started < 10


async def test_who_does_not_know_the_secret_is_turned_away(process: Process) -> None:
    with pytest.raises(Unavailable):
        async with calling(process.port, secret=b"another secret of the same length") as remote:
            await remote.ask(NOBODY, Ask("a"))

    assert process.oracle.asked == []


async def test_without_its_proof_a_connection_is_asked_nothing(process: Process) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", process.port)
    challenge = await reader.readexactly(36)
    frame = msgspec.msgpack.encode([1, "Oracle.ask", {"user_id": "anna"}, {"what": "a"}])

    writer.write(len(frame).to_bytes(4, "big") + frame)

    assert await reader.read() == b"", "the listener hangs up"
    assert len(set(challenge)) > 8 and process.oracle.asked == []
    writer.close()


async def test_a_repeatable_call_that_was_lost_is_made_again(process: Process) -> None:
    wire = Wire(process)
    async with calling(await wire.start()) as remote:
        call = asyncio.create_task(remote.ask(NOBODY, Ask("a", seconds=0.2)))
        await until(lambda: process.oracle.asked == ["a"])

        wire.cut()

        assert (await call).what == "a"
    assert process.oracle.asked == ["a", "a"]


async def test_any_other_call_that_was_lost_is_not_made_again(process: Process) -> None:
    wire = Wire(process)
    async with calling(await wire.start()) as remote:
        call = asyncio.create_task(remote.ask_once(NOBODY, Ask("a", seconds=0.2)))
        await until(lambda: process.oracle.asked == ["a"])

        wire.cut()

        with pytest.raises(Unavailable) as unavailable:
            await call
    assert unavailable.value.details["retry_after_ms"]
    assert process.oracle.asked == ["a"]


async def test_two_processes_take_turns(process: Process) -> None:
    other = Process("other")
    await other.start()
    async with calling(process.port, other.port) as remote:
        await until(lambda: True)
        by = [(await remote.ask(NOBODY, Ask("a"))).by for _ in range(20)]

    assert by.count("sibyl") > 5 and by.count("other") > 5
    await other.stop()


async def test_when_one_of_two_is_gone_the_other_answers_everything(process: Process) -> None:
    other = Process("other")
    await other.start()
    async with calling(process.port, other.port) as remote:
        await other.stop()

        by = {(await remote.ask(NOBODY, Ask("a"))).by for _ in range(20)}

    assert by == {"sibyl"}


async def test_a_process_that_comes_back_is_called_again(process: Process) -> None:
    async with calling(process.port) as remote:
        await remote.ask(NOBODY, Ask("before"))
        await process.stop()

        coming = asyncio.create_task(remote.ask(NOBODY, Ask("after")))
        await process.start()

        assert (await coming).what == "after"


async def test_while_nobody_is_up_callers_are_told_so_in_time(process: Process) -> None:
    async with calling(process.port) as remote:
        await process.stop()

        with pytest.raises(Unavailable):
            await asyncio.wait_for(remote.ask(NOBODY, Ask("a")), 5)


async def test_a_listener_that_closes_answers_what_it_has_begun(process: Process) -> None:
    async with calling(process.port) as remote:
        call = asyncio.create_task(remote.ask(NOBODY, Ask("a", seconds=0.3)))
        await until(lambda: process.oracle.asked == ["a"])

        await process.stop()

        assert (await call).what == "a"


async def test_processes_that_are_stopped_in_turn_break_no_call(process: Process) -> None:
    """Not even one that may not be repeated, and that was under way when its process was asked to stop."""
    other = Process("other")
    await other.start()
    number, asking = iter(range(1_000_000)), True

    async def ask_on_and_on(remote: Oracle) -> int:
        answered = 0
        while asking:
            told = await remote.ask_once(NOBODY, Ask(str(next(number)), seconds=0.001 * (answered % 3)))
            answered += bool(told.what)
        return answered

    async with calling(process.port, other.port) as remote:
        crowd = [asyncio.create_task(ask_on_and_on(remote)) for _ in range(20)]
        for stopping in (process, other, process, other):
            await asyncio.sleep(0.1)
            await stopping.stop()
            await stopping.start()
            await asyncio.sleep(0.2)
        asking = False
        answered = sum(await asyncio.gather(*crowd))

    asked = process.oracle.asked + other.oracle.asked
    assert answered == len(asked) == len(set(asked)) > 500
    assert len(process.oracle.asked) > 100 and len(other.oracle.asked) > 100
    await other.stop()


async def test_a_caller_that_does_not_part_is_not_waited_for_without_end(process: Process) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", process.port)
    challenge = (await reader.readexactly(36))[4:]
    writer.write((32).to_bytes(4, "big") + hmac.digest(SECRET, challenge, "sha256"))
    await reader.readexactly(4 + len(b"welcome"))

    async with asyncio.timeout(5):
        await process.stop()

    assert await reader.read() == (0).to_bytes(4, "big")
    writer.close()


async def test_a_call_that_is_too_large_is_refused_and_harms_no_other(process: Process) -> None:
    async with calling(process.port) as remote:
        other = asyncio.create_task(remote.ask(NOBODY, Ask("other", seconds=0.3)))
        await until(lambda: process.oracle.asked == ["other"])

        with pytest.raises(Invalid):
            await remote.ask(NOBODY, Ask("x" * (FRAME_BYTES_MAX + 1)))

        assert (await other).what == "other"
    assert process.oracle.asked == ["other"]


async def test_an_announced_frame_beyond_the_bound_ends_the_connection(process: Process) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", process.port)
    await reader.readexactly(36)

    writer.write((FRAME_BYTES_MAX + 1).to_bytes(4, "big"))

    assert await asyncio.wait_for(reader.read(), 5) == b""
    writer.close()

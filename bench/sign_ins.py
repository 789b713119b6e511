"""Drives sign-ins and refreshes: people who do one after the other, each on a connection of their own.

This load parses JSON and keeps tokens, which wrk can't; at thousands of requests a second that fits on a core.
"""

import asyncio
import json
import os
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from statistics import quantiles
from typing import Any

from bench.contenders import Account, Server
from bench.loads import Duration, Figures
from bench.processes import BenchError, cpu_seconds, load_core

# More than there are hash threads, so that none of them ever waits for the network.
SIGNING_IN = 8
REFRESHING = 32
OTHERS_PER_S = 100
# Some ten a second are counted, one by one.
LOGINS_FOR_S = 15

Act = Callable[[], Awaitable[None]]


class Connection:
    """One kept-alive HTTP/1.1 connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer

    @classmethod
    async def to(cls, server: Server) -> "Connection":
        return cls(*await asyncio.open_connection("127.0.0.1", server.port))

    async def post(self, path: str, body: dict[str, str]) -> dict[str, Any]:
        """Raises BenchError unless all goes well."""
        content = json.dumps(body)
        headers = f"Content-Type: application/json\r\nContent-Length: {len(content)}\r\n"
        answer: dict[str, Any] = json.loads(await self._ask(f"POST {path}", headers, content))
        return answer

    async def get(self, path: str, token: str) -> None:
        await self._ask(f"GET {path}", f"Authorization: Bearer {token}\r\n", "")

    async def _ask(self, what: str, headers: str, content: str) -> bytes:
        self._writer.write(f"{what} HTTP/1.1\r\nHost: 127.0.0.1\r\n{headers}\r\n{content}".encode())
        head = await self._reader.readuntil(b"\r\n\r\n")
        lines = head.lower().split(b"\r\n")
        length = next(int(line[15:]) for line in lines if line.startswith(b"content-length:"))
        body = await self._reader.readexactly(length)
        if not head.startswith(b"HTTP/1.1 200"):
            raise BenchError(f"{what}: {head.splitlines()[0].decode()} {body[:200].decode()}")
        return body

    def close(self) -> None:
        self._writer.close()


def logins(server: Server, password: str, duration: Duration) -> Figures:
    """Sign-ins by password on all cores, as many as go.

    `share` is of what the same hash reaches alone, just before and just after, in the time of the same cores that is
    left to the server: those who sign in would sit at machines of their own.
    """
    duration = Duration(duration.warmup_s, max(duration.measure_s, LOGINS_FOR_S))
    before_per_s = hashes_per_s(duration)
    _use_all_cores(server.process.pid)
    cpu, own_cpu = cpu_seconds(server.process.pid), time.process_time()
    done = asyncio.run(_log_in(server, password, duration))
    seconds = duration.warmup_s + duration.measure_s
    server_cpu = (cpu_seconds(server.process.pid) - cpu) / seconds
    load_cpu = (time.process_time() - own_cpu) / seconds
    hashes = (before_per_s + hashes_per_s(duration)) / 2
    cores = len(os.sched_getaffinity(0))
    return {
        "share": done / duration.measure_s / (hashes * (cores - load_cpu) / cores),
        "logins_per_s": done / duration.measure_s,
        "hashes_per_s": hashes,
        "server_cpu": server_cpu,
        "load_cpu": load_cpu,
    }


def others(server: Server, password: str, duration: Duration) -> Figures:
    """Those who read their account at a steady rate while sign-ins take all that there is."""
    _use_all_cores(server.process.pid)
    cpu, own_cpu = cpu_seconds(server.process.pid), time.process_time()
    done, latencies_ms = asyncio.run(_log_in_and_read(server, password, duration))
    seconds = duration.warmup_s + duration.measure_s
    return {
        "others_p95_ms": quantiles(latencies_ms, n=20)[-1],
        "logins_per_s": done / duration.measure_s,
        "server_cpu": (cpu_seconds(server.process.pid) - cpu) / seconds,
        "load_cpu": (time.process_time() - own_cpu) / seconds,
    }


def hashes_per_s(duration: Duration) -> float:
    command = [sys.executable, "-m", "bench.hashing", str(duration.measure_s)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=Path(__file__).parent.parent)
    if done.returncode:
        raise BenchError(done.stderr)
    return float(done.stdout)


async def _log_in_and_read(server: Server, password: str, duration: Duration) -> tuple[int, list[float]]:
    reader = await Connection.to(server)
    latencies_ms: list[float] = []
    reading = asyncio.create_task(_read_steadily(reader, server, latencies_ms))
    try:
        done = await _log_in(server, password, duration, latencies_ms.clear)
    finally:
        reading.cancel()
        await asyncio.wait([reading])
        reader.close()
    if not reading.cancelled() and (error := reading.exception()):
        raise error
    return done, latencies_ms


async def _log_in(server: Server, password: str, duration: Duration, begin: Callable[[], None] = lambda: None) -> int:
    connections = [await Connection.to(server) for _ in range(SIGNING_IN)]
    shares = [server.accounts[number::SIGNING_IN] for number in range(SIGNING_IN)]
    try:
        acts = [_logging_in(one, share, password) for one, share in zip(connections, shares, strict=True)]
        return await _repeat(acts, duration, begin)
    finally:
        for connection in connections:
            connection.close()


def _logging_in(connection: Connection, people: Sequence[Account], password: str) -> Act:
    turns = _forever(people)

    async def act() -> None:
        await connection.post("/v1/auth/login", {"login": next(turns).login, "password": password})

    return act


def _forever(people: Sequence[Account]) -> Iterator[Account]:
    while True:
        yield from people


async def _read_steadily(connection: Connection, server: Server, latencies_ms: list[float]) -> None:
    """Latency counts from the moment at which the request was due, so that a stall can't hide by stalling the load."""
    due, turns = time.perf_counter(), _forever(server.accounts)
    while True:
        await asyncio.sleep(due - time.perf_counter())
        await connection.get(server.http_path, next(turns).token)
        latencies_ms.append((time.perf_counter() - due) * 1000)
        due += 1 / OTHERS_PER_S


def refreshes(server: Server, password: str, duration: Duration) -> Figures:
    """Refresh tokens exchanged as fast as they go, each for the next one of a session that nobody else uses."""
    with _on_load_core():
        sessions = asyncio.run(_open_sessions(server, password))
        cpu, own_cpu = cpu_seconds(server.process.pid), time.process_time()
        done = asyncio.run(_refresh(server, sessions, duration))
        seconds = duration.warmup_s + duration.measure_s
        return {
            "refreshes_per_s": done / duration.measure_s,
            "server_cpu": (cpu_seconds(server.process.pid) - cpu) / seconds,
            "load_cpu": (time.process_time() - own_cpu) / seconds,
        }


async def _open_sessions(server: Server, password: str) -> list[str]:
    connection = await Connection.to(server)
    logins = [account.login for account in server.accounts[:REFRESHING]]
    opened = [await connection.post("/v1/auth/login", {"login": login, "password": password}) for login in logins]
    connection.close()
    return [tokens["refresh_token"] for tokens in opened]


async def _refresh(server: Server, sessions: list[str], duration: Duration) -> int:
    connections = [await Connection.to(server) for _ in range(REFRESHING)]
    try:
        acts = [_refreshing(one, sessions, number) for number, one in enumerate(connections)]
        return await _repeat(acts, duration)
    finally:
        for connection in connections:
            connection.close()


def _refreshing(connection: Connection, sessions: list[str], number: int) -> Act:
    async def act() -> None:
        answer = await connection.post("/v1/auth/refresh", {"refresh_token": sessions[number]})
        sessions[number] = answer["refresh_token"]

    return act


async def _repeat(acts: Sequence[Act], duration: Duration, begin: Callable[[], None] = lambda: None) -> int:
    """How many acts ended in the time that is measured, all at once and each again and again.

    Those that are under way at its beginning make up for those that are at its end.
    """
    done = 0
    started = time.perf_counter()
    measured_from = started + duration.warmup_s
    until = measured_from + duration.measure_s

    async def again(act: Act) -> None:
        nonlocal done
        while time.perf_counter() < until:
            await act()
            done += measured_from <= time.perf_counter() < until

    async def warm_up() -> None:
        await asyncio.sleep(duration.warmup_s)
        begin()

    await asyncio.gather(warm_up(), *[again(act) for act in acts])
    return done


@contextmanager
def _on_load_core() -> Iterator[None]:
    allowed = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {load_core()})
    try:
        yield
    finally:
        os.sched_setaffinity(0, allowed)


def _use_all_cores(pid: int) -> None:
    """Each thread has its own set of cores."""
    for thread in Path(f"/proc/{pid}/task").iterdir():
        os.sched_setaffinity(int(thread.name), os.sched_getaffinity(0))

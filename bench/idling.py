"""Holds thousands of connections that do nothing, and says what memory they cost the server.

A process holds no more of them than it may have files open, so those of a server with several gateways are spread over
these, each with a client of its own. What counts is that all are there at once: every client still runs, none of whose
connections was closed, and the server's own count says the same.
"""

import re
import time
from collections.abc import Sequence
from contextlib import ExitStack

import httpx

from bench.contenders import Account, Server
from bench.loads import Duration, Figures, SocketClient, expect, socket_client
from bench.processes import BenchError, cpu_seconds, resident_bytes

SETTLE_S, MEASURE_S = 2, 2
# The clients are ended by us, once everything is measured.
HELD_S = 3600
GONE_WITHIN_S = 10


def hold(server: Server, accounts: Sequence[tuple[Account, str]]) -> Figures:
    """The growth of the memory of all of the server's processes by one connection per (account, chat).

    One connection at each port comes and goes first, so that code loaded on first use is not counted as a connection's.
    """
    with ExitStack() as stack:
        _open(stack, server, accounts[: len(server.ports)])
    _wait_until_gone(server)
    before = _resident_bytes(server)
    with ExitStack() as stack:
        clients = _open(stack, server, accounts)
        time.sleep(SETTLE_S)
        cpu, load_cpu = _cpu_seconds(server), sum(cpu_seconds(client.pid) for client in clients)
        grown = _resident_bytes(server) - before
        time.sleep(MEASURE_S)
        _all_must_be_there(server, clients, len(accounts))
        return {
            "kb_per_connection": grown / 1024 / len(accounts),
            "connections": float(len(accounts)),
            "server_cpu": (_cpu_seconds(server) - cpu) / MEASURE_S,
            "load_cpu": (sum(cpu_seconds(client.pid) for client in clients) - load_cpu) / MEASURE_S,
        }


def _open(stack: ExitStack, server: Server, accounts: Sequence[tuple[Account, str]]) -> list[SocketClient]:
    """As many at each port, give or take one; returns when all are open."""
    count, duration = len(server.ports), Duration(0, HELD_S)
    clients = [
        stack.enter_context(socket_client(server, port, "idle", accounts[number::count], duration))
        for number, port in enumerate(server.ports)
    ]
    for client in clients:
        expect(client, "READY")
    return clients


def _wait_until_gone(server: Server) -> None:
    deadline = time.monotonic() + GONE_WITHIN_S
    while server.sockets_metric and _sockets(server):
        if time.monotonic() > deadline:
            raise BenchError(f"The server counts a socket {GONE_WITHIN_S} s after the last one was closed")
        time.sleep(0.05)


def _all_must_be_there(server: Server, clients: Sequence[SocketClient], wanted: int) -> None:
    for client in clients:
        if client.poll() is not None:
            assert client.stderr is not None
            raise BenchError(f"The socket client stopped: {client.stderr.read().strip()}")
    if server.sockets_metric and (alive := _sockets(server)) != wanted:
        raise BenchError(f"The server counts {alive} sockets instead of {wanted}")


def _sockets(server: Server) -> int:
    """How many the server says that it holds, at all of its ports together."""
    wanted = re.compile(rf"^{server.sockets_metric} (\S+)$", re.MULTILINE)
    total = 0
    for port in server.ports:
        text = httpx.get(f"http://127.0.0.1:{port}/metrics", timeout=30, trust_env=False).raise_for_status().text
        found = wanted.search(text)
        if found is None:
            raise BenchError(f"/metrics at port {port} says nothing of {server.sockets_metric}")
        total += int(float(found[1]))
    return total


def _resident_bytes(server: Server) -> int:
    return sum(resident_bytes(process.pid) for process in server.processes)


def _cpu_seconds(server: Server) -> float:
    return sum(cpu_seconds(process.pid) for process in server.processes)

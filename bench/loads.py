"""Drives the load: the socket client of bench/load for chats, Debian's wrk for HTTP.

Both are bound to a core of their own. Both report the share of that core which they used: a figure
measured by a load that used more than 80 % of its core is a figure of the load, and the bench says so.
"""

import hashlib
import json
import re
import resource
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from bench.contenders import Account, Server
from bench.processes import BenchError, cpu_seconds, load_core, pinned, server_core

LOAD = Path(__file__).parent / "load"
BUILD = LOAD / "build"
COMPILER_FLAGS = ["-O2", "-std=c11", "-Wall", "-Wextra"]
LOAD_CPU_MAX = 0.8

Figures = dict[str, float]
Mode = Literal["rooms", "pairs", "hall", "rate", "idle"]
SocketClient = subprocess.Popen[str]


@dataclass(frozen=True)
class Duration:
    """How long a load runs: a warm-up that does not count, then the measurement."""

    warmup_s: float
    measure_s: float


def build_socket_client() -> Path:
    """Compile the socket client, once per version of its source."""
    source = LOAD / "sockets.c"
    program = BUILD / f"sockets-{hashlib.sha256(source.read_bytes()).hexdigest()[:12]}"
    if program.exists():
        return program
    compiler = shutil.which("cc")
    if compiler is None:
        raise BenchError("A C compiler is missing: apt-get install gcc libc6-dev")
    BUILD.mkdir(exist_ok=True)
    made = subprocess.run([compiler, *COMPILER_FLAGS, "-o", program, source], capture_output=True, text=True)
    if made.returncode != 0:
        raise BenchError(f"The socket client does not compile:\n{made.stderr}")
    return program


def sockets(
    server: Server, mode: Mode, accounts: Sequence[tuple[Account, str]], duration: Duration, rate: float = 0
) -> Figures:
    """Load a server with one connection per (account, chat) and say what client and server did meanwhile."""
    with socket_client(server, server.port, mode, accounts, duration, rate) as client:
        return _watch(client, server, duration)


@contextmanager
def socket_client(
    server: Server,
    port: int,
    mode: Mode,
    accounts: Sequence[tuple[Account, str]],
    duration: Duration,
    rate: float = 0,
) -> Iterator[SocketClient]:
    """A socket client at one of the server's ports, for the length of the block or until it is done."""
    command = pinned(
        load_core(),
        [
            build_socket_client(),
            str(port),
            server.socket_path,
            server.protocol,
            mode,
            str(len(accounts)),
            str(duration.warmup_s),
            str(duration.measure_s),
            str(rate),
        ],
    )
    lines = "".join(f"{account.token} {chat}\n" for account, chat in accounts)
    with tempfile.TemporaryFile("w+") as input_file:
        input_file.write(lines)
        input_file.seek(0)
        client = subprocess.Popen(command, stdin=input_file, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        with client:
            try:
                yield client
            finally:
                with suppress(ProcessLookupError):
                    client.kill()


def _watch(client: SocketClient, server: Server, duration: Duration) -> Figures:
    pid = server.process.pid
    expect(client, "READY")
    expect(client, "MEASURE")
    cpu = cpu_seconds(pid)
    figures: Figures = json.loads(_line(client))
    figures["server_cpu"] = (cpu_seconds(pid) - cpu) / duration.measure_s
    return figures


def _line(client: SocketClient) -> str:
    assert client.stdout is not None
    line = client.stdout.readline().strip()
    if not line:
        assert client.stderr is not None
        raise BenchError(f"The socket client stopped: {client.stderr.read().strip()}")
    return line


def expect(client: SocketClient, word: str) -> None:
    """Wait for what the client says next, which has to be this."""
    line = _line(client)
    if line != word:
        raise BenchError(f"The socket client said {line!r} instead of {word!r}")


def http(server: Server, token_file: Path, connections: int, duration: Duration) -> Figures:
    """Load `GET http_path` with everybody's tokens in turn and say what wrk and the server did meanwhile."""
    token_file.write_text("".join(f"{account.token}\n" for account in server.accounts))
    if duration.warmup_s:
        _wrk(server, token_file, connections, duration.warmup_s)
    cpu, load_cpu = cpu_seconds(server.process.pid), _children_cpu_seconds()
    result = _wrk(server, token_file, connections, duration.measure_s)
    server_cpu = cpu_seconds(server.process.pid) - cpu
    seconds = result["duration_us"] / 1e6
    if result["refused"] or result["broken"]:
        raise BenchError(f"{result['refused']:.0f} requests were refused and {result['broken']:.0f} broke")
    return {
        "requests_per_s": result["requests"] / seconds,
        "p50_ms": result["p50_us"] / 1e3,
        "p95_ms": result["p95_us"] / 1e3,
        "p99_ms": result["p99_us"] / 1e3,
        "server_cpu": server_cpu / seconds,
        "load_cpu": (_children_cpu_seconds() - load_cpu) / seconds,
    }


def _wrk(server: Server, token_file: Path, connections: int, seconds: float) -> Figures:
    if shutil.which("wrk") is None:
        raise BenchError("wrk is missing: apt-get install wrk")
    # A request of a stalled machine is slow, not lost: by default wrk would call it an error after 2 s.
    options = ["-t1", f"-c{connections}", f"-d{max(1, round(seconds))}s", "--timeout", "30s", "--latency"]
    options += ["-s", str(LOAD / "tokens.lua")]
    url = f"http://127.0.0.1:{server.port}{server.http_path}"
    command = pinned(load_core(), ["wrk", *options, url, "--", str(token_file)])
    done = subprocess.run(command, capture_output=True, text=True)
    found = re.search(r"^RESULT (.*)$", done.stdout, re.MULTILINE)
    if found is None:
        raise BenchError(f"wrk failed:\n{done.stdout}{done.stderr}")
    result: Figures = json.loads(found[1])
    return result


def program(module: str, duration: Duration) -> Figures:
    """Run a program of the bench on the core of the servers; what it prints is its figure."""
    command = pinned(server_core(), [sys.executable, "-m", module, str(duration.measure_s)])
    done = subprocess.run(command, capture_output=True, text=True, cwd=Path(__file__).parent.parent)
    if done.returncode:
        raise BenchError(f"{module}: {done.stderr}")
    return {"verified_per_s": float(done.stdout), "server_cpu": 1.0, "load_cpu": 0.0}


def reading(what: str, stored: int, duration: Duration) -> Figures:
    """Have a large store made and asked, on the core of the servers."""
    arguments = [what, str(stored), str(duration.measure_s)]
    command = pinned(server_core(), [sys.executable, "-m", "bench.reading", *arguments])
    done = subprocess.run(command, capture_output=True, text=True, cwd=Path(__file__).parent.parent)
    if done.returncode:
        raise BenchError(f"bench.reading: {done.stderr}")
    figures: Figures = json.loads(done.stdout)
    return figures | {"server_cpu": 1.0, "load_cpu": 0.0}


def crowd(what: str, people: int, duration: Duration) -> Figures:
    """Have a huge group made and spoken in, or joined, beside a small one, on the core of the servers."""
    arguments = [what, str(people), str(duration.measure_s)]
    command = pinned(server_core(), [sys.executable, "-m", "bench.crowds", *arguments])
    done = subprocess.run(command, capture_output=True, text=True, cwd=Path(__file__).parent.parent)
    if done.returncode:
        raise BenchError(f"bench.crowds: {done.stderr}")
    figures: Figures = json.loads(done.stdout)
    return figures | {"server_cpu": 1.0, "load_cpu": 0.0}


def pictures(what: str, duration: Duration) -> Figures:
    """Have pictures made on all cores."""
    command = [sys.executable, "-m", "bench.pictures", what, str(duration.measure_s)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=Path(__file__).parent.parent)
    if done.returncode:
        raise BenchError(f"bench.pictures: {done.stderr}")
    figures: Figures = json.loads(done.stdout)
    return figures | {"server_cpu": 1.0, "load_cpu": 0.0}


def films(directory: Path, duration: Duration) -> Figures:
    """Have a film of six times the duration made on all cores, beside ffmpeg by turns."""
    command = [sys.executable, "-m", "bench.films", str(directory), str(6 * duration.measure_s)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=Path(__file__).parent.parent)
    if done.returncode:
        raise BenchError(f"bench.films: {done.stderr}")
    figures: Figures = json.loads(done.stdout)
    return figures | {"server_cpu": 1.0, "load_cpu": 0.0}


def _children_cpu_seconds() -> float:
    """Processor time of this process's children that have ended: between two calls, that of wrk."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime

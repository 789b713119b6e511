"""Starts pinned processes, stops them by id, and reads from /proc what they cost."""

import os
import pwd
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

START_TIMEOUT_S = 60
STOP_TIMEOUT_S = 10
TICKS_PER_S = os.sysconf("SC_CLK_TCK")
PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")

Process = subprocess.Popen[bytes]


class BenchError(Exception):
    """Something that keeps a figure from being measured; its text is for the person who runs the bench."""


def server_core() -> int:
    """The core on which every server under test runs, alone but for the databases."""
    return min(os.sched_getaffinity(0))


def load_core() -> int:
    """The core on which the load runs, so that it never takes time from the server."""
    return max(os.sched_getaffinity(0))


def pinned(core: int, command: Sequence[str | Path]) -> list[str]:
    """The command bound to one core; taskset replaces itself, so the process id is the command's own."""
    return ["taskset", "-c", str(core), *map(str, command)]


def free_port() -> int:
    """A loopback port on which nothing listens."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


@contextmanager
def running(
    command: Sequence[str | Path],
    *,
    log: Path,
    environment: Mapping[str, str] | None = None,
    owner: pwd.struct_passwd | None = None,
    stop_signal: signal.Signals = signal.SIGTERM,
) -> Iterator[Process]:
    """Run a command for the length of the block; what it prints goes to `log`."""
    with log.open("wb") as output:
        process = subprocess.Popen(
            list(map(str, command)),
            env={**os.environ, **(environment or {})},
            cwd=log.parent,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            user=owner.pw_uid if owner else None,
            group=owner.pw_gid if owner else None,
            extra_groups=[] if owner else None,
            # Ctrl-C reaches only the bench, which then stops everything in order.
            start_new_session=True,
        )
    try:
        yield process
    finally:
        _stop(process, stop_signal)


def _stop(process: Process, stop_signal: signal.Signals) -> None:
    """End a process of ours, gently if it lets us."""
    process.send_signal(stop_signal)
    try:
        process.wait(STOP_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def wait_until(ready: Callable[[], bool], process: Process, log: Path, what: str) -> None:
    """Wait until `ready` says yes; a process that ended, or takes too long, is an error with its last words."""
    deadline = time.monotonic() + START_TIMEOUT_S
    while not ready():
        if process.poll() is not None or time.monotonic() > deadline:
            raise BenchError(f"{what} did not start:\n{last_words(log)}")
        time.sleep(0.05)


def last_words(log: Path) -> str:
    """The end of a log."""
    return log.read_text(errors="replace")[-2000:]


def accepts_connections(port: int) -> bool:
    """Whether something listens on the loopback port."""
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True


def family(pid: int) -> list[int]:
    """A process and all its descendants."""
    members = [pid]
    with suppress(OSError):
        for children in Path(f"/proc/{pid}/task").glob("*/children"):
            for child in children.read_text().split():
                members += family(int(child))
    return members


def cpu_seconds(pid: int) -> float:
    """Processor time that a process and its descendants have used."""
    return sum(_cpu_ticks(member) for member in family(pid)) / TICKS_PER_S


def _cpu_ticks(pid: int) -> int:
    # The command's name, in parentheses, may hold spaces: fields are counted from behind it.
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return int(fields[11]) + int(fields[12])


def resident_bytes(pid: int) -> int:
    """Resident memory of a process and its descendants."""
    return sum(_resident_pages(member) for member in family(pid)) * PAGE_BYTES


def _resident_pages(pid: int) -> int:
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1])

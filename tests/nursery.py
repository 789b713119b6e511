"""A process that has our modules loaded and forks servers off itself: most of what a start takes is imports.

What comes of it is what `python -m kaif.app.cli` would be: a child of the test process, with an environment and output
of its own, which leaves through the interpreter's ordinary end.
"""

import ctypes
import functools
import gc
import importlib
import json
import os
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn

from tests.servers import die_with_parent

# The drivers, which are loaded when a setting names them.
LOADED = [
    "kaif.app.cli",
    "kaif.engines.blobs.store",
    "kaif.engines.cache.memory",
    "kaif.engines.cache.redis",
    "kaif.engines.database.postgres",
    "kaif.engines.database.sqlite",
    "kaif.engines.index.tantivy",
    "kaif.engines.mail.mailbox",
    "kaif.engines.places.nowhere",
]

MESSAGE_BYTES_MAX = 1 << 20

_PR_SET_CHILD_SUBREAPER = 36


class Process:
    """A forked child of ours, by the names that `subprocess.Popen` has for the same."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self.returncode: int | None = None
        self._descriptor = os.pidfd_open(pid)

    def poll(self) -> int | None:
        if self.returncode is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                self._ended(status)
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """Raises subprocess.TimeoutExpired."""
        if self.poll() is None:
            readable, _, _ = select.select([self._descriptor], [], [], timeout)
            if not readable:
                raise subprocess.TimeoutExpired(f"process {self.pid}", timeout or 0)
            _, status = os.waitpid(self.pid, 0)
            self._ended(status)
        assert self.returncode is not None
        return self.returncode

    def terminate(self) -> None:
        self._send(signal.SIGTERM)

    def kill(self) -> None:
        self._send(signal.SIGKILL)

    def _send(self, number: signal.Signals) -> None:
        if self.poll() is None:
            signal.pidfd_send_signal(self._descriptor, number)

    def _ended(self, status: int) -> None:
        self.returncode = os.waitstatus_to_exitcode(status)
        os.close(self._descriptor)


def spawn(
    arguments: Sequence[str],
    environment: Mapping[str, str],
    out: Path,
    err: Path,
    clock_ahead_s: float = 0,
    clock_pace: float = 1,
) -> Process:
    """`kaif` with these arguments; what it prints is added to the files. The clocks are those of its machine."""
    wanted = {
        "arguments": arguments,
        "environment": environment,
        "out": str(out),
        "err": str(err),
        "clock_ahead_s": clock_ahead_s,
        "clock_pace": clock_pace,
        "for": os.getpid(),
    }
    nursery = _nursery()
    nursery.sendall(json.dumps(wanted).encode())
    return Process(int(nursery.recv(100)))


@functools.cache
def _nursery() -> socket.socket:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, MESSAGE_BYTES_MAX)
    # The forked are orphans of its; so they become our children.
    assert ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) == 0
    subprocess.Popen(
        [sys.executable, "-m", "tests.nursery", str(theirs.fileno())],
        stdin=subprocess.DEVNULL,
        pass_fds=[theirs.fileno()],
        preexec_fn=die_with_parent(signal.SIGKILL),
    )
    theirs.close()
    return ours


# In the process itself


def main() -> None:
    asked = socket.socket(fileno=int(sys.argv[1]))
    for module in LOADED:
        importlib.import_module(module)
    assert len(list(Path("/proc/self/task").iterdir())) == 1, "a module starts a thread, which a fork would lose"
    gc.freeze()
    while wanted := asked.recv(MESSAGE_BYTES_MAX):
        if not os.fork():
            _bear(json.loads(wanted), asked)
            break
        os.wait()
    else:
        return
    _be_kaif(json.loads(wanted))


def _bear(wanted: dict[str, Any], asked: socket.socket) -> None:
    """Returns in the grandchild, once it is the child of the process that wants it."""
    between = os.getpid()
    if os.fork():
        os._exit(0)
    while os.getppid() == between:
        select.select([], [], [], 0.0005)
    die_with_parent(signal.SIGKILL)()
    if os.getppid() != wanted["for"]:
        os._exit(1)
    asked.sendall(str(os.getpid()).encode())
    asked.close()


def _be_kaif(wanted: dict[str, Any]) -> NoReturn:
    from kaif.app import cli

    for number, file in ((1, wanted["out"]), (2, wanted["err"])):
        opened = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        os.dup2(opened, number)
        os.close(opened)
    _set_clock(wanted["clock_ahead_s"])
    _hurry(wanted["clock_pace"])
    os.environ.clear()
    os.environ.update(wanted["environment"])
    sys.argv = ["kaif", *wanted["arguments"]]
    cli.main()
    sys.exit()


def _set_clock(ahead_s: float) -> None:
    """The machine's, which is set to another time; the one that only measures goes on as it does."""
    if ahead_s:
        time_s, time_ns = time.time, time.time_ns
        time.time = lambda: time_s() + ahead_s
        time.time_ns = lambda: time_ns() + int(ahead_s * 1e9)


def _hurry(pace: float) -> None:
    """So many of its seconds pass in one of ours for whoever asks how long ago something was; not for who sleeps."""
    if pace != 1:
        monotonic, started_s = time.monotonic, time.monotonic()
        time.monotonic = lambda: started_s + (monotonic() - started_s) * pace


if __name__ == "__main__":
    main()

"""Private PostgreSQL and Redis servers for the tests: real ones, on loopback, gone when the run ends."""

import asyncio
import ctypes
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

import asyncpg

Result = TypeVar("Result")

INSTALL = "Run: apt-get install -y postgresql redis-server chromium"

START_TIMEOUT_S = 20
STOP_TIMEOUT_S = 10

_PR_SET_PDEATHSIG = 1


class MissingServer(Exception):
    """A program that the tests need is not installed; the message says how to mend that."""


class Server:
    """A child process that dies with us, with a folder that goes away with it."""

    def __init__(self, name: str, binary: Path) -> None:
        self._binary = binary
        self._user = _server_user()
        self.port = _free_port()
        self.folder = Path(tempfile.mkdtemp(prefix=f"kaif-{name}-"))
        if self._user is not None:
            shutil.chown(self.folder, self._user)
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                self._command(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                preexec_fn=die_with_parent(signal.SIGQUIT),
                **self._as_user(),
            )
        _wait_until(self._answers, lambda: (self.folder / "log").read_text(errors="replace"))

    def stop(self) -> None:
        if self._process is None:
            return
        self._process.send_signal(self._stop_signal())
        self.resume()
        try:
            self._process.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process = None

    def kill(self) -> None:
        """Die on the spot; `start` brings it back."""
        assert self._process is not None
        self._process.kill()
        self._process.wait()
        self._process = None

    def pause(self) -> None:
        """Hang: connections stay open and nothing answers."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)

    def remove(self) -> None:
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _command(self) -> list[str]:
        raise NotImplementedError

    def _answers(self) -> bool:
        raise NotImplementedError

    def _stop_signal(self) -> signal.Signals:
        return signal.SIGTERM

    def _as_user(self) -> dict[str, Any]:
        options: dict[str, Any] = {"cwd": self.folder}
        if self._user is not None:
            options |= {"user": self._user, "group": pwd.getpwnam(self._user).pw_gid, "extra_groups": []}
        return options


class PostgresServer(Server):
    def __init__(self) -> None:
        super().__init__("postgres", _find_postgres())
        self._thread = ThreadPoolExecutor(1, "postgres")
        self._databases = 0
        self._run(
            "initdb", "--username=kaif", "--auth=trust", "--no-sync", "--encoding=UTF8", "--locale=C.UTF-8", "data"
        )
        self.start()

    def create_database(self) -> str:
        """The URL of a fresh one."""
        self._databases += 1
        name = f"test_{self._databases}"
        self.execute(f"CREATE DATABASE {name} TEMPLATE template0")
        return self._url(name)

    def drop_database(self, url: str) -> None:
        self.execute(f"DROP DATABASE IF EXISTS {urlsplit(url).path[1:]} WITH (FORCE)")

    def execute(self, sql: str, url: str = "") -> None:
        self.run(lambda connection: connection.execute(sql), url)

    def run(self, work: Callable[[asyncpg.Connection], Awaitable[Result]], url: str = "") -> Result:
        """Over a connection to the database, or to that of the server's owner."""
        # In a thread, for the caller may run in a loop; not by psql, for a fork of a large process takes its time.
        return self._thread.submit(asyncio.run, self._run_over(work, url or self._url("postgres"))).result()

    async def _run_over(self, work: Callable[[asyncpg.Connection], Awaitable[Result]], url: str) -> Result:
        connection = await asyncpg.connect(url)
        try:
            return await work(connection)
        finally:
            await connection.close()

    def _url(self, database: str) -> str:
        # Without the context of TLS that each connection would make, to be told that there is none.
        return f"postgresql://kaif@127.0.0.1:{self.port}/{database}?sslmode=disable"

    def _command(self) -> list[str]:
        settings = {
            "port": self.port,
            "listen_addresses": "127.0.0.1",
            "unix_socket_directories": self.folder,
            "max_connections": 200,
            "shared_buffers": "64MB",
            # The tests kill our processes, not the machine, so what the kernel holds is safe.
            "fsync": "off",
            "full_page_writes": "off",
            "deadlock_timeout": "200ms",
            "max_wal_size": "128MB",
        }
        return [str(self._binary), "-D", "data", *[f"--{name}={value}" for name, value in settings.items()]]

    def _answers(self) -> bool:
        return self._run("pg_isready", "--quiet", "--dbname", self._url("postgres"), check=False) == 0

    def _stop_signal(self) -> signal.Signals:
        return signal.SIGINT

    def _run(self, program: str, *arguments: str, check: bool = True) -> int:
        done = subprocess.run(
            [self._binary.with_name(program), *arguments],
            capture_output=True,
            check=False,
            preexec_fn=die_with_parent(signal.SIGTERM),
            **self._as_user(),
        )
        assert not check or done.returncode == 0, done.stderr.decode(errors="replace")
        return done.returncode


class RedisServer(Server):
    def __init__(self) -> None:
        super().__init__("redis", _find_redis())
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self.start()

    def flush(self) -> None:
        assert self._ask(b"FLUSHALL\r\n") == b"+OK\r\n"

    def _command(self) -> list[str]:
        return [str(self._binary), "--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--dir", "."]

    def _answers(self) -> bool:
        try:
            return self._ask(b"PING\r\n") == b"+PONG\r\n"
        except OSError:
            return False

    def _ask(self, command: bytes) -> bytes:
        with socket.create_connection(("127.0.0.1", self.port), timeout=1) as connection:
            connection.sendall(command)
            return connection.recv(100)


class ClamdServer(Server):
    """ClamAV's daemon, which knows one virus of our own."""

    VIRUS = b"Kaif Ozero's tests call this a virus"
    STREAM_BYTES_MAX = 2 << 20

    def __init__(self) -> None:
        super().__init__("clamd", _find_clamd())
        signatures = self.folder / "signatures"
        signatures.mkdir()
        signatures.chmod(0o755)
        (signatures / "ours.ndb").write_text(f"Kaif.Test:0:*:{self.VIRUS.hex()}\n")
        (self.folder / "clamd.conf").write_text(
            f"TCPSocket {self.port}\nTCPAddr 127.0.0.1\nLocalSocket {self.folder / 'socket'}\nForeground yes\n"
            f"DatabaseDirectory {signatures}\nStreamMaxLength {self.STREAM_BYTES_MAX >> 20}M\n"
            f"TemporaryDirectory {self.folder}\nMaxThreads 2\n"
        )
        self.start()

    @property
    def urls(self) -> list[str]:
        return [f"tcp://127.0.0.1:{self.port}", f"unix:{self.folder / 'socket'}"]

    def _command(self) -> list[str]:
        return [str(self._binary), "--config-file", str(self.folder / "clamd.conf")]

    def _answers(self) -> bool:
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=1) as connection:
                connection.sendall(b"zPING\0")
                return connection.recv(100) == b"PONG\0"
        except OSError:
            return False


def _find_clamd() -> Path:
    found = shutil.which("clamd") or shutil.which("clamd", path="/usr/sbin")
    if found is None:
        raise MissingServer("clamd is not installed. Run: apt-get install -y clamav-daemon")
    return Path(found)


def _find_postgres() -> Path:
    versions = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"), key=lambda path: int(path.parts[-3]))
    on_path = shutil.which("postgres")
    if versions:
        return versions[-1]
    if on_path:
        return Path(on_path).resolve()
    raise MissingServer(f"PostgreSQL is not installed. {INSTALL}")


def _find_redis() -> Path:
    found = shutil.which("redis-server")
    if found is None:
        raise MissingServer(f"Redis is not installed. {INSTALL}")
    return Path(found)


def _server_user() -> str | None:
    """PostgreSQL refuses to run as root."""
    if os.geteuid() != 0:
        return None
    names = {user.pw_name for user in pwd.getpwall()}
    return "postgres" if "postgres" in names else "nobody"


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def die_with_parent(with_signal: signal.Signals) -> Callable[[], None]:
    """So that a killed test run leaves no server behind (Linux)."""
    prctl = ctypes.CDLL(None).prctl
    return lambda: prctl(_PR_SET_PDEATHSIG, with_signal)


def _wait_until(condition: Callable[[], bool], log: Callable[[], str]) -> None:
    deadline = time.monotonic() + START_TIMEOUT_S
    while not condition():
        assert time.monotonic() < deadline, f"the server did not start:\n{log()}"
        time.sleep(0.02)

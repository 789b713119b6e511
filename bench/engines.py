"""Private PostgreSQL and Redis servers for one run of the bench, the same for every contender.

Both are Debian's, with default settings: PostgreSQL flushes every commit to the disk (fsync and
synchronous_commit on), Redis only passes messages on and writes nothing. Neither is bound to a core.
"""

import asyncio
import os
import pwd
import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import asyncpg

from bench.processes import BenchError, accepts_connections, free_port, last_words, running, wait_until

ROLE = "bench"


@dataclass(frozen=True)
class Engines:
    """Where the engines of this run listen."""

    postgres_port: int
    redis_port: int
    postgres_version: str
    redis_version: str

    def database_url(self, name: str) -> str:
        """The URL of one of the cluster's databases."""
        return f"postgresql://{ROLE}@127.0.0.1:{self.postgres_port}/{name}"

    def create_database(self, name: str) -> str:
        """Make an empty database and say its URL."""
        asyncio.run(self._execute(f'CREATE DATABASE "{name}"'))
        return self.database_url(name)

    @property
    def redis_url(self) -> str:
        """Where Redis listens."""
        return f"redis://127.0.0.1:{self.redis_port}/0"

    async def _execute(self, statement: str) -> None:
        connection = await asyncpg.connect(self.database_url("postgres"))
        try:
            await connection.execute(statement)
        finally:
            await connection.close()


@contextmanager
def engines(directory: Path) -> Iterator[Engines]:
    """Both engines for the length of the block, their files under `directory`."""
    with ExitStack() as stack:
        postgres_port, postgres_version = stack.enter_context(_postgres(directory))
        redis_port, redis_version = stack.enter_context(_redis(directory))
        yield Engines(postgres_port, redis_port, postgres_version, redis_version)


@contextmanager
def _postgres(directory: Path) -> Iterator[tuple[int, str]]:
    programs = _postgres_programs()
    owner = _unprivileged_user()
    data, log, port = directory / "postgres", directory / "postgres.log", free_port()
    data.mkdir()
    if owner:
        shutil.chown(data, owner.pw_name, owner.pw_gid)
    _initialise(programs, data, log, owner)
    options = ["-D", str(data), "-k", str(data), "-p", str(port), "-c", "listen_addresses=127.0.0.1"]
    # SIGINT is PostgreSQL's fast shutdown: it does not wait for clients to leave.
    with running([programs / "postgres", *options], log=log, owner=owner, stop_signal=signal.SIGINT) as process:
        wait_until(lambda: _answers(programs, port), process, log, "PostgreSQL")
        yield port, _version(programs / "postgres")


def _postgres_programs() -> Path:
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"), key=lambda path: int(path.parts[-3]))
    if not found:
        raise BenchError("PostgreSQL is missing: apt-get install postgresql")
    return found[-1].parent


def _unprivileged_user() -> pwd.struct_passwd | None:
    """PostgreSQL refuses to run as root, so root hands it to Debian's own user for it."""
    return pwd.getpwnam("postgres") if os.geteuid() == 0 else None


def _initialise(programs: Path, data: Path, log: Path, owner: pwd.struct_passwd | None) -> None:
    options = ["-D", str(data), "-U", ROLE, "-A", "trust", "-E", "UTF8", "--no-locale"]
    with running([programs / "initdb", *options], log=log, owner=owner) as process:
        if process.wait() != 0:
            raise BenchError(f"initdb failed:\n{last_words(log)}")


def _answers(programs: Path, port: int) -> bool:
    options = ["-q", "-h", "127.0.0.1", "-p", str(port)]
    return subprocess.run([programs / "pg_isready", *options]).returncode == 0


@contextmanager
def _redis(directory: Path) -> Iterator[tuple[int, str]]:
    program = shutil.which("redis-server")
    if program is None:
        raise BenchError("Redis is missing: apt-get install redis-server")
    log, port = directory / "redis.log", free_port()
    options = ["--bind", "127.0.0.1", "--port", str(port), "--save", "", "--dir", str(directory)]
    with running([program, *options], log=log) as process:
        wait_until(lambda: accepts_connections(port), process, log, "Redis")
        yield port, _version(Path(program))


def _version(program: Path) -> str:
    return subprocess.run([program, "--version"], capture_output=True, text=True, check=True).stdout.strip()
